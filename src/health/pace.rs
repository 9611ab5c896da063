//! [`Pace`]: the rate of media in a healthy booth.

use std::time::Duration;

/// The rate of media in a healthy booth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Frames a second that are analysed.
    pub fps: f64,
    /// Interval from one frame to the next.
    pub frame: Duration,
    /// Length of a segment, and interval from one segment to the next.
    pub segment: Duration,
}
