//! [`MjpegReader`]: pictures out of concatenated JPEGs. Holds no decoding of pixels.
//!
//! A scanner that looks for `FF D8` and `FF D9` alone splits a frame at the thumbnail that
//! cameras put into its Exif segment. This one walks the marker segments as ITU-T T.81 (annex B)
//! has them, so what lies inside a segment cannot end a frame. Some cameras write no end marker: a
//! frame whose scan runs into the next frame or the end is given out, for the decoder to judge.

use std::io::{self, BufRead};

/// A frame larger than this is not a frame: the file is something else.
const LARGEST_FRAME_BYTES: usize = 32 << 20;

/// Reads one JPEG after the other; needs memory for one of them.
#[derive(Debug)]
pub struct MjpegReader<R> {
    reader: R,
    /// The first marker of the next picture was read behind a picture without an end marker.
    has_begun: bool,
    broken_total: u64,
}

impl<R: BufRead> MjpegReader<R> {
    /// A reader of concatenated JPEGs; bytes between them are ignored.
    pub fn new(reader: R) -> Self {
        MjpegReader { reader, has_begun: false, broken_total: 0 }
    }

    /// The next picture; `None` at the end.
    ///
    /// # Errors
    ///
    /// The reader's own.
    pub fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut picture = Vec::new();
        Ok(self.scan(Some(&mut picture))?.then_some(picture))
    }

    /// Passes over the next picture without copying it; false at the end.
    ///
    /// # Errors
    ///
    /// The reader's own.
    pub fn skip(&mut self) -> io::Result<bool> {
        self.scan(None)
    }

    /// Pictures that were cut short or malformed, so far.
    pub fn broken_total(&self) -> u64 {
        self.broken_total
    }

    fn scan(&mut self, mut keep: Option<&mut Vec<u8>>) -> io::Result<bool> {
        let (mut scanner, mut length) = (Scanner::Outside, 0);
        if std::mem::take(&mut self.has_begun) {
            (scanner, length) = (Scanner::Marker, 2);
            begin(&mut keep);
        }
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                let is_judged = scanner.is_in_scan();
                self.broken_total += u64::from(scanner.is_inside() && !is_judged);
                return Ok(is_judged);
            }
            let (mut used, mut kept_from, mut is_over) = (0, 0, false);
            while used < chunk.len() && !is_over {
                let before = scanner;
                let step = scanner.step(chunk[used]);
                used += 1;
                length += 1;
                match step {
                    Step::On => (),
                    Step::Begin if before.is_in_scan() => {
                        (self.has_begun, is_over) = (true, true)
                    }
                    Step::Begin => {
                        // The two bytes of SOI may lie in two chunks, so they are written again.
                        self.broken_total += u64::from(before.is_inside());
                        (kept_from, length) = (used, 2);
                        begin(&mut keep);
                    }
                    Step::End => is_over = true,
                    Step::Broken => self.broken_total += 1,
                }
                if length > LARGEST_FRAME_BYTES && scanner.is_inside() {
                    scanner = Scanner::Outside;
                    self.broken_total += 1;
                }
            }
            if let Some(picture) = &mut keep
                && (scanner.is_inside() || is_over)
            {
                picture.extend_from_slice(&chunk[kept_from..used]);
                // The next one's SOI.
                picture.truncate(picture.len() - if self.has_begun { 2 } else { 0 });
            }
            self.reader.consume(used);
            if is_over {
                return Ok(true);
            }
        }
    }
}

/// Begins a picture with its SOI.
fn begin(keep: &mut Option<&mut Vec<u8>>) {
    if let Some(picture) = keep {
        picture.clear();
        picture.extend_from_slice(&[0xff, SOI]);
    }
}

/// Where in a JPEG the next byte stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scanner {
    /// Between pictures.
    Outside,
    /// Between pictures, after an `FF`.
    OutsideAfterFf,
    /// A marker must begin here.
    Marker,
    /// After the `FF` of a marker.
    MarkerCode,
    /// First byte of the length of segment `code`.
    LengthHigh { code: u8 },
    /// Second byte of the length.
    LengthLow { code: u8, high: u8 },
    /// This many bytes of segment `code` are left.
    Segment { code: u8, left: u16 },
    /// Entropy-coded data.
    Scan,
    /// Entropy-coded data, after an `FF`.
    ScanAfterFf,
}

/// What a byte meant for the picture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    On,
    /// It was the second byte of SOI: a picture begins (and one that was open is cut short).
    Begin,
    /// It was the last byte of EOI: the picture is whole.
    End,
    /// No JPEG goes on like this; the picture is given up.
    Broken,
}

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;

impl Scanner {
    fn is_inside(self) -> bool {
        !matches!(self, Scanner::Outside | Scanner::OutsideAfterFf)
    }

    fn is_in_scan(self) -> bool {
        matches!(self, Scanner::Scan | Scanner::ScanAfterFf)
    }

    fn step(&mut self, byte: u8) -> Step {
        let (next, step) = match (*self, byte) {
            (Scanner::Outside | Scanner::OutsideAfterFf, 0xff) => {
                (Scanner::OutsideAfterFf, Step::On)
            }
            (Scanner::OutsideAfterFf, SOI) => (Scanner::Marker, Step::Begin),
            (Scanner::Outside | Scanner::OutsideAfterFf, _) => (Scanner::Outside, Step::On),

            (Scanner::Marker, 0xff) => (Scanner::MarkerCode, Step::On),
            (Scanner::Marker, _) => (Scanner::Outside, Step::Broken),
            (Scanner::Scan, 0xff) => (Scanner::ScanAfterFf, Step::On),
            (Scanner::Scan, _) => (Scanner::Scan, Step::On),
            // A stuffed zero or a restart marker belongs to the scan.
            (Scanner::ScanAfterFf, 0x00 | 0xd0..=0xd7) => (Scanner::Scan, Step::On),
            // Any number of FF may stand before a marker's code.
            (Scanner::MarkerCode | Scanner::ScanAfterFf, 0xff) => (*self, Step::On),
            (Scanner::MarkerCode | Scanner::ScanAfterFf, code) => after_code(code),

            (Scanner::LengthHigh { code }, high) => {
                (Scanner::LengthLow { code, high }, Step::On)
            }
            (Scanner::LengthLow { code, high }, low) => {
                // The length counts its own two bytes.
                match u16::from_be_bytes([high, low]).checked_sub(2) {
                    None => (Scanner::Outside, Step::Broken),
                    Some(0) => (after_segment(code), Step::On),
                    Some(left) => (Scanner::Segment { code, left }, Step::On),
                }
            }
            (Scanner::Segment { code, left: 1 }, _) => (after_segment(code), Step::On),
            (Scanner::Segment { code, left }, _) => {
                (Scanner::Segment { code, left: left - 1 }, Step::On)
            }
        };
        *self = next;
        step
    }
}

fn after_code(code: u8) -> (Scanner, Step) {
    match code {
        SOI => (Scanner::Marker, Step::Begin),
        EOI => (Scanner::Outside, Step::End),
        0x01 | 0xd0..=0xd7 => (Scanner::Marker, Step::On),
        0x00 => (Scanner::Outside, Step::Broken),
        code => (Scanner::LengthHigh { code }, Step::On),
    }
}

fn after_segment(code: u8) -> Scanner {
    if code == SOS { Scanner::Scan } else { Scanner::Marker }
}

#[cfg(test)]
mod tests;
