//! Where faces are: BlazeFace (short range), its 896 anchors and weighted suppression.

use super::{Point, Rect, crop::Crop, to_f32, to_index};
use crate::{
    decode::Picture,
    error::Result,
    inference::{Model, Runner},
};

/// Side of the detector's input, px.
const INPUT_PX: usize = 128;
/// Values that the model gives for each anchor: box, then 6 points.
const VALUES: usize = 16;
/// Detections that overlap more than this are one face.
const SAME_FACE_IOU: f32 = 0.3;

/// One face that the detector saw, in pixels of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Detection {
    /// 0..1.
    pub score: f32,
    /// From the brows to the chin.
    pub bbox: Rect,
    /// The eye on the left of the picture (of an upright face), then the other.
    pub eyes: [Point; 2],
}

impl Detection {
    /// Where to look for landmarks, as MediaPipe's face_detection_front_detection_to_roi:
    /// 1.5 times the box, turned by the line through the eyes.
    pub(super) fn crop(&self) -> Crop {
        let Rect { width, height, .. } = self.bbox;
        let [left, right] = self.eyes;
        let angle = (right.y - left.y).atan2(right.x - left.x);
        Crop::new(self.bbox.centre(), width.max(height) * 1.5, angle)
    }
}

/// The detector as one worker runs it.
#[derive(Debug)]
pub(super) struct Detector {
    model: Runner,
    letterbox: Letterbox,
    /// The letterboxed picture, -1..1, row by row.
    input: Vec<f32>,
    /// Sums of some rows of the picture, for each column and colour.
    sums: Vec<u16>,
    found: Vec<Detection>,
}

impl Detector {
    /// For one worker.
    pub(super) fn new(model: &Model) -> Self {
        Detector {
            model: Runner::new(model),
            letterbox: Letterbox::default(),
            input: vec![0.0; INPUT_PX * INPUT_PX * 3],
            sums: vec![],
            found: vec![],
        }
    }

    /// Finds all faces with a score of at least `threshold`, surest first. Give the list back by
    /// [`Detector::done`] to have it used again.
    ///
    /// # Errors
    /// `Internal` when the model fails.
    pub(super) fn detect(
        &mut self,
        picture: &Picture,
        threshold: f32,
    ) -> Result<Vec<Detection>> {
        self.letterbox = Letterbox::new(picture);
        self.letterbox.fill(picture, &mut self.sums, &mut self.input);
        let rows = |row, pixels: &mut [f32]| fill_row(&self.input, 0, row, pixels);
        let outputs = self.model.run_picture(rows)?;
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        found.extend(decode(outputs.values(0), outputs.values(1), threshold));
        suppress(&mut found);
        found.iter_mut().for_each(|face| *face = self.letterbox.to_picture(*face));
        Ok(found)
    }

    /// Keeps the memory of a list of detections for the next one.
    pub(super) fn done(&mut self, found: Vec<Detection>) {
        self.found = found;
    }

    /// How sure the detector is of its surest face, 0..1, when the picture of the last
    /// [`Detector::detect`] is turned clockwise by so many quarters.
    ///
    /// # Errors
    /// `Internal` when the model fails.
    pub(super) fn best_score(&mut self, quarters: usize) -> Result<f32> {
        let rows = |row, pixels: &mut [f32]| fill_row(&self.input, quarters, row, pixels);
        let outputs = self.model.run_picture(rows)?;
        Ok(sigmoid(outputs.values(1).iter().copied().fold(f32::MIN, f32::max)))
    }
}

/// Writes a row of the letterboxed picture when that is turned clockwise by so many quarters.
fn fill_row(input: &[f32], quarters: usize, row: usize, pixels: &mut [f32]) {
    if quarters == 0 {
        return pixels.copy_from_slice(&input[row * INPUT_PX * 3..][..INPUT_PX * 3]);
    }
    for (column, pixel) in pixels.chunks_exact_mut(3).enumerate() {
        let from = turned([row, column], 4 - quarters);
        pixel.copy_from_slice(&input[from * 3..][..3]);
    }
}

/// How the whole picture is laid into the square input: in the middle, black round it.
#[derive(Clone, Copy, Debug, Default)]
struct Letterbox {
    /// Input pixels per picture pixel.
    scale: f32,
    width: usize,
    height: usize,
    left: usize,
    top: usize,
}

impl Letterbox {
    fn new(picture: &Picture) -> Self {
        let (width, height) = (picture.width_px as usize, picture.height_px as usize);
        let scale = to_f32(INPUT_PX) / to_f32(width.max(height));
        let fit = |side| to_index((to_f32(side) * scale).round()).clamp(1, INPUT_PX);
        let (width, height) = (fit(width), fit(height));
        let (left, top) = ((INPUT_PX - width) / 2, (INPUT_PX - height) / 2);
        Letterbox { scale, width, height, left, top }
    }

