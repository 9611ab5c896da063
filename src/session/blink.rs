//! Blinks, by the person's own open eyes.
//!
//! The eye aspect ratio follows Soukupová & Čech 2016; its open value differs from person to
//! person, so the threshold is a share of this person's own baseline, not a constant.

use std::{collections::VecDeque, time::Duration};

use super::window::Window;

/// Frames before the baseline means anything.
const MIN_BASELINE: usize = 5;
/// The baseline follows the last minute.
const BASELINE_WINDOW: Duration = Duration::from_secs(60);
/// The open eye is the 80th percentile: blinks and squints lie below it.
const OPEN_PERCENTILE: f32 = 0.8;
/// Under this share of the baseline the eye is shut.
const SHUT_RATIO: f32 = 0.6;
/// Eyes shut for longer are closed eyes, no blink.
const MAX_BLINK: Duration = Duration::from_secs(1);
/// Blinks last 100-400 ms (Stern et al. 1984); frames further apart than this miss them.
const MAX_FRAME_SPACING: Duration = Duration::from_millis(110);
/// Time over which blinks are counted.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// Watches one person's eye aspect ratio.
#[derive(Debug)]
pub(super) struct BlinkDetector {
    open: Window<f32>,
    sorted: Vec<f32>,
    shut_since: Option<Duration>,
    began: Option<Duration>,
    last: Option<Duration>,
    slow_until: Option<Duration>,
    blinks: VecDeque<Duration>,
}

impl Default for BlinkDetector {
    fn default() -> Self {
        BlinkDetector {
            open: Window::new(BASELINE_WINDOW),
            sorted: Vec::new(),
            shut_since: None,
            began: None,
            last: None,
            slow_until: None,
            blinks: VecDeque::new(),
        }
    }
}

impl BlinkDetector {
    /// Whether the eyes are shut now; `None` until the person's open eyes are known.
    pub(super) fn push(&mut self, at: Duration, eye_aspect_ratio: f32) -> Option<bool> {
        self.note_spacing(at);
        self.open.push(at, eye_aspect_ratio);
        if self.open.len() < MIN_BASELINE {
            return None;
        }
        let shut = eye_aspect_ratio < SHUT_RATIO * self.open_value();
        match (shut, self.shut_since) {
            (true, None) => self.shut_since = Some(at),
            (false, Some(since)) => {
                self.shut_since = None;
                if at - since <= MAX_BLINK {
                    self.blinks.push_back(at);
                }
            }
            _ => (),
        }
        Some(shut)
    }

    /// Blinks a minute over the last minute (or since the first frame, at least 10 s); `None`
    /// while the frames of that time were too far apart to show every blink.
    pub(super) fn rate_per_min(&mut self, at: Duration) -> Option<f32> {
        let start = at.saturating_sub(RATE_WINDOW).max(self.began?);
        while self.blinks.front().is_some_and(|blink| *blink < start) {
            self.blinks.pop_front();
        }
        let covered = at.saturating_sub(start);
        let too_slow = self.slow_until.is_some_and(|slow| slow > start);
        if too_slow || covered < Duration::from_secs(10) {
            return None;
        }
        Some(self.blinks.len() as f32 * 60.0 / covered.as_secs_f32())
    }

    /// A gap hides blinks up to now.
    fn note_spacing(&mut self, at: Duration) {
        self.began.get_or_insert(at);
        if self.last.is_some_and(|last| at.saturating_sub(last) > MAX_FRAME_SPACING) {
            self.slow_until = Some(at);
        }
        self.last = Some(at);
    }

    fn open_value(&mut self) -> f32 {
        self.sorted.clear();
        self.sorted.extend(self.open.values());
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index into the few values of a minute"
        )]
        let index = ((self.sorted.len() - 1) as f32 * OPEN_PERCENTILE) as usize;
        *self.sorted.select_nth_unstable_by(index, f32::total_cmp).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(detector: &mut BlinkDetector, step_ms: u64, ratios: impl Iterator<Item = f32>) {
        let step = Duration::from_millis(step_ms);
        let mut at = detector.last.map_or(Duration::ZERO, |last| last + step);
        for ratio in ratios {
            detector.push(at, ratio);
            at += step;
        }
    }

    #[test]
    fn a_short_shut_is_a_blink_and_the_open_eye_is_the_persons_own() {
        for open in [0.2, 0.4] {
            let mut detector = BlinkDetector::default();
            let eyes = (0..300).map(|k| if k % 75 < 3 && k > 10 { open * 0.3 } else { open });
            watch(&mut detector, 67, eyes);
            let now = detector.last.expect("frames were seen");
            let rate = detector.rate_per_min(now).expect("fast enough");
            assert!((rate - 3.0 * 60.0 / now.as_secs_f32()).abs() < 0.01, "{rate}");
        }
    }

    #[test]
    fn two_frames_a_second_cannot_count_blinks() {
        let mut detector = BlinkDetector::default();
        watch(&mut detector, 500, (0..60).map(|_| 0.3));
        assert_eq!(detector.rate_per_min(Duration::from_secs(30)), None);
    }

    #[test]
    fn closed_eyes_are_no_blink() {
        let mut detector = BlinkDetector::default();
        watch(&mut detector, 67, (0..200).map(|_| 0.3));
        watch(&mut detector, 67, (0..60).map(|_| 0.05));
        watch(&mut detector, 67, (0..10).map(|_| 0.3));
        assert_eq!(detector.rate_per_min(detector.last.expect("seen")), Some(0.0));
    }
}
