//! The JSON that the pages read, as JSON Schemas: page/lib/wire.schema.json (a booth's) and
//! page/fleet/wire.schema.json (the fleet server's). From these tests/browser makes the types of
//! the pages' modules, and it checks its mock's documents against them.
//!
//! `UPDATE_DOCS=1 cargo test --release --lib wire` writes both anew.

use std::{env, fs, path::Path};

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{api, health::Health, message::server, openapi};
use crate::{
    interview::SessionSummary,
    report::{AudioReport, VisualReport},
};

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

/// One message of the WebSocket.
fn message<T: JsonSchema>(schemas: &mut SchemaGenerator, kind: &str) -> Value {
    let data = Value::from(schemas.subschema_for::<T>());
    json!({
        "type": "object",
        "required": ["type", "data"],
        "properties": { "type": { "const": kind }, "data": data, "timestamp": true },
    })
}

/// A refusal, with a sentence for people.
fn refusal(kind: &str) -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "required": ["type", "data", "code", "ref"],
        "properties": {
            "type": { "const": kind }, "data": text, "code": text, "ref": text, "timestamp": true,
        },
    })
}

/// What a page receives over the WebSocket.
fn messages(s: &mut SchemaGenerator) -> Vec<Value> {
    vec![
        message::<server::Connected<'_>>(s, "connected"),
        message::<server::AuthSuccess<'_>>(s, "auth_success"),
        refusal("auth_error"),
        message::<server::Watching<'_>>(s, "watching"),
        message::<server::StateOf<'_>>(s, "state"),
        message::<VisualReport>(s, "visual_analysis"),
        message::<AudioReport>(s, "audio_analysis"),
        message::<server::DeviceNews<'_>>(s, "device"),
        message::<server::SessionStarted>(s, "session_started"),
        message::<SessionSummary>(s, "session_summary"),
        message::<server::Pong>(s, "pong"),
        refusal("error"),
    ]
}

#[test]
fn the_booths_wire_is_as_the_page_knows_it() {
    let mut schemas = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let messages = messages(&mut schemas);
    let _ = schemas.subschema_for::<Health<'_>>();
    let mut more = schemas.take_definitions(true);
    more.insert("ServerMessage".into(), json!({ "oneOf": messages }));
    let document = openapi::document(&api::endpoints());
    compare("lib/wire.schema.json", &schema("BoothWire", document, more));
}
