//! The booth's page: a few files inside the program, nothing from elsewhere.

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Answers GET /.
pub(super) async fn index() -> Response {
    as_type(HTML, include_str!("index.html"))
}

/// Answers GET /page/{file}.
pub(super) async fn asset(Path(file): Path<String>) -> Response {
    match file.as_str() {
        "style.css" => as_type(CSS, include_str!("style.css")),
        "app.js" => as_type(SCRIPT, include_str!("app.js")),
        "connection.js" => as_type(SCRIPT, include_str!("connection.js")),
        "view.js" => as_type(SCRIPT, include_str!("view.js")),
        "words.js" => as_type(SCRIPT, include_str!("words.js")),
        "icon.svg" => as_type(SVG, include_str!("icon.svg")),
        _ => (StatusCode::NOT_FOUND, "the page has no such file").into_response(),
    }
}

fn as_type(mime: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, mime)], text).into_response()
}
