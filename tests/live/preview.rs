//! The preview of the booth's camera: whole pictures, with the face's landmarks.

use boothd::{
    decode::Picture,
    interview::StartSession,
    media::{Frame, Orientation, PixelFormat},
    policy::Policy,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::*;

/// The first pictures of the bundled clip.
fn clip(count: usize) -> Vec<Vec<u8>> {
    let clip = fs::read("demo/face_640x480.mjpeg").unwrap();
    let begins = clip.windows(3).enumerate();
    let begins = begins.filter(|(_, bytes)| bytes == &[0xFF, 0xD8, 0xFF]).map(|(at, _)| at);
    let begins: Vec<_> = begins.take(count + 1).collect();
    begins.windows(2).map(|pair| clip[pair[0]..pair[1]].to_vec()).collect()
}

fn decoded(jpeg: &[u8]) -> Picture {
    let frame = Frame {
        sequence: 0,
        captured_at: Duration::ZERO,
        unix_ms: 0,
        width_px: 0,
        height_px: 0,
        format: PixelFormat::Jpeg,
        orientation: Orientation::Upright,
        data: jpeg.to_vec(),
    };
    let mut picture = Picture::default();
    picture.decode(&frame).unwrap();
    picture
}

/// A viewer of /preview.mjpeg, as an `<img>` is.
struct Looker(TcpStream);

impl Looker {
    async fn new(doors: &Doors) -> Self {
        let mut stream = TcpStream::connect(&doors.address).await.unwrap();
        // HTTP/1.0: the answer comes without chunks and ends with the connection.
        let request = format!(
            "GET /preview.mjpeg?token={TOKEN} HTTP/1.0\r\nHost: {}\r\n\r\n",
            doors.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut looker = Looker(stream);
        let head = looker.head().await;
        assert!(head.contains("200 OK") && head.contains("boundary=picture"), "{head}");
        looker
    }

    /// Lines up to and with an empty one.
    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        let read = async {
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.expect("not closed"));
            }
        };
        timeout(PATIENCE, read).await.expect("a head in time");
        String::from_utf8(head).unwrap()
    }

    /// The next part of the answer.
    async fn picture(&mut self) -> Picture {
        let head = self.head().await;
        assert!(head.trim_start().starts_with("--picture\r\n"), "{head}");
        assert!(head.contains("Content-Type: image/jpeg"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut jpeg = vec![0; length.unwrap().parse().unwrap()];
        timeout(PATIENCE, self.0.read_exact(&mut jpeg)).await.expect("in time").unwrap();
        decoded(&jpeg)
    }

    /// Reads to the end.
    async fn end(mut self) {
        let mut rest = Vec::new();
        timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("it ends").unwrap();
    }
}

/// How often the analysis took a step.
fn count(doors: &Doors, step: &str) -> u64 {
    let timings = doors.vision.timings();
    timings.iter().find(|(name, _)| *name == step).map_or(0, |(_, took)| took.count())
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) =
        values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// Mean difference of two pictures of one size, of 255.
fn difference(a: &Picture, b: &Picture) -> f64 {
    mean(a.rgb.iter().zip(&b.rgb).map(|(a, b)| f64::from(a.abs_diff(*b))))
}

/// How green a pixel is beside its red and blue.
fn greenness(picture: &Picture, x: usize, y: usize) -> f64 {
    let at = (y * picture.width_px as usize + x) * 3;
    let [red, green, blue] = [0, 1, 2].map(|k| f64::from(picture.rgb[at + k]));
    green - red.midpoint(blue)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the landmarks of this face are inside of the picture"
)]
fn pixel([x, y, _]: &[f32; 3]) -> (usize, usize) {
    (*x as usize, *y as usize)
}

#[tokio::test]
async fn who_looks_sees_the_camera_with_the_landmarks_in_the_face() {
    let mut doors = Doors::open(patient()).await;
    doors.analyse();
    let pictures = clip(4);
    doors.film(0, &pictures[0]).await;
    assert_eq!(
        (count(&doors, "total"), count(&doors, "preview")),
        (1, 0),
        "there is no viewer"
    );

    let mut looker = Looker::new(&doors).await;
    let (_, health) = doors.json("/health").await;
    assert_eq!(health["preview"], json!({ "on": true, "viewers": 1 }));
    for (sequence, filmed) in (1..).zip(&pictures[1..]) {
        let result = doors.film(sequence, filmed).await;
        let (seen, filmed) = (looker.picture().await, decoded(filmed));
        assert_eq!((seen.width_px, seen.height_px), (640, 480));
        let grey = Picture { rgb: vec![128; filmed.rgb.len()], ..filmed.clone() };
        assert!(difference(&seen, &filmed) < 4.0, "{}", difference(&seen, &filmed));
        assert!(difference(&seen, &grey) > 20.0, "it is not blank");
        let face = result.observation.face.as_ref().expect("a face looks into the camera");
        let drawn = face.landmarks.iter().map(pixel);
        let drawn = drawn.map(|(x, y)| greenness(&seen, x, y) - greenness(&filmed, x, y));
        // A mark is one pixel, and JPEG has a colour for each four: a quarter of it is left.
        assert!(mean(drawn.clone()) > 25.0, "{} greener at the landmarks", mean(drawn));
        let far = (0..100).map(|x| greenness(&seen, x, 20) - greenness(&filmed, x, 20));
        assert!(mean(far.clone()).abs() < 5.0, "{} greener far from the face", mean(far));
    }
    assert_eq!(count(&doors, "preview"), 3, "one for each that was seen");

    let mut operator = doors.watcher().await;
    operator
        .send_json(json!({ "type": "configure", "data": { "features": { "preview": false } } }))
        .await;
    looker.end().await;
    let (_, health) = doors.json("/health").await;
    assert_eq!(health["preview"], json!({ "on": false, "viewers": 0 }));
    doors.film(9, &pictures[0]).await;
    assert_eq!(count(&doors, "preview"), 3, "nothing since");
}

#[tokio::test]
async fn when_the_camera_closes_the_last_picture_of_it_is_gone() {
    let policy = Policy { require_consent: true, ..liberal() };
    let mut doors = Doors::with_policy(patient(), policy).await;
    doors.analyse();
    let start = StartSession {
        notice_version: "7".parse().unwrap(),
        consent_at: doors.clock.unix_ms(),
        subject_ref: None,
        features: None,
    };
    doors.booth.start_session(start, "op").await.unwrap();
    let mut looker = Looker::new(&doors).await;
    doors.film(1, &clip(1)[0]).await;
    looker.picture().await;
    let newest = doors.engine.preview().subscribe();
    assert!(newest.borrow().is_some(), "a viewer sees it now");
    doors.booth.end_session("op").await.unwrap();
    assert!(newest.borrow().is_none(), "a viewer sees no face now");
}
