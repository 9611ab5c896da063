//! Home Assistant's discovery messages: the booth as a device with sensors and switches.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    CommandName, HomeAssistant, MqttConfig,
    message::Message,
    payload::About,
    topics::{BoothName, Topic},
};
use crate::{
    board::Reading,
    features::Features,
    metric::{FACE, Metric, VOICE},
};

/// Live metrics older than this are shown as unknown.
const EXPIRE_AFTER_S: u32 = 30;

/// Characters of the hash that keeps two names apart which look alike as ids.
const HASH_CHARS: usize = 8;

/// One entity of Home Assistant.
struct Entity {
    platform: &'static str,
    key: Cow<'static, str>,
    /// Fields of the entity's configuration.
    config: Map<String, Value>,
}

/// The sensors of a catalogue's metrics.
fn measurements(catalog: &'static [Metric], topic: &str) -> impl Iterator<Item = Entity> {
    catalog.iter().filter_map(move |metric| {
        let (key, name) = metric.home_assistant?;
        Some(measurement(key, name, &template(metric.pointer), unit(metric.unit), topic))
    })
}

/// Where Home Assistant finds a value; what it is in may be null.
fn template(pointer: &str) -> String {
    let value = format!("value_json{}", pointer.replace('/', "."));
    match value.rsplit_once('.') {
        Some((within, _)) if within != "value_json" => format!("{value} if {within}"),
        _ => value,
    }
}

