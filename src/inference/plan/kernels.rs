//! The loops. They are plain arrays and iterators, written so that the compiler keeps a tile of
//! sums in registers; `FUSED` where the machine multiplies and adds in one instruction.
//!
//! A row is cut to what a tile reads before the inner loop, which therefore has no bounds check.

use std::ops::Range;

use super::{
    graph::Window,
    pack::{DepthwiseWeights, Lines, Panel, Panels, Weight},
    vector::{LANES, Vector},
};

/// Rows of a tensor, by their number.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) data: &'a [f32],
    /// Where each row begins in `data`; the first stands for row `first`.
    pub(super) starts: &'a [usize],
    pub(super) first: usize,
    /// Stand for a row above or below.
    pub(super) zeros: &'a [f32],
    pub(super) stride: usize,
    /// Floats of a row that lie before what the reader asks for.
    pub(super) skip: usize,
    /// Floats from one pixel to the next.
    pub(super) pixel: usize,
}

impl<'a> Rows<'a> {
    /// The row `y - above`, or zeros where that is outside.
    #[inline(always)]
    pub(super) fn row(&self, y: usize, above: usize) -> &'a [f32] {
        let index = y.wrapping_sub(above).wrapping_sub(self.first);
        match self.starts.get(index) {
            Some(start) => &self.data[start + self.skip..start + self.stride],
            None => &self.zeros[self.skip..self.stride],
        }
    }
}

/// The rows of an output.
pub(super) struct RowsMut<'a> {
    pub(super) data: &'a mut [f32],
    pub(super) starts: &'a [usize],
    pub(super) skip: usize,
    pub(super) width: usize,
    pub(super) pixel: usize,
}

impl RowsMut<'_> {
    #[inline(always)]
    pub(super) fn row(&mut self, y: usize) -> &mut [Vector] {
        let start = self.starts[y] + self.skip;
        self.data[start..start + self.width * self.pixel].as_chunks_mut().0
    }
}

/// What a kernel reads, and which rows it is to make.
pub(super) struct Task<'a> {
    pub(super) rows: Range<usize>,
    pub(super) window: Window,
    /// Rows and columns of the input.
    pub(super) size: [usize; 2],
    pub(super) input: Rows<'a>,
    pub(super) residual: Option<Rows<'a>>,
    pub(super) output: RowsMut<'a>,
}

#[inline(always)]
fn fma<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// x where it is positive, slope times x where not.
#[inline(always)]
fn prelu<const FUSED: bool>(x: f32, slope: f32) -> f32 {
    let (positive, negative) = (if x > 0.0 { x } else { 0.0 }, if x < 0.0 { x } else { 0.0 });
    fma::<FUSED>(negative, slope, positive)
}

#[inline(always)]
fn each<const L: usize>(mut f: impl FnMut(usize) -> f32) -> [f32; L] {
    let mut out = [0.0; L];
    for (lane, out) in out.iter_mut().enumerate() {
        *out = f(lane);
    }
    out
}

/// Sums of M pixels and V registers of L channels. 6 x 2 registers of 8 leave 4 of AVX2's 16 to
/// weights and input; 8 are the fewest that keep two multiply-adds a cycle busy. AVX-512 has 32
/// registers of 16 and reads the input from memory within the multiply-add.
type Tile<const M: usize, const V: usize, const L: usize> = [[[f32; L]; V]; M];

/// Adds inputs (M pixels, each `weights.len()` long) times weights to the tile.
#[inline(always)]
fn multiply<const FUSED: bool, W: Weight, const M: usize, const V: usize, const L: usize>(
    tile: &mut Tile<M, V, L>,
    inputs: [&[f32]; M],
    weights: &[[[W; L]; V]],
) {
    for (k, weights) in weights.iter().enumerate() {
        let mut wide = [[0.0; L]; V];
        for (wide, line) in wide.iter_mut().zip(weights) {
            *wide = each(|lane| line[lane].widen());
        }
        for (sums, input) in tile.iter_mut().zip(&inputs) {
            for (sum, weights) in sums.iter_mut().zip(&wide) {
                *sum = each(|lane| fma::<FUSED>(input[k], weights[lane], sum[lane]));
            }
        }
    }
}

