//! [`Features`]: what may be analysed. Off means that the model is not run and the field is null.

use serde::Serialize;

/// The feature switches that exist so far, obeyed where the media is captured or analysed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Features {
    /// Read the camera at all.
    pub video: bool,
    /// Read the microphone at all.
    pub audio: bool,
    /// The 7 basic expressions of the face.
    pub face_emotion: bool,
    /// Gaze and eye contact.
    pub gaze: bool,
    /// Head pose and its stability.
    pub head_pose: bool,
    /// Arousal of the voice.
    pub voice_emotion: bool,
}

impl Features {
    /// Everything on.
    pub const ALL: Features = Features {
        video: true,
        audio: true,
        face_emotion: true,
        gaze: true,
        head_pose: true,
        voice_emotion: true,
    };
}
