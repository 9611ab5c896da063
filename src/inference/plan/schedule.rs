//! The order of the work: rows go as deep into the network as they can at once, so that they
//! are still in the cache when they are read. It is simulated once, at load, which also gives
//! how many rows of each tensor live at the same time: its ring buffer has no more.

use std::ops::Range;

use super::graph::{Graph, Kernel, Op, Output, View};

/// Floats that a depthwise convolution may leave for its 1x1 convolution: half of a small L1
/// cache, the other half is for weights.
const SCRATCH: usize = 3072;
/// Output pixels for which a dense convolution fetches its weights once.
const PIXELS: usize = 48;

/// Some rows of one operator's output.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Step {
    pub(super) op: usize,
    pub(super) rows: Range<usize>,
}

/// What to compute when, and what to keep.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) steps: Vec<Step>,
    /// Rows of each tensor's ring buffer.
    pub(super) capacities: Vec<usize>,
    /// Floats between a depthwise convolution and its 1x1 convolution, at most.
    pub(super) scratch: usize,
}

impl Graph {
    /// Rows of the output that an operator makes at a time.
    pub(super) fn rows_at_a_time(&self, op: &Op) -> usize {
        let (input, out) = (&self.tensors[op.input], &self.tensors[op.output]);
        let Op { kernel, .. } = op;
        let rows = match kernel {
            Kernel::Depthwise { .. } => SCRATCH / (out.shape.width * input.pixel),
            Kernel::Conv(_) => PIXELS / out.shape.width,
            _ => 1,
        };
        rows.clamp(1, out.shape.height)
    }

    /// The tensors that an operator reads, with the rows that row `y` of its output needs.
    fn needs(&self, op: &Op, y: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        let height = self.tensors[op.input].shape.height;
        let main = match op.kernel {
            Kernel::Input(_) => None,
            _ => Some((op.input, op.window.rows(y, height))),
        };
        main.into_iter().chain(op.residual.map(|tensor| (tensor, y..y + 1)))
    }

    fn height(&self, tensor: usize) -> usize {
        self.tensors[tensor].shape.height
    }

    fn is_output(&self, tensor: usize) -> bool {
        let views = self.outputs.iter().flat_map(|Output(parts)| parts);
        views.into_iter().any(|View { tensor: part, .. }| *part == tensor)
    }

    /// Simulates the run. Every operator ends, since each reads only what stands before it.
    pub(super) fn schedule(&self) -> Schedule {
        let mut steps = vec![];
        let mut next = vec![0; self.ops.len()];
        let mut made = vec![0; self.tensors.len()];
        let mut capacities: Vec<usize> = (0..self.tensors.len())
            .map(|t| if self.is_output(t) { self.height(t) } else { 1 })
            .collect();
        let chunks: Vec<usize> = self.ops.iter().map(|op| self.rows_at_a_time(op)).collect();
        loop {
            let rows = |index: usize| {
                let op = &self.ops[index];
                next[index]..(next[index] + chunks[index]).min(self.height(op.output))
            };
            let is_ready = |index: &usize| {
                let Range { start, end } = rows(*index);
                start < end
                    && self
                        .needs(&self.ops[*index], end - 1)
                        .all(|(tensor, needed)| needed.end <= made[tensor])
            };
            let Some(index) = (0..self.ops.len()).rev().find(is_ready) else { break };
            let rows = rows(index);
            let output = self.ops[index].output;
            made[output] = rows.end;
            let oldest =
                self.oldest_needed(output, &next).map_or(rows.start, |o| o.min(rows.start));
            capacities[output] = capacities[output].max(rows.end - oldest);
            next[index] = rows.end;
            steps.push(Step { op: index, rows });
        }
        let scratch = self.ops.iter().zip(&chunks).map(|(op, rows)| {
            rows * self.tensors[op.output].shape.width * self.tensors[op.input].pixel
        });
        Schedule { steps, capacities, scratch: scratch.max().unwrap_or(0) }
    }

    /// The first row of a tensor that some reader still needs.
    fn oldest_needed(&self, tensor: usize, next: &[usize]) -> Option<usize> {
        let readers = self.ops.iter().zip(next);
        let waiting = readers.filter(|(op, next)| **next < self.height(op.output));
        waiting
            .flat_map(|(op, next)| self.needs(op, *next))
            .filter(|(read, _)| *read == tensor)
            .map(|(_, rows)| rows.start)
            .min()
    }
}
