//! The second look of the attention mesh: a window of the face's feature map around each eye and around
//! the lips, in which a small network places lids, iris or lips more exactly than the mesh can.
//!
//! What MediaPipe's operators `Landmarks2TransformMatrix` and `TransformTensorBilinear` (version 2)
//! and its calculator `LandmarksRefinement` do (Apache-2.0); models/build/convert_attention.py cuts
//! the model at them.

use super::{to_f32, to_index};

/// Side of the mesh model's input, px.
pub(super) const MESH_INPUT_PX: usize = 192;
/// Side of the window, in its own pixels.
pub(super) const WINDOW_PX: usize = 16;
/// Channels of the feature map and of the window.
const CHANNELS: usize = 32;
/// Side of the feature map, in its pixels.
const MAP_PX: usize = 48;
/// The window is that much longer and higher than the box of its landmarks.
const SCALE: f32 = 1.5;
/// The network counts its points in quarters of a window's pixel.
const UNITS_PER_PX: f32 = 4.0;
/// An eye's contour begins with the lids; then come brow and cheek.
const LID_POINTS: usize = 16;

/// The landmarks of each eye's contour, in the order of the network's points: left, right, as the
/// picture shows them.
pub(super) const EYE_CONTOURS: [[usize; 71]; 2] = [
    [
        33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25,
        110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230,
        231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189, 35, 124, 46, 53, 52, 65, 143,
        111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
    ],
    [
        263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359,
        255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414, 446, 261,
        448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413, 265, 353, 276,
        283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296,
        336, 285, 417,
    ],
];

/// The corners of the mouth, left and right as the picture shows them.
pub(super) const MOUTH_CORNERS: [usize; 2] = [61, 291];

/// The landmarks of the lips, in the order of the network's points.
pub(super) const LIPS: [usize; 80] = [
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
    76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
    62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407,
];

/// Where the window lies in the feature map: its pixel to the map's pixel, a rotation with a scale
/// for each axis, then a shift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// Step to the right, then step down, of one window pixel.
    steps: [[f32; 2]; 2],
    /// The window's corner.
    corner: [f32; 2],
}

impl Window {
    /// The window around the `contour` of a mesh (x, y, z in pixels of the mesh's input), upright
    /// along the line from the `left` to the `right` corner.
    pub(super) fn around(
        mesh: &[[f32; 3]],
        contour: &[usize],
        [left, right]: [usize; 2],
    ) -> Self {
        let map_per_input = to_f32(MAP_PX) / to_f32(MESH_INPUT_PX);
        let at =
            |index: usize| [mesh[index][0] * map_per_input, mesh[index][1] * map_per_input];
        let (start, end) = (at(left), at(right));
        let (sin, cos) = (end[1] - start[1]).atan2(end[0] - start[0]).sin_cos();
        let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
        for &index in contour {
            let [x, y] = at(index);
            let upright = [x * cos + y * sin, y * cos - x * sin];
            for axis in 0..2 {
                low[axis] = low[axis].min(upright[axis]);
                high[axis] = high[axis].max(upright[axis]);
            }
        }
        let [middle_x, middle_y] = [0, 1].map(|axis| f32::midpoint(low[axis], high[axis]));
        let centre = [middle_x * cos - middle_y * sin, middle_x * sin + middle_y * cos];
        let [along, down] =
            [0, 1].map(|axis| SCALE * (high[axis] - low[axis]) / to_f32(WINDOW_PX));
        let steps = [[cos * along, sin * along], [-sin * down, cos * down]];
        let half = to_f32(WINDOW_PX) / 2.0;
        let corner = [0, 1].map(|axis| centre[axis] - (steps[0][axis] + steps[1][axis]) * half);
        Window { steps, corner }
    }

    /// Fills row `row` of the window (16 pixels of 32 channels) from the feature map (48x48x32),
    /// bilinear, 0 outside of it.
    pub(super) fn sample(&self, features: &[f32], row: usize, window: &mut [f32]) {
        let last = to_f32(MAP_PX - 1);
        for (column, pixel) in window.chunks_exact_mut(CHANNELS).enumerate() {
            // From the middle of a window's pixel to the middle of a map's.
            let [x, y] = self
                .to_map([to_f32(column) + 0.5, to_f32(row) + 0.5])
                .map(|coordinate| coordinate - 0.5);
            if !((0.0..=last).contains(&x) && (0.0..=last).contains(&y)) {
                pixel.fill(0.0);
                continue;
            }
            let (left, top) = (to_index(x), to_index(y));
            let (right, bottom) = ((left + 1).min(MAP_PX - 1), (top + 1).min(MAP_PX - 1));
            let (dx, dy) = (x - to_f32(left), y - to_f32(top));
            let at = |x: usize, y: usize| &features[(y * MAP_PX + x) * CHANNELS..][..CHANNELS];
            let corners = [at(left, top), at(right, top), at(left, bottom), at(right, bottom)];
            for (channel, value) in pixel.iter_mut().enumerate() {
                let [a, b, c, d] = corners.map(|corner| corner[channel]);
                let (upper, lower) = (a + (b - a) * dx, c + (d - c) * dx);
                *value = upper + (lower - upper) * dy;
            }
        }
    }

