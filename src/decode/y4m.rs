//! [`Y4mReader`]: pictures out of a YUV4MPEG2 file. Holds no conversion of colours.

use std::io::{self, BufRead};

use crate::error::{Error, ErrorKind, Result};

/// Reads one planar 4:2:0 picture after the other; needs memory for one of them.
#[derive(Debug)]
pub struct Y4mReader<R> {
    reader: R,
    header: Y4mHeader,
}

/// The parameters in the first line of the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Y4mHeader {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Frames a second; `None` where the file states "unknown" (0:0) or nothing.
    pub fps: Option<f64>,
    is_grey: bool,
}

/// The longest line of any Y4M file in practice, many times over.
const LONGEST_LINE_BYTES: u64 = 1024;

/// The largest side of a picture; boothd refuses larger ones everywhere.
const LARGEST_SIDE_PX: u32 = 8192;

impl<R: BufRead> Y4mReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when it is no Y4M file, or not 8-bit 4:2:0 or grey.
    pub fn new(mut reader: R) -> Result<Self> {
        let line = read_line(&mut reader)?.unwrap_or_default();
        let header = parse_header(&line)?;
        Ok(Y4mReader { reader, header })
    }

    /// The header of the file.
    pub fn header(&self) -> Y4mHeader {
        self.header
    }

    /// The next picture as planes Y, U, V; `None` at the end, even if the last one was cut short.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when the file goes on with something else.
    pub fn read(&mut self) -> Result<Option<Vec<u8>>> {
        if !self.begin_frame()? {
            return Ok(None);
        }
        let (stored, chroma) = (self.header.stored_bytes(), self.header.chroma_bytes());
        // Grey is a colour picture whose chroma is neutral.
        let mut picture = vec![128; if self.header.is_grey { stored + chroma } else { stored }];
        match self.reader.read_exact(&mut picture[..stored]) {
            Ok(()) => Ok(Some(picture)),
            Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(err) => Err(unreadable(err)),
        }
    }

    /// Passes over the next picture without copying it; false at the end.
    ///
    /// # Errors
    ///
    /// As [`Y4mReader::read`].
    pub fn skip(&mut self) -> Result<bool> {
        if !self.begin_frame()? {
            return Ok(false);
        }
        let mut left = self.header.stored_bytes();
        while left > 0 {
            let here = self.reader.fill_buf().map_err(unreadable)?.len().min(left);
            if here == 0 {
                return Ok(false);
            }
            self.reader.consume(here);
            left -= here;
        }
        Ok(true)
    }

    /// Reads the line before a picture; false at the end.
    fn begin_frame(&mut self) -> Result<bool> {
        match read_line(&mut self.reader)? {
            None => Ok(false),
            Some(line) if line == "FRAME" || line.starts_with("FRAME ") => Ok(true),
            Some(_) => Err(invalid("a picture does not begin with FRAME; the file is damaged")),
        }
    }
}

impl Y4mHeader {
    fn luma_bytes(self) -> usize {
        self.width_px as usize * self.height_px as usize
    }

    fn chroma_bytes(self) -> usize {
        2 * (self.width_px as usize).div_ceil(2) * (self.height_px as usize).div_ceil(2)
    }

    fn stored_bytes(self) -> usize {
        self.luma_bytes() + if self.is_grey { 0 } else { self.chroma_bytes() }
    }
}

fn parse_header(line: &str) -> Result<Y4mHeader> {
    let mut words = line.split(' ');
    if words.next() != Some("YUV4MPEG2") {
        return Err(invalid("not a Y4M file: it does not begin with YUV4MPEG2"));
    }
    let (mut width_px, mut height_px, mut fps, mut colours) = (0, 0, None, "420");
    for word in words.filter(|word| !word.is_empty()) {
        let (key, value) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        match key {
            "W" => width_px = value.parse().unwrap_or(0),
            "H" => height_px = value.parse().unwrap_or(0),
            "F" => fps = ratio(value),
            "C" => colours = value,
            _ => (),
        }
    }
    let sides = 1..=LARGEST_SIDE_PX;
    if !sides.contains(&width_px) || !sides.contains(&height_px) {
        let message =
            format!("the Y4M picture must be 1 to {LARGEST_SIDE_PX} px wide and high");
        return Err(invalid(message));
    }
    let is_grey = colours == "mono";
    if !is_grey && !["420", "420jpeg", "420mpeg2", "420paldv"].contains(&colours) {
        let message = format!(
            "Y4M with C{colours} is not read, only 8-bit 4:2:0 or mono; convert it: \
             ffmpeg -i IN.y4m -pix_fmt yuv420p OUT.y4m"
        );
        return Err(invalid(message));
    }
    Ok(Y4mHeader { width_px, height_px, fps, is_grey })
}

