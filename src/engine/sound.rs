//! What a stream's sound lane holds: segments from the booth, chunks from a client, and the
//! memory that makes segments of chunks.
//!
//! A chunk that takes more than one piece (over 3 s) is decoded and analysed piece by piece. What
//! is done of it goes with it, not with the stream: dropped between two pieces, it leaves nothing.

use std::{mem::take, task::Poll, time::Duration};

use super::fair_queue::Media;
use crate::{
    capture::segmenter::{ChunkSegmenter, SegmentConfig},
    cost::Stopwatch,
    decode::sound::{Decoding, MOST_SAMPLES, PIECE_SAMPLES, SoundDecoder},
    error::Result,
    features::Features,
    media::{SAMPLE_RATE_HZ, Segment, SoundChunk},
    speech::{Analysis, VoiceAnalyser, VoiceObservation, VoiceTrack},
};

/// A piece with the longest packet that it ends with.
const FIRST_PIECE_SAMPLES: usize = PIECE_SAMPLES + SAMPLE_RATE_HZ as usize / 8;

/// What a sample of a long chunk takes until it is analysed: 2 bytes as it was decoded, up to 2.5
/// in what the pitch is chosen from, its share of the tracks, and as much again for what an
/// allocator rounds up.
const SAMPLE_WORKING_BYTES: usize = 8;

/// What the longest chunk takes while it is decoded and analysed, beside its own bytes, which count
/// as waiting until it is done.
pub const SOUND_CHUNK_WORKING_BYTES: usize = MOST_SAMPLES * SAMPLE_WORKING_BYTES;

/// Chunks of clients of more than one piece that are under way at the same time; the others wait
/// with their first piece decoded. What is done with one piece never waits for them.
pub const MOST_LONG_CHUNKS: usize = 4;

/// Sound that waits for analysis, or of which some is analysed.
#[derive(Debug)]
pub(super) struct Sound {
    source: Source,
    work: Work,
}

#[derive(Debug)]
enum Source {
    /// Cut by the microphone's loop.
    Segment(Segment),
    /// As a client sent it.
    Chunk(SoundChunk),
}

/// How far it is.
#[derive(Debug)]
enum Work {
    None,
    Decoding {
        decoding: Box<Decoding>,
        /// The samples from before and those that are decoded of this chunk.
        samples: Vec<i16>,
        /// How much of that is from before.
        before: usize,
        took: Duration,
    },
    Analysis {
        analysis: Box<Analysis>,
        /// What was cut of chunks; `None` where the source is a segment itself.
        segment: Option<Segment>,
    },
}

impl From<Segment> for Sound {
    fn from(segment: Segment) -> Self {
        Sound { source: Source::Segment(segment), work: Work::None }
    }
}

impl From<SoundChunk> for Sound {
    fn from(chunk: SoundChunk) -> Self {
        Sound { source: Source::Chunk(chunk), work: Work::None }
    }
}

impl Sound {
    pub(super) fn sequence(&self) -> u64 {
        match &self.source {
            Source::Segment(segment) => segment.sequence,
            Source::Chunk(chunk) => chunk.sequence,
        }
    }
}

impl Media for Sound {
    const IN_PIECES: bool = true;

    fn bytes(&self) -> usize {
        match &self.source {
            Source::Segment(segment) => size_of_val(&*segment.samples),
            Source::Chunk(chunk) => chunk.data.len(),
        }
    }

    /// A first piece is small, and what it takes the worker has and the stream; that there are more
    /// only decoding shows: 6 kB of Opus may hold a minute of silence.
    fn working_bytes(&self) -> usize {
        match (&self.source, &self.work) {
            (Source::Segment(_), _) | (_, Work::None) => 0,
            _ => SOUND_CHUNK_WORKING_BYTES,
        }
    }

    fn mark_gap(&mut self) {
        if let Source::Chunk(chunk) = &mut self.source {
            chunk.gap_before = true;
        }
    }
}

/// What is remembered of a stream between its sounds.
#[derive(Debug)]
pub(super) struct SoundTrack {
    voice: VoiceTrack,
    decoder: SoundDecoder,
    /// Its sound is with the chunk while that is decoded.
    segmenter: ChunkSegmenter,
    /// A chunk is being decoded, or was dropped meanwhile.
    is_torn: bool,
    /// What decoding took of the chunk that was decoded by this piece.
    pub(super) decode: Option<Duration>,
}

