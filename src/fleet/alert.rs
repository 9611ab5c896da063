//! Alerts of booths: each is raised once, ends with its cause, and can be acknowledged by an operator.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::BoothKey;
use crate::{component::ComponentId, health::Severity};

/// The kind of an alert.
#[derive(
    Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, JsonSchema, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum AlertKind {
    /// The booth reports `offline`, its last will was published, or it is silent.
    Offline,
    /// No policy is chosen, so it analyses nothing.
    Policy,
    /// The recording light fails, so camera and microphone stay closed.
    Light,
    /// The camera gives no pictures.
    Camera,
    /// The microphone gives no sound.
    Microphone,
    /// What comes in is not analysed.
    Analysis,
    /// It cannot write, or its disk is nearly full.
    Store,
    /// It is too hot, is throttled, or its supply is too weak.
    Board,
    /// Records wait in great number, or have fallen out.
    Outbox,
    /// The TLS certificate has expired or soon will.
    Certificate,
    /// Clients present wrong tokens in great number, or its places are taken.
    Access,
    /// Its clock is not set, and something waits for it.
    Clock,
    /// Its configuration was refused.
    Configuration,
    /// Anything else, from a component that this fleet server does not know.
    Other,
    /// It runs another version than most.
    Version,
}

impl AlertKind {
    /// Every kind, in the order of their weight.
    pub const ALL: [AlertKind; 15] = [
        AlertKind::Offline,
        AlertKind::Policy,
        AlertKind::Light,
        AlertKind::Camera,
        AlertKind::Microphone,
        AlertKind::Analysis,
        AlertKind::Store,
        AlertKind::Board,
        AlertKind::Outbox,
        AlertKind::Certificate,
        AlertKind::Access,
        AlertKind::Clock,
        AlertKind::Configuration,
        AlertKind::Other,
        AlertKind::Version,
    ];

    /// Its name in JSON and in the archive.
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
            AlertKind::Analysis => "analysis",
            AlertKind::Certificate => "certificate",
            AlertKind::Access => "access",
            AlertKind::Clock => "clock",
            AlertKind::Configuration => "configuration",
            AlertKind::Other => "other",
            AlertKind::Version => "version",
        }
    }

    /// The kind that a finding about that component raises.
    fn of_component(name: &str) -> Self {
        match ComponentId::of_name(name) {
            Some(ComponentId::Camera) => AlertKind::Camera,
            Some(ComponentId::Microphone) => AlertKind::Microphone,
            Some(ComponentId::Light) => AlertKind::Light,
            Some(ComponentId::Vision | ComponentId::Speech) => AlertKind::Analysis,
            Some(
                ComponentId::Recorder
                | ComponentId::Store
                | ComponentId::Disk
                | ComponentId::Archive,
            ) => AlertKind::Store,
            Some(ComponentId::Outbox | ComponentId::Mqtt | ComponentId::Broker) => {
                AlertKind::Outbox
            }
            Some(ComponentId::Policy) => AlertKind::Policy,
            Some(ComponentId::Board) => AlertKind::Board,
            Some(ComponentId::Clock) => AlertKind::Clock,
            Some(ComponentId::Certificate) => AlertKind::Certificate,
            Some(ComponentId::Access | ComponentId::Connections) => AlertKind::Access,
            Some(ComponentId::Configuration) => AlertKind::Configuration,
            None => AlertKind::Other,
        }
    }

    /// The kind of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// An alert that was raised or has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AlertChange {
    /// The booth.
    pub key: BoothKey,
    /// The kind of alert.
    pub kind: AlertKind,
    /// When, unix ms.
    pub at: i64,
    /// The cause, while it holds; `None`: the alert has ended.
    pub detail: Option<String>,
}

/// The alerts that a booth's /health raises: the worst finding of each kind of component. A booth of
/// an older version has no findings; its alerts follow from the states of its components.
pub fn alerts_of_health(health: &Value) -> BTreeMap<AlertKind, String> {
    let Some(findings) = health["findings"].as_array() else { return older::alerts(health) };
    let mut alerts = BTreeMap::new();
    let is_notice = |finding: &Value| finding["severity"] == Severity::Notice.name();
    let raises = |finding: &&Value| finding["alert"].as_bool().unwrap_or(!is_notice(finding));
    for finding in findings.iter().filter(raises) {
        let (component, sentence) = (&finding["component"], &finding["sentence"]);
        let Some(component) = component.as_str() else { continue };
        let kind = AlertKind::of_component(component);
        // The page translates these details.
        let detail = match kind {
            AlertKind::Policy => Some(NO_POLICY),
            AlertKind::Board => health["board"]["trouble"].as_str().or(sentence.as_str()),
            _ => sentence.as_str(),
        };
        alerts.entry(kind).or_insert_with(|| shortened(detail.unwrap_or_default()));
    }
    alerts
}

