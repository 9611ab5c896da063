//! [`FaceAnalyser`]: one frame through all steps.

use std::time::Duration;

use super::{
    Covered, Expression, Face, FaceModels, FaceObservation, FaceQuality, FaceTrack,
    QualityVerdict, VisionConfig, VisionTiming,
    camera::Camera,
    crop::Crop,
    detector::{Detection, Detector},
    expression::{ExpressionModels, ExpressionRunner, Looks},
    face_actions::FaceMeasures,
    gaze,
    head_pose::CanonicalFace,
    landmarks::{LandmarkRunners, Mesh},
    occlusion,
    pyramid::Pyramid,
    quality::{self, FaceCrop},
    rotation::{Rotation, angles, multiply},
    stillness::Shape,
    track::{self, KnownExpression},
    upright,
};
use crate::{
    cost::{Cost, Stopwatch},
    decode::Picture,
    error::Result,
    features::Features,
    media::Frame,
};

/// Landmarks that moved or grew by more than this share of their crop's side are not trusted:
/// the model answers best for a face in the middle.
const SETTLED_RATIO: f32 = 0.06;
/// The same for its turn.
const SETTLED_RAD: f32 = 0.12;
/// Around a face that fills so much of the picture, the networks for the expression and the crop in
/// which the light is judged see several pixels in a sample.
const SHRINK_FROM_PX: f32 = 192.0;
/// A face that is turned further from the camera shows one cheek only.
const FRONTAL_DEG: f32 = 35.0;

/// Analyses frames, one at a time. Each worker has its own; the models are shared.
#[derive(Debug)]
pub struct FaceAnalyser {
    canonical_face: CanonicalFace,
    detector: Detector,
    landmarks: LandmarkRunners,
    /// `None` where the policy forbids it.
    expression: Option<ExpressionRunner>,
    config: VisionConfig,
    picture: Picture,
    /// Of that picture, round the face.
    pyramid: Pyramid,
    face_crop: FaceCrop,
}

/// The frame that is looked at: when it was captured, what may be analysed, what it cost so far.
struct FrameContext {
    now: Duration,
    features: Features,
    detector_ran: bool,
    timing: VisionTiming,
}

impl FaceAnalyser {
    /// An analyser with its own buffers.
    pub fn new(models: &FaceModels, config: VisionConfig) -> Self {
        FaceAnalyser {
            canonical_face: models.canonical_face.clone(),
            detector: Detector::new(&models.detector),
            landmarks: models.landmarks.runners(),
            expression: models.expression.as_ref().map(ExpressionModels::runner),
            config,
            picture: Picture::default(),
            pyramid: Pyramid::default(),
            face_crop: FaceCrop::default(),
        }
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
        let timing = VisionTiming::default();
        let now = frame.captured_at;
        let mut context = FrameContext { now, features, detector_ran: false, timing };
        timed(&mut context.timing.decode, || self.picture.decode(frame))?;
        self.pyramid.forget();
        let face = match self.locate(track, &mut context)? {
            Some(mesh) => Some(self.describe(mesh, track, &mut context)?),
            None => {
                track.stillness.forget();
                None
            }
        };
        if face.as_ref().is_none_or(|face| face.quality.verdict == QualityVerdict::StillPicture)
        {
            track.watch.miss();
        }
        let brightness = quality::brightness(&self.picture);
        context.timing.total = stopwatch.lap();
        Ok(FaceObservation {
            sequence: frame.sequence,
            captured_at: frame.captured_at,
            unix_ms: frame.unix_ms,
            width_px: self.picture.width_px,
            height_px: self.picture.height_px,
            brightness,
            face_count: track.face_count,
            face,
            turned_deg: track.upright.turned_deg(),
            detector_ran: context.detector_ran,
            timing: context.timing,
        })
    }

    /// The frame that was looked at last, decoded.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Ends what was looked at: the memory of a large picture is given back.
    pub fn rest(&mut self) {
        self.picture.rest();
        self.pyramid.rest();
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
        &mut self,
        track: &mut FaceTrack,
        context: &mut FrameContext,
    ) -> Result<Option<Mesh>> {
        let crop = track.followed.as_ref().map(|followed| followed.crop);
        let tracked = match crop {
            Some(crop) => self.find_mesh(crop, context)?,
            None => None,
        };
        let is_settled = crop.zip(tracked.as_ref()).is_some_and(|(c, m)| is_settled(&c, m));
        let is_due = track.is_detection_due(context.now, self.config.redetect_interval);
        if let Some(mesh) = &tracked
            && is_settled
            && !is_due
        {
            track.follow(mesh, false);
            return Ok(tracked);
        }
        context.detector_ran = true;
        let mut detections = timed(&mut context.timing.detect, || {
            self.detector.detect(&self.picture, self.config.detector_threshold)
        })?;
        let found = self.choose(
            tracked.map(|mesh| (mesh, is_settled)),
            &mut detections,
            track,
            context,
        );
        self.detector.done(detections);
        found
    }

