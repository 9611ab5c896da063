//! [`Validity`]: from when to when a certificate holds, read from its DER.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Tags of ASN.1, as X.509 uses them.
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version, where one is written.
const VERSION: u8 = 0xA0;

/// A certificate's own two times (RFC 5280, section 4.1.2.5), unix seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// The first second in which it holds.
    pub not_before_s: i64,
    /// The last one.
    pub not_after_s: i64,
}

impl Validity {
    /// Of a certificate in DER; `None` where it is none. Judges no signature.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let mut certificate = Der(certificate);
        let mut whole = Der(certificate.take(SEQUENCE)?);
        let mut signed = Der(whole.take(SEQUENCE)?);
        if signed.0.first() == Some(&VERSION) {
            signed.take(VERSION)?;
        }
        signed.take(INTEGER)?;
        // The algorithm, and who issued it.
        signed.take(SEQUENCE)?;
        signed.take(SEQUENCE)?;
        let mut validity = Der(signed.take(SEQUENCE)?);
        Some(Validity { not_before_s: validity.time()?, not_after_s: validity.time()? })
    }

    /// The day of its end, in UTC.
    pub fn end_date(self) -> String {
        let end = Timestamp::from_second(self.not_after_s).unwrap_or(Timestamp::MAX);
        TimeZone::UTC.to_datetime(end).date().to_string()
    }
}

/// What is left of some DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The contents of the next element, which has this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, contents) = self.element()?;
        (found == tag).then_some(contents)
    }

    /// Any next element: its tag and its contents.
    fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        let (length, rest) = match first {
            0..=0x7F => (usize::from(first), rest),
            // So many bytes of length follow; an indefinite length is not DER.
            0x80 => return None,
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x0F))?;
                (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, contents))
    }

    /// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, as unix seconds.
    fn time(&mut self) -> Option<i64> {
        let (tag, text) = self.element()?;
        let digits = text.strip_suffix(b"Z")?;
        let (century, digits) = match (tag, digits.len()) {
            (UTC_TIME, 12) => (if digits[0] < b'5' { 2000 } else { 1900 }, digits),
            (GENERALIZED_TIME, 14) => (100 * two(digits, 0)?, &digits[2..]),
            _ => return None,
        };
        let part = |at| two(digits, at).and_then(|number| i8::try_from(number).ok());
        let (year, month, day) = (century + two(digits, 0)?, part(2)?, part(4)?);
        let moment = DateTime::new(year, month, day, part(6)?, part(8)?, part(10)?, 0).ok()?;
        // 9999-12-31 means "never", and lies beyond jiff's last moment.
        let moment = TimeZone::UTC.to_timestamp(moment);
        Some(moment.unwrap_or(Timestamp::MAX).as_second())
    }
}

/// The number that two digits are.
fn two(digits: &[u8], at: usize) -> Option<i16> {
    let pair = digits.get(at..at + 2)?;
    let is_number = pair.iter().all(u8::is_ascii_digit);
    is_number.then(|| i16::from(pair[0] - b'0') * 10 + i16::from(pair[1] - b'0'))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn made(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2024, 2, 29);
        params.not_after = date_time_ymd(year, month, day);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_kinds_of_time_are_read() {
        // `date -u -d 2024-02-29 +%s` and so on; from 2050 on a year has four digits.
        for ((year, month, day), not_after_s, text) in [
            ((2026, 11, 28), 1_795_824_000, "2026-11-28"),
            ((2049, 12, 31), 2_524_521_600, "2049-12-31"),
            ((2050, 1, 1), 2_524_608_000, "2050-01-01"),
        ] {
            let validity = Validity::of(&made(year, month, day)).unwrap();
            assert_eq!(validity, Validity { not_before_s: 1_709_164_800, not_after_s });
            assert_eq!(validity.end_date(), text);
        }
    }

    #[test]
    fn never_is_the_last_moment() {
        let mut der = Der(b"\x18\x0f99991231235959Z");
        let last = der.time().unwrap();
        assert_eq!(Validity { not_before_s: 0, not_after_s: last }.end_date(), "9999-12-30");
    }

    #[test]
    fn no_cut_and_no_flipped_byte_is_more_than_an_unknown_end() {
        let whole = made(2026, 11, 28);
        for at in 0..whole.len() {
            let _cut = Validity::of(&whole[..at]);
            for flip in [0x01, 0x5A, 0x80, 0xFF] {
                let mut flipped = whole.clone();
                flipped[at] ^= flip;
                let _flipped = Validity::of(&flipped);
            }
        }
        assert_eq!(Validity::of(&whole[..40]), None);
        assert_eq!(Validity::of(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