const NO_POLICY: &str = "no policy is chosen";

/// Longest detail of an alert, characters.
const MAX_DETAIL_CHARS: usize = 300;

/// A text of a booth, cut to [`MAX_DETAIL_CHARS`].
fn shortened(text: &str) -> String {
    text.chars().take(MAX_DETAIL_CHARS).collect()
}

/// Booths of versions before 0.2, whose /health has no findings.
mod older {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::{AlertKind, NO_POLICY, shortened};
    use crate::board::LOW_DISK_BYTES;

    /// A device that reports `running` and gave nothing for so long has a fault, ms.
    const SILENT_MS: u64 = 10_000;

    pub(super) fn alerts(health: &Value) -> BTreeMap<AlertKind, String> {
        let device = |name| device_fault(health, name);
        let faults = [
            (AlertKind::Policy, policy_fault(health)),
            (AlertKind::Light, device("light")),
            (AlertKind::Camera, device("camera")),
            (AlertKind::Microphone, device("microphone")),
            (AlertKind::Store, store_fault(health)),
            (AlertKind::Board, board_fault(health)),
        ];
        faults.into_iter().filter_map(|(kind, fault)| Some((kind, fault?))).collect()
    }

    /// The fault of a booth without a chosen policy.
    pub(super) fn policy_fault(health: &Value) -> Option<String> {
        (health["policy"]["profile"] == "unchosen").then(|| NO_POLICY.into())
    }

    /// The fault of one capture device or of the recording light, from /health.
    pub(super) fn device_fault(health: &Value, name: &str) -> Option<String> {
        let component = health.get(name)?;
        let state = component["state"].as_str()?;
        let silent_ms = component["last_media_ms_ago"].as_u64().unwrap_or_default();
        match state {
            "unavailable" | "stopped" => {
                Some(shortened(component["error"].as_str().unwrap_or(state)))
            }
            "running" if silent_ms >= SILENT_MS => Some(format!("nothing for {silent_ms} ms")),
            _ => None,
        }
    }

    /// The fault of the booth's store or disk.
    pub(super) fn store_fault(health: &Value) -> Option<String> {
        if let Some(fault) = device_fault(health, "store") {
            return Some(fault);
        }
        let free = health["disk"]["free_bytes"].as_u64()?;
        (free < LOW_DISK_BYTES).then(|| format!("{} MiB left on the disk", free >> 20))
    }

    /// The trouble of the booth's board, as a word that the page translates.
    pub(super) fn board_fault(health: &Value) -> Option<String> {
        Some(shortened(health["board"]["trouble"].as_str()?))
    }

    #[cfg(test)]
    mod tests {
        use serde_json::json;

        use super::*;

        #[test]
        fn what_is_off_on_purpose_is_no_fault() {
            let camera =
                |component: Value| device_fault(&json!({ "camera": component }), "camera");
            assert_eq!(camera(json!({"state": "off"})), None);
            assert_eq!(camera(json!({"state": "paused", "last_media_ms_ago": 99_999})), None);
            assert_eq!(camera(json!({"state": "running", "last_media_ms_ago": 20})), None);
            assert!(camera(json!({"state": "running", "last_media_ms_ago": 10_000})).is_some());
            let gone = json!({"state": "unavailable", "error": "no such device"});
            assert_eq!(camera(gone).as_deref(), Some("no such device"));
            assert_eq!(device_fault(&json!({}), "camera"), None);
        }

        #[test]
        fn a_policy_that_is_not_chosen_is_a_fault() {
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
            let trouble = board(json!({"trouble": "under_voltage", "temperature_c": 40.0}));
            assert_eq!(trouble.as_deref(), Some("under_voltage"));
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
}

#[cfg(test)]
mod tests;
