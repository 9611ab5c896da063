//! [`Source`]: where a configuration comes from, so that it can be read again while boothd runs.

use std::path::{Path, PathBuf};

use super::{Config, KEYS, Key, file::Given, problem, read};
use crate::error::Result;

/// The file and the command line.
#[derive(Clone, Debug)]
pub struct Source {
    file: Option<PathBuf>,
    overrides: Vec<String>,
    data_dir: PathBuf,
}

/// A configuration without mistakes, where it is from, and the text that was there.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    source: Source,
    text: Option<String>,
}

impl Source {
    /// A file (`None`: nothing but defaults), the `key=value` of the command line, and the folder
    /// from which relative paths of the file are meant.
    pub fn new(file: Option<PathBuf>, overrides: Vec<String>, data_dir: PathBuf) -> Self {
        Source { file, overrides, data_dir }
    }

    /// Reads and judges it as it is now.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(&self) -> Result<Loaded> {
        let text = self.file.as_deref().map(read).transpose()?;
        let config = Config::resolve(text.as_deref(), &self.overrides, &self.data_dir)
            .map_err(|problems| problem::to_error(&problems, self.file.as_deref()))?;
        Ok(Loaded { config, source: self.clone(), text })
    }
}

impl Loaded {
    /// Reads and judges the same source as it is now.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_again(&self) -> Result<Loaded> {
        self.source.load()
    }

    /// The source's file.
    pub fn file(&self) -> Option<&Path> {
        self.source.file.as_deref()
    }

    /// The keys whose values differ, in the order of [`KEYS`].
    pub fn differing(&self, other: &Loaded) -> Vec<&'static Key> {
        let [one, other] = [self, other].map(Loaded::given);
        KEYS.iter().filter(|key| one.get(key.name) != other.get(key.name)).collect()
    }

    fn given(&self) -> Given {
        let mut given = Given::default();
        if let Some(text) = &self.text {
            given.read_file(text);
        }
        for argument in &self.source.overrides {
            given.read_override(argument);
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_lists_the_changed_keys_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("boothd.toml");
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        let overrides = vec!["web.port=8001".to_owned()];
        let source = Source::new(Some(file.clone()), overrides, folder.path().into());
        write("[log]\nlevel = \"info\"\n");
        let before = source.load().unwrap();
        write(
            "# more to say\n[log]\nlevel = \"debug\"\n[web]\nport = 9000\n[video]\nfps = 10.0\n",
        );
        let after = source.load().unwrap();
        let names = |keys: Vec<&Key>| keys.iter().map(|key| key.name).collect::<Vec<_>>();
        // The command line wins, and a default that is written down is no difference.
        assert_eq!(names(before.differing(&after)), ["log.level"]);
        write("[log]\nlevel = \"loud\"\n[web]\nport = \"x\"\n");
        let refused = source.load().unwrap_err().to_string();
        assert!(refused.starts_with("2 mistakes"), "{refused}");
    }
}
