//! [`FrameFile`] and [`SoundFile`]: recordings, read as fast as they are asked for.
//!
//! The time of what they give is media time, which begins at 0 with the file, so the same file
//! gives the same frames and segments on every machine. [`super::replay`] plays them in real
//! time. Files are streamed: one picture or a few thousand samples are in memory.

mod sound;

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    time::Duration,
};

pub use sound::SoundFile;

use crate::{
    decode::{mjpeg::MjpegReader, y4m::Y4mReader},
    error::{Error, ErrorKind, Result},
    media::{Frame, Orientation, PixelFormat},
};

use super::pace::Pace;

/// The rate of a recording that has none of its own (MJPEG, a folder) and none configured.
pub const DEFAULT_FPS: f64 = 15.0;

/// Pictures of a file or folder, one after the other.
pub struct FrameFile {
    pictures: Pictures,
    path: PathBuf,
    fps: f64,
    orientation: Orientation,
    /// Pictures passed over or given, so far.
    index: u64,
    /// Pictures given, so far.
    given_total: u64,
}

enum Pictures {
    Mjpeg(MjpegReader<BufReader<File>>),
    Y4m(Y4mReader<BufReader<File>>),
    /// The paths that are left, the next one last.
    Folder(Vec<PathBuf>),
}

/// A picture as the file holds it; the size of a compressed one is for the decoder to find.
struct Picture {
    format: PixelFormat,
    width_px: u32,
    height_px: u32,
    data: Vec<u8>,
}

