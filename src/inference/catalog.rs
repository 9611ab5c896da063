//! The catalog: which models there are, in which file, with which sha256 and shapes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Model, PictureInput, Runtime, spec::ModelSpec};
use crate::error::{Error, ErrorKind, Result};

/// The models of one folder, as its `catalog.toml` lists them.
#[derive(Clone, Debug)]
pub struct Catalog {
    dir: PathBuf,
    entries: BTreeMap<String, ModelEntry>,
    runtime: Runtime,
}

/// One model of the catalog.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// File name, relative to the catalog.
    pub file: PathBuf,
    /// What the file's SHA-256 must be, hex. boothd's own models all state it; an operator's
    /// model may leave it out.
    pub sha256: Option<String>,
    /// Shape of each input; may be left out where `picture` gives it.
    #[serde(default)]
    pub inputs: Vec<Vec<usize>>,
    /// Outputs to keep, in the order in which boothd reads them; empty keeps all.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// For a model that labels one picture: how to show it the picture and read its answer.
    pub picture: Option<PictureInput>,
}

impl Catalog {
    /// Reads `dir/catalog.toml`; tract runs the models unless [`Catalog::with_runtime`] sets
    /// another.
    ///
    /// # Errors
    /// `Config` when it is missing or malformed.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join("catalog.toml");
        let text = fs::read_to_string(&path).map_err(|cause| {
            let what = format!(
                "{} cannot be read; set models.dir to the folder that holds it",
                path.display()
            );
            Error::new(ErrorKind::Config, what).because(cause)
        })?;
        let entries = toml::from_str(&text).map_err(|cause| {
            Error::new(ErrorKind::Config, format!("{} is malformed", path.display()))
                .because(cause)
        })?;
        Ok(Catalog { dir: dir.into(), entries, runtime: Runtime::tract() })
    }

    /// The same models, run by `runtime`.
    #[must_use]
    pub fn with_runtime(self, runtime: Runtime) -> Self {
        Catalog { runtime, ..self }
    }

    /// The models, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &ModelEntry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// The entry of one model.
    ///
    /// # Errors
    /// `Config` when the catalog lacks it.
    pub fn entry(&self, name: &str) -> Result<&ModelEntry> {
        self.entries.get(name).ok_or_else(|| {
            let what =
                format!("{} has no entry [{name}]", self.dir.join("catalog.toml").display());
            Error::new(ErrorKind::Config, what)
        })
    }

    /// Checks the file's sha256 and loads it.
    ///
    /// # Errors
    /// `Config` when the catalog lacks the model, the file is missing or changed, or the
    /// runtime cannot run it.
    pub fn load(&self, name: &str) -> Result<Model> {
        self.load_entry(name, self.entry(name)?)
    }

    /// The same for a model that stands outside the catalog; a relative file name is looked for
    /// beside the catalog.
    ///
    /// # Errors
    /// As [`Catalog::load`].
    pub fn load_entry(&self, name: &str, entry: &ModelEntry) -> Result<Model> {
        let path = self.dir.join(&entry.file);
        let is_listed = self.entries.get(name) == Some(entry);
        let states =
            if is_listed { "the catalog states" } else { "vision.expression.sha256 states" };
        let bytes =
            read_checked(&path, name, entry.sha256.as_deref().map(|sha| (states, sha)))?;
        let inputs = match &entry.picture {
            Some(picture) if entry.inputs.is_empty() => vec![picture.shape()],
            _ => entry.inputs.clone(),
        };
        let spec = ModelSpec { name, inputs: &inputs, outputs: &entry.outputs };
        self.runtime.load(spec, &bytes)
    }
}

/// Reads a model file and compares its SHA-256 where one is stated.
fn read_checked(path: &Path, name: &str, expected: Option<(&str, &str)>) -> Result<Vec<u8>> {
    let bytes = fs::read(path).map_err(|cause| {
        let what = format!(
            "model {name}: {} cannot be read; reinstall the models or correct the file's name",
            path.display()
        );
        Error::new(ErrorKind::Config, what).because(cause)
    })?;
    let Some((states, expected)) = expected else { return Ok(bytes) };
    let found = hex(&Sha256::digest(&bytes));
    if !found.eq_ignore_ascii_case(expected) {
        let what = format!(
            "model {name}: {} has sha256 {found}, {states} {expected}; put the right file in its place \
             or correct the sha256",
            path.display()
        );
        return Err(Error::new(ErrorKind::Config, what));
    }
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