    /// Which of the faces that were detected is followed on; `tracked` is the one that was, and whether
    /// it hardly moved.
    fn choose(
        &mut self,
        tracked: Option<(Mesh, bool)>,
        detections: &mut [Detection],
        track: &mut FaceTrack,
        context: &mut FrameContext,
    ) -> Result<Option<Mesh>> {
        track.detected_at = Some(context.now);
        track.face_count = u32::try_from(detections.len()).unwrap_or(u32::MAX);
        if track.upright.is_due(context.now) {
            self.check_upright(detections, track, context)?;
        }
        match tracked {
            Some((mesh, is_settled)) => {
                let mesh =
                    if is_settled { mesh } else { self.correct(mesh, detections, context)? };
                self.defend(mesh, detections, track, context).map(Some)
            }
            None => self.acquire(detections, track, context),
        }
    }

    /// Asks the detector whether it is surer of a face in the turned picture.
    fn check_upright(
        &mut self,
        detections: &[Detection],
        track: &mut FaceTrack,
        context: &mut FrameContext,
    ) -> Result<()> {
        let mut scores = [0.0; 4];
        scores[0] = detections.first().map_or(0.0, |surest| surest.score);
        for &quarters in upright::quarters(detections) {
            scores[quarters] =
                timed(&mut context.timing.detect, || self.detector.best_score(quarters))?;
        }
        track.upright.note(context.now, scores);
        Ok(())
    }

    /// The face moved far since the last frame, so the crop was off, and with it the landmarks:
    /// looks again at its new place, by the detector or else by the first look.
    fn correct(
        &mut self,
        rough: Mesh,
        detections: &[Detection],
        context: &mut FrameContext,
    ) -> Result<Mesh> {
        let found = match track::nearest(detections, &rough.bbox()) {
            Some(detection) => self.find_new(&detection, context)?,
            None => self.find_mesh(rough.next_crop(), context)?,
        };
        Ok(found.unwrap_or(rough))
    }

    /// The tracked face stays unless a much larger one has appeared elsewhere.
    fn defend(
        &mut self,
        tracked: Mesh,
        detections: &[Detection],
        track: &mut FaceTrack,
        context: &mut FrameContext,
    ) -> Result<Mesh> {
        track.face_count = track.face_count.max(1);
        if let Some(rival) = track::rival(detections, &tracked.bbox())
            && let Some(mesh) = self.find_new(&rival, context)?
        {
            track.follow(&mesh, true);
            track.watch.take_over();
            return Ok(mesh);
        }
        track.follow(&tracked, false);
        Ok(tracked)
    }

    /// The best detection in which the landmark model sees a face too.
    fn acquire(
        &mut self,
        detections: &mut [Detection],
        track: &mut FaceTrack,
        context: &mut FrameContext,
    ) -> Result<Option<Mesh>> {
        let last = track.followed.as_ref().map(|followed| followed.bbox);
        track::sort_candidates(detections, last.as_ref());
        for candidate in detections {
            if let Some(mesh) = self.find_new(candidate, context)? {
                let is_same = last.is_some_and(|last| track::is_near(&mesh.bbox(), &last));
                track.follow(&mesh, !is_same);
                return Ok(Some(mesh));
            }
            track.face_count -= 1;
        }
        track.lose();
        Ok(None)
    }

    /// Landmarks of a detected face, looked at twice: the detector's box is rough; gaze and head pose
    /// are better by a tenth from where a followed face is looked at.
    fn find_new(
        &mut self,
        face: &Detection,
        context: &mut FrameContext,
    ) -> Result<Option<Mesh>> {
        let Some(rough) = self.find_mesh(face.crop(), context)? else { return Ok(None) };
        Ok(Some(self.find_mesh(rough.next_crop(), context)?.unwrap_or(rough)))
    }

    /// Landmarks in `crop`; `None` when the model sees no face there.
    fn find_mesh(&mut self, crop: Crop, context: &mut FrameContext) -> Result<Option<Mesh>> {
        timed(&mut context.timing.landmarks, || {
            let presence = self.config.presence_threshold;
            if crop.side_px >= SHRINK_FROM_PX {
                self.pyramid.shrink(&self.picture, crop.bounds());
            }
            let sizes = self.pyramid.sizes(&self.picture);
            Mesh::find(&mut self.landmarks, sizes, crop, presence)
        })
    }

