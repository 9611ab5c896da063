//! Order statistics and the summary of an f0 track.

use super::F0Statistics;

/// Voiced frames that statistics need.
const MIN_VOICED_FRAMES: usize = 10;

/// The value below which this share of the sorted values lies, linearly interpolated.
/// `sorted` holds at least one value.
pub(super) fn percentile(sorted: &[f32], share: f32) -> f32 {
    let position = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f32;
    let below = position.floor();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last index"
    )]
    let index = below as usize;
    let above = sorted[(index + 1).min(sorted.len() - 1)];
    sorted[index] + (position - below) * (above - sorted[index])
}

/// Statistics over the voiced frames. `sorted` is a buffer.
pub(super) fn summarise(
    f0_track_hz: &[Option<f32>],
    sorted: &mut Vec<f32>,
) -> Option<F0Statistics> {
    sorted.clear();
    sorted.extend(f0_track_hz.iter().flatten());
    let voiced_frames = sorted.len();
    if voiced_frames < MIN_VOICED_FRAMES {
        return None;
    }
    sorted.sort_unstable_by(f32::total_cmp);
    let count = voiced_frames as f32;
    let mean_hz = sorted.iter().sum::<f32>() / count;
    let variance_hz2 = sorted.iter().map(|f0| (f0 - mean_hz).powi(2)).sum::<f32>() / count;
    Some(F0Statistics {
        voiced_frames,
        mean_hz,
        variance_hz2,
        median_hz: percentile(sorted, 0.5),
        p5_hz: percentile(sorted, 0.05),
        p95_hz: percentile(sorted, 0.95),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_of_the_voiced_frames() {
        let track: Vec<Option<f32>> =
            (0..42).map(|k| (k % 2 == 0).then_some(100.0 + k as f32 / 2.0)).collect();
        let f0 = summarise(&track, &mut Vec::new()).expect("21 voiced frames");
        assert_eq!(f0.voiced_frames, 21);
        for (found, expected) in [
            (f0.mean_hz, 110.0),
            (f0.median_hz, 110.0),
            (f0.p5_hz, 101.0),
            (f0.p95_hz, 119.0),
            (f0.variance_hz2, 36.666_67),
        ] {
            assert!((found - expected).abs() < 1e-3, "{f0:?}");
        }
    }

    #[test]
    fn nine_voiced_frames_are_too_few() {
        assert_eq!(summarise(&[Some(100.0); 9], &mut Vec::new()), None);
    }
}
