//! Tensors to tensors: the models of `models/`. No other module calls an inference library.
//!
//! [`catalog`] lists the models and checks their files; [`Runtime`] is what loads
//! them: tract, or ONNX Runtime where the operator asks for it; [`Model`] runs one and hides
//! what does. In tract's place, `plan` runs the networks all of whose operators it supports.

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
