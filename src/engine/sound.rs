//! What a stream's sound lane holds: segments from the booth, chunks from a client, and the
//! memory that makes segments of chunks.

use std::time::Duration;

use super::lanes::Media;
use crate::{
    decode::{
        data_url::LARGEST_SOUND_BYTES,
        sound::{MOST_SAMPLES, SoundDecoder},
    },
    error::Result,
    features::Features,
    media::{SAMPLE_RATE_HZ, Segment, SoundChunk, SoundFormat},
    speech::{VoiceAnalyser, VoiceObservation, VoiceTrack},
};

/// A segment of chunks holds at least so much, once there was so much.
const SEGMENT_SAMPLES: usize = 3 * SAMPLE_RATE_HZ as usize;

/// New sound that is worth an analysis.
const HOP_SAMPLES: usize = SAMPLE_RATE_HZ as usize;

/// What a sample of a chunk takes while it is analysed: twice as it was decoded (in the segment,
/// and in what was heard, which may have grown to twice its length), as a number, as a power, and
/// its share of the tracks.
const SAMPLE_WORKING_BYTES: usize = 24;

/// What the costliest chunk takes while it is decoded and analysed, its own bytes included. Over
/// all workers there is memory for two.
pub const SOUND_CHUNK_WORKING_BYTES: usize =
    MOST_SAMPLES * SAMPLE_WORKING_BYTES + LARGEST_SOUND_BYTES;

/// Sound that waits for analysis.
#[derive(Debug)]
pub(super) enum Sound {
    /// Cut by the microphone's loop.
    Segment(Segment),
    /// As a client sent it.
    Chunk(SoundChunk),
}

impl Sound {
    pub(super) fn sequence(&self) -> u64 {
        match self {
            Sound::Segment(segment) => segment.sequence,
            Sound::Chunk(chunk) => chunk.sequence,
        }
    }
}

impl Media for Sound {
    fn bytes(&self) -> usize {
        match self {
            Sound::Segment(segment) => size_of_val(&*segment.samples),
            Sound::Chunk(chunk) => chunk.data.len(),
        }
    }

    /// By the bytes of bare samples; of anything else they say nothing: 6 kB of Opus may hold a
    /// minute of silence.
    fn working_bytes(&self) -> usize {
        let (samples, bytes) = match self {
            Sound::Segment(segment) => (segment.samples.len(), 0),
            Sound::Chunk(chunk) => {
                let samples = match chunk.format {
                    SoundFormat::Pcm16k => (chunk.data.len() / 2).min(MOST_SAMPLES),
                    SoundFormat::Detect | SoundFormat::WebM => MOST_SAMPLES,
                };
                (samples, chunk.data.len())
            }
        };
        samples * SAMPLE_WORKING_BYTES + bytes
    }

    fn mark_gap(&mut self) {
        if let Sound::Chunk(chunk) = self {
            chunk.gap_before = true;
        }
    }
}

/// What is remembered of a stream between its sounds.
#[derive(Debug, Default)]
pub(super) struct SoundTrack {
    voice: VoiceTrack,
    decoder: SoundDecoder,
    /// The newest sound without a gap; the last `fresh` samples were in no segment yet.
    heard: Vec<i16>,
    fresh: usize,
    /// How many segments were made of chunks.
    segments_total: u64,
    /// What decoding the newest chunk took.
    pub(super) decode: Option<Duration>,
}

impl SoundTrack {
    /// Takes in some sound; `None` where there is not enough new sound yet.
    pub(super) fn observe(
        &mut self,
        sound: &Sound,
        analyser: &mut VoiceAnalyser,
        features: Features,
    ) -> Result<Option<VoiceObservation>> {
        self.decode = None;
        match sound {
            Sound::Segment(segment) => {
                analyser.observe(segment, &mut self.voice, features).map(Some)
            }
            Sound::Chunk(chunk) => self.observe_chunk(chunk, analyser, features),
        }
    }