/// The weights of one panel and what follows its sums.
#[derive(Clone, Copy)]
struct PanelWeights<'a, W, const V: usize, const L: usize> {
    /// For each input.
    lines: &'a [[[W; L]; V]],
    /// Rows of the kernel.
    rows: usize,
    /// Inputs under one of them.
    depth: usize,
    /// The first output channel.
    first: usize,
    bias: &'a [[f32; L]; V],
    scales: &'a [[f32; L]; V],
    slopes: &'a [[f32; L]; V],
}

/// Dense convolution, with what follows it.
#[inline(always)]
pub(super) fn conv<const FUSED: bool, const WIDE: bool>(panels: &Panels, task: &mut Task<'_>) {
    match &panels.lines {
        Lines::Float(lines) => conv_panels::<FUSED, WIDE, f32>(panels, lines.values(), task),
        Lines::Int8(lines) => conv_panels::<FUSED, WIDE, i8>(panels, lines.values(), task),
    }
}

#[inline(always)]
fn conv_panels<const FUSED: bool, const WIDE: bool, W: Weight>(
    panels: &Panels,
    lines: &[W],
    task: &mut Task<'_>,
) {
    for panel in panels.panels.as_slice() {
        match (panel.vectors, WIDE) {
            (8, true) => {
                conv_panel::<FUSED, W, 4, 16>(PanelWeights::of(panels, lines, *panel), task)
            }
            (2, true) => {
                conv_panel::<FUSED, W, 1, 16>(PanelWeights::of(panels, lines, *panel), task)
            }
            (8, false) => {
                conv_panel::<FUSED, W, 8, 8>(PanelWeights::of(panels, lines, *panel), task)
            }
            (2, false) => {
                conv_panel::<FUSED, W, 2, 8>(PanelWeights::of(panels, lines, *panel), task)
            }
            _ => conv_panel::<FUSED, W, 1, 8>(PanelWeights::of(panels, lines, *panel), task),
        }
    }
}

impl<'a, W: Weight, const V: usize, const L: usize> PanelWeights<'a, W, V, L> {
    #[inline(always)]
    fn of(panels: &'a Panels, lines: &'a [W], Panel { first, .. }: Panel) -> Self {
        let (inputs, first) = (panels.rows * panels.depth, first * LANES);
        PanelWeights {
            lines: lines[first * inputs..][..V * L * inputs].as_chunks().0.as_chunks().0,
            rows: panels.rows,
            depth: panels.depth,
            first,
            bias: of_panel(&panels.bias, first),
            scales: of_panel(&panels.scales, first),
            slopes: of_panel(&panels.slopes, first),
        }
    }
}

#[inline(always)]
fn of_panel<const V: usize, const L: usize>(all: &[Vector], first: usize) -> &[[f32; L]; V] {
    let panel = all.as_flattened()[first..].as_chunks().0.first_chunk();
    panel.expect("each vector of outputs has one")
}

/// An output row of a dense convolution, and what it is made of.
struct Line<'a> {
    input: Rows<'a>,
    window: Window,
    y: usize,
    /// The uppermost row under the kernel.
    top: &'a [f32],
    /// Empty where there is none.
    residual: &'a [f32],
    /// Floats of a pixel of the residual.
    residual_pixel: usize,
    out: &'a mut [f32],
    /// Floats of a pixel of the output.
    pixel: usize,
}

