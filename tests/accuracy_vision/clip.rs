//! The bundled clip, its true motion, and MediaPipe's results for it.

use std::{fs, time::Duration};

use boothd::media::{Frame, Orientation, PixelFormat};

/// What is known about one frame.
#[derive(Default)]
pub(crate) struct Truth {
    pub(crate) segment: String,
    pub(crate) roll_deg: f32,
    pub(crate) yaw_deg: f32,
    pub(crate) mediapipe_face: bool,
    /// Landmark and place, px.
    pub(crate) points: Vec<(usize, [f32; 2])>,
}

impl Truth {
    pub(crate) fn point(&self, landmark: usize) -> [f32; 2] {
        self.points.iter().find(|(at, _)| *at == landmark).unwrap().1
    }
}

/// The frames of demo/face_640x480.mjpeg.
pub(crate) fn frames() -> Vec<Frame> {
    let bytes = fs::read("demo/face_640x480.mjpeg").unwrap();
    let (mut frames, mut start) = (Vec::new(), 0);
    while let Some(length) =
        bytes[start..].windows(2).position(|pair| pair == [0xFF, 0xD9]).map(|at| at + 2)
    {
        let sequence = frames.len() as u64;
        frames.push(Frame {
            sequence,
            captured_at: Duration::from_nanos(sequence * 1_000_000_000 / 15),
            unix_ms: 0,
            width_px: 640,
            height_px: 480,
            format: PixelFormat::Jpeg,
            orientation: Orientation::Upright,
            data: bytes[start..start + length].to_vec(),
        });
        start += length;
    }
    frames
}

/// How MediaPipe looked at the clip.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    /// It followed the face from frame to frame.
    Tracking,
    /// At each frame by itself.
    Stills,
}

/// Both tables, joined by frame.
pub(crate) fn truth(mode: Mode) -> Vec<Truth> {
    let motion = table("face_640x480.gt.csv");
    let mediapipe = table(match mode {
        Mode::Tracking => "face_640x480.mediapipe_tracking.csv",
        Mode::Stills => "face_640x480.mediapipe_stills.csv",
    });
    motion
        .iter()
        .zip(&mediapipe)
        .map(|(motion, mediapipe)| {
            let get = |row: &Row, key: &str| {
                row.iter().find(|(name, _)| name == key).unwrap().1.clone()
            };
            let number = |row: &Row, key: &str| get(row, key).parse::<f32>().unwrap();
            assert_eq!(get(motion, "frame"), get(mediapipe, "frame"));
            let mediapipe_face = get(mediapipe, "face") == "1";
            let landmarks = mediapipe
                .iter()
                .filter_map(|(name, _)| name.strip_prefix('x')?.parse::<usize>().ok());
            let points = landmarks.filter(|_| mediapipe_face).map(|landmark| {
                let at = |axis: char| number(mediapipe, &format!("{axis}{landmark}"));
                (landmark, [at('x'), at('y')])
            });
            Truth {
                segment: get(motion, "segment"),
                roll_deg: number(motion, "roll_deg"),
                yaw_deg: number(motion, "persp_yaw_deg"),
                mediapipe_face,
                points: points.collect(),
            }
        })
        .collect()
}

type Row = Vec<(String, String)>;

fn table(name: &str) -> Vec<Row> {
    let text = fs::read_to_string(format!("tests/data/vision/{name}")).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        header.iter().zip(line.split(',')).map(|(k, v)| ((*k).into(), v.into())).collect()
    };
    lines.map(row).collect()
}
