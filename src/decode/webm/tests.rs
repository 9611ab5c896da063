//! Real recordings cut everywhere, and files that are wrong.

use proptest::prelude::*;

use super::*;

const SLICES: [&[u8]; 4] = [
    include_bytes!("../../../tests/data/webm/chrome156_mediarecorder_3000ms_0.bin"),
    include_bytes!("../../../tests/data/webm/chrome156_mediarecorder_3000ms_1.bin"),
    include_bytes!("../../../tests/data/webm/chrome156_mediarecorder_3000ms_2.bin"),
    include_bytes!("../../../tests/data/webm/chrome156_mediarecorder_3000ms_3.bin"),
];
const WHOLE: &[u8] = include_bytes!("../../../tests/data/webm/mediarecorder-3s.webm");
const EMPTY: &[u8] = include_bytes!("../../../tests/data/webm/empty_110B.webm");

/// What a reader finds in slices, the packets in full.
#[derive(Debug, Default, PartialEq)]
struct Demuxed {
    tracks: Vec<OpusTrack>,
    packets: Vec<Vec<u8>>,
}

impl Demuxed {
    fn push(&mut self, reader: &mut WebmReader, slice: &[u8]) -> Result<()> {
        reader.push(slice, &mut |event| {
            match event {
                Event::Track(Track::Opus(track)) => self.tracks.push(track),
                Event::Track(Track::Aac(_)) => unreachable!("WebM has none"),
                Event::Packet { packet, .. } => self.packets.push(packet.to_vec()),
            }
            Ok(())
        })
    }
}

fn demux<'a>(slices: impl IntoIterator<Item = &'a [u8]>) -> Demuxed {
    let (mut reader, mut demuxed) = (WebmReader::default(), Demuxed::default());
    slices.into_iter().for_each(|slice| demuxed.push(&mut reader, slice).unwrap());
    demuxed
}

fn refusal(slices: &[&[u8]]) -> String {
    let (mut reader, mut demuxed) = (WebmReader::default(), Demuxed::default());
    let last = slices.iter().map(|slice| demuxed.push(&mut reader, slice)).last().unwrap();
    let err = last.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidInput);
    err.to_string()
}

