//! Turning a decoded picture upright.

use super::{Picture, picture};
use crate::{
    error::Result,
    media::Orientation::{
        self, Flipped, Mirrored, Transposed, Transverse, Turned90, Turned180, Turned270,
        Upright,
    },
};

/// Turns `picture` upright: in its place, or by way of a second one where its sides change.
///
/// # Errors
/// `Exhausted` where there is no memory for a second picture.
pub(super) fn upright(picture: &mut Picture, orientation: Orientation) -> Result<()> {
    if orientation.swaps_sides() {
        transpose(picture)?;
    }
    let width = picture.width_px as usize;
    let (pixels, _) = picture.rgb.as_chunks_mut::<3>();
    // A transposed picture is left to be mirrored as the upright ones are.
    match orientation {
        Mirrored | Turned90 => pixels.chunks_mut(width).for_each(<[_]>::reverse),
        Turned180 | Transverse => pixels.reverse(),
        Flipped | Turned270 => {
            pixels.reverse();
            pixels.chunks_mut(width).for_each(<[_]>::reverse);
        }
        Upright | Transposed => {}
    }
    Ok(())
}

/// Makes rows of columns.
fn transpose(picture: &mut Picture) -> Result<()> {
    let (width, height) = (picture.width_px as usize, picture.height_px as usize);
    let mut turned = Vec::new();
    picture::make_room(&mut turned, picture.rgb.len())?;
    for x in 0..width {
        for y in 0..height {
            turned.extend_from_slice(&picture.rgb[(y * width + x) * 3..][..3]);
        }
    }
    picture.rgb = turned;
    std::mem::swap(&mut picture.width_px, &mut picture.height_px);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_orientation_turns_as_exif_defines() {
        // 3 x 2 with its pixels numbered:  0 1 2 / 3 4 5
        let numbered = Picture {
            width_px: 3,
            height_px: 2,
            rgb: (0..6).flat_map(|n| [n, n, n]).collect(),
        };
        let expected: [(u8, u32, [u8; 6]); 8] = [
            (1, 3, [0, 1, 2, 3, 4, 5]),
            (2, 3, [2, 1, 0, 5, 4, 3]),
            (3, 3, [5, 4, 3, 2, 1, 0]),
            (4, 3, [3, 4, 5, 0, 1, 2]),
            (5, 2, [0, 3, 1, 4, 2, 5]),
            (6, 2, [3, 0, 4, 1, 5, 2]),
            (7, 2, [5, 2, 4, 1, 3, 0]),
            (8, 2, [2, 5, 1, 4, 0, 3]),
        ];
        for ((number, width_px, pixels), orientation) in
            expected.into_iter().zip(Orientation::ALL)
        {
            let mut picture = numbered.clone();
            upright(&mut picture, orientation).unwrap();
            assert_eq!(picture.width_px, width_px, "{number}");
            let got: Vec<u8> = picture.rgb.chunks(3).map(|pixel| pixel[0]).collect();
            assert_eq!(got, pixels, "{number}");
        }
    }
    #[test]
    fn quarters_and_a_mirror_are_the_same_as_one_after_the_other() {
        let numbered = Picture {
            width_px: 3,
            height_px: 2,
            rgb: (0..6).flat_map(|n| [n, n, n]).collect(),
        };
        for (quarters, mirror) in (0..8).flat_map(|q| [(q, false), (q, true)]) {
            let (mut at_once, mut by_steps) = (numbered.clone(), numbered.clone());
            upright(&mut at_once, Orientation::new(quarters, mirror)).unwrap();
            for _ in 0..quarters {
                upright(&mut by_steps, Turned90).unwrap();
            }
            if mirror {
                upright(&mut by_steps, Mirrored).unwrap();
            }
            assert_eq!(at_once, by_steps, "{quarters} {mirror}");
        }
    }
}
