//! [`FaceTrack`]: what one stream remembers from frame to frame, and which face it follows.

use std::time::Duration;

use super::{
    Rect,
    crop::Crop,
    detector::Detection,
    expression::{Looks, Probabilities, Smoothed},
    landmarks::Mesh,
    person::PersonWatch,
    stillness::Stillness,
    thumbnail::Thumbnail,
    upright::UprightCheck,
};

/// A blink lasts 100 to 400 ms; the session counts none that is longer than this.
const LONGEST_BLINK: Duration = Duration::from_secs(1);

/// A face whose middle moved less than this share of its width may be the same.
const NEAR_WIDTHS: f32 = 0.75;
/// A face must be this much wider than the tracked one to take over.
const TAKEOVER_WIDTHS: f32 = 1.5;

/// The memory of one stream: where the face was, its last expression with a 16x16 grey thumbnail
/// of the face it was computed for, and how it looked and stood in the last frame. Dropped with
/// the stream, never written anywhere.
#[derive(Clone, Debug, Default)]
pub struct FaceTrack {
    /// The face that is followed.
    pub(super) followed: Option<Followed>,
    /// Faces at the last detection.
    pub(super) face_count: u32,
    /// When the detector last ran.
    pub(super) detected_at: Option<Duration>,
    /// Whether it is still the same person's.
    pub(super) watch: PersonWatch,
    /// Whether it is a living face.
    pub(super) stillness: Stillness,
    /// Whether the pictures are upright.
    pub(super) upright: UprightCheck,
    tracks_total: u64,
}

/// The face that is followed.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub id: u64,
    /// Where to look in the next frame.
    pub crop: Crop,
    /// Where it was.
    pub bbox: Rect,
    pub expression: Option<KnownExpression>,
    /// The expression as it is reported.
    smoothed: Option<Smoothed>,
    /// When its eyes were seen uncovered last.
    eyes_bare_at: Option<Duration>,
}

/// An expression that was computed, and what the face looked like.
#[derive(Clone, Debug)]
pub(super) struct KnownExpression {
    pub probabilities: Probabilities,
    /// What they were made of.
    pub looks: Looks,
    pub computed_at: Duration,
    pub thumbnail: Thumbnail,
}

impl FaceTrack {
    /// Whether the detector has not run for `interval` (or the time went backwards).
    pub(super) fn is_detection_due(&self, now: Duration, interval: Duration) -> bool {
        let age = self.detected_at.and_then(|then| now.checked_sub(then));
        age.is_none_or(|age| age >= interval)
    }

    /// The face was seen at `mesh`; a new track begins where none was followed or `is_new`.
    pub(super) fn follow(&mut self, mesh: &Mesh, is_new: bool) {
        if is_new {
            self.lose();
        }
        let (crop, bbox) = (mesh.next_crop(), mesh.bbox());
        match &mut self.followed {
            Some(followed) => (followed.crop, followed.bbox) = (crop, bbox),
            None => {
                let id = self.tracks_total;
                self.tracks_total += 1;
                self.followed = Some(Followed {
                    id,
                    crop,
                    bbox,
                    expression: None,
                    smoothed: None,
                    eyes_bare_at: None,
                });
            }
        }
    }

    /// The face is gone, and with it what was known of it.
    pub(super) fn lose(&mut self) {
        self.followed = None;
    }
}

impl Followed {
    /// Whether the lids may be measured. Eyes that are shut show as little as eyes behind dark
    /// glass, so what lasts no longer than a blink is taken for one.
    pub(super) fn shows_lids(&mut self, now: Duration, are_covered: bool) -> bool {
        if !are_covered {
            self.eyes_bare_at = Some(now);
        }
        let bare = self.eyes_bare_at.and_then(|then| now.checked_sub(then));
        bare.is_some_and(|ago| ago < LONGEST_BLINK)
    }

    /// The reported expression of a person, smoothed with what was seen at `at`.
    pub(super) fn smooth(
        &mut self,
        person: u64,
        at: Duration,
        seen: Probabilities,
    ) -> Probabilities {
        let begin = || Smoothed::begin(person, at, seen);
        self.smoothed.get_or_insert_with(begin).go_on(person, at, seen)
    }

