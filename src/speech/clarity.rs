//! How clear speech is, 0..1: presence, less what clipping and noise take away.

/// Share of voiced energy in 1-4 kHz that maps to one half.
const PRESENCE_HALF_RATIO: f32 = 0.1;
/// Share of clipped samples from which nothing is clear.
const CLIPPING_LIMIT_RATIO: f32 = 0.05;
/// Speech-to-noise ratio up to which nothing is clear.
const NOISE_FLOOR_DB: f32 = 3.0;
/// Speech-to-noise ratio from which noise takes nothing away.
const NOISE_CLEAN_DB: f32 = 20.0;
/// The quietest part of a segment, taken to be its noise.
const NOISE_PERCENTILE: f32 = 0.1;

/// The measures from which clarity follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClarityEvidence {
    /// Energy of the voiced frames from 1 to 4 kHz, where consonants and formants distinguish
    /// words, against all of it, 0..1.
    pub presence_ratio: f32,
    /// Share of samples at full scale or on another flat top, 0..1.
    pub clipping_ratio: f32,
    /// Level of the voice over the noise, dB.
    pub speech_to_noise_db: f32,
}

/// Clarity 0..1, strictly rising with presence:
///
/// `1.1 p / (p + 0.1)`, with `p` the presence ratio (0 -> 0, 0.1 -> 0.55, 1 -> 1), times
/// `1 - clipping / 5 %` and times a ramp from 0 at 3 dB speech-to-noise ratio to 1 at 20 dB. An own
/// definition: it orders recordings, it is no measured intelligibility.
pub fn clarity(evidence: ClarityEvidence) -> f32 {
    let presence = evidence.presence_ratio.clamp(0.0, 1.0);
    let shape = (1.0 + PRESENCE_HALF_RATIO) * presence / (presence + PRESENCE_HALF_RATIO);
    let unclipped = (1.0 - evidence.clipping_ratio / CLIPPING_LIMIT_RATIO).max(0.0);
    let above_noise =
        (evidence.speech_to_noise_db - NOISE_FLOOR_DB) / (NOISE_CLEAN_DB - NOISE_FLOOR_DB);
    shape * unclipped * above_noise.clamp(0.0, 1.0)
}

/// Mean power of the voiced steps over that of the segment's quietest tenth, dB. `None` without
/// a voiced step. `sorted` is a buffer; a noise of digital silence counts as -100 dBFS.
pub(super) fn speech_to_noise_db(
    powers: &[f32],
    f0_track_hz: &[Option<f32>],
    sorted: &mut Vec<f32>,
) -> Option<f32> {
    let voiced = powers.iter().zip(f0_track_hz).filter(|(_, f0)| f0.is_some());
    let (sum, count) = voiced.fold((0.0, 0), |(sum, n), (power, _)| (sum + power, n + 1));
    if count == 0 {
        return None;
    }
    sorted.clear();
    sorted.extend_from_slice(powers);
    sorted.sort_unstable_by(f32::total_cmp);
    let noise = super::statistics::percentile(sorted, NOISE_PERCENTILE).max(1e-10);
    Some(10.0 * (sum / count as f32 / noise).max(1e-10).log10())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: ClarityEvidence =
        ClarityEvidence { presence_ratio: 0.1, clipping_ratio: 0.0, speech_to_noise_db: 40.0 };

    #[test]
    fn clarity_rises_with_presence_and_stays_in_its_range() {
        let at = |presence_ratio| clarity(ClarityEvidence { presence_ratio, ..CLEAN });
        let values: Vec<f32> = (0..=20).map(|k| at(k as f32 / 20.0)).collect();
        assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{values:?}");
        assert!(values[0].abs() < 1e-6 && (values[20] - 1.0).abs() < 1e-6, "{values:?}");
    }

    #[test]
    fn clipping_and_noise_take_clarity_away() {
        let clean = clarity(CLEAN);
        let clipped = clarity(ClarityEvidence { clipping_ratio: 0.02, ..CLEAN });
        let noisy = clarity(ClarityEvidence { speech_to_noise_db: 8.0, ..CLEAN });
        let drowned = clarity(ClarityEvidence { speech_to_noise_db: 0.0, ..CLEAN });
        assert!(clipped < clean && noisy < clean);
        assert!(drowned.abs() < 1e-6);
    }

    #[test]
    fn the_noise_is_the_quietest_tenth() {
        let mut powers = vec![1e-2; 100];
        powers[..20].fill(1e-5);
        let mut f0 = vec![Some(120.0); 100];
        f0[..20].fill(None);
        let ratio = speech_to_noise_db(&powers, &f0, &mut Vec::new()).expect("80 voiced");
        assert!((ratio - 30.0).abs() < 0.1, "{ratio}");
        assert_eq!(speech_to_noise_db(&powers, &[None; 100], &mut Vec::new()), None);
    }
}
