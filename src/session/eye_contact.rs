//! Whether the person looks into the cone round the camera.

use std::time::Duration;

use crate::vision::Gaze;

/// The cone that counts as eye contact.
#[derive(Clone, Debug, PartialEq)]
pub struct EyeContactConfig {
    /// Half angle of the cone, degrees.
    pub cone_deg: f32,
    /// How far outside the cone contact is kept once it was made, degrees.
    pub hysteresis_deg: f32,
    /// Where the cone points: the camera is seldom where the person's eyes go.
    pub centre: Gaze,
    /// Takes the cone's centre from the median gaze of the first seconds instead; zero: off.
    pub calibrate: Duration,
}

impl Default for EyeContactConfig {
    fn default() -> Self {
        EyeContactConfig {
            cone_deg: 15.0,
            hysteresis_deg: 5.0,
            centre: Gaze { yaw_deg: 0.0, pitch_deg: 0.0 },
            calibrate: Duration::ZERO,
        }
    }
}

/// Gazes that a calibration needs, however long it lasts.
const MIN_CALIBRATION: usize = 3;

#[derive(Debug)]
pub(super) struct EyeContact {
    config: EyeContactConfig,
    centre: Option<Gaze>,
    calibration: Vec<Gaze>,
    calibration_began: Option<Duration>,
    in_contact: bool,
}

impl EyeContact {
    pub(super) fn new(config: &EyeContactConfig) -> Self {
        EyeContact {
            centre: config.calibrate.is_zero().then_some(config.centre),
            config: config.clone(),
            calibration: Vec::new(),
            calibration_began: None,
            in_contact: false,
        }
    }

    /// The cone is this one from now on. A centre that was calibrated stays where it was found.
    pub(super) fn configure(&mut self, config: &EyeContactConfig) {
        let is_calibrated = !self.config.calibrate.is_zero();
        let calibrate = self.config.calibrate;
        self.config = EyeContactConfig { calibrate, ..config.clone() };
        if !is_calibrated {
            self.centre = Some(config.centre);
        }
    }

    /// Another person: contact is to be made anew, and a calibrated centre to be found anew.
    pub(super) fn begin_anew(&mut self) {
        *self = EyeContact::new(&self.config);
    }

    /// `None` while the gaze is unknown or the centre is still being found.
    pub(super) fn push(&mut self, at: Duration, gaze: Option<Gaze>) -> Option<bool> {
        let gaze = gaze?;
        let Some(centre) = self.centre else {
            self.calibrate(at, gaze);
            return None;
        };
        let angle_deg = angle_between_deg(gaze, centre);
        let kept = if self.in_contact { self.config.hysteresis_deg } else { 0.0 };
        self.in_contact = angle_deg <= self.config.cone_deg + kept;
        Some(self.in_contact)
    }

    fn calibrate(&mut self, at: Duration, gaze: Gaze) {
        let began = *self.calibration_began.get_or_insert(at);
        self.calibration.push(gaze);
        let is_over = at.saturating_sub(began) >= self.config.calibrate;
        if is_over && self.calibration.len() >= MIN_CALIBRATION {
            self.centre = Some(Gaze {
                yaw_deg: median(self.calibration.iter().map(|gaze| gaze.yaw_deg)),
                pitch_deg: median(self.calibration.iter().map(|gaze| gaze.pitch_deg)),
            });
            self.calibration = Vec::new();
        }
    }
}

/// Angle between two directions given as yaw and pitch, degrees.
fn angle_between_deg(a: Gaze, b: Gaze) -> f32 {
    let direction = |gaze: Gaze| {
        let (yaw, pitch) = (gaze.yaw_deg.to_radians(), gaze.pitch_deg.to_radians());
        [yaw.sin() * pitch.cos(), pitch.sin(), yaw.cos() * pitch.cos()]
    };
    let dot: f32 = direction(a).iter().zip(direction(b)).map(|(a, b)| a * b).sum();
    dot.clamp(-1.0, 1.0).acos().to_degrees()
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaw(yaw_deg: f32) -> Option<Gaze> {
        Some(Gaze { yaw_deg, pitch_deg: 0.0 })
    }

    #[test]
    fn contact_is_made_inside_the_cone_and_kept_through_the_hysteresis() {
        let mut contact = EyeContact::new(&EyeContactConfig::default());
        let seen =
            [16.0, 14.0, 19.0, 21.0, 19.0].map(|deg| contact.push(Duration::ZERO, yaw(deg)));
        assert_eq!(seen, [Some(false), Some(true), Some(true), Some(false), Some(false)]);
        assert_eq!(contact.push(Duration::ZERO, None), None);
    }

    #[test]
    fn a_new_cone_holds_at_once_and_a_calibrated_centre_stays() {
        let mut contact = EyeContact::new(&EyeContactConfig::default());
        assert_eq!(contact.push(Duration::ZERO, yaw(-14.0)), Some(true));
        let centre = Gaze { yaw_deg: 30.0, pitch_deg: 0.0 };
        let moved = EyeContactConfig { cone_deg: 10.0, centre, ..EyeContactConfig::default() };
        contact.configure(&moved);
        let seen = [-14.0, 25.0].map(|deg| contact.push(Duration::ZERO, yaw(deg)));
        assert_eq!(seen, [Some(false), Some(true)]);
        let calibrate = Duration::from_secs(1);
        let config = EyeContactConfig { calibrate, ..EyeContactConfig::default() };
        let mut contact = EyeContact::new(&config);
        for ms in [0, 500, 1000] {
            contact.push(Duration::from_millis(ms), yaw(-25.0));
        }
        contact.configure(&moved);
        assert_eq!(contact.push(Duration::from_secs(2), yaw(-25.0)), Some(true));
    }

    #[test]
    fn calibration_moves_the_cone_to_where_the_person_looks() {
        let calibrate = Duration::from_secs(2);
        let config = EyeContactConfig { calibrate, ..EyeContactConfig::default() };
        let mut contact = EyeContact::new(&config);
        for ms in [0, 500, 1000, 1500, 2000] {
            assert_eq!(contact.push(Duration::from_millis(ms), yaw(-25.0)), None);
        }
        assert_eq!(contact.push(Duration::from_secs(3), yaw(-30.0)), Some(true));
        assert_eq!(contact.push(Duration::from_secs(4), yaw(0.0)), Some(false));
    }

    #[test]
    fn angles_are_those_of_directions() {
        let a = Gaze { yaw_deg: 90.0, pitch_deg: 0.0 };
        let b = Gaze { yaw_deg: 0.0, pitch_deg: 90.0 };
        assert!((angle_between_deg(a, b) - 90.0).abs() < 1e-3);
    }
}
