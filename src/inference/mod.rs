//! Tensors to tensors: the models of `models/`, behind one door that no other module opens.
//!
//! [`catalog`] lists the models and checks their files; [`Runtime`] is what loads
//! them: tract, or ONNX Runtime where the operator asks for it; [`Model`] runs one and hides
//! what does. In tract's place, `plan` runs the networks of which it knows every operator.

pub mod catalog;
#[cfg(test)]
mod golden;
mod model;
#[cfg(feature = "onnxruntime")]
mod onnxruntime;
mod picture_input;
mod picture_tensor;
mod plan;
mod runtime;
mod tract;

pub use catalog::{Catalog, ModelEntry};
pub use model::{Model, Outputs, Runner, Workspace};
pub use picture_input::{Colour, Layout, PictureInput, PictureOutput};
pub use runtime::{Backend, InferenceConfig, Provider, Runtime};
