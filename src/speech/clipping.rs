//! Where the microphone or its amplifier was too small for the sound: tops that are flat. They need
//! not lie at full scale: whatever comes after the clipping (a gain, a mix, a resampler, a codec)
//! moves them, so they are looked for at the signal's own ceiling.
//!
//! Two traces show it. **A run** of three samples or more that differ by one step at most, at the
//! ceiling: a voice has none, and one clipped sample in a thousand leaves some; but a resampler
//! rounds the corners. **A crowd**: in a voice 0.3-2.5 % of the samples of either sign have more
//! than 0.85 of the ceiling, in a clipped one 6 % and more, ripples or not. A tone has 7 %, so all of
//! this counts in speech only.

/// Shorter runs happen.
const MIN_RUN: usize = 3;
/// A run lower than this is silence, in steps of the 16-bit range.
const MIN_LEVEL: i32 = 1000;
/// Runs within this share of each other are one ceiling.
const SAME_LEVEL: f32 = 0.98;
/// Each so-manieth sample is counted, which is enough to know shares of a percent.
const STRIDE: usize = 4;
/// Bins of the histogram an octave.
const BINS_PER_OCTAVE: u32 = 32;
/// Bins of either sign.
const BINS: usize = 16 * BINS_PER_OCTAVE as usize;
/// So few samples of a sign may lie beyond the ceiling: ripples of a resampler.
const BEYOND_RATIO: f32 = 0.002;
/// 0.85 of the ceiling is so many bins below it.
const CROWD_BINS: usize = 7;
/// A crowd from which it is one, and what of it a voice has by itself.
const MIN_CROWD_RATIO: f32 = 0.04;
const NATURAL_RATIO: f32 = 0.02;

/// Samples that are looked at together: most rows of a voice are far from its ceiling.
const ROW: usize = 16;

/// Finds flat tops. Owns its buffer: one a worker.
#[derive(Debug)]
pub(super) struct FlatTops {
    /// How many samples have which level.
    histogram: Vec<u32>,
}

/// Runs of one sign.
#[derive(Clone, Copy, Debug)]
struct Ceiling {
    /// The highest sample of that sign.
    peak: i32,
    /// The highest level at which there is a run.
    level: i32,
    /// Samples of the runs at that level.
    flat: usize,
}

impl Ceiling {
    fn new(peak: i32) -> Self {
        Ceiling { peak, level: 0, flat: 0 }
    }

    /// Runs below this are not at the ceiling.
    fn least(&self) -> i32 {
        #[allow(clippy::cast_possible_truncation, reason = "under the peak")]
        let near = (self.peak as f32 * SAME_LEVEL * SAME_LEVEL) as i32;
        near.max(MIN_LEVEL)
    }

    fn note(&mut self, level: i32, length: usize) {
        if level as f32 * SAME_LEVEL > self.level as f32 {
            (self.level, self.flat) = (level, length);
        } else if level as f32 >= self.level as f32 * SAME_LEVEL {
            (self.level, self.flat) = (self.level.max(level), self.flat + length);
        }
    }

    /// Samples of its runs, where they are the signal's ceiling.
    fn flat(&self) -> usize {
        let is_ceiling = self.level as f32 >= self.peak as f32 * SAME_LEVEL;
        if is_ceiling { self.flat } else { 0 }
    }
}

impl FlatTops {
    pub(super) fn new() -> Self {
        FlatTops { histogram: vec![0; 2 * BINS] }
    }

    /// Share of the samples that lie on a flat top, 0..1: of a voice. `samples` as they came, and
    /// their mean.
    #[allow(clippy::cast_possible_truncation, reason = "the mean of 16-bit samples")]
    pub(super) fn ratio(&mut self, samples: &[i16], offset: f64) -> f32 {
        let (offset, count) = (offset.round() as i32, samples.len().max(1) as f32);
        let [upper, lower] = runs(samples, offset);
        let runs = (upper.flat() + lower.flat()) as f32 / count;
        self.histogram.fill(0);
        for sample in samples.iter().step_by(STRIDE) {
            self.histogram[bin(i32::from(*sample) - offset)] += 1;
        }
        let (lower, upper) = self.histogram.split_at(BINS);
        let half = count / STRIDE as f32 / 2.0;
        // Each is a share of half of the samples.
        let crowds = (crowd(lower, half) + crowd(upper, half)) / 2.0;
        runs.max(crowds).min(1.0)
    }
}

/// The runs at either ceiling.
fn runs(samples: &[i16], offset: i32) -> [Ceiling; 2] {
    let most = samples.iter().max().map_or(0, |most| i32::from(*most) - offset);
    let least = samples.iter().min().map_or(0, |least| offset - i32::from(*least));
    let (mut upper, mut lower) = (Ceiling::new(most), Ceiling::new(least));
    let (above, below) = (upper.least() + offset, offset - lower.least());
    let (mut run, mut last) = (0, 0);
    let mut end = |run: usize, last: i32| {
        if run < MIN_RUN {
            return;
        }
        let ceiling = if last > offset { &mut upper } else { &mut lower };
        ceiling.note((last - offset).abs(), run);
    };
    for row in samples.chunks(ROW) {
        let (mut highest, mut lowest) = (i16::MIN, i16::MAX);
        for sample in row {
            highest = highest.max(*sample);
            lowest = lowest.min(*sample);
        }
        if i32::from(highest) < above && i32::from(lowest) > below {
            end(run, last);
            run = 0;
            continue;
        }
        for sample in row.iter().map(|sample| i32::from(*sample)) {
            if sample < above && sample > below {
                end(run, last);
                run = 0;
            } else if run > 0 && (sample - last).abs() <= 1 {
                run += 1;
            } else {
                end(run, last);
                run = 1;
            }
            last = sample;
        }
    }
    end(run, last);
    [upper, lower]
}