#[inline(always)]
fn conv_panel<const FUSED: bool, W: Weight, const V: usize, const L: usize>(
    panel: PanelWeights<'_, W, V, L>,
    task: &mut Task<'_>,
) {
    let Task { rows, window, input, residual, output, .. } = task;
    let (width, pixel) = (output.width, output.pixel);
    for y in rows.clone() {
        let (residual, residual_pixel) = match residual {
            Some(rows) => (rows.row(y, 0), rows.pixel),
            None => (&[][..], 0),
        };
        let mut line = Line {
            input: *input,
            window: *window,
            y,
            top: input.row(y * window.strides[0], window.pads[0]),
            residual,
            residual_pixel,
            out: output.row(y).as_flattened_mut(),
            pixel,
        };
        let mut x = 0;
        while x < width {
            let left = width - x;
            // As many sums as there are registers for.
            let most = match (V, L) {
                (4.., _) => 1,
                _ if !FUSED => 2,
                (1, 16) => 12,
                (1, _) => 8,
                _ if left == 8 => 4,
                _ => 6,
            };
            x += match left.min(most) {
                12 => conv_tile::<FUSED, W, 12, V, L>(panel, &mut line, x),
                8.. => conv_tile::<FUSED, W, 8, V, L>(panel, &mut line, x),
                6.. => conv_tile::<FUSED, W, 6, V, L>(panel, &mut line, x),
                4.. => conv_tile::<FUSED, W, 4, V, L>(panel, &mut line, x),
                3 => conv_tile::<FUSED, W, 3, V, L>(panel, &mut line, x),
                2 => conv_tile::<FUSED, W, 2, V, L>(panel, &mut line, x),
                _ => conv_tile::<FUSED, W, 1, V, L>(panel, &mut line, x),
            };
        }
    }
}

/// M pixels from x on; returns M.
#[inline(always)]
fn conv_tile<const FUSED: bool, W: Weight, const M: usize, const V: usize, const L: usize>(
    panel: PanelWeights<'_, W, V, L>,
    line: &mut Line<'_>,
    x: usize,
) -> usize {
    let mut tile = [*panel.bias; M];
    let Window { strides, pads, .. } = line.window;
    let (step, depth) = (strides[1] * line.input.pixel, panel.depth);
    for row in 0..panel.rows {
        let input = match row {
            0 => line.top,
            _ => line.input.row(line.y * strides[0] + row, pads[0]),
        };
        let input = &input[x * step..][..(M - 1) * step + depth];
        let mut inputs = [&input[..depth]; M];
        for (m, from) in inputs.iter_mut().enumerate() {
            *from = &input[m * step..][..depth];
        }
        multiply::<FUSED, W, M, V, L>(&mut tile, inputs, &panel.lines[row * depth..][..depth]);
    }
    // What lies beyond the residual's channels is zero.
    let count = line.residual_pixel.saturating_sub(panel.first).min(V * L);
    if count == 0 {
        for sums in &mut tile {
            for (sum, scale) in sums.iter_mut().zip(panel.scales) {
                *sum = each(|lane| sum[lane] * scale[lane]);
            }
        }
    } else {
        let row = &line.residual[x * line.residual_pixel + panel.first..];
        for (m, sums) in tile.iter_mut().enumerate() {
            let more = padded::<V, L>(&row[m * line.residual_pixel..][..count]);
            for ((sum, scale), more) in sums.iter_mut().zip(panel.scales).zip(&more) {
                *sum = each(|lane| fma::<FUSED>(sum[lane], scale[lane], more[lane]));
            }
        }
    }
    let out = &mut line.out[x * line.pixel + panel.first..];
    for (m, sums) in tile.iter().enumerate() {
        let out = out[m * line.pixel..][..V * L].as_chunks_mut::<L>().0;
        for ((out, sum), slopes) in out.iter_mut().zip(sums).zip(panel.slopes) {
            *out = each(|lane| prelu::<FUSED>(sum[lane], slopes[lane]));
        }
    }
    M
}

/// The values, and zeros after them.
#[inline(always)]
fn padded<const V: usize, const L: usize>(values: &[f32]) -> [[f32; L]; V] {
    if let Some(all) = values.as_chunks().0.first_chunk() {
        return *all;
    }
    let mut padded = [[0.0; L]; V];
    padded.as_flattened_mut()[..values.len()].copy_from_slice(values);
    padded
}

