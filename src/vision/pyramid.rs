//! [`Pyramid`]: the surroundings of a face at half and at quarter size, so that a crop that shrinks
//! reads few pixels and none is left out.

use super::{Point, Rect, to_f32, to_index};
use crate::decode::{Picture, picture::KEPT_BYTES};

/// Sizes below the full one: a half and a quarter.
const LEVELS: usize = 2;
/// Pixels of the picture in one of the smallest size.
const COARSEST_PX: usize = 1 << LEVELS;
/// A crop is read from a smaller size from so many of its pixels a sample on.
const SHRINK_FROM: f32 = 2.0;

/// What lies round a face, shrunk; its buffers are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Pyramid {
    levels: [Level; LEVELS],
    /// Row by row, the sums of two rows of the larger size.
    sums: Vec<u16>,
    /// Its corner in the picture, and its end, px.
    from: [usize; 2],
    to: [usize; 2],
    /// Whether the picture ends there, but for less than a pixel of the smallest size.
    is_edge: [bool; 2],
}

/// One size.
#[derive(Clone, Debug, Default)]
struct Level {
    rgb: Vec<u8>,
    width: usize,
    height: usize,
}

/// A picture to be read at whatever size a crop needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes<'a> {
    picture: &'a Picture,
    pyramid: Option<&'a Pyramid>,
}

/// RGB pixels of one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) rgb: &'a [u8],
    pub(super) width: usize,
    pub(super) height: usize,
    /// Its corner in the picture, px.
    corner: Point,
    /// Pixels of it for one of the picture.
    pub(super) scale: f32,
}

impl Source<'_> {
    /// Where a point of the picture is in it; whole numbers are the middles of pixels in both.
    pub(super) fn place(&self, Point { x, y }: Point) -> Point {
        let shrink = |value: f32, corner: f32| (value - corner + 0.5) * self.scale - 0.5;
        Point { x: shrink(x, self.corner.x), y: shrink(y, self.corner.y) }
    }
}

impl<'a> Sizes<'a> {
    /// The picture in full size only.
    pub(super) fn full(picture: &'a Picture) -> Self {
        Sizes { picture, pyramid: None }
    }

    /// The size in which samples that stand `step_px` of the picture apart are less than two pixels
    /// apart, where there is one for all that lies in `bounds`.
    pub(super) fn at_step(&self, step_px: f32, bounds: Rect) -> Source<'a> {
        let picture = self.picture;
        let full = Source {
            rgb: &picture.rgb,
            width: picture.width_px as usize,
            height: picture.height_px as usize,
            corner: Point::default(),
            scale: 1.0,
        };
        let Some(pyramid) = self.pyramid.filter(|pyramid| pyramid.has(bounds)) else {
            return full;
        };
        let corner = Point { x: to_f32(pyramid.from[0]), y: to_f32(pyramid.from[1]) };
        let (mut found, mut scale) = (full, 1.0);
        for Level { rgb, width, height } in &pyramid.levels {
            if step_px * scale < SHRINK_FROM {
                break;
            }
            scale /= 2.0;
            found = Source { rgb, width: *width, height: *height, corner, scale };
        }
        found
    }
}

impl Pyramid {
    /// Nothing is known of the picture at hand yet.
    pub(super) fn forget(&mut self) {
        (self.from, self.to) = ([0; 2], [0; 2]);
    }

    /// Ends what was shrunk: the memory of a large picture is given back, as [`Picture::rest`] does.
    pub(super) fn rest(&mut self) {
        if self.levels.iter().any(|level| level.rgb.capacity() > KEPT_BYTES / 4) {
            *self = Pyramid::default();
        }
    }

    /// The picture in the sizes that it has been [`Pyramid::shrink`] to.
    pub(super) fn sizes<'a>(&'a self, picture: &'a Picture) -> Sizes<'a> {
        Sizes { picture, pyramid: Some(self) }
    }

    /// Shrinks what lies in `bounds` of a picture, unless that has been done.
    pub(super) fn shrink(&mut self, picture: &Picture, bounds: Rect) {
        if self.has(bounds) {
            return;
        }
        let size = [picture.width_px as usize, picture.height_px as usize];
        let starts = [bounds.x, bounds.y];
        let ends = [bounds.x + bounds.width, bounds.y + bounds.height];
        for axis in 0..2 {
            let last = size[axis] / COARSEST_PX;
            let block = |px: f32| (to_index(px) / COARSEST_PX).min(last);
            self.from[axis] = block(starts[axis]) * COARSEST_PX;
            self.to[axis] = (block(ends[axis].ceil()) + 1).min(last) * COARSEST_PX;
            self.is_edge[axis] = self.to[axis] + COARSEST_PX > size[axis];
        }
        if (0..2).any(|axis| self.from[axis] >= self.to[axis]) {
            return self.forget();
        }
        let [columns, rows] = [0, 1].map(|axis| self.to[axis] - self.from[axis]);
        let [half, quarter] = &mut self.levels;
        let stride = size[0] * 3;
        let start = self.from[1] * stride + self.from[0] * 3;
        half.halve(&picture.rgb[start..], stride, [columns, rows], &mut self.sums);
        let (stride, size) = (half.width * 3, [half.width, half.height]);
        quarter.halve(&half.rgb, stride, size, &mut self.sums);
    }

    /// Whether it holds all that the picture has in `bounds`.
    fn has(&self, bounds: Rect) -> bool {
        let starts = [bounds.x, bounds.y];
        let ends = [bounds.x + bounds.width, bounds.y + bounds.height];
        (0..2).all(|axis| {
            let (from, to) = (self.from[axis], self.to[axis]);
            from < to
                && (from == 0 || starts[axis] >= to_f32(from))
                && (self.is_edge[axis] || ends[axis] <= to_f32(to - 1))
        })
    }
}

