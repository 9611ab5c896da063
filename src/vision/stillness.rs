//! [`Stillness`]: a poster or a picture on a screen is no person.
//!
//! A living face blinks, breathes and sways. The landmarks of a picture move only by what the
//! camera's noise moves them.

use std::time::Duration;

use super::{HeadPose, gaze, landmarks::Mesh, to_f32};

/// A face that did nothing for so long is a picture.
const PICTURE_AFTER: Duration = Duration::from_secs(60);

/// What moves less than this is noise. Measured on 15 still faces of 50-200 px between the eyes,
/// over 24 frames with noise of 10 grey levels (a webcam at dusk has 3-6), the largest deviation
/// was 2.9 % of the size, 0.022 of the eye aspect ratio, 0.037 of the mouth's and 2.2 degrees; that
/// of the position was not measured by itself. A blink takes 0.15-0.3 off the eye aspect ratio.
const LEAST: Shape =
    Shape { x: 0.05, y: 0.05, size: 0.05, eyes: 0.05, mouth: 0.07, turn_deg: [4.0; 3] };

/// How a face stands, and what it does with its eyes and mouth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    /// Mean of the landmarks; in [`Shape::moved`] in inter-ocular distances.
    pub x: f32,
    pub y: f32,
    /// Inter-ocular distance, px; in [`Shape::moved`] its relative change.
    pub size: f32,
    /// Eye aspect ratio.
    pub eyes: f32,
    /// Lip gap over the mouth's width.
    pub mouth: f32,
    /// Yaw, pitch, roll.
    pub turn_deg: [f32; 3],
}

/// What a followed face did lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Stillness {
    anchor: Option<Anchor>,
}

#[derive(Clone, Debug)]
struct Anchor {
    since: Duration,
    shape: Shape,
}

impl Stillness {
    /// Whether the face has done nothing for a minute.
    pub(super) fn look(&mut self, now: Duration, shape: Shape) -> bool {
        match &mut self.anchor {
            Some(anchor) if now >= anchor.since && !anchor.shape.moved(&shape) => {
                let is_picture = now - anchor.since >= PICTURE_AFTER;
                if is_picture {
                    anchor.shape.follow(&shape);
                }
                is_picture
            }
            _ => {
                self.anchor = Some(Anchor { since: now, shape });
                false
            }
        }
    }

    /// The face is gone.
    pub(super) fn forget(&mut self) {
        self.anchor = None;
    }
}

impl Shape {
    /// Of a face in the picture.
    pub(super) fn of(mesh: &Mesh, pose: &HeadPose) -> Self {
        let points = mesh.mesh_points();
        let mean = |axis: usize| {
            points.iter().map(|point| point[axis]).sum::<f32>() / to_f32(points.len())
        };
        Shape {
            x: mean(0),
            y: mean(1),
            size: mesh.inter_ocular_px(),
            eyes: gaze::eye_aspect_ratio(&mesh.points),
            mouth: gaze::mouth_open_ratio(&mesh.points),
            turn_deg: [pose.yaw_deg, pose.pitch_deg, pose.roll_deg],
        }
    }

    /// Whether `now` differs by more than noise.
    fn moved(&self, now: &Shape) -> bool {
        let size = self.size.max(f32::EPSILON);
        let by = |a: f32, b: f32, least: f32| (a - b).abs() > least;
        by(self.x / size, now.x / size, LEAST.x)
            || by(self.y / size, now.y / size, LEAST.y)
            || by(now.size / size, 1.0, LEAST.size)
            || by(self.eyes, now.eyes, LEAST.eyes)
            || by(self.mouth, now.mouth, LEAST.mouth)
            || (0..3).any(|i| by(self.turn_deg[i], now.turn_deg[i], LEAST.turn_deg[i]))
    }

    /// The light of a day moves the landmarks of a poster, a little each hour.
    fn follow(&mut self, now: &Shape) {
        const SHARE: f32 = 0.01;
        let step = |then: &mut f32, now: f32| *then += SHARE * (now - *then);
        step(&mut self.x, now.x);
        step(&mut self.y, now.y);
        step(&mut self.size, now.size);
        step(&mut self.eyes, now.eyes);
        step(&mut self.mouth, now.mouth);
        self.turn_deg.iter_mut().zip(now.turn_deg).for_each(|(then, now)| step(then, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: Shape =
        Shape { x: 300.0, y: 200.0, size: 80.0, eyes: 0.3, mouth: 0.02, turn_deg: [3.0; 3] };

    /// The verdicts on two minutes of frames of `shape`, half a second apart.
    fn watch(shape: impl Fn(u64) -> Shape) -> Vec<bool> {
        let mut stillness = Stillness::default();
        (0..240).map(|k| stillness.look(Duration::from_millis(500 * k), shape(k))).collect()
    }

    /// -1..1, another in each frame.
    fn noise(k: u64) -> f32 {
        ((k * 5) % 7) as f32 / 3.0 - 1.0
    }

    #[test]
    fn a_picture_with_noise_is_one_after_a_minute() {
        let verdicts = watch(|k| Shape {
            x: 300.0 + noise(k),
            size: 80.0 + noise(k + 1),
            eyes: 0.3 + 0.015 * noise(k + 2),
            turn_deg: [3.0 + noise(k + 3); 3],
            ..STILL
        });
        assert_eq!(verdicts.iter().position(|still| *still), Some(120));
        assert!(verdicts[120..].iter().all(|still| *still));
    }

    #[test]
    fn a_blink_a_turn_or_a_shift_in_a_minute_is_life() {
        let blink = |k| Shape { eyes: if k % 100 == 50 { 0.12 } else { 0.3 }, ..STILL };
        let sway = |k: u64| Shape { x: 300.0 + 6.0 * (k as f32 / 30.0).sin(), ..STILL };
        let nod =
            |k: u64| Shape { turn_deg: [3.0, 5.0 * (k as f32 / 40.0).sin(), 3.0], ..STILL };
        let talk = |k| Shape { mouth: if k % 90 == 3 { 0.2 } else { 0.02 }, ..STILL };
        for watched in [watch(blink), watch(sway), watch(nod), watch(talk)] {
            assert!(watched.iter().all(|still| !still));
        }
    }

    #[test]
    fn a_picture_that_is_moved_has_a_minute_again_and_the_light_of_a_day_does_not() {
        let verdicts = watch(|k| Shape { x: if k < 150 { 300.0 } else { 340.0 }, ..STILL });
        assert!(verdicts[149] && !verdicts[150] && !verdicts[239]);
        let mut stillness = Stillness::default();
        let shape = |k: u64| Shape { x: 300.0 + 0.0005 * k as f32, ..STILL };
        let look = |k| stillness.look(Duration::from_millis(500 * k), shape(k));
        assert!((0..40_000).map(look).skip(120).all(|still| still), "20 px within 5.5 h");
    }
}
