//! Weights in the order in which the kernels read them.

use std::borrow::Cow;

use super::vector::{LANES, Vector, vectors};

/// Vectors of one panel where an operator has a single output pixel: enough sums to keep two
/// multiply-adds a cycle busy without a tile of pixels.
const TALL: usize = 8;
/// Vectors of one panel elsewhere.
const WIDE: usize = 2;

/// Floats or bytes that begin at a cache line, without unsafe code: the first few are left out.
#[derive(Debug)]
pub(super) struct Aligned<T> {
    data: Vec<T>,
    skip: usize,
}

/// A weight as it lies in memory.
pub(super) trait Weight: Copy + Default {
    fn widen(self) -> f32;
}

impl Weight for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
}

impl Weight for i8 {
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from(self)
    }
}

impl<T: Copy + Default> Aligned<T> {
    const CACHE_LINE: usize = 64;

    pub(super) fn new(len: usize) -> Self {
        let slack = Self::CACHE_LINE / size_of::<T>();
        let mut data = vec![T::default(); len + slack];
        let skip = data.as_ptr().align_offset(Self::CACHE_LINE).min(slack);
        data.truncate(skip + len);
        Aligned { data, skip }
    }

    #[inline(always)]
    pub(super) fn values(&self) -> &[T] {
        &self.data[self.skip..]
    }

    #[inline(always)]
    pub(super) fn values_mut(&mut self) -> &mut [T] {
        &mut self.data[self.skip..]
    }
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        Aligned { data: vec![], skip: 0 }
    }
}

/// The weights of an operator as the model file has them, in ONNX's order.
#[derive(Clone, Debug)]
pub(super) enum Weights<'a> {
    Float(Cow<'a, [f32]>),
    /// A weight is its value times the scale of its output channel.
    Int8 {
        values: &'a [i8],
        scales: &'a [f32],
    },
}

/// A dense convolution's weights and what follows it.
#[derive(Debug)]
pub(super) struct Panels {
    pub(super) lines: Lines,
    pub(super) panels: Vec<Panel>,
    /// Rows of the kernel.
    pub(super) rows: usize,
    /// Inputs under one row of the kernel.
    pub(super) depth: usize,
    /// Before the scale.
    pub(super) bias: Vec<Vector>,
    pub(super) scales: Vec<Vector>,
    /// What a negative output is multiplied by: 0 for Relu, 1 for none, else PRelu's.
    pub(super) slopes: Vec<Vector>,
}

/// Panel by panel: for each input, the weights of all its outputs.
#[derive(Debug)]
pub(super) enum Lines {
    Float(Aligned<f32>),
    Int8(Aligned<i8>),
}

/// Some vectors of output channels that are computed together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    /// Its first output vector, which is also where its weights begin, in lines of all inputs.
    pub(super) first: usize,
    pub(super) vectors: usize,
}

/// How a dense convolution's weights lie in the model file.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvShape {
    pub(super) outputs: usize,
    pub(super) kernel: [usize; 2],
    pub(super) channels: usize,
    /// Floats from one input pixel to the next.
    pub(super) pixel: usize,
    /// One output pixel only.
    pub(super) is_single: bool,
}

impl ConvShape {
    /// Inputs under one row of the kernel, with the gaps between pixels.
    fn depth(&self) -> usize {
        (self.kernel[1] - 1) * self.pixel + self.channels
    }

    fn panels(&self) -> Vec<Panel> {
        let all = vectors(self.outputs);
        let mut panels = vec![];
        let mut first = 0;
        while first < all {
            let vectors = match all - first {
                TALL.. if self.is_single => TALL,
                left => left.min(WIDE),
            };
            panels.push(Panel { first, vectors });
            first += vectors;
        }
        panels
    }

