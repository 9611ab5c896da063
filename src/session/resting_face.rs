//! The actions of a face, by the same person's face at rest.
//!
//! Faces differ at rest by more than many of their actions: the mouths of ten people by 0.3 cm, of the
//! 1.5 cm of a full smile. So rest is the median of this person's own last minutes, and what is
//! held for most of them (a smile, a frown, a raised brow) becomes part of it.

use std::time::Duration;

use super::window::Window;
use crate::vision::{FaceActions, FaceMeasures};

/// Rest follows the last five minutes.
const REST_WINDOW: Duration = Duration::from_secs(300);
/// It takes in two frames a second at most, which bounds its memory.
const SAMPLE_SPACING: Duration = Duration::from_millis(450);
/// Until a face has been measured over this time, its rest is not known.
const NEEDED: Duration = Duration::from_secs(10);
/// Frames that a rest needs, however far they are apart.
const MIN_SAMPLES: usize = 5;
/// Who speaks opens the jaw for half of the time and never shuts it further than shut.
const CHIN_PERCENTILE: f32 = 0.25;

/// The measures of one person's face at rest.
#[derive(Debug)]
pub(super) struct RestingFace {
    samples: Window<FaceMeasures>,
    began: Option<Duration>,
    last_sample: Option<Duration>,
    rest: Option<FaceMeasures>,
}

impl Default for RestingFace {
    fn default() -> Self {
        RestingFace {
            samples: Window::new(REST_WINDOW),
            began: None,
            last_sample: None,
            rest: None,
        }
    }
}

impl RestingFace {
    /// What the face does now; `None` until its rest is known.
    pub(super) fn push(&mut self, at: Duration, now: &FaceMeasures) -> Option<FaceActions> {
        let began = *self.began.get_or_insert(at);
        let is_due =
            self.last_sample.is_none_or(|last| at.saturating_sub(last) >= SAMPLE_SPACING);
        if is_due {
            self.last_sample = Some(at);
            self.samples.push(at, *now);
            let is_known =
                at.saturating_sub(began) >= NEEDED && self.samples.len() >= MIN_SAMPLES;
            self.rest = is_known.then(|| self.at_rest());
        }
        self.rest.map(|rest| FaceActions::between(&rest, now))
    }

    fn at_rest(&self) -> FaceMeasures {
        let percentile = |share: f32, read: fn(&FaceMeasures) -> f32| {
            let mut values: Vec<f32> = self.samples.values().map(read).collect();
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a few hundred samples"
            )]
            let index = ((values.len() - 1) as f32 * share) as usize;
            *values.select_nth_unstable_by(index, f32::total_cmp).1
        };
        FaceMeasures {
            chin_drop: percentile(CHIN_PERCENTILE, |measures| measures.chin_drop),
            ..FaceMeasures::from_each(|read| percentile(0.5, read))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: FaceMeasures = FaceMeasures {
        mouth_width: 5.2,
        mouth_corner_height: -3.2,
        upper_lip_drop: 1.6,
        chin_drop: 5.1,
        brow_height: 2.2,
        lid_gap: 0.9,
        lower_lid_height: -0.3,
        cheek_height: -3.8,
    };

    fn smiling() -> FaceMeasures {
        FaceMeasures { mouth_width: 7.2, mouth_corner_height: -2.6, ..REST }
    }

    fn at(half_seconds: u64) -> Duration {
        Duration::from_millis(500 * half_seconds)
    }

    #[test]
    fn nothing_is_known_for_ten_seconds() {
        let mut face = RestingFace::default();
        let known: Vec<bool> = (0..22).map(|k| face.push(at(k), &REST).is_some()).collect();
        assert!(known[..20].iter().all(|known| !known), "{known:?}");
        assert_eq!(known[20..], [true, true]);
        let mut slow = RestingFace::default();
        assert_eq!(slow.push(at(0), &REST), None);
        assert_eq!(slow.push(at(30), &REST), None, "two frames are not enough");
    }

    #[test]
    fn each_person_is_compared_with_their_own_rest() {
        for shift in [-0.4, 0.0, 0.4] {
            let own = |m: FaceMeasures| FaceMeasures::from_each(|read| read(&m) + shift);
            let mut face = RestingFace::default();
            for k in 0..30 {
                face.push(at(k), &own(REST));
            }
            let still = face.push(at(30), &own(REST)).expect("rest is known");
            assert!(still.by_name().iter().all(|(_, value)| *value == Some(0.0)), "{still:?}");
            let smile = face.push(at(31), &own(smiling())).expect("rest is known");
            assert!(smile.smile > 0.9 && smile.brow_up == 0.0, "{smile:?}");
        }
    }

    #[test]
    fn a_smile_now_and_then_leaves_rest_where_it_is_and_one_that_stays_becomes_it() {
        let mut face = RestingFace::default();
        for k in 0..120 {
            face.push(at(k), &if k % 3 == 0 { smiling() } else { REST });
        }
        assert!(face.push(at(120), &smiling()).expect("is known").smile > 0.9);
        for k in 121..300 {
            face.push(at(k), &smiling());
        }
        assert!(face.push(at(300), &smiling()).expect("is known").smile < 0.1);
    }

    #[test]
    fn many_frames_a_second_cost_no_more_memory() {
        let mut face = RestingFace::default();
        for k in 0..60_000 {
            face.push(Duration::from_millis(10 * k), &REST);
        }
        assert!(face.samples.len() <= 670, "{}", face.samples.len());
    }

    #[test]
    fn a_jaw_that_speaks_rests_where_it_is_shut() {
        let mut face = RestingFace::default();
        let open = FaceMeasures { chin_drop: 6.1, ..REST };
        for k in 0..40 {
            face.push(at(k), if k % 5 < 3 { &open } else { &REST });
        }
        assert!(face.push(at(40), &open).expect("is known").jaw_open > 0.4);
    }
}
