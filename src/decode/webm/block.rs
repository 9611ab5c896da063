//! A block's packets: one, or several in a lace (RFC 9559, section 10.3).

use super::element::{damaged, vint};
use crate::error::Result;

/// Takes a packet, with its time relative to the Cluster's where it has one.
pub(super) type TakePacket<'a> = dyn FnMut(Option<i16>, &[u8]) -> Result<()> + 'a;

/// Hands over the packets of `block` if it belongs to track `number`, the first one with its time
/// relative to the Cluster's.
pub(super) fn packets(block: &[u8], number: u64, take: &mut TakePacket<'_>) -> Result<()> {
    let (owner, length) = vint(block).ok_or_else(cut)?;
    // After the track's number: a time of 2 bytes, relative to the Cluster's, and the flags.
    let [high, low, flags, ref data @ ..] = block[length..] else { return Err(cut()) };
    if owner != number {
        return Ok(());
    }
    let mut relative = Some(i16::from_be_bytes([high, low]));
    let (sizes, mut rest) = match flags & 0x06 {
        0x00 => return take(relative, data),
        0x02 => xiph(data)?,
        0x04 => fixed(data)?,
        _ => ebml(data)?,
    };
    for size in sizes {
        let (packet, after) = rest.split_at_checked(size).ok_or_else(cut)?;
        take(relative.take(), packet)?;
        rest = after;
    }
    take(relative, rest)
}

/// The sizes of all packets but the last, which has the rest; at most 255.
type Lace<'a> = (Vec<usize>, &'a [u8]);

/// The number of packets before the last, and what follows it.
fn count(data: &[u8]) -> Result<(usize, &[u8])> {
    let (count, rest) = data.split_first().ok_or_else(cut)?;
    Ok((usize::from(*count), rest))
}

fn xiph(data: &[u8]) -> Result<Lace<'_>> {
    let (count, mut rest) = count(data)?;
    let mut sizes = Vec::with_capacity(count);
    while sizes.len() < count {
        let full = rest.iter().take_while(|byte| **byte == 255).count();
        let last = *rest.get(full).ok_or_else(cut)?;
        sizes.push(full * 255 + usize::from(last));
        rest = &rest[full + 1..];
    }
    Ok((sizes, rest))
}

fn fixed(data: &[u8]) -> Result<Lace<'_>> {
    let (count, rest) = count(data)?;
    if rest.len() % (count + 1) != 0 {
        return Err(damaged("a lace of equal packets that are not equal"));
    }
    Ok((vec![rest.len() / (count + 1); count], rest))
}

/// The first size as it is, the others as differences, biased to be positive.
fn ebml(data: &[u8]) -> Result<Lace<'_>> {
    let (count, mut rest) = count(data)?;
    let (mut sizes, mut size) = (Vec::with_capacity(count), 0_i64);
    while sizes.len() < count {
        let (value, length) = vint(rest).ok_or_else(cut)?;
        rest = &rest[length..];
        let bias = if sizes.is_empty() { 0 } else { (1_i64 << (7 * length - 1)) - 1 };
        // A number of variable length has 56 bits, and the size before it is below the limit.
        size += i64::try_from(value).map_err(|_| cut())? - bias;
        sizes.push(
            usize::try_from(size).ok().filter(|size| *size <= data.len()).ok_or_else(cut)?,
        );
    }
    Ok((sizes, rest))
}

fn cut() -> crate::error::Error {
    damaged("a block that is shorter than it states")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(block: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        packets(block, 1, &mut |_, packet| {
            all.push(packet.to_vec());
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn each_lacing_gives_the_same_packets() {
        let expected = [vec![1; 300], vec![2; 300], vec![3; 300]];
        let data = expected.concat();
        // 300 = 255 + 45; as EBML number 0x412C, and 0 as a difference is 0xBF.
        let laces: [(u8, &[u8]); 3] =
            [(0x02, &[2, 255, 45, 255, 45]), (0x04, &[2]), (0x06, &[2, 0x41, 0x2C, 0xBF])];
        for (flags, lace) in laces {
            let block = [&[0x81, 0, 0, 0x80 | flags], lace, &data].concat();
            assert_eq!(read(&block).unwrap(), expected, "{flags:x}");
            for cut in 0..5 {
                assert!(read(&block[..cut]).is_err(), "{flags:x} cut at {cut}");
            }
        }
    }

    #[test]
    fn sizes_that_shrink_are_read() {
        let block = [&[0x81, 0, 0, 0x06, 2, 0x84, 0xBD], [7; 12].as_slice()].concat();
        assert_eq!(read(&block).unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [4, 2, 6]);
    }

    #[test]
    fn a_lie_about_the_sizes_is_refused() {
        for lace in [&[0x06, 1, 0x7F, 0xFE, 9][..], &[0x04, 1, 1, 2, 3], &[0x02, 1, 9, 1]] {
            assert!(read(&[&[0x81, 0, 0], lace].concat()).is_err(), "{lace:?}");
        }
    }

    #[test]
    fn other_tracks_are_passed_over() {
        assert!(read(&[0x82, 0, 0, 0, 1, 2, 3]).unwrap().is_empty());
    }
}
