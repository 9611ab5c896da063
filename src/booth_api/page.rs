//! The booth's page: its own files, and those that it shares with the fleet server's page.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    response::{Redirect, Response},
};

use crate::http::page::{File, SHARED, answer, as_type, files, with_modules};

/// The booth's own page.
const BOOTH: &[File] = files! {
    "booth/actions.js" "booth/analyzer.js" "booth/app.js" "booth/connection.js"
    "booth/consent.js" "booth/media.js" "booth/outbox.js" "booth/session.js"
    "booth/sessions.js" "booth/settings.js" "booth/signs.js" "booth/sources.js"
    "booth/stored.js"
};

/// Answers GET /.
pub(super) async fn index() -> Response {
    static INDEX: LazyLock<String> = LazyLock::new(|| {
        let html = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/page/booth/index.html"));
        with_modules(html, &[SHARED, BOOTH])
    });
    as_type("text/html; charset=utf-8", &INDEX)
}

/// Answers GET /page/{*file}.
pub(super) async fn asset(Path(path): Path<String>) -> Response {
    answer(&[SHARED, BOOTH], &path)
}

/// Answers GET /frontend/interview-simulation.html: where the older system's page was.
pub(super) async fn simulation() -> Redirect {
    // Relative, so that a reverse proxy may serve the page under a prefix.
    Redirect::temporary("../?mode=own")
}

#[cfg(test)]
mod tests {
    use super::{BOOTH, SHARED};
    use crate::http::page::tests::assert_all_served;

    #[test]
    fn every_file_of_the_page_is_served() {
        assert_all_served(&["lib", "lang", "booth"], &[SHARED, BOOTH]);
    }
}
