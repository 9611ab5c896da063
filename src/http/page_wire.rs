//! The JSON that the pages read, as JSON Schemas: page/lib/wire.schema.json (a booth's) and
//! page/fleet/wire.schema.json (the fleet server's). From these tests/browser makes the types of
//! the pages' modules, and it checks its mock's documents against them.
//!
//! `UPDATE_DOCS=1 cargo test --release --lib wire` writes both anew.

use std::{env, fs, path::Path};

use serde_json::{Map, Value, json};

/// What `document` (an OpenAPI description) and `more` define, as one schema.
pub(crate) fn schema(title: &str, document: Value, more: Map<String, Value>) -> Value {
    let Value::Object(mut definitions) = document["components"]["schemas"].clone() else {
        panic!("the description has schemas");
    };
    definitions.extend(more);
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$defs": definitions,
    });
    let text = schema.to_string().replace("#/components/schemas/", "#/$defs/");
    serde_json::from_str(&text).expect("it was JSON")
}

/// Fails where a file of page/ is not this schema.
pub(crate) fn compare(path: &str, schema: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("page").join(path);
    let mut made = serde_json::to_string_pretty(schema).expect("JSON is text");
    made.push('\n');
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &made).expect("the file should be writable");
    }
    let stored = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        stored == made,
        "page/{path} is stale: UPDATE_DOCS=1 cargo test --release --lib wire, then \
         UPDATE_DOCS=1 node --test wire.test.mjs in tests/browser"
    );
}