    /// Everything about a face whose mesh is known.
    fn describe(
        &mut self,
        mut mesh: Mesh,
        track: &mut FaceTrack,
        context: &mut FrameContext,
    ) -> Result<Face> {
        if !context.features.gaze {
            mesh.points.without_irises();
        }
        let bbox = mesh.bbox();
        let camera = Camera::new(&self.picture, self.config.hfov_deg);
        let sight = camera.sight_to(bbox.centre());
        let turn = timed(&mut context.timing.geometry, || {
            self.face_crop.look(self.pyramid.sizes(&self.picture), &mesh);
            self.canonical_face.fit(&mesh.points, &camera, &sight)
        });
        let pose = angles(&multiply(&sight, &turn));
        let is_frontal = angles(&turn).yaw_deg.abs() < FRONTAL_DEG;
        let is_still = track.stillness.look(context.now, Shape::of(&mesh, &pose));
        let quality = timed(&mut context.timing.geometry, || {
            self.judge(&mesh, is_frontal, is_still, track.upright.is_suspected())
        });
        let person = if is_still {
            track.watch.person()
        } else {
            let is_bare = is_frontal && quality.covered == Covered::default();
            let appearance = if is_bare { self.face_crop.appearance(&mesh) } else { None };
            track.watch.look(context.now, bbox, appearance)
        };
        let mut expression = self.expression(&mesh, track, &quality, context)?;
        if let (Some(reported), Some(followed)) = (&mut expression, &mut track.followed) {
            reported.probabilities =
                followed.smooth(person, context.now, reported.probabilities);
        }
        let is_measured =
            !matches!(quality.verdict, QualityVerdict::StillPicture | QualityVerdict::Turned);
        let (eyes, mouth) =
            (is_measured && !quality.covered.eyes, is_measured && !quality.covered.mouth);
        let has_lids = track
            .followed
            .as_mut()
            .is_none_or(|followed| followed.shows_lids(context.now, quality.covered.eyes));
        let lids = (is_measured && has_lids).then(|| gaze::eye_aspect_ratio(&mesh.points));
        let gaze = (eyes && context.features.gaze).then(|| {
            timed(&mut context.timing.geometry, || {
                gaze::gaze(&self.picture, &mesh.points, &turn)
            })
        });
        Ok(Face {
            track: track.followed.as_ref().map_or(0, |followed| followed.id),
            person,
            bbox,
            presence: mesh.presence,
            head_pose: Some(pose).filter(|_| is_measured && context.features.head_pose),
            gaze: gaze.flatten(),
            eye_aspect_ratio: lids,
            mouth_open_ratio: mouth.then(|| gaze::mouth_open_ratio(&mesh.points)),
            measures: self.measures(&mesh, &turn, &quality, context),
            expression,
            quality,
            landmarks: mesh.points,
        })
    }

    /// What the face's actions are judged by, where the face can be seen well enough.
    fn measures(
        &self,
        mesh: &Mesh,
        turn: &Rotation,
        quality: &FaceQuality,
        context: &mut FrameContext,
    ) -> Option<FaceMeasures> {
        if !context.features.face_actions || quality.verdict != QualityVerdict::Good {
            return None;
        }
        timed(&mut context.timing.geometry, || {
            let front = self.canonical_face.front_view(&mesh.points, turn);
            FaceMeasures::of(&mesh.points, &front, &angles(turn))
        })
    }

    /// How good the picture of the face is. What is covered is looked for where the light and the
    /// size are enough and both halves of the face are seen.
    fn judge(
        &self,
        mesh: &Mesh,
        is_frontal: bool,
        is_still: bool,
        is_turned: bool,
    ) -> FaceQuality {
        let mut quality = self.face_crop.judge(mesh.inter_ocular_px(), &self.config.quality);
        if is_turned {
            quality.verdict = QualityVerdict::Turned;
        } else if is_still {
            quality.verdict = QualityVerdict::StillPicture;
        } else if is_frontal && quality.verdict == QualityVerdict::Good {
            quality.covered = occlusion::judge(&self.face_crop, mesh);
            if quality.covered != Covered::default() {
                quality.verdict = QualityVerdict::Occluded;
            }
        }
        quality
    }

    /// The expression, reused where the face has hardly changed, withheld where it cannot be
    /// seen well enough.
    fn expression(
        &mut self,
        mesh: &Mesh,
        track: &mut FaceTrack,
        quality: &FaceQuality,
        context: &mut FrameContext,
    ) -> Result<Option<Expression>> {
        let (Some(followed), Some(models)) = (&mut track.followed, &mut self.expression) else {
            return Ok(None);
        };
        if !context.features.face_emotion || quality.verdict != QualityVerdict::Good {
            followed.expression = None;
            return Ok(None);
        }
        let thumbnail = self.face_crop.thumbnail();
        let limit = self.config.expression_cache;
        if let Some(probabilities) = followed.known_expression(context.now, limit, &thumbnail) {
            return Ok(Some(Expression { probabilities, cached: true }));
        }
        let computed_at = context.now;
        let mut looks =
            followed.expression.as_ref().map_or_else(Looks::default, |known| known.looks);
        let sizes = self.pyramid.sizes(&self.picture);
        let probabilities = timed(&mut context.timing.expression, || {
            models.judge(sizes, mesh, &mut looks, computed_at)
        })?;
        followed.expression =
            Some(KnownExpression { probabilities, looks, computed_at, thumbnail });
        Ok(Some(Expression { probabilities, cached: false }))
    }
}

/// Whether the landmarks sit where the crop promised.
fn is_settled(used: &Crop, mesh: &Mesh) -> bool {
    let next = mesh.next_crop();
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
