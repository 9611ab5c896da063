//! Harmonics-to-noise ratio of a voice: how much of it repeats from period to period.
//!
//! Boersma 1993: with `r` the normalised autocorrelation at the period of the f0, a frame's periodic
//! energy is to its noise as `r` to `1 - r`.

/// Periodicity is clamped this far from 0 and 1: single precision knows no more.
const MARGIN: f32 = 1e-6;

/// Mean over the voiced steps of `10 log10(r / (1 - r))`, dB; `None` without one. `periodicity` is `r`
/// of each step of the track, 0..1.
pub(super) fn mean_db(
    f0_track_hz: &[Option<f32>],
    periodicity: impl Iterator<Item = f32>,
) -> Option<f32> {
    let voiced = f0_track_hz.iter().zip(periodicity).filter(|(f0, _)| f0.is_some());
    let (sum, count) = voiced.fold((0.0, 0.0), |(sum, count), (_, r)| {
        let r = r.clamp(MARGIN, 1.0 - MARGIN);
        (sum + 10.0 * (r / (1.0 - r)).log10(), count + 1.0)
    });
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        media::SAMPLE_RATE_HZ,
        speech::f0::{F0Config, F0Tracker},
    };

    /// Ten harmonics of 150 Hz and white noise of so much less power.
    fn noisy_voice(ratio_db: f32) -> Vec<f32> {
        let mut state = 1_u32;
        let mut white = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        // Ten sines have a power of 5, the noise one of a third.
        let noise = (15.0 / 10_f32.powf(ratio_db / 10.0)).sqrt();
        let turn = std::f32::consts::TAU * 150.0 / SAMPLE_RATE_HZ as f32;
        let voice = |at: usize| -> f32 {
            (1..=10).map(|k| ((at * k) as f32 * turn + (k * k) as f32).sin()).sum()
        };
        (0..32_000).map(|at| (voice(at) + noise * white()) / 20.0).collect()
    }

    #[test]
    fn a_voice_with_noise_has_the_ratio_of_their_powers() {
        let mut tracker = F0Tracker::new(F0Config::default());
        for ratio_db in [5.0, 10.0, 20.0] {
            let samples = noisy_voice(ratio_db);
            let track = tracker.track(&samples, |_, _| {});
            let found = mean_db(&track, tracker.periodicity(samples.len())).expect("voiced");
            assert!((found - ratio_db).abs() < 0.6, "{found} dB, not {ratio_db}");
        }
    }

    #[test]
    fn an_unvoiced_step_does_not_count() {
        let half = 10.0 * (0.9_f32 / 0.1).log10();
        let found = mean_db(&[Some(100.0), None], [0.9, 0.1].into_iter());
        assert!((found.expect("one is voiced") - half).abs() < 1e-4);
        assert_eq!(mean_db(&[None], [0.9].into_iter()), None);
    }
}
