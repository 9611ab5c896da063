//! [`Segmenter`] and [`ChunkSegmenter`]: cut sound into overlapping segments, the one a device's
//! periods, the other a client's chunks. Pure: no clock and no device.

use std::time::Duration;

use crate::media::{ChannelFault, Period, SAMPLE_RATE_HZ, Segment, SoundChunk, duration_of};

/// How sound is cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SegmentConfig {
    /// How much sound one segment holds.
    pub length: Duration,
    /// How far the next segment begins after this one.
    pub hop: Duration,
}

impl Default for SegmentConfig {
    fn default() -> Self {
        SegmentConfig { length: Duration::from_secs(3), hop: Duration::from_secs(1) }
    }
}

/// Turns periods into segments. A gap starts a new segment: none spans lost samples.
#[derive(Debug)]
pub struct Segmenter {
    length: usize,
    hop: usize,
    /// The sound since the last gap that a later segment may still need.
    pending: Vec<i16>,
    /// Samples still to be ignored: more than none only where the hop exceeds the length.
    skip: usize,
    /// How many of `pending` were in the segment before.
    known: usize,
    sequence: u64,
}

impl Segmenter {
    /// A segmenter without samples.
    ///
    /// # Panics
    ///
    /// If the length or the hop is shorter than one sample: the configuration forbids it.
    pub fn new(config: SegmentConfig) -> Self {
        let (length, hop) = (samples_in(config.length), samples_in(config.hop));
        assert!(length > 0 && hop > 0, "a segment and its hop need at least one sample");
        let pending = Vec::with_capacity(length + samples_in(Duration::from_millis(100)));
        Segmenter { length, hop, pending, skip: 0, known: 0, sequence: 0 }
    }

    /// Adds a period and calls `each` with every segment that it completes.
    pub fn push(&mut self, period: &Period, mut each: impl FnMut(Segment)) {
        if period.gap_before {
            self.pending.clear();
            (self.skip, self.known) = (0, 0);
        }
        let skipped = self.skip.min(period.samples.len());
        self.skip -= skipped;
        self.pending.extend_from_slice(&period.samples[skipped..]);
        while self.pending.len() >= self.length {
            let later = duration_of(self.pending.len() - self.length);
            each(self.cut(period, later));
            self.advance();
        }
    }

    /// What is left at the end of a recording, if at least `shortest` of it was in no segment yet.
    pub fn finish(&mut self, end: &Period, shortest: Duration) -> Option<Segment> {
        let is_new = self.pending.len().saturating_sub(self.known);
        if is_new < samples_in(shortest) {
            return None;
        }
        self.length = self.pending.len();
        Some(self.cut(end, Duration::ZERO))
    }

    /// The segment at the front of `pending`, whose last sample came `later` before the period's.
    fn cut(&mut self, period: &Period, later: Duration) -> Segment {
        let later_ms = i64::try_from(later.as_millis()).unwrap_or(i64::MAX);
        let segment = Segment {
            sequence: self.sequence,
            captured_at: period.captured_at.saturating_sub(later),
            unix_ms: period.unix_ms.saturating_sub(later_ms),
            new_samples: self.length - self.known,
            channel_fault: period.channel_fault,
            samples: self.pending[..self.length].to_vec(),
        };
        self.sequence += 1;
        segment
    }

    fn advance(&mut self) {
        let dropped = self.hop.min(self.pending.len());
        self.pending.drain(..dropped);
        self.skip = self.hop - dropped;
        self.known = self.length.saturating_sub(self.hop);
    }
}

/// Makes one segment of each chunk that brings enough new sound: a client awaits one answer to what
/// it sends, so that a long chunk is one long segment. The lengths are the [`Segmenter`]'s.
#[derive(Debug)]
pub struct ChunkSegmenter {
    length: usize,
    hop: usize,
    /// The newest sound without a gap; the last `fresh` samples were in no segment yet.
    samples: Vec<i16>,
    fresh: usize,
    /// How many segments there were, and gaps.
    segments_total: u64,
}

impl ChunkSegmenter {
    /// A segmenter without samples.
    pub fn new(config: SegmentConfig) -> Self {
        let (length, hop) = (samples_in(config.length), samples_in(config.hop));
        ChunkSegmenter { length, hop, samples: Vec::new(), fresh: 0, segments_total: 0 }
    }

    /// The most samples that are remembered between two chunks.
    pub fn most_samples(&self) -> usize {
        self.length + self.hop
    }

    /// Takes the samples out, to append the next chunk's to them.
    pub fn take_samples(&mut self) -> Vec<i16> {
        std::mem::take(&mut self.samples)
    }

    /// Takes them back, with `new` samples appended.
    pub fn put_samples(&mut self, samples: Vec<i16>, new: usize) {
        self.samples = samples;
        self.fresh += new;
        if self.fresh < self.hop {
            // Much was read and little decoded: the memory was for this chunk alone.
            self.samples.shrink_to(self.most_samples());
        }
    }

