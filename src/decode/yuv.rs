//! Raw camera pixels to RGB: BT.601, limited range, in 16.16 fixed point.

/// Packed `Y0 U Y1 V`; a row of odd width ends with a whole pair.
pub(super) fn yuyv_to_rgb(data: &[u8], width: usize, rgb: &mut [u8]) {
    let rows = data.chunks_exact(width.div_ceil(2) * 4);
    for (packed, out) in rows.zip(rgb.chunks_exact_mut(width * 3)) {
        for (quad, pair) in packed.chunks_exact(4).zip(out.chunks_mut(6)) {
            let chroma = Chroma::new(quad[1], quad[3]);
            for (luma, pixel) in [quad[0], quad[2]].into_iter().zip(pair.chunks_exact_mut(3)) {
                pixel.copy_from_slice(&chroma.with(luma));
            }
        }
    }
}

/// The planes Y, U and V, chroma at half the size (rounded up) in both directions.
pub(super) fn i420_to_rgb(data: &[u8], width: usize, rgb: &mut [u8]) {
    let height = rgb.len() / 3 / width;
    let (luma, chroma) = data.split_at(width * height);
    let half = width.div_ceil(2);
    let (us, vs) = chroma.split_at(half * height.div_ceil(2));
    for (y, out) in rgb.chunks_exact_mut(width * 3).enumerate() {
        let luma = luma[y * width..][..width].chunks(2);
        let (us, vs) = (&us[y / 2 * half..][..half], &vs[y / 2 * half..][..half]);
        for (((pair, &u), &v), pixels) in luma.zip(us).zip(vs).zip(out.chunks_mut(6)) {
            let chroma = Chroma::new(u, v);
            for (&luma, pixel) in pair.iter().zip(pixels.chunks_exact_mut(3)) {
                pixel.copy_from_slice(&chroma.with(luma));
            }
        }
    }
}

/// What two neighbouring pixels share: the part of each channel that the colour gives.
struct Chroma([i32; 3]);

impl Chroma {
    /// The coefficients of ITU-R BT.601 for 16..235 luma and 16..240 chroma, times 65536.
    fn new(u: u8, v: u8) -> Self {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        Chroma([104_597 * v, -25_675 * u - 53_279 * v, 132_201 * u])
    }

    fn with(&self, luma: u8) -> [u8; 3] {
        let luma = 76_309 * (i32::from(luma) - 16) + 32_768;
        self.0.map(|part| u8::try_from(((luma + part) >> 16).clamp(0, 255)).unwrap_or(u8::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BT.601's bars: limited-range Y, U, V and the full-range RGB they stand for.
    const BARS: [([u8; 3], [u8; 3]); 5] = [
        ([16, 128, 128], [0, 0, 0]),
        ([235, 128, 128], [255, 255, 255]),
        ([81, 90, 240], [255, 0, 0]),
        ([145, 54, 34], [0, 255, 0]),
        ([41, 240, 110], [0, 0, 255]),
    ];

    #[test]
    fn bars_have_their_colours_in_both_layouts() {
        for ([y, u, v], expected) in BARS {
            let mut packed = [0; 6];
            yuyv_to_rgb(&[y, u, y, v], 2, &mut packed);
            let mut planar = [0; 12];
            i420_to_rgb(&[y, y, y, y, u, v], 2, &mut planar);
            for pixel in packed.chunks(3).chain(planar.chunks(3)) {
                for (got, want) in pixel.iter().zip(expected) {
                    assert!(got.abs_diff(want) <= 2, "{pixel:?} for {expected:?}");
                }
            }
        }
    }

    #[test]
    fn odd_sizes_fill_every_pixel() {
        let mut rgb = [7; 9 * 3];
        yuyv_to_rgb(&[235, 128, 235, 128].repeat(6), 3, &mut rgb);
        assert_eq!(rgb, [255; 27]);
        let mut rgb = [7; 9 * 3];
        i420_to_rgb(&[[235; 9].as_slice(), &[128; 8]].concat(), 3, &mut rgb);
        assert_eq!(rgb, [255; 27]);
    }
}
