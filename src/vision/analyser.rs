//! [`FaceAnalyser`]: one frame through all steps.

use std::time::Duration;

use super::{
    Expression, Face, FaceModels, FaceObservation, FaceQuality, FaceTrack, QualityVerdict,
    VisionConfig, VisionTiming,
    crop::Crop,
    detector::{self, Detection},
    gaze, head_pose,
    landmarks::Mesh,
    quality::{self, GreyFace},
    track::{self, KnownExpression},
};
use crate::{
    cost::{Cost, Stopwatch},
    decode::Picture,
    error::Result,
    features::Features,
    media::Frame,
};

/// A crop whose landmarks moved or grew by more than this share of its side is looked at again.
const SETTLED_RATIO: f32 = 0.15;
/// The same for its turn.
const SETTLED_RAD: f32 = 0.26;

/// Analyses frames, one at a time. Each worker has its own; the models are shared.
#[derive(Clone, Debug)]
pub struct FaceAnalyser {
    models: FaceModels,
    config: VisionConfig,
    picture: Picture,
    grey: GreyFace,
}

/// What was found on a frame.
struct Located {
    mesh: Option<Mesh>,
    detected_anew: bool,
}

impl FaceAnalyser {
    /// An analyser with its own buffers.
    pub fn new(models: FaceModels, config: VisionConfig) -> Self {
        FaceAnalyser { models, config, picture: Picture::default(), grey: GreyFace::default() }
    }

    /// Looks at one frame of the stream whose memory is `track`.
    ///
    /// # Errors
    /// `InvalidInput` when the frame is no picture; `track` is then as before. `Internal` when
    /// a model fails.
    pub fn observe(
        &mut self,
        frame: &Frame,
        track: &mut FaceTrack,
        features: Features,
    ) -> Result<FaceObservation> {
        let mut stopwatch = Stopwatch::start();
        let mut timing = VisionTiming::default();
        timed(&mut timing.decode, || self.picture.decode(frame))?;
        let located = self.locate(frame.captured_at, track, &mut timing)?;
        let face = match located.mesh {
            Some(mesh) => {
                Some(self.describe(mesh, frame.captured_at, track, features, &mut timing)?)
            }
            None => None,
        };
        timing.total = stopwatch.lap();
        Ok(FaceObservation {
            sequence: frame.sequence,
            captured_at: frame.captured_at,
            unix_ms: frame.unix_ms,
            width_px: self.picture.width_px,
            height_px: self.picture.height_px,
            brightness: quality::brightness(&self.picture),
            face_count: track.face_count,
            face,
            detected_anew: located.detected_anew,
            timing,
        })
    }

    /// Looks at a single picture, with no memory of others.
    ///
    /// # Errors
    /// As [`FaceAnalyser::observe`].
    pub fn observe_still(&mut self, frame: &Frame) -> Result<FaceObservation> {
        self.observe(frame, &mut FaceTrack::default(), Features::ALL)
    }

    /// Follows the face, or looks for one.
    fn locate(
        &self,
        now: Duration,
        track: &mut FaceTrack,
        timing: &mut VisionTiming,
    ) -> Result<Located> {
        let tracked = match &track.followed {
            Some(followed) => self.find_mesh(followed.crop, timing)?,
            None => None,
        };
        let interval = self.config.redetect_interval;
        if tracked.is_some() && !track.is_detection_due(now, interval) {
            track.follow(tracked.as_ref().expect("just seen"), false);
            return Ok(Located { mesh: tracked, detected_anew: false });
        }
        let detections = timed(&mut timing.detect, || {
            let threshold = self.config.detector_threshold;
            detector::detect(&self.models.detector, &self.picture, threshold)
        })?;
        track.detected_at = Some(now);
        track.face_count = u32::try_from(detections.len()).unwrap_or(u32::MAX);
        let mesh = match tracked {
            Some(mesh) => Some(self.defend(mesh, &detections, track, timing)?),
            None => self.acquire(&detections, track, timing)?,
        };
        Ok(Located { mesh, detected_anew: true })
    }

    /// The tracked face stays unless a much larger one has appeared elsewhere.
    fn defend(
        &self,
        tracked: Mesh,
        detections: &[Detection],
        track: &mut FaceTrack,
        timing: &mut VisionTiming,
    ) -> Result<Mesh> {
        track.face_count = track.face_count.max(1);
        if let Some(rival) = track::rival(detections, &tracked.bbox())
            && let Some(mesh) = self.find_mesh(rival.crop(), timing)?
        {
            track.follow(&mesh, true);
            return Ok(mesh);
        }
        track.follow(&tracked, false);
        Ok(tracked)
    }

