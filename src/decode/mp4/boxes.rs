//! The head of a box, and what can be wrong with one.

use crate::error::{Error, ErrorKind, Result};

/// What is passed over: pictures, an index, padding.
pub(super) const LARGEST_SKIP_BYTES: u64 = 1 << 32;

/// A box's head.
pub(super) struct Head {
    pub(super) kind: [u8; 4],
    /// Of the whole box.
    pub(super) bytes: u64,
    /// Of the head.
    pub(super) head_bytes: usize,
}

/// The head at the beginning of `bytes`; `None` while it is not whole.
pub(super) fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some((&[a, b, c, d, ref kind @ ..], _)) = bytes.split_first_chunk::<8>() else {
        return Ok(None);
    };
    if !kind.iter().all(|byte| (b' '..=b'~').contains(byte) || *byte == 0xA9) {
        return Err(damaged("no box where one must begin"));
    }
    let short = u64::from(u32::from_be_bytes([a, b, c, d]));
    let (bytes, head_bytes) = match short {
        // Up to the end of the file, which is unknown.
        0 => (LARGEST_SKIP_BYTES, 8),
        1 => match bytes.get(8..16) {
            None => return Ok(None),
            Some(long) => (long.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)), 16),
        },
        _ => (short, 8),
    };
    if bytes < head_bytes as u64 {
        return Err(damaged("a box that is shorter than its head"));
    }
    Ok(Some(Head { kind: *kind, bytes, head_bytes }))
}

pub(super) fn headless() -> Error {
    let what = "a slice of an MP4 whose beginning was never sent: restart the recorder on this \
                connection and send its first slice first, or send whole files";
    Error::new(ErrorKind::InvalidInput, what)
}

pub(super) fn not_in_fragments() -> Error {
    let what = "an MP4 that is not in fragments (moof), as files of phones and cameras are not; \
                convert it: ffmpeg -i IN -vn -c:a copy -movflags frag_keyframe+empty_moov OUT.mp4";
    Error::new(ErrorKind::InvalidInput, what)
}

pub(super) fn oversized(kind: &[u8; 4], largest: u64) -> Error {
    let kind = String::from_utf8_lossy(kind).into_owned();
    let what =
        format!("an MP4 box `{kind}` of over {largest} bytes: damaged, or not in fragments");
    Error::new(ErrorKind::InvalidInput, what)
}

pub(super) fn damaged(what: &str) -> Error {
    let what = format!("a damaged MP4: {what}; restart the recorder");
    Error::new(ErrorKind::InvalidInput, what)
}
