//! Depthwise convolution as long straight loops. tract's own goes zone by zone and row by row,
//! which is slow on the small maps (7x7 to 56x56) of the face models.
//!
//! A channel is written into a zero-padded plane; its rows lie end to end, so that a tap is the
//! same plane from a later place on, and neither borders nor row ends need a branch. The few
//! values computed across a row's end are left out. With a stride s the plane is split into s x s
//! phases, which brings it back to stride 1.

use std::sync::Arc;

use multiversion::multiversion;

use tract_onnx::tract_hir::internal::{
    tract_core::{
        model::Rewriter,
        ndarray::ArrayD,
        ops::cnn::{Conv, KernelFormat},
    },
    *,
};

/// Outputs computed at a time: 8 registers of SSE2 or NEON.
const LANES: usize = 32;

/// Puts a [`DepthwiseConv`] in the place of each convolution that is one.
pub(super) fn substitute(model: &mut TypedModel) -> TractResult<()> {
    Rewriter::default()
        .with_rule_for::<Conv>("depthwise", |_: &(), model, node, _, conv| {
            let Some(op) = DepthwiseConv::of(model, node, conv)? else { return Ok(None) };
            TypedModelPatch::single_unary_op(model, node, op).map(Some)
        })
        .rewrite(&(), model)
}

/// One kernel a channel; for [row, column] each of the pairs.
#[derive(Clone, Debug, PartialEq)]
struct DepthwiseConv {
    /// Channel, row, column.
    weights: Arc<[f32]>,
    bias: Arc<[f32]>,
    kernel: [usize; 2],
    strides: [usize; 2],
    /// Zeros above the first row, before the first column.
    pads: [usize; 2],
    input: [usize; 2],
    output: [usize; 2],
}

impl Eq for DepthwiseConv {}

impl DepthwiseConv {
    /// What `conv` computes, or `None` where it is no such convolution of constant floats.
    fn of(model: &TypedModel, node: &TypedNode, conv: &Conv) -> TractResult<Option<Self>> {
        let [input, weights, bias] = *node.inputs else { return Ok(None) };
        let (input, pool) = (model.outlet_fact(input)?, &conv.pool_spec);
        let constant =
            |outlet| -> TractResult<_> { Ok(model.outlet_fact(outlet)?.konst.clone()) };
        let channels = conv.group;
        let fits = channels > 1
            && (pool.input_channels, pool.output_channels) == (channels, channels)
            && (conv.q_params.is_none() && conv.kernel_fmt == KernelFormat::OIHW)
            && (pool.rank() == 2 && !pool.data_format.c_is_last())
            && pool.dilations().iter().all(|&dilation| dilation == 1)
            && input.datum_type == f32::datum_type();
        let (true, Some(shape), Some(weights), Some(bias)) =
            (fits, input.shape.as_concrete(), constant(weights)?, constant(bias)?)
        else {
            return Ok(None);
        };
        let input = pair(&shape[shape.len() - 2..]);
        let padding = pool.computed_padding(&input);
        let weights: Arc<[f32]> = floats(&weights)?.into();
        let bias: Arc<[f32]> = match floats(&bias)? {
            [one] => vec![*one; channels].into(),
            each => each.into(),
        };
        let kernel = pair(&pool.kernel_shape);
        if weights.len() != channels * kernel[0] * kernel[1] || bias.len() != channels {
            return Ok(None);
        }
        let pads = [padding[0].pad_before, padding[1].pad_before];
        let output = [padding[0].convoluted, padding[1].convoluted];
        let strides = pair(&pool.strides());
        Ok(Some(DepthwiseConv { weights, bias, kernel, strides, pads, input, output }))
    }

    /// Rows and columns of one phase of the padded plane.
    fn phase(&self) -> [usize; 2] {
        let reach =
            |axis: usize| self.output[axis] + (self.kernel[axis] - 1) / self.strides[axis];
        let needed = |axis: usize| {
            (self.pads[axis] + self.input[axis]).div_ceil(self.strides[axis]).max(reach(axis))
        };
        [needed(0), needed(1)]
    }

    /// Where in the padded plane the pixel of `row` and `column` (counted with the padding) is.
    fn place(&self, row: usize, column: usize) -> usize {
        let ([height, width], [down, across]) = (self.phase(), self.strides);
        let phase = row % down * across + column % across;
        (phase * height + row / down) * width + column / across
    }

    /// Writes a channel into the padded plane, whose zeros around it stay.
    fn pad(&self, channel: &[f32], plane: &mut [f32]) {
        let across = self.strides[1];
        for (row, values) in channel.chunks_exact(self.input[1]).enumerate() {
            for first in 0..across.min(values.len()) {
                let from = self.place(row + self.pads[0], first + self.pads[1]);
                let values = values[first..].iter().step_by(across);
                plane[from..].iter_mut().zip(values).for_each(|(to, value)| *to = *value);
            }
        }
    }
}

/// Convolves a padded plane; tap `i` is `weights[i]` times the plane from `places[i]` on.
///
/// A build for any x86-64 has four values an instruction; where AVX2 is there, it takes eight.
#[multiversion(targets("x86_64+avx2+fma"))]
fn convolve(plane: &[f32], places: &[usize], weights: &[f32], bias: f32, out: &mut [f32]) {
    for (index, out) in out.chunks_exact_mut(LANES).enumerate() {
        let mut sums = [bias; LANES];
        for (place, weight) in places.iter().zip(weights) {
            let values = &plane[place + index * LANES..][..LANES];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += weight * value;
            }
        }
        out.copy_from_slice(&sums);
    }
}

