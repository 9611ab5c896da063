//! Small convolutional networks on kernels of our own (docs/design/decisions/0014-own-kernels.md).
//!
//! [`lower`] makes a graph of fused operators of an ONNX file, or names the operators that no
//! kernel computes; [`schedule`] orders the work row by row; [`pack`] lays the weights out;
//! [`Plan::run`] walks over the steps and calls the [`kernels`]. Nothing is allocated there: what
//! a run writes lies in the caller's [`Workspace`].

mod vector;
mod pack;
mod graph;
mod kernels;
mod onnx;
mod lower;
mod schedule;
#[cfg(test)]
mod tests;

use std::ops::Range;

use multiversion::{multiversion, target::target_cfg_f};
use tract_onnx::pb::GraphProto;

use self::{
    graph::{Graph, Kernel, Op, Order, Output, Shape, View, Window},
    kernels::{Rows, RowsMut, Task},
    pack::Aligned,
    schedule::{Schedule, Step},
};

pub(super) use lower::Unsupported;
pub(super) use onnx::{is_nhwc_input, is_nhwc_output};

/// A lowered network, shared read-only between workers.
#[derive(Debug)]
pub(super) struct Plan {
    graph: Graph,
    schedule: Schedule,
    /// Where each row of each tensor begins in its ring buffer.
    starts: Vec<Vec<usize>>,
    /// Where each row begins between a depthwise convolution and its 1x1 convolution.
    scratch_starts: Vec<Vec<usize>>,
    zeros: Aligned<f32>,
}

/// What one run writes: a ring buffer for each tensor, and scratch.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    buffers: Vec<Aligned<f32>>,
    scratch: Aligned<f32>,
}

/// Writes the pixels of a row, channels last: the input's index, the row, its values.
pub(super) type FillRow<'a> = &'a mut dyn FnMut(usize, usize, &mut [f32]);

impl Plan {
    /// Lowers a graph; `inputs` are the shapes of its inputs, no `outputs` means all.
    pub(super) fn new(
        graph: &GraphProto,
        inputs: &[Vec<usize>],
        outputs: &[String],
    ) -> Result<Self, Unsupported> {
        let graph = lower::lower(graph, inputs, outputs)?;
        let schedule = graph.schedule();
        let starts =
            graph.tensors.iter().zip(&schedule.capacities).map(|(tensor, capacity)| {
                (0..tensor.shape.height).map(|y| y % capacity * tensor.stride()).collect()
            });
        let scratch_starts = graph.ops.iter().map(|op| {
            let line = graph.tensors[op.output].shape.width * graph.tensors[op.input].pixel;
            (0..graph.rows_at_a_time(op)).map(|row| row * line).collect()
        });
        Ok(Plan {
            starts: starts.collect(),
            scratch_starts: scratch_starts.collect(),
            zeros: Aligned::new(graph.tensors.iter().map(|t| t.stride()).max().unwrap_or(0)),
            graph,
            schedule,
        })
    }

    /// Memory for one run at a time.
    pub(super) fn workspace(&self) -> Workspace {
        let rings = self.graph.tensors.iter().zip(&self.schedule.capacities);
        Workspace {
            buffers: rings.map(|(t, rows)| Aligned::new(t.stride() * rows)).collect(),
            scratch: Aligned::new(self.schedule.scratch),
        }
    }

    /// Runs the network; `fill` is asked for each row of each input, from top to bottom.
    pub(super) fn run(&self, workspace: &mut Workspace, fill: FillRow<'_>) {
        run_steps(self, workspace, fill);
    }

    #[inline(always)]
    fn steps<const FUSED: bool, const WIDE: bool>(
        &self,
        workspace: &mut Workspace,
        fill: FillRow<'_>,
    ) {
        for step in &self.schedule.steps {
            let output = self.graph.ops[step.op].output;
            let mut data = std::mem::take(&mut workspace.buffers[output]);
            self.step::<FUSED, WIDE>(step, workspace, data.values_mut(), fill);
            workspace.buffers[output] = data;
        }
    }

    /// Makes the rows of one step in `data`, the output's ring buffer.
    #[inline(always)]
    fn step<const FUSED: bool, const WIDE: bool>(
        &self,
        step: &Step,
        workspace: &mut Workspace,
        data: &mut [f32],
        fill: FillRow<'_>,
    ) {
        let op = &self.graph.ops[step.op];
        let Workspace { buffers, scratch } = workspace;
        let scratch = scratch.values_mut();
        if let Kernel::Input(index) = op.kernel {
            return self.input_rows(step, data, |y, row| fill(index, y, row));
        }
        let mut task = self.task(op, step.rows.clone(), buffers, data);
        if let Kernel::Depthwise { weights, .. } = &op.kernel {
            kernels::depthwise::<FUSED, WIDE>(weights, &task, scratch);
            let starts = self.scratch_starts[step.op].as_slice();
            let stride = task.output.width * task.input.pixel;
            let first = step.rows.start;
            task.input = Rows { data: scratch, starts, first, stride, skip: 0, ..task.input };
            task.window = Window::PIXEL;
        }
        match &op.kernel {
            Kernel::Conv(panels) | Kernel::Depthwise { pointwise: Some(panels), .. } => {
                kernels::conv::<FUSED, WIDE>(panels, &mut task);
            }
            Kernel::Elementwise { slopes } | Kernel::Depthwise { slopes, .. } => {
                kernels::elementwise::<FUSED>(slopes.as_slice(), &mut task);
            }
            Kernel::MaxPool => kernels::pool(&mut task, kernels::larger, 1.0),
            Kernel::AveragePool { factor } => kernels::pool(&mut task, |a, b| a + b, *factor),
            Kernel::Softmax { channels } => kernels::softmax(*channels, &mut task),
            Kernel::Input(_) => {}
        }
    }