/// What lies on a ceiling by the histogram of one sign, as a share of `half` of the samples.
fn crowd(histogram: &[u32], half: f32) -> f32 {
    let (mut above, mut ceiling) = (0, None);
    for (bin, count) in histogram.iter().enumerate().rev() {
        above += count;
        if above as f32 > BEYOND_RATIO * half {
            ceiling = ceiling.or(Some(bin));
        }
        if ceiling.is_some_and(|ceiling| bin + CROWD_BINS <= ceiling) {
            break;
        }
    }
    let ratio = above as f32 / half.max(1.0);
    if ceiling.is_some() && ratio >= MIN_CROWD_RATIO { ratio - NATURAL_RATIO } else { 0.0 }
}

/// The bin of a sample: its sign, and [`BINS_PER_OCTAVE`] a doubling, as a float has them.
fn bin(sample: i32) -> usize {
    const MANTISSA_BITS: u32 = 23 - BINS_PER_OCTAVE.ilog2();
    let octaves = (sample.unsigned_abs() as f32).to_bits() >> MANTISSA_BITS;
    // That of 1 is the first.
    let bin = octaves.saturating_sub(127 * BINS_PER_OCTAVE) as usize;
    bin.min(BINS - 1) + if sample > 0 { BINS } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(samples: &[i16]) -> f32 {
        FlatTops::new().ratio(samples, 0.0)
    }

    /// Three seconds of something with the peaks of a voice: pulses that fade, each louder or
    /// softer than the one before.
    fn voice() -> Vec<f32> {
        let sample = |k: usize| {
            let (pulse, at) = (k / 140, (k % 140) as f32);
            let loud = 0.3 + 0.7 * (pulse as f32 * 0.37).sin().abs();
            loud * (-at / 25.0).exp() * ((at * 0.31).cos() + 0.5 * (at * 0.83).sin())
        };
        (0..48_000).map(sample).collect()
    }

    /// As a device of that ceiling gives it, and then a gain.
    fn clipped(ceiling: f32, gain: f32) -> Vec<i16> {
        #[allow(clippy::cast_possible_truncation, reason = "within 16 bits")]
        let sample = |x: &f32| (x.clamp(-ceiling, ceiling) * gain * 20_000.0).round() as i16;
        voice().iter().map(sample).collect()
    }

    #[test]
    fn flat_tops_are_found_below_full_scale_and_at_any_gain() {
        let clean = ratio(&clipped(9.0, 1.0));
        assert!(clean.abs() < 1e-6, "{clean}");
        for ceiling in [0.9, 0.7, 0.5] {
            let flat = voice().iter().filter(|x| x.abs() >= ceiling).count() as f32 / 48_000.0;
            for gain in [1.0, 0.891, 0.3, 0.1] {
                let found = ratio(&clipped(ceiling, gain));
                let is_near = found > 0.4 * flat && found < 2.5 * flat;
                assert!(is_near, "{ceiling}, {gain}: {found} of {flat}");
            }
        }
    }

    #[test]
    fn rounded_corners_hide_the_runs_and_not_the_crowd() {
        let sharp = clipped(0.4, 1.0);
        // A small resampler: no sample equals the one before any more.
        let rounded = sharp.windows(3).enumerate().map(|(k, w)| {
            let ripple = if k % 2 == 0 { 300 } else { -300 };
            (w[0] / 4 + w[1] / 2 + w[2] / 4) + ripple
        });
        let rounded: Vec<i16> = rounded.collect();
        let found = ratio(&rounded);
        assert!(found > 0.02, "{found}");
    }

    #[test]
    fn runs_are_found_wherever_they_begin_and_an_offset_moves_them() {
        for (shift, at) in [(0, 3), (0, 15), (0, 16), (700, 5), (-700, 31)] {
            let mut samples = vec![shift; 480];
            samples[at..at + 9].fill(12_000 + shift);
            samples[at + 100..at + 104].fill(-9_000 + shift);
            let [upper, lower] = runs(&samples, shift.into());
            assert_eq!((upper.flat(), lower.flat()), (9, 4), "{shift} {at}");
        }
        // A run below the peak is no ceiling.
        let mut samples = [0; 480];
        samples[100..110].fill(9_000);
        samples[200] = 12_000;
        assert_eq!(runs(&samples, 0)[0].flat(), 0);
        assert!(ratio(&[]).abs() < 1e-9);
    }

    #[test]
    fn every_sample_has_a_bin() {
        assert!(bin(i32::from(i16::MIN)) < BINS && bin(i32::from(i16::MAX)) < 2 * BINS);
        assert!(bin(0) == 0 && bin(-40_000) < BINS && bin(70_000) < 2 * BINS);
    }
}
