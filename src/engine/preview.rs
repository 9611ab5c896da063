//! [`Preview`]: the newest picture of the booth's camera with the landmarks of the face, for
//! authorised viewers. Costs nothing without viewers, and never touches a disk.

use std::{sync::Arc, time::Duration};

use jpeg_encoder::{ColorType, Encoder};
use tokio::sync::watch;

use crate::{
    cost::Stopwatch,
    decode::Picture,
    error::{Error, ErrorKind, Result},
};

/// Wider pictures are made smaller.
const MOST_WIDTH_PX: usize = 640;
const QUALITY: u8 = 75;
const LANDMARK_RGB: [u8; 3] = [0, 255, 120];

/// The newest picture, as a JPEG. Clones share it.
#[derive(Clone, Debug)]
pub struct Preview {
    newest: watch::Sender<Option<Arc<[u8]>>>,
}

impl Default for Preview {
    fn default() -> Self {
        Preview { newest: watch::Sender::new(None) }
    }
}

impl Preview {
    /// A viewer: the newest picture at each change; `None` while there is none to be seen.
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<[u8]>>> {
        self.newest.subscribe()
    }

    /// How many look.
    pub fn viewers(&self) -> usize {
        self.newest.receiver_count()
    }

    /// Removes the picture: it may not be shown any more, or no viewer is left.
    pub fn clear(&self) {
        self.newest.send_if_modified(|newest| newest.take().is_some());
    }

    /// Shows a picture where there is a viewer: what that took, or `None` without one.
    pub(super) fn show(
        &self,
        picture: &Picture,
        landmarks: &[[f32; 3]],
    ) -> Result<Option<Duration>> {
        if self.viewers() == 0 {
            self.clear();
            return Ok(None);
        }
        let mut stopwatch = Stopwatch::start();
        let jpeg = Small::of(picture).marked(landmarks).encoded()?;
        self.newest.send_replace(Some(jpeg.into()));
        Ok(Some(stopwatch.lap().wall))
    }
}

/// A picture of which every pixel is the mean of a square of the original's.
struct Small {
    rgb: Vec<u8>,
    width: usize,
    height: usize,
    /// Side of the square.
    step: usize,
}

impl Small {
    fn of(picture: &Picture) -> Self {
        let (wide, high) = (picture.width_px as usize, picture.height_px as usize);
        let step = wide.div_ceil(MOST_WIDTH_PX).max(1);
        // A picture that is narrower than a square still has a pixel.
        let (width, height) = ((wide / step).max(1), (high / step).max(1));
        if step == 1 {
            return Small { rgb: picture.rgb.clone(), width, height, step };
        }
        let mut rgb = Vec::with_capacity(width * height * 3);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            for channel in 0..3 {
                rgb.push(mean(picture, x * step, y * step, step, channel));
            }
        }
        Small { rgb, width, height, step }
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes the nearest pixel at or above 0; outside ones are left out"
    )]
    fn marked(mut self, landmarks: &[[f32; 3]]) -> Self {
        for [x, y, _] in landmarks {
            let (x, y) = (*x as usize / self.step, *y as usize / self.step);
            if x < self.width && y < self.height {
                let at = (y * self.width + x) * 3;
                self.rgb[at..at + 3].copy_from_slice(&LANDMARK_RGB);
            }
        }
        self
    }

    fn encoded(&self) -> Result<Vec<u8>> {
        let size = u16::try_from(self.width).ok().zip(u16::try_from(self.height).ok());
        let (width, height) = size.expect("no picture is over 4096 px");
        let mut jpeg = Vec::new();
        Encoder::new(&mut jpeg, QUALITY)
            .encode(&self.rgb, width, height, ColorType::Rgb)
            .map_err(|cause| {
                Error::new(ErrorKind::Internal, "the preview cannot be encoded").because(cause)
            })?;
        Ok(jpeg)
    }
}

/// Mean of one channel over the square at `(x, y)`.
fn mean(picture: &Picture, x: usize, y: usize, side: usize, channel: usize) -> u8 {
    let width = picture.width_px as usize;
    let rows = (y..y + side).take_while(|row| *row < picture.height_px as usize);
    let (mut sum, mut count) = (0_usize, 0_usize);
    for row in rows {
        for column in x..(x + side).min(width) {
            sum += usize::from(picture.rgb[(row * width + column) * 3 + channel]);
            count += 1;
        }
    }
    u8::try_from(sum / count.max(1)).expect("a mean of bytes is a byte")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Frame, Orientation, PixelFormat};

    fn picture(width_px: u32, height_px: u32) -> Picture {
        let rgb = [200, 40, 40].repeat((width_px * height_px) as usize);
        Picture { width_px, height_px, rgb }
    }

    fn decoded(jpeg: &[u8]) -> Picture {
        let mut picture = Picture::default();
        let frame = Frame {
            sequence: 0,
            captured_at: std::time::Duration::ZERO,
            unix_ms: 0,
            width_px: 0,
            height_px: 0,
            format: PixelFormat::Jpeg,
            orientation: Orientation::Upright,
            data: jpeg.to_vec(),
        };
        picture.decode(&frame).unwrap();
        picture
    }

    #[test]
    fn without_a_viewer_nothing_is_kept() {
        let preview = Preview::default();
        assert_eq!(preview.show(&picture(64, 48), &[]).unwrap(), None, "nothing is encoded");
        let viewer = preview.subscribe();
        assert!(viewer.borrow().is_none());
        preview.show(&picture(64, 48), &[]).unwrap();
        assert!(viewer.borrow().is_some());
        drop(viewer);
        preview.show(&picture(64, 48), &[]).unwrap();
        assert!(preview.subscribe().borrow().is_none(), "an old picture would lie about now");
    }

    #[test]
    fn a_viewer_sees_the_picture_made_small_with_the_landmarks() {
        let preview = Preview::default();
        let viewer = preview.subscribe();
        // A thick mark survives JPEG: 40 x 40 landmarks side by side.
        let side = |k: usize| 800.0 + k as f32;
        let marks: Vec<_> =
            (0..1600).map(|k| [side(k % 40), side(k / 40) - 400.0, 0.0]).collect();
        preview.show(&picture(1280, 960), &marks).unwrap();
        let seen = decoded(viewer.borrow().as_deref().unwrap());
        assert_eq!((seen.width_px, seen.height_px), (640, 480));
        let at = |x: usize, y: usize| &seen.rgb[(y * 640 + x) * 3..][..3];
        assert!(at(100, 100)[0] > 170 && at(100, 100)[1] < 80, "{:?}", at(100, 100));
        assert!(at(410, 210)[0] < 80 && at(410, 210)[1] > 170, "{:?}", at(410, 210));
        preview.show(&picture(3, 2), &[[-5.0, f32::NAN, 0.0], [9.0, 9.0, 0.0]]).unwrap();
        assert_eq!(decoded(viewer.borrow().as_deref().unwrap()).width_px, 3);
    }
}
