//! Real fragments cut everywhere, and files that are wrong.

use super::*;
use crate::{decode::packets::Track, error::ErrorKind};

const AAC: &[u8] = include_bytes!("../../../tests/data/recorders/ffmpeg_aac_48k.mp4");
const OPUS: &[u8] = include_bytes!("../../../tests/data/recorders/ffmpeg_opus.mp4");
const VIDEO: &[u8] = include_bytes!("../../../tests/data/recorders/ffmpeg_aac_with_video.mp4");

#[derive(Debug, Default, PartialEq)]
struct Read {
    tracks: Vec<Track>,
    packets: Vec<(Option<i64>, Vec<u8>)>,
}

impl Read {
    fn push(&mut self, reader: &mut Mp4Reader, slice: &[u8]) -> Result<()> {
        let mut rest = reader.begin(slice);
        while !rest.is_empty() {
            rest = reader.read_on(rest, &mut |event| {
                match event {
                    Event::Track(track) => self.tracks.push(track),
                    Event::Packet { at_us, packet } => {
                        self.packets.push((at_us, packet.to_vec()));
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn read<'a>(slices: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let (mut reader, mut read) = (Mp4Reader::default(), Read::default());
    slices.into_iter().for_each(|slice| read.push(&mut reader, slice).unwrap());
    read
}

fn refusal(bytes: &[u8]) -> String {
    let err = Read::default().push(&mut Mp4Reader::default(), bytes).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidInput);
    err.to_string()
}

/// Where the boxes of a kind begin, at any depth.
fn places(file: &[u8], kind: &[u8; 4]) -> Vec<usize> {
    let found = file.windows(4).enumerate().filter(|(_, bytes)| bytes == kind);
    found.map(|(at, _)| at - 4).collect()
}

#[test]
fn packets_have_their_times() {
    // ffprobe counts as many, and gives these times.
    let aac = read([AAC]);
    assert_eq!((aac.tracks.len(), aac.packets.len()), (1, 72));
    let times: Vec<i64> = aac.packets.iter().map(|(at_us, _)| at_us.unwrap()).collect();
    assert!(times.iter().enumerate().all(|(n, at)| *at == n as i64 * 64_000 / 3));
    let opus = read([OPUS]);
    assert!(matches!(opus.tracks[..], [Track::Opus(track)] if track.pre_skip == 312));
    assert_eq!(opus.packets.len(), 76);
    // The same packets of AAC, between pictures.
    let packets = |read: Read| read.packets.into_iter().map(|(_, packet)| packet);
    let beside: Vec<_> = packets(read([VIDEO])).collect();
    assert!(beside.len() > 60 && packets(aac).collect::<Vec<_>>().starts_with(&beside));
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    for file in [AAC, OPUS, VIDEO] {
        let expected = read([file]);
        for at in 0..file.len() - 7 {
            let (before, after) = file.split_at(at);
            assert!(read([before, &after[..7], &after[7..]]) == expected, "cut at {at}");
        }
        assert!(read(file.chunks(1)) == expected);
    }
}

#[test]
fn after_a_gap_it_goes_on_at_the_next_fragment() {
    let fragments = places(AAC, b"moof");
    let expected = read([AAC]).packets;
    for (lost, chunk) in [(10, 1000), (fragments[1] - 5, 1), (fragments[1] + 3, 997)] {
        let (mut reader, mut read) = (Mp4Reader::default(), Read::default());
        read.push(&mut reader, &AAC[..fragments[0] + 100]).unwrap();
        reader.lose_place();
        AAC[fragments[0] + 100 + lost..]
            .chunks(chunk)
            .for_each(|slice| read.push(&mut reader, slice).unwrap());
        assert!(read.packets.len() >= 30 && expected.ends_with(&read.packets), "{lost}");
    }
}

#[test]
fn each_slice_may_be_a_whole_file() {
    let twice = read([AAC, AAC]);
    assert_eq!((twice.tracks.len(), twice.packets.len()), (2, 144));
    assert_eq!(read([&AAC[..3000], OPUS]).packets.last(), read([OPUS]).packets.last());
}

#[test]
fn a_video_takes_no_memory() {
    let (mut reader, mut read) = (Mp4Reader::default(), Read::default());
    read.push(&mut reader, AAC).unwrap();
    let mdat = [&(40_u32 << 20).to_be_bytes(), b"mdat" as &[u8]].concat();
    read.push(&mut reader, &mdat).unwrap();
    (0..39).for_each(|_| read.push(&mut reader, &[7; 1 << 20]).unwrap());
    assert!(reader.pending.capacity() <= 4096, "{}", reader.pending.capacity());
}

#[test]
fn what_is_wrong_is_named() {
    let patched = |kind: &[u8; 4], at: usize, bytes: &[u8]| {
        let mut file = AAC.to_vec();
        let from = places(AAC, kind)[0] + at;
        file[from..from + bytes.len()].copy_from_slice(bytes);
        file
    };
    let moov = places(AAC, b"moov")[0];
    for (bytes, named) in [
        (AAC[moov..].to_vec(), "beginning was never sent"),
        (patched(b"mp4a", 4, b"alac"), "Apple Lossless"),
        (patched(b"mp4a", 4, b"wxyz"), "unknown kind (`wxyz`)"),
        (patched(b"hdlr", 16, b"vide"), "without a track of sound"),
        (patched(b"mvex", 4, b"free"), "not in fragments"),
        (patched(b"moov", 4, b"free"), "before its moov"),
        (patched(b"moov", 0, &[0x7F]), "`moov` of over 131072 bytes"),
        (patched(b"moof", 0, &[0x7F]), "`moof` of over 131072 bytes"),
        (patched(b"moof", 0, &[0, 0, 0, 7]), "shorter than its head"),
        (patched(b"trun", 12, &[0, 1, 0, 0]), "over 4096 packets"),
        (patched(b"trun", 12, &[0, 0, 1, 0]), "trun is cut"),
        (patched(b"trun", 16, &[0, 0, 0, 9]), "overlap"),
        (patched(b"mdat", 0, &[0, 0, 0, 20]), "lie outside of their box"),
        (patched(b"mdat", 4, &[1]), "no box"),
    ] {
        assert!(refusal(&bytes).contains(named), "{named}: {}", refusal(&bytes));
    }
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    for file in [AAC, OPUS, VIDEO] {
        // Each byte of what is not a packet.
        for at in 0..places(file, b"mdat")[0] {
            for value in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut bytes = file.to_vec();
                bytes[at] = value;
                let (mut reader, mut ignored) = (Mp4Reader::default(), Read::default());
                let _refused = ignored.push(&mut reader, &bytes);
                let mut after = Read::default();
                after.push(&mut reader, AAC).unwrap();
                assert_eq!(after.packets.len(), 72);
            }
        }
    }
}
