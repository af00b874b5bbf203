use crate::{IdentityError, names::name_traits};
use std::time::{Duration, SystemTime};
use time::{Date, Month, OffsetDateTime, Time};

/// A time in the format of Signature Version 4: `YYYYMMDDTHHMMSSZ`, UTC, whole seconds, the years 1970 to 9999.
///
/// ```
/// use k8s_aws_identity::AmzDate;
/// use std::time::{Duration, UNIX_EPOCH};
///
/// let date = AmzDate::parse("20200107T080923Z")?;
/// assert_eq!(date.time(), UNIX_EPOCH + Duration::from_secs(1_578_384_563));
/// assert_eq!(date.day(), "20200107");
/// assert_eq!(AmzDate::from_time(date.time())?, date);
/// # Ok::<(), k8s_aws_identity::IdentityError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AmzDate {
    text: [u8; 16],
    seconds: u64,
}

impl AmzDate {
    /// Reads a date.
    ///
    /// # Errors
    /// [`IdentityError::AmzDate`] for any other format, a day or time that does not exist (leap seconds included), or
    /// a year before 1970.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let text: [u8; 16] = text.as_bytes().try_into().map_err(|_| IdentityError::AmzDate)?;
        let seconds = seconds(&text).ok_or(IdentityError::AmzDate)?;
        Ok(Self { text, seconds })
    }

    /// The second that `time` falls into; what is beyond the whole second is cut off.
    ///
    /// # Errors
    /// [`IdentityError::AmzDate`] before 1970 or after 9999.
    pub fn from_time(time: SystemTime) -> Result<Self, IdentityError> {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| IdentityError::AmzDate)?;
        let seconds = since_epoch.as_secs();
        let utc = i64::try_from(seconds).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
        let utc = utc.ok_or(IdentityError::AmzDate)?;
        let (date, clock) = (utc.date(), utc.time());
        let mut text = *b"00000000T000000Z";
        let year = u32::try_from(date.year()).map_err(|_| IdentityError::AmzDate)?;
        put(&mut text[0..4], year);
        put(&mut text[4..6], u8::from(date.month()).into());
        put(&mut text[6..8], date.day().into());
        put(&mut text[9..11], clock.hour().into());
        put(&mut text[11..13], clock.minute().into());
        put(&mut text[13..15], clock.second().into());
        Ok(Self { text, seconds })
    }

    /// The sixteen characters.
    pub fn as_str(&self) -> &str {
        // ASCII only, so the fallback is never taken; it is here because this crate does not panic.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The day alone, `YYYYMMDD`, as a credential scope carries it.
    pub fn day(&self) -> &str {
        self.as_str().get(..8).unwrap_or_default()
    }

    /// The moment itself.
    pub fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.seconds)
    }
}

name_traits!(AmzDate);

/// Seconds since the epoch, or nothing where the text is not a date.
fn seconds(text: &[u8; 16]) -> Option<u64> {
    if text[8] != b'T' || text[15] != b'Z' {
        return None;
    }
    let year = i32::try_from(digits(&text[0..4])?).ok()?;
    let month = Month::try_from(two(&text[4..6])?).ok()?;
    let date = Date::from_calendar_date(year, month, two(&text[6..8])?).ok()?;
    let time = Time::from_hms(two(&text[9..11])?, two(&text[11..13])?, two(&text[13..15])?).ok()?;
    u64::try_from(OffsetDateTime::new_utc(date, time).unix_timestamp()).ok()
}

fn two(text: &[u8]) -> Option<u8> {
    u8::try_from(digits(text)?).ok()
}

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
}

/// Writes `number` right-aligned over the zeros of `field`.
fn put(field: &mut [u8], mut number: u32) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_real_moments_in_the_one_format_are_dates() {
        for good in ["20200107T080923Z", "20240229T000000Z", "19700101T000000Z", "99991231T235959Z"] {
            assert_eq!(AmzDate::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "2020-01-07T08:09:23Z",
            "20200107T080923",
            "20200107t080923Z",
            "20200107T080923z",
            "20200107T080923.1",
            "20200107 080923Z",
            "20230229T000000Z",
            "21000229T000000Z",
            "20201301T000000Z",
            "20200001T000000Z",
            "20200100T000000Z",
            "20200132T000000Z",
            "20200107T240000Z",
            "20200107T086000Z",
            "20200107T080960Z",
            "19691231T235959Z",
            "00000101T000000Z",
            "+2020107T080923Z",
            "2020010 T080923Z",
            "２0200107T0809Z",
            "é0200107T08092Z",
        ] {
            assert_eq!(AmzDate::parse(bad), Err(IdentityError::AmzDate), "{bad:?}");
        }
    }

    #[test]
    fn times_outside_the_format_are_refused() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(AmzDate::from_time(epoch - Duration::from_secs(1)), Err(IdentityError::AmzDate));
        assert_eq!(AmzDate::from_time(epoch + Duration::from_secs(253_402_300_800)), Err(IdentityError::AmzDate));
        assert_eq!(
            AmzDate::from_time(epoch + Duration::from_secs(253_402_300_799)).unwrap().as_str(),
            "99991231T235959Z"
        );
    }

    proptest! {
        #[test]
        fn writing_and_reading_agree(seconds in 0_u64..253_402_300_800, nanos in 0_u32..1_000_000_000) {
            let date = AmzDate::from_time(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)).unwrap();
            prop_assert_eq!(AmzDate::parse(date.as_str()).unwrap(), date);
            prop_assert_eq!(date.time(), SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        }
    }
}