#[test]
fn a_real_recording_has_its_packets() {
    let demuxed = demux(SLICES);
    assert_eq!(demuxed.tracks, [OpusTrack { channels: 1, pre_skip: 0, gain_q8_db: 0 }]);
    // 60 ms each, by their first bytes; ffprobe counts as many.
    assert_eq!(demuxed.packets.len(), 168);
    assert!(demuxed.packets.iter().all(|packet| packet[0] == 0xFB && packet[1] & 0x3F == 3));
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    // Two cuts 7 bytes apart, so that a slice of 7 bytes is tried at each place.
    let expected = demux([WHOLE]);
    assert_eq!(expected.packets.len(), 50);
    for at in 0..WHOLE.len() - 7 {
        let (before, after) = WHOLE.split_at(at);
        assert!(demux([before, &after[..7], &after[7..]]) == expected, "cut at {at}");
    }
    assert_eq!(demux(WHOLE.chunks(1)), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_cuts_change_nothing(mut sizes in prop::collection::vec(1_usize..9000, 1..60)) {
        let file = SLICES.concat();
        sizes.push(file.len());
        let mut rest = file.as_slice();
        let slices = sizes.iter().map(|size| {
            let (slice, after) = rest.split_at((*size).min(rest.len()));
            rest = after;
            slice
        });
        prop_assert_eq!(demux(slices.collect::<Vec<_>>()), demux([file.as_slice()]));
    }

    #[test]
    fn damage_never_breaks_the_next_file(
        at in 0_usize..8000, bytes in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let mut damaged = WHOLE[..9000].to_vec();
        damaged[at..at + bytes.len()].copy_from_slice(&bytes);
        let (mut reader, mut ignored, mut after) = (WebmReader::default(), Demuxed::default(), Demuxed::default());
        let _refused = ignored.push(&mut reader, &damaged);
        after.push(&mut reader, WHOLE).unwrap();
        prop_assert_eq!(after, demux([WHOLE]));
    }
}

#[test]
fn each_slice_may_be_a_whole_file() {
    let twice = demux([WHOLE, WHOLE]);
    assert_eq!((twice.tracks.len(), twice.packets.len()), (2, 100));
    // A file begins although the one before is not at its end.
    assert_eq!(demux([&WHOLE[..20_000], WHOLE]).packets[..].last(), twice.packets.last());
}

#[test]
fn a_recording_without_sound_is_no_fault() {
    assert_eq!(demux([EMPTY]), Demuxed::default());
    assert_eq!(demux([EMPTY, WHOLE]), demux([WHOLE]));
    assert_eq!(demux([&SLICES[0][..150]]).packets.len(), 0);
    assert_eq!(demux([&[][..]]), Demuxed::default());
}

#[test]
fn a_slice_without_a_beginning_is_refused_and_a_later_beginning_helps() {
    for slice in [SLICES[1], SLICES[2], b"hello", &[0; 9], &[0x1F]] {
        assert!(refusal(&[slice]).contains("beginning was never sent"));
    }
    let (mut reader, mut demuxed) = (WebmReader::default(), Demuxed::default());
    demuxed.push(&mut reader, SLICES[1]).unwrap_err();
    demuxed.push(&mut reader, SLICES[0]).unwrap();
    assert!(!demuxed.packets.is_empty());
}

#[test]
fn after_a_gap_it_goes_on_at_the_next_cluster() {
    let expected = demux(SLICES).packets;
    let (mut reader, mut first) = (WebmReader::default(), Demuxed::default());
    first.push(&mut reader, SLICES[0]).unwrap();
    // Slice 1 is lost, and with it the first byte of slice 2's Cluster.
    reader.lose_place();
    let mut after = Demuxed::default();
    after.push(&mut reader, SLICES[2]).unwrap();
    after.push(&mut reader, SLICES[3]).unwrap();
    assert_eq!(after.packets.len(), 68);
    assert!(expected.ends_with(&after.packets));
    assert!(after.tracks.is_empty());
}

#[test]
fn after_a_gap_a_slice_from_the_middle_waits_for_the_next_cluster() {
    let file = SLICES.concat();
    let header = &file[..160];
    let expected = demux(SLICES).packets;
    for from in [200, 1000, SLICES[0].len() - 3, SLICES[0].len() + 3] {
        let (mut reader, mut demuxed) = (WebmReader::default(), Demuxed::default());
        demuxed.push(&mut reader, header).unwrap();
        reader.lose_place();
        demuxed.packets.clear();
        file[from..].chunks(1000).for_each(|slice| demuxed.push(&mut reader, slice).unwrap());
        assert!(demuxed.packets.len() >= 68 && expected.ends_with(&demuxed.packets), "{from}");
    }
}

#[test]
fn what_is_too_large_is_refused_before_memory_is_taken() {
    let huge = |id: &[u8]| [&EMPTY[..36], id, &[0x08, 0x7F, 0xFF, 0xFF, 0xFF]].concat();
    for id in [&[0xA3][..], &[0xAE], &[0xA1], &[0x1A, 0x45, 0xDF, 0xA3], &[0xEC]] {
        assert!(refusal(&[&huge(id)]).contains("over"), "{id:x?}");
    }
    let unknown = [&EMPTY[..36], &[0xA3, 0xFF]].concat();
    assert!(refusal(&[&unknown]).contains("unknown size"));
}

#[test]
fn a_picture_takes_no_memory_and_a_block_of_the_sound_has_a_limit() {
    let picture = [0xA3, 0x10, 0x0F, 0xFF, 0xFF, 0x82, 0, 0, 0x80];
    let (mut reader, mut demuxed) = (WebmReader::default(), Demuxed::default());
    demuxed.push(&mut reader, WHOLE).unwrap();
    reader.pending.clear();
    reader.pending.shrink_to_fit();
    demuxed.push(&mut reader, &picture).unwrap();
    (0..15).for_each(|_| demuxed.push(&mut reader, &[7; 50_000]).unwrap());
    assert!(reader.pending.capacity() < 1000, "{}", reader.pending.capacity());
    assert!(
        refusal(&[WHOLE, &[0xA3, 0x10, 0x0F, 0xFF, 0xFF, 0x81, 0, 0, 0x80]])
            .contains("over 262144 bytes")
    );
}

#[test]
fn files_without_opus_are_refused_by_name() {
    let vorbis = String::from_utf8_lossy(WHOLE).into_owned();
    assert!(vorbis.contains("A_OPUS"));
    let mut other = WHOLE.to_vec();
    let at = other.windows(6).position(|bytes| bytes == b"A_OPUS").unwrap();
    other[at..at + 6].copy_from_slice(b"A_AAC1");
    assert!(refusal(&[&other]).contains("Opus track"));
    let mut other = WHOLE.to_vec();
    let at = other.windows(4).position(|bytes| bytes == b"webm").unwrap();
    other[at..at + 4].copy_from_slice(b"docx");
    assert!(refusal(&[&other]).contains("docx"));
}
