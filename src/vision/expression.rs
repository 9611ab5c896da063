//! The 7 expressions: a log-linear combination of models, the share of neutral faces that is expected, and
//! what is reported over several frames.

use std::{sync::Arc, time::Duration};

use super::{
    EXPRESSIONS, ExpressionChoice, Point,
    crop::Crop,
    landmarks::Mesh,
    picture_model::{Logits, PictureModel, log_sum_exp},
    pyramid::Sizes,
    to_f32,
};
use crate::{
    decode::Picture,
    error::Result,
    inference::{Catalog, PictureInput, Workspace},
};

/// The catalog's names of the models that are combined.
const BUILTIN: [&str; 2] = ["expression", "expression_fer"];

/// Its place among the [`EXPRESSIONS`].
const NEUTRAL: usize = 6;
/// A change of expression is reported to 63 % after this time, to 95 % after three times it: single frames
/// flicker at their noise, a smile takes half a second to come.
const TIME_CONSTANT: Duration = Duration::from_millis(400);
/// What was seen longer ago is not the beginning of what is seen now.
const SMOOTH_WITHIN: Duration = Duration::from_secs(3);

/// One probability for each of the [`EXPRESSIONS`].
pub type Probabilities = [f32; EXPRESSIONS.len()];

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
    /// picture are reported for the `neutral_share` that is expected, where the models know their own.
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
        let mut loaded = ExpressionModels { models, prior: Prior::default() };
        loaded.prior = loaded.prior_for(neutral_share);
        Ok(Some(loaded))
    }

    /// What turns probabilities as the models give them into those for an expected share of neutral
    /// faces; nothing where either share is not known.
    pub fn prior_for(&self, neutral_share: Option<f32>) -> Prior {
        let fitted = self.models.iter().find_map(|model| model.input.neutral_share);
        let prior = fitted.zip(neutral_share);
        prior.map(|(fitted, expected)| Prior::new(fitted, expected)).unwrap_or_default()
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

/// The expression of a face as it is reported: what single frames say, with their flicker taken out.
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
    fn a_change_is_reported_to_two_thirds_within_the_time_constant() {
        let ms = Duration::from_millis;
        // At any rate of frames.
        for step in [40, 100, 200] {
            let mut smoothed = Smoothed::begin(1, ms(0), sure_of(NEUTRAL, 0.9));
            let mut happy = 0.0;
            for at in (step..=400).step_by(usize::try_from(step).unwrap_or(400)) {
                happy = smoothed.go_on(1, ms(at), sure_of(3, 0.9))[3];
            }
            let share = (happy - 0.1 / 6.0) / (0.9 - 0.1 / 6.0);
            assert!((share - 0.632).abs() < 1e-3, "{step}: {share}");
            let sum: f32 = smoothed.probabilities.iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        }
    }

    #[test]
    fn another_person_and_another_time_begin_anew() {
        let ms = Duration::from_millis;
        let mut smoothed = Smoothed::begin(1, ms(0), sure_of(NEUTRAL, 0.9));
        let happy = sure_of(3, 0.9);
        assert_eq!(smoothed.go_on(2, ms(40), happy).map(f32::to_bits), happy.map(f32::to_bits));
        let sad = sure_of(4, 0.9);
        assert_eq!(smoothed.go_on(2, ms(3040), sad).map(f32::to_bits), sad.map(f32::to_bits));
        assert_eq!(smoothed.go_on(2, ms(0), happy).map(f32::to_bits), happy.map(f32::to_bits));
    }
}
