//! Detects a device that repeats its media: a frozen sensor, a muted mixer.
//!
//! A sensor and a converter have noise, so two identical pictures in a row are rare and ten
//! seconds of them are a fault; the same holds for 16-bit samples that are all equal.

use std::time::Duration;

/// Bytes of a frame that are hashed at first. Only where these are the same as the frame before
/// had is the whole frame hashed, so a camera that works costs next to nothing.
const SAMPLED_BYTES: usize = 4096;

/// Watches frames. Holds no frame.
#[derive(Debug, Default)]
pub(super) struct FrozenFrames {
    sampled: Option<u64>,
    whole: Option<u64>,
    since: Option<Duration>,
}

impl FrozenFrames {
    /// Takes a frame that came at `now`. Returns since when every frame was identical with this one, if
    /// at least one before it was.
    pub(super) fn see(&mut self, bytes: &[u8], now: Duration) -> Option<Duration> {
        let step = bytes.len().div_ceil(SAMPLED_BYTES).max(1);
        let sampled = hash(bytes.iter().copied().step_by(step), bytes.len());
        if self.sampled.replace(sampled) != Some(sampled) {
            (self.whole, self.since) = (None, None);
            return None;
        }
        let whole = hash(bytes.iter().copied(), bytes.len());
        let is_same = self.whole.replace(whole).is_none_or(|before| before == whole);
        self.since = if is_same { self.since.or(Some(now)) } else { None };
        self.since
    }
}

/// Watches samples. Holds no sound.
#[derive(Debug, Default)]
pub(super) struct ConstantSound {
    value: Option<i16>,
    since: Option<Duration>,
}

impl ConstantSound {
    /// Takes samples that came at `now`. Returns since when every sample had one value, if these have.
    pub(super) fn observe(&mut self, samples: &[i16], now: Duration) -> Option<Duration> {
        let (first, rest) = samples.split_first()?;
        // Real sound differs within the first few samples.
        if !rest.iter().all(|sample| sample == first) {
            (self.value, self.since) = (None, None);
        } else if self.value.replace(*first) == Some(*first) {
            self.since = self.since.or(Some(now));
        } else {
            self.since = Some(now);
        }
        self.since
    }
}

/// FNV-1a over whole bytes, with the length: no secret depends on it.
fn hash(bytes: impl Iterator<Item = u8>, length: usize) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ u64::try_from(length).unwrap_or(u64::MAX);
    bytes.fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn identical_frames_are_frozen_since_the_second_and_one_byte_ends_it() {
        let mut frames = FrozenFrames::default();
        let mut picture = vec![7; 600_001];
        assert_eq!(frames.see(&picture, s(1)), None);
        assert_eq!(frames.see(&picture, s(2)), Some(s(2)));
        assert_eq!(frames.see(&picture, s(9)), Some(s(2)));
        // A byte that the sample leaves out.
        picture[1] = 8;
        assert_eq!(frames.see(&picture, s(10)), None);
        assert_eq!(frames.see(&picture, s(11)), Some(s(11)));
        // A byte that is sampled, and another length.
        picture[0] = 8;
        assert_eq!(frames.see(&picture, s(12)), None);
        picture.pop();
        assert_eq!(frames.see(&picture, s(13)), None);
        assert_eq!(frames.see(&[], s(14)), None);
    }

    #[test]
    fn sound_of_one_value_is_constant_and_the_quietest_noise_is_not() {
        let mut sound = ConstantSound::default();
        assert_eq!(sound.observe(&[0; 1600], s(1)), Some(s(1)));
        assert_eq!(sound.observe(&[0; 1600], s(2)), Some(s(1)));
        assert_eq!(
            sound.observe(&[-1; 1600], s(3)),
            Some(s(3)),
            "another value is a new beginning"
        );
        let mut quiet = [0; 1600];
        quiet[1599] = 1;
        assert_eq!(sound.observe(&quiet, s(4)), None);
        assert_eq!(sound.observe(&[0; 1600], s(5)), Some(s(5)));
        assert_eq!(sound.observe(&[], s(6)), None);
    }
}
