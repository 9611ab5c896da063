//! TLS configuration of the connection. Always with ring, never with a process-wide default.

use std::{path::Path, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{PrivateKeyDer, pem::PemObject},
};

use super::TlsFiles;
use crate::{
    certificate::{self, unusable},
    error::{Error, ErrorKind, Result},
};

/// Reads the files.
///
/// # Errors
/// `Config` when a file cannot be read or is no PEM, or when certificate and key do not belong
/// together.
pub(super) fn client_config(files: &TlsFiles) -> Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the ciphers of TLS 1.2 and 1.3")
        .with_root_certificates(roots(files.ca.as_deref())?);
    let Some((certificate, key)) = &files.client else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let certificates = certificate::read("mqtt.client_certificate", certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|cause| {
        unusable("mqtt.client_key", key, "a PEM file with one private key").because(cause)
    })?;
    builder.with_client_auth_cert(certificates, secret).map(Arc::new).map_err(|cause| {
        let what = "mqtt.client_certificate and mqtt.client_key cannot be used together; give \
                    the certificate that was made for this key";
        Error::new(ErrorKind::Config, what).because(cause)
    })
}

/// Trusted root certificates.
fn roots(ca: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca else {
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if roots.is_empty() {
            let what = "the system has no certificates to know the broker by; install \
                        ca-certificates, or set mqtt.ca_file";
            return Err(Error::new(ErrorKind::Config, what));
        }
        return Ok(roots);
    };
    for certificate in certificate::read("mqtt.ca_file", path)? {
        roots.add(certificate).map_err(|cause| {
            unusable("mqtt.ca_file", path, "a PEM file of certificates").because(cause)
        })?;
    }
    Ok(roots)
}
