//! The camera's loop over the `v4l` crate over the shim.

use std::{fs, path::PathBuf, time::Instant};

use boothd::{
    capture::{
        camera::{Camera, CameraConfig},
        devices,
        files::FrameFile,
        v4l2::V4l2Opener,
    },
    component::State,
    media::{Frame, PixelFormat},
};
use rustix::time::{ClockId, clock_gettime};

use super::{
    Duration, Live, ROOM,
    doubles::{Booth, in_booth},
};

const FRAME_BYTES: usize = 640 * 480 * 2;

/// Writes YUYV frames, each with its number in its bytes.
fn write_frames(booth: &Booth) -> (String, Vec<Vec<u8>>) {
    let frame = |k: usize| {
        (0..FRAME_BYTES)
            .map(|i| u8::try_from((i * 31 + k * 7919) % 251).expect("below 251"))
            .collect()
    };
    let frames: Vec<Vec<u8>> = (0..8).map(frame).collect();
    booth.write_whole("frames.yuyv", frames.concat());
    (format!("media={}", booth.path("frames.yuyv").display()), frames)
}

fn demo_clip() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "demo", "face_640x480.mjpeg"].iter().collect()
}

fn open(device: &str, fps: f64) -> Live<Frame> {
    let config = CameraConfig { device: device.to_owned(), fps, ..CameraConfig::default() };
    Live::start("camera", move |context, sender| {
        let camera = Camera::new(config, Box::new(V4l2Opener), context);
        camera.run(&move |frame| sender.try_send(frame).expect(ROOM));
    })
}

/// Which of `frames` this is, byte by byte.
fn index_of(frame: &Frame, frames: &[Vec<u8>]) -> usize {
    let found = frames.iter().position(|known| *known == frame.data);
    found.expect("the frame should be one of the file's")
}

#[test]
fn raw_frames_arrive_byte_by_byte() {
    in_booth("camera::raw_frames_arrive_byte_by_byte", |booth| {
        let (media, frames) = write_frames(booth);
        booth.camera(0, &[&media, "fps=30"]);
        let live = open("/dev/video0", 30.0);
        let seen: Vec<_> = (0..20).map(|_| live.next()).collect();
        assert_eq!((seen[0].format, seen[0].width_px), (PixelFormat::Yuyv, 640));
        let indices: Vec<_> = seen.iter().map(|frame| index_of(frame, &frames)).collect();
        let steps = indices.windows(2).map(|w| (w[1] + 8 - w[0]) % 8);
        assert!(steps.clone().all(|step| step > 0), "the same frame twice: {indices:?}");
        assert!(steps.filter(|&step| step == 1).count() >= 15, "{indices:?}");
        assert!(seen.iter().zip(0..).all(|(frame, k)| frame.sequence == k));
        let status = live.finish();
        assert_eq!(
            status.source.as_deref(),
            Some("Booth shim camera (/dev/video0), YUYV 640x480")
        );
    });
}

#[test]
fn jpeg_frames_arrive_byte_by_byte() {
    in_booth("camera::jpeg_frames_arrive_byte_by_byte", |booth| {
        let media = format!("media={}", demo_clip().display());
        booth.camera(0, &[&media, "fps=30", "formats=MJPG"]);
        let file = FrameFile::open(&demo_clip(), None).unwrap();
        let known: Vec<_> = file.frames(None).map(|frame| frame.unwrap().data).collect();
        let live = open("/dev/video0", 30.0);
        for _ in 0..10 {
            let frame = live.next();
            assert_eq!(frame.format, PixelFormat::Jpeg);
            index_of(&frame, &known);
        }
        live.finish();
    });
}