impl Level {
    /// The means of 2x2 pixels each of `columns` x `rows` of them; a row is `stride` bytes long.
    fn halve(
        &mut self,
        rgb: &[u8],
        stride: usize,
        [columns, rows]: [usize; 2],
        sums: &mut Vec<u16>,
    ) {
        (self.width, self.height) = (columns / 2, rows / 2);
        let row_len = self.width * 2 * 3;
        sums.resize(row_len, 0);
        self.rgb.resize(self.width * self.height * 3, 0);
        for (y, out) in self.rgb.chunks_exact_mut(self.width * 3).enumerate() {
            let upper = &rgb[2 * y * stride..][..row_len];
            let lower = &rgb[(2 * y + 1) * stride..][..row_len];
            for ((sum, upper), lower) in sums.iter_mut().zip(upper).zip(lower) {
                *sum = u16::from(*upper) + u16::from(*lower);
            }
            for (out, pair) in
                out.as_chunks_mut::<3>().0.iter_mut().zip(sums.as_chunks::<6>().0)
            {
                *out = std::array::from_fn(|i| {
                    u8::try_from((pair[i] + pair[i + 3] + 2) / 4).unwrap_or(u8::MAX)
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red is twice the column, green twice the row.
    fn ramp(width: u8, height: u8) -> Picture {
        let pixel = |x: u8, y: u8| [2 * x, 2 * y, 7];
        let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
        Picture { width_px: width.into(), height_px: height.into(), rgb }
    }

    #[test]
    fn a_smaller_size_has_the_mean_of_what_each_pixel_stands_for() {
        let picture = ramp(100, 90);
        let mut pyramid = Pyramid::default();
        pyramid.shrink(&picture, Rect { x: 9.0, y: 14.0, width: 30.0, height: 20.0 });
        let inside = Rect { x: 10.0, y: 15.0, width: 20.0, height: 15.0 };
        let sizes = pyramid.sizes(&picture);
        for (step, scale) in [(1.9, 1.0), (2.0, 0.5), (3.9, 0.5), (4.0, 0.25), (60.0, 0.25)] {
            let source = sizes.at_step(step, inside);
            assert!((source.scale - scale).abs() < 1e-6, "{step}: {}", source.scale);
            for at in [Point { x: 12.0, y: 18.0 }, Point { x: 25.0, y: 29.0 }] {
                let Point { x, y } = source.place(at);
                let index = (to_index(y.round()) * source.width + to_index(x.round())) * 3;
                let found = &source.rgb[index..][..3];
                // The level under the nearest pixel, which is up to half of one away.
                let off = |level: u8, px: f32| (f32::from(level) / 2.0 - px).abs();
                assert!(off(found[0], at.x) <= 0.5 / scale + 0.5, "{found:?} at {at:?}");
                assert!(off(found[1], at.y) <= 0.5 / scale + 0.5, "{found:?} at {at:?}");
                assert_eq!(found[2], 7);
            }
        }
    }

    #[test]
    fn what_was_not_shrunk_is_read_in_full() {
        let picture = ramp(100, 90);
        let mut pyramid = Pyramid::default();
        let inside = Rect { x: 40.0, y: 40.0, width: 20.0, height: 20.0 };
        let scale =
            |pyramid: &Pyramid, bounds| pyramid.sizes(&picture).at_step(4.0, bounds).scale;
        assert!(scale(&pyramid, inside) > 0.9, "nothing was");
        pyramid.shrink(&picture, inside);
        assert!(scale(&pyramid, inside) < 0.3);
        assert!(scale(&pyramid, Rect { x: 20.0, ..inside }) > 0.9);
        assert!(scale(&pyramid, Rect { width: 50.0, ..inside }) > 0.9);
        pyramid.shrink(&picture, Rect { width: 50.0, ..inside });
        assert!(scale(&pyramid, Rect { width: 50.0, ..inside }) < 0.3, "it was shrunk again");
        pyramid.forget();
        assert!(scale(&pyramid, inside) > 0.9, "another picture");
        assert!(Sizes::full(&picture).at_step(4.0, inside).scale > 0.9);
    }

    #[test]
    fn a_huge_picture_holds_no_memory_and_a_small_one_is_kept_for_the_next() {
        let grey = |side: u32| Picture {
            width_px: side,
            height_px: side,
            rgb: vec![7; (side * side * 3) as usize],
        };
        let held = |side: u16| {
            let side_px = f32::from(side);
            let mut pyramid = Pyramid::default();
            let all = Rect { x: 0.0, y: 0.0, width: side_px, height: side_px };
            pyramid.shrink(&grey(side.into()), all);
            pyramid.rest();
            pyramid.levels[0].rgb.capacity()
        };
        assert_eq!(held(2400), 0);
        assert!(held(480) >= 240 * 240 * 3);
    }

    #[test]
    fn beyond_the_edge_of_the_picture_there_is_nothing_to_shrink() {
        for (width, height) in [(101, 63), (4, 4), (3, 50), (1, 1)] {
            let picture = ramp(width, height);
            let mut pyramid = Pyramid::default();
            let all = Rect { x: -50.0, y: -9.0, width: 300.0, height: 200.0 };
            pyramid.shrink(&picture, all);
            let source = pyramid.sizes(&picture).at_step(5.0, all);
            let is_small = width < 4 || height < 4;
            assert_eq!(source.scale > 0.9, is_small, "{width}x{height}");
            assert_eq!(source.rgb.len(), source.width * source.height * 3);
        }
    }
}
