//! [`Tls`]: the certificate that the door shows, read anew when its files change.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::{
    clock::Clock,
    error::{Error, ErrorKind, Result},
};

/// The certificate's files, PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// The booth's certificate, then those between it and its root.
    pub certificate: PathBuf,
    /// Its private key: PKCS #8, PKCS #1 or SEC1.
    pub key: PathBuf,
}

/// How often the files are looked at while connections come.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The certificate in use.
pub(super) struct Tls {
    files: TlsFiles,
    clock: Arc<dyn Clock>,
    loaded: Mutex<Loaded>,
}

struct Loaded {
    acceptor: TlsAcceptor,
    /// Of the files that were last tried, whether or not they were good.
    print: Print,
    looked_at: Duration,
}

/// What changes when a file is written or replaced: inode, time in ns, length.
type Print = [Option<(u64, i64, i64, u64)>; 2];

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// `Config` when a file cannot be read or is no PEM, or when the two do not belong together.
    pub(super) fn open(files: TlsFiles, clock: Arc<dyn Clock>) -> Result<Self> {
        let print = print(&files);
        let acceptor = load(&files)?;
        let loaded = Mutex::new(Loaded { acceptor, print, looked_at: clock.monotonic() });
        Ok(Tls { files, clock, loaded })
    }

    /// What the next connection is accepted with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let now = self.clock.monotonic();
        let mut loaded = self.loaded.lock().expect(UNPOISONED);
        if now.saturating_sub(loaded.looked_at) >= LOOK_INTERVAL {
            loaded.looked_at = now;
            self.look(&mut loaded);
        }
        loaded.acceptor.clone()
    }

    /// Takes new files where they are good; bad ones are told once and change nothing.
    fn look(&self, loaded: &mut Loaded) {
        let print = print(&self.files);
        if print == loaded.print {
            return;
        }
        loaded.print = print;
        match load(&self.files) {
            Ok(acceptor) => {
                loaded.acceptor = acceptor;
                log::info!(target: "web", "new TLS certificate is in use");
            }
            Err(error) => {
                let error = error.chain().to_string();
                log::error!(target: "web", error = error.as_str();
                    "new TLS certificate cannot be used; the old one stays");
            }
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

fn print(files: &TlsFiles) -> Print {
    [&files.certificate, &files.key].map(|path| {
        let meta = fs::metadata(path).ok()?;
        Some((meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len()))
    })
}

fn load(files: &TlsFiles) -> Result<TlsAcceptor> {
    let certificates = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|cause| {
        unusable("web.tls_key", &files.key, "a PEM file with one private key").because(cause)
    })?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the ciphers of TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(certificates, key);
    let mut config = config.map_err(|cause| {
        let what = format!(
            "web.tls_certificate {} and web.tls_key {} cannot be used together; \
             give the certificate that was made for this key",
            files.certificate.display(),
            files.key.display()
        );
        Error::new(ErrorKind::Config, what).because(cause)
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let unusable =
        || unusable("web.tls_certificate", path, "a PEM file with at least one certificate");
    let read = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|cause| unusable().because(cause))?;
    if read.is_empty() { Err(unusable()) } else { Ok(read) }
}

fn unusable(key: &str, path: &Path, needed: &str) -> Error {
    let what = format!(
        "{key} {} cannot be used; it must be {needed}, readable by boothd",
        path.display()
    );
    Error::new(ErrorKind::Config, what)
}