/// `30000:1001` as a number.
fn ratio(text: &str) -> Option<f64> {
    let (above, below) = text.split_once(':')?;
    let (above, below): (u32, u32) = (above.parse().ok()?, below.parse().ok()?);
    (above > 0 && below > 0).then(|| f64::from(above) / f64::from(below))
}

/// A line without its end; `None` at the end of the file.
fn read_line(reader: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = Vec::new();
    let mut limited = io::Read::take(reader, LONGEST_LINE_BYTES);
    limited.read_until(b'\n', &mut line).map_err(unreadable)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(invalid("not a Y4M file, or one that was cut in a header line"));
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

fn unreadable(err: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot read on; check the disk").because(err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, frames: &[&[u8]]) -> Vec<u8> {
        let mut bytes = format!("{header}\n").into_bytes();
        for frame in frames {
            bytes.extend_from_slice(b"FRAME Ip\n");
            bytes.extend_from_slice(frame);
        }
        bytes
    }

    #[test]
    fn odd_sizes_keep_their_last_chroma_column() {
        // 3x1: 3 luma, 2 + 2 chroma.
        let bytes = file("YUV4MPEG2 W3 H1 F30000:1001 Ip A1:1 C420jpeg", &[&[1; 7], &[2; 7]]);
        let mut reader = Y4mReader::new(&bytes[..]).unwrap();
        assert!((reader.header().fps.unwrap() - 29.97).abs() < 0.01);
        assert_eq!(reader.read().unwrap(), Some(vec![1; 7]));
        assert_eq!(reader.read().unwrap(), Some(vec![2; 7]));
        assert_eq!(reader.read().unwrap(), None);
    }

    #[test]
    fn skipping_lands_on_the_next_picture_and_a_cut_one_is_the_end() {
        let bytes = file("YUV4MPEG2 W2 H2 F25:1", &[&[1; 6], &[2; 6], &[3; 5]]);
        let mut reader = Y4mReader::new(&bytes[..]).unwrap();
        assert!(reader.skip().unwrap());
        assert_eq!(reader.read().unwrap(), Some(vec![2; 6]));
        assert_eq!(reader.read().unwrap(), None);
    }

    #[test]
    fn grey_gets_neutral_chroma() {
        let bytes = file("YUV4MPEG2 W2 H2 F0:0 Cmono", &[&[9; 4]]);
        let mut reader = Y4mReader::new(&bytes[..]).unwrap();
        assert_eq!(reader.header().fps, None);
        assert_eq!(reader.read().unwrap(), Some(vec![9, 9, 9, 9, 128, 128]));
    }

    #[test]
    fn what_is_not_read_is_refused_with_what_to_do() {
        let message =
            |header: &str| Y4mReader::new(&file(header, &[])[..]).unwrap_err().to_string();
        assert!(message("YUV4MPEG2 W2 H2 C444").contains("ffmpeg"));
        assert!(message("YUV4MPEG2 W2 H2 C420p10").contains("ffmpeg"));
        assert!(message("YUV4MPEG2 W0 H2").contains("1 to 8192"));
        assert!(message("YUV4MPEG2 W99999 H2").contains("1 to 8192"));
        assert!(message("RIFF").contains("YUV4MPEG2"));
        assert!(Y4mReader::new(&[b'Y'; 5000][..]).is_err());
        assert!(Y4mReader::new(&b""[..]).is_err());
    }
}
