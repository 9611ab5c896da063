//! The booth's own token: made once, kept in a file that only boothd reads, known by its hash.

use std::{
    env, fmt, fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    file::{beside, rename_new, sync_folder},
    random::random_hex,
};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of randomness in a token that boothd makes.
const TOKEN_BYTES: usize = 32;

/// A token of fewer characters could be guessed.
const LEAST_TOKEN_CHARS: usize = 16;

/// Faults of a chosen token; empty where it may be used.
pub(crate) fn faults_of_token(token: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if token.chars().count() < LEAST_TOKEN_CHARS {
        faults.push(format!("must have at least {LEAST_TOKEN_CHARS} characters"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
        let fault = "may hold letters, digits and -._~ only, since it travels in headers";
        faults.push(fault.into());
    }
    faults
}

/// A text that no log line and no `Debug` shows.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: String) -> Self {
        Secret(text)
    }

    /// A new random secret.
    pub fn random() -> Self {
        Secret(random_hex(TOKEN_BYTES))
    }

    /// The text itself, for the one place that shows it to the operator.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The stored hash of a token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of `token`.
    pub fn of(token: &str) -> Self {
        TokenHash(Sha256::digest(token).into())
    }

    /// A stored hash.
    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        TokenHash(bytes)
    }

    /// The bytes to store.
    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `token` is the one. Takes the same time wherever they differ.
    pub fn matches(&self, token: &str) -> bool {
        let given = TokenHash::of(token);
        self.0.iter().zip(given.0).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

/// A text that a person has saved, without the mark that some editors (Notepad) put before it.
pub(crate) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Path of the systemd credential of that name (`LoadCredential=`), if there is one.
pub fn credential(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("CREDENTIALS_DIRECTORY")?).join(name);
    path.exists().then_some(path)
}

/// The operator's own token from the credential `token`, where there is one.
///
/// # Errors
/// `Config` when it cannot be read, is too short to be safe, or cannot travel in a header.
pub fn token_of_credential() -> Result<Option<Secret>> {
    let Some(path) = credential("token") else { return Ok(None) };
    let text = fs::read_to_string(&path).map_err(|cause| {
        let what = "the credential `token` cannot be read; it must be UTF-8";
        Error::new(ErrorKind::Config, what).because(cause)
    })?;
    let token = without_bom(&text).trim();
    if let Some(fault) = faults_of_token(token).first() {
        return Err(Error::new(ErrorKind::Config, format!("the credential `token` {fault}")));
    }
    Ok(Some(Secret(token.to_owned())))
}

/// The token kept in `state_dir/token`, or a new one; true when it was made now and must be shown
/// to the operator.
///
/// # Errors
/// `Config` when the folder cannot be made or the file cannot be read or written.
pub fn load_or_make_token(state_dir: &Path) -> Result<(Secret, bool)> {
    let path = state_dir.join("token");
    match fs::read_to_string(&path) {
        Ok(text) if !without_bom(&text).trim().is_empty() => {
            Ok((Secret(without_bom(&text).trim().to_owned()), false))
        }
        Ok(_) => {
            let cause = "delete it and start again, and boothd makes a new one";
            let what = format!("the token {} is empty", path.display());
            Err(Error::new(ErrorKind::Config, what).because(cause))
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let token = Secret::random();
            keep(&path, token.reveal()).map_err(|cause| cannot_be_kept(&path, cause))?;
            Ok((token, true))
        }
        Err(cause) => Err(cannot_be_kept(&path, cause)),
    }
}

/// Keeps a token that [`load_or_make_token`] could not keep, as the disk was at fault; gives the
/// stored one where another process was quicker.
///
/// # Errors
/// As [`load_or_make_token`].
pub fn keep_token(state_dir: &Path, token: &Secret) -> Result<Option<Secret>> {
    let path = state_dir.join("token");
    match keep(&path, token.reveal()) {
        Ok(()) => Ok(None),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            load_or_make_token(state_dir).map(|(token, _)| Some(token))
        }
        Err(cause) => Err(cannot_be_kept(&path, cause)),
    }
}

fn cannot_be_kept(path: &Path, cause: io::Error) -> Error {
    let what = format!(
        "the token {} cannot be kept; make its folder writable, or set state.dir or web.token",
        path.display()
    );
    Error::new(ErrorKind::Config, what).because(cause)
}

/// All of it or nothing: half a token on a full disk would be taken for one.
fn keep(path: &Path, token: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = beside(path, ".new");
    let write = || {
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        writeln!(file, "{token}")?;
        file.sync_all()?;
        rename_new(&new, path)?;
        sync_folder(path)
    };
    write().inspect_err(|_| {
        fs::remove_file(&new).ok();
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let state_dir = folder.path().join("state");
        let (made, is_new) = load_or_make_token(&state_dir).unwrap();
        assert!(is_new);
        assert_eq!(made.reveal().len(), 2 * TOKEN_BYTES);
        let mode = fs::metadata(state_dir.join("token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(load_or_make_token(&state_dir).unwrap(), (made, false));
    }

    #[test]
    fn an_empty_token_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), "\n").unwrap();
        assert_eq!(load_or_make_token(folder.path()).unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn only_the_same_token_matches_and_debug_hides_it() {
        let hash = TokenHash::of("correct horse");
        assert!(hash.matches("correct horse"));
        assert!(!hash.matches("correct hors"));
        assert!(!format!("{:?}", Secret::new("correct horse".into())).contains("horse"));
    }
}
