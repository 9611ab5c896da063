//! What the booth says about itself, and what is asked of it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    clock::{Clock, keeper::STEP_MS, whole_ms},
    engine::FinishedSession,
    features::{FeatureChange, Features},
    health::Interview,
    names::{NoticeVersion, SessionId, SubjectRef},
    policy::{Policy, Profile},
    report::SummaryReport,
};

/// What the booth does now, and what it may do.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct InterviewState {
    /// What is analysed while it analyses.
    pub features: Features,
    /// What may be switched on.
    pub allowed: Features,
    /// Which law it is under.
    pub profile: Profile,
    /// Camera and microphone stay closed until a session with consent runs.
    pub require_consent: bool,
    /// Version of the notice that people agree to.
    pub notice_version: NoticeVersion,
    /// Somebody closed camera and microphone for now.
    pub paused: bool,
    /// Camera or microphone is open.
    pub analysing: bool,
    /// The interview that runs.
    pub session: Option<ActiveSession>,
}

/// An interview that runs.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ActiveSession {
    /// Its id.
    pub session_id: SessionId,
    /// Whom it is about, in the operator's words.
    pub subject_ref: Option<SubjectRef>,
    /// Version of the text that was agreed to.
    pub notice_version: NoticeVersion,
    /// When it was agreed to, ms since 1970.
    pub consent_at: i64,
    /// When it began, ms since 1970.
    pub started_at: i64,
    /// The same by what cannot be set: from here its duration and its rows are measured.
    #[serde(skip)]
    pub began: Began,
}

/// A moment by the clocks that only go forward.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Began {
    /// [`Clock::since_boot`].
    pub since_boot: Duration,
    /// [`Clock::monotonic`]: a recording's time where one plays.
    pub monotonic: Duration,
}

impl Began {
    /// This one.
    pub fn now(clock: &dyn Clock) -> Self {
        Began { since_boot: clock.since_boot(), monotonic: clock.monotonic() }
    }
}

/// What is asked for at the begin of an interview.
#[derive(Clone, Debug, PartialEq)]
pub struct StartSession {
    /// Version of the text that was agreed to.
    pub notice_version: NoticeVersion,
    /// When it was agreed to, ms since 1970.
    pub consent_at: i64,
    /// Whom it is about, in the operator's words.
    pub subject_ref: Option<SubjectRef>,
    /// What is to be analysed in this interview, where it differs.
    pub features: Option<FeatureChange>,
}

/// What an interview came to.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct SessionSummary {
    /// Its id.
    pub session_id: SessionId,
    /// When it began, ms since 1970.
    pub started_at: i64,
    /// When it ended, ms since 1970.
    pub ended_at: i64,
    /// From begin to end, as it was measured: a clock that was set meanwhile does not change it.
    pub duration_ms: i64,
    /// Whom it was about.
    pub subject_ref: Option<SubjectRef>,
    /// Version of the text that was agreed to.
    pub notice_version: NoticeVersion,
    /// When it was agreed to, ms since 1970.
    pub consent_at: i64,
    /// What was analysed at its end.
    pub features: Features,
    /// Every metric.
    #[serde(flatten)]
    pub report: SummaryReport,
}

impl ActiveSession {
    /// When it began, as it is known now: the clock may have been set since.
    pub fn started_at_by(&self, clock: &dyn Clock) -> i64 {
        let known = clock.unix_ms_at(self.began.since_boot);
        // A clock that only drifts moves no label.
        if (known - self.started_at).abs() > STEP_MS { known } else { self.started_at }
    }
}

impl InterviewState {
    pub(super) fn new(policy: &Policy, features: Features) -> Self {
        InterviewState {
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

    /// What `health` needs of it: never whose session it is.
    pub fn interview(&self) -> Interview {
        Interview {
            profile: self.profile,
            require_consent: self.require_consent,
            paused: self.paused,
            analysing: self.analysing,
            session_active: self.session.is_some(),
        }
    }

    /// Which devices may be open in this state. A session runs only with consent.
    pub(super) fn opens(&self) -> Opens {
        let may = !self.paused && (!self.require_consent || self.session.is_some());
        Opens { camera: may && self.features.video, microphone: may && self.features.audio }
    }
}

/// Which devices may be open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Opens {
    pub(super) camera: bool,
    pub(super) microphone: bool,
}

impl SessionSummary {
    /// The summary of `session`, whose features were these and which ends now.
    pub fn new(
        session: &ActiveSession,
        features: Features,
        clock: &dyn Clock,
        finished: &FinishedSession,
    ) -> Self {
        let duration = clock.since_boot().saturating_sub(session.began.since_boot);
        let (started_at, duration_ms) = (session.started_at_by(clock), whole_ms(duration));
        SessionSummary {
            session_id: session.session_id.clone(),
            started_at,
            ended_at: started_at.saturating_add(duration_ms),
            duration_ms,
            subject_ref: session.subject_ref.clone(),
            notice_version: session.notice_version.clone(),
            consent_at: session.consent_at,
            features,
            report: SummaryReport::of_session(finished),
        }
    }
}
