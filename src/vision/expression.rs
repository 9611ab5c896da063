//! The 7 expressions: models described by data, and their log-linear combination.

use std::{sync::Arc, time::Duration};

use super::{
    EXPRESSIONS, ExpressionChoice, Point,
    crop::{Crop, luma},
    landmarks::Mesh,
    pyramid::Sizes,
    to_f32,
};
use crate::{
    decode::Picture,
    error::{Error, ErrorKind, Result},
    inference::{
        Catalog, Colour, Layout, Model, ModelEntry, PictureInput, PictureOutput, Workspace,
    },
};

/// The catalog's names of the models that are combined.
const BUILTIN: [&str; 2] = ["expression", "expression_fer"];

/// Its place among the [`EXPRESSIONS`].
const NEUTRAL: usize = 6;
/// A change of expression is told to 63 % after this time, to 95 % after three times it: single frames
/// flicker at their noise, a smile takes half a second to come.
const TIME_CONSTANT: Duration = Duration::from_millis(400);
/// What was seen longer ago is not the beginning of what is seen now.
const SMOOTH_WITHIN: Duration = Duration::from_secs(3);

/// One probability for each of the [`EXPRESSIONS`].
pub type Probabilities = [f32; EXPRESSIONS.len()];

/// log p of each of the [`EXPRESSIONS`], but for a constant.
type Logits = [f32; EXPRESSIONS.len()];

/// What the models say of a face seen from one side.
///
/// They were taught on faces lit and turned as chance would have it and answer differently to a
/// mirror image; a face has no reason to. So what is reported is always the mean of both.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// It is the mirror image that was judged.
    pub is_mirrored: bool,
    logits: Logits,
}

/// Names the expression of a face. Clones share the models.
#[derive(Clone, Debug)]
pub struct ExpressionModels {
    models: Arc<[PictureModel]>,
    prior: Prior,
}

impl ExpressionModels {
    /// Loads what was chosen; `None` where that is nothing. The expressions of a face that is found in a
    /// picture are told for the `neutral_share` that is expected, where the models know their own.
    ///
    /// # Errors
    /// `Config` when a model cannot be loaded or its description does not fit it.
    pub fn load(
        catalog: &Catalog,
        choice: &ExpressionChoice,
        neutral_share: Option<f32>,
    ) -> Result<Option<Self>> {
        let models: Arc<[PictureModel]> = match choice {
            ExpressionChoice::Builtin => BUILTIN
                .iter()
                .map(|name| PictureModel::load(catalog, name, catalog.entry(name)?))
                .collect::<Result<_>>()?,
            ExpressionChoice::Own(entry) => {
                Arc::new([PictureModel::load(catalog, "expression", entry)?])
            }
            ExpressionChoice::Forbidden => return Ok(None),
        };
        let fitted = models.iter().find_map(|model| model.input.neutral_share);
        let prior =
            fitted.zip(neutral_share).map(|(fitted, expected)| Prior::new(fitted, expected));
        Ok(Some(ExpressionModels { models, prior: prior.unwrap_or_default() }))
    }

    /// What turns probabilities as the models give them to those that are told.
    pub fn prior(&self) -> Prior {
        self.prior
    }

    /// What one worker runs.
    pub fn runner(&self) -> ExpressionRunner {
        let workspaces = self.models.iter().map(|model| model.model.workspace());
        let (models, prior) = (self.models.clone(), self.prior);
        ExpressionRunner { models, prior, workspaces: workspaces.collect() }
    }

    /// What runs each of them.
    pub(super) fn runtimes(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(|model| model.model.runtime())
    }
}

/// The [`ExpressionModels`] as one worker runs them.
#[derive(Debug)]
pub struct ExpressionRunner {
    models: Arc<[PictureModel]>,
    prior: Prior,
    /// In the order of the models.
    workspaces: Vec<Workspace>,
}

