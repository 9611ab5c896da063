//! MaxPool of 2x2 without overlap, row by row. tract's general one looks up every pixel's place
//! and takes a seventh of the face mesh's time.

use tract_onnx::{
    model::ParsingContext,
    pb::NodeProto,
    tract_hir::internal::{tract_core::ndarray::ArrayD, *},
};

/// Reads the ONNX operator; every other form of it goes to tract.
pub(super) fn parse(
    context: &ParsingContext<'_>,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let is = |name: &str, expected: &[i64], default: bool| -> TractResult<bool> {
        let values = node.get_attr_opt_tvec::<i64>(name)?;
        Ok(values.map_or(default, |values| *values == *expected))
    };
    let halves = is("kernel_shape", &[2, 2], false)?
        && is("strides", &[2, 2], false)?
        && is("pads", &[0; 4], true)?
        && is("dilations", &[1, 1], true)?
        && node.get_attr_opt::<i64>("ceil_mode")?.unwrap_or(0) == 0
        && node.get_attr_opt::<&str>("auto_pad")?.is_none_or(|pad| pad == "NOTSET")
        && node.output.len() == 1;
    if halves {
        return Ok((expand(HalvingMaxPool), vec![]));
    }
    tract_onnx::onnx().op_register.0["MaxPool"](context, node)
}

/// The largest of each 2x2 pixels; an odd last row or column is left out, as ONNX says.
#[derive(Clone, Debug, Eq, PartialEq)]
struct HalvingMaxPool;

/// Halves rows and columns of batch, channel, row, column.
fn halved(shape: &[TDim]) -> TVec<TDim> {
    shape
        .iter()
        .enumerate()
        .map(|(axis, dim)| if axis < 2 { dim.clone() } else { dim.clone() / 2 })
        .collect()
}

impl Expansion for HalvingMaxPool {
    fn name(&self) -> StaticName {
        "HalvingMaxPool".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].rank, 4)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        solver.given(&inputs[0].shape, move |solver, shape| {
            solver.equals(&outputs[0].shape, halved(&shape))
        })
    }

    fn wire(
        &self,
        name: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(name, HalvingMaxPool, inputs)
    }
}

impl Op for HalvingMaxPool {
    fn name(&self) -> StaticName {
        "HalvingMaxPool".into()
    }

    op_as_typed_op!();
}

impl EvalOp for HalvingMaxPool {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let &[batch, channels, height, width] = inputs[0].shape() else {
            bail!("MaxPool needs batch, channel, row, column")
        };
        let values = inputs[0].try_as_plain_ram()?.as_slice::<f32>()?;
        let shape = [batch, channels, height / 2, width / 2];
        let mut out = Vec::with_capacity(shape.iter().product());
        for plane in values.chunks_exact((height * width).max(1)) {
            for rows in plane.chunks_exact(2 * width) {
                let (above, below) = rows.split_at(width);
                let pairs = above.chunks_exact(2).zip(below.chunks_exact(2));
                out.extend(pairs.map(|(a, b)| larger(larger(a[0], a[1]), larger(b[0], b[1]))));
            }
        }
        Ok(tvec!(ArrayD::from_shape_vec(shape.as_slice(), out)?.into_tvalue()))
    }
}

/// One instruction, where `f32::max` needs three to be exact about NaN.
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

impl TypedOp for HalvingMaxPool {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].datum_type.fact(halved(&inputs[0].shape))))
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_square_gives_its_largest_and_odd_ends_are_left_out() {
        let values: Vec<f32> = (0..2 * 3 * 5).map(|i| (i as f32 * 7.0) % 11.0).collect();
        let input = Tensor::from_shape(&[1, 2, 3, 5], &values).unwrap().into_tvalue();
        let output = HalvingMaxPool.eval_out_of_plan(tvec!(input)).unwrap().unwrap().remove(0);
        assert_eq!(output.shape(), [1, 2, 1, 2]);
        let expected: Vec<f32> = [0, 2, 15, 17]
            .map(|at| [at, at + 1, at + 5, at + 6].map(|at| values[at]))
            .map(|square| square.into_iter().fold(f32::MIN, f32::max))
            .to_vec();
        assert_eq!(output.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap(), expected);
    }
}
