//! Whether the person looks into the cone round the camera, and how probable that is.

use std::time::Duration;

use super::{direction::Direction, gaze_mode::GazeMode};
use crate::vision::{GAZE_SPREAD_DEG, Gaze};

/// The cone that counts as eye contact.
///
/// Its cross-section is an ellipse, since yaw is read more exactly than pitch: what is compared with
/// the angles here is a reading's distance in standard deviations ([`GAZE_SPREAD_DEG`]), times their
/// root mean square. 15 degrees are 11.7 to the side and 17.7 up or down.
#[derive(Clone, Debug, PartialEq)]
pub struct EyeContactConfig {
    /// Half angle of the cone, degrees.
    pub cone_deg: f32,
    /// How far outside the cone contact is kept once it was made, degrees.
    pub hysteresis_deg: f32,
    /// Where the cone points: people look at the screen, seldom into the camera.
    pub centre: Direction,
    /// Takes the cone's centre from where the person looks most in the first seconds instead; zero:
    /// off.
    pub calibrate: Duration,
    /// Moves the cone by what is read of this person all the time, by at most 12 degrees.
    pub personal: bool,
}

impl Default for EyeContactConfig {
    fn default() -> Self {
        EyeContactConfig {
            cone_deg: 15.0,
            hysteresis_deg: 5.0,
            centre: Direction::default(),
            calibrate: Duration::ZERO,
            personal: true,
        }
    }
}

/// Eye contact by one gaze.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Contact {
    /// The gaze is inside the cone.
    pub made: bool,
    /// Probability that the person's eyes are truly within [`CONTACT_DEG`] of the cone's centre.
    pub probability: f32,
}

/// A gaze this close to the camera is perceived as eye contact; the cone is wider by the reading's
/// error.
const CONTACT_DEG: f32 = 12.0;
/// Of the logistic curve over (12 degrees - distance) / standard deviation: its middle and its width.
/// Near the maximum likelihood over 200 crops of 50 rendered faces (100 pictures of them and of
/// their mirror images) whose gaze was read by constants fitted to other people; a little flatter,
/// since only seven of the people look into the camera.
const PROBABILITY_MIDDLE: f32 = 0.6;
const PROBABILITY_WIDTH: f32 = 0.35;

/// Time with a known gaze after which the person's own zero is used.
const PERSONAL_AFTER: Duration = Duration::from_secs(10);
/// Share of that time that must have been spent near the mode.
const PERSONAL_SHARE: f32 = 0.3;
/// Share of the mode that is the person's: people differ by 6 degrees in what is read of them, and a
/// mode is known to 4.
const PERSONAL_TRUST: f32 = 0.7;
/// A mode further from the cone's centre than this is no error of reading: the person looks elsewhere.
const MAX_SHIFT_DEG: f32 = 12.0;

#[derive(Debug)]
pub(super) struct EyeContact {
    config: EyeContactConfig,
    /// Found by calibration.
    calibrated: Option<Direction>,
    seen: GazeMode,
    in_contact: bool,
}

impl EyeContact {
    pub(super) fn new(config: &EyeContactConfig) -> Self {
        EyeContact {
            config: config.clone(),
            calibrated: None,
            seen: GazeMode::default(),
            in_contact: false,
        }
    }

    /// The cone is this one from now on. A centre that was calibrated stays where it was found.
    pub(super) fn configure(&mut self, config: &EyeContactConfig) {
        let calibrate = self.config.calibrate;
        self.config = EyeContactConfig { calibrate, ..config.clone() };
    }

    /// Another person: eye contact and the calibration of the centre start again.
    pub(super) fn restart(&mut self) {
        *self = EyeContact::new(&self.config);
    }