    /// A segment of the newest sound, once there is a hop of it that is new: of the configured
    /// length, or all that is new where that is longer. Its number counts segments, as the
    /// analyser wants it. The newest sound is of `chunk`, and the sound that stays is in a `Vec`
    /// with room for `capacity` samples.
    pub fn cut(
        &mut self,
        chunk: &SoundChunk,
        channel_fault: Option<ChannelFault>,
        capacity: usize,
    ) -> Option<Segment> {
        if self.fresh < self.hop {
            return None;
        }
        let length = self.fresh.max(self.length).min(self.samples.len());
        self.samples.drain(..self.samples.len() - length);
        let surplus = length.saturating_sub(self.length);
        let mut tail = Vec::with_capacity(capacity);
        tail.extend_from_slice(&self.samples[surplus..]);
        let segment = Segment {
            sequence: self.segments_total,
            captured_at: chunk.captured_at,
            unix_ms: chunk.unix_ms,
            new_samples: self.fresh,
            channel_fault,
            samples: std::mem::replace(&mut self.samples, tail),
        };
        self.segments_total += 1;
        self.fresh = 0;
        Some(segment)
    }

    /// A gap: no segment spans it.
    pub fn forget(&mut self) {
        self.samples.clear();
        self.fresh = 0;
        // A number that is left out marks the gap for the analyser.
        self.segments_total += 1;
    }
}

/// How many whole samples `duration` holds.
fn samples_in(duration: Duration) -> usize {
    let samples = duration.as_nanos() * u128::from(SAMPLE_RATE_HZ) / 1_000_000_000;
    usize::try_from(samples).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from: usize, to: usize, gap_before: bool) -> Period {
        // Sample values encode their position, so that a wrong cut shows.
        let samples = (from..to).map(|i| i16::try_from(i % 32_000).unwrap()).collect();
        Period {
            captured_at: duration_of(to),
            unix_ms: 0,
            gap_before,
            channel_fault: None,
            samples,
        }
    }

    fn config(length_ms: u64, hop_ms: u64) -> SegmentConfig {
        let ms = Duration::from_millis;
        SegmentConfig { length: ms(length_ms), hop: ms(hop_ms) }
    }

    fn begins_at(segment: &Segment) -> usize {
        usize::try_from(segment.samples[0]).unwrap()
    }

    #[test]
    fn segments_are_the_same_however_the_sound_arrives() {
        for (length_ms, hop_ms) in [(300, 100), (300, 300), (200, 500), (100, 1), (250, 70)] {
            let (length, hop) = (length_ms * 16, hop_ms * 16);
            let expected = (30_000 - length) / hop + 1;
            for step in [1, 7, 160, 1600, 4801, 30_000] {
                let mut cutter = Segmenter::new(config(length_ms as u64, hop_ms as u64));
                let mut segments = Vec::new();
                for from in (0..30_000).step_by(step) {
                    let to = (from + step).min(30_000);
                    cutter.push(&period(from, to, false), |s| segments.push(s));
                }
                assert_eq!(segments.len(), expected, "{length_ms}/{hop_ms} by {step}");
                for (k, segment) in segments.iter().enumerate() {
                    assert_eq!(segment.sequence, k as u64);
                    assert_eq!(
                        segment.samples,
                        period(k * hop, k * hop + length, false).samples
                    );
                    let new = if k == 0 { length } else { hop.min(length) };
                    assert_eq!(segment.new_samples, new);
                    let end = duration_of(k * hop + length);
                    let error = segment.captured_at.abs_diff(end);
                    assert!(error <= Duration::from_micros(2), "{error:?}");
                }
            }
        }
    }

    #[test]
    fn no_segment_spans_a_gap() {
        let mut cutter = Segmenter::new(config(300, 100));
        let mut segments = Vec::new();
        for (from, gap) in
            [(0, false), (1600, false), (3200, false), (4800, false), (8000, true)]
        {
            cutter.push(&period(from, from + 1600, gap), |s| segments.push(s));
        }
        assert_eq!(segments.iter().map(begins_at).collect::<Vec<_>>(), [0, 1600]);
        for from in [9600, 11_200] {
            cutter.push(&period(from, from + 1600, false), |s| segments.push(s));
        }
        let after = segments.last().unwrap();
        assert_eq!((begins_at(after), after.new_samples, after.sequence), (8000, 4800, 2));
    }

    #[test]
    fn what_is_left_at_the_end_is_a_shorter_segment_unless_it_is_next_to_nothing() {
        let half = Duration::from_millis(100);
        for (hop_ms, samples, expected) in
            [(300, 6400, Some((1600, 4800))), (300, 5000, None), (100, 6400, None)]
        {
            let mut cutter = Segmenter::new(config(300, hop_ms));
            let end = period(0, samples, false);
            cutter.push(&end, |_| ());
            let rest = cutter.finish(&end, half);
            let rest = rest.map(|rest| (rest.new_samples, begins_at(&rest)));
            assert_eq!(rest, expected, "{hop_ms} ms hop, {samples} samples");
        }
    }
}