    fn task<'a>(
        &'a self,
        op: &Op,
        rows: Range<usize>,
        buffers: &'a [Aligned<f32>],
        data: &'a mut [f32],
    ) -> Task<'a> {
        let output = &self.graph.tensors[op.output];
        let Shape { height, width, .. } = self.graph.tensors[op.input].shape;
        Task {
            rows,
            window: op.window,
            size: [height, width],
            input: self.rows(op.input, op.window.pads[1], buffers),
            residual: op.residual.map(|tensor| self.rows(tensor, 0, buffers)),
            output: RowsMut {
                data,
                starts: &self.starts[op.output],
                skip: output.halo[0] * output.pixel,
                width: output.shape.width,
                pixel: output.pixel,
            },
        }
    }

    /// The rows of a tensor, with `pad` of the zero pixels before each.
    fn rows<'a>(&'a self, tensor: usize, pad: usize, buffers: &'a [Aligned<f32>]) -> Rows<'a> {
        let about = &self.graph.tensors[tensor];
        Rows {
            data: buffers[tensor].values(),
            starts: &self.starts[tensor],
            first: 0,
            zeros: self.zeros.values(),
            stride: about.stride(),
            skip: (about.halo[0] - pad) * about.pixel,
            pixel: about.pixel,
        }
    }

    /// Has the rows of an input filled, and spreads their pixels where they are not packed.
    fn input_rows(
        &self,
        step: &Step,
        data: &mut [f32],
        mut fill: impl FnMut(usize, &mut [f32]),
    ) {
        let tensor = self.graph.ops[step.op].output;
        let about = &self.graph.tensors[tensor];
        let (pixel, Shape { width, channels, .. }) = (about.pixel, about.shape);
        for y in step.rows.clone() {
            let start = self.starts[tensor][y] + about.halo[0] * pixel;
            let row = &mut data[start..start + width * pixel];
            fill(y, &mut row[..width * channels]);
            if pixel == channels {
                continue;
            }
            for x in (0..width).rev() {
                row.copy_within(x * channels..(x + 1) * channels, x * pixel);
                row[x * pixel + channels..(x + 1) * pixel].fill(0.0);
            }
        }
    }

    pub(super) fn outputs(&self) -> usize {
        self.graph.outputs.len()
    }

    /// How many values an output has.
    pub(super) fn output_len(&self, index: usize) -> usize {
        let Output(parts) = &self.graph.outputs[index];
        parts.iter().map(|part| self.graph.tensors[part.tensor].shape.len()).sum()
    }

    /// Copies an output in ONNX's order; a feature map with its channels last where
    /// `pixels` is true.
    pub(super) fn read(
        &self,
        workspace: &Workspace,
        index: usize,
        pixels: bool,
        to: &mut [f32],
    ) {
        let Output(parts) = &self.graph.outputs[index];
        let mut rest = to;
        for View { tensor, order, dims } in parts {
            let shape = self.graph.tensors[*tensor].shape;
            let (part, more) = rest.split_at_mut(shape.len());
            let is_map = dims.len() == 4 && pixels;
            let rows = self.rows(*tensor, 0, &workspace.buffers);
            if *order == Order::ChannelsLast || shape.has_one_order() || is_map {
                copy_pixels(rows, shape, part);
            } else {
                copy_planes(rows, shape, part);
            }
            rest = more;
        }
    }
}

/// On x86-64 compiled three times, chosen at run time; NEON is part of aarch64.
#[multiversion(targets(
    "x86_64+avx512f+avx512vl+avx512dq+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn run_steps(plan: &Plan, workspace: &mut Workspace, fill: FillRow<'_>) {
    let is_wide = target_cfg_f!(target_feature = "avx512f");
    let is_fused = target_cfg_f!(any(target_feature = "fma", target_feature = "neon"));
    match (is_fused, is_wide) {
        (true, true) => plan.steps::<true, true>(workspace, fill),
        (true, false) => plan.steps::<true, false>(workspace, fill),
        (false, _) => plan.steps::<false, false>(workspace, fill),
    }
}

fn copy_pixels(rows: Rows<'_>, shape: Shape, to: &mut [f32]) {
    let Shape { width, channels, .. } = shape;
    for (y, to) in to.chunks_exact_mut(width * channels).enumerate() {
        let pixels = rows.row(y, 0).chunks_exact(rows.pixel);
        for (to, pixel) in to.chunks_exact_mut(channels).zip(pixels) {
            to.copy_from_slice(&pixel[..channels]);
        }
    }
}

fn copy_planes(rows: Rows<'_>, shape: Shape, to: &mut [f32]) {
    let Shape { height, width, .. } = shape;
    for y in 0..height {
        let row = rows.row(y, 0);
        for (channel, plane) in to.chunks_exact_mut(height * width).enumerate() {
            let values = row[channel..].iter().step_by(rows.pixel);
            plane[y * width..][..width]
                .iter_mut()
                .zip(values)
                .for_each(|(to, from)| *to = *from);
        }
    }
}
