//! Certificates: reads them from PEM files and warns before they end.
//!
//! A [`Certificate`] holds the validity of the one in use; [`Certificates`] are all that a daemon
//! uses.
//! Health, metrics and the journal show their state. Where no time server keeps the clock right,
//! they use it nevertheless and the sentence names the doubt: a warning can be withdrawn, and a booth
//! in a network of its own would never be warned otherwise.

mod validity;

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

pub use validity::Validity;

use crate::{
    clock::Clock,
    error::{Error, ErrorKind, Result},
};

/// A certificate that ends within this raises a finding: long enough for a person who comes by
/// once a week.
pub const WARN_BEFORE: Duration = Duration::from_secs(14 * DAY_S);

/// How often the same trouble is logged again.
const LOG_AGAIN: Duration = Duration::from_secs(DAY_S);

/// The end of a sentence that goes by a clock which no time server keeps right.
const UNLESS_CLOCK_IS_WRONG: &str =
    ", or set this machine's clock, which no time server keeps right, if it is wrong";

const DAY_S: u64 = 24 * 60 * 60;

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// Reads every certificate of a PEM file; `key` is the configuration's name for it.
///
/// # Errors
/// `Config` when it cannot be read, or holds none.
pub fn read(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let unusable = || unusable(key, path, "a PEM file with at least one certificate");
    let read = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|cause| unusable().because(cause))?;
    if read.is_empty() { Err(unusable()) } else { Ok(read) }
}

/// A `Config` error: the file of `key` is unusable and must be `needed`.
pub fn unusable(key: &str, path: &Path, needed: &str) -> Error {
    let what = format!(
        "{key} {} cannot be used; it must be {needed}, readable by boothd",
        path.display()
    );
    Error::new(ErrorKind::Config, what)
}

/// What is wrong with a certificate, the worst last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Trouble {
    /// It ends within [`WARN_BEFORE`].
    EndsSoon,
    /// Its files have changed and cannot be used; the one before stays in use.
    NotRenewed,
    /// It is not valid yet.
    NotYetValid,
    /// It has ended.
    Ended,
}

/// How a certificate stands at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateStatus {
    /// The configuration's name for it.
    pub key: &'static str,
    /// When it ends, unix seconds; `None` where that cannot be read.
    pub not_after_s: Option<i64>,
    /// Whole days until then, negative afterwards; `None` also while the clock is not set.
    pub days_left: Option<i64>,
    /// What is wrong, and a sentence with the remedy.
    pub problem: Option<(Trouble, String)>,
}

/// One certificate in use. Clones share what is known of it.
#[derive(Clone, Debug)]
pub struct Certificate {
    key: &'static str,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    validity: Option<Validity>,
    not_renewed: Option<String>,
    /// The trouble that was logged last, and when (the clock's monotonic time).
    logged: Option<(Trouble, Duration)>,
}

impl Certificate {
    /// The certificate of a key of the configuration, of which nothing is known yet.
    pub fn new(key: &'static str) -> Self {
        Certificate { key, known: Arc::default() }
    }

    /// This one is in use from now on.
    pub fn set(&self, validity: Option<Validity>) {
        let mut known = self.known.lock().expect(UNPOISONED);
        (known.validity, known.not_renewed) = (validity, None);
    }

    /// New files cannot be used, so that the one before stays; `None`: they are good again.
    pub fn set_not_renewed(&self, why: Option<String>) {
        self.known.lock().expect(UNPOISONED).not_renewed = why;
    }

    /// How it stands now.
    pub fn status(&self, clock: &dyn Clock) -> CertificateStatus {
        let known = self.known.lock().expect(UNPOISONED);
        self.judge(&known, clock)
    }

    /// Warns in the journal: at once where something new is wrong, else once a day.
    pub fn log_trouble(&self, clock: &dyn Clock) {
        let mut known = self.known.lock().expect(UNPOISONED);
        let now = clock.monotonic();
        let Some((trouble, sentence)) = self.judge(&known, clock).problem else {
            known.logged = None;
            return;
        };
        let is_logged = known
            .logged
            .is_some_and(|(last, at)| last == trouble && now.saturating_sub(at) < LOG_AGAIN);
        if !is_logged {
            known.logged = Some((trouble, now));
            log::warn!(target: "tls", certificate = self.key; "{sentence}");
        }
    }

    fn judge(&self, known: &Known, clock: &dyn Clock) -> CertificateStatus {
        let key = self.key;
        let is_set = clock.is_set();
        let left_s = known.validity.map(|validity| {
            let now_s = clock.unix_ms().div_euclid(1000);
            (validity.not_after_s - now_s, validity.not_before_s - now_s)
        });
        let unless = if is_set { "" } else { UNLESS_CLOCK_IS_WRONG };
        let ends = known.validity.map(|validity| validity.end_date()).unwrap_or_default();
        let not_renewed = known.not_renewed.as_ref().map(|why| {
            let sentence = format!("the new {key} cannot be used and the old one stays: {why}");
            (Trouble::NotRenewed, sentence)
        });
        let problem = match left_s {
            Some((left_s, _)) if left_s < 0 => Some((
                Trouble::Ended,
                format!("{key} has ended on {ends}: connections are refused; renew it{unless}"),
            )),
            // A clock that was never set is behind: it proves nothing about the certificate.
            Some((_, until_s)) if until_s > 0 && is_set => Some((
                Trouble::NotYetValid,
                format!(
                    "{key} is not valid yet, but in {} days; look at the date of the machine that made it",
                    days(until_s) + 1
                ),
            )),
            Some((left_s, _))
                if not_renewed.is_none() && left_s < WARN_BEFORE.as_secs().cast_signed() =>
            {
                let left = days(left_s);
                Some((
                    Trouble::EndsSoon,
                    format!("{key} ends on {ends}, in {left} days; renew it{unless}"),
                ))
            }
            _ => not_renewed,
        };
        CertificateStatus {
            key,
            not_after_s: known.validity.map(|validity| validity.not_after_s),
            days_left: left_s.filter(|_| is_set).map(|(left_s, _)| days(left_s)),
            problem,
        }
    }
}

/// Whole days, rounded down.
fn days(seconds: i64) -> i64 {
    seconds.div_euclid(DAY_S.cast_signed())
}

/// Every certificate that a daemon uses. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Certificates(Arc<Mutex<Vec<Certificate>>>);

impl Certificates {
    /// One more is in use.
    pub fn add(&self, certificate: Certificate) {
        self.0.lock().expect(UNPOISONED).push(certificate);
    }

    /// How each stands now.
    pub fn statuses(&self, clock: &dyn Clock) -> Vec<CertificateStatus> {
        let all = self.0.lock().expect(UNPOISONED);
        all.iter().map(|certificate| certificate.status(clock)).collect()
    }
}

/// When the certificate in a file ends that others read whenever they need it. Of an authority's
/// file, where several may follow each other, the one that ends last counts.
pub fn look_at_file(certificate: &Certificate, path: &Path, is_authority: bool) {
    let read = match read(certificate.key, path) {
        Ok(read) => read,
        Err(error) => return certificate.set_not_renewed(Some(error.chain().to_string())),
    };
    let mut all = read.iter().filter_map(|one| Validity::of(one));
    let validity =
        if is_authority { all.max_by_key(|one| one.not_after_s) } else { all.next() };
    certificate.set(validity);
}

#[cfg(test)]
mod tests;
