//! [`UprightCheck`]: whether the camera stands on its head or lies on its side.
//!
//! The models find something in a face that stands on its head too, and it is wrong. The detector
//! is surer of it in the turned picture, so it is asked, at the first detection and then ever less
//! often while the answer is that all is well.

use std::time::Duration;

use super::{Point, detector::Detection};

/// By how much the detector must be surer of the turned picture. Over 202 pictures of 74 faces
/// (heads turned and tilted by up to 45 degrees among them), upright ones were never less sure
/// than on their head; the nearest was surer by 0.086. On their side 3 were surer, by 0.03.
const SURER: f32 = 0.05;
/// What it must come to.
const SURE: f32 = 0.7;
/// Looks that must agree before the camera is reported as turned.
const VOTES: u32 = 3;
/// Looks that found all well before they become rare.
const TRUST: u32 = 3;

const WHILE_TURNED: Duration = Duration::from_secs(2);
const WHILE_NEW: Duration = Duration::from_secs(5);
const WHILE_EMPTY: Duration = Duration::from_secs(10);
const WHILE_WELL: Duration = Duration::from_secs(60);

/// A score that is lower, or eyes that are more tilted, may be of a face on its side.
const PLAIN_SCORE: f32 = 0.8;
const PLAIN_TILT_RAD: f32 = 0.7;

/// How sure the detector is of a face when the picture is turned clockwise by so many quarters.
pub(super) type Scores = [f32; 4];

/// What the looks of one stream came to.
#[derive(Clone, Debug, Default)]
pub(super) struct UprightCheck {
    due: Option<Duration>,
    /// Quarters by which the last looks were surer, and how many they were.
    turn: Option<(u16, u32)>,
    upright: u32,
}

/// Quarters by which the picture must be turned for a look, in addition to the picture as it is.
pub(super) fn quarters(seen: &[Detection]) -> &'static [usize] {
    let tilt = |[left, right]: [Point; 2]| (right.y - left.y).atan2(right.x - left.x).abs();
    let is_plain =
        |face: &Detection| face.score >= PLAIN_SCORE && tilt(face.eyes) < PLAIN_TILT_RAD;
    if seen.first().is_some_and(is_plain) { &[2] } else { &[1, 2, 3] }
}

impl UprightCheck {
    /// Whether it is time for a look.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.due.is_none_or(|due| now >= due || due - now > WHILE_WELL)
    }

    /// One look.
    pub(super) fn note(&mut self, now: Duration, scores: Scores) {
        let seen = scores[0];
        let surer = (1..4_u16).zip(&scores[1..]).max_by(|a, b| a.1.total_cmp(b.1));
        let surer = surer.filter(|(_, score)| **score >= SURE && **score > seen + SURER);
        let wait = if let Some((quarters, _)) = surer {
            let votes = self.turn.filter(|(same, _)| *same == quarters).map_or(0, |(_, n)| n);
            self.turn = Some((quarters, votes + 1));
            self.upright = 0;
            WHILE_TURNED
        } else if seen > 0.0 {
            self.turn = None;
            self.upright += 1;
            if self.upright < TRUST { WHILE_NEW } else { WHILE_WELL }
        } else {
            WHILE_EMPTY
        };
        self.due = Some(now + wait);
    }

    /// The last look found a turn: nothing of the face is reported until a later look withdraws it.
    pub(super) fn is_suspected(&self) -> bool {
        self.turn.is_some()
    }

    /// Degrees clockwise that make the picture upright, once several looks agree.
    pub(super) fn turned_deg(&self) -> Option<u16> {
        self.turn.filter(|(_, votes)| *votes >= VOTES).map(|(quarters, _)| quarters * 90)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPRIGHT: Scores = [0.9, 0.0, 0.65, 0.0];
    const ON_ITS_HEAD: Scores = [0.63, 0.7, 0.88, 0.6];

    #[test]
    fn three_looks_that_agree_report_it_and_one_withdraws_it() {
        let mut check = UprightCheck::default();
        let mut now = Duration::ZERO;
        let mut look = |check: &mut UprightCheck, scores| {
            now += WHILE_TURNED;
            check.note(now, scores);
            (check.is_suspected(), check.turned_deg())
        };
        assert_eq!(look(&mut check, ON_ITS_HEAD), (true, None));
        assert_eq!(look(&mut check, [0.72, 0.7, 0.72, 0.6]), (false, None), "as sure as of it");
        assert_eq!(look(&mut check, ON_ITS_HEAD), (true, None));
        assert_eq!(look(&mut check, ON_ITS_HEAD), (true, None));
        assert_eq!(look(&mut check, ON_ITS_HEAD), (true, Some(180)));
        assert_eq!(
            look(&mut check, [0.0; 4]),
            (true, Some(180)),
            "an empty room changes nothing"
        );
        assert_eq!(look(&mut check, [0.0, 0.9, 0.6, 0.6]), (true, None), "another turn");
        assert_eq!(look(&mut check, UPRIGHT), (false, None));
    }

    #[test]
    fn looks_become_rare_while_all_is_well() {
        let mut check = UprightCheck::default();
        assert!(check.is_due(Duration::ZERO));
        let mut now = Duration::ZERO;
        for wait in [WHILE_NEW, WHILE_NEW, WHILE_WELL, WHILE_WELL] {
            check.note(now, UPRIGHT);
            assert!(!check.is_due(now + wait - Duration::from_millis(1)));
            now += wait;
            assert!(check.is_due(now));
        }
        check.note(now, ON_ITS_HEAD);
        assert!(check.is_due(now + WHILE_TURNED));
        check.note(now, UPRIGHT);
        assert!(check.is_due(Duration::ZERO), "time went back");
    }
}
