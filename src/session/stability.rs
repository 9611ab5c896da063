//! How still the head is and how steady the expression.

use std::time::Duration;

use super::window::Window;
use crate::vision::HeadPose;

/// Observations below which a variance is meaningless.
const MIN_POSES: usize = 3;
/// Summed variance at which the stability is one half, deg² (docs/ref/metrics.md).
const HALF_STABLE_DEG2: f32 = 100.0;

/// `head_pose_stability` over a window.
#[derive(Debug)]
pub(super) struct PoseStability(Window<HeadPose>);

impl PoseStability {
    pub(super) fn new(window: Duration) -> Self {
        PoseStability(Window::new(window))
    }

    /// 1 / (1 + (var yaw + var pitch + var roll) / 100 deg²); `None` under 3 poses.
    pub(super) fn push(&mut self, at: Duration, pose: Option<HeadPose>) -> Option<f32> {
        match pose {
            Some(pose) => self.0.push(at, pose),
            None => self.0.forget_before(at),
        }
        if self.0.len() < MIN_POSES {
            return None;
        }
        let spread = self.variance(|pose| pose.yaw_deg)
            + self.variance(|pose| pose.pitch_deg)
            + self.variance(|pose| pose.roll_deg);
        Some(1.0 / (1.0 + spread / HALF_STABLE_DEG2))
    }

    /// Population variance of one angle over the window, deg².
    fn variance(&self, angle_deg: impl Fn(&HeadPose) -> f32) -> f32 {
        let count = self.0.len() as f32;
        let mean = self.0.values().map(&angle_deg).sum::<f32>() / count;
        self.0.values().map(|pose| (angle_deg(pose) - mean).powi(2)).sum::<f32>() / count
    }
}

/// `emotion_stability` over a window.
#[derive(Debug)]
pub(super) struct EmotionStability {
    last: Option<(u64, [f32; 7])>,
    steps: Window<f32>,
}

impl EmotionStability {
    pub(super) fn new(window: Duration) -> Self {
        EmotionStability { last: None, steps: Window::new(window) }
    }

    /// 1 - mean total-variation distance between successive distributions of one track; `None`
    /// until two followed each other within the window.
    pub(super) fn push(
        &mut self,
        at: Duration,
        expression: Option<(u64, [f32; 7])>,
    ) -> Option<f32> {
        match (self.last, expression) {
            (Some((track_before, before)), Some((track, now))) if track == track_before => {
                self.steps.push(at, total_variation(&before, &now));
            }
            _ => self.steps.forget_before(at),
        }
        self.last = expression.or(self.last);
        let count = self.steps.len();
        (count > 0).then(|| 1.0 - self.steps.values().sum::<f32>() / count as f32)
    }
}

/// Half the L1 distance of two distributions, 0..1.
fn total_variation(a: &[f32; 7], b: &[f32; 7]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn yaw(yaw_deg: f32) -> Option<HeadPose> {
        Some(HeadPose { yaw_deg, pitch_deg: 0.0, roll_deg: 0.0 })
    }

    #[test]
    fn a_still_head_is_fully_stable_and_two_poses_give_nothing() {
        let mut stability = PoseStability::new(at(10_000));
        assert_eq!(stability.push(at(0), yaw(5.0)), None);
        assert_eq!(stability.push(at(500), yaw(5.0)), None);
        assert_eq!(stability.push(at(1000), yaw(5.0)), Some(1.0));
    }

    #[test]
    fn a_variance_of_100_deg2_is_half_stable() {
        let mut stability = PoseStability::new(at(10_000));
        for (ms, deg) in [(0, 10.0), (1, -10.0), (2, 10.0)] {
            stability.push(at(ms), yaw(deg));
        }
        let value = stability.push(at(3), yaw(-10.0)).expect("four poses");
        assert!((value - 0.5).abs() < 1e-6, "{value}");
    }

    #[test]
    fn opposite_expressions_have_no_stability() {
        let (mut happy, mut sad) = ([0.0; 7], [0.0; 7]);
        (happy[3], sad[4]) = (1.0, 1.0);
        let mut stability = EmotionStability::new(at(10_000));
        assert_eq!(stability.push(at(0), Some((1, happy))), None);
        assert_eq!(stability.push(at(500), Some((1, happy))), Some(1.0));
        assert_eq!(stability.push(at(1000), Some((1, sad))), Some(0.5));
    }

    #[test]
    fn another_track_is_not_compared_with_the_one_before() {
        let (mut happy, mut sad) = ([0.0; 7], [0.0; 7]);
        (happy[3], sad[4]) = (1.0, 1.0);
        let mut stability = EmotionStability::new(at(10_000));
        stability.push(at(0), Some((1, happy)));
        assert_eq!(stability.push(at(500), Some((2, sad))), None);
    }
}
