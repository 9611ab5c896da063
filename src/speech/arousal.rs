//! What arousal is judged by: three numbers of one segment. The baseline is the session's.
//!
//! Bone, Lee & Narayanan 2014, "Robust unsupervised arousal rating".

use super::{ArousalFeatures, F0Statistics};

/// Steps quieter than the loudest by more than this are pauses.
const LEVEL_RANGE_DB: f32 = 25.0;

/// The features of a segment with voiced speech.
///
/// `powers` are mean squares per 10 ms, of those in which somebody speaks; `hf500_ratio` is energy
/// from 500 Hz up against 80-500 Hz.
pub(super) fn features(
    f0: &F0Statistics,
    powers: impl Iterator<Item = f32> + Clone,
    hf500_ratio: f32,
) -> ArousalFeatures {
    ArousalFeatures {
        log2_f0_median: f0.median_hz.log2(),
        level_db: speaking_level_db(powers),
        log10_hf500: hf500_ratio.max(f32::MIN_POSITIVE).log10(),
    }
}

/// Mean level, dB of full scale, of the steps within 25 dB of the loudest.
fn speaking_level_db(powers: impl Iterator<Item = f32> + Clone) -> f32 {
    let level_db = |power: f32| 10.0 * power.max(1e-10).log10();
    let top = powers.clone().fold(0.0, f32::max);
    let least = top * 10f32.powf(-LEVEL_RANGE_DB / 10.0);
    let spoken = powers.filter(|power| *power >= least);
    let (sum, count) = spoken.fold((0.0, 0), |(sum, n), power| (sum + level_db(power), n + 1));
    sum / count.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_do_not_lower_the_level() {
        let mut powers = vec![1e-2; 30];
        powers.extend([1e-6; 30]);
        let level_db = |powers: &[f32]| speaking_level_db(powers.iter().copied());
        assert!((level_db(&powers) + 20.0).abs() < 1e-3);
        powers[0] = 1e-1;
        assert!((level_db(&powers) + 19.667).abs() < 1e-2);
    }
}
