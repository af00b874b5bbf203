use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time in whole seconds that RFC 3339 can write: the years 0 to 9999, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// Rounds down to the second: an expiry must not move into the future. `None` outside the years 0 to 9999.
    pub(crate) fn from_system_time(time: SystemTime) -> Option<Self> {
        let seconds = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).ok()?,
            Err(before) => {
                let before = before.duration();
                let whole = i64::try_from(before.as_secs()).ok()?.checked_neg()?;
                if before.subsec_nanos() == 0 { whole } else { whole.checked_sub(1)? }
            }
        };
        let time = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
        (0..=9999).contains(&time.year()).then_some(Self(time))
    }

    /// Reads any RFC 3339 time, with an offset and a fraction if it has them, and rounds down to the second.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        // The offset may lead out of the years that can be written.
        let time = OffsetDateTime::from_unix_timestamp(time.unix_timestamp()).ok()?;
        (0..=9999).contains(&time.year()).then_some(Self(time))
    }

    pub(crate) fn to_system_time(self) -> SystemTime {
        let seconds = self.0.unix_timestamp();
        let distance = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
        // Where the platform's clock does not reach so far back or ahead, the epoch: an expiry long past.
        time.unwrap_or(UNIX_EPOCH)
    }

    /// `YYYY-MM-DDTHH:MM:SSZ`, as Kubernetes writes its times.
    pub(crate) fn to_rfc3339(self) -> String {
        let (date, time) = (self.0.date(), self.0.time());
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanos: u32) -> SystemTime {
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
        time + Duration::from_nanos(nanos.into())
    }

    #[test]
    fn times_are_written_in_utc_rounded_down_to_the_second() {
        for (time, text) in [
            (at(0, 0), "1970-01-01T00:00:00Z"),
            (at(1_351_807_721, 0), "2012-11-01T22:08:41Z"),
            (at(1_351_807_721, 999_999_999), "2012-11-01T22:08:41Z"),
            (at(951_782_400, 0), "2000-02-29T00:00:00Z"),
            (at(-1, 0), "1969-12-31T23:59:59Z"),
            (at(-1, 500_000_000), "1969-12-31T23:59:59Z"),
            (at(253_402_300_799, 1), "9999-12-31T23:59:59Z"),
            (at(-62_167_219_200, 0), "0000-01-01T00:00:00Z"),
        ] {
            let stamp = Timestamp::from_system_time(time).unwrap();
            assert_eq!(stamp.to_rfc3339(), text);
            assert_eq!(Timestamp::parse(text), Some(stamp), "{text}");
            assert!(stamp.to_system_time() <= time, "{text}");
        }
    }

    #[test]
    fn times_that_rfc_3339_cannot_write_are_refused() {
        for time in [at(253_402_300_800, 0), at(-62_167_219_201, 0), at(-62_167_219_201, 1), at(i64::MAX, 0)] {
            assert_eq!(Timestamp::from_system_time(time), None, "{time:?}");
        }
    }

    #[test]
    fn offsets_and_fractions_are_read() {
        for (text, seconds) in [
            ("2012-11-01T22:08:41Z", 1_351_807_721),
            ("2012-11-01T22:08:41+00:00", 1_351_807_721),
            ("2012-11-01T23:08:41+01:00", 1_351_807_721),
            ("2012-11-01T14:08:41.999-08:00", 1_351_807_721),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::to_system_time), Some(at(seconds, 0)), "{text}");
        }
        for text in
            ["", "2012-11-01", "2012-11-01T22:08:41", "1351807721", "2013-02-29T00:00:00Z", "0000-01-01T00:00:00+01:00"]
        {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