#[test]
fn thirty_frames_a_second_are_paced_to_two() {
    in_booth("camera::thirty_frames_a_second_are_paced_to_two", |booth| {
        booth.camera(0, &[&write_frames(booth).0, "fps=30"]);
        let (device, fps) = ("/dev/video0".into(), 2.0);
        let config = CameraConfig { device, fps, ..CameraConfig::default() };
        let live = Live::start("camera", move |context, sender| {
            let camera = Camera::new(config, Box::new(V4l2Opener), context);
            camera.run(&move |frame: Frame| {
                let cpu = clock_gettime(ClockId::ThreadCPUTime);
                sender.try_send((frame.captured_at, Duration::try_from(cpu).unwrap())).unwrap();
            });
        });
        let seen: Vec<_> = (0..8).map(|_| live.next()).collect();
        let gaps: Vec<_> = seen.windows(2).map(|w| w[1].0 - w[0].0).collect();
        // The grid is half a second; a frame is at most one of the camera's intervals late.
        let is_even =
            |gap: &Duration| gap.abs_diff(Duration::from_millis(500)).as_millis() < 80;
        assert!(gaps.iter().all(is_even), "{gaps:?}");
        let whole = seen[7].0 - seen[0].0;
        assert!(whole.abs_diff(Duration::from_millis(3500)).as_millis() < 80, "{whole:?}");
        let cpu = seen[7].1 - seen[0].1;
        let percent = 100.0 * cpu.as_secs_f64() / whole.as_secs_f64();
        println!(
            "MEASURED camera loop at 2 of 30 fps, shim included: {percent:.2} % of a core"
        );
        live.finish();
    });
}

#[test]
fn a_slow_camera_is_waited_for_and_not_opened_again() {
    in_booth("camera::a_slow_camera_is_waited_for_and_not_opened_again", |booth| {
        let (media, frames) = write_frames(booth);
        // Several waits for each frame run out; the `v4l` crate alone would not survive one.
        booth.camera(0, &[&media, "fps=1.5"]);
        let live = open("/dev/video0", 30.0);
        let indices: Vec<_> = (0..4).map(|_| index_of(&live.next(), &frames)).collect();
        assert_eq!(indices, [0, 1, 2, 3]);
        let status = live.finish();
        assert_eq!((status.restarts_total, status.errors_total), (0, 0));
    });
}

#[test]
fn a_fast_camera_is_asked_to_slow_down() {
    in_booth("camera::a_fast_camera_is_asked_to_slow_down", |booth| {
        let (media, frames) = write_frames(booth);
        booth.camera(0, &[&media, "fps=60", "can_set_fps=1"]);
        let live = open("/dev/video0", 30.0);
        let indices: Vec<_> = (0..10).map(|_| index_of(&live.next(), &frames)).collect();
        // At 60 a second every other frame would be passed over.
        let followed = indices.windows(2).filter(|w| (w[1] + 8 - w[0]) % 8 == 1).count();
        assert!(followed >= 6, "{indices:?}");
        live.finish();
    });
}

#[test]
fn a_camera_that_comes_back_is_used_within_three_seconds() {
    in_booth("camera::a_camera_that_comes_back_is_used_within_three_seconds", |booth| {
        let (media, _) = write_frames(booth);
        booth.camera(0, &[&media, "card=Logitech C920"]);
        let live = open("logitech c920", 2.0);
        let last = live.next().sequence;
        booth.unplug_camera(0);
        let noticed = live.wait_for_error("is not there");
        assert!(noticed < Duration::from_secs(1), "{noticed:?}");
        let again = live.wait_for_error("no camera is called `logitech c920`");
        // Long enough for the back-off to be at its longest.
        std::thread::sleep(Duration::from_millis(2500));
        live.forget_pending();
        // Back under another number, with another camera and a metadata node beside it.
        booth.camera(0, &["card=Other", &media]);
        booth.camera(1, &["card=Logitech C920", "kind=meta"]);
        let returned = Instant::now();
        booth.camera(4, &[&media, "card=Logitech C920"]);
        let frame = live.next();
        let took = returned.elapsed();
        println!("MEASURED unplug noticed in {noticed:?}, reported gone {again:?} later");
        println!("MEASURED camera back to first frame {took:?}");
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert!(frame.sequence > last);
        let status = live.finish();
        assert_eq!(status.restarts_total, 1);
        assert!(status.source.unwrap().contains("/dev/video4"));
    });
}

