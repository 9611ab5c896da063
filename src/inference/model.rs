//! [`Model`]: one loaded model, whichever runtime runs it.

use std::sync::Arc;

use tract_onnx::pb::ModelProto;

#[cfg(feature = "onnxruntime")]
use super::onnxruntime::OnnxModel;
use super::{
    contract::refused,
    picture_tensor::{PictureTensor, PictureTensors},
    plan::{self, Plan},
    spec::ModelSpec,
    tract::{TractModel, TractOutputs},
};
use crate::error::{Error, ErrorKind, Result};

/// A model that is loaded, optimised and ready; shared read-only between workers.
#[derive(Clone, Debug)]
pub struct Model {
    name: Arc<str>,
    engine: Engine,
    input_lens: Arc<[usize]>,
    pictures: Arc<PictureTensors>,
}

#[derive(Clone, Debug)]
enum Engine {
    Plan(Arc<Plan>),
    Tract(TractModel),
    #[cfg(feature = "onnxruntime")]
    OnnxRuntime(Arc<OnnxModel>),
}

/// What one run of a [`Model`] writes: its inputs, what lies between, its outputs. A worker that
/// keeps one for each model allocates nothing where boothd's own kernels run the model.
#[derive(Debug)]
pub struct Workspace {
    plan: plan::Workspace,
    /// Inputs in the model's own layout, of [`Model::run_in`].
    inputs: Vec<Vec<f32>>,
    /// One row of a picture.
    row: Vec<f32>,
    outputs: Outputs,
}

/// What a run of a [`Model`] gave: one float tensor an output, flattened in row-major order.
#[derive(Debug)]
pub struct Outputs(Values);

enum Values {
    Copied(Vec<Vec<f32>>),
    Tract(TractOutputs),
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Values").finish_non_exhaustive()
    }
}

impl Model {
    /// On boothd's own kernels where they know every operator, else on tract.
    pub(super) fn tract(spec: ModelSpec<'_>, proto: &ModelProto) -> Result<Self> {
        let graph =
            proto.graph.as_ref().ok_or_else(|| refused(spec.name, "no graph".into()))?;
        let engine = match Plan::new(graph, spec.inputs, spec.outputs) {
            Ok(plan) => Engine::Plan(Arc::new(plan)),
            Err(found) => {
                log::info!(target: "inference",
                    model = spec.name, operator = found.operator.as_str(), why = found.why;
                    "tract runs a model: boothd's own kernels lack an operator of it");
                let loaded = TractModel::load(spec, proto);
                Engine::Tract(loaded.map_err(|why| refused(spec.name, why))?)
            }
        };
        Ok(Model::new(spec, engine, proto))
    }

    #[cfg(feature = "onnxruntime")]
    pub(super) fn onnxruntime(
        spec: ModelSpec<'_>,
        proto: &ModelProto,
        loaded: OnnxModel,
    ) -> Self {
        Model::new(spec, Engine::OnnxRuntime(Arc::new(loaded)), proto)
    }

    fn new(spec: ModelSpec<'_>, engine: Engine, proto: &ModelProto) -> Self {
        let pictures = match &proto.graph {
            Some(graph) => PictureTensors::of(graph, spec),
            None => PictureTensors::default(),
        };
        Model {
            name: spec.name.into(),
            engine,
            input_lens: spec.inputs.iter().map(|shape| shape.iter().product()).collect(),
            pictures: Arc::new(pictures),
        }
    }

    /// Memory for one run at a time, for a worker to keep.
    pub fn workspace(&self) -> Workspace {
        let zeros = |len: usize| vec![0.0; len];
        let (plan, outputs) = match &self.engine {
            Engine::Plan(plan) => {
                let lens = (0..plan.outputs()).map(|index| plan.output_len(index));
                (plan.workspace(), lens.map(zeros).collect())
            }
            _ => (plan::Workspace::default(), vec![]),
        };
        let row = self.picture().map_or(0, |picture| picture.row_len());
        Workspace {
            plan,
            inputs: self.input_lens.iter().map(|len| zeros(*len)).collect(),
            row: zeros(row),
            outputs: Outputs(Values::Copied(outputs)),
        }
    }

    /// Runs the model. `fill` is called once an input, with its index and its values to be
    /// written in row-major order (all zero before).
    ///
    /// # Errors
    /// `Internal`: a loaded model runs, or boothd has a bug.
    pub fn run(&self, fill: impl FnMut(usize, &mut [f32])) -> Result<Outputs> {
        let mut workspace = self.workspace();
        self.run_in(&mut workspace, fill)?;
        Ok(workspace.outputs)
    }

