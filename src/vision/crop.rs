//! [`Crop`]: a turned square in the picture, sampled straight into a model's input.

use super::{Point, Rect};
use crate::decode::Picture;

/// A square region of the picture. Sampling it makes it upright.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Crop {
    /// Its middle, px.
    pub centre: Point,
    /// Its side, px.
    pub side_px: f32,
    /// How far it is turned clockwise in the picture, radians.
    pub angle_rad: f32,
    /// Left and right are swapped (for a model that knows one eye only).
    pub mirrored: bool,
}

impl Crop {
    pub(super) fn new(centre: Point, side_px: f32, angle_rad: f32) -> Self {
        Crop { centre, side_px, angle_rad, mirrored: false }
    }

    /// The square round `points` as seen upright by `angle_rad`: `scale` times the longer side
    /// of their box, moved towards the forehead by `up_ratio` of the box's height.
    pub(super) fn around(
        points: &[[f32; 3]],
        angle_rad: f32,
        scale: f32,
        up_ratio: f32,
    ) -> Self {
        let (sin, cos) = angle_rad.sin_cos();
        let turned =
            points.iter().map(|[x, y, _]| Point { x: x * cos + y * sin, y: y * cos - x * sin });
        let bounds = bounds_of(turned);
        let (x, y) = (
            bounds.x + bounds.width / 2.0,
            bounds.y + bounds.height / 2.0 - up_ratio * bounds.height,
        );
        let centre = Point { x: x * cos - y * sin, y: x * sin + y * cos };
        Crop::new(centre, bounds.width.max(bounds.height) * scale, angle_rad)
    }

    /// The same square, moved so that the middle of its `size` x `size` samples is its centre:
    /// [`Crop::sample`] begins in a corner and ends one sample short of the other. A mirrored
    /// picture then gives the mirrored samples.
    pub(super) fn centred_for(self, size: usize) -> Self {
        let half = 0.5 + 0.5 / to_f32(size);
        Crop { centre: self.to_picture(half, half), ..self }
    }

    /// The same square with left and right swapped.
    pub(super) fn mirrored(self) -> Self {
        Crop { mirrored: !self.mirrored, ..self }
    }

    /// Where the point `u, v` of the crop (0..1 from its own top left) is in the picture.
    pub(super) fn to_picture(self, u: f32, v: f32) -> Point {
        let (sin, cos) = self.angle_rad.sin_cos();
        let u = if self.mirrored { 0.5 - u } else { u - 0.5 } * self.side_px;
        let v = (v - 0.5) * self.side_px;
        Point { x: self.centre.x + u * cos - v * sin, y: self.centre.y + u * sin + v * cos }
    }

    /// Which point `u, v` of the crop a point of the picture is: [`Crop::to_picture`] undone.
    pub(super) fn to_crop(self, place: Point) -> (f32, f32) {
        let (sin, cos) = self.angle_rad.sin_cos();
        let (x, y) = (place.x - self.centre.x, place.y - self.centre.y);
        let (u, v) = ((x * cos + y * sin) / self.side_px, (y * cos - x * sin) / self.side_px);
        (if self.mirrored { 0.5 - u } else { u + 0.5 }, v + 0.5)
    }

    /// Calls `put` with row-major index and colour (0..255) of each of `size` x `size` samples.
    pub(super) fn sample(
        self,
        picture: &Picture,
        size: usize,
        mut put: impl FnMut(usize, [f32; 3]),
    ) {
        let samples = self.samples(picture, size);
        for row in 0..size {
            samples.row(row, |column, colour| put(row * size + column, colour));
        }
    }

