//! [`Policy`]: what the configuration allows at all, and when. Holds no state of a booth.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    error::{Error, ErrorKind, Result},
    features::{FeatureChange, Features},
    names::NoticeVersion,
};

/// Which law the booth is under.
#[derive(Clone, Copy, Debug, Default, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// No particular regime; `default` in the configuration and on the wire.
    #[default]
    #[serde(rename = "default")]
    Standard,
    /// AI Act, Article 5(1)(f): no emotion inference at work and in hiring.
    Eu,
    /// No profile is chosen yet: nothing is opened and nothing is analysed.
    Unchosen,
}

/// The refusal of a booth without a chosen policy.
const UNCHOSEN: &str = "no policy is chosen, so camera and microphone stay closed and \
                        nothing is analysed; set policy.profile to \"eu\" or \"default\" in \
                        /etc/boothd/boothd.toml or in the first-boot file, then start boothd again";

impl Profile {
    /// Why nothing at all may be analysed under it, and what to do; `None` where something may.
    pub fn forbids_all(self) -> Option<&'static str> {
        (self == Profile::Unchosen).then_some(UNCHOSEN)
    }

    /// Whether emotions may be inferred under it.
    pub fn allows_emotion(self) -> bool {
        self == Profile::Standard
    }
}

/// What the configuration allows, for every role.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Which law the booth is under.
    pub profile: Profile,
    /// Nothing is captured until a session with consent runs.
    pub require_consent: bool,
    /// What may be switched on at all.
    pub ceiling: Features,
    /// The text that people are asked to agree to.
    pub notice_version: NoticeVersion,
}

/// The notice that a person agreed to, and when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Consent {
    /// Version of the text.
    pub notice_version: NoticeVersion,
    /// Wall time, ms since 1970.
    pub consent_at: i64,
}

/// A browser's clock may run ahead of the booth's by this many ms.
const CLOCK_SKEW_MS: i64 = 120_000;

/// The year 3000, unix ms: what is later is no time in ms.
const LATEST_UNIX_MS: i64 = 32_503_680_000_000;

impl Policy {
    /// Whether anything may be analysed at all.
    ///
    /// # Errors
    /// `InvalidInput` while no profile is chosen.
    pub fn check_chosen(&self) -> Result<()> {
        match self.profile.forbids_all() {
            Some(why) => Err(Error::new(ErrorKind::InvalidInput, why)),
            None => Ok(()),
        }
    }

    /// `now` after `change`, if all that it switches on is allowed.
    ///
    /// # Errors
    /// `InvalidInput` that names the switches and why they stay off.
    pub fn apply(&self, now: Features, change: &FeatureChange) -> Result<Features> {
        let wanted = now.changed(change);
        let reasons: Vec<_> =
            wanted.beyond(self.ceiling).into_iter().map(|name| self.refusal(name)).collect();
        if reasons.is_empty() {
            return Ok(wanted);
        }
        self.check_chosen()?;
        Err(Error::new(ErrorKind::InvalidInput, reasons.join("; ")))
    }

    fn refusal(&self, name: &str) -> String {
        match (self.profile, name) {
            (Profile::Eu, "face_emotion" | "voice_emotion") => format!(
                "{name} cannot be switched on under policy.profile = \"eu\" (AI Act, Article \
                 5(1)(f))"
            ),
            (Profile::Eu, "face_actions") => format!(
                "{name} can be switched on under policy.profile = \"eu\" only where boothd was \
                 started with features.face_actions = true: they describe movements, and to infer \
                 emotions from them is prohibited (AI Act, Article 5(1)(f))"
            ),
            (_, "preview") => {
                format!(
                    "{name} cannot be switched on: features.preview is off in the configuration"
                )
            }
            (_, "video" | "audio") => {
                format!(
                    "{name} cannot be switched on: {name}.source is off in the configuration"
                )
            }
            _ => format!("{name} cannot be switched on: the configuration does not allow it"),
        }
    }