    /// Writes the shrunk picture, -1..1; each value is the mean of the pixels it stands for, whose rows
    /// are added up first.
    fn fill(&self, picture: &Picture, sums: &mut Vec<u16>, input: &mut [f32]) {
        input.fill(-1.0);
        let (width, height) = (picture.width_px as usize, picture.height_px as usize);
        sums.resize(width * 3, 0);
        for row in 0..self.height {
            let ys = span(row, self.height, height);
            sums.fill(0);
            for line in
                picture.rgb[ys.start * width * 3..].chunks_exact(width * 3).take(ys.len())
            {
                // At most 33 rows of at most 255.
                sums.iter_mut().zip(line).for_each(|(sum, level)| *sum += u16::from(*level));
            }
            let out = &mut input[((row + self.top) * INPUT_PX + self.left) * 3..];
            for (column, out) in out.chunks_exact_mut(3).take(self.width).enumerate() {
                let xs = span(column, self.width, width);
                let mut sum = [0_u32; 3];
                for pixel in sums[xs.start * 3..xs.end * 3].chunks_exact(3) {
                    sum.iter_mut().zip(pixel).for_each(|(sum, &v)| *sum += u32::from(v));
                }
                let scale = 1.0 / (127.5 * to_f32(xs.len() * ys.len()));
                for (out, sum) in out.iter_mut().zip(sum) {
                    *out = to_f32(sum as usize) * scale - 1.0;
                }
            }
        }
    }

    fn to_picture(self, mut face: Detection) -> Detection {
        let x = |x: f32| (x * to_f32(INPUT_PX) - to_f32(self.left)) / self.scale;
        let y = |y: f32| (y * to_f32(INPUT_PX) - to_f32(self.top)) / self.scale;
        let size = to_f32(INPUT_PX) / self.scale;
        face.bbox = Rect {
            x: x(face.bbox.x),
            y: y(face.bbox.y),
            width: face.bbox.width * size,
            height: face.bbox.height * size,
        };
        face.eyes = face.eyes.map(|eye| Point { x: x(eye.x), y: y(eye.y) });
        face
    }
}

/// Which pixel of the input the one at `row, column` becomes in a turn clockwise by so many
/// quarters.
fn turned([row, column]: [usize; 2], quarters: usize) -> usize {
    const LAST: usize = INPUT_PX - 1;
    let (row, column) = match quarters {
        1 => (column, LAST - row),
        2 => (LAST - row, LAST - column),
        3 => (LAST - column, row),
        _ => (row, column),
    };
    row * INPUT_PX + column
}

/// The pixels of `whole` that part `index` of `parts` stands for; never empty.
fn span(index: usize, parts: usize, whole: usize) -> std::ops::Range<usize> {
    let start = (index * whole / parts).min(whole - 1);
    start..((index + 1) * whole / parts).max(start + 1)
}

/// Centres of the anchors, 0..1: a 16x16 grid with 2 in each cell, then 8x8 with 6.
fn anchors() -> impl Iterator<Item = Point> {
    [(16, 2), (8, 6)].into_iter().flat_map(|(grid, in_cell)| {
        (0..grid * grid).flat_map(move |cell| {
            let place = |at: usize| (to_f32(at) + 0.5) / to_f32(grid);
            let centre = Point { x: place(cell % grid), y: place(cell / grid) };
            std::iter::repeat_n(centre, in_cell)
        })
    })
}

/// Turns the model's raw values into detections in ratios of the input.
fn decode<'a>(
    values: &'a [f32],
    logits: &'a [f32],
    threshold: f32,
) -> impl Iterator<Item = Detection> + 'a {
    let size = to_f32(INPUT_PX);
    let faces = anchors().zip(values.chunks_exact(VALUES)).zip(logits);
    faces.filter_map(move |((anchor, values), &logit)| {
        let score = sigmoid(logit);
        if score < threshold {
            return None;
        }
        let point = |at: usize| Point {
            x: values[at] / size + anchor.x,
            y: values[at + 1] / size + anchor.y,
        };
        let (centre, width, height) = (point(0), values[2] / size, values[3] / size);
        let bbox =
            Rect { x: centre.x - width / 2.0, y: centre.y - height / 2.0, width, height };
        Some(Detection { score, bbox, eyes: [point(4), point(6)] })
    })
}

/// Weighted suppression as in MediaPipe: what overlaps the surest is averaged into it. The surest face
/// comes first.
fn suppress(faces: &mut Vec<Detection>) {
    faces.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept = 0;
    while let Some(&best) = faces.get(kept) {
        let is_same = |face: &Detection| best.bbox.iou(&face.bbox) > SAME_FACE_IOU;
        let rest = &faces[kept..];
        let is_alone = rest.iter().filter(|face| is_same(face)).count() <= 1;
        // A degenerate box overlaps nothing, not even itself.
        let mean = if is_alone {
            best
        } else {
            average(rest.iter().filter(|f| is_same(f)), best.score)
        };
        faces[kept] = mean;
        kept += 1;
        let mut index = 0;
        faces.retain(|face| {
            index += 1;
            index <= kept || !(is_same(face) || *face == best)
        });
    }
}

/// The mean of some detections, weighted by their scores.
fn average<'a>(faces: impl Iterator<Item = &'a Detection> + Clone, score: f32) -> Detection {
    let total: f32 = faces.clone().map(|face| face.score).sum();
    let mean = |value: &dyn Fn(&Detection) -> f32| {
        faces.clone().map(|face| value(face) * face.score).sum::<f32>() / total
    };
    let eye = |i: usize| Point { x: mean(&|f| f.eyes[i].x), y: mean(&|f| f.eyes[i].y) };
    let bbox = Rect {
        x: mean(&|f| f.bbox.x),
        y: mean(&|f| f.bbox.y),
        width: mean(&|f| f.bbox.width),
        height: mean(&|f| f.bbox.height),
    };
    Detection { score, bbox, eyes: [eye(0), eye(1)] }
}

pub(super) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests;
