//! [`OnnxModel`]: one session.

use std::sync::{Mutex, PoisonError};

use ort::{
    session::{Session, SessionInputValue},
    value::Tensor,
};

use super::{super::spec::ModelSpec, short};

/// A model as ONNX Runtime has it.
#[derive(Debug)]
pub(in super::super) struct OnnxModel {
    /// The crate's contract: one run at a time, since some providers are not thread-safe.
    session: Mutex<Session>,
    input_shapes: Vec<Vec<usize>>,
    outputs: Vec<String>,
    runtime: String,
}

impl OnnxModel {
    /// Checks that the session has the inputs and outputs that are wanted.
    pub(super) fn new(
        session: Session,
        spec: ModelSpec<'_>,
        runtime: &str,
    ) -> Result<Self, String> {
        let all: Vec<_> = session.outputs().iter().map(|o| o.name().to_owned()).collect();
        if let Some(absent) = spec.outputs.iter().find(|name| !all.contains(name)) {
            return Err(format!("it has no output {absent}; it has {}", all.join(", ")));
        }
        let (has, wanted) = (session.inputs().len(), spec.inputs.len());
        if has != wanted {
            return Err(format!("it has {has} inputs, the catalog states {wanted}"));
        }
        Ok(OnnxModel {
            session: Mutex::new(session),
            input_shapes: spec.inputs.into(),
            outputs: if spec.outputs.is_empty() { all } else { spec.outputs.into() },
            runtime: runtime.into(),
        })
    }

    /// ONNX Runtime's version and the providers.
    pub(in super::super) fn runtime(&self) -> &str {
        &self.runtime
    }

    /// As [`Model::run`](super::super::Model::run). Inputs are made before and outputs copied
    /// after the session is locked for the run.
    pub(in super::super) fn run(
        &self,
        mut fill: impl FnMut(usize, &mut [f32]),
    ) -> Result<Vec<Vec<f32>>, String> {
        let mut inputs: Vec<SessionInputValue<'_>> =
            Vec::with_capacity(self.input_shapes.len());
        for (index, shape) in self.input_shapes.iter().enumerate() {
            let mut values = vec![0.0; shape.iter().product()];
            fill(index, &mut values);
            let tensor = Tensor::from_array((shape.clone(), values));
            inputs.push(tensor.map_err(|error| short(&error))?.into());
        }
        // A panic ends the daemon; a torn session would fail at its next run.
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let found = session.run(inputs.as_slice()).map_err(|error| short(&error))?;
        let values = |name: &String| {
            let tensor = found.get(name).ok_or_else(|| format!("no output {name} came"))?;
            let (_, values) =
                tensor.try_extract_tensor::<f32>().map_err(|error| short(&error))?;
            Ok(values.to_vec())
        };
        self.outputs.iter().map(values).collect()
    }
}
