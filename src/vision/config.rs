//! [`VisionConfig`]: the configuration of the face analysis, with real types.

use std::time::Duration;

use crate::inference::ModelEntry;

/// How faces are detected and judged.
#[derive(Clone, Debug, PartialEq)]
pub struct VisionConfig {
    /// A detection counts from this score on, 0..1.
    pub detector_threshold: f32,
    /// The landmark model's own presence probability must reach this, 0..1.
    pub presence_threshold: f32,
    /// While a face is tracked, the detector still runs this often, so that further faces are
    /// counted and a person who sits down in front takes over.
    pub redetect_interval: Duration,
    /// The lips are refined by a model of their own, as the eyes are.
    pub refine_lips: bool,
    /// Horizontal angle of view of the camera; head pose needs the true direction of a face
    /// that is not in the middle of the picture.
    pub hfov_deg: f32,
    /// How long an expression may be reused on the same track while its crop hardly changes;
    /// zero never reuses. The default has a still face judged again once a second.
    pub expression_cache: Duration,
    /// Below these an expression is withheld.
    pub quality: QualityFloors,
    /// The share of neutral faces that is expected, 0..1 (not 0 or 1); `None` leaves it as in the faces on
    /// which the models were fitted.
    pub neutral_share: Option<f32>,
    /// Which models classify the expression.
    pub expression: ExpressionChoice,
}

/// Under any of these floors the expression is `None` and the verdict gives the reason.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QualityFloors {
    /// Mean luminance of the face, 0..1.
    pub brightness: f32,
    /// Variance of the Laplacian of the face at 96 px, in grey levels squared.
    pub sharpness: f32,
    /// Distance of the outer eye corners, px.
    pub inter_ocular_px: f32,
}

/// Which models classify the expression.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ExpressionChoice {
    /// boothd's two, combined.
    #[default]
    Builtin,
    /// One of the operator's; its entry must describe its `picture`.
    Own(Box<ModelEntry>),
    /// None: the policy forbids it, so that no model is loaded.
    Forbidden,
}

impl Default for VisionConfig {
    fn default() -> Self {
        VisionConfig {
            detector_threshold: 0.5,
            presence_threshold: 0.5,
            redetect_interval: Duration::from_secs(2),
            refine_lips: true,
            hfov_deg: 60.0,
            expression_cache: Duration::from_secs(1),
            neutral_share: Some(0.5),
            quality: QualityFloors::default(),
            expression: ExpressionChoice::Builtin,
        }
    }
}

impl Default for QualityFloors {
    fn default() -> Self {
        QualityFloors { brightness: 0.12, sharpness: 8.0, inter_ocular_px: 20.0 }
    }
}
