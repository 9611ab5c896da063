//! Sound as clients send it, through the door that the engine uses, against the reference decoder.

use std::{fs, path::Path, time::Duration};

use boothd::{
    decode::{
        opus::OpusDecoder,
        sound::{PIECE_SAMPLES, SoundDecoder},
        wav::WavReader,
        webm::{Event, OpusTrack, WebmReader},
    },
    error::ErrorKind,
    media::{SoundChunk, SoundFormat},
};
use sha2::{Digest, Sha256};

fn data(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    fs::read(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

fn chunk(format: SoundFormat, data: Vec<u8>) -> SoundChunk {
    let captured_at = Duration::ZERO;
    SoundChunk { sequence: 0, captured_at, unix_ms: 0, format, gap_before: false, data }
}

fn decode(format: SoundFormat, chunks: &[Vec<u8>]) -> Vec<i16> {
    let (mut decoder, mut sound) = (SoundDecoder::default(), Vec::new());
    for bytes in chunks {
        decoder.push(&chunk(format, bytes.clone()), &mut sound).expect("sound");
    }
    sound
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// How far `got` is from `expected`, in dB; infinite where they are equal.
fn snr_db(expected: &[i16], got: &[i16]) -> f64 {
    let energy = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let signal = energy(&mut expected.iter().map(|v| f64::from(*v)));
    let noise =
        energy(&mut expected.iter().zip(got).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    10.0 * (signal / noise).log10()
}

/// libopus 1.6.1 (built in fixed point) is matched bit for bit, and libopus 1.3.1 (floating
/// point, as browsers and ffmpeg have it) to at least 60 dB, in every mode.
#[test]
fn opus_in_all_its_modes_is_what_the_reference_decoder_gives() {
    let index = String::from_utf8(data("opus/index.txt")).unwrap();
    let mut modes = std::collections::BTreeSet::new();
    for line in index.lines() {
        let [name, mode, count, sha256] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let sound = packets(&data(&format!("opus/{name}.packets")));
        assert_eq!(sound.len().to_string(), count, "{name}");
        modes.extend(mode.split('+').map(str::to_owned));
        // Silence that was not sent is filled with noise, which differs in each build.
        let is_noise = sha256 == "-";
        let bytes: Vec<u8> = sound.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let own: String =
            Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(is_noise || own == sha256, "{name} differs from libopus 1.6.1");
        let path = format!("tests/data/opus/{name}.s16le");
        if Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).exists() {
            let snr_db = snr_db(&samples(&data(&path["tests/data/".len()..])), &sound);
            let bar_db = if is_noise { 45.0 } else { 60.0 };
            assert!(snr_db > bar_db, "{name}: {snr_db:.1} dB");
        }
    }
    assert_eq!(modes.into_iter().collect::<Vec<_>>(), ["celt", "hybrid", "silk"]);
}

fn packets(mut file: &[u8]) -> Vec<i16> {
    let mut decoder = OpusDecoder::new(OpusTrack::default()).expect("16 kHz mono");
    let mut sound = Vec::new();
    while let [low, high, rest @ ..] = file {
        let (packet, after) = rest.split_at(u16::from_le_bytes([*low, *high]).into());
        decoder.push(packet, &mut sound).expect("a packet");
        file = after;
    }
    sound
}

#[test]
fn a_chromium_recording_decodes_over_its_slices() {
    let slices: Vec<Vec<u8>> =
        (0..4).map(|n| data(&format!("webm/chrome156_mediarecorder_3000ms_{n}.bin"))).collect();
    let sound = decode(SoundFormat::Detect, &slices);
    // 168 packets of 60 ms.
    assert_eq!(sound.len(), 168 * 960);
    assert_eq!(sound, decode(SoundFormat::Recording, &[slices.concat()]));
    assert!(sound.iter().any(|sample| sample.unsigned_abs() > 1000));
}

#[test]
fn a_stereo_file_of_another_writer_decodes_without_its_pre_skip() {
    let sound = decode(SoundFormat::Recording, &[data("webm/ffmpeg_stereo_voip.webm")]);
    let reference = samples(&data("webm/ffmpeg_stereo_voip.s16le"));
    let length = reference.len().min(sound.len());
    assert!(
        sound.len().abs_diff(reference.len()) <= 320,
        "{} {}",
        sound.len(),
        reference.len()
    );
    let snr_db = snr_db(&reference[..length], &sound[..length]);
    assert!(snr_db > 60.0, "{snr_db:.1} dB");
}

#[test]
fn each_chunk_may_be_a_whole_file_and_an_empty_one_is_no_fault() {
    let whole = data("webm/mediarecorder-3s.webm");
    let once = decode(SoundFormat::Detect, std::slice::from_ref(&whole));
    assert_eq!(once.len(), 50 * 960);
    let chunks = [data("webm/empty_110B.webm"), whole.clone(), Vec::new(), whole];
    assert_eq!(decode(SoundFormat::Detect, &chunks), once.repeat(2));
}

#[test]
fn a_dropped_slice_costs_only_itself() {
    let slices: Vec<Vec<u8>> =
        (0..4).map(|n| data(&format!("webm/chrome156_mediarecorder_3000ms_{n}.bin"))).collect();
    let (mut decoder, mut sound) = (SoundDecoder::default(), Vec::new());
    decoder.push(&chunk(SoundFormat::Recording, slices[0].clone()), &mut sound).unwrap();
    let before = sound.len();
    let mut after_gap = chunk(SoundFormat::Recording, slices[2].clone());
    after_gap.gap_before = true;
    decoder.push(&after_gap, &mut sound).unwrap();
    assert_eq!(sound.len() - before, 50 * 960);
}

#[test]
fn wav_is_recognised_by_its_first_bytes_and_pcm_passes() {
    let mut file = std::io::Cursor::new(Vec::new());
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    (0..96_000).for_each(|_| writer.write_sample(1000_i16).unwrap());
    writer.finalize().unwrap();
    let sound = decode(SoundFormat::Detect, &[file.into_inner()]);
    assert_eq!(sound.len(), 16_000);
    assert!(sound[100..15_900].iter().all(|sample| *sample == 1000));
    assert_eq!(decode(SoundFormat::Pcm16k, &[vec![1, 0, 0xFF, 0xFF], vec![]]), [1, -1]);
}

#[test]
fn refusals_have_a_remedy_and_leave_the_sound_as_it_was() {
    let whole = data("webm/mediarecorder-3s.webm");
    // All that is before the first Cluster.
    let header = data("webm/chrome156_mediarecorder_3000ms_0.bin")[..146].to_vec();
    let cases = [
        (SoundFormat::Detect, data("webm/chrome156_mediarecorder_3000ms_1.bin"), "first slice"),
        (SoundFormat::Detect, b"garbage of unknown origin".to_vec(), "first slice"),
        (SoundFormat::Pcm16k, vec![1, 2, 3], "a sample has 2"),
        (SoundFormat::Pcm16k, vec![0; 60 * 32_000 + 2], "more than 60 s"),
        (SoundFormat::Detect, b"RIFF\x04\0\0\0WAVE".to_vec(), "not a readable WAV"),
        (SoundFormat::Recording, whole.repeat(21), "more than 60 s"),
        (SoundFormat::Recording, header.repeat(61), "more than 60 files"),
    ];
    for (format, bytes, reason) in cases {
        let (mut decoder, mut sound) = (SoundDecoder::default(), vec![7]);
        let err = decoder.push(&chunk(format, bytes), &mut sound).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidInput);
        assert!(err.to_string().contains(reason), "{reason}: {err}");
        assert_eq!(sound, [7]);
        decoder.push(&chunk(SoundFormat::Detect, whole.clone()), &mut sound).unwrap();
        assert_eq!(sound.len(), 1 + 50 * 960, "{reason}");
    }
}

/// The sound of a chunk, and how much of it each piece decoded.
fn pieces(mut chunk: SoundChunk) -> (Vec<i16>, Vec<usize>) {
    let (mut decoder, mut sound, mut pieces) =
        (SoundDecoder::default(), Vec::new(), Vec::new());
    let mut decoding = decoder.begin(&mut chunk);
    loop {
        let before = sound.len();
        let is_done = decoder.advance(&mut decoding, &mut sound).expect("sound");
        pieces.push(sound.len() - before);
        if is_done {
            return (sound, pieces);
        }
    }
}

/// An element whose size has 4 bytes.
fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    let size = 0x1000_0000 | u32::try_from(body.len()).expect("small");
    [id, &size.to_be_bytes(), body].concat()
}

/// A WebM of so many blocks, each of 256 packets of 120 ms.
fn laced(packet: &[u8], blocks: usize) -> Vec<u8> {
    let track = [element(&[0xD7], &[1]), element(&[0x86], b"A_OPUS")].concat();
    let lace = [&[0x81, 0, 0, 0x84, 255][..], &packet.repeat(256)].concat();
    [
        element(&[0x1A, 0x45, 0xDF, 0xA3], &element(&[0x42, 0x82], b"webm")),
        element(&[0x16, 0x54, 0xAE, 0x6B], &element(&[0xAE], &track)),
        element(&[0x1F, 0x43, 0xB6, 0x75], &element(&[0xE7], &[0])),
        element(&[0xA3], &lace).repeat(blocks),
    ]
    .concat()
}

/// Half a minute may lie in one block of a kilobyte.
#[test]
fn long_sound_is_decoded_in_pieces_of_three_seconds_and_is_the_same() {
    let (packet, longest) = (b"\x5b\x02", PIECE_SAMPLES + 1920);
    let mut opus = OpusDecoder::new(OpusTrack::default()).expect("16 kHz mono");
    let mut expected = Vec::new();
    for _ in 0..256 {
        opus.push(packet, &mut expected).expect("a packet");
    }
    let (sound, parts) = pieces(chunk(SoundFormat::Recording, laced(packet, 1)));
    assert!(sound == expected && sound.len() == 256 * 1920);
    assert!(parts.len() == 11 && parts.iter().all(|part| *part <= longest), "{parts:?}");
    let mut decoder = SoundDecoder::default();
    let error = decoder.push(&chunk(SoundFormat::Recording, laced(packet, 2)), &mut Vec::new());
    assert!(error.unwrap_err().to_string().contains("60 s"));

    let clip = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/speech_16k.wav"));
    let clip = clip.expect("is committed");
    let mut expected = vec![0; 60 * 16_000];
    let count = WavReader::new(&*clip).unwrap().read(&mut expected).expect("is whole");
    expected.truncate(count);
    let bytes: Vec<u8> = expected.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    for (format, bytes) in [(SoundFormat::Detect, clip), (SoundFormat::Pcm16k, bytes)] {
        let (sound, parts) = pieces(chunk(format, bytes));
        assert!(sound == expected && parts.iter().all(|part| *part <= longest), "{parts:?}");
        assert!(parts.len() > 1 || count <= PIECE_SAMPLES, "{parts:?}");
    }
}

/// The packets of a real recording, of 60 ms each.
fn recorded() -> Vec<Vec<u8>> {
    let (mut reader, mut packets) = (WebmReader::default(), Vec::new());
    let mut take = |event: Event<'_>| {
        if let Event::Packet { packet, .. } = event {
            packets.push(packet.to_vec());
        }
        Ok(())
    };
    reader.push(&data("webm/mediarecorder-3s.webm"), &mut take).expect("is whole");
    packets
}