/// Depthwise convolution of the task's rows into `sums`, densely.
#[inline(always)]
pub(super) fn depthwise<const FUSED: bool, const WIDE: bool>(
    weights: &DepthwiseWeights,
    task: &Task<'_>,
    sums: &mut [f32],
) {
    let Window { kernel, strides, .. } = task.window;
    match (kernel[0], strides[0]) {
        (3, 1) => depthwise_rows::<FUSED, WIDE, 3, 1, 4>(weights, task, sums),
        (3, _) => depthwise_rows::<FUSED, WIDE, 3, 2, 2>(weights, task, sums),
        (_, 1) => depthwise_rows::<FUSED, WIDE, 5, 1, 4>(weights, task, sums),
        (_, _) => depthwise_rows::<FUSED, WIDE, 5, 2, 2>(weights, task, sums),
    }
}

/// K x K taps of stride S, N pixels at a time.
#[inline(always)]
fn depthwise_rows<
    const FUSED: bool,
    const WIDE: bool,
    const K: usize,
    const S: usize,
    const N: usize,
>(
    weights: &DepthwiseWeights,
    task: &Task<'_>,
    sums: &mut [f32],
) {
    let Task { rows, window, input, output, .. } = task;
    let (width, pixel) = (output.width, input.pixel);
    let (pairs, single) = weights.pairs();
    for (y, sums) in rows.clone().zip(sums.chunks_exact_mut(width * pixel)) {
        let mut rows: [&[f32]; K] = [&[]; K];
        for (k, row) in rows.iter_mut().enumerate() {
            *row = input.row(y * S + k, window.pads[0]);
        }
        let mut span = Span { rows, width, pixel, first: 0 };
        for taps in pairs.as_chunks::<K>().0.as_chunks::<K>().0 {
            if WIDE {
                let taps = |row: usize, column: usize| {
                    let [low, high] = &taps[row][column];
                    each(|lane| if lane < LANES { low[lane] } else { high[lane - LANES] })
                };
                depthwise_span::<FUSED, K, S, N, 16>(span, &weights.bias, taps, sums);
                span.first += 2 * LANES;
            } else {
                for half in 0..2 {
                    let taps = |row: usize, column: usize| taps[row][column][half];
                    depthwise_span::<FUSED, K, S, N, 8>(span, &weights.bias, taps, sums);
                    span.first += LANES;
                }
            }
        }
        for taps in single.as_chunks::<K>().0.as_chunks::<K>().0 {
            let taps = |row: usize, column: usize| taps[row][column];
            depthwise_span::<FUSED, K, S, N, 8>(span, &weights.bias, taps, sums);
        }
    }
}

/// Rows under a depthwise kernel, and the channels that are computed together.
#[derive(Clone, Copy)]
struct Span<'a, const K: usize> {
    rows: [&'a [f32]; K],
    /// Pixels of an output row.
    width: usize,
    /// Floats of a pixel.
    pixel: usize,
    /// The first channel.
    first: usize,
}

/// L channels of a row.
#[inline(always)]
fn depthwise_span<
    const FUSED: bool,
    const K: usize,
    const S: usize,
    const N: usize,
    const L: usize,
>(
    span: Span<'_, K>,
    bias: &[Vector],
    taps: impl Fn(usize, usize) -> [f32; L] + Copy,
    out: &mut [f32],
) {
    let bias = of_panel::<1, L>(bias, span.first)[0];
    let mut x = 0;
    while x + N <= span.width {
        depthwise_tile::<FUSED, K, S, N, L>(span, x, bias, taps, out);
        x += N;
    }
    while x < span.width {
        depthwise_tile::<FUSED, K, S, 1, L>(span, x, bias, taps, out);
        x += 1;
    }
}

#[inline(always)]
fn depthwise_tile<
    const FUSED: bool,
    const K: usize,
    const S: usize,
    const N: usize,
    const L: usize,
