//! Tensors to tensors: the models of `models/`. No other module calls an inference library.
//!
//! [`catalog`] lists the models and checks their files; [`Runtime`] is what loads
//! them: tract, or ONNX Runtime where the operator asks for it; [`Model`] runs one and hides
//! what does. In tract's place, `plan` runs the networks all of whose operators it supports.

mod config;
mod picture_input;
mod plan;
mod spec;
#[cfg(feature = "onnxruntime")]
mod onnxruntime;
mod picture_tensor;
mod tract;
mod contract;
mod model;
mod runner;
mod runtime;
pub mod catalog;
#[cfg(test)]
mod golden;

pub use catalog::{Catalog, ModelEntry};
pub use config::{Backend, InferenceConfig, Provider};
pub use model::{Model, Outputs, Workspace};
pub use picture_input::{Colour, Layout, PictureInput, PictureOutput};
pub use runner::Runner;
pub use runtime::Runtime;