impl SoundTrack {
    /// The track of a stream without sound so far; clients' chunks are cut so.
    pub(super) fn new(segments: SegmentConfig) -> Self {
        SoundTrack {
            voice: VoiceTrack::default(),
            decoder: SoundDecoder::default(),
            segmenter: ChunkSegmenter::new(segments),
            is_torn: false,
            decode: None,
        }
    }

    /// What is remembered at most with the first piece of a chunk.
    fn most_kept(&self) -> usize {
        self.segmenter.most_samples() + FIRST_PIECE_SAMPLES
    }

    /// Works on some sound, by one piece. Pending: there is more to be done. `None` where there is
    /// not enough new sound yet.
    pub(super) fn observe(
        &mut self,
        sound: &mut Sound,
        analyser: &mut VoiceAnalyser,
        features: Features,
    ) -> Result<Poll<Option<VoiceObservation>>> {
        self.decode = None;
        let Sound { source, work } = sound;
        if let Source::Chunk(chunk) = source
            && !matches!(work, Work::Analysis { .. })
        {
            let Some(new) = self.decode(chunk, work)? else { return Ok(Poll::Pending) };
            if new == 0 {
                return Ok(Poll::Ready(Some(VoiceObservation::of_nothing(chunk))));
            }
            let Some(segment) = self.cut(chunk) else { return Ok(Poll::Ready(None)) };
            let analysis = Box::new(analyser.begin(&segment, &mut self.voice));
            *work = Work::Analysis { analysis, segment: Some(segment) };
        }
        if let (Source::Segment(segment), Work::None) = (&*source, &*work) {
            let analysis = Box::new(analyser.begin(segment, &mut self.voice));
            *work = Work::Analysis { analysis, segment: None };
        }
        let Work::Analysis { analysis, segment: cut } = work else {
            unreachable!("what is decoded is analysed");
        };
        let segment = match (&*source, &*cut) {
            (Source::Segment(segment), _) | (_, Some(segment)) => segment,
            (Source::Chunk(_), None) => unreachable!("a chunk is analysed as a segment"),
        };
        let voice = analyser.advance(analysis, segment, &mut self.voice, features)?;
        Ok(voice.map_or(Poll::Pending, |mut voice| {
            voice.sequence = sound.sequence();
            Poll::Ready(Some(voice))
        }))
    }

    /// Decodes a chunk, by one piece; once that was all, how many samples it has. A gap, and a
    /// chunk that cannot be read, end the sound before: no segment spans lost sound.
    fn decode(&mut self, chunk: &mut SoundChunk, work: &mut Work) -> Result<Option<usize>> {
        let mut stopwatch = Stopwatch::start();
        let most_kept = self.most_kept();
        if let Work::None = work {
            chunk.gap_before |= take(&mut self.is_torn);
            if chunk.gap_before {
                self.segmenter.forget();
            }
            self.is_torn = true;
            let decoding = Box::new(self.decoder.begin(chunk));
            let mut samples = self.segmenter.take_samples();
            samples.reserve_exact(most_kept.saturating_sub(samples.len()));
            let before = samples.len();
            *work = Work::Decoding { decoding, samples, before, took: Duration::ZERO };
        } else if let Work::Decoding { samples, .. } = work {
            // There is memory for all of it from now on, and it is taken once. Too long a chunk
            // is refused after the piece by which it is.
            samples.reserve_exact((most_kept + MOST_SAMPLES).saturating_sub(samples.len()));
        }
        let Work::Decoding { decoding, samples, before, took } = work else {
            unreachable!("it was just begun");
        };
        let advanced = self.decoder.advance(decoding, samples);
        if decoding.take_break() {
            samples.drain(..*before);
            *before = 0;
            self.segmenter.forget();
        }
        match advanced {
            Ok(true) => (),
            Ok(false) => {
                *took += stopwatch.lap().wall;
                return Ok(None);
            }
            Err(error) => {
                self.is_torn = false;
                self.segmenter.forget();
                return Err(error);
            }
        }
        let new = samples.len() - *before;
        self.is_torn = false;
        self.segmenter.put_samples(take(samples), new);
        self.decode = (new > 0).then(|| *took + stopwatch.lap().wall);
        Ok(Some(new))
    }

    /// A segment of the newest sound, once there is enough that is new.
    fn cut(&mut self, chunk: &SoundChunk) -> Option<Segment> {
        let (most_kept, channel_fault) = (self.most_kept(), self.decoder.channel_fault());
        self.segmenter.cut(chunk, channel_fault, most_kept)
    }
}

#[cfg(test)]
mod tests;