impl ExpressionRunner {
    /// Judges the face that `mesh` found, or its mirror image; each model has its own crop.
    ///
    /// # Errors
    /// `Internal` when a model fails.
    pub(super) fn judge(
        &mut self,
        sizes: Sizes<'_>,
        mesh: &Mesh,
        is_mirrored: bool,
    ) -> Result<View> {
        let angle = mesh.eye_line_rad();
        let mut logits = self.combine(sizes, |input| {
            let (scale, up) = (input.crop_scale, input.crop_up_ratio);
            let crop = Crop::around(mesh.mesh_points(), angle, scale, up);
            let crop = if is_mirrored { crop.mirrored() } else { crop };
            crop.centred_for(input.size_px)
        })?;
        logits[NEUTRAL] += self.prior.log_odds;
        Ok(View { is_mirrored, logits })
    }

    /// Judges a picture that is a tight, upright crop of a face already, for the share of neutral faces
    /// on which the models were fitted.
    ///
    /// # Errors
    /// `Internal` when a model fails.
    pub fn judge_aligned(&mut self, picture: &Picture) -> Result<Probabilities> {
        let (width, height) =
            (to_f32(picture.width_px as usize), to_f32(picture.height_px as usize));
        let middle = Point { x: (width - 1.0) / 2.0, y: (height - 1.0) / 2.0 };
        let crop = Crop::new(middle, width.max(height), 0.0);
        let sizes = Sizes::full(picture);
        let mut judge =
            |crop: Crop| self.combine(sizes, |input| crop.centred_for(input.size_px));
        Ok(mean(judge(crop)?, judge(crop.mirrored())?))
    }

    /// The sum over the models of log p / temperature + bias.
    fn combine(
        &mut self,
        sizes: Sizes<'_>,
        crop_for: impl Fn(&PictureInput) -> Crop,
    ) -> Result<Logits> {
        let mut logits = [0.0; EXPRESSIONS.len()];
        for (model, workspace) in self.models.iter().zip(&mut self.workspaces) {
            let terms = model.judge(workspace, sizes, crop_for(&model.input))?;
            logits.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        }
        Ok(logits)
    }
}

impl View {
    /// What this view and that of the other side come to.
    pub(super) fn and(&self, other: &View) -> Probabilities {
        mean(self.logits, other.logits)
    }
}

/// Turns the probabilities of a model that was fitted where one share of the faces was neutral into those
/// for another share (Saerens et al. 2002, "Adjusting the outputs of a classifier to new a priori
/// probabilities"); the other expressions keep their shares among each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prior {
    /// Added to the log odds of neutral.
    log_odds: f32,
}

impl Prior {
    fn new(fitted: f32, expected: f32) -> Self {
        let log_odds = |share: f32| (share / (1.0 - share)).ln();
        Prior { log_odds: log_odds(expected) - log_odds(fitted) }
    }

    /// Applies it.
    pub fn apply(&self, probabilities: &Probabilities) -> Probabilities {
        let mut logits = probabilities.map(|p| p.max(1e-9).ln());
        logits[NEUTRAL] += self.log_odds;
        softmax(logits)
    }
}

/// The expression of a face as it is told: what single frames say, with their flicker taken out.
#[derive(Clone, Debug)]
pub(super) struct Smoothed {
    probabilities: Probabilities,
    at: Duration,
    /// Whose it is.
    person: u64,
}

impl Smoothed {
    /// What is known first.
    pub(super) fn begin(person: u64, at: Duration, probabilities: Probabilities) -> Self {
        Smoothed { probabilities, at, person }
    }

    /// Goes on with the next frame, or begins anew with another person or after a while.
    pub(super) fn go_on(
        &mut self,
        person: u64,
        at: Duration,
        seen: Probabilities,
    ) -> Probabilities {
        let passed = at.checked_sub(self.at).filter(|passed| *passed < SMOOTH_WITHIN);
        if let Some(passed) = passed.filter(|_| self.person == person) {
            let share = 1.0 - (-passed.as_secs_f32() / TIME_CONSTANT.as_secs_f32()).exp();
            for (smoothed, seen) in self.probabilities.iter_mut().zip(seen) {
                *smoothed += (seen - *smoothed) * share;
            }
            self.at = at;
        } else {
            *self = Smoothed::begin(person, at, seen);
        }
        self.probabilities
    }
}