    /// The best detection in which the landmark model sees a face too.
    fn acquire(
        &self,
        detections: &[Detection],
        track: &mut FaceTrack,
        timing: &mut VisionTiming,
    ) -> Result<Option<Mesh>> {
        let last = track.followed.as_ref().map(|followed| followed.bbox);
        for candidate in track::candidates(detections, last.as_ref()) {
            if let Some(mesh) = self.find_mesh(candidate.crop(), timing)? {
                let is_same = last.is_some_and(|last| track::is_near(&mesh.bbox(), &last));
                track.follow(&mesh, !is_same);
                return Ok(Some(mesh));
            }
            track.face_count -= 1;
        }
        track.lose();
        Ok(None)
    }

    /// Landmarks in `crop`, looked at a second time where the first look shows that the crop
    /// was off; `None` when the model sees no face.
    fn find_mesh(&self, crop: Crop, timing: &mut VisionTiming) -> Result<Option<Mesh>> {
        timed(&mut timing.landmarks, || {
            let is_face = |mesh: &Mesh| mesh.presence >= self.config.presence_threshold;
            let mesh = Mesh::find(&self.models.mesh, &self.picture, crop)?;
            if !is_face(&mesh) || is_settled(&crop, &mesh.next_crop()) {
                return Ok(Some(mesh).filter(is_face));
            }
            let again = Mesh::find(&self.models.mesh, &self.picture, mesh.next_crop())?;
            Ok(Some(again).filter(is_face))
        })
    }

    /// Everything about a face whose mesh is known.
    fn describe(
        &mut self,
        mut mesh: Mesh,
        now: Duration,
        track: &mut FaceTrack,
        features: Features,
        timing: &mut VisionTiming,
    ) -> Result<Face> {
        if features.gaze {
            timed(&mut timing.iris, || mesh.find_irises(&self.models.iris, &self.picture))?;
        }
        let bbox = mesh.bbox();
        let (head_pose, gaze, quality) = timed(&mut timing.geometry, || {
            let turn = self.models.canonical_face.fit(&mesh.points);
            let gaze = gaze::gaze(&mesh.points, &turn).filter(|_| features.gaze);
            let hfov_deg = self.config.hfov_deg;
            let turn =
                head_pose::relative_to_camera(&turn, bbox.centre(), &self.picture, hfov_deg);
            let head_pose = Some(head_pose::angles(&turn)).filter(|_| features.head_pose);
            self.grey.look(&self.picture, &mesh);
            let quality = self.grey.judge(mesh.inter_ocular_px(), &self.config.quality);
            (head_pose, gaze, quality)
        });
        let expression = timed(&mut timing.expression, || {
            self.expression(&mesh, now, track, &quality, features)
        })?;
        Ok(Face {
            track: track.followed.as_ref().map_or(0, |followed| followed.id),
            bbox,
            presence: mesh.presence,
            head_pose,
            gaze,
            eye_aspect_ratio: gaze::eye_aspect_ratio(&mesh.points),
            mouth_open_ratio: gaze::mouth_open_ratio(&mesh.points),
            expression,
            quality,
            landmarks: mesh.points,
        })
    }

    /// The expression, reused where the face has hardly changed, withheld where it cannot be
    /// seen well enough.
    fn expression(
        &self,
        mesh: &Mesh,
        now: Duration,
        track: &mut FaceTrack,
        quality: &FaceQuality,
        features: Features,
    ) -> Result<Option<Expression>> {
        if !features.face_emotion || quality.verdict != QualityVerdict::Good {
            if let Some(followed) = &mut track.followed {
                followed.expression = None;
            }
            return Ok(None);
        }
        let limit = self.config.expression_cache;
        let thumbnail = self.grey.thumbnail();
        if let Some(probabilities) = track.known_expression(now, limit, &thumbnail) {
            return Ok(Some(Expression { probabilities, cached: true }));
        }
        let probabilities = self.models.expression.judge(&self.picture, mesh)?;
        if let Some(followed) = &mut track.followed {
            let known = KnownExpression { probabilities, computed_at: now, thumbnail };
            followed.expression = Some(known);
        }
        Ok(Some(Expression { probabilities, cached: false }))
    }
}

/// Whether the landmarks sit where the crop promised.
fn is_settled(used: &Crop, next: &Crop) -> bool {
    let moved = (next.centre.x - used.centre.x).hypot(next.centre.y - used.centre.y);
    let grown = (next.side_px - used.side_px).abs();
    let turned = (next.angle_rad - used.angle_rad).sin().abs();
    moved.max(grown) < SETTLED_RATIO * used.side_px && turned < SETTLED_RAD
}

fn timed<T>(spent: &mut Cost, step: impl FnOnce() -> T) -> T {
    let mut stopwatch = Stopwatch::start();
    let done = step();
    *spent += stopwatch.lap();
    done
}
