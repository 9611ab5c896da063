//! PRelu as one pass over the data. tract's own is three passes and a copy, and the face models
//! have 76 of them.

use std::sync::Arc;

use tract_onnx::tract_hir::internal::*;

/// Reads the ONNX operator.
pub(super) fn parse(
    _context: &tract_onnx::model::ParsingContext<'_>,
    _node: &tract_onnx::pb::NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(PRelu), vec![]))
}

/// As ONNX has it: two inputs, the second holds the slopes.
#[derive(Clone, Debug)]
struct PRelu;

impl Expansion for PRelu {
    fn name(&self) -> StaticName {
        "PRelu".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        solver.equals(&inputs[0].shape, &outputs[0].shape)
    }

    fn wire(
        &self,
        name: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let fact = model.outlet_fact(inputs[1])?;
        let slopes = fact.konst.as_ref().context("PRelu's slopes must be constant")?;
        let slopes: Arc<[f32]> =
            slopes.cast_to::<f32>()?.try_as_plain_ram()?.as_slice()?.into();
        let channels = model.outlet_fact(inputs[0])?.shape.get(1).cloned();
        ensure!(
            slopes.len() == 1 || channels == Some(slopes.len().to_dim()),
            "PRelu needs one slope, or one for each channel (axis 1)"
        );
        model.wire_node(name, ChannelPRelu { slopes }, &inputs[..1])
    }
}

/// max(x, 0) + slope * min(x, 0), with one slope for all or for each channel (axis 1).
#[derive(Clone, Debug, PartialEq)]
struct ChannelPRelu {
    slopes: Arc<[f32]>,
}

impl Eq for ChannelPRelu {}

impl Op for ChannelPRelu {
    fn name(&self) -> StaticName {
        "ChannelPRelu".into()
    }

    op_as_typed_op!();
}

impl EvalOp for ChannelPRelu {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut tensor = inputs.remove(0).into_tensor();
        let outer = tensor.shape().first().copied().unwrap_or(1);
        {
            let mut view = tensor.to_plain_array_view_mut::<f32>()?;
            let values = view.as_slice_mut().context("a tensor is contiguous")?;
            let per_slope = match self.slopes.len() {
                1 => values.len().max(1),
                channels => (values.len() / channels / outer.max(1)).max(1),
            };
            let slopes = self.slopes.iter().cycle();
            for (channel, slope) in values.chunks_mut(per_slope).zip(slopes) {
                for value in channel {
                    *value = value.max(0.0) + slope * value.min(0.0);
                }
            }
        }
        Ok(tvec!(tensor.into_tvalue()))
    }
}

impl TypedOp for ChannelPRelu {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relu(slopes: &[f32], shape: &[usize], values: &[f32]) -> Vec<f32> {
        let op = ChannelPRelu { slopes: slopes.into() };
        let input = Tensor::from_shape(shape, values).unwrap().into_tvalue();
        let output = op.eval_out_of_plan(tvec!(input)).unwrap().unwrap().remove(0);
        output.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec()
    }

    #[test]
    fn each_channel_of_each_picture_has_its_slope() {
        let values = [-1.0, 2.0, -3.0, 4.0, -5.0, 6.0, -7.0, -8.0];
        assert_eq!(
            relu(&[0.5, 2.0], &[2, 2, 1, 2], &values),
            [-0.5, 2.0, -6.0, 4.0, -2.5, 6.0, -14.0, -16.0]
        );
    }

    #[test]
    fn one_slope_is_for_all() {
        assert_eq!(relu(&[0.1], &[1, 2, 2], &[-1.0, 1.0, -2.0, 0.0]), [-0.1, 1.0, -0.2, 0.0]);
    }
}
