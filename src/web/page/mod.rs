//! The booth's page: a few files inside the program, nothing from elsewhere, no build step.

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// Files by what they are; each lies beside this one.
macro_rules! files {
    ($($mime:ident: $($name:literal)+;)+) => {
        /// Every file under /page/: its name, its type and its text.
        const FILES: &[(&str, &str, &str)] =
            &[$($(($name, $mime, include_str!($name)),)+)+];
    };
}

files! {
    CSS: "style.css" "cards.css" "dialogs.css" "print.css" "vendor/uplot.css";
    SCRIPT: "actions.js" "analyzer.js" "announce.js" "api.js" "app.js" "base.js" "card.js" "connection.js" "consent.js"
        "dial.js" "dom.js" "expression.js" "findings_zh.js" "format.js" "health.js" "kept.js" "media.js" "motion.js"
        "notice.js" "numbers.js" "outbox.js" "past.js" "reason.js" "session.js" "sessions.js" "settings.js"
        "signs.js" "sources.js" "summary.js" "theme.js" "token.js" "trend.js"
        "vendor/uplot.js" "voice.js" "words.js" "words_en.js" "words_zh.js";
    SVG: "icon.svg";
    TEXT: "vendor/LICENSE.uplot";
}

/// Answers GET /.
pub(super) async fn index() -> Response {
    as_type(HTML, include_str!("index.html"))
}

/// Answers GET /page/{file}; what is vendored has no folder there.
pub(crate) async fn asset(Path(file): Path<String>) -> Response {
    let is_it = |name: &str| name.strip_prefix("vendor/").unwrap_or(name) == file;
    match FILES.iter().find(|(name, _, _)| is_it(name)) {
        Some((_, mime, text)) => as_type(mime, text),
        None => (StatusCode::NOT_FOUND, "the page has no such file").into_response(),
    }
}

/// Answers GET /frontend/interview-simulation.html: where the older system's page was.
pub(super) async fn simulation() -> Redirect {
    // Relative, so that a reverse proxy may serve the page under a prefix.
    Redirect::temporary("../?mode=own")
}

pub(crate) fn as_type(mime: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, mime)], text).into_response()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::PathBuf};

    use super::FILES;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/web/page");
        let of = |part: &'static str| {
            fs::read_dir(folder.join(part)).expect("the folder is there").map(move |entry| {
                let name = entry.expect("is readable").file_name();
                format!("{part}{}", name.to_string_lossy())
            })
        };
        let is_served = |name: &String| {
            !["mod.rs", "index.html", "vendor", "vendor/README.md"].contains(&name.as_str())
        };
        let there: BTreeSet<_> = of("").chain(of("vendor/")).filter(is_served).collect();
        let served: BTreeSet<_> = FILES.iter().map(|(name, _, _)| (*name).to_owned()).collect();
        assert_eq!(there, served);
    }
}