/// A unit of the catalogue as Home Assistant writes it.
fn unit(unit: &'static str) -> Option<&'static str> {
    match unit {
        "" => None,
        "deg" => Some("°"),
        "dBFS" => Some("dB"),
        other => Some(other),
    }
}

/// The discovery messages of the booth, all retained.
pub(super) fn discovery(config: &MqttConfig, about: &About, allowed: Features) -> Vec<Message> {
    let prefix = &config.home_assistant_prefix;
    let node = node(&config.name);
    let common = common(config, about, &node);
    let entities = entities(config, about, allowed);
    match config.home_assistant {
        HomeAssistant::Off => Vec::new(),
        HomeAssistant::Device => {
            let components: Map<String, Value> = entities
                .into_iter()
                .map(|entity| {
                    let mut config = identified(&entity, &node);
                    config.insert("platform".into(), json!(entity.platform));
                    (entity.key.into_owned(), Value::Object(config))
                })
                .collect();
            let mut payload = common;
            payload.insert("components".into(), Value::Object(components));
            let topic = format!("{prefix}/device/{node}/config");
            vec![Message::state(topic, &Value::Object(payload))]
        }
        HomeAssistant::Entities => {
            let message = |entity: Entity| {
                let Entity { platform, key, .. } = &entity;
                let topic = format!("{prefix}/{platform}/{node}/{key}/config");
                let mut payload = common.clone();
                payload.extend(identified(&entity, &node));
                Message::state(topic, &Value::Object(payload))
            };
            entities.into_iter().map(message).collect()
        }
    }
}

/// Topic of Home Assistant's own status (birth message).
pub(super) fn birth_topic(config: &MqttConfig) -> String {
    format!("{}/status", config.home_assistant_prefix)
}

/// Fields that all entities share: device, origin and availability.
fn common(config: &MqttConfig, about: &About, node: &str) -> Map<String, Value> {
    let BoothName { site, booth } = &config.name;
    let common = json!({
        "device": {
            "identifiers": [format!("boothd_{node}")],
            "name": format!("Booth {booth}"),
            "suggested_area": site,
            "manufacturer": "boothd",
            "model": about.board.model.as_deref().unwrap_or("interview booth"),
            "sw_version": about.version,
        },
        "origin": { "name": "boothd", "sw_version": about.version },
        "availability": [{
            "topic": Topic::Status.of(&config.name),
            "value_template":
                "{{ 'online' if value_json.status == 'online' else 'offline' }}",
        }],
    });
    match common {
        Value::Object(common) => common,
        _ => unreachable!("an object was written"),
    }
}

fn identified(entity: &Entity, node: &str) -> Map<String, Value> {
    let id = format!("boothd_{node}_{}", entity.key);
    let mut config = entity.config.clone();
    config.insert("unique_id".into(), json!(id));
    config.insert("object_id".into(), json!(id));
    config
}

fn entities(config: &MqttConfig, about: &About, allowed: Features) -> Vec<Entity> {
    let mut entities = Vec::new();
    if allowed.video {
        let topic = Topic::MetricsVideo.of(&config.name);
        entities.push(binary(
            "face_detected",
            "Face",
            &topic,
            FACE_DETECTED,
            Some("occupancy"),
        ));
        entities.extend(measurements(FACE, &topic));
        if allowed.face_emotion {
            entities.push(word("dominant_emotion", "Expression", &topic, "dominant_emotion"));
        }
    }
    if allowed.audio {
        let topic = Topic::MetricsAudio.of(&config.name);
        entities.extend(measurements(VOICE, &topic));
        if allowed.voice_emotion {
            entities.push(word("voice_emotion", "Voice", &topic, "emotion"));
        }
    }
    let health = Topic::Health.of(&config.name);
    entities.extend(of_health(&health));
    entities.extend(of_board(&about.board, &health));
    let may_switch = config.commands.contains(&CommandName::Features);
    for (name, may) in allowed.by_name() {
        if may {
            entities.push(feature(name, config, may_switch));
        }
    }
    entities
}

const FACE_DETECTED: &str = "{{ 'ON' if value_json.face_detected else 'OFF' }}";

fn of_health(topic: &str) -> Vec<Entity> {
    let mut entities = vec![
        binary(
            "session_active",
            "Session",
            topic,
            "{{ 'ON' if value_json.session_active else 'OFF' }}",
            Some("running"),
        ),
        diagnostic(word("health", "Health", topic, "status")),
    ];
    for (key, name) in [("camera", "Camera"), ("microphone", "Microphone")] {
        let template =
            format!("{{{{ 'ON' if value_json.{key}.state == 'running' else 'OFF' }}}}");
        entities.push(diagnostic(binary(key, name, topic, &template, Some("running"))));
    }
    let free = "value_json.disk.free_bytes";
    let mut free = measurement("disk_free", "Disk left", free, Some("B"), topic);
    free.config.remove("expire_after");
    free.config.insert("device_class".into(), json!("data_size"));
    entities.push(diagnostic(free));
    entities
}

/// Sensors of the board's readings at the start. A PC without a temperature gets no empty sensor.
fn of_board(board: &Reading, topic: &str) -> Vec<Entity> {
    let mut entities = Vec::new();
    if board.temperature_c.is_some() {
        let heat = "value_json.board.temperature_c";
        let mut heat =
            measurement("board_temperature", "Board temperature", heat, Some("°C"), topic);
        heat.config.remove("expire_after");
        heat.config.insert("device_class".into(), json!("temperature"));
        entities.push(diagnostic(heat));
    }
    let rows = [
        (board.under_voltage, "under_voltage", "Board under-voltage"),
        (board.over_current, "over_current", "Board over-current"),
        (board.throttled, "throttled", "Board throttled"),
        (board.too_hot, "too_hot", "Board too hot"),
    ];
    for (reading, key, name) in rows {
        if reading.is_some() {
            let template = format!("{{{{ 'ON' if value_json.board.{key} else 'OFF' }}}}");
            let key = Cow::Owned(format!("board_{key}"));
            let entity = binary("", name, topic, &template, Some("problem"));
            entities.push(diagnostic(Entity { key, ..entity }));
        }
    }
    entities
}

fn measurement(
    key: &'static str,
    name: &'static str,
    value: &str,
    unit: Option<&'static str>,
    topic: &str,
) -> Entity {
    let mut config = object(json!({
        "name": name,
        "state_topic": topic,
        "value_template": format!("{{{{ {} }}}}", or_none(value)),
        "state_class": "measurement",
        "expire_after": EXPIRE_AFTER_S,
    }));
    if let Some(unit) = unit {
        config.insert("unit_of_measurement".into(), json!(unit));
    }
    Entity { platform: "sensor", key: Cow::Borrowed(key), config }
}

/// A value that is not known is `None`; Home Assistant shows it as unknown.
fn or_none(value: &str) -> String {
    if value.contains(" if ") { format!("{value} else none") } else { value.to_owned() }
}

fn word(key: &'static str, name: &str, topic: &str, field: &str) -> Entity {
    let config = object(json!({
        "name": name,
        "state_topic": topic,
        "value_template": format!("{{{{ value_json.{field} }}}}"),
    }));
    Entity { platform: "sensor", key: Cow::Borrowed(key), config }
}

fn binary(
    key: &'static str,
    name: &str,
    topic: &str,
    template: &str,
    class: Option<&str>,
) -> Entity {
    let mut config = object(json!({
        "name": name,
        "state_topic": topic,
        "value_template": template,
    }));
    if let Some(class) = class {
        config.insert("device_class".into(), json!(class));
    }
    Entity { platform: "binary_sensor", key: Cow::Borrowed(key), config }
}

/// A switch, or only its state where the policy or the configuration forbids switching.
fn feature(name: &'static str, config: &MqttConfig, may_switch: bool) -> Entity {
    let state = Topic::FeatureState(name.into()).of(&config.name);
    let title = format!("Feature {}", name.replace('_', " "));
    let mut entity = object(json!({ "name": title, "state_topic": state }));
    entity.insert(
        "entity_category".into(),
        json!(if may_switch { "config" } else { "diagnostic" }),
    );
    if may_switch {
        let set = Topic::FeatureSet(name.into()).of(&config.name);
        entity.insert("command_topic".into(), json!(set));
        entity.insert("qos".into(), json!(1));
    }
    let platform = if may_switch { "switch" } else { "binary_sensor" };
    Entity { platform, key: Cow::Owned(format!("feature_{name}")), config: entity }
}

fn diagnostic(mut entity: Entity) -> Entity {
    entity.config.insert("entity_category".into(), json!("diagnostic"));
    entity
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => unreachable!("only objects are written here"),
    }
}

/// `<site>_<booth>` in the letters that an id may have; a hash keeps apart what became alike.
fn node(name: &BoothName) -> String {
    let BoothName { site, booth } = name;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let id: String = [&**site, "_", booth]
        .concat()
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    if site.chars().chain(booth.chars()).all(plain) {
        return id;
    }
    let hash = Sha256::digest(format!("{site}/{booth}"));
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{id}_{}", &hash[..HASH_CHARS])
}

#[cfg(test)]
mod tests;