    /// The `size` x `size` samples of the crop.
    ///
    /// As in MediaPipe's CPU path, sample `i` stands at `i / size` of the side, bilinear, with
    /// the picture's edge continued. Where several pixels fall on one sample they are averaged.
    pub(super) fn samples(self, picture: &Picture, size: usize) -> Samples<'_> {
        let step = 1.0 / to_f32(size);
        let origin = self.to_picture(0.0, 0.0);
        let (right, down) = (self.to_picture(step, 0.0), self.to_picture(0.0, step));
        Samples {
            source: Source::new(picture),
            size,
            origin,
            right: Point { x: right.x - origin.x, y: right.y - origin.y },
            down: Point { x: down.x - origin.x, y: down.y - origin.y },
            // One bilinear sample covers two pixels.
            taps: (to_index(self.side_px * step / 2.0) + 1).min(MAX_TAPS),
        }
    }
}

/// The samples of a [`Crop`], read row by row.
pub(super) struct Samples<'a> {
    source: Source<'a>,
    size: usize,
    origin: Point,
    /// From one sample to the next, px.
    right: Point,
    /// From one row to the next, px.
    down: Point,
    taps: usize,
}

impl Samples<'_> {
    /// Calls `put` with column and colour (0..255) of each sample of a row.
    #[inline]
    pub(super) fn row(&self, row: usize, mut put: impl FnMut(usize, [f32; 3])) {
        let row = to_f32(row);
        for column in 0..self.size {
            let colour = if self.taps == 1 {
                self.at(to_f32(column), row)
            } else {
                averaged(self.taps, |x, y| self.at(to_f32(column) + x, row + y))
            };
            put(column, colour);
        }
    }

    #[inline]
    fn at(&self, column: f32, row: f32) -> [f32; 3] {
        self.source.bilinear(
            self.origin.x + column * self.right.x + row * self.down.x,
            self.origin.y + column * self.right.y + row * self.down.y,
        )
    }
}

/// More samples a side would cost more than aliasing harms.
const MAX_TAPS: usize = 4;

/// The mean of `taps` x `taps` samples spread evenly round the middle of a sample.
fn averaged(taps: usize, at: impl Fn(f32, f32) -> [f32; 3]) -> [f32; 3] {
    let place = |tap: usize| (to_f32(tap) + 0.5) / to_f32(taps) - 0.5;
    let mut sum = [0.0; 3];
    for row in 0..taps {
        for column in 0..taps {
            let colour = at(place(column), place(row));
            sum.iter_mut().zip(colour).for_each(|(sum, value)| *sum += value);
        }
    }
    sum.map(|sum| sum / to_f32(taps * taps))
}

/// A picture's pixels for bilinear reading.
struct Source<'a> {
    rgb: &'a [u8],
    width: usize,
    last_x: f32,
    last_y: f32,
}

impl<'a> Source<'a> {
    fn new(picture: &'a Picture) -> Self {
        let (width, height) = (picture.width_px as usize, picture.height_px as usize);
        Source {
            rgb: &picture.rgb,
            width,
            last_x: to_f32(width - 1),
            last_y: to_f32(height - 1),
        }
    }

    #[inline]
    fn bilinear(&self, x: f32, y: f32) -> [f32; 3] {
        let (x, y) = (x.max(0.0), y.max(0.0));
        if x >= self.last_x || y >= self.last_y {
            return self.at_edge(x.min(self.last_x), y.min(self.last_y));
        }
        let (left, top) = (to_index(x), to_index(y));
        let at = (top * self.width + left) * 3;
        let pair = |at: usize| -> &[u8; 6] {
            self.rgb[at..].first_chunk().expect("one more pixel to the right and below")
        };
        let (above, below) = (pair(at), pair(at + self.width * 3));
        let (dx, dy) = (x - to_f32(left), y - to_f32(top));
        std::array::from_fn(|i| mix(mix_levels(above, i, dx), mix_levels(below, i, dx), dy))
    }

    /// On the last column or row there is no further neighbour on that side.
    #[cold]
    fn at_edge(&self, x: f32, y: f32) -> [f32; 3] {
        let (left, top) = (to_index(x), to_index(y));
        let right = if x < self.last_x { left + 1 } else { left };
        let bottom = if y < self.last_y { top + 1 } else { top };
        let level =
            |x: usize, y: usize, i: usize| f32::from(self.rgb[(y * self.width + x) * 3 + i]);
        let (dx, dy) = (x - to_f32(left), y - to_f32(top));
        std::array::from_fn(|i| {
            let row = |y: usize| mix(level(left, y, i), level(right, y, i), dx);
            mix(row(top), row(bottom), dy)
        })
    }
}

