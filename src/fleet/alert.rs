//! What a person should look at: raised once, ended by itself, acknowledged by an operator.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::BoothKey;
use crate::board::LOW_DISK_BYTES;

/// What is wrong with a booth.
#[derive(
    Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, JsonSchema, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum AlertKind {
    /// It said so, its last will did, or it is silent.
    Offline,
    /// Nobody has chosen a policy: it analyses nothing.
    Policy,
    /// The recording light fails, so camera and microphone stay closed.
    Light,
    /// The camera gives no pictures.
    Camera,
    /// The microphone gives no sound.
    Microphone,
    /// It cannot write, or its disk is nearly full.
    Store,
    /// It is too hot, is throttled, or its supply is too weak.
    Board,
    /// Records wait in great number, or have fallen out.
    Outbox,
    /// It runs another version than most.
    Version,
}

impl AlertKind {
    /// Every kind, in the order of their weight.
    pub const ALL: [AlertKind; 9] = [
        AlertKind::Offline,
        AlertKind::Policy,
        AlertKind::Light,
        AlertKind::Camera,
        AlertKind::Microphone,
        AlertKind::Store,
        AlertKind::Board,
        AlertKind::Outbox,
        AlertKind::Version,
    ];

    /// Its word in JSON and in the archive.
    pub fn name(self) -> &'static str {
        match self {
            AlertKind::Offline => "offline",
            AlertKind::Policy => "policy",
            AlertKind::Light => "light",
            AlertKind::Camera => "camera",
            AlertKind::Microphone => "microphone",
            AlertKind::Store => "store",
            AlertKind::Board => "board",
            AlertKind::Outbox => "outbox",
            AlertKind::Version => "version",
        }
    }

    /// The kind of that word.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// That an alert was raised or has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AlertChange {
    /// Whose.
    pub key: BoothKey,
    /// What.
    pub kind: AlertKind,
    /// When, unix ms.
    pub at: i64,
    /// In what way, while it holds; `None`: it has ended.
    pub detail: Option<String>,
}

/// A device that says it runs and gave nothing for so long does not run.
const SILENT_MS: u64 = 10_000;

/// Letters of an alert's detail.
const MAX_DETAIL_CHARS: usize = 300;

/// That nobody has chosen the booth's policy.
pub(super) fn policy_fault(health: &Value) -> Option<String> {
    (health["policy"]["profile"] == "unchosen").then(|| "no policy is chosen".into())
}

/// What is wrong with one capture device or the recording light, as /health tells it.
pub(super) fn device_fault(health: &Value, name: &str) -> Option<String> {
    let stage = health.get(name)?;
    let state = stage["state"].as_str()?;
    let silent_ms = stage["last_media_ms_ago"].as_u64().unwrap_or_default();
    match state {
        "unavailable" | "stopped" => Some(shortened(stage["error"].as_str().unwrap_or(state))),
        "running" if silent_ms >= SILENT_MS => Some(format!("nothing for {silent_ms} ms")),
        _ => None,
    }
}

/// What is wrong with the booth's store or disk.
pub(super) fn store_fault(health: &Value) -> Option<String> {
    if let Some(fault) = device_fault(health, "store") {
        return Some(fault);
    }
    let free = health["disk"]["free_bytes"].as_u64()?;
    (free < LOW_DISK_BYTES).then(|| format!("{} MiB left on the disk", free >> 20))
}

/// What is wrong with the booth's board, in a word that the page knows in its languages.
pub(super) fn board_fault(health: &Value) -> Option<String> {
    Some(shortened(health["board"]["trouble"].as_str()?))
}

/// A booth's words, as long as an alert may be.
fn shortened(text: &str) -> String {
    text.chars().take(MAX_DETAIL_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_off_on_purpose_is_no_fault() {
        let camera = |stage: Value| device_fault(&json!({ "camera": stage }), "camera");
        assert_eq!(camera(json!({"state": "off"})), None);
        assert_eq!(camera(json!({"state": "paused", "last_media_ms_ago": 99_999})), None);
        assert_eq!(camera(json!({"state": "running", "last_media_ms_ago": 20})), None);
        assert!(camera(json!({"state": "running", "last_media_ms_ago": 10_000})).is_some());
        let gone = json!({"state": "unavailable", "error": "no such device"});
        assert_eq!(camera(gone).as_deref(), Some("no such device"));
        assert_eq!(device_fault(&json!({}), "camera"), None);
    }

    #[test]
    fn a_policy_that_nobody_has_chosen_is_a_fault() {
        let policy = |profile: &str| policy_fault(&json!({"policy": {"profile": profile}}));
        assert!(policy("unchosen").is_some());
        assert_eq!((policy("eu"), policy("default")), (None, None));
        assert_eq!(policy_fault(&json!({})), None);
    }

    #[test]
    fn a_light_that_is_not_configured_is_no_fault() {
        let light = |light: Value| device_fault(&json!({ "light": light }), "light");
        assert_eq!(light(json!({"state": "off", "on": false, "error": null})), None);
        let away = json!({"state": "unavailable", "on": false, "error": "is not there"});
        assert_eq!(light(away).as_deref(), Some("is not there"));
    }

    #[test]
    fn only_a_board_that_is_slowed_down_is_trouble() {
        let board = |board: Value| board_fault(&json!({ "board": board }));
        let told = board(json!({"trouble": "under_voltage", "temperature_c": 40.0}));
        assert_eq!(told.as_deref(), Some("under_voltage"));
        assert_eq!(board(json!({"trouble": null, "throttled": false})), None);
        assert_eq!(board_fault(&json!({})), None);
    }

    #[test]
    fn a_nearly_full_disk_is_the_stores_trouble() {
        let free = |bytes: u64| store_fault(&json!({"disk": {"free_bytes": bytes}}));
        assert!(free(1 << 20).is_some() && free(1 << 30).is_none());
        assert_eq!(store_fault(&json!({"disk": {"free_bytes": null}})), None);
    }
}
