//! The fleet server's page: its own files, and those that it shares with the booth's page.

use std::sync::LazyLock;

use axum::{extract::Path, response::Response};

use crate::http::page::{File, SHARED, answer, as_type, files, with_modules};

/// The page's own files.
const FLEET: &[File] = files! {
    "fleet/alerts.js" "fleet/api.js" "fleet/app.js" "fleet/booth.js" "fleet/erase.js"
    "fleet/grid.js" "fleet/history.js" "fleet/sessions.js" "fleet/stream.js" "fleet/style.css"
};

/// Answers GET /.
pub(super) async fn index() -> Response {
    static INDEX: LazyLock<String> = LazyLock::new(|| {
        let html = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/page/fleet/index.html"));
        with_modules(html, &[SHARED, FLEET])
    });
    as_type("text/html; charset=utf-8", &INDEX)
}

/// Answers GET /page/{*file}.
pub(super) async fn asset(Path(path): Path<String>) -> Response {
    answer(&[SHARED, FLEET], &path)
}

#[cfg(test)]
mod tests {
    use super::FLEET;
    use crate::{
        fleet::web::endpoints,
        http::page_wire::{compare, schema},
        http::{document, page::tests::assert_all_served},
    };

    #[test]
    fn every_file_of_the_page_is_served() {
        assert_all_served(&["fleet"], &[FLEET]);
    }

    #[test]
    fn the_fleet_servers_wire_is_as_the_page_knows_it() {
        let schema = schema("FleetWire", document(&endpoints()), Default::default());
        compare("fleet/wire.schema.json", &schema);
    }
}