/// softmax of the mean of two views.
fn mean(a: Logits, b: Logits) -> Probabilities {
    softmax(std::array::from_fn(|i| f32::midpoint(a[i], b[i])))
}

/// A model and what its catalog entry says about its input and labels.
#[derive(Debug)]
struct PictureModel {
    model: Model,
    input: PictureInput,
    /// Subtracted from, then multiplied with each channel.
    mean: Vec<f32>,
    scale: Vec<f32>,
    /// For each output value: which of the [`EXPRESSIONS`] it is, and its bias.
    labels: Vec<(usize, f32)>,
}

impl PictureModel {
    fn load(catalog: &Catalog, name: &str, entry: &ModelEntry) -> Result<Self> {
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
    fn judge(&self, workspace: &mut Workspace, sizes: Sizes<'_>, crop: Crop) -> Result<Logits> {
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
        && input.bias.iter().all(|bias| bias.is_finite());
    if !in_range {
        return Err("size_px must be 1..1024, std not 0, temperature 0.01..100, crop_scale \
                    0.1..10, crop_up_ratio -1..1, and all numbers finite"
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

fn log_sum_exp(values: &[f32]) -> f32 {
    let max = values.iter().copied().fold(f32::MIN, f32::max);
    max + values.iter().map(|value| (value - max).exp()).sum::<f32>().ln()
}

fn softmax(logits: Logits) -> Probabilities {
    let log_sum = log_sum_exp(&logits);
    logits.map(|logit| (logit - log_sum).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sure_of(label: usize, probability: f32) -> Probabilities {
        let mut probabilities = [(1.0 - probability) / 6.0; 7];
        probabilities[label] = probability;
        probabilities
    }

    #[test]
    fn the_place_of_neutral_is_that_of_its_name() {
        assert_eq!(EXPRESSIONS[NEUTRAL], "neutral");
    }

    #[test]
    fn a_prior_turns_the_odds_of_neutral_and_of_nothing_else() {
        // From 1 in 5 to 1 in 2 the odds of neutral grow fourfold.
        let before = [0.3, 0.0, 0.1, 0.2, 0.1, 0.1, 0.2];
        let after = Prior::new(0.2, 0.5).apply(&before);
        assert!((after[NEUTRAL] - 0.5).abs() < 1e-4, "{after:?}");
        assert!((after[0] / after[3] - 1.5).abs() < 1e-4 && after[1] < 1e-6, "{after:?}");
        let same = Prior::default().apply(&before);
        assert!(same.iter().zip(before).all(|(a, b)| (a - b).abs() < 1e-6), "{same:?}");
    }

    #[test]
    fn a_change_is_told_to_two_thirds_within_the_time_constant() {
        let ms = Duration::from_millis;
        // At any rate of frames.
        for step in [40, 100, 200] {
            let mut told = Smoothed::begin(1, ms(0), sure_of(NEUTRAL, 0.9));
            let mut happy = 0.0;
            for at in (step..=400).step_by(usize::try_from(step).unwrap_or(400)) {
                happy = told.go_on(1, ms(at), sure_of(3, 0.9))[3];
            }
            let share = (happy - 0.1 / 6.0) / (0.9 - 0.1 / 6.0);
            assert!((share - 0.632).abs() < 1e-3, "{step}: {share}");
            let sum: f32 = told.probabilities.iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        }
    }

    #[test]
    fn another_person_and_another_time_begin_anew() {
        let ms = Duration::from_millis;
        let mut told = Smoothed::begin(1, ms(0), sure_of(NEUTRAL, 0.9));
        let happy = sure_of(3, 0.9);
        assert_eq!(told.go_on(2, ms(40), happy).map(f32::to_bits), happy.map(f32::to_bits));
        let sad = sure_of(4, 0.9);
        assert_eq!(told.go_on(2, ms(3040), sad).map(f32::to_bits), sad.map(f32::to_bits));
        assert_eq!(told.go_on(2, ms(0), happy).map(f32::to_bits), happy.map(f32::to_bits));
    }
}