#[test]
fn a_stuck_camera_is_noticed_within_three_seconds_and_opened_again() {
    in_booth(
        "camera::a_stuck_camera_is_noticed_within_three_seconds_and_opened_again",
        |booth| {
            let (media, _) = write_frames(booth);
            booth.camera(0, &[&media]);
            let live = open("auto", 2.0);
            live.next();
            booth.camera(0, &[&media, "fault=stuck"]);
            let noticed = live.wait_for_error("sent no frames for 2200 ms");
            println!("MEASURED stuck camera noticed in {noticed:?}");
            assert!(noticed < Duration::from_secs(3), "{noticed:?}");
            booth.camera(0, &[&media]);
            live.forget_pending();
            live.next();
            assert_eq!(live.component.status().error, None);
            // Stuck again: even then a stop is obeyed.
            booth.camera(0, &[&media, "fault=stuck"]);
            live.finish();
        },
    );
}

#[test]
fn frames_that_cannot_be_used_are_counted_and_never_passed_on() {
    in_booth("camera::frames_that_cannot_be_used_are_counted_and_never_passed_on", |booth| {
        let (media, frames) = write_frames(booth);
        let jpeg = format!("media={}", demo_clip().display());
        for (media, format, fault) in [
            (&media, "formats=YUYV", "short"),
            (&media, "formats=YUYV", "damaged"),
            (&jpeg, "formats=MJPG", "garbage"),
            (&jpeg, "formats=MJPG", "empty"),
        ] {
            booth.camera(0, &[media, format, &format!("fault={fault}")]);
            let live = open("/dev/video0", 30.0);
            live.wait_for(fault, |status| status.errors_total >= 5);
            assert!(live.media.try_recv().is_err(), "{fault}");
            booth.camera(0, &[media, format]);
            let frame = live.next();
            if format.ends_with("YUYV") {
                index_of(&frame, &frames);
            }
            live.finish();
        }
    });
}

#[test]
fn a_camera_of_only_broken_frames_is_reported() {
    in_booth("camera::a_camera_of_only_broken_frames_is_reported", |booth| {
        booth.camera(0, &[&write_frames(booth).0, "fault=short"]);
        let live = open("/dev/video0", 2.0);
        let noticed = live.wait_for_error("sent only short or broken frames");
        assert!(noticed < Duration::from_secs(3), "{noticed:?}");
        live.finish();
    });
}

#[test]
fn what_the_camera_really_gives_is_used_or_refused() {
    in_booth("camera::what_the_camera_really_gives_is_used_or_refused", |booth| {
        let (media, frames) = write_frames(booth);
        booth.camera(0, &[&media, "given_size=320x240"]);
        let live = open("/dev/video0", 2.0);
        let frame = live.next();
        assert_eq!((frame.width_px, frame.height_px), (320, 240));
        assert_eq!(frame.data, frames[0][..320 * 240 * 2]);
        live.finish();

        // Rows padded to 1536 bytes: the padding is not part of the picture.
        booth.camera(0, &[&media, "given_stride=1536"]);
        let live = open("/dev/video0", 2.0);
        let (frame, all) = (live.next(), frames.concat());
        assert_eq!(frame.data.len(), FRAME_BYTES);
        let starts = (0..all.len() / (1536 * 480)).map(|k| k * 1536 * 480);
        let begins_so = |at: &usize| all[*at..][..1280] == frame.data[..1280];
        let at = starts.into_iter().find(begins_so).expect("the first row is the file's");
        assert_eq!(frame.data[1280..2560], all[at + 1536..][..1280]);
        live.finish();

        booth.camera(0, &[&media, "given_format=H264"]);
        let live = open("/dev/video0", 2.0);
        live.wait_for_error("switched to H264 640x480");
        live.wait_for_error("it offers YUYV 640x480");
        live.finish();

        booth.camera(0, &["formats=H264 NV12", "sizes=640x480,320x240"]);
        let live = open("/dev/video0", 2.0);
        live.wait_for_error("only H264 640x480 320x240, NV12 640x480 320x240");
        live.finish();

        booth.camera(0, &["formats=pRAA", "driver=unicam"]);
        let live = open("/dev/video0", 2.0);
        live.wait_for_error("libcamerify");
        live.finish();
    });
}