    /// `None` while the gaze is unknown or the centre is still being calibrated.
    pub(super) fn push(&mut self, at: Duration, gaze: Option<Gaze>) -> Option<Contact> {
        let gaze = gaze?;
        self.seen.push(at, gaze);
        let centre = self.centre()?;
        let distance_deg = distance_deg(Direction::of(gaze), centre);
        let kept = if self.in_contact { self.config.hysteresis_deg } else { 0.0 };
        self.in_contact = distance_deg <= self.config.cone_deg + kept;
        let probability = probability(distance_deg, gaze.confidence);
        Some(Contact { made: self.in_contact, probability })
    }

    /// Where the cone points now.
    fn centre(&mut self) -> Option<Direction> {
        if !self.config.calibrate.is_zero() {
            if self.calibrated.is_none() {
                self.calibrated = self.seen.mode(self.config.calibrate).map(|(mode, _)| mode);
            }
            return self.calibrated;
        }
        let centre = self.config.centre;
        if !self.config.personal {
            return Some(centre);
        }
        let Some((mode, share)) = self.seen.mode(PERSONAL_AFTER) else { return Some(centre) };
        let is_theirs =
            share >= PERSONAL_SHARE && angle_between_deg(mode, centre) <= MAX_SHIFT_DEG;
        let towards = |centre: f32, mode: f32| centre + PERSONAL_TRUST * (mode - centre);
        Some(if is_theirs {
            Direction {
                yaw_deg: towards(centre.yaw_deg, mode.yaw_deg),
                pitch_deg: towards(centre.pitch_deg, mode.pitch_deg),
            }
        } else {
            centre
        })
    }
}

/// Probability, 0..1, that the eyes are within [`CONTACT_DEG`] of the cone's centre where a gaze at
/// `distance_deg` from it ([`distance_deg`]) was read: 1 / (1 + exp((middle - inside) / width)), the
/// logistic regression (Platt 1999) of `inside`, the distance to that bound in the reading's standard
/// deviations.
fn probability(distance_deg: f32, confidence: f32) -> f32 {
    let spread_deg = mean_spread_deg() / confidence.max(0.05);
    let inside = (CONTACT_DEG - distance_deg) / spread_deg;
    1.0 / (1.0 + ((PROBABILITY_MIDDLE - inside) / PROBABILITY_WIDTH).exp())
}

/// How far a reading is from the cone's centre in standard deviations of its yaw and pitch
/// (Mahalanobis 1936, "On the generalised distance in statistics"), times their root mean square:
/// degrees, less than the angle between the two up and down, more to the side.
fn distance_deg(gaze: Direction, centre: Direction) -> f32 {
    let right = (gaze.yaw_deg - centre.yaw_deg) * centre.pitch_deg.to_radians().cos();
    let up = gaze.pitch_deg - centre.pitch_deg;
    let [yaw_spread, pitch_spread] = GAZE_SPREAD_DEG;
    let in_spreads = (right / yaw_spread).hypot(up / pitch_spread);
    // Degrees of yaw and pitch are no right angles far out; the angle between the two is.
    let share = in_spreads / right.hypot(up).max(f32::EPSILON);
    angle_between_deg(gaze, centre) * share * mean_spread_deg()
}

/// Root mean square of the two [`GAZE_SPREAD_DEG`].
fn mean_spread_deg() -> f32 {
    let [yaw, pitch] = GAZE_SPREAD_DEG;
    f32::midpoint(yaw * yaw, pitch * pitch).sqrt()
}

/// Angle between two directions given as yaw and pitch, degrees.
fn angle_between_deg(a: Direction, b: Direction) -> f32 {
    let direction = |gaze: Direction| {
        let (yaw, pitch) = (gaze.yaw_deg.to_radians(), gaze.pitch_deg.to_radians());
        [yaw.sin() * pitch.cos(), pitch.sin(), yaw.cos() * pitch.cos()]
    };
    let dot: f32 = direction(a).iter().zip(direction(b)).map(|(a, b)| a * b).sum();
    dot.clamp(-1.0, 1.0).acos().to_degrees()
}

#[cfg(test)]
mod tests;
