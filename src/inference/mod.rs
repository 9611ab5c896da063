//! Tensors to tensors: the models of `models/`, behind one door that no other module opens.
//!
//! [`catalog`] says which models there are and checks their files; [`Model`] runs one.

pub mod catalog;
mod depthwise;
mod max_pool;
mod picture_input;
mod prelu;
mod tract;

pub use catalog::{Catalog, ModelEntry};
pub use picture_input::{Colour, Layout, PictureInput, PictureOutput};
pub use tract::{Model, Outputs};
