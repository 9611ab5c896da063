//! [`PictureModel`]: a network that labels one face, shown to it as its catalog entry describes.

use super::{
    EXPRESSIONS,
    crop::{Crop, luma},
    pyramid::Sizes,
};
use crate::{
    error::{Error, ErrorKind, Result},
    inference::{
        Catalog, Colour, Layout, Model, ModelEntry, PictureInput, PictureOutput, Workspace,
    },
};

/// log p of each of the [`EXPRESSIONS`], but for a constant.
pub(super) type Logits = [f32; EXPRESSIONS.len()];

/// A model with its input and labels, by its catalog entry.
#[derive(Debug)]
pub(super) struct PictureModel {
    pub(super) model: Model,
    pub(super) input: PictureInput,
    /// Subtracted from, then multiplied with each channel.
    mean: Vec<f32>,
    scale: Vec<f32>,
    /// For each output value: which of the [`EXPRESSIONS`] it is, and its bias.
    labels: Vec<(usize, f32)>,
}

impl PictureModel {
    pub(super) fn load(catalog: &Catalog, name: &str, entry: &ModelEntry) -> Result<Self> {
        let wrong = |what: String| {
            let file = entry.file.display();
            Error::new(ErrorKind::Config, format!("expression model {name} ({file}): {what}"))
        };
        let input = entry.picture.clone().ok_or_else(|| {
            wrong("its entry lacks `picture`, which describes input and labels".to_owned())
        })?;
        let labels = check(&input).map_err(wrong)?;
        let model = catalog.load_entry(name, entry)?;
        let per_channel = |values: &[f32], default: f32| match values {
            [] => vec![default; input.channels()],
            values => values.to_vec(),
        };
        let mean = per_channel(&input.mean, 0.0);
        let scale = per_channel(&input.std, 1.0).iter().map(|std| 1.0 / std).collect();
        let loaded = PictureModel { model, mean, scale, labels, input };
        let values = loaded.model.run(|_, _| ())?.values(0).len();
        if values != loaded.labels.len() {
            let expected = loaded.labels.len();
            return Err(wrong(format!("it gives {values} values for {expected} labels")));
        }
        Ok(loaded)
    }

    /// log p / temperature + bias of each of the [`EXPRESSIONS`].
    pub(super) fn judge(
        &self,
        workspace: &mut Workspace,
        sizes: Sizes<'_>,
        crop: Crop,
    ) -> Result<Logits> {
        let fill = |_, tensor: &mut [f32]| self.fill(sizes, crop, tensor);
        let outputs = self.model.run_in(workspace, fill)?;
        let values = outputs.values(0);
        let log_sum = match self.input.output {
            PictureOutput::Logits => log_sum_exp(values),
            PictureOutput::Probabilities => 0.0,
        };
        let mut terms = [0.0; EXPRESSIONS.len()];
        for (value, &(label, bias)) in values.iter().zip(&self.labels) {
            let log_p = match self.input.output {
                PictureOutput::Logits => value - log_sum,
                // What a float softmax rounds to 0 is not impossible.
                PictureOutput::Probabilities => value.max(1e-9).ln(),
            };
            terms[label] = log_p / self.input.temperature + bias;
        }
        Ok(terms)
    }

    fn fill(&self, sizes: Sizes<'_>, crop: Crop, tensor: &mut [f32]) {
        let (size, channels) = (self.input.size_px, self.input.channels());
        let (pixel, channel) = match self.input.layout {
            Layout::Nchw => (1, size * size),
            Layout::Nhwc => (channels, 1),
        };
        let mut put = |at: usize, value: f32| tensor[at] = value;
        crop.samples(sizes, size).each(|index, colour| {
            let [red, green, blue] = colour;
            let colour = match self.input.colour {
                Colour::Rgb => colour,
                Colour::Bgr => [blue, green, red],
                Colour::Grey => [luma(colour); 3],
            };
            for (i, (mean, scale)) in self.mean.iter().zip(&self.scale).enumerate() {
                put(index * pixel + i * channel, (colour[i] - mean) * scale);
            }
        });
    }
}

/// Checks a description and gives, for each output value, which expression it is and its bias.
fn check(input: &PictureInput) -> std::result::Result<Vec<(usize, f32)>, String> {
    let channels = input.channels();
    for (name, values) in [("mean", &input.mean), ("std", &input.std)] {
        if !values.is_empty() && values.len() != channels {
            let count = values.len();
            return Err(format!("{name} has {count} values for {channels} channels"));
        }
    }
    let in_range = (1..=1024).contains(&input.size_px)
        && input.std.iter().all(|std| std.is_normal())
        && input.mean.iter().all(|mean| mean.is_finite())
        && (0.01..=100.0).contains(&input.temperature)
        && (0.1..=10.0).contains(&input.crop_scale)
        && (-1.0..=1.0).contains(&input.crop_up_ratio)
        && input.neutral_share.is_none_or(|share| (0.001..=0.999).contains(&share))
        && input.bias.iter().all(|bias| bias.is_finite());
    if !in_range {
        return Err("size_px must be 1..1024, std not 0, temperature 0.01..100, crop_scale \
                    0.1..10, crop_up_ratio -1..1, neutral_share 0.001..0.999, and all numbers finite"
            .to_owned());
    }
    if !input.bias.is_empty() && input.bias.len() != input.labels.len() {
        return Err("bias must have one value for each label, or none".to_owned());
    }
    let known = EXPRESSIONS.join(", ");
    let mut labels = Vec::with_capacity(input.labels.len());
    for (i, label) in input.labels.iter().enumerate() {
        let Some(index) = EXPRESSIONS.iter().position(|known| known == label) else {
            return Err(format!("label `{label}` is none of the expressions {known}"));
        };
        if labels.iter().any(|&(seen, _)| seen == index) {
            return Err(format!("label `{label}` stands twice"));
        }
        labels.push((index, input.bias.get(i).copied().unwrap_or_default()));
    }
    if labels.len() != EXPRESSIONS.len() {
        return Err(format!("labels must name each of {known} once"));
    }
    Ok(labels)
}

pub(super) fn log_sum_exp(values: &[f32]) -> f32 {
    let max = values.iter().copied().fold(f32::MIN, f32::max);
    max + values.iter().map(|value| (value - max).exp()).sum::<f32>().ln()
}
