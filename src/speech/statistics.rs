//! Order statistics and the summary of an f0 track.

use std::time::Duration;

use super::{F0Statistics, STEP_MS, activity::Activity};

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

/// The voice activity model judges chunks of 32 ms: a voice may begin up to this long before it is
/// sure, and end this long after.
pub(super) const HANGOVER: Duration = Duration::from_millis(60);

/// Of every step from the start of a segment whether it holds speech, hangover included; in a
/// segment that does not count as spoken no step does.
fn spoken_steps(activity: &Activity) -> impl Iterator<Item = bool> + Clone {
    steps_near_speech(activity, HANGOVER)
}

/// The same with `margin` on either side of the speech.
pub(super) fn steps_near_speech(
    activity: &Activity,
    margin: Duration,
) -> impl Iterator<Item = bool> + Clone {
    let mut stretches = activity.speech.iter().filter(|_| activity.detected).peekable();
    (0..).map(move |step| {
        let at = Duration::from_millis(step * STEP_MS);
        while stretches.next_if(|stretch| stretch.end + margin <= at).is_some() {}
        stretches.peek().is_some_and(|stretch| stretch.start <= at + margin)
    })
}

/// A stretch of speech with a smaller share of voiced time is a whisper, and what is voiced in it
/// the ringing of a vowel's resonance.
const MIN_VOICED_RATIO: f32 = 0.1;

/// Removes the f0 outside of speech and in whispers.
pub(super) fn keep_spoken(f0_track_hz: &mut [Option<f32>], activity: &Activity) {
    for (f0_hz, is_spoken) in f0_track_hz.iter_mut().zip(spoken_steps(activity)) {
        *f0_hz = f0_hz.filter(|_| is_spoken);
    }
    for stretch in &activity.speech {
        let steps = stretch.steps(f0_track_hz.len(), HANGOVER);
        let track = &mut f0_track_hz[steps];
        let voiced = track.iter().flatten().count();
        if (voiced as f32) < MIN_VOICED_RATIO * track.len() as f32 {
            track.fill(None);
        }
    }
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
    fn what_has_a_pitch_outside_of_speech_has_none() {
        let ms = Duration::from_millis;
        let stretch = |start, end| super::super::Interval { start: ms(start), end: ms(end) };
        let speech = vec![stretch(0, 200), stretch(600, 900)];
        let mut activity = Activity { detected: true, speech, ..Activity::default() };
        let mut track = vec![Some(118.0); 100];
        keep_spoken(&mut track, &activity);
        let kept: Vec<usize> = (0..100).filter(|step| track[*step].is_some()).collect();
        let expected: Vec<usize> = (0..26).chain(54..96).collect();
        assert_eq!(kept, expected);
        track.fill(None);
        track[60..62].fill(Some(300.0));
        keep_spoken(&mut track, &activity);
        assert_eq!(track, [None; 100], "a whisper");
        track.fill(Some(118.0));
        // A word under 0.3 s is not enough to speak of a voice.
        activity.detected = false;
        keep_spoken(&mut track, &activity);
        assert_eq!(track, [None; 100]);
    }

    #[test]
    fn nine_voiced_frames_are_too_few() {
        assert_eq!(summarise(&[Some(100.0); 9], &mut Vec::new()), None);
    }
}