    /// A point of the network (its own units) in pixels of the mesh's input.
    pub(super) fn to_input(self, point: [f32; 2]) -> [f32; 2] {
        let input_per_map = to_f32(MESH_INPUT_PX) / to_f32(MAP_PX);
        self.to_map(point.map(|units| units / UNITS_PER_PX)).map(|place| place * input_per_map)
    }

    fn to_map(self, [right, down]: [f32; 2]) -> [f32; 2] {
        [0, 1].map(|axis| {
            self.corner[axis] + self.steps[0][axis] * right + self.steps[1][axis] * down
        })
    }
}

/// Depth of the iris: the mean of the lids'. The network does not give it.
pub(super) fn iris_depth(mesh: &[[f32; 3]], contour: &[usize]) -> f32 {
    let lids = &contour[..LID_POINTS];
    lids.iter().map(|&index| mesh[index][2]).sum::<f32>() / to_f32(LID_POINTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mesh whose left eye's contour fills the box from `low` to `high`, px of the input.
    fn mesh(low: [f32; 2], high: [f32; 2]) -> Vec<[f32; 3]> {
        let mut mesh = vec![[0.0; 3]; 468];
        for (i, &index) in EYE_CONTOURS[0].iter().enumerate() {
            let share = [i % 2, (i / 2) % 2].map(to_f32);
            mesh[index] = [
                low[0] + (high[0] - low[0]) * share[0],
                low[1] + (high[1] - low[1]) * share[1],
                to_f32(i),
            ];
        }
        (mesh[33], mesh[133]) = ([low[0], low[1], 0.0], [high[0], low[1], 0.0]);
        mesh
    }

    fn window(low: [f32; 2], high: [f32; 2]) -> Window {
        Window::around(&mesh(low, high), &EYE_CONTOURS[0], [33, 133])
    }

    #[test]
    fn a_window_is_one_and_a_half_times_its_box_and_counts_in_quarters() {
        let window = window([64.0, 80.0], [96.0, 96.0]);
        let near = |a: [f32; 2], b: [f32; 2]| {
            assert!((a[0] - b[0]).abs() + (a[1] - b[1]).abs() < 1e-3, "{a:?} is not {b:?}");
        };
        near(window.to_input([32.0, 32.0]), [80.0, 88.0]);
        near(window.to_input([0.0, 0.0]), [80.0 - 24.0, 88.0 - 12.0]);
        near(window.to_input([64.0, 64.0]), [80.0 + 24.0, 88.0 + 12.0]);
    }

    #[test]
    fn a_sample_is_the_place_of_the_map_that_the_window_names_and_0_outside() {
        // Channel 0 holds the column, channel 1 the row of each pixel of the map.
        let mut features = vec![0.0; MAP_PX * MAP_PX * CHANNELS];
        for (index, pixel) in features.chunks_exact_mut(CHANNELS).enumerate() {
            (pixel[0], pixel[1]) = (to_f32(index % MAP_PX), to_f32(index / MAP_PX));
        }
        let window = window([-16.0, 80.0], [48.0, 100.0]);
        let mut sampled = vec![-1.0; WINDOW_PX * WINDOW_PX * CHANNELS];
        for (row, pixels) in sampled.chunks_exact_mut(WINDOW_PX * CHANNELS).enumerate() {
            window.sample(&features, row, pixels);
        }
        for (index, found) in sampled.chunks_exact(CHANNELS).enumerate() {
            let place = [index % WINDOW_PX, index / WINDOW_PX].map(|i| to_f32(i) + 0.5);
            let [x, y] = window.to_input(place.map(|px| px * 4.0)).map(|px| px / 4.0 - 0.5);
            let expected = if x < 0.0 { [0.0; 2] } else { [x, y] };
            let off = (found[0] - expected[0]).abs() + (found[1] - expected[1]).abs();
            assert!(off < 1e-3, "{index}: {found:?}, not {expected:?}");
        }
        assert!(
            sampled[0].abs() < 1e-6 && sampled[(WINDOW_PX - 1) * CHANNELS] > 1.0,
            "some are outside"
        );
    }

    #[test]
    fn a_turned_eye_turns_its_window() {
        let upright = mesh([64.0, 80.0], [96.0, 96.0]);
        let (sin, cos) = 0.4_f32.sin_cos();
        let turn = |[x, y]: [f32; 2]| [x * cos - y * sin, x * sin + y * cos];
        let turned: Vec<[f32; 3]> = upright
            .iter()
            .map(|&[x, y, z]| {
                let [x, y] = turn([x, y]);
                [x, y, z]
            })
            .collect();
        let [upright, turned] =
            [upright, turned].map(|mesh| Window::around(&mesh, &EYE_CONTOURS[0], [33, 133]));
        for point in [[0.0, 0.0], [64.0, 20.0], [10.0, 60.0]] {
            let (a, b) = (turn(upright.to_input(point)), turned.to_input(point));
            assert!((a[0] - b[0]).abs() + (a[1] - b[1]).abs() < 1e-3, "{a:?} is not {b:?}");
        }
    }

    #[test]
    fn the_iris_is_as_deep_as_the_lids() {
        let mesh = mesh([64.0, 80.0], [96.0, 96.0]);
        // Corners 33 and 133 were put to 0; the others hold their number.
        let expected = (2..8).chain(9..16).map(to_f32).sum::<f32>() + 1.0;
        assert!((iris_depth(&mesh, &EYE_CONTOURS[0]) - expected / 16.0).abs() < 1e-4);
    }
}