    /// Validates a consent that a client sent. `now_unix_ms` is the wall time, `None` where the
    /// booth's clock is not set: then it cannot reject a time as lying in the future.
    ///
    /// # Errors
    /// `InvalidInput` when it is another text than the booth's, or a time that has not come.
    pub fn check_consent(&self, consent: &Consent, now_unix_ms: Option<i64>) -> Result<()> {
        let refuse = |what: String| Err(Error::new(ErrorKind::InvalidInput, what));
        let Consent { notice_version, consent_at } = consent;
        if *notice_version != self.notice_version {
            return refuse(format!(
                "notice_version is {:?}, but the booth's notice is version {:?}; \
                 show that one and ask again",
                notice_version.as_str(),
                self.notice_version.as_str()
            ));
        }
        let latest =
            now_unix_ms.map_or(LATEST_UNIX_MS, |now| now.saturating_add(CLOCK_SKEW_MS));
        if *consent_at <= 0 || *consent_at > latest {
            return refuse(
                "consent_at must be the moment of consent, which is not in the future; check the \
                 clocks"
                    .into(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eu() -> Policy {
        let ceiling = Features {
            face_emotion: false,
            voice_emotion: false,
            face_actions: false,
            preview: false,
            ..Features::ALL
        };
        let notice_version = "2".parse().unwrap();
        Policy { profile: Profile::Eu, require_consent: true, ceiling, notice_version }
    }

    #[test]
    fn eu_refuses_emotion_with_a_reason_and_nothing_changes_by_halves() {
        let policy = eu();
        let change = FeatureChange {
            gaze: Some(false),
            face_emotion: Some(true),
            preview: Some(true),
            ..FeatureChange::default()
        };
        let error = policy.apply(policy.ceiling, &change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let message = error.to_string();
        assert!(
            message.contains("face_emotion") && message.contains("Article 5(1)(f)"),
            "{message}"
        );
        assert!(
            message.contains("preview") && message.contains("features.preview"),
            "{message}"
        );
        let off = FeatureChange { gaze: Some(false), ..FeatureChange::default() };
        assert!(!policy.apply(policy.ceiling, &off).unwrap().gaze);
    }

    #[test]
    fn under_eu_the_actions_of_the_face_wait_for_the_operators_own_decision() {
        let policy = eu();
        let change = FeatureChange { face_actions: Some(true), ..FeatureChange::default() };
        let message = policy.apply(policy.ceiling, &change).unwrap_err().to_string();
        assert!(message.contains("features.face_actions = true"), "{message}");
        let decided = Features { face_actions: true, ..policy.ceiling };
        let policy = Policy { ceiling: decided, ..policy };
        let off = Features { face_actions: false, ..decided };
        assert_eq!(policy.apply(off, &change).unwrap(), decided);
    }

    #[test]
    fn an_unchosen_profile_allows_nothing_and_the_error_names_the_remedy() {
        let policy = Policy { profile: Profile::Unchosen, ceiling: Features::NONE, ..eu() };
        let change = FeatureChange { video: Some(true), ..FeatureChange::default() };
        for refused in [policy.check_chosen(), policy.apply(policy.ceiling, &change).map(drop)]
        {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let message = error.to_string();
            assert!(
                message.contains("policy.profile") && message.contains("first-boot"),
                "{message}"
            );
        }
        assert!(eu().check_chosen().is_ok() && !policy.profile.allows_emotion());
    }

    #[test]
    fn consent_is_to_the_booths_text_and_lies_in_the_past() {
        let policy = eu();
        let consent = |version: &str, at| Consent {
            notice_version: version.parse().unwrap(),
            consent_at: at,
        };
        assert!(policy.check_consent(&consent("2", 1_000), Some(1_000)).is_ok());
        for (bad, word) in [
            (consent("1", 1_000), "notice_version"),
            (consent("2", 0), "consent_at"),
            (consent("2", 1_001 + CLOCK_SKEW_MS), "consent_at"),
            (consent("2", i64::MAX), "consent_at"),
        ] {
            let error = policy.check_consent(&bad, Some(1_000)).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
        // A booth whose clock is not set accepts the client's time.
        assert!(policy.check_consent(&consent("2", 1_800_000_000_000), None).is_ok());
        assert!(policy.check_consent(&consent("2", i64::MAX), None).is_err());
    }
}
