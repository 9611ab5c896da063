use super::*;
use crate::media::SoundFormat;

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

fn decode(track: &mut SoundTrack, chunk: &SoundChunk) -> Result<usize> {
    let (mut chunk, mut work) = (chunk.clone(), Work::None);
    loop {
        if let Some(new) = track.decode(&mut chunk, &mut work)? {
            return Ok(new);
        }
    }
}

fn cut(track: &mut SoundTrack, chunk: &SoundChunk) -> Option<(usize, usize, i16)> {
    assert_eq!(decode(track, chunk).unwrap() * 2, chunk.data.len());
    let segment = track.cut(chunk)?;
    assert_eq!(segment.captured_at, chunk.captured_at);
    Some((segment.samples.len(), segment.new_samples, segment.samples[0]))
}

#[test]
fn a_segment_is_the_last_three_seconds_or_all_that_is_new() {
    let mut track = SoundTrack::new(SegmentConfig::default());
    assert_eq!(cut(&mut track, &chunk(1, 8_000, false)), None, "half a second is too little");
    assert_eq!(cut(&mut track, &chunk(2, 8_000, false)), Some((16_000, 16_000, 1)));
    assert_eq!(cut(&mut track, &chunk(3, 40_000, false)), Some((48_000, 40_000, 2)));
    assert_eq!(cut(&mut track, &chunk(4, 80_000, false)), Some((80_000, 80_000, 4)));
    assert_eq!(cut(&mut track, &chunk(5, 16_000, false)), Some((48_000, 16_000, 4)));
}

#[test]
fn the_configured_lengths_are_for_chunks_too() {
    let ms = Duration::from_millis;
    let config = SegmentConfig { length: ms(1000), hop: ms(500) };
    let mut track = SoundTrack::new(config);
    assert_eq!(cut(&mut track, &chunk(1, 7_999, false)), None);
    assert_eq!(cut(&mut track, &chunk(2, 4_000, false)), Some((11_999, 11_999, 1)));
    assert_eq!(cut(&mut track, &chunk(3, 8_000, false)), Some((16_000, 8_000, 1)));
    assert_eq!(cut(&mut track, &chunk(4, 40_000, false)), Some((40_000, 40_000, 4)));
    let mut track = SoundTrack::new(SegmentConfig { length: ms(5000), hop: ms(5000) });
    assert_eq!(cut(&mut track, &chunk(1, 48_000, false)), None);
    assert_eq!(cut(&mut track, &chunk(2, 48_000, false)), Some((96_000, 96_000, 1)));
    assert_eq!(track.segmenter.take_samples().len(), 80_000, "a segment is kept, no more");
}

/// A slice of a WebM whose clock goes on after 5 s is analysed with the silence; after 20 s
/// nothing of before is in its segment.
#[test]
fn no_segment_spans_a_long_pause_between_slices() {
    let file = include_bytes!("../../../tests/data/webm/mediarecorder-3s.webm");
    let webm = |sequence, data: &[u8]| {
        let chunk = chunk(sequence, 0, false);
        SoundChunk { format: SoundFormat::Detect, data: data.to_vec(), ..chunk }
    };
    let cluster = |at_ms: u32| {
        let mut body = [&[0xE7, 0x84][..], &at_ms.to_be_bytes()].concat();
        for n in 0..20_u16 {
            let silence = [0x80, 0xFB, 3, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE];
            body.extend([0xA3, 0x8C, 0x81]);
            body.extend((n * 60).to_be_bytes());
            body.extend(silence);
        }
        let size = 0x1000_0000 | u32::try_from(body.len()).unwrap();
        [&[0x1F, 0x43, 0xB6, 0x75], &size.to_be_bytes()[..], &body].concat()
    };
    for (pause_ms, expected) in [(0, 48_000), (5_000, 80_000 + 19_200), (20_000, 19_200)] {
        let mut track = SoundTrack::new(SegmentConfig::default());
        let (first, second) = (webm(1, file), webm(2, &cluster(3_000 + pause_ms)));
        assert_eq!(decode(&mut track, &first).unwrap(), 48_000);
        let first = track.cut(&first).unwrap();
        let new = decode(&mut track, &second).unwrap();
        let segment = track.cut(&second).unwrap();
        assert_eq!((segment.samples.len(), segment.new_samples), (expected, new));
        // The analyser starts again where a number is left out.
        let numbers = segment.sequence - first.sequence;
        assert_eq!(numbers, if pause_ms == 20_000 { 2 } else { 1 });
    }
}

#[test]
fn no_segment_spans_a_gap_or_a_broken_chunk() {
    let mut track = SoundTrack::new(SegmentConfig::default());
    assert!(cut(&mut track, &chunk(1, 48_000, false)).is_some());
    assert_eq!(cut(&mut track, &chunk(3, 16_000, true)), Some((16_000, 16_000, 3)));
    let mut broken = chunk(4, 16_000, false);
    broken.data.pop();
    assert!(decode(&mut track, &broken).is_err());
    assert_eq!(cut(&mut track, &chunk(5, 16_000, false)), Some((16_000, 16_000, 5)));
}
