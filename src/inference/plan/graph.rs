//! What a lowered network consists of: tensors, and the operators that make their rows.

use std::ops::Range;

use super::{
    pack::{DepthwiseWeights, Panels},
    vector::{LANES, Vector},
};

/// Rows, columns and channels; the batch is always one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Shape {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

/// A feature map in NHWC. Each row has a halo of zero pixels on either side, so that the
/// kernels need no code for borders.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) shape: Shape,
    /// Floats from one pixel to the next: the channels, rounded up to whole vectors with zeros.
    /// A model input that only dense convolutions read is packed without that.
    pub(super) pixel: usize,
    /// Zero pixels before and after each row.
    pub(super) halo: [usize; 2],
}

/// What of its input an output pixel depends on; each pair is rows, columns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Window {
    pub(super) kernel: [usize; 2],
    pub(super) strides: [usize; 2],
    /// Zeros above the first row, before the first column.
    pub(super) pads: [usize; 2],
}

/// What an operator computes.
#[derive(Debug)]
pub(super) enum Kernel {
    /// Rows of the model's input of that index.
    Input(usize),
    /// Convolution over all channels. A matrix product is one whose kernel is the whole map.
    Conv(Panels),
    /// Convolution of each channel by itself, then, if there is one, a 1x1 convolution.
    Depthwise {
        weights: DepthwiseWeights,
        pointwise: Option<Panels>,
        slopes: Vec<Vector>,
    },
    MaxPool,
    /// One over the pixels of its window.
    AveragePool {
        factor: f32,
    },
    /// Sum with the residual, then activation.
    Elementwise {
        slopes: Vec<Vector>,
    },
    /// Over all channels of a single pixel.
    Softmax {
        channels: usize,
    },
}

/// One operator. Tensors are named by their index.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) kernel: Kernel,
    pub(super) window: Window,
    /// Its own output where it reads none ([`Kernel::Input`]).
    pub(super) input: usize,
    /// Added to the output before the activation; may have fewer channels, the rest is zero.
    pub(super) residual: Option<usize>,
    pub(super) output: usize,
}

/// A lowered network; the operators are in an order in which they could run one after another.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) tensors: Vec<Tensor>,
    pub(super) ops: Vec<Op>,
    pub(super) outputs: Vec<Output>,
}

/// What a model output is made of: parts that follow one another.
#[derive(Clone, Debug)]
pub(super) struct Output(pub(super) Vec<View>);

/// The values of a tensor in the order in which ONNX counts them.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) tensor: usize,
    pub(super) order: Order,
    /// The shape that ONNX gives them.
    pub(super) dims: Vec<usize>,
}

/// Which index runs fastest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    /// The column: NCHW.
    ChannelsFirst,
    /// The channel: NHWC, as in memory.
    ChannelsLast,
}

impl Shape {
    pub(super) fn len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// The same numbers whichever index runs fastest.
    pub(super) fn has_one_order(self) -> bool {
        self.channels == 1 || self.height * self.width == 1
    }
}

impl Tensor {
    /// Floats from one row to the next.
    pub(super) fn stride(&self) -> usize {
        let [before, after] = self.halo;
        ((before + self.shape.width + after) * self.pixel).next_multiple_of(LANES)
    }
}

impl Window {
    /// One pixel for one pixel.
    pub(super) const PIXEL: Window = Window { kernel: [1; 2], strides: [1; 2], pads: [0; 2] };

    /// All of a map at once.
    pub(super) fn whole(shape: Shape) -> Window {
        Window { kernel: [shape.height, shape.width], ..Window::PIXEL }
    }

    /// The rows of an input of `height` rows that row `y` of the output needs.
    pub(super) fn rows(&self, y: usize, height: usize) -> Range<usize> {
        self.inside(0, y, height)
    }

    /// The columns of an input of `width` columns that column `x` of the output needs.
    pub(super) fn columns(&self, x: usize, width: usize) -> Range<usize> {
        self.inside(1, x, width)
    }

    fn inside(&self, axis: usize, at: usize, length: usize) -> Range<usize> {
        let first = at * self.strides[axis];
        let end = (first + self.kernel[axis]).saturating_sub(self.pads[axis]).min(length);
        first.saturating_sub(self.pads[axis]).min(end)..end
    }

    /// Zero pixels that must stand before and after rows of `width` for an output of `out`.
    pub(super) fn halo(&self, width: usize, out: usize) -> [usize; 2] {
        let reach = (out - 1) * self.strides[1] + self.kernel[1];
        [self.pads[1], reach.saturating_sub(self.pads[1] + width)]
    }
}

impl View {
    /// NCHW as ONNX's operators on feature maps expect it.
    pub(super) fn is_map(&self, shape: Shape) -> bool {
        let Shape { height, width, channels } = shape;
        self.dims == [1, channels, height, width]
            && (self.order == Order::ChannelsFirst || shape.has_one_order())
    }
}
