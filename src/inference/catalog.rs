//! The catalog: which models there are, in which file, with which sha256 and shapes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Model;
use crate::error::{Error, ErrorKind, Result};

/// The models of one folder, as its `catalog.toml` lists them.
#[derive(Clone, Debug)]
pub struct Catalog {
    dir: PathBuf,
    entries: BTreeMap<String, ModelEntry>,
}

/// One model of the catalog.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// File name, relative to the catalog.
    pub file: PathBuf,
    /// What the file's SHA-256 must be, lower-case hex.
    pub sha256: String,
    /// Shape of each input.
    pub inputs: Vec<Vec<usize>>,
    /// Outputs to keep, in the order in which boothd reads them; empty keeps all.
    #[serde(default)]
    pub outputs: Vec<String>,
}

impl Catalog {
    /// Reads `dir/catalog.toml`.
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
        Ok(Catalog { dir: dir.into(), entries })
    }

    /// The models, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &ModelEntry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// Checks the file's sha256 and loads it.
    ///
    /// # Errors
    /// `Config` when the catalog lacks the model, the file is missing or changed, or tract
    /// cannot run it.
    pub fn load(&self, name: &str) -> Result<Model> {
        let entry = self.entries.get(name).ok_or_else(|| {
            let what =
                format!("{} has no entry [{name}]", self.dir.join("catalog.toml").display());
            Error::new(ErrorKind::Config, what)
        })?;
        let path = self.dir.join(&entry.file);
        let bytes = read_checked(&path, name, &entry.sha256)?;
        let outputs: Vec<&str> = entry.outputs.iter().map(String::as_str).collect();
        Model::from_bytes(&bytes, name, &entry.inputs, &outputs)
    }
}

/// Reads a model file and compares its SHA-256.
fn read_checked(path: &Path, name: &str, expected: &str) -> Result<Vec<u8>> {
    let bytes = fs::read(path).map_err(|cause| {
        let what = format!(
            "model {name}: {} cannot be read; reinstall the models or correct the catalog",
            path.display()
        );
        Error::new(ErrorKind::Config, what).because(cause)
    })?;
    let found = hex(&Sha256::digest(&bytes));
    if !found.eq_ignore_ascii_case(expected) {
        let what = format!(
            "model {name}: {} has sha256 {found}, the catalog says {expected}; \
             reinstall the models or correct the catalog",
            path.display()
        );
        return Err(Error::new(ErrorKind::Config, what));
    }
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
