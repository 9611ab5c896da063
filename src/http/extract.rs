//! Extracts and validates query and body of a request. A refusal is JSON with a sentence.

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Query, Request,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use super::refused::Refused;

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

/// The query parameters of the address.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let read = Json::<T>::from_request(request, state).await;
        read.map(|Json(body)| Body(body)).map_err(|rejection| not_json(&rejection))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        let wrong = |rejection: QueryRejection| {
            Refused::new(StatusCode::BAD_REQUEST, "invalid_input", rejection.body_text())
        };
        read.map(|Query(parameters)| Parameters(parameters)).map_err(wrong)
    }
}

fn not_json(rejection: &JsonRejection) -> Refused {
    let code = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "not_json",
        _ => "invalid_input",
    };
    // One status for every fault of the body's content.
    let status = match rejection.status() {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    Refused::new(status, code, rejection.body_text())
}
