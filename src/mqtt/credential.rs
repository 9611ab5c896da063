//! The password: from a file or from systemd, read again at each attempt to connect.

use std::fs;

use super::MqttConfig;
use crate::{
    error::{Error, ErrorKind, Result},
    store::{Secret, credential, without_bom},
};

/// The systemd credential (`LoadCredential=mqtt_password:…`).
const CREDENTIAL: &str = "mqtt_password";

/// The password, if there is one.
///
/// # Errors
/// `Config` when its file cannot be read.
pub(super) fn password(config: &MqttConfig) -> Result<Option<Secret>> {
    let path = match &config.password_file {
        Some(path) => path.clone(),
        None => match credential(CREDENTIAL) {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let text = fs::read_to_string(&path).map_err(|cause| {
        let what = format!(
            "the broker's password in {} cannot be read; boothd must be allowed to read it, and \
             it must be UTF-8",
            path.display()
        );
        Error::new(ErrorKind::Config, what).because(cause)
    })?;
    // Editors end a file with a new line; a password may end with a space.
    Ok(Some(Secret::new(without_bom(&text).trim_end_matches(['\r', '\n']).to_owned())))
}
