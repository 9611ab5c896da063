//! [`Tls`]: the server's certificate. It is read again when its files change, and a finding reports
//! its end in advance.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, pem::PemObject},
    },
};

use crate::{
    certificate::{self, Certificate, Validity, unusable},
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

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How long files that cannot be used are taken for a renewal that is under way: its tool puts
/// certificate and key in their places one after the other.
const RENEWAL_TAKES: Duration = Duration::from_secs(60);

/// The configuration's name for the certificate.
const KEY: &str = "web.tls_certificate";

/// The certificate in use.
pub(super) struct Tls {
    files: TlsFiles,
    clock: Arc<dyn Clock>,
    certificate: Certificate,
    loaded: Mutex<Loaded>,
}

struct Loaded {
    acceptor: TlsAcceptor,
    validity: Option<Validity>,
    /// Of the files that were last tried, whether or not they were good.
    print: Print,
    looked_at: Duration,
    refused: Option<Refused>,
}

/// New files that cannot be used.
struct Refused {
    why: String,
    /// From then on it is no renewal that is under way.
    report_at: Duration,
}

/// A pair that belongs together.
struct Pair {
    acceptor: TlsAcceptor,
    validity: Option<Validity>,
}

/// What changes when a file is written or replaced: inode, time in ns, length.
type Print = [Option<(u64, i64, i64, u64)>; 2];

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

impl Tls {
    /// Reads the files. An expired certificate is used and reported: monitoring can still connect and
    /// read the finding.
    ///
    /// # Errors
    /// `Config` when a file cannot be read or is no PEM, or when the two do not belong together.
    pub(super) fn open(files: TlsFiles, clock: Arc<dyn Clock>) -> Result<Self> {
        let print = print(&files);
        let Pair { acceptor, validity } = load(&files)?;
        let certificate = Certificate::new(KEY);
        certificate.set(validity);
        certificate.log_trouble(&*clock);
        let looked_at = clock.monotonic();
        let loaded = Loaded { acceptor, validity, print, looked_at, refused: None };
        Ok(Tls { files, clock, certificate, loaded: Mutex::new(loaded) })
    }

    /// The certificate in use, for its finding.
    pub(super) fn certificate(&self) -> Certificate {
        self.certificate.clone()
    }

    /// The acceptor for the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.look_if_due().acceptor.clone()
    }

    /// Watches the files, so that a renewed certificate is used and an expiring one is reported, also
    /// without a connection.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut turn = tokio::time::interval(LOOK_INTERVAL);
        loop {
            turn.tick().await;
            drop(self.look_if_due());
        }
    }

    fn look_if_due(&self) -> MutexGuard<'_, Loaded> {
        let now = self.clock.monotonic();
        let mut loaded = self.loaded.lock().expect(UNPOISONED);
        if now.saturating_sub(loaded.looked_at) >= LOOK_INTERVAL {
            loaded.looked_at = now;
            self.look(&mut loaded, now);
            self.certificate.log_trouble(&*self.clock);
        }
        loaded
    }

    /// Uses new files if they are valid. Invalid ones change nothing, and are reported if they stay
    /// invalid.
    fn look(&self, loaded: &mut Loaded, now: Duration) {
        let print = print(&self.files);
        if print != loaded.print {
            loaded.print = print;
            match load(&self.files) {
                Ok(pair) if self.is_worse(&pair, loaded) => {
                    let ends = pair.validity.map(Validity::end_date).unwrap_or_default();
                    let why = format!("it has ended on {ends} and the old one has not");
                    loaded.refused = Some(Refused { why, report_at: now });
                }
                Ok(pair) => self.take(pair, loaded),
                Err(error) => {
                    let known = loaded.refused.as_ref();
                    let report_at =
                        known.map_or(now + RENEWAL_TAKES, |refused| refused.report_at);
                    loaded.refused =
                        Some(Refused { why: error.chain().to_string(), report_at });
                }
            }
        }
        let refused = loaded.refused.as_ref().filter(|refused| refused.report_at <= now);
        self.certificate.set_not_renewed(refused.map(|refused| refused.why.clone()));
    }

    fn take(&self, pair: Pair, loaded: &mut Loaded) {
        (loaded.acceptor, loaded.validity, loaded.refused) =
            (pair.acceptor, pair.validity, None);
        self.certificate.set(pair.validity);
        let ends = pair
            .validity
            .map_or_else(|| "a day that cannot be read".into(), Validity::end_date);
        log::info!(target: "web", not_after = ends.as_str(); "new TLS certificate is in use");
    }

    /// Whether new files would put one that has ended in the place of one that holds.
    fn is_worse(&self, new: &Pair, loaded: &Loaded) -> bool {
        let now_s = self.clock.unix_ms().div_euclid(1000);
        let has_ended = |validity: Option<Validity>| {
            validity.is_some_and(|validity| validity.not_after_s < now_s)
        };
        self.clock.is_set() && has_ended(new.validity) && !has_ended(loaded.validity)
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

fn load(files: &TlsFiles) -> Result<Pair> {
    let certificates = certificate::read(KEY, &files.certificate)?;
    // The booth's own stands first; the others may be cross-signed and end when they like.
    let validity = certificates.first().and_then(|own| Validity::of(own));
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
    Ok(Pair { acceptor: TlsAcceptor::from(Arc::new(config)), validity })
}