    /// The expression that was computed less than `limit` ago for a face that looked the same.
    pub(super) fn known_expression(
        &self,
        now: Duration,
        limit: Duration,
        thumbnail: &Thumbnail,
    ) -> Option<Probabilities> {
        let known = self.expression.as_ref()?;
        let age = now.checked_sub(known.computed_at)?;
        (age < limit && known.thumbnail.shows_the_same(thumbnail))
            .then_some(known.probabilities)
    }
}

/// Sorts detections in the order in which they may be the face to follow after the one at
/// `last` was lost: the near ones before the others, the largest first.
pub(super) fn sort_candidates(detections: &mut [Detection], last: Option<&Rect>) {
    detections.sort_unstable_by(|a, b| {
        let near = |face: &Detection| last.is_some_and(|last| is_near(&face.bbox, last));
        near(b).cmp(&near(a)).then(b.bbox.width.total_cmp(&a.bbox.width))
    });
}

/// The detection that may be the face at `place` and is nearest to it.
pub(super) fn nearest(detections: &[Detection], place: &Rect) -> Option<Detection> {
    let away = |face: &Detection| {
        let (here, there) = (face.bbox.centre(), place.centre());
        (here.x - there.x).hypot(here.y - there.y)
    };
    let near = detections.iter().filter(|face| is_near(&face.bbox, place));
    near.min_by(|a, b| away(a).total_cmp(&away(b))).copied()
}

/// A face so much larger than the one followed at `last` that it takes over: another person has
/// sat down in front of the one followed.
pub(super) fn rival(detections: &[Detection], last: &Rect) -> Option<Detection> {
    let others = detections.iter().filter(|face| !is_near(&face.bbox, last));
    let largest = others.max_by(|a, b| a.bbox.width.total_cmp(&b.bbox.width))?;
    (largest.bbox.width >= TAKEOVER_WIDTHS * last.width).then_some(*largest)
}

/// Whether a face may be the one that was at `last`: it did not move far or change its size
/// much.
pub(super) fn is_near(face: &Rect, last: &Rect) -> bool {
    let (now, then) = (face.centre(), last.centre());
    (now.x - then.x).hypot(now.y - then.y) < NEAR_WIDTHS * face.width.max(last.width)
        && (0.5..2.0).contains(&(face.width / last.width.max(f32::EPSILON)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::Point;

    fn face(x: f32, width: f32) -> Detection {
        let bbox = Rect { x, y: 100.0, width, height: width };
        Detection { score: 0.9, bbox, eyes: [Point::default(); 2] }
    }

    #[test]
    fn the_near_face_comes_first_even_when_a_farther_one_is_larger() {
        let (near, large) = (face(100.0, 80.0), face(400.0, 120.0));
        let last = face(110.0, 82.0).bbox;
        let mut faces = [large, near];
        sort_candidates(&mut faces, Some(&last));
        assert_eq!(faces, [near, large]);
        sort_candidates(&mut faces, None);
        assert_eq!(faces, [large, near]);
    }

    #[test]
    fn only_a_much_larger_face_elsewhere_takes_over() {
        let followed = face(100.0, 60.0);
        assert_eq!(rival(&[followed, face(300.0, 80.0)], &followed.bbox), None);
        let seated = face(300.0, 120.0);
        assert_eq!(rival(&[followed, seated], &followed.bbox), Some(seated));
        assert_eq!(rival(&[face(95.0, 110.0)], &followed.bbox), None);
    }

    #[test]
    fn detection_is_due_at_first_after_the_interval_and_when_time_went_back() {
        let second = Duration::from_secs(1);
        let mut track = FaceTrack::default();
        assert!(track.is_detection_due(second, second));
        track.detected_at = Some(second * 5);
        assert!(!track.is_detection_due(second * 5, second));
        assert!(track.is_detection_due(second * 6, second));
        assert!(track.is_detection_due(second * 4, second));
    }
}