/// What comes before the first Cluster of a WebM with a picture's track (1) and Opus (2).
fn header() -> Vec<u8> {
    let picture = [element(&[0xD7], &[1]), element(&[0x86], b"V_VP8")].concat();
    let sound = [element(&[0xD7], &[2]), element(&[0x86], b"A_OPUS")].concat();
    [
        element(&[0x1A, 0x45, 0xDF, 0xA3], &element(&[0x42, 0x82], b"webm")),
        // A millisecond is the unit, which is the default, too.
        element(&[0x15, 0x49, 0xA9, 0x66], &element(&[0x2A, 0xD7, 0xB1], &[0x0F, 0x42, 0x40])),
        element(
            &[0x16, 0x54, 0xAE, 0x6B],
            &[element(&[0xAE], &picture), element(&[0xAE], &sound)].concat(),
        ),
    ]
    .concat()
}

/// A Cluster that begins at `at_ms` with one packet and `picture_bytes` of a picture before it.
fn cluster(at_ms: u32, packet: &[u8], picture_bytes: usize) -> Vec<u8> {
    let picture = [&[0x81, 0, 0, 0x80][..], &vec![0xA3; picture_bytes]].concat();
    let picture = if picture_bytes > 0 { element(&[0xA3], &picture) } else { Vec::new() };
    let body = [
        element(&[0xE7], &at_ms.to_be_bytes()),
        picture,
        element(&[0xA3], &[&[0x82, 0, 0, 0x80], packet].concat()),
    ];
    element(&[0x1F, 0x43, 0xB6, 0x75], &body.concat())
}

