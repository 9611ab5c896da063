//! The default backend: tract, pure Rust, on the CPU.

use std::sync::Arc;

use tract_onnx::{Onnx, pb::ModelProto, prelude::*};

use super::spec::ModelSpec;

/// A model as tract has it.
#[derive(Clone)]
pub(super) struct TractModel {
    plan: Arc<TypedRunnableModel>,
    input_shapes: Arc<[Vec<usize>]>,
}

/// One float tensor an output.
pub(super) struct TractOutputs(TVec<TValue>);

impl std::fmt::Debug for TractModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TractModel").finish_non_exhaustive()
    }
}

/// Reads an ONNX file's bytes.
pub(super) fn read(mut bytes: &[u8]) -> Result<ModelProto, String> {
    Onnx::default().proto_model_for_read(&mut bytes).map_err(|cause| format!("{cause:#}"))
}

impl TractModel {
    /// Takes an ONNX file, fixes its input shapes and optimises it for this CPU. What
    /// only feeds other outputs than those wanted is not computed.
    ///
    /// Fails with tract's own message when it cannot run this with these shapes.
    pub(super) fn load(spec: ModelSpec<'_>, proto: &ModelProto) -> Result<Self, String> {
        let build = || -> TractResult<Arc<TypedRunnableModel>> {
            let mut model = tract_onnx::onnx().model_for_proto_model(proto)?;
            if !spec.outputs.is_empty() {
                model = model.with_outputs_by_name(spec.outputs)?;
            }
            for (index, shape) in spec.inputs.iter().enumerate() {
                model.set_input_fact(index, f32::fact(shape.as_slice()).into())?;
            }
            model.into_optimized()?.into_runnable()
        };
        let plan = build().map_err(|cause| format!("{cause:#}"))?;
        Ok(TractModel { plan, input_shapes: spec.inputs.into() })
    }

    /// As [`Model::run`](super::Model::run).
    pub(super) fn run(
        &self,
        mut fill: impl FnMut(usize, &mut [f32]),
    ) -> Result<TractOutputs, String> {
        let mut run = || -> TractResult<TVec<TValue>> {
            let mut inputs = TVec::new();
            for (index, shape) in self.input_shapes.iter().enumerate() {
                let mut tensor = Tensor::zero::<f32>(shape)?;
                {
                    let mut view = tensor.to_plain_array_view_mut::<f32>()?;
                    fill(index, view.as_slice_mut().expect("a fresh tensor is contiguous"));
                }
                inputs.push(tensor.into_tvalue());
            }
            self.plan.run(inputs)
        };
        run().map(TractOutputs).map_err(|cause| format!("{cause:#}"))
    }
}

impl TractOutputs {
    /// The values of output `index`, row-major.
    pub(super) fn values(&self, index: usize) -> &[f32] {
        self.0[index]
            .try_as_plain_ram()
            .and_then(|plain| plain.as_slice::<f32>())
            .expect("every model in the catalog gives floats")
    }
}
