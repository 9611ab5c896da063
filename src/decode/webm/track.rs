//! The description in a file's header: its kind, and its Opus track.

use super::{
    OpusTrack,
    element::{children, damaged, unsigned},
};
use crate::error::{Error, ErrorKind, Result};

const DOC_TYPE: u32 = 0x4282;
const TRACK_NUMBER: u32 = 0xD7;
const CODEC_ID: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63A2;
const CONTENT_ENCODINGS: u32 = 0x6D80;

/// Refuses an EBML file that is no WebM.
pub(super) fn check_doc_type(header: &[u8]) -> Result<()> {
    for child in children(header) {
        let (id, body) = child?;
        let name = body.split(|byte| *byte == 0).next().unwrap_or_default();
        if id == DOC_TYPE && !matches!(name, b"webm" | b"matroska") {
            let what = format!(
                "a file of type `{}`, not WebM; record with `audio/webm;codecs=opus`",
                String::from_utf8_lossy(&name[..name.len().min(32)])
            );
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
    }
    Ok(())
}

/// The number and the shape of a track; `None` where it is not Opus.
pub(super) fn opus_track(entry: &[u8]) -> Result<Option<(u64, OpusTrack)>> {
    let (mut number, mut is_opus, mut is_encoded, mut track) = (None, false, false, None);
    for child in children(entry) {
        let (id, body) = child?;
        match id {
            TRACK_NUMBER => number = unsigned(body),
            CODEC_ID => is_opus = body == b"A_OPUS",
            CODEC_PRIVATE => track = Some(body),
            CONTENT_ENCODINGS => is_encoded = true,
            _ => (),
        }
    }
    if !is_opus {
        return Ok(None);
    }
    if is_encoded {
        let what = "a WebM whose track is compressed or encrypted once more; \
                    write it plainly (ffmpeg -i IN -c copy OUT.webm)";
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    let number = number.ok_or_else(|| damaged("a track without a number"))?;
    // Packets describe themselves; the head only adds to that.
    let track = track
        .map_or(Ok(OpusTrack { channels: 1, ..OpusTrack::default() }), OpusTrack::of_head)?;
    Ok(Some((number, track)))
}
