//! The features by which arousal is judged: three numbers of one segment. The session has the
//! baseline.
//!
//! Bone, Lee & Narayanan 2014, "Robust unsupervised arousal rating". They measure utterances; what
//! comes nearest to one in a segment is the speech since the last pause.

use std::time::Duration;

use super::{
    ArousalFeatures, STEP_SAMPLES,
    activity::Activity,
    statistics::{HANGOVER, percentile, steps_near_speech},
    sums::dot,
};

/// Frames quieter than the loudest by more than this are pauses.
const LEVEL_RANGE_DB: f32 = 25.0;
/// So far beyond a stretch of speech its level is looked for: the model misses weak consonants at
/// either end, and what is a pause the range leaves out.
const EDGE: Duration = Duration::from_millis(200);
/// Voiced steps (0.5 s) under which the features scatter too much to be judged by.
const ENOUGH_VOICED: usize = 50;

/// Parts of a step.
const PARTS: usize = 4;
/// Samples of a part: the least of which frames of 25 ms every 10 ms can be put together.
const PART_SAMPLES: usize = STEP_SAMPLES / PARTS;
/// Parts of a frame on either side of its centre.
const HALF_FRAME: usize = 5;

/// Appends the mean square of each part, 2.5 ms, to `out`.
pub(super) fn push_parts(samples: &[f32], out: &mut Vec<f32>) {
    let parts = samples.chunks_exact(PART_SAMPLES);
    out.extend(parts.map(|part| dot(part, part) / PART_SAMPLES as f32));
}

/// Where the speech begins that a segment is judged by, a step: the stretches that reach into its
/// last `new_steps`, and before them, pause by pause, as many as it takes to have enough of a
/// voice. Speech before a pause may have been in another mood, and the segment before was
/// judged by it.
pub(super) fn newest_speech(
    activity: &Activity,
    f0_track_hz: &[Option<f32>],
    new_steps: usize,
) -> usize {
    let length = f0_track_hz.len();
    let (mut first, mut voiced) = (length, 0);
    for stretch in activity.speech.iter().rev() {
        let steps = stretch.steps(length, HANGOVER);
        if voiced >= ENOUGH_VOICED && steps.end + new_steps <= length {
            break;
        }
        first = stretch.steps(length, EDGE).start;
        voiced += f0_track_hz[steps].iter().flatten().count();
    }
    first
}

/// The features of a segment with voiced speech.
///
/// `f0_track_hz` is of the steps that it is judged by, `powers` are mean squares of the frames
/// near speech, and `hf500_ratio` is energy from 500 Hz up against 80-500 Hz. `sorted` is
/// a buffer.
pub(super) fn features(
    f0_track_hz: &[Option<f32>],
    powers: impl Iterator<Item = f32> + Clone,
    hf500_ratio: f32,
    sorted: &mut Vec<f32>,
) -> Option<ArousalFeatures> {
    sorted.clear();
    sorted.extend(f0_track_hz.iter().flatten());
    sorted.sort_unstable_by(f32::total_cmp);
    (!sorted.is_empty()).then(|| ArousalFeatures {
        log2_f0_median: percentile(sorted, 0.5).log2(),
        level_db: speaking_level_db(powers),
        log10_hf500: hf500_ratio.max(f32::MIN_POSITIVE).log10(),
    })
}

/// Mean squares of the 25 ms round the steps from `first` on that are near speech.
pub(super) fn powers_near_speech(
    parts: &[f32],
    activity: &Activity,
    first: usize,
) -> impl Iterator<Item = f32> + Clone {
    let steps = steps_near_speech(activity, EDGE).enumerate();
    let steps = steps.take(parts.len() / PARTS + 1).skip(first);
    steps.filter(|(_, is_near)| *is_near).filter_map(|(step, _)| {
        let start = (step * PARTS).checked_sub(HALF_FRAME)?;
        let frame = parts.get(start..start + 2 * HALF_FRAME)?;
        Some(frame.iter().sum::<f32>() / (2 * HALF_FRAME) as f32)
    })
}

/// Mean level, dB of full scale, of the frames within 25 dB of the loudest.
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
    use super::{super::Interval, *};

    #[test]
    fn pauses_do_not_lower_the_level() {
        let mut powers = vec![1e-2; 30];
        powers.extend([1e-6; 30]);
        let level_db = |powers: &[f32]| speaking_level_db(powers.iter().copied());
        assert!((level_db(&powers) + 20.0).abs() < 1e-3);
        powers[0] = 1e-1;
        assert!((level_db(&powers) + 19.667).abs() < 1e-2);
    }

    #[test]
    fn a_frame_is_the_25_ms_round_its_step() {
        let mut samples = vec![0.0; 10 * STEP_SAMPLES];
        samples[5 * STEP_SAMPLES - 200..5 * STEP_SAMPLES + 200].fill(0.1);
        let mut parts = Vec::new();
        push_parts(&samples, &mut parts);
        let all = activity(&[(0, 100)]);
        let powers: Vec<f32> = powers_near_speech(&parts, &all, 5).collect();
        // Steps 5 to 8: the frames round 9 and 10 reach beyond the end.
        assert_eq!(powers.len(), 4);
        for (power, share) in powers.iter().zip([1.0, 0.6, 0.2, 0.0]) {
            assert!((power - 0.01 * share).abs() < 1e-6, "{powers:?}");
        }
        // Steps 2 to 8: the frame round 1 reaches beyond the start.
        assert_eq!(powers_near_speech(&parts, &all, 0).count(), 7);
        let later = activity(&[(260, 300)]);
        assert_eq!(powers_near_speech(&parts, &later, 0).count(), 3, "200 ms before it");
    }

    fn activity(ms: &[(u64, u64)]) -> Activity {
        let ms = ms.iter().map(|(start, end)| Interval {
            start: Duration::from_millis(*start),
            end: Duration::from_millis(*end),
        });
        Activity { detected: true, speech: ms.collect(), ..Activity::default() }
    }

    #[test]
    fn speech_before_a_pause_counts_only_where_there_is_too_little_after_it() {
        let track = vec![Some(120.0); 300];
        let first =
            |ms: &[(u64, u64)], new_steps| newest_speech(&activity(ms), &track, new_steps);
        assert_eq!(first(&[(0, 3000)], 100), 0);
        assert_eq!(first(&[(0, 1000), (1500, 3000)], 100), 130);
        assert_eq!(first(&[(0, 1000), (1500, 2000), (2700, 3000)], 100), 130);
        assert_eq!(first(&[(0, 1000), (2500, 3000)], 100), 230);
        // The new part holds the end of one and the beginning of the next.
        assert_eq!(first(&[(0, 800), (1200, 2100), (2400, 3000)], 100), 100);
        assert_eq!(first(&[(0, 1000), (1500, 3000)], 300), 0);
        // A whisper is no voice.
        let mut track = track;
        track[150..].fill(None);
        assert_eq!(newest_speech(&activity(&[(0, 1000), (1500, 3000)]), &track, 100), 0);
    }
}
