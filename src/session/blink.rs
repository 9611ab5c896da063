//! Blinks, by the person's own open eyes.
//!
//! The eye aspect ratio follows Soukupová & Čech 2016; its open value differs from person to
//! person, so the threshold is a share of this person's own baseline, not a constant.

use std::{collections::VecDeque, time::Duration};

use super::window::Window;

/// Frames that a baseline needs.
const MIN_BASELINE: usize = 5;
/// The baseline follows the last minute.
const BASELINE_WINDOW: Duration = Duration::from_secs(60);
/// The open eye is the 80th percentile: blinks and squints lie below it.
const OPEN_PERCENTILE: f32 = 0.8;
/// Under this share of the baseline the eye is shut.
const SHUT_RATIO: f32 = 0.6;
/// Eyes shut for longer are closed eyes, no blink.
const MAX_BLINK: Duration = Duration::from_secs(1);
/// Blinks last 100-400 ms (Stern et al. 1984); frames further apart than this miss them. At 10 frames
/// a second from a camera that gives 15 or 30, some are a frame further apart than 100 ms.
const MAX_FRAME_SPACING: Duration = Duration::from_millis(140);
/// The share of the window that must have been watched, at least.
const LEAST_WATCHED: Duration = Duration::from_secs(10);
const LEAST_WATCHED_RATIO: f32 = 0.5;
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
    /// Spacings that could hide a blink: when each ended, and its length.
    gaps: VecDeque<(Duration, Duration)>,
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
            gaps: VecDeque::new(),
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

    /// Blinks a minute over the last minute (or since the first frame); `None` where its frames were close
    /// enough to show every blink for less than 10 s, or for less than half of it.
    pub(super) fn rate_per_min(&mut self, at: Duration) -> Option<f32> {
        let start = at.saturating_sub(RATE_WINDOW).max(self.began?);
        while self.blinks.front().is_some_and(|blink| *blink < start) {
            self.blinks.pop_front();
        }
        while self.gaps.front().is_some_and(|(end, _)| *end <= start) {
            self.gaps.pop_front();
        }
        let inside =
            |(end, length): &(Duration, Duration)| (*length).min(end.saturating_sub(start));
        let hidden: Duration = self.gaps.iter().map(inside).sum();
        let passed = at.saturating_sub(start);
        let watched = passed.saturating_sub(hidden);
        let enough = LEAST_WATCHED.max(passed.mul_f32(LEAST_WATCHED_RATIO));
        (watched >= enough).then(|| self.blinks.len() as f32 * 60.0 / watched.as_secs_f32())
    }

    fn note_spacing(&mut self, at: Duration) {
        self.began.get_or_insert(at);
        let spacing = self.last.map_or(Duration::ZERO, |last| at.saturating_sub(last));
        if spacing > MAX_FRAME_SPACING {
            self.gaps.push_back((at, spacing));
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
    fn a_hiccup_is_not_counted_and_silences_nothing_else() {
        let mut detector = BlinkDetector::default();
        let eyes = |count: usize| (0..count).map(|k| if k % 50 == 30 { 0.1 } else { 0.3 });
        watch(&mut detector, 100, eyes(200));
        watch(&mut detector, 2000, [0.3].into_iter());
        watch(&mut detector, 100, eyes(200));
        let now = detector.last.expect("seen");
        // 8 blinks in 40 s that were watched, of 42 s.
        let rate = detector.rate_per_min(now).expect("most was watched");
        assert!((rate - 8.0 * 60.0 / 39.9).abs() < 0.05, "{rate}");
    }

    #[test]
    fn half_a_minute_of_slow_frames_gives_no_rate() {
        let mut detector = BlinkDetector::default();
        watch(&mut detector, 100, (0..280).map(|_| 0.3));
        watch(&mut detector, 500, (0..60).map(|_| 0.3));
        assert_eq!(detector.rate_per_min(detector.last.expect("seen")), None);
        watch(&mut detector, 100, (0..100).map(|_| 0.3));
        assert_eq!(detector.rate_per_min(detector.last.expect("seen")), Some(0.0));
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
