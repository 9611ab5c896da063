//! [`Features`]: what may be analysed. Off means that the model is not run and the field is null.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The feature switches. Capture and analysis apply them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Read the camera at all.
    pub video: bool,
    /// Read the microphone at all.
    pub audio: bool,
    /// The 7 basic expressions of the face.
    pub face_emotion: bool,
    /// What the muscles of the face do: ten coefficients, no emotions.
    pub face_actions: bool,
    /// Gaze and eye contact.
    pub gaze: bool,
    /// Head pose and its stability.
    pub head_pose: bool,
    /// Arousal of the voice.
    pub voice_emotion: bool,
    /// The picture of the booth's camera, for those who may see it.
    pub preview: bool,
}

/// Which switches change; what is absent or null stays as it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureChange {
    /// Read the camera at all.
    pub video: Option<bool>,
    /// Read the microphone at all.
    pub audio: Option<bool>,
    /// The 7 basic expressions of the face.
    pub face_emotion: Option<bool>,
    /// What the muscles of the face do: ten coefficients, no emotions.
    pub face_actions: Option<bool>,
    /// Gaze and eye contact.
    pub gaze: Option<bool>,
    /// Head pose and its stability.
    pub head_pose: Option<bool>,
    /// Arousal of the voice.
    pub voice_emotion: Option<bool>,
    /// The picture of the booth's camera, for those who may see it.
    pub preview: Option<bool>,
}

impl Features {
    /// Everything on.
    pub const ALL: Features = Features {
        video: true,
        audio: true,
        face_emotion: true,
        face_actions: true,
        gaze: true,
        head_pose: true,
        voice_emotion: true,
        preview: true,
    };

    /// Everything off.
    pub const NONE: Features = Features {
        video: false,
        audio: false,
        face_emotion: false,
        face_actions: false,
        gaze: false,
        head_pose: false,
        voice_emotion: false,
        preview: false,
    };

    /// These features after `change`.
    #[must_use]
    pub fn changed(self, change: &FeatureChange) -> Features {
        Features {
            video: change.video.unwrap_or(self.video),
            audio: change.audio.unwrap_or(self.audio),
            face_emotion: change.face_emotion.unwrap_or(self.face_emotion),
            face_actions: change.face_actions.unwrap_or(self.face_actions),
            gaze: change.gaze.unwrap_or(self.gaze),
            head_pose: change.head_pose.unwrap_or(self.head_pose),
            voice_emotion: change.voice_emotion.unwrap_or(self.voice_emotion),
            preview: change.preview.unwrap_or(self.preview),
        }
    }

    /// What is on here and in `ceiling`.
    #[must_use]
    pub fn within(self, ceiling: Features) -> Features {
        Features {
            video: self.video && ceiling.video,
            audio: self.audio && ceiling.audio,
            face_emotion: self.face_emotion && ceiling.face_emotion,
            face_actions: self.face_actions && ceiling.face_actions,
            gaze: self.gaze && ceiling.gaze,
            head_pose: self.head_pose && ceiling.head_pose,
            voice_emotion: self.voice_emotion && ceiling.voice_emotion,
            preview: self.preview && ceiling.preview,
        }
    }

    /// The names of what is on here, but not in `ceiling`.
    pub fn beyond(self, ceiling: Features) -> Vec<&'static str> {
        let (wanted, allowed) = (self.by_name(), ceiling.by_name());
        let both = wanted.into_iter().zip(allowed);
        both.filter(|((_, wanted), (_, allowed))| *wanted && !*allowed)
            .map(|((name, _), _)| name)
            .collect()
    }

    /// Every switch with its name.
    pub fn by_name(self) -> [(&'static str, bool); 8] {
        [
            ("video", self.video),
            ("audio", self.audio),
            ("face_emotion", self.face_emotion),
            ("face_actions", self.face_actions),
            ("gaze", self.gaze),
            ("head_pose", self.head_pose),
            ("voice_emotion", self.voice_emotion),
            ("preview", self.preview),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_touches_only_what_it_names() {
        let change: FeatureChange =
            serde_json::from_str(r#"{"gaze": false, "video": null}"#).unwrap();
        assert_eq!(Features::ALL.changed(&change), Features { gaze: false, ..Features::ALL });
        assert!(serde_json::from_str::<FeatureChange>(r#"{"gase": false}"#).is_err());
    }

    #[test]
    fn what_is_beyond_the_ceiling_is_named() {
        let ceiling = Features { gaze: false, preview: false, ..Features::ALL };
        assert_eq!(Features::ALL.beyond(ceiling), ["gaze", "preview"]);
        assert!(Features::ALL.within(ceiling).beyond(ceiling).is_empty());
    }

    #[test]
    fn names_are_those_of_the_wire() {
        let wire = serde_json::to_value(Features::ALL).unwrap();
        let names = Features::ALL.by_name();
        assert_eq!(wire.as_object().unwrap().len(), names.len());
        assert!(names.iter().all(|(name, on)| wire[name] == *on));
    }
}
