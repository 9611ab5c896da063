//! A device node of a camera: opening it, and what its errors mean.

use std::{io, path::Path};

use rustix::io::Errno;
use v4l::Device;

use super::permission;
use crate::error::{Error, ErrorKind, Result};

/// Opens a node without blocking.
pub(super) fn open_node(node: &Path) -> Result<Device> {
    Device::with_path(node).map_err(|err| io_error(node, &err))
}

/// What an operator can do about an error of the device node `node`.
pub(super) fn io_error(node: &Path, err: &io::Error) -> Error {
    let (kind, what) = match Errno::from_io_error(err) {
        Some(Errno::ACCESS | Errno::PERM) => {
            let remedy = permission::remedy(node);
            (ErrorKind::Config, format!("may not be opened by this account; {remedy}"))
        }
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => {
            (ErrorKind::Unavailable, "is not there; plug it in, or see `boothd devices`".into())
        }
        Some(Errno::BUSY) => {
            (ErrorKind::Unavailable, "is in use by another program; close that one".into())
        }
        Some(Errno::NOSPC) => {
            let what = "finds no USB bandwidth; use another port or a smaller picture size";
            (ErrorKind::Unavailable, what.into())
        }
        _ => (ErrorKind::Unavailable, "does not answer as a camera should".into()),
    };
    let cause = io::Error::new(err.kind(), err.to_string());
    Error::new(kind, format!("camera {} {what}", node.display())).because(cause)
}
