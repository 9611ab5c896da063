use super::*;
use crate::stop::Stop;

/// A clock that stands, set or not.
struct Standing {
    unix_s: i64,
    is_set: bool,
    monotonic: Duration,
}

impl Clock for Standing {
    fn monotonic(&self) -> Duration {
        self.monotonic
    }

    fn unix_ms(&self) -> i64 {
        self.unix_s * 1000
    }

    fn is_set(&self) -> bool {
        self.is_set
    }

    fn sleep(&self, _: Duration, _: &Stop) {}
}

const BEGIN_S: i64 = 1_800_000_000;
const END_S: i64 = BEGIN_S + 90 * 86_400;

fn at(unix_s: i64) -> Standing {
    Standing { unix_s, is_set: true, monotonic: Duration::ZERO }
}

fn in_use() -> Certificate {
    let certificate = Certificate::new("web.tls_certificate");
    certificate.set(Some(Validity { not_before_s: BEGIN_S, not_after_s: END_S }));
    certificate
}

#[test]
fn it_is_reported_fourteen_days_before_and_after_its_end() {
    let seen = |unix_s| {
        let status = in_use().status(&at(unix_s));
        assert_eq!(status.not_after_s, Some(END_S));
        (status.problem.map(|(trouble, _)| trouble), status.days_left)
    };
    let day = 86_400;
    assert_eq!(seen(BEGIN_S - 1), (Some(Trouble::NotYetValid), Some(90)));
    assert_eq!(seen(BEGIN_S), (None, Some(90)));
    assert_eq!(seen(END_S - 14 * day), (None, Some(14)));
    assert_eq!(seen(END_S - 14 * day + 1), (Some(Trouble::EndsSoon), Some(13)));
    assert_eq!(seen(END_S), (Some(Trouble::EndsSoon), Some(0)));
    assert_eq!(seen(END_S + 1), (Some(Trouble::Ended), Some(-1)));
}

#[test]
fn an_unset_clock_reports_an_end_with_a_doubt_and_no_beginning() {
    let seen = |unix_s| in_use().status(&Standing { is_set: false, ..at(unix_s) });
    let never_set = seen(0);
    assert_eq!((never_set.problem, never_set.days_left), (None, None));
    assert_eq!(never_set.not_after_s, Some(END_S), "the end itself is known");
    let day = 86_400;
    let troubles = [(END_S - day, Trouble::EndsSoon), (END_S + 400 * day, Trouble::Ended)];
    for (unix_s, trouble) in troubles {
        let status = seen(unix_s);
        let (found, sentence) = status.problem.unwrap();
        assert_eq!((found, status.days_left), (trouble, None));
        assert!(sentence.contains("no time server"), "{sentence}");
    }
}

#[test]
fn a_failed_renewal_is_reported_unless_the_certificate_has_ended() {
    let certificate = in_use();
    certificate.set_not_renewed(Some("no PEM".into()));
    let trouble = |unix_s| certificate.status(&at(unix_s)).problem.unwrap();
    assert_eq!(trouble(BEGIN_S).0, Trouble::NotRenewed);
    assert_eq!(trouble(END_S - 86_400).0, Trouble::NotRenewed, "which is why it ends soon");
    assert!(trouble(BEGIN_S).1.contains("no PEM"), "{}", trouble(BEGIN_S).1);
    assert_eq!(trouble(END_S + 1).0, Trouble::Ended);
    certificate.set(Some(Validity { not_before_s: BEGIN_S, not_after_s: END_S }));
    assert_eq!(certificate.status(&at(BEGIN_S)).problem, None);
}

#[test]
fn a_trouble_is_logged_at_once_and_then_once_a_day() {
    let certificate = in_use();
    let logged_at = |hours: u64, unix_s| {
        let monotonic = Duration::from_secs(hours * 3600);
        certificate.log_trouble(&Standing { monotonic, ..at(unix_s) });
        certificate.known.lock().unwrap().logged.map(|(_, at)| at.as_secs() / 3600)
    };
    assert_eq!(logged_at(1, BEGIN_S), None);
    assert_eq!(logged_at(2, END_S - 86_400), Some(2));
    assert_eq!(logged_at(25, END_S - 10), Some(2));
    assert_eq!(logged_at(26, END_S - 10), Some(26));
    assert_eq!(logged_at(27, END_S + 10), Some(27), "what is worse is new");
    assert_eq!(logged_at(28, BEGIN_S), None);
}
