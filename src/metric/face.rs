//! The metrics of a face, of one frame or over the time before it.

use super::{Metric, Stored, catalog};

/// Angles of a head or of a gaze, degrees.
const DEGREES: (f64, f64) = (-360.0, 360.0);

catalog! {
    /// Every metric of a face, in the order of the store's columns.
    FACE,
    /// What is known of a face now.
    FaceValues:

    /// A person's face is in the frame; a picture of a face does not count.
    face_detected: bool {
        stored: Stored::whole("face_detected"),
        summary: Some("face_present_ratio"), minute: Some("face_present_ratio"),
    }
    /// Faces in the frame.
    face_count: u32 {
        range: (0.0, 1e6),
        stored: Stored::whole("face_count"),
        home_assistant: Some(("face_count", "Faces")),
    }
    /// Probability of the expression, 0..1.
    angry: Option<f32> {
        pointer: "/emotion_distribution/angry",
        stored: Stored::permille("angry_permille"), summary: Some("angry"),
    }
    /// Probability of the expression, 0..1.
    disgust: Option<f32> {
        pointer: "/emotion_distribution/disgust",
        stored: Stored::permille("disgust_permille"), summary: Some("disgust"),
    }
    /// Probability of the expression, 0..1.
    fear: Option<f32> {
        pointer: "/emotion_distribution/fear",
        stored: Stored::permille("fear_permille"), summary: Some("fear"),
    }
    /// Probability of the expression, 0..1.
    happy: Option<f32> {
        pointer: "/emotion_distribution/happy",
        stored: Stored::permille("happy_permille"), summary: Some("happy"),
    }
    /// Probability of the expression, 0..1.
    sad: Option<f32> {
        pointer: "/emotion_distribution/sad",
        stored: Stored::permille("sad_permille"), summary: Some("sad"),
    }
    /// Probability of the expression, 0..1.
    surprise: Option<f32> {
        pointer: "/emotion_distribution/surprise",
        stored: Stored::permille("surprise_permille"), summary: Some("surprise"),
    }
    /// Probability of the expression, 0..1.
    neutral: Option<f32> {
        pointer: "/emotion_distribution/neutral",
        stored: Stored::permille("neutral_permille"), summary: Some("neutral"),
    }
    /// 1 - mean total-variation distance between successive distributions in the window.
    emotion_stability: Option<f32> {
        stored: Stored::permille("emotion_stability_permille"),
        summary: Some("emotion_stability"),
    }
    /// Yaw of the head, degrees, positive to the picture's left.
    head_yaw_deg: Option<f32> {
        pointer: "/head_pose/yaw_deg", unit: "deg", range: DEGREES,
        stored: Stored::scaled("head_yaw_cdeg", 100.0), summary: Some("head_pose.yaw_deg"),
        home_assistant: Some(("head_yaw", "Head yaw")),
    }
    /// Pitch of the head, degrees, positive up.
    head_pitch_deg: Option<f32> {
        pointer: "/head_pose/pitch_deg", unit: "deg", range: DEGREES,
        stored: Stored::scaled("head_pitch_cdeg", 100.0), summary: Some("head_pose.pitch_deg"),
        home_assistant: Some(("head_pitch", "Head pitch")),
    }
    /// Roll of the head, degrees, positive clockwise in the picture.
    head_roll_deg: Option<f32> {
        pointer: "/head_pose/roll_deg", unit: "deg", range: DEGREES,
        stored: Stored::scaled("head_roll_cdeg", 100.0), summary: Some("head_pose.roll_deg"),
    }
    /// 1 / (1 + (var yaw + var pitch + var roll) / 100 deg²) over the window.
    head_pose_stability: Option<f32> {
        stored: Stored::permille("head_pose_stability_permille"),
        summary: Some("head_pose_stability"), minute: Some("head_pose_stability_ratio"),
        home_assistant: Some(("head_pose_stability", "Head stability")),
    }
    /// |face's middle x - W/2| / (W/2), 0..1.
    horizontal_deviation: Option<f32> {
        stored: Stored::permille("horizontal_deviation_permille"),
        summary: Some("horizontal_deviation"), minute: Some("horizontal_deviation_ratio"),
    }
    /// Yaw of the gaze relative to the camera, degrees, positive to the picture's left.
    gaze_yaw_deg: Option<f32> {
        pointer: "/gaze/yaw_deg", unit: "deg", range: DEGREES,
        stored: Stored::scaled("gaze_yaw_cdeg", 100.0), summary: Some("gaze.yaw_deg"),
    }
    /// Pitch of the gaze relative to the camera, degrees, positive up.
    gaze_pitch_deg: Option<f32> {
        pointer: "/gaze/pitch_deg", unit: "deg", range: DEGREES,
        stored: Stored::scaled("gaze_pitch_cdeg", 100.0), summary: Some("gaze.pitch_deg"),
    }
    /// The gaze is inside the cone round the camera.
    eye_contact: Option<bool> {
        stored: Stored::whole("eye_contact"), summary: Some("eye_contact_ratio"),
    }
    /// Time in eye contact / time with a known gaze, over the window.
    eye_contact_ratio: Option<f32> {
        stored: Stored::permille("eye_contact_ratio_permille"),
        minute: Some("eye_contact_ratio"),
        home_assistant: Some(("eye_contact_ratio", "Eye contact")),
    }
    /// Blinks a minute over the last minute.
    blink_rate_per_min: Option<f32> {
        unit: "1/min", range: (0.0, 1000.0),
        stored: Stored::scaled("blink_rate_deci_per_min", 10.0),
        summary: Some("blink_rate_per_min"), minute: Some("blink_rate_per_min"),
        home_assistant: Some(("blink_rate", "Blinks")),
    }
    /// Gap between the lips / width of the mouth.
    mouth_open_ratio: Option<f32> {
        range: (0.0, 100.0),
        stored: Stored::permille("mouth_open_ratio_permille"),
        summary: Some("mouth_open_ratio"),
    }
    /// Time with a face / time, over the window.
    face_present_ratio: Option<f32> {
        stored: Stored::permille("face_present_ratio_permille"),
    }
    /// Mean luminance of the face, of the frame where there is none, 0..1.
    brightness: f32 {
        pointer: "/quality/brightness",
        stored: Stored::permille("brightness_permille"), minute: Some("brightness_ratio"),
    }
    /// The corners of the mouth go outwards and up, 0 (at rest) to 1.
    smile: Option<f32> {
        pointer: "/face_actions/smile",
        stored: Stored::permille("smile_permille"), summary: Some("face_actions.smile"),
    }
    /// The mouth grows wider and its corners do not go up, 0 (at rest) to 1.
    mouth_stretch: Option<f32> {
        pointer: "/face_actions/mouth_stretch",
        stored: Stored::permille("mouth_stretch_permille"),
        summary: Some("face_actions.mouth_stretch"),
    }
    /// The upper lip comes nearer to the nose, 0 (at rest) to 1.
    upper_lip_raise: Option<f32> {
        pointer: "/face_actions/upper_lip_raise",
        stored: Stored::permille("upper_lip_raise_permille"),
        summary: Some("face_actions.upper_lip_raise"),
    }
    /// Lower lip and chin go down, 0 (at rest) to 1.
    jaw_open: Option<f32> {
        pointer: "/face_actions/jaw_open",
        stored: Stored::permille("jaw_open_permille"), summary: Some("face_actions.jaw_open"),
    }
    /// The mouth grows narrower, 0 (at rest) to 1.
    lip_pucker: Option<f32> {
        pointer: "/face_actions/lip_pucker",
        stored: Stored::permille("lip_pucker_permille"),
        summary: Some("face_actions.lip_pucker"),
    }
    /// The brows go up, 0 (at rest) to 1.
    brow_up: Option<f32> {
        pointer: "/face_actions/brow_up",
        stored: Stored::permille("brow_up_permille"), summary: Some("face_actions.brow_up"),
    }
    /// The brows go down, 0 (at rest) to 1.
    brow_down: Option<f32> {
        pointer: "/face_actions/brow_down",
        stored: Stored::permille("brow_down_permille"), summary: Some("face_actions.brow_down"),
    }
    /// The lids are further apart, 0 (at rest) to 1; null while the eyes are shut.
    eye_wide: Option<f32> {
        pointer: "/face_actions/eye_wide",
        stored: Stored::permille("eye_wide_permille"), summary: Some("face_actions.eye_wide"),
    }
    /// The lower lids go up, 0 (at rest) to 1; null while the eyes are shut.
    eye_squint: Option<f32> {
        pointer: "/face_actions/eye_squint",
        stored: Stored::permille("eye_squint_permille"),
        summary: Some("face_actions.eye_squint"),
    }
    /// The cheeks go up, 0 (at rest) to 1.
    cheek_raise: Option<f32> {
        pointer: "/face_actions/cheek_raise",
        stored: Stored::permille("cheek_raise_permille"),
        summary: Some("face_actions.cheek_raise"),
    }
}
