//! [`Runner`]: a model and what one worker needs to run it.

use super::model::{Model, Outputs, Workspace};
use crate::error::Result;

/// A [`Model`] with a [`Workspace`] of its own: what one worker runs. The model itself is shared.
#[derive(Debug)]
pub struct Runner {
    model: Model,
    workspace: Workspace,
}

impl Runner {
    /// For one worker.
    pub fn new(model: &Model) -> Self {
        Runner { workspace: model.workspace(), model: model.clone() }
    }

    /// As [`Model::run_in`].
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn run(&mut self, fill: impl FnMut(usize, &mut [f32])) -> Result<&Outputs> {
        self.model.run_in(&mut self.workspace, fill)
    }

    /// As [`Model::run_picture`].
    ///
    /// # Errors
    /// As [`Model::run_picture`].
    pub fn run_picture(&mut self, fill: impl FnMut(usize, &mut [f32])) -> Result<&Outputs> {
        self.model.run_picture(&mut self.workspace, fill)
    }
}