/// The packets with these times, as one file.
fn timed(packets: &[Vec<u8>], times: &[u32]) -> Vec<u8> {
    let clusters = packets.iter().zip(times).flat_map(|(packet, at)| cluster(*at, packet, 0));
    header().into_iter().chain(clusters).collect()
}

#[test]
fn a_gap_in_the_time_stamps_is_silence_of_its_length() {
    let packets = recorded();
    let even: Vec<u32> = (0..50).map(|n| n * 60).collect();
    let whole = decode(SoundFormat::Detect, &[timed(&packets, &even)]);
    assert_eq!(whole, decode(SoundFormat::Detect, &[data("webm/mediarecorder-3s.webm")]));
    // 2.5 s, half a minute, and 180 ms three times, as a talker's silence leaves them.
    let gap = |ms: u32| even.iter().map(|at| at + if *at >= 1200 { ms } else { 0 }).collect();
    for times in [gap(2500), gap(30_000), even.iter().map(|at| at + at / 900 * 180).collect()] {
        let times: Vec<u32> = times;
        let mut expected = Vec::new();
        for (packet, at_ms) in whole.chunks(960).zip(&times) {
            expected.resize(*at_ms as usize * 16, 0);
            expected.extend_from_slice(packet);
        }
        let (sound, parts) = pieces(chunk(SoundFormat::Detect, timed(&packets, &times)));
        assert!(sound == expected, "{} {}", sound.len(), expected.len());
        assert!(parts.iter().all(|part| *part <= PIECE_SAMPLES + 1920), "{parts:?}");
    }
    let mut decoder = SoundDecoder::default();
    let too_long = chunk(SoundFormat::Detect, timed(&packets, &gap(61_000)));
    let error = decoder.push(&too_long, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("60 s"), "{error}");
}

