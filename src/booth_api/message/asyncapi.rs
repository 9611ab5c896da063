//! The AsyncAPI description of the WebSocket, made from the types that are read and written.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{client, server};
use crate::{
    interview::SessionSummary,
    report::{AudioReport, VisualReport},
};

/// One message: its type, who it is for, its data.
struct Kind {
    name: &'static str,
    summary: &'static str,
    data: Option<Value>,
    /// Beside `type` and `data`.
    has: &'static [&'static str],
}

/// Served at /api/v1/asyncapi.json.
pub(in crate::booth_api) fn document() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut schemas = settings.into_generator();
    let (received, sent) = (from_clients(&mut schemas), from_server(&mut schemas));
    let operation = |action: &str, kinds: &[Kind]| {
        let messages: Vec<Value> = kinds
            .iter()
            .map(
                |kind| json!({ "$ref": format!("#/channels/analysis/messages/{}", kind.name) }),
            )
            .collect();
        json!({ "action": action, "channel": { "$ref": "#/channels/analysis" }, "messages": messages })
    };
    let operations =
        json!({ "hear": operation("receive", &received), "tell": operation("send", &sent) });
    let messages: Map<String, Value> = received
        .into_iter()
        .chain(sent)
        .map(|kind| (kind.name.to_owned(), kind.message()))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "boothd, live",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Text messages are JSON. Binary messages are [kind u8: 1 JPEG, 2 WebM, \
                3 PCM s16le 16 kHz mono][timestamp u64 little-endian, ms][payload].",
        },
        "defaultContentType": "application/json",
        "channels": { "analysis": { "address": "/ws/multimodal-analysis", "messages": messages } },
        "operations": operations,
        "components": { "schemas": schemas.take_definitions(true) },
    })
}

fn kind<T: JsonSchema>(
    schemas: &mut SchemaGenerator,
    name: &'static str,
    summary: &'static str,
) -> Kind {
    Kind { name, summary, data: Some(schemas.subschema_for::<T>().into()), has: &[] }
}

fn bare(name: &'static str, summary: &'static str) -> Kind {
    Kind { name, summary, data: None, has: &[] }
}

fn with(has: &'static [&'static str], kind: Kind) -> Kind {
    Kind { has, ..kind }
}

fn from_clients(s: &mut SchemaGenerator) -> Vec<Kind> {
    vec![
        kind::<client::AuthData>(s, "auth", "To be let in; comes first."),
        kind::<client::VideoFrameData<'_>>(
            s,
            "video_frame",
            "A picture of the client's own camera.",
        ),
        kind::<client::AudioChunkData<'_>>(
            s,
            "audio_chunk",
            "Sound of the client's own microphone.",
        ),
        with(&["timestamp"], bare("ping", "Answered by pong with the same timestamp.")),
        bare("get_status", "Answered by status."),
        bare("get_performance_stats", "Answered by performance_stats."),
        kind::<client::WatchData>(s, "watch", "Reports of a stream, without sending media."),
        kind::<client::StartSessionData>(
            s,
            "start_session",
            "An interview begins, with consent.",
        ),
        kind::<client::ConfigureData>(s, "configure", "Switches features; answered by state."),
        bare("pause_session", "Nothing is analysed until resume_session."),
        bare("resume_session", "Ends a pause."),
        bare("end_session", "Answered by session_summary."),
    ]
}

fn from_server(s: &mut SchemaGenerator) -> Vec<Kind> {
    let refusal = |name, summary| Kind {
        name,
        summary,
        data: Some(json!({ "type": "string", "description": "For people." })),
        has: &["timestamp", "code", "ref"],
    };
    vec![
        kind::<server::Connected<'_>>(s, "connected", "At once on open."),
        kind::<server::AuthSuccess<'_>>(s, "auth_success", "The client is let in."),
        refusal("auth_error", "The client is not let in."),
        kind::<server::Watching<'_>>(s, "watching", "The stream's reports follow."),
        kind::<server::StateOf<'_>>(
            s,
            "state",
            "What may be analysed, and whose session runs.",
        ),
        with(&["timestamp"], kind::<VisualReport>(s, "visual_analysis", "From one frame.")),
        with(&["timestamp"], kind::<AudioReport>(s, "audio_analysis", "From one segment.")),
        kind::<server::DeviceNews<'_>>(
            s,
            "device",
            "A device was lost, came back, or is paused.",
        ),
        kind::<server::SessionStarted>(s, "session_started", "The interview runs."),
        kind::<SessionSummary>(s, "session_summary", "The interview is over."),
        kind::<server::Status<'_>>(s, "status", "How things stand."),
        kind::<server::PerformanceStats>(s, "performance_stats", "What the analysis takes."),
        with(&["timestamp"], kind::<server::Pong>(s, "pong", "An answer to ping.")),
        refusal("error", "What was asked is refused; the connection goes on."),
    ]
}

impl Kind {
    fn message(self) -> Value {
        let mut required = vec!["type"];
        let mut properties = Map::new();
        properties.insert("type".into(), json!({ "const": self.name }));
        if let Some(data) = self.data {
            required.push("data");
            properties.insert("data".into(), data);
        }
        for field in self.has {
            let schema = match *field {
                "timestamp" => {
                    json!({ "description": "Any value of at most 256 bytes of JSON, echoed." })
                }
                _ => json!({ "type": "string" }),
            };
            properties.insert((*field).into(), schema);
        }
        json!({
            "name": self.name,
            "summary": self.summary,
            "payload": { "type": "object", "required": required, "properties": properties },
        })
    }
}
