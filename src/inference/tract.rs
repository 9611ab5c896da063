//! The default backend: tract, pure Rust, on the CPU.

use std::sync::Arc;

use tract_onnx::prelude::*;

use super::{depthwise, max_pool, prelu};
use crate::error::{Error, ErrorKind, Result};

/// A model that is loaded, optimised and ready; shared read-only between workers.
#[derive(Clone)]
pub struct Model {
    name: Arc<str>,
    plan: Arc<TypedRunnableModel>,
    input_shapes: Arc<[Vec<usize>]>,
}

/// What a run of a [`Model`] gave: one float tensor an output, flattened in row-major order.
pub struct Outputs(TVec<TValue>);

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Model {
    /// Reads an ONNX file's bytes, fixes its input shapes and optimises it for this CPU.
    ///
    /// `outputs` names the outputs to keep, in order; empty keeps all. What only feeds the
    /// others is not computed.
    ///
    /// # Errors
    /// `Config` when it is no ONNX model that tract can run with these shapes.
    pub fn from_bytes(
        mut bytes: &[u8],
        name: &str,
        shapes: &[Vec<usize>],
        outputs: &[&str],
    ) -> Result<Self> {
        let mut build = || -> TractResult<Arc<TypedRunnableModel>> {
            let mut onnx = tract_onnx::onnx();
            onnx.op_register.insert("PRelu", prelu::parse);
            onnx.op_register.insert("MaxPool", max_pool::parse);
            let mut model = onnx.model_for_read(&mut bytes)?;
            if !outputs.is_empty() {
                model = model.with_outputs_by_name(outputs)?;
            }
            for (index, shape) in shapes.iter().enumerate() {
                model.set_input_fact(index, f32::fact(shape.as_slice()).into())?;
            }
            let mut model = model.into_typed()?.into_decluttered()?;
            depthwise::substitute(&mut model)?;
            model.optimize()?;
            model.into_runnable()
        };
        let plan = build().map_err(|cause| {
            let what =
                format!("model {name} cannot be run; put a supported ONNX file in its place");
            Error::new(ErrorKind::Config, what).because(format!("{cause:#}"))
        })?;
        Ok(Model { name: name.into(), plan, input_shapes: shapes.into() })
    }

    /// Runs the model. `fill` is called once an input, with its index and its values to be
    /// written in row-major order (all zero before).
    ///
    /// # Errors
    /// `Internal`: a loaded model runs, or boothd has a bug.
    pub fn run(&self, mut fill: impl FnMut(usize, &mut [f32])) -> Result<Outputs> {
        let mut inputs = TVec::new();
        for (index, shape) in self.input_shapes.iter().enumerate() {
            let mut tensor = Tensor::zero::<f32>(shape).map_err(|e| self.failed(&e))?;
            {
                let mut view =
                    tensor.to_plain_array_view_mut::<f32>().map_err(|e| self.failed(&e))?;
                fill(index, view.as_slice_mut().expect("a fresh tensor is contiguous"));
            }
            inputs.push(tensor.into_tvalue());
        }
        self.plan.run(inputs).map(Outputs).map_err(|e| self.failed(&e))
    }

    fn failed(&self, cause: &TractError) -> Error {
        Error::new(ErrorKind::Internal, format!("model {} failed to run", self.name))
            .because(format!("{cause:#}"))
    }
}

impl Outputs {
    /// The values of output `index`, row-major.
    pub fn values(&self, index: usize) -> &[f32] {
        self.0[index]
            .try_as_plain_ram()
            .and_then(|plain| plain.as_slice::<f32>())
            .expect("every model in the catalog gives floats")
    }
}