#[test]
fn time_stamps_that_waver_change_nothing() {
    let packets = recorded();
    let even: Vec<u32> = (0..50).map(|n| 1000 + n * 60).collect();
    let expected = decode(SoundFormat::Detect, &[timed(&packets, &even)]);
    let wavering: [u32; 7] = [0, 33, 59, 7, 21, 48, 14];
    let times: Vec<u32> =
        even.iter().zip(wavering.iter().cycle()).map(|(a, b)| a + b).collect();
    assert!(decode(SoundFormat::Detect, &[timed(&packets, &times)]) == expected);
    // A count that starts again in mid-recording.
    let times: Vec<u32> = even.iter().map(|at| at % 1200).collect();
    assert!(decode(SoundFormat::Detect, &[timed(&packets, &times)]) == expected);
}

#[test]
fn a_gap_between_two_slices_is_silence_or_a_new_beginning() {
    let packets = recorded();
    for (gap_ms, silence, is_break) in
        [(0, 0, false), (40, 0, false), (5000, 80_000, false), (10_500, 0, true)]
    {
        let mut decoder = SoundDecoder::default();
        let first = timed(&packets[..20], &(0..20).map(|n| n * 60).collect::<Vec<_>>());
        decoder.push(&chunk(SoundFormat::Detect, first), &mut Vec::new()).expect("sound");
        let second: Vec<u8> = (20_u32..50)
            .flat_map(|n| cluster(n * 60 + gap_ms, &packets[n as usize], 0))
            .collect();
        let mut decoding = decoder.begin(&mut chunk(SoundFormat::Detect, second));
        let (mut sound, mut breaks) = (Vec::new(), Vec::new());
        while !decoder.advance(&mut decoding, &mut sound).expect("sound") {
            breaks.push(decoding.take_break());
        }
        breaks.push(decoding.take_break());
        assert_eq!(sound.len(), silence + 30 * 960, "{gap_ms}");
        assert!(sound[..silence].iter().all(|sample| *sample == 0));
        assert_eq!(breaks.iter().filter(|is_break| **is_break).count(), usize::from(is_break));
    }
}

