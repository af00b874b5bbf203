//! From when until when a certificate is good (RFC 5280, section 4.1.2.5): the one thing in it that the TLS library does not tell.

use std::ops::RangeInclusive;
use time::{Date, Month, OffsetDateTime, Time};

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0] EXPLICIT`: the version, which certificates of version 1 do not have.
const VERSION: u8 = 0xa0;

/// The times between which a certificate in DER is good; nothing where it is no X.509 certificate.
pub(super) fn validity(certificate: &[u8]) -> Option<RangeInclusive<OffsetDateTime>> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (fields, _) = expect(SEQUENCE, certificate)?;
    let (tag, _, after_first) = element(fields)?;
    let fields = if tag == VERSION { after_first } else { fields };
    // Serial number, algorithm, issuer.
    let (_, _, fields) = element(fields)?;
    let (_, fields) = expect(SEQUENCE, fields)?;
    let (_, fields) = expect(SEQUENCE, fields)?;
    let (validity, _) = expect(SEQUENCE, fields)?;
    let (tag, not_before, validity) = element(validity)?;
    let not_before = time(tag, not_before)?;
    let (tag, not_after, _) = element(validity)?;
    Some(not_before..=time(tag, not_after)?)
}

fn expect(wanted: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    (tag == wanted).then_some((content, rest))
}

/// Tag and content of the first element, and what comes after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()))?, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn time(tag: u8, text: &[u8]) -> Option<OffsetDateTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = text.split_at_checked(match tag {
        UTC_TIME => 2,
        GENERALIZED_TIME => 4,
        _ => return None,
    })?;
    let year = match (number(year)?, tag) {
        (year @ 50.., UTC_TIME) => year + 1900,
        (year, UTC_TIME) => year + 2000,
        (year, _) => year,
    };
    let mut pairs = rest.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok().and_then(number));
    let mut next = || u8::try_from(pairs.next()??).ok();
    let date = Date::from_calendar_date(year.into(), Month::try_from(next()?).ok()?, next()?).ok()?;
    let time = Time::from_hms(next()?, next()?, next()?).ok()?;
    (rest.len() == 10).then(|| date.with_time(time).assume_utc())
}

fn number(digits: &str) -> Option<u16> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use rustls_pki_types::{CertificateDer, pem::PemObject};

    #[test]
    fn the_times_are_those_in_the_certificate() {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        // Years before 2050 are written with two digits, later ones with four.
        for (from, until) in [(1999, 2026), (2026, 2126), (2049, 2050)] {
            let mut params = CertificateParams::default();
            (params.not_before, params.not_after) = (date_time_ymd(from, 2, 28), date_time_ymd(until, 12, 31));
            let certificate = params.self_signed(&key).unwrap();
            assert_eq!(validity(certificate.der()), Some(date_time_ymd(from, 2, 28)..=date_time_ymd(until, 12, 31)));
        }
    }

    #[test]
    fn a_certificate_of_the_go_program_is_read() {
        let pem = include_bytes!("../../tests/data/go-init-test-only-cert.pem");
        let validity = validity(&CertificateDer::from_pem_slice(pem).unwrap()).unwrap();
        assert_eq!((*validity.end() - *validity.start()).whole_days(), 36_500);
    }

    #[test]
    fn what_is_cut_off_or_changed_is_no_certificate_and_no_panic() {
        let pem = include_bytes!("../../tests/data/go-init-test-only-cert.pem");
        let der = CertificateDer::from_pem_slice(pem).unwrap();
        for length in 0..der.len() {
            assert_eq!(validity(der.get(..length).unwrap()), None, "{length}");
        }
        for at in 0..200 {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = der.to_vec();
                changed[at] = byte;
                let _ = validity(&changed);
            }
        }
    }
}