fn pair(values: &[usize]) -> [usize; 2] {
    [values[0], values[1]]
}

fn floats(tensor: &Tensor) -> TractResult<&[f32]> {
    tensor.try_as_plain_ram()?.as_slice::<f32>()
}

impl Op for DepthwiseConv {
    fn name(&self) -> StaticName {
        "OwnDepthwiseConv".into()
    }

    op_as_typed_op!();
}

impl EvalOp for DepthwiseConv {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [rows, columns] = self.output;
        let ([height, width], [down, across]) = (self.phase(), self.strides);
        let taps = self.kernel[0] * self.kernel[1];
        let places: Vec<usize> = (0..taps)
            .map(|tap| self.place(tap / self.kernel[1], tap % self.kernel[1]))
            .collect();
        let mut sums = vec![0.0; (rows * width).next_multiple_of(LANES)];
        let furthest = places.iter().max().copied().unwrap_or(0) + sums.len();
        let mut plane = vec![0.0; furthest.max(height * width * down * across)];
        let channels = self.bias.len();
        let mut shape: TVec<usize> = inputs[0].shape().into();
        let rank = shape.len();
        shape[rank - 2..].copy_from_slice(&self.output);
        let mut out = Vec::<f32>::with_capacity(shape.iter().product());
        let planes = floats(&inputs[0])?.chunks_exact(self.input[0] * self.input[1]);
        for (index, channel) in planes.enumerate() {
            let index = index % channels;
            self.pad(channel, &mut plane);
            let weights = &self.weights[index * taps..][..taps];
            convolve(&plane, &places, weights, self.bias[index], &mut sums);
            sums.chunks_exact(width).take(rows).for_each(|row| out.extend(&row[..columns]));
        }
        Ok(tvec!(ArrayD::from_shape_vec(&*shape, out)?.into_tvalue()))
    }
}

impl TypedOp for DepthwiseConv {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs[0].shape.to_tvec();
        let rank = shape.len();
        shape[rank - 2..].clone_from_slice(&self.output.map(|dim| dim.to_dim()));
        Ok(tvec!(inputs[0].datum_type.fact(shape)))
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the definition has it, pixel by pixel.
    fn naive(op: &DepthwiseConv, input: &[f32]) -> Vec<f32> {
        let ([height, width], [rows, columns]) = (op.input, op.output);
        let taps = op.kernel[0] * op.kernel[1];
        let mut out = vec![];
        for (index, channel) in input.chunks(height * width).enumerate() {
            let index = index % op.bias.len();
            for (row, column) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                let mut sum = op.bias[index];
                for tap in 0..taps {
                    let y = row * op.strides[0] + tap / op.kernel[1];
                    let x = column * op.strides[1] + tap % op.kernel[1];
                    let inside = |at: usize, axis: usize| {
                        at.checked_sub(op.pads[axis]).filter(|at| *at < op.input[axis])
                    };
                    if let (Some(y), Some(x)) = (inside(y, 0), inside(x, 1)) {
                        sum += op.weights[index * taps + tap] * channel[y * width + x];
                    }
                }
                out.push(sum);
            }
        }
        out
    }

    /// Numbers without a pattern that a wrong place could repeat, from -1 to 1.
    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * 12.9898).sin()).collect()
    }

    fn check(input: [usize; 2], kernel: [usize; 2], strides: [usize; 2], pads: [usize; 4]) {
        let [top, left, bottom, right] = pads;
        let length =
            |axis: usize, pads| (input[axis] + pads - kernel[axis]) / strides[axis] + 1;
        let output = [length(0, top + bottom), length(1, left + right)];
        let weights = numbers(3 * kernel[0] * kernel[1]).into();
        let (bias, pads) = ([0.5, -0.25, 2.0].into(), [top, left]);
        let op = DepthwiseConv { weights, bias, kernel, strides, pads, input, output };
        let values = numbers(2 * 3 * input[0] * input[1]);
        let tensor = Tensor::from_shape(&[2, 3, input[0], input[1]], &values).unwrap();
        let out = op.eval_out_of_plan(tvec!(tensor.into_tvalue())).unwrap().unwrap().remove(0);
        assert_eq!(out.shape(), [2, 3, output[0], output[1]]);
        for (index, (a, b)) in floats(&out).unwrap().iter().zip(naive(&op, &values)).enumerate()
        {
            assert!((a - b).abs() < 1e-5, "{op:?}: {a} instead of {b} at {index}");
        }
    }

    #[test]
    fn equals_the_definition_on_the_models_maps() {
        for size in [7, 14, 56] {
            for kernel in [3, 5] {
                let pad = kernel / 2;
                check([size; 2], [kernel; 2], [1; 2], [pad; 4]);
                check([size; 2], [kernel; 2], [2; 2], [pad; 4]);
                check([size; 2], [kernel; 2], [2; 2], [pad - 1, pad - 1, pad, pad]);
            }
        }
    }

    #[test]
    fn equals_the_definition_on_odd_shapes() {
        check([5, 9], [3, 5], [2, 1], [1, 2, 0, 1]);
        check([9, 5], [5, 1], [1, 2], [0; 4]);
        check([3, 3], [3, 3], [2, 2], [0; 4]);
        check([1, 1], [3, 3], [1, 1], [1; 4]);
        check([1, 2], [5, 5], [2, 2], [2, 3, 4, 2]);
        check([11, 33], [7, 3], [3, 2], [3, 1, 3, 1]);
    }
}
