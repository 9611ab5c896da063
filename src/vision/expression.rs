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

/// Maximum age of a look that counts. A frame costs one look at 7 frames a second and more, and two on
/// average at 2.
const LOOK_LIMIT: Duration = Duration::from_millis(600);

/// One probability for each of the [`EXPRESSIONS`].
pub type Probabilities = [f32; EXPRESSIONS.len()];

/// The face as it is, and its mirror image.
const SIDES: usize = 2;

/// The answer of each model to a face and to its mirror image, and when it was given.
///
/// The models were taught on faces lit and turned as chance would have it and answer differently to a
/// mirror image; a face has no reason to. So what is reported is always the mean of both. In a stream
/// the looks are taken in turn, since a face hardly changes from one picture to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looks([Option<Look>; SIDES * BUILTIN.len()]);

#[derive(Clone, Copy, Debug)]
struct Look {
    logits: Logits,
    at: Duration,
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
    /// Judges the face that `mesh` found at `now`: renews the looks that are too old, at least the oldest
    /// one. Each model has its own crop.
    ///
    /// # Errors
    /// `Internal` when a model fails.
    pub(super) fn judge(
        &mut self,
        sizes: Sizes<'_>,
        mesh: &Mesh,
        looks: &mut Looks,
        now: Duration,
    ) -> Result<Probabilities> {
        let angle = mesh.eye_line_rad();
        let mut logits = self.look(sizes, looks, now, |input| {
            Crop::around(mesh.mesh_points(), angle, input.crop_scale, input.crop_up_ratio)
        })?;
        logits[NEUTRAL] += self.prior.log_odds;
        Ok(softmax(logits))
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
        let (sizes, mut looks) = (Sizes::full(picture), Looks::default());
        Ok(softmax(self.look(sizes, &mut looks, Duration::ZERO, |_| crop)?))
    }

    /// Renews the looks; what they come to.
    fn look(
        &mut self,
        sizes: Sizes<'_>,
        looks: &mut Looks,
        now: Duration,
        crop_for: impl Fn(&PictureInput) -> Crop,
    ) -> Result<Logits> {
        let Self { models, workspaces, .. } = self;
        looks.renew(models.len(), now, |index, is_mirrored| {
            let (model, workspace) = (&models[index], &mut workspaces[index]);
            let crop = crop_for(&model.input);
            let crop = if is_mirrored { crop.mirrored() } else { crop };
            model.judge(workspace, sizes, crop.centred_for(model.input.size_px))
        })?;
        Ok(looks.logits())
    }
}

impl Looks {
    /// Repeats each look that is too old at `now`, or if none is, the oldest:
    /// `judge(model, is_mirrored)`.
    fn renew(
        &mut self,
        models: usize,
        now: Duration,
        mut judge: impl FnMut(usize, bool) -> Result<Logits>,
    ) -> Result<()> {
        let age = |look: &Option<Look>| {
            let age = look.and_then(|look| now.checked_sub(look.at));
            age.filter(|age| *age < LOOK_LIMIT).unwrap_or(Duration::MAX)
        };
        let looks = &mut self.0[..SIDES * models];
        let oldest = looks.iter().map(age).max().unwrap_or_default();
        for (place, look) in looks.iter_mut().enumerate() {
            if age(look) == oldest {
                let (round, model) = (place / models, place % models);
                // Two looks that follow one another are another model's and another side's.
                let is_mirrored = (round + model) % SIDES == 1;
                *look = Some(Look { logits: judge(model, is_mirrored)?, at: now });
                if oldest < Duration::MAX {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The sum over the models of log p / temperature + bias, of both sides in the mean.
    fn logits(&self) -> Logits {
        let mut logits = [0.0; EXPRESSIONS.len()];
        for look in self.0.iter().flatten() {
            logits.iter_mut().zip(look.logits).for_each(|(sum, term)| *sum += term);
        }
        logits.map(|sum| sum / to_f32(SIDES))
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

/// The expression of a face as it is reported: the results of single frames without their flicker.
#[derive(Clone, Debug)]
pub(super) struct Smoothed {
    probabilities: Probabilities,
    at: Duration,
    person: u64,
}

impl Smoothed {
    /// What is known first.
    pub(super) fn begin(person: u64, at: Duration, probabilities: Probabilities) -> Self {
        Smoothed { probabilities, at, person }
    }

    /// Goes on with the next frame, or starts again with another person or after a while.
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

fn softmax(logits: Logits) -> Probabilities {
    let log_sum = log_sum_exp(&logits);
    logits.map(|logit| (logit - log_sum).exp())
}

#[cfg(test)]
mod tests;