fn mix(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

/// Channel `i` between two neighbouring pixels.
fn mix_levels(pair: &[u8; 6], i: usize, share: f32) -> f32 {
    mix(f32::from(pair[i]), f32::from(pair[i + 3]), share)
}

/// BT.601 luma of a colour, on the same scale.
pub(super) fn luma([red, green, blue]: [f32; 3]) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

/// The smallest upright rectangle round some points.
pub(super) fn bounds_of(points: impl Iterator<Item = Point>) -> Rect {
    let (mut min, mut max) =
        (Point { x: f32::MAX, y: f32::MAX }, Point { x: f32::MIN, y: f32::MIN });
    for point in points {
        min = Point { x: min.x.min(point.x), y: min.y.min(point.y) };
        max = Point { x: max.x.max(point.x), y: max.y.max(point.y) };
    }
    Rect { x: min.x, y: min.y, width: max.x - min.x, height: max.y - min.y }
}

/// Sizes and indices of pictures, which are far below 2^24.
#[allow(clippy::cast_precision_loss, reason = "pictures are at most 4096 px a side")]
pub(super) fn to_f32(index: usize) -> f32 {
    index as f32
}

/// Rounds towards zero; negative and NaN become 0.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, as the doc says"
)]
pub(super) fn to_index(value: f32) -> usize {
    value as u32 as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Picture {
        let rgb = (0..48_u8).flat_map(|y| (0..64_u8).flat_map(move |x| [x, y, 9])).collect();
        Picture { width_px: 64, height_px: 48, rgb }
    }

    #[test]
    fn a_sample_shows_the_place_that_to_picture_names() {
        let crop = Crop::new(Point { x: 30.0, y: 22.0 }, 16.0, 0.4);
        for crop in [crop, crop.mirrored()] {
            crop.sample(&ramp(), 16, |index, [x, y, _]| {
                let (u, v) = ((index % 16) as f32 / 16.0, (index / 16) as f32 / 16.0);
                let place = crop.to_picture(u, v);
                assert!((place.x - x).abs() < 1e-3 && (place.y - y).abs() < 1e-3);
            });
        }
    }

    #[test]
    fn outside_the_picture_its_edge_goes_on() {
        let crop = Crop::new(Point { x: -500.0, y: 1e9 }, 10.0, 1.0);
        crop.sample(&ramp(), 4, |_, colour| {
            assert_eq!(colour.map(to_index), [0, 47, 9]);
        });
        let one = Picture { width_px: 1, height_px: 1, rgb: vec![5, 6, 7] };
        crop.sample(&one, 4, |_, colour| {
            assert_eq!(colour.map(to_index), [5, 6, 7]);
        });
    }

    #[test]
    fn a_square_round_points_is_the_same_for_the_turned_points() {
        let points = [[10.0, 10.0, 0.0], [30.0, 10.0, 0.0], [20.0, 50.0, 0.0]];
        let upright = Crop::around(&points, 0.0, 1.5, 0.25);
        assert_eq!(upright.centre, Point { x: 20.0, y: 20.0 });
        assert!((upright.side_px - 60.0).abs() < 1e-4);
        let (sin, cos) = 0.3_f32.sin_cos();
        let turned = points.map(|[x, y, z]| [x * cos - y * sin, x * sin + y * cos, z]);
        let crop = Crop::around(&turned, 0.3, 1.5, 0.25);
        let expected = Point { x: 20.0 * cos - 20.0 * sin, y: 20.0 * sin + 20.0 * cos };
        assert!((crop.centre.x - expected.x).abs() + (crop.centre.y - expected.y).abs() < 1e-4);
        assert!((crop.side_px - 60.0).abs() < 1e-4);
    }
}
