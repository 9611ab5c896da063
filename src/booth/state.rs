//! What the outside sees of an interview.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    features::{FeatureChange, Features},
    policy::{Policy, Profile},
    report::SummaryReport,
};

/// How an interview stands. All `_at` are wall time, ms since 1970.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct BoothState {
    /// The switches in force.
    pub features: Features,
    /// What may be switched on.
    pub allowed: Features,
    /// Which law holds.
    pub profile: Profile,
    /// Nothing is analysed before a session with consent.
    pub require_consent: bool,
    /// The notice that is to be agreed to.
    pub notice_version: String,
    /// Somebody has paused it.
    pub paused: bool,
    /// Pictures or sound are being read.
    pub analysing: bool,
    /// The session that runs.
    pub session: Option<ActiveSession>,
}

/// A session that runs.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ActiveSession {
    /// Names it.
    pub session_id: String,
    /// The operator's own reference for the candidate.
    pub subject_ref: Option<String>,
    /// Which notice the candidate agreed to.
    pub notice_version: String,
    /// When.
    pub consent_at: i64,
    /// When it began.
    pub started_at: i64,
}

/// What begins a session.
#[derive(Clone, Debug, PartialEq)]
pub struct StartSession {
    /// Which notice the candidate agreed to.
    pub notice_version: String,
    /// When.
    pub consent_at: i64,
    /// The operator's own reference for the candidate.
    pub subject_ref: Option<String>,
    /// Switches for this session.
    pub features: Option<FeatureChange>,
}

/// What a session came to.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct SessionSummary {
    /// Names it.
    pub session_id: String,
    /// When it began.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: i64,
    /// Between the two, on a clock that nobody sets.
    pub duration_ms: u64,
    /// The operator's own reference for the candidate.
    pub subject_ref: Option<String>,
    /// Which notice the candidate agreed to.
    pub notice_version: String,
    /// When.
    pub consent_at: i64,
    /// The switches at its end.
    pub features: Features,
    /// Every metric.
    #[serde(flatten)]
    pub report: SummaryReport,
}

impl SessionSummary {
    /// As the store keeps it.
    pub(super) fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("a summary has string keys and plain values")
    }
}

impl BoothState {
    pub(super) fn at_first(policy: &Policy, features: Features) -> Self {
        BoothState {
            features,
            allowed: policy.ceiling,
            profile: policy.profile,
            require_consent: policy.require_consent,
            notice_version: policy.notice_version.clone(),
            paused: false,
            analysing: false,
            session: None,
        }
    }

    /// The camera may be used.
    pub(super) fn may_see(&self) -> bool {
        self.features.video && self.may_analyse()
    }

    /// The microphone may be used.
    pub(super) fn may_hear(&self) -> bool {
        self.features.audio && self.may_analyse()
    }

    fn may_analyse(&self) -> bool {
        !self.paused && (!self.require_consent || self.session.is_some())
    }
}
