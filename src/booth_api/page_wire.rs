//! The JSON that the booth's page reads, as a JSON Schema: page/lib/wire.schema.json.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use super::{api, health::Health, message::server};
use crate::{
    http::{
        document,
        page_wire::{compare, schema},
    },
    interview::SessionSummary,
    report::{AudioReport, VisualReport},
};

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
    let document = document(&api::endpoints());
    compare("lib/wire.schema.json", &schema("BoothWire", document, more));
}
