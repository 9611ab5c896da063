//! [`PictureInput`]: the input and output format of a model that labels one picture, as data, so
//! that an operator can use another model without a change of code.

use serde::Deserialize;

/// How to show a picture to a model and how to read its answer.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PictureInput {
    /// Side of the square crop, px.
    pub size_px: usize,
    /// Order of the tensor's axes.
    #[serde(default)]
    pub layout: Layout,
    /// Which channels, in which order.
    #[serde(default)]
    pub colour: Colour,
    /// What to subtract from each channel's 0..255 (a model's 0..1 mean times 255).
    #[serde(default)]
    pub mean: Vec<f32>,
    /// What to divide by then (a model's 0..1 deviation times 255; 255 alone makes 0..1).
    #[serde(default)]
    pub std: Vec<f32>,
    /// What each value of the output stands for, in the model's own order.
    pub labels: Vec<String>,
    /// What the output's values are.
    #[serde(default)]
    pub output: PictureOutput,
    /// Divides log p: over 1 makes an over-sure model less sure. Default 1.
    #[serde(default = "one")]
    pub temperature: f32,
    /// Added to log p of each label, in the order of `labels`. Default none.
    #[serde(default)]
    pub bias: Vec<f32>,
    /// Share of neutral faces among those on which temperature and bias were fitted, so that the answers
    /// can be turned to another share; none where that is not known.
    #[serde(default)]
    pub neutral_share: Option<f32>,
    /// Side of the crop, as a multiple of the longer side of the landmarks' box. Default 1.1.
    #[serde(default = "default_crop_scale")]
    pub crop_scale: f32,
    /// How far the crop is moved towards the forehead, as a share of the box's height.
    #[serde(default)]
    pub crop_up_ratio: f32,
}

/// Order of the axes of an input tensor.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Channels before rows, as PyTorch has it.
    #[default]
    Nchw,
    /// Channels last, as TensorFlow has it.
    Nhwc,
}

/// Which channels a model reads.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Red first.
    #[default]
    Rgb,
    /// Blue first, as OpenCV has it.
    Bgr,
    /// Luma of BT.601, one channel.
    Grey,
}

/// What a classifier's output is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum PictureOutput {
    /// Before the softmax.
    #[default]
    Logits,
    /// After it.
    Probabilities,
}

impl PictureInput {
    /// How many channels the model reads.
    pub fn channels(&self) -> usize {
        match self.colour {
            Colour::Grey => 1,
            Colour::Rgb | Colour::Bgr => 3,
        }
    }

    /// The shape of the input tensor.
    pub fn shape(&self) -> Vec<usize> {
        let (size, channels) = (self.size_px, self.channels());
        match self.layout {
            Layout::Nchw => vec![1, channels, size, size],
            Layout::Nhwc => vec![1, size, size, channels],
        }
    }
}

fn one() -> f32 {
    1.0
}

fn default_crop_scale() -> f32 {
    1.1
}
