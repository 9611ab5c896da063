//! [`FaceModels`]: all models of the face, loaded once and shared read-only by the workers.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use super::{
    VisionConfig, expression::ExpressionModels, head_pose::CanonicalFace,
    landmarks::LandmarkModels,
};
use crate::{
    error::{Error, ErrorKind, Result},
    inference::{Catalog, Model},
};

/// The models of the face. Clones share them.
#[derive(Clone, Debug)]
pub struct FaceModels {
    pub(super) detector: Model,
    pub(super) landmarks: LandmarkModels,
    /// `None` where the policy forbids it.
    pub(super) expression: Option<ExpressionModels>,
    pub(super) canonical_face: CanonicalFace,
    load_times: Vec<(&'static str, Duration)>,
}

impl FaceModels {
    /// Checks and loads the models, on one thread each: the start waits for the slowest only.
    ///
    /// # Errors
    /// `Config` when a model is missing, changed, or cannot be run.
    pub fn load(catalog: &Catalog, config: &VisionConfig) -> Result<Self> {
        let load = |name: &'static str| move || timed(name, || catalog.load(name));
        thread::scope(|scope| {
            let spawn = |job| {
                thread::Builder::new()
                    .name("load-model".into())
                    .spawn_scoped(scope, job)
                    .map_err(|cause| {
                        Error::new(ErrorKind::Exhausted, "no thread to load models on")
                            .because(cause)
                    })
            };
            // The slowest first.
            let face = spawn(load("face_landmarks"))?;
            let left = spawn(load("left_eye"))?;
            let right = spawn(load("right_eye"))?;
            let lips = if config.refine_lips { Some(spawn(load("lips"))?) } else { None };
            let detector = spawn(load("face_detector"))?;
            let expression = timed("expression", || {
                let share = config.neutral_share;
                ExpressionModels::load(catalog, &config.expression, share)
            });
            let canonical_face = CanonicalFace::read()?;
            let (face, face_time) = join(face)?;
            let (left, left_time) = join(left)?;
            let (right, right_time) = join(right)?;
            let lips = lips.map(join).transpose()?;
            let (detector, detector_time) = join(detector)?;
            let (expression, expression_time) = expression?;
            let mut load_times =
                vec![detector_time, face_time, left_time, right_time, expression_time];
            let lips = lips.map(|(lips, time)| {
                load_times.push(time);
                lips
            });
            let landmarks = LandmarkModels { face, eyes: [left, right], lips };
            Ok(FaceModels { detector, landmarks, expression, canonical_face, load_times })
        })
    }

    /// What runs them, such as `tract`; more than one where a model needed another.
    pub fn runtimes(&self) -> String {
        let [left, right] = &self.landmarks.eyes;
        let face = [&self.detector, &self.landmarks.face, left, right];
        let face = face.into_iter().chain(&self.landmarks.lips).map(Model::runtime);
        let expression = self.expression.iter().flat_map(ExpressionModels::runtimes);
        let all: BTreeSet<&str> = face.chain(expression).collect();
        all.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// How long each took to load; they load beside each other.
    pub fn load_times(&self) -> &[(&'static str, Duration)] {
        &self.load_times
    }

    /// What names the expression, for judging pictures that are tight crops already; `None`
    /// where the policy forbids it.
    pub fn expression(&self) -> Option<&ExpressionModels> {
        self.expression.as_ref()
    }
}

type Timed<T> = (T, (&'static str, Duration));

fn timed<T>(name: &'static str, load: impl FnOnce() -> Result<T>) -> Result<Timed<T>> {
    let began = Instant::now();
    Ok((load()?, (name, began.elapsed())))
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
