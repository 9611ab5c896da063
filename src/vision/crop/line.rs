//! Samples along a line of a picture, many at a time.

use multiversion::multiversion;

use super::{Point, Source, each};

/// Places at equal distances.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) first: Point,
    pub(super) step: Point,
}

/// The colours along a line that is inside of the pixels. Two pixels of two rows are eight numbers, of
/// which one is not needed: first all rows are blended, then the columns, so that whole vectors are kept.
#[multiversion(targets("x86_64+avx2+fma"))]
pub(super) fn bilinear_line(source: &Source<'_>, line: Line, colours: &mut [[f32; 3]]) {
    let stride = source.width * 3;
    let (mut x, mut y) = (Fixed::of(line.first.x), Fixed::of(line.first.y));
    let (step_x, step_y) = (Fixed::of(line.step.x), Fixed::of(line.step.y));
    let mut pairs = [[0.0; 8]; AT_ONCE];
    let mut shares = [0.0; AT_ONCE];
    for colours in colours.chunks_mut(AT_ONCE) {
        for (pair, along) in pairs.iter_mut().zip(&mut shares).take(colours.len()) {
            let start = y.whole() * stride + x.whole() * 3;
            let (upper, lower) = (eight(source.rgb, start), eight(source.rgb, start + stride));
            let down = y.fraction();
            *pair = each(|lane| mix(upper[lane], lower[lane], down));
            *along = x.fraction();
            (x, y) = (x.plus(step_x), y.plus(step_y));
        }
        for (colour, (pair, along)) in colours.iter_mut().zip(pairs.iter().zip(&shares)) {
            *colour = each(|i| mix(pair[i], pair[i + 3], *along));
        }
    }
}

/// Samples that are blended at once.
const AT_ONCE: usize = 32;

#[inline(always)]
fn eight(rgb: &[u8], start: usize) -> [f32; 8] {
    let bytes: &[u8; 8] = rgb[start..].first_chunk().expect("two rows follow a place inside");
    each(|lane| f32::from(bytes[lane]))
}

/// A coordinate in 2^-32 of a pixel: the steps of a line add up without error, and its whole part
/// costs a shift.
#[derive(Clone, Copy)]
struct Fixed(i64);

impl Fixed {
    #[allow(clippy::cast_possible_truncation, reason = "pictures are at most 4096 px a side")]
    fn of(px: f32) -> Fixed {
        Fixed((f64::from(px) * 2.0_f64.powi(32)) as i64)
    }

    #[inline(always)]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place inside of the picture is not negative"
    )]
    fn whole(self) -> usize {
        (self.0 >> 32) as usize
    }

    #[inline(always)]
    fn plus(self, step: Fixed) -> Fixed {
        Fixed(self.0.wrapping_add(step.0))
    }

    /// To 2^-24.
    #[inline(always)]
    #[allow(clippy::cast_precision_loss, reason = "24 bits are what a float holds")]
    fn fraction(self) -> f32 {
        (self.0 >> 8 & 0xFF_FFFF) as f32 / 16_777_216.0
    }
}

#[inline(always)]
pub(super) fn mix(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}