#[test]
fn pictures_beside_the_sound_are_passed_over() {
    let packets = recorded();
    let expected = decode(SoundFormat::Detect, &[data("webm/mediarecorder-3s.webm")]);
    let mut file = header();
    for (n, packet) in (0..).zip(&packets) {
        // A key frame of 1080 lines each second.
        file.extend(cluster(n * 60, packet, if n % 16 == 0 { 700_000 } else { 9000 }));
    }
    assert!(decode(SoundFormat::Detect, std::slice::from_ref(&file)) == expected);
    for bytes in [997, 4096, 100_000] {
        let slices: Vec<Vec<u8>> = file.chunks(bytes).map(<[u8]>::to_vec).collect();
        assert!(decode(SoundFormat::Recording, &slices) == expected, "slices of {bytes} bytes");
    }
    // Cut at each byte around the first picture's head.
    let at = header().len();
    for cut in at..at + 40 {
        let slices =
            [file[..cut].to_vec(), file[cut..cut + 1].to_vec(), file[cut + 1..].to_vec()];
        assert!(decode(SoundFormat::Recording, &slices) == expected, "cut at {cut}");
    }
}

/// The ways in which a recorder's file may come: whole, and cut at odd places.
fn ways(file: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let cut = |bytes: usize| file.chunks(bytes).map(<[u8]>::to_vec).collect();
    vec![vec![file.to_vec()], cut(1), cut(37), cut(997), cut(2500)]
}

/// Safari's container with AAC, mono and stereo, at both usual rates, beside ffmpeg's decoder.
#[test]
fn aac_in_fragments_is_what_the_reference_decoder_gives() {
    for name in ["aac_48k", "aac_44k_stereo", "aac_with_video"] {
        let file = data(&format!("recorders/ffmpeg_{name}.mp4"));
        // The pictures are beside the same sound.
        let reference = if name == "aac_with_video" { "aac_48k" } else { name };
        let reference = samples(&data(&format!("recorders/ffmpeg_{reference}.s16le")));
        let sound = decode(SoundFormat::Detect, std::slice::from_ref(&file));
        for slices in ways(&file) {
            assert!(decode(SoundFormat::Recording, &slices) == sound, "{name}");
        }
        // The filter of the rate keeps the last 3 ms, and pictures may end before the sound.
        let length = sound.len().min(reference.len());
        assert!(length >= 20_000 && sound.len() < reference.len() + 16, "{name}: {length}");
        let snr_db = snr_db(&reference[..length], &sound[..length]);
        assert!(snr_db > 40.0, "{name}: {snr_db:.1} dB");
    }
}

/// The same packets of Opus in each container.
#[test]
fn opus_is_the_same_in_each_container() {
    let expected = decode(SoundFormat::Detect, &[data("recorders/ffmpeg_opus.webm")]);
    assert_eq!(expected.len(), 76 * 320 - 104);
    for name in ["ffmpeg_opus.ogg", "ffmpeg_opus.mp4", "ffmpeg_opus.webm"] {
        for slices in ways(&data(&format!("recorders/{name}"))) {
            assert!(decode(SoundFormat::Recording, &slices) == expected, "{name}");
        }
    }
    // One container after the other on the same connection.
    let all = ["ogg", "mp4", "webm", "ogg"]
        .map(|kind| data(&format!("recorders/ffmpeg_opus.{kind}")));
    assert!(decode(SoundFormat::Detect, &all) == expected.repeat(4));
}

/// The slices of a real `MediaRecorder`.
fn slices_of(recorder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let names = (0..).map(|n| format!("recorders/{recorder}_{n}.bin"));
    names.take_while(|name| folder.join(name).exists()).map(|name| data(&name)).collect()
}

