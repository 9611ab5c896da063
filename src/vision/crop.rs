//! [`Crop`]: a turned square in the picture, sampled straight into a model's input.

mod line;

use line::{Line, bilinear_line, mix};

use super::{
    Point, Rect,
    lanes::each,
    pyramid::{Sizes, Source},
    to_f32, to_index,
};

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
    /// [`Crop::samples`] begins in a corner and ends one sample short of the other. A mirrored
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

    /// The `size` x `size` samples of the crop.
    ///
    /// As in MediaPipe's CPU path, sample `i` stands at `i / size` of the side, bilinear, with
    /// the picture's edge continued. Where several pixels fall on one sample they are averaged: what
    /// `sizes` has shrunk is read shrunk, and elsewhere a sample is the mean of several.
    pub(super) fn samples(self, sizes: Sizes<'_>, size: usize) -> Samples<'_> {
        let step_px = self.side_px / to_f32(size);
        let source = sizes.at_step(step_px, self.bounds());
        let step = 1.0 / to_f32(size);
        let place = |u, v| source.place(self.to_picture(u, v));
        let (origin, right, down) = (place(0.0, 0.0), place(step, 0.0), place(0.0, step));
        Samples {
            source,
            size,
            origin,
            right: Point { x: right.x - origin.x, y: right.y - origin.y },
            down: Point { x: down.x - origin.x, y: down.y - origin.y },
            // One bilinear sample covers two pixels.
            taps: (to_index(step_px * source.scale / 2.0) + 1).min(MAX_TAPS),
        }
    }

    /// The upright box round it, px of the picture.
    pub(super) fn bounds(self) -> Rect {
        let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)];
        bounds_of(corners.into_iter().map(|(u, v)| self.to_picture(u, v)))
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

/// Samples that are computed at once where the whole crop is asked for.
const PART: usize = 192;

impl Samples<'_> {
    /// Writes the colours (0..255) of a row's samples from column `first` on.
    pub(super) fn row(&self, row: usize, first: usize, colours: &mut [[f32; 3]]) {
        let (row, column) = (to_f32(row), |index: usize| to_f32(first + index));
        let line = Line { first: self.place(column(0), row), step: self.right };
        let last = self.place(column(colours.len().max(1) - 1), row);
        if self.taps == 1 && self.source.is_inside(line.first) && self.source.is_inside(last) {
            return bilinear_line(&self.source, line, colours);
        }
        for (index, colour) in colours.iter_mut().enumerate() {
            *colour = averaged(self.taps, |x, y| {
                self.source.bilinear(self.place(column(index) + x, row + y))
            });
        }
    }

    /// Calls `put` with row-major index and colour (0..255) of each sample.
    pub(super) fn each(&self, mut put: impl FnMut(usize, [f32; 3])) {
        let mut colours = [[0.0; 3]; PART];
        for row in 0..self.size {
            for first in (0..self.size).step_by(PART) {
                let part = &mut colours[..PART.min(self.size - first)];
                self.row(row, first, part);
                for (column, colour) in part.iter().enumerate() {
                    put(row * self.size + first + column, *colour);
                }
            }
        }
    }

    fn place(&self, column: f32, row: f32) -> Point {
        Point {
            x: self.origin.x + column * self.right.x + row * self.down.x,
            y: self.origin.y + column * self.right.y + row * self.down.y,
        }
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

impl Source<'_> {
    /// Whether two rows and a column more follow the pixel under this place, so that its neighbours
    /// can be read without a look at the edges.
    fn is_inside(&self, Point { x, y }: Point) -> bool {
        x >= 0.0 && y >= 0.0 && x + 1.5 < to_f32(self.width) && y + 2.5 < to_f32(self.height)
    }

    /// The colour at a place, its edge continued beyond it.
    fn bilinear(&self, Point { x, y }: Point) -> [f32; 3] {
        let (last_x, last_y) = (self.width - 1, self.height - 1);
        let (x, y) = (x.clamp(0.0, to_f32(last_x)), y.clamp(0.0, to_f32(last_y)));
        let (left, top) = (to_index(x), to_index(y));
        let (right, bottom) = ((left + 1).min(last_x), (top + 1).min(last_y));
        let level =
            |x: usize, y: usize, i: usize| f32::from(self.rgb[(y * self.width + x) * 3 + i]);
        let (dx, dy) = (x - to_f32(left), y - to_f32(top));
        std::array::from_fn(|i| {
            let row = |y: usize| mix(level(left, y, i), level(right, y, i), dx);
            mix(row(top), row(bottom), dy)
        })
    }
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

#[cfg(test)]
mod tests;
