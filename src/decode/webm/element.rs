//! The parts that every EBML file is made of (RFC 8794): heads, and the children of a body.

use crate::error::{Error, ErrorKind, Result};

/// The id and the size before an element's body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Head {
    /// As written, with its length marker.
    pub(super) id: u32,
    /// Bytes of the body; `None` where the writer did not know.
    pub(super) size: Option<u64>,
    /// Bytes of the head itself.
    pub(super) bytes: usize,
}

/// The head at the beginning of `bytes`; `None` while it is not whole.
///
/// # Errors
/// `InvalidInput` where no head can begin like this.
pub(super) fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let id_bytes = length(first);
    if id_bytes > 4 {
        return Err(damaged("an id longer than 4 bytes"));
    }
    let Some(&first) = bytes.get(id_bytes) else { return Ok(None) };
    let total = id_bytes + length(first);
    if length(first) > 8 {
        return Err(damaged("a size longer than 8 bytes"));
    }
    let Some(whole) = bytes.get(..total) else { return Ok(None) };
    let id = whole[..id_bytes].iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let (value, _) = vint(&whole[id_bytes..]).expect("its bytes were counted");
    let unknown = u64::MAX >> (64 - 7 * (total - id_bytes));
    let size = (value != unknown).then_some(value);
    Ok(Some(Head { id, size, bytes: total }))
}

/// A number of variable length without its marker, and its length; `None` if it is not whole.
pub(super) fn vint(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = length(first);
    let whole = bytes.get(..length).filter(|_| length <= 8)?;
    let value = whole.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    Some((value & (u64::MAX >> (64 - 7 * length)), length))
}

/// The length that a first byte states: 1 to 8, or 9 for the byte 0, which states none.
fn length(first: u8) -> usize {
    first.leading_zeros() as usize + 1
}

/// The elements directly inside `body`: their ids and bodies.
///
/// # Errors
/// `InvalidInput` at the first one that is damaged or longer than `body`.
pub(super) fn children(mut body: &[u8]) -> impl Iterator<Item = Result<(u32, &[u8])>> {
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let child = child(body);
        body = child.as_ref().map_or(&[], |(_, _, rest)| rest);
        Some(child.map(|(id, inside, _)| (id, inside)))
    })
}

fn child(body: &[u8]) -> Result<(u32, &[u8], &[u8])> {
    let whole = head(body)?.and_then(|head| {
        let end = head.bytes.checked_add(usize::try_from(head.size?).ok()?)?;
        Some((head.id, body.get(head.bytes..end)?, &body[end..]))
    });
    whole.ok_or_else(|| damaged("an element longer than the one around it"))
}

/// An unsigned integer; absent bytes are 0.
pub(super) fn unsigned(body: &[u8]) -> Option<u64> {
    (body.len() <= 8).then(|| body.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

pub(super) fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("a damaged WebM: {what}"))
}
