//! Recordings, read through real files.

use std::{fs, io::Write};

use super::*;
use crate::media::duration_of;

fn demo(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "demo", name].iter().collect()
}

fn message(result: Result<FrameFile>) -> String {
    result.err().expect("it should be refused").to_string()
}

#[test]
fn the_demo_clip_is_240_frames_and_nothing_of_it_is_lost() {
    let bytes = fs::read(demo("face_640x480.mjpeg")).unwrap();
    let file = FrameFile::open(&demo("face_640x480.mjpeg"), Some(15.0)).unwrap();
    let frames: Vec<_> = file.frames(None).map(Result::unwrap).collect();
    assert_eq!(frames.len(), 240);
    assert_eq!(frames.iter().map(|f| f.data.len()).sum::<usize>(), bytes.len());
    assert!(bytes.starts_with(&frames[0].data));
    assert_eq!(frames[30].captured_at, Duration::from_secs(2));
    assert_eq!((frames[30].sequence, frames[30].unix_ms), (30, 2000));
}

#[test]
fn a_pace_on_media_time_gives_the_same_frames_every_time() {
    let take = || {
        let file = FrameFile::open(&demo("face_640x480.mjpeg"), Some(15.0)).unwrap();
        let frames = file.frames(Some(2.0)).map(Result::unwrap);
        frames.map(|f| (f.sequence, f.captured_at, f.data)).collect::<Vec<_>>()
    };
    let frames = take();
    assert_eq!(frames.len(), 32);
    assert_eq!(frames, take());
}

#[test]
fn a_y4m_brings_its_own_rate() {
    let mut file = tempfile::Builder::new().suffix(".Y4M").tempfile().unwrap();
    file.write_all(b"YUV4MPEG2 W2 H2 F10:1\nFRAME\nabcdefFRAME\nghijkl").unwrap();
    let frames = FrameFile::open(file.path(), None).unwrap();
    assert!((frames.fps() - 10.0).abs() < 1e-9);
    let frames: Vec<_> = frames.frames(None).map(Result::unwrap).collect();
    assert_eq!(frames[1].data, b"ghijkl");
    assert_eq!((frames[1].format, frames[1].width_px), (PixelFormat::I420, 2));
    assert_eq!(frames[1].captured_at, Duration::from_millis(100));
}

#[test]
fn a_folder_is_read_in_the_order_of_its_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["c.png", "a.jpg", "b.JPEG", "notes.txt"] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let mut file = FrameFile::open(folder.path(), Some(1.0)).unwrap();
    let second = file.next_frame(|time| time > Duration::ZERO).unwrap().unwrap();
    assert_eq!((second.data, second.format), (b"b.JPEG".to_vec(), PixelFormat::Jpeg));
    let third = file.next_frame(|_| true).unwrap().unwrap();
    assert_eq!((third.data, third.format), (b"c.png".to_vec(), PixelFormat::Png));
    assert!(file.next_frame(|_| true).unwrap().is_none());
}

#[test]
fn what_is_not_read_is_refused_with_the_command_that_converts_it() {
    let refused = message(FrameFile::open(Path::new("interview.mp4"), None));
    assert!(refused.contains("ffmpeg -i interview.mp4"), "{refused}");
    let refused = SoundFile::open(Path::new("interview.webm")).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(refused.to_string().contains("ffmpeg -i interview.webm"), "{refused}");
    let missing = FrameFile::open(Path::new("/nonexistent/a.mjpeg"), None).err().unwrap();
    assert_eq!(missing.kind(), ErrorKind::Unavailable);
    let folder = tempfile::tempdir().unwrap();
    assert!(message(FrameFile::open(folder.path(), None)).contains("holds no"));
}

#[test]
fn the_demo_sound_is_eleven_seconds_bit_by_bit() {
    let mut file = SoundFile::open(&demo("speech_16k.wav")).unwrap();
    let mut samples = Vec::new();
    while let Some(period) = file.next_period().unwrap() {
        assert_eq!(period.gap_before, samples.is_empty());
        samples.extend(period.samples);
    }
    let exact: Vec<i16> = hound::WavReader::open(demo("speech_16k.wav"))
        .unwrap()
        .into_samples()
        .map(|sample| sample.unwrap())
        .collect();
    assert_eq!(samples, exact);
    assert_eq!(file.position(), duration_of(exact.len()));
}
