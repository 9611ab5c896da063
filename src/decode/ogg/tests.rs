use super::*;

const FILE: &[u8] = include_bytes!("../../../tests/data/recorders/ffmpeg_opus.ogg");

type Packets = Vec<(Option<i64>, Vec<u8>)>;

fn push(reader: &mut OggReader, slice: &[u8], packets: &mut Packets) -> Result<usize> {
    let (mut rest, mut tracks) = (reader.begin(slice), 0);
    while !rest.is_empty() {
        rest = reader.read_on(rest, &mut |event| {
            match event {
                Event::Track(track) => {
                    assert!(matches!(track, Track::Opus(track) if track.pre_skip == 312));
                    tracks += 1;
                }
                Event::Packet { at_us, packet } => packets.push((at_us, packet.to_vec())),
            }
            Ok(())
        })?;
    }
    Ok(tracks)
}

fn read<'a>(slices: impl IntoIterator<Item = &'a [u8]>) -> (usize, Packets) {
    let (mut reader, mut packets) = (OggReader::default(), Vec::new());
    let tracks = slices.into_iter().map(|slice| push(&mut reader, slice, &mut packets));
    (tracks.map(Result::unwrap).sum(), packets)
}

fn refusal(bytes: &[u8]) -> String {
    push(&mut OggReader::default(), bytes, &mut Vec::new()).unwrap_err().to_string()
}

/// A page with its checksum.
fn page(flags: u8, granule: i64, sequence: u32, lengths: &[u8], body: &[u8]) -> Vec<u8> {
    let count = u8::try_from(lengths.len()).unwrap();
    let mut page = [
        b"OggS\0",
        &[flags][..],
        &granule.to_le_bytes(),
        &7_u32.to_le_bytes(),
        &sequence.to_le_bytes(),
        &[0; 4],
        &[count],
        lengths,
        body,
    ]
    .concat();
    let crc = crc(&page);
    page[22..26].copy_from_slice(&crc.to_le_bytes());
    page
}

fn beginning() -> Vec<u8> {
    let head = b"OpusHead\x01\x01\x38\x01\x80\xBB\0\0\0\0\0";
    let head = page(2, 0, 0, &[19], head);
    [head, page(0, 0, 1, &[16], b"OpusTags\0\0\0\0\0\0\0\0")].concat()
}

#[test]
fn packets_have_their_times() {
    let (tracks, packets) = read([FILE]);
    // ffprobe counts as many; each lasts 20 ms.
    assert_eq!((tracks, packets.len()), (1, 76));
    let timed = (0..).zip(&packets).filter_map(|(n, (at_us, _))| Some((n, (*at_us)?)));
    let timed: Vec<(i64, i64)> = timed.collect();
    assert!(timed.len() > 5);
    // ffmpeg begins its count before the first packet, and cuts the last.
    for (n, at_us) in &timed[..timed.len() - 1] {
        assert_eq!(*at_us, n * 20_000 - 13_500);
    }
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    let expected = read([FILE]);
    for at in 0..FILE.len() - 7 {
        let (before, after) = FILE.split_at(at);
        assert!(read([before, &after[..7], &after[7..]]) == expected, "cut at {at}");
    }
    assert!(read(FILE.chunks(1)) == expected);
    assert_eq!(read([FILE, FILE]).1.len(), 152);
}

#[test]
fn packets_go_on_over_pages_and_comments_are_passed_over() {
    let head = b"OpusHead\x01\x01\x38\x01\x80\xBB\0\0\0\0\0";
    let comments = [&b"OpusTags"[..], &[7; 600]].concat();
    let packet = [&[0x08][..], &[9; 299]].concat();
    let file = [
        page(2, 0, 0, &[19], head),
        page(0, -1, 1, &[255, 255], &comments[..510]),
        // The rest of them, and the beginning of a packet.
        page(1, -1, 2, &[98, 255], &[&comments[510..], &packet[..255]].concat()),
        page(1, 960, 3, &[45], &packet[255..]),
    ];
    assert_eq!(read([&*file.concat()]), (1, vec![(Some(0), packet.clone())]));
    // Without the page in which it began it is no packet.
    let lost = [&file[0][..], &file[1], &file[3]].concat();
    assert_eq!(read([&*lost]).1, vec![]);
}

#[test]
fn damage_costs_its_page() {
    let (expected, mut damaged) = (read([FILE]).1, FILE.to_vec());
    let at = FILE.len() / 2;
    damaged[at] ^= 0x55;
    let (mut reader, mut packets) = (OggReader::default(), Vec::new());
    let mut errors = Vec::new();
    for slice in damaged.chunks(50) {
        errors.extend(push(&mut reader, slice, &mut packets).err());
    }
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().contains("checksum"), "{}", errors[0]);
    assert!((60..76).contains(&packets.len()), "{}", packets.len());
    assert!(packets.iter().all(|packet| expected.contains(packet)));
}

#[test]
fn what_is_wrong_is_named() {
    let vorbis = page(2, 0, 0, &[30], &[&b"\x01vorbis"[..], &[0; 23]].concat());
    let next = page(0, 0, 1, &[1], &[0]);
    let surround = b"OpusHead\x01\x06\x38\x01\x80\xBB\0\0\0\0\x01";
    let huge = (2..300).flat_map(|n| page(1, -1, n, &[255; 255], &[0; 255 * 255]));
    for (bytes, named) in [
        ([vorbis, next.clone()].concat(), "a stream of Vorbis and no Opus"),
        (next, "beginning was never sent"),
        (page(2, 0, 0, &[19], surround), "Opus of 6 channels"),
        ([beginning(), b"OgxS".to_vec()].concat(), "no page where one must begin"),
        ([beginning(), b"OggS\x01".to_vec()].concat(), "a later version"),
        (beginning().into_iter().chain(huge).collect(), "over 65536 bytes"),
    ] {
        assert!(refusal(&bytes).contains(named), "{named}: {}", refusal(&bytes));
    }
}
