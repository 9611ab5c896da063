use std::io::BufReader;

use super::*;

/// SOI, an APP1 that holds a whole thumbnail, SOS, a scan with a stuffed byte and a restart, EOI.
fn picture(fill: u8) -> Vec<u8> {
    let thumbnail = [0xff, 0xd8, 0xff, 0xda, 0, 2, 1, 2, 0xff, 0xd9];
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1, 0, 12];
    bytes.extend(thumbnail);
    bytes.extend([0xff, 0xff, 0xda, 0, 4, 9, 9]);
    bytes.extend([fill; 50]);
    bytes.extend([0xff, 0x00, fill, 0xff, 0xd3, fill, 0xff, 0xd9]);
    bytes
}

/// Where its scan's data begins.
const SCAN_AT: usize = 23;

fn read_all(bytes: &[u8], chunk: usize) -> (Vec<Vec<u8>>, u64) {
    let mut reader = MjpegReader::new(BufReader::with_capacity(chunk, bytes));
    let mut pictures = Vec::new();
    while let Some(picture) = reader.read().unwrap() {
        pictures.push(picture);
    }
    (pictures, reader.broken_total())
}

#[test]
fn a_thumbnail_does_not_split_a_picture_whatever_the_chunks() {
    let pictures = [picture(1), picture(2), picture(3)];
    let file = [&[7, 0xff, 0][..], &pictures.concat()].concat();
    for chunk in 1..80 {
        assert_eq!(read_all(&file, chunk), (pictures.to_vec(), 0), "chunk {chunk}");
    }
}

#[test]
fn a_picture_cut_before_its_scan_is_left_out_and_counted() {
    let whole = picture(5);
    // A cut inside a segment's length can hide what follows, 64 KiB at most.
    let after = picture(7).repeat(1000);
    let most_hidden = (64 << 10) / picture(7).len() + 2;
    for cut in 3..SCAN_AT {
        let (pictures, broken_total) = read_all(&[&whole[..cut], &after].concat(), 4096);
        // Where the rest of a segment is made up of the next picture, the two become one
        // that no decoder accepts: it is not counted here but there.
        assert!(broken_total >= 1 || pictures[0] != picture(7), "cut at {cut}");
        assert!(pictures.len() + most_hidden >= 1000, "cut at {cut}: {}", pictures.len());
        assert!(pictures[1..].iter().all(|found| *found == picture(7)), "cut at {cut}");
    }
    let (pictures, broken_total) = read_all(&whole[..SCAN_AT - 1], 16);
    assert_eq!((pictures.len(), broken_total), (0, 1));
}

#[test]
fn a_picture_without_its_end_marker_is_given_out_for_the_decoder_to_judge() {
    let whole = picture(5);
    let expected = |cut: usize| vec![whole[..cut].to_vec(), picture(7), whole[..cut].to_vec()];
    for cut in SCAN_AT..whole.len() {
        let file = [&whole[..cut], &picture(7), &whole[..cut]].concat();
        for chunk in [1, 2, 3, 64, 4096] {
            assert_eq!(read_all(&file, chunk), (expected(cut), 0), "cut at {cut}");
        }
        let mut reader = MjpegReader::new(&file[..]);
        assert!(reader.skip().unwrap());
        assert_eq!(reader.read().unwrap(), Some(picture(7)));
    }
}

#[test]
fn skipping_lands_on_the_next_picture() {
    let file = [picture(1), picture(2)].concat();
    let mut reader = MjpegReader::new(&file[..]);
    assert!(reader.skip().unwrap());
    assert_eq!(reader.read().unwrap(), Some(picture(2)));
    assert!(!reader.skip().unwrap());
}

#[test]
fn noise_holds_no_pictures() {
    let noise: Vec<u8> = (0..100_000_u32).map(|i| i.wrapping_mul(i).to_be_bytes()[1]).collect();
    assert!(read_all(&noise, 4096).0.is_empty());
}