    fn observe_chunk(
        &mut self,
        chunk: &SoundChunk,
        analyser: &mut VoiceAnalyser,
        features: Features,
    ) -> Result<Option<VoiceObservation>> {
        let mut stopwatch = crate::cost::Stopwatch::start();
        if !self.take(chunk)? {
            return Ok(Some(VoiceObservation::of_nothing(chunk)));
        }
        self.decode = Some(stopwatch.lap().wall);
        let Some(segment) = self.cut(chunk) else { return Ok(None) };
        let mut heard = analyser.observe(&segment, &mut self.voice, features)?;
        heard.sequence = chunk.sequence;
        Ok(Some(heard))
    }

    /// Decodes a chunk; false where it holds no sound. A gap, and a chunk that cannot be read,
    /// end what was heard: no segment spans lost sound.
    fn take(&mut self, chunk: &SoundChunk) -> Result<bool> {
        if chunk.gap_before {
            self.forget();
        }
        let before = self.heard.len();
        if let Err(error) = self.decoder.push(chunk, &mut self.heard) {
            self.forget();
            return Err(error);
        }
        let new = self.heard.len() - before;
        self.fresh += new;
        Ok(new > 0)
    }

    /// A segment of the newest sound, once there is enough that is new. Its number counts
    /// segments, as the analyser wants it.
    fn cut(&mut self, chunk: &SoundChunk) -> Option<Segment> {
        if self.fresh < HOP_SAMPLES {
            return None;
        }
        let length = self.fresh.max(SEGMENT_SAMPLES).min(self.heard.len());
        self.heard.drain(..self.heard.len() - length);
        let segment = Segment {
            sequence: self.segments_total,
            captured_at: chunk.captured_at,
            unix_ms: chunk.unix_ms,
            new_samples: self.fresh,
            samples: self.heard.clone(),
        };
        let surplus = self.heard.len().saturating_sub(SEGMENT_SAMPLES);
        self.heard.drain(..surplus);
        self.heard.shrink_to(2 * SEGMENT_SAMPLES);
        self.segments_total += 1;
        self.fresh = 0;
        Some(segment)
    }

    fn forget(&mut self) {
        self.heard.clear();
        self.fresh = 0;
        // A number that is left out tells the analyser of the gap.
        self.segments_total += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(sequence: u64, samples: usize, gap_before: bool) -> SoundChunk {
        let value = i16::try_from(sequence).unwrap();
        SoundChunk {
            sequence,
            captured_at: Duration::from_secs(sequence),
            unix_ms: 0,
            format: SoundFormat::Pcm16k,
            gap_before,
            data: value.to_le_bytes().repeat(samples),
        }
    }

    fn cut(track: &mut SoundTrack, chunk: &SoundChunk) -> Option<(usize, usize, i16)> {
        assert!(track.take(chunk).unwrap());
        let segment = track.cut(chunk)?;
        assert_eq!(segment.captured_at, chunk.captured_at);
        Some((segment.samples.len(), segment.new_samples, segment.samples[0]))
    }

    #[test]
    fn a_segment_is_the_last_three_seconds_or_all_that_is_new() {
        let mut track = SoundTrack::default();
        assert_eq!(
            cut(&mut track, &chunk(1, 8_000, false)),
            None,
            "half a second is too little"
        );
        assert_eq!(cut(&mut track, &chunk(2, 8_000, false)), Some((16_000, 16_000, 1)));
        assert_eq!(cut(&mut track, &chunk(3, 40_000, false)), Some((48_000, 40_000, 2)));
        assert_eq!(cut(&mut track, &chunk(4, 80_000, false)), Some((80_000, 80_000, 4)));
        assert_eq!(cut(&mut track, &chunk(5, 16_000, false)), Some((48_000, 16_000, 4)));
    }

    #[test]
    fn no_segment_spans_a_gap_or_a_broken_chunk() {
        let mut track = SoundTrack::default();
        assert!(cut(&mut track, &chunk(1, 48_000, false)).is_some());
        assert_eq!(cut(&mut track, &chunk(3, 16_000, true)), Some((16_000, 16_000, 3)));
        let mut broken = chunk(4, 16_000, false);
        broken.data.pop();
        assert!(track.take(&broken).is_err());
        assert_eq!(cut(&mut track, &chunk(5, 16_000, false)), Some((16_000, 16_000, 5)));
    }
}