>(
    Span { rows, pixel, first, .. }: Span<'_, K>,
    x: usize,
    bias: [f32; L],
    taps: impl Fn(usize, usize) -> [f32; L],
    out: &mut [f32],
) {
    let mut sums = [bias; N];
    for (k, row) in rows.iter().enumerate() {
        let columns = (N - 1) * S + K;
        let mut pixels = row[x * S * pixel..][..columns * pixel].chunks_exact(pixel);
        for column in 0..columns {
            let Some(under) = pixels.next() else { break };
            let values = &under[first..first + L];
            for (n, sum) in sums.iter_mut().enumerate() {
                if (n * S..n * S + K).contains(&column) {
                    let taps = taps(k, column - n * S);
                    *sum = each(|lane| fma::<FUSED>(values[lane], taps[lane], sum[lane]));
                }
            }
        }
    }
    for (n, sum) in sums.into_iter().enumerate() {
        out[(x + n) * pixel + first..][..L].copy_from_slice(&sum);
    }
}

/// The sum of the input and the residual, if there is one, activated.
#[inline(always)]
pub(super) fn elementwise<const FUSED: bool>(slopes: &[Vector], task: &mut Task<'_>) {
    let vectors = slopes.len();
    for y in task.rows.clone() {
        let input = task.input.row(y, 0).as_chunks::<LANES>().0;
        let residual = task
            .residual
            .map(|rows| (rows.row(y, 0).as_chunks::<LANES>().0, rows.pixel / LANES));
        let out = task.output.row(y).chunks_exact_mut(vectors);
        for (x, (out, input)) in out.zip(input.chunks_exact(vectors)).enumerate() {
            let more = residual.map_or(&[][..], |(row, count)| &row[x * count..][..count]);
            for (vector, ((out, input), slopes)) in
                out.iter_mut().zip(input).zip(slopes).enumerate()
            {
                let more = more.get(vector).unwrap_or(&[0.0; LANES]);
                *out = each(|lane| prelu::<FUSED>(input[lane] + more[lane], slopes[lane]));
            }
        }
    }
}

/// Pools what lies inside the map; `fold` joins two values, the result is multiplied by `factor`.
#[inline(always)]
pub(super) fn pool(task: &mut Task<'_>, fold: impl Fn(f32, f32) -> f32, factor: f32) {
    let Window { pads, .. } = task.window;
    let vectors = task.output.pixel / LANES;
    for y in task.rows.clone() {
        let out = task.output.row(y);
        let rows = task.window.rows(y, task.size[0]);
        for row in rows.clone() {
            let input = task.input.row(row, 0).as_chunks::<LANES>().0;
            for (x, out) in out.chunks_exact_mut(vectors).enumerate() {
                let columns = task.window.columns(x, task.size[1]);
                let under = &input[(columns.start + pads[1]) * vectors..];
                let under = &under[..columns.len() * vectors];
                for (vector, out) in out.iter_mut().enumerate() {
                    // The first pixel of the window begins the sum.
                    let mut sum = if row == rows.start { under[vector] } else { *out };
                    for column in usize::from(row == rows.start)..columns.len() {
                        let values = &under[column * vectors + vector];
                        sum = each(|lane| fold(sum[lane], values[lane]));
                    }
                    *out = sum;
                }
            }
        }
        out.iter_mut().for_each(|out| *out = each(|lane| out[lane] * factor));
    }
}

/// The larger: one instruction, where `f32::max` needs three to be exact about NaN.
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// exp(x) / sum of exp(x) of one pixel's `channels`.
pub(super) fn softmax(channels: usize, task: &mut Task<'_>) {
    let input = &task.input.row(0, 0)[..channels];
    let out = &mut task.output.row(0).as_flattened_mut()[..channels];
    let largest = input.iter().copied().fold(f32::MIN, f32::max);
    out.iter_mut().zip(input).for_each(|(out, value)| *out = (value - largest).exp());
    let sum: f32 = out.iter().sum();
    out.iter_mut().for_each(|out| *out /= sum);
}