#[test]
fn a_camera_that_is_not_ready_yet_is_tried_again() {
    in_booth("camera::a_camera_that_is_not_ready_yet_is_tried_again", |booth| {
        let (media, _) = write_frames(booth);
        for (line, error) in [
            ("fault=busy", "is in use by another program"),
            ("open_errno=16", "is in use by another program"),
            ("fault=no_formats", "offers no formats yet"),
            ("fault=no_bandwidth", "finds no USB bandwidth"),
            ("kind=meta", "does not capture now"),
        ] {
            booth.camera(0, &[&media, line]);
            let live = open("/dev/video0", 2.0);
            live.wait_for_error(error);
            booth.camera(0, &[&media]);
            live.next();
            let status = live.finish();
            assert_eq!(status.restarts_total, 0, "{line}: it had never run");
        }
    });
}

#[test]
fn a_missing_permission_is_explained() {
    in_booth("camera::a_missing_permission_is_explained", |booth| {
        booth.camera(0, &["open_errno=13"]);
        for device in ["/dev/video0", "auto", "C920"] {
            let live = open(device, 2.0);
            live.wait_for_error("/dev/video0 may not be opened by this account; ");
            live.finish();
        }
    });
}

#[test]
fn a_camera_that_refuses_to_stop_does_not_end_the_daemon() {
    in_booth("camera::a_camera_that_refuses_to_stop_does_not_end_the_daemon", |booth| {
        booth.camera(0, &[&write_frames(booth).0, "fault=refuses_to_stop"]);
        let live = open("/dev/video0", 2.0);
        live.next();
        live.finish();
    });
}

#[test]
fn no_camera_at_all_is_waited_for_and_stop_is_obeyed() {
    in_booth("camera::no_camera_at_all_is_waited_for_and_stop_is_obeyed", |booth| {
        assert!(!devices::any_camera());
        let live = open("auto", 2.0);
        live.wait_for_error("no usable camera is there");
        booth.camera(0, &[&write_frames(booth).0]);
        live.next();
        assert_eq!(live.component.status().state, State::Running);
        live.finish();
    });
}

#[test]
fn cameras_are_listed_and_found_by_their_links() {
    in_booth("camera::cameras_are_listed_and_found_by_their_links", |booth| {
        let (media, _) = write_frames(booth);
        booth.camera(10, &[&media, "card=Second", "formats=MJPG YUYV"]);
        booth.camera(2, &[&media, "card=First", "sizes=640x480,320x240"]);
        booth.camera(3, &["kind=meta"]);
        let link = booth.path("dev/v4l/by-id/usb-Second-index0");
        std::os::unix::fs::symlink("../../video10", link).unwrap();

        let listed = devices::list_cameras();
        let nodes: Vec<_> = listed.iter().map(|(node, _)| node.display().to_string()).collect();
        assert_eq!(nodes, ["/dev/video2", "/dev/video3", "/dev/video10"]);
        assert!(listed[1].1.is_err(), "a metadata node");
        let second = listed[2].1.as_ref().unwrap();
        assert_eq!(second.links, [PathBuf::from("/dev/v4l/by-id/usb-Second-index0")]);
        assert_eq!(second.offers(), "MJPG 640x480, YUYV 640x480");
        assert!(devices::any_camera());

        for (device, card) in [
            ("auto", "First"),
            ("second", "Second"),
            ("usb-Second-index0", "Second"),
            ("/dev/v4l/by-id/usb-Second-index0", "Second"),
        ] {
            let live = open(device, 2.0);
            live.next();
            assert!(live.finish().source.unwrap().starts_with(card), "{device}");
        }
        fs::remove_file(booth.path("dev/video10")).unwrap();
    });
}