    /// As [`Model::run`], in memory that the caller keeps for the next run. The workspace must
    /// be this model's.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn run_in<'w>(
        &self,
        workspace: &'w mut Workspace,
        mut fill: impl FnMut(usize, &mut [f32]),
    ) -> Result<&'w Outputs> {
        let Engine::Plan(plan) = &self.engine else {
            workspace.outputs = self.run_engine(fill)?;
            return Ok(&workspace.outputs);
        };
        let Workspace { plan: plan_workspace, inputs, outputs, .. } = workspace;
        for (index, input) in inputs.iter_mut().enumerate() {
            input.fill(0.0);
            fill(index, input);
        }
        plan.run(plan_workspace, &mut |index, y, row| match &self.pictures.inputs[index] {
            Some(picture) => picture.read_row(&inputs[index], y, row),
            None => row.copy_from_slice(&inputs[index]),
        });
        outputs.read(plan, plan_workspace, false);
        Ok(outputs)
    }

    /// Rows, columns and channels of the picture that [`Model::run_picture`] takes.
    pub fn picture_shape(&self) -> Option<[usize; 3]> {
        self.picture().map(|p| [p.height, p.width, p.channels])
    }

    fn picture(&self) -> Option<PictureTensor> {
        match *self.pictures.inputs.as_slice() {
            [picture] => picture,
            _ => None,
        }
    }

    /// Runs a model whose only input is a picture, whatever the layout of its tensors: `fill` is
    /// called once for each row, from top to bottom, with its number and its pixels to be written
    /// one after another, all channels of each (whatever they were before). Outputs that are
    /// feature maps have their channels last, too.
    ///
    /// # Errors
    /// `Internal` where the model takes no single picture, and as [`Model::run`].
    pub fn run_picture<'w>(
        &self,
        workspace: &'w mut Workspace,
        mut fill: impl FnMut(usize, &mut [f32]),
    ) -> Result<&'w Outputs> {
        let Some(picture) = self.picture() else {
            return Err(self.failed("its input is not one picture".into()));
        };
        let Workspace { plan: plan_workspace, row, outputs, .. } = workspace;
        if let Engine::Plan(plan) = &self.engine {
            plan.run(plan_workspace, &mut |_, y, row| fill(y, row));
            outputs.read(plan, plan_workspace, true);
            return Ok(outputs);
        }
        let found = self.run_engine(|_, tensor| {
            for y in 0..picture.height {
                fill(y, row);
                picture.write_row(row, y, tensor);
            }
        })?;
        let values = self.pictures.outputs.iter().enumerate().map(|(index, map)| match map {
            Some(map) => map.to_pixels(found.values(index)),
            None => found.values(index).to_vec(),
        });
        *outputs = Outputs(Values::Copied(values.collect()));
        Ok(outputs)
    }

    /// Runs the model on tract or ONNX Runtime.
    fn run_engine(&self, fill: impl FnMut(usize, &mut [f32])) -> Result<Outputs> {
        let ran = match &self.engine {
            Engine::Plan(_) => Err("its kernels run in a workspace".into()),
            Engine::Tract(model) => model.run(fill).map(Values::Tract),
            #[cfg(feature = "onnxruntime")]
            Engine::OnnxRuntime(model) => model.run(fill).map(Values::Copied),
        };
        ran.map(Outputs).map_err(|why| self.failed(why))
    }

    fn failed(&self, why: String) -> Error {
        Error::new(ErrorKind::Internal, format!("model {} failed to run", self.name))
            .because(why)
    }

    /// What runs it: `tract` (with boothd's own kernels in its place where they can), or ONNX
    /// Runtime with its version and the providers in their order.
    pub fn runtime(&self) -> &str {
        match &self.engine {
            Engine::Plan(_) | Engine::Tract(_) => "tract",
            #[cfg(feature = "onnxruntime")]
            Engine::OnnxRuntime(model) => model.runtime(),
        }
    }

    /// Whether boothd's own kernels run it.
    pub fn has_own_kernels(&self) -> bool {
        matches!(self.engine, Engine::Plan(_))
    }
}

impl Outputs {
    /// The values of output `index`, row-major.
    pub fn values(&self, index: usize) -> &[f32] {
        match &self.0 {
            Values::Copied(outputs) => &outputs[index],
            Values::Tract(outputs) => outputs.values(index),
        }
    }

    fn read(&mut self, plan: &Plan, workspace: &plan::Workspace, pixels: bool) {
        if let Values::Copied(outputs) = &mut self.0 {
            for (index, values) in outputs.iter_mut().enumerate() {
                plan.read(workspace, index, pixels, values);
            }
        }
    }
}