/// What browsers really record, beside libopus (of AAC: ffmpeg), and as long as ffmpeg finds it.
///
/// WebKitGTK's MP4 has its `ftyp` twice, its last `moof` twice where it is AAC, and the numbers in
/// its `dOps` the wrong way round; ffmpeg was given it without.
#[test]
fn real_recorders_decode_over_their_slices() {
    // Slices, samples of all packets less the pre-skip, and what ffmpeg decodes: of an Ogg it leaves
    // out what its last page declares as filling, less than a packet.
    for (recorder, count, length, ffmpeg) in [
        ("chromium156_webm", 3, 48_960, 48_960),
        ("chromium156_mp4_opus", 3, 47_680, 47_680),
        ("firefox153_webm", 4, 49_816, 49_816),
        ("firefox153_ogg", 4, 48_536, 48_298),
        ("webkitgtk250_mp4_opus", 4, 47_896, 47_896),
        // The filter of the rate keeps the last 3 ms.
        ("webkitgtk250_mp4_aac", 4, 49_360, 49_412),
    ] {
        let slices = slices_of(recorder);
        assert_eq!(slices.len(), count, "{recorder}");
        let file = slices.concat();
        let sound = decode(SoundFormat::Detect, std::slice::from_ref(&file));
        assert_eq!(sound.len(), length, "{recorder}");
        assert!(sound.len().abs_diff(ffmpeg) < 320, "{recorder}");
        for format in [SoundFormat::Detect, SoundFormat::Recording] {
            assert!(decode(format, &slices) == sound, "{recorder} over its slices");
        }
        for cut in ways(&file) {
            assert!(decode(SoundFormat::Recording, &cut) == sound, "{recorder} cut again");
        }
        // The last second: nothing before it is missing or too much.
        let reference = samples(&data(&format!("recorders/{recorder}.s16le")));
        let last = &sound[sound.len() - reference.len()..];
        let snr_db = snr_db(&reference, last);
        assert!(reference.len() == 16_000 && snr_db > 60.0, "{recorder}: {snr_db:.1} dB");
    }
    // Another browser on the same connection, in another kind of file.
    let both = [slices_of("firefox153_ogg"), slices_of("chromium156_mp4_opus")].concat();
    assert_eq!(decode(SoundFormat::Detect, &both).len(), 48_536 + 47_680);
}

/// Adds `ms` to the time that each fragment from the third on states (`tfdt`, in 16,000ths of a second).
fn late_mp4(ms: u64) -> Vec<u8> {
    let mut file = data("recorders/ffmpeg_opus.mp4");
    let places: Vec<usize> = file
        .windows(4)
        .enumerate()
        .filter(|(_, kind)| kind == b"tfdt")
        .map(|(at, _)| at)
        .collect();
    for at in &places[2..] {
        let field = at + 8..at + 16;
        let time =
            u64::from_be_bytes(file[field.clone()].try_into().expect("8 bytes")) + ms * 16;
        file[field].copy_from_slice(&time.to_be_bytes());
    }
    file
}

#[test]
fn a_gap_between_fragments_is_silence_of_its_length() {
    let whole = decode(SoundFormat::Detect, &[data("recorders/ffmpeg_opus.mp4")]);
    assert!(decode(SoundFormat::Detect, &[late_mp4(40)]) == whole);
    let sound = decode(SoundFormat::Detect, &[late_mp4(2500)]);
    assert_eq!(sound.len(), whole.len() + 40_000);
    let begin = (0..whole.len()).find(|n| sound[..*n] != whole[..*n]).unwrap() - 1;
    assert!(sound[begin..begin + 40_000].iter().all(|sample| *sample == 0));
    assert!(sound[begin + 40_000..] == whole[begin..]);
}

#[test]
fn what_is_no_recording_is_named() {
    for (bytes, named) in [
        (&b"fLaC\0\0\0\x22"[..], "FLAC"),
        (b"ID3\x04\0\0\0\0\0\0", "MP3"),
        (b"\xFF\xFB\x90\x64\0\0\0\0", "MP3"),
        (b"\xFF\xF1\x50\x80\0\0\0\0", "ADTS"),
        (b"FORM\0\0\0\0AIFFCOMM", "AIFF"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"OggS\0\0\0\0\0\0\0\0\0\0", "an Ogg from its middle"),
        (b"\0\0\x01\0moof\0\0\0\x10mfhd", "an MP4 from its middle"),
        (b"\xFF\xD8\xFF\xE0\0\x10JFIF", "JPEG"),
    ] {
        for format in [SoundFormat::Detect, SoundFormat::Recording] {
            let sent = chunk(format, bytes.to_vec());
            let err = SoundDecoder::default().push(&sent, &mut Vec::new()).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidInput);
            assert!(err.to_string().contains(named), "{named}: {err}");
        }
    }
}
