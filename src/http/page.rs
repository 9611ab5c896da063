//! The pages' files, which lie in page/: inside the program, nothing from elsewhere, no build step.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// A file: its path below page/, and its text.
pub(crate) type File = (&'static str, &'static str);

/// These files of page/.
macro_rules! files {
    ($($path:literal)+) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/page/", $path)))),+]
    };
}
pub(crate) use files;

/// What the booth's page and the fleet server's share. A file of `lang/` is a language: the pages
/// offer those that are named here, in this order.
pub(crate) const SHARED: &[File] = files! {
    "lang/en.js"
    "lang/zh.js"
    "lib/announce.js" "lib/api.js" "lib/base.js" "lib/card.js" "lib/cards.css" "lib/dial.js"
    "lib/dialogs.css" "lib/dom.js" "lib/expression.js" "lib/format.js" "lib/health.js"
    "lib/icon.svg" "lib/metrics.js" "lib/motion.js" "lib/numbers.js" "lib/past.js"
    "lib/print.css" "lib/reason.js" "lib/style.css" "lib/summary.js" "lib/theme.js"
    "lib/token.js" "lib/trend.js"
    "lib/vendor/LICENSE.uplot" "lib/vendor/uplot.css" "lib/vendor/uplot.js" "lib/voice.js"
    "lib/words.js"
};

/// The file of that path, if it is one of `rooms`.
pub(crate) fn answer(rooms: &[&[File]], path: &str) -> Response {
    match rooms.iter().copied().flatten().copied().find(|(name, _)| *name == path) {
        Some((_, text)) => as_type(mime(path), text),
        None => (StatusCode::NOT_FOUND, "the page has no such file").into_response(),
    }
}

/// `html` with a link to every module of `rooms` in place of its comment: a browser fetches all of
/// them at once, not one import after the other, and `lib/words.js` finds the languages among them.
pub(crate) fn with_modules(html: &str, rooms: &[&[File]]) -> String {
    let is_module = |path: &&str| path.ends_with(".js") && !path.contains("/vendor/");
    let paths = rooms.iter().copied().flatten().copied().map(|(path, _)| path);
    let link = |path| format!("<link rel=\"modulepreload\" href=\"page/{path}\">");
    let links: Vec<String> = paths.filter(is_module).map(link).collect();
    html.replace("<!-- modules -->", &links.join("\n  "))
}

/// A text of that type as an answer.
pub(crate) fn as_type(mime: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, mime)], text).into_response()
}

fn mime(path: &str) -> &'static str {
    match path.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::{File, with_modules};

    /// The files of these folders of page/ that a browser asks for.
    fn on_disk(rooms: &[&str]) -> BTreeSet<String> {
        fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
            for entry in fs::read_dir(folder).expect("the folder is there") {
                let path = entry.expect("is readable").path();
                if path.is_dir() {
                    walk(&path, root, found);
                    continue;
                }
                let name = path.strip_prefix(root).expect("is below").to_string_lossy();
                let is_asked_for = [".js", ".css", ".svg", "LICENSE.uplot"];
                if is_asked_for.iter().any(|ending| name.ends_with(*ending)) {
                    found.insert(name.into_owned());
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let mut found = BTreeSet::new();
        rooms.iter().for_each(|room| walk(&root.join(room), &root, &mut found));
        found
    }

    /// Fails where a file of these folders is not one of `files`, or the other way round.
    pub(crate) fn assert_all_served(rooms: &[&str], files: &[&[File]]) {
        let served = files.iter().copied().flatten().map(|(path, _)| (*path).to_owned());
        assert_eq!(on_disk(rooms), served.collect());
    }

    #[test]
    fn the_page_names_its_modules() {
        let html = with_modules("<a>\n  <!-- modules -->\n</a>", &[&[("lib/x.js", "")]]);
        let link = "<link rel=\"modulepreload\" href=\"page/lib/x.js\">";
        assert_eq!(html, format!("<a>\n  {link}\n</a>"));
    }
}