impl FrameFile {
    /// Opens an `.mjpeg` (or `.mjpg`) or `.y4m` file, or a folder of `.jpg`, `.jpeg` and `.png`
    /// pictures in the order of their names. `fps` overrides the rate that a file has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for anything else, with the command that converts it;
    /// [`ErrorKind::Unavailable`] when it cannot be read.
    pub fn open(path: &Path, fps: Option<f64>) -> Result<Self> {
        let pictures = if path.is_dir() {
            Pictures::Folder(pictures_in(path)?)
        } else {
            match extension(path).as_str() {
                "mjpeg" | "mjpg" => Pictures::Mjpeg(MjpegReader::new(open(path)?)),
                "y4m" => Pictures::Y4m(Y4mReader::new(open(path)?).map_err(|e| of(path, e))?),
                _ => return Err(no_video(path)),
            }
        };
        let own_fps = match &pictures {
            Pictures::Y4m(reader) => reader.header().fps,
            _ => None,
        };
        let fps = fps.or(own_fps).unwrap_or(DEFAULT_FPS);
        if !(fps > 0.0 && fps.is_finite()) {
            let message =
                format!("{}: a video needs a positive rate, not {fps}", path.display());
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let (path, orientation) = (path.to_owned(), Orientation::Upright);
        Ok(FrameFile { pictures, path, fps, orientation, index: 0, given_total: 0 })
    }

    /// The same, with pictures turned by `orientation` in addition to their own.
    #[must_use]
    pub fn turned(self, orientation: Orientation) -> Self {
        FrameFile { orientation, ..self }
    }

    /// Pictures a second of media time.
    pub fn fps(&self) -> f64 {
        self.fps
    }

    /// How long the pictures passed so far last.
    pub fn position(&self) -> Duration {
        self.time_of(self.index)
    }

    /// Pictures that were cut short or malformed in the container, so far.
    pub fn broken_total(&self) -> u64 {
        match &self.pictures {
            Pictures::Mjpeg(reader) => reader.broken_total(),
            _ => 0,
        }
    }

    /// The next picture whose media time `wants` accepts; those before are passed over without
    /// being copied. `None` at the end.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or goes on with something else.
    pub fn next_frame(
        &mut self,
        mut wants: impl FnMut(Duration) -> bool,
    ) -> Result<Option<Frame>> {
        while !wants(self.time_of(self.index)) {
            if !self.skip()? {
                return Ok(None);
            }
            self.index += 1;
        }
        let Some(Picture { format, width_px, height_px, data }) = self.read()? else {
            return Ok(None);
        };
        let captured_at = self.time_of(self.index);
        let unix_ms = i64::try_from(captured_at.as_millis()).unwrap_or(i64::MAX);
        let (sequence, orientation) = (self.given_total, self.orientation);
        self.index += 1;
        self.given_total += 1;
        Ok(Some(Frame {
            sequence,
            captured_at,
            unix_ms,
            width_px,
            height_px,
            format,
            orientation,
            data,
        }))
    }

    /// Every picture, or those that a pace of `pace_fps` takes on media time.
    pub fn frames(mut self, pace_fps: Option<f64>) -> impl Iterator<Item = Result<Frame>> {
        let mut pace = pace_fps.map(Pace::new);
        let mut wants = move |time| pace.as_mut().is_none_or(|pace| pace.take(time));
        std::iter::from_fn(move || self.next_frame(&mut wants).transpose())
    }

    fn time_of(&self, index: u64) -> Duration {
        #[allow(clippy::cast_precision_loss, reason = "no file has 2^52 pictures")]
        Duration::from_secs_f64(index as f64 / self.fps)
    }

    fn read(&mut self) -> Result<Option<Picture>> {
        let compressed = |format, data| Picture { format, width_px: 0, height_px: 0, data };
        let jpeg = |data| compressed(PixelFormat::Jpeg, data);
        match &mut self.pictures {
            Pictures::Mjpeg(reader) => {
                Ok(reader.read().map_err(|err| unreadable(&self.path, err))?.map(jpeg))
            }
            Pictures::Y4m(reader) => {
                let picture = reader.read().map_err(|err| of(&self.path, err))?;
                let (format, header) = (PixelFormat::I420, reader.header());
                let (width_px, height_px) = (header.width_px, header.height_px);
                Ok(picture.map(|data| Picture { format, width_px, height_px, data }))
            }
            Pictures::Folder(left) => {
                let Some(path) = left.pop() else { return Ok(None) };
                let data = std::fs::read(&path).map_err(|err| unreadable(&path, err))?;
                let is_png = extension(&path) == "png";
                let format = if is_png { PixelFormat::Png } else { PixelFormat::Jpeg };
                Ok(Some(compressed(format, data)))
            }
        }
    }

    fn skip(&mut self) -> Result<bool> {
        match &mut self.pictures {
            Pictures::Mjpeg(reader) => reader.skip().map_err(|err| unreadable(&self.path, err)),
            Pictures::Y4m(reader) => reader.skip().map_err(|err| of(&self.path, err)),
            Pictures::Folder(left) => Ok(left.pop().is_some()),
        }
    }
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|err| unreadable(path, err))?;
    Ok(BufReader::with_capacity(64 << 10, file))
}

/// The pictures of a folder in the order of their names, the first one last.
fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|err| unreadable(folder, err))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_picture = |path: &PathBuf| ["jpg", "jpeg", "png"].contains(&&*extension(path));
    let mut pictures: Vec<_> = paths.filter(is_picture).collect();
    if pictures.is_empty() {
        let message = format!("{} holds no .jpg, .jpeg or .png pictures", folder.display());
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    pictures.sort_by(|a, b| b.cmp(a));
    Ok(pictures)
}

fn extension(path: &Path) -> String {
    path.extension().map(|ext| ext.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn no_video(path: &Path) -> Error {
    let path = path.display();
    let message = format!(
        "{path} is no .mjpeg, no .y4m and no folder of pictures; convert it: \
         ffmpeg -i {path} -an -c:v mjpeg -q:v 3 -f mjpeg OUT.mjpeg"
    );
    Error::new(ErrorKind::InvalidInput, message)
}

/// Says which file the error of its contents is about.
fn of(path: &Path, err: Error) -> Error {
    Error::new(err.kind(), format!("{}: unusable file", path.display())).because(err)
}

fn unreadable(path: &Path, err: std::io::Error) -> Error {
    let message =
        format!("cannot read {}; check that it is there and readable", path.display());
    Error::new(ErrorKind::Unavailable, message).because(err)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
