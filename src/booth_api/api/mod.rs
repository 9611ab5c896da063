//! /api/v1: sessions, switches, devices, tokens and the audit log, for programs and the page.
//!
//! One table lists the endpoints; the router, the roles and the OpenAPI description follow from
//! it.

mod devices;
mod features;
mod history;
mod outbox;
mod records;
mod sessions;
mod tokens;

use std::sync::Arc;

use axum::{Router, routing::get};

use super::{
    Shared,
    message::{asyncapi, client::StartSessionData},
    reach::{Reach, reach},
};
use crate::{
    features::FeatureChange,
    http::{Endpoint, document, endpoints_router, json_text},
    interview::{ActiveSession, InterviewState, SessionSummary},
    store::{
        EraseReceipt, Export, History, NewToken,
        Role::{Operator, Viewer},
        SessionRecord,
    },
};

/// Everything below /api/v1.
pub(super) fn router(shared: &Shared) -> Router<Shared> {
    let endpoints = endpoints();
    let http: Arc<str> = document(&endpoints).to_string().into();
    let live: Arc<str> = asyncapi::document().to_string().into();
    endpoints_router(endpoints, &shared.http.authenticator)
        .route("/api/v1/openapi.json", get(async move || json_text(&http)))
        .route("/api/v1/asyncapi.json", get(async move || json_text(&live)))
}

/// The endpoints.
pub(super) fn endpoints() -> Vec<Endpoint<Shared>> {
    interviews()
        .into_iter()
        .chain(what_is_kept())
        .chain(the_booth())
        .chain(the_fleet_server())
        .collect()
}

fn interviews() -> Vec<Endpoint<Shared>> {
    vec![
        Endpoint::get("/api/v1/sessions", "The sessions, newest first.", sessions::list)
            .needs(Operator)
            .query::<records::Page>()
            .answers::<sessions::Sessions>()
            .refuses(&[400, 503]),
        Endpoint::post("/api/v1/sessions", "Starts the booth's session.", sessions::start)
            .needs(Operator)
            .takes::<StartSessionData>()
            .answers::<ActiveSession>()
            .with_status(201)
            .refuses(&[409, 503]),
        Endpoint::get("/api/v1/sessions/{id}", "One session.", sessions::one)
            .needs(Operator)
            .answers::<SessionRecord>()
            .refuses(&[404, 503]),
        Endpoint::post(
            "/api/v1/sessions/{id}/end",
            "Ends the booth's session; the answer is its summary.",
            sessions::end,
        )
        .needs(Operator)
        .answers::<SessionSummary>()
        .refuses(&[404, 409, 503]),
    ]
}

fn what_is_kept() -> Vec<Endpoint<Shared>> {
    vec![
        Endpoint::get(
            "/api/v1/sessions/{id}/history",
            "A session's metrics over time, at most one row a second.",
            history::history,
        )
        .needs(Operator)
        .query::<history::Fineness>()
        .answers::<History>()
        .refuses(&[400, 404, 503]),
        Endpoint::get(
            "/api/v1/sessions/{id}/export",
            "All that is kept of a session, as a file.",
            history::export,
        )
        .needs(Operator)
        .query::<history::Wanted>()
        .answers::<Export>()
        .refuses(&[400, 404, 503]),
        Endpoint::delete(
            "/api/v1/sessions/{id}",
            "Erases a session that is over, here and at the fleet server; the answer is a receipt.",
            history::erase,
        )
        .needs(Operator)
        .answers::<EraseReceipt>()
        .refuses(&[400, 404, 503]),
        Endpoint::post(
            "/api/v1/erase",
            "Erases every session of a subject, or one session of any id; the answer is a receipt.",
            history::erase_named,
        )
        .needs(Operator)
        .takes::<history::ToErase>()
        .answers::<EraseReceipt>()
        .refuses(&[503]),
    ]
}

fn the_booth() -> Vec<Endpoint<Shared>> {
    vec![
        Endpoint::post(
            "/api/v1/reach",
            "Whether the page that asks could open the WebSocket, and why not.",
            reach,
        )
        .answers::<Reach>()
        .refuses(&[403, 503]),
        Endpoint::get(
            "/api/v1/features",
            "What is analysed, and by what right.",
            features::now,
        )
        .needs(Viewer)
        .answers::<InterviewState>(),
        Endpoint::patch(
            "/api/v1/features",
            "Switches features, as far as configuration and policy allow.",
            features::change,
        )
        .needs(Operator)
        .takes::<FeatureChange>()
        .answers::<InterviewState>()
        .refuses(&[503]),
        Endpoint::get(
            "/api/v1/devices",
            "Cameras and microphones of the machine.",
            devices::list,
        )
        .needs(Viewer)
        .answers::<devices::Devices>(),
    ]
}

fn the_fleet_server() -> Vec<Endpoint<Shared>> {
    vec![
        Endpoint::get("/api/v1/tokens", "Every token, without its secret.", tokens::list)
            .needs(Operator)
            .answers::<tokens::Tokens>()
            .refuses(&[503]),
        Endpoint::post(
            "/api/v1/tokens",
            "Makes a token; its secret is shown once.",
            tokens::add,
        )
        .needs(Operator)
        .takes::<NewToken>()
        .answers::<tokens::Made>()
        .with_status(201)
        .refuses(&[503]),
        Endpoint::delete(
            "/api/v1/tokens/{id}",
            "Revokes a token; its connections are closed.",
            tokens::revoke,
        )
        .needs(Operator)
        .with_status(204)
        .refuses(&[404, 503]),
        Endpoint::get(
            "/api/v1/outbox/set-aside",
            "Messages that the broker refused, oldest first.",
            outbox::list,
        )
        .needs(Operator)
        .answers::<outbox::SetAsideList>()
        .refuses(&[503]),
        Endpoint::post(
            "/api/v1/outbox/send-again",
            "Lets messages that are set aside wait for the broker again.",
            outbox::send_again,
        )
        .needs(Operator)
        .takes::<outbox::SendAgain>()
        .answers::<outbox::SentAgain>()
        .refuses(&[400, 503]),
        Endpoint::get("/api/v1/audit", "Who did what, newest first.", records::audit)
            .needs(Operator)
            .query::<records::AuditPart>()
            .answers::<records::Audit>()
            .refuses(&[400, 503]),
    ]
}
