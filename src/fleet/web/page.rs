//! The fleet server's page: its own files in addition to those of the booth's page.

use axum::{extract::Path, response::Response};

use crate::web::{page_asset, page_file};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page's own files: name, type, text.
const FILES: &[(&str, &str, &str)] = &[
    ("fleet.css", CSS, include_str!("../page/fleet.css")),
    ("fleet.js", SCRIPT, include_str!("../page/fleet.js")),
    ("fleet_alerts.js", SCRIPT, include_str!("../page/fleet_alerts.js")),
    ("fleet_api.js", SCRIPT, include_str!("../page/fleet_api.js")),
    ("fleet_booth.js", SCRIPT, include_str!("../page/fleet_booth.js")),
    ("fleet_erase.js", SCRIPT, include_str!("../page/fleet_erase.js")),
    ("fleet_grid.js", SCRIPT, include_str!("../page/fleet_grid.js")),
    ("fleet_history.js", SCRIPT, include_str!("../page/fleet_history.js")),
    ("fleet_sessions.js", SCRIPT, include_str!("../page/fleet_sessions.js")),
    ("fleet_stream.js", SCRIPT, include_str!("../page/fleet_stream.js")),
    ("fleet_words.js", SCRIPT, include_str!("../page/fleet_words.js")),
];

/// Answers GET /.
pub(super) async fn index() -> Response {
    page_file(HTML, include_str!("../page/index.html"))
}

/// Answers GET /page/{file}.
pub(super) async fn asset(Path(file): Path<String>) -> Response {
    match FILES.iter().find(|(name, _, _)| *name == file) {
        Some((_, mime, text)) => page_file(mime, text),
        None => page_asset(Path(file)).await,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::FILES;

    #[test]
    fn every_file_of_the_page_is_served() {
        let there = fs::read_dir("src/fleet/page").expect("the folder is there");
        let there = there.map(|entry| entry.expect("is readable").file_name());
        let there: BTreeSet<_> =
            there.map(|name| name.to_string_lossy().into_owned()).collect();
        let served = FILES.iter().map(|(name, _, _)| *name).chain(["index.html"]);
        assert_eq!(there, served.map(str::to_owned).collect());
    }
}