    /// `weight` gives an output's weight for [row, column, channel] of the kernel.
    fn lines<W: Weight>(&self, weight: impl Fn(usize, [usize; 3]) -> W) -> Aligned<W> {
        let inputs = self.kernel[0] * self.depth();
        let mut lines = Aligned::new(vectors(self.outputs) * LANES * inputs);
        for Panel { first, vectors } in self.panels() {
            let outputs = first * LANES..((first + vectors) * LANES).min(self.outputs);
            let panel = &mut lines.values_mut()[first * LANES * inputs..];
            for (lane, output) in outputs.enumerate() {
                for row in 0..self.kernel[0] {
                    for column in 0..self.kernel[1] {
                        let input = row * self.depth() + column * self.pixel;
                        for channel in 0..self.channels {
                            panel[(input + channel) * vectors * LANES + lane] =
                                weight(output, [row, column, channel]);
                        }
                    }
                }
            }
        }
        lines
    }
}

impl Panels {
    /// `index` gives the place of an output's weight for [row, column, channel] of the kernel.
    /// int8 weights stay int8 and are widened in registers: a quarter of the memory to fetch.
    pub(super) fn pack(
        shape: ConvShape,
        weights: &Weights<'_>,
        bias: &[f32],
        index: impl Fn(usize, [usize; 3]) -> usize,
    ) -> Panels {
        let mut scales = vec![1.0; shape.outputs];
        let lines = match weights {
            Weights::Float(values) => {
                Lines::Float(shape.lines(|output, tap| values[index(output, tap)]))
            }
            Weights::Int8 { values, scales: each } if divides(bias, each) => {
                scales = each.to_vec();
                Lines::Int8(shape.lines(|output, tap| values[index(output, tap)]))
            }
            Weights::Int8 { values, scales } => {
                let float =
                    |output: usize, tap| f32::from(values[index(output, tap)]) * scales[output];
                Lines::Float(shape.lines(float))
            }
        };
        let bias: Vec<f32> =
            bias.iter().zip(&scales).map(|(bias, scale)| bias / scale).collect();
        Panels {
            lines,
            panels: shape.panels(),
            rows: shape.kernel[0],
            depth: shape.depth(),
            bias: to_vectors(&bias, 0.0),
            scales: to_vectors(&scales, 1.0),
            slopes: vec![],
        }
    }
}

/// Whether the bias can be counted in steps of each channel's scale.
fn divides(bias: &[f32], scales: &[f32]) -> bool {
    bias.iter().zip(scales).all(|(bias, scale)| *scale > 1e-20 && (bias / scale).abs() < 1e20)
}

/// A depthwise convolution's weights: two vectors of channels after another, each pair with its
/// taps row by row; an odd vector is last.
#[derive(Debug)]
pub(super) struct DepthwiseWeights {
    taps: Aligned<f32>,
    pub(super) bias: Vec<Vector>,
}

impl DepthwiseWeights {
    /// `weights`: channel, row, column.
    pub(super) fn pack(weights: &[f32], bias: &[f32]) -> DepthwiseWeights {
        let taps = weights.len() / bias.len().max(1);
        let vectors = vectors(bias.len());
        let mut packed = Aligned::new(vectors * LANES * taps);
        for (channel, weights) in weights.chunks_exact(taps.max(1)).enumerate() {
            let pair = channel / (2 * LANES);
            let width = (vectors - 2 * pair).min(2) * LANES;
            let group = &mut packed.values_mut()[pair * 2 * LANES * taps..];
            for (tap, weight) in weights.iter().enumerate() {
                group[tap * width + channel % (2 * LANES)] = *weight;
            }
        }
        DepthwiseWeights { taps: packed, bias: to_vectors(bias, 0.0) }
    }

    /// The taps of all pairs of vectors, and those of the odd vector.
    #[inline(always)]
    pub(super) fn pairs(&self) -> (&[[Vector; 2]], &[Vector]) {
        let all = self.taps.values().as_chunks().0;
        let taps = all.len() / self.bias.len().max(1);
        let (pairs, single) = all.split_at(self.bias.len() / 2 * 2 * taps);
        (pairs.as_chunks().0, single)
    }
}

/// Whole vectors, filled up with `rest`.
pub(super) fn to_vectors(values: &[f32], rest: f32) -> Vec<Vector> {
    let vector =
        |values: &[f32]| std::array::from_fn(|lane| *values.get(lane).unwrap_or(&rest));
    values.chunks(LANES).map(vector).collect()
}
