//! The state of an interview, and the requests to it.

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

/// Current state and limits of an interview.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct InterviewState {
    /// Feature switches in force while media are analysed.
    pub features: Features,
    /// Feature switches that the policy allows.
    pub allowed: Features,
    /// Legal regime, `policy.profile`.
    pub profile: Profile,
    /// Camera and microphone stay closed until a session with consent runs.
    pub require_consent: bool,
    /// Version of the notice to agree to.
    pub notice_version: NoticeVersion,
    /// Camera and microphone are paused by a request.
    pub paused: bool,
    /// Camera or microphone is open.
    pub analysing: bool,
    /// The running session.
    pub session: Option<ActiveSession>,
}

/// A running session.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ActiveSession {
    /// Id of the session.
    pub session_id: SessionId,
    /// The subject, named by the operator.
    pub subject_ref: Option<SubjectRef>,
    /// Version of the notice that the person agreed to.
    pub notice_version: NoticeVersion,
    /// Time of the consent, ms since 1970.
    pub consent_at: i64,
    /// Start of the session, ms since 1970.
    pub started_at: i64,
    /// The same by clocks that cannot be set: base of the duration and of the rows.
    #[serde(skip)]
    pub began: Began,
}

/// Start of a session by the clocks that only go forward.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Began {
    /// [`Clock::since_boot`].
    pub since_boot: Duration,
    /// [`Clock::monotonic`]: a recording's time where one plays.
    pub monotonic: Duration,
}

impl Began {
    /// The current time of both clocks.
    pub fn now(clock: &dyn Clock) -> Self {
        Began { since_boot: clock.since_boot(), monotonic: clock.monotonic() }
    }
}

/// Request to begin a session.
#[derive(Clone, Debug, PartialEq)]
pub struct StartSession {
    /// Version of the notice that the person agreed to.
    pub notice_version: NoticeVersion,
    /// Time of the consent, ms since 1970.
    pub consent_at: i64,
    /// The subject, named by the operator.
    pub subject_ref: Option<SubjectRef>,
    /// Feature switches of this session, where they differ.
    pub features: Option<FeatureChange>,
}

/// Summary of a session.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct SessionSummary {
    /// Id of the session.
    pub session_id: SessionId,
    /// Start of the session, ms since 1970.
    pub started_at: i64,
    /// End of the session, ms since 1970.
    pub ended_at: i64,
    /// Measured duration: setting the clock meanwhile does not change it.
    pub duration_ms: i64,
    /// The subject, named by the operator.
    pub subject_ref: Option<SubjectRef>,
    /// Version of the notice that the person agreed to.
    pub notice_version: NoticeVersion,
    /// Time of the consent, ms since 1970.
    pub consent_at: i64,
    /// Feature switches at its end.
    pub features: Features,
    /// Statistics of every metric.
    #[serde(flatten)]
    pub report: SummaryReport,
}

impl ActiveSession {
    /// Start of the session by the current clock, which may have been set since.
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

    /// The part of the state that `health` needs, without the subject.
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
            report: SummaryReport::new(&finished.statistics, finished.dropped),
        }
    }
}
