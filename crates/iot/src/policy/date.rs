//! Dates in policies: ISO 8601 in UTC or with an offset, or epoch seconds (spec: policies §6).

use crate::time::Timestamp;

const SECOND: i64 = 1_000;
const DAY: i64 = 86_400;

/// A point in time as `aws:CurrentTime` shows it: `2026-11-22T05:38:00Z`.
pub(super) fn written(at: Timestamp) -> String {
    let seconds = at.millis().div_euclid(SECOND);
    let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads `2026`, `2026-11`, `2026-11-22`, `2026-11-22T05:38Z`, `2026-11-22T05:38:00.5+01:00`, or epoch seconds of more
/// than four digits. A time without a zone is in UTC.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if text.len() > 4
        && let Some(seconds) =
            text.strip_prefix('-').or(Some(text)).filter(|t| digits(t)).and_then(|_| text.parse::<i64>().ok())
    {
        return seconds.checked_mul(SECOND).map(Timestamp::from_millis);
    }
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, ""));
    let mut parts = date.split('-');
    let mut part = |length: usize| parts.next().map(|t| number(t, length));
    let (year, month, day) = (part(4)??, part(2).unwrap_or(Some(1))?, part(2).unwrap_or(Some(1))?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let seconds = days(year, month, day) * DAY;
    let millis = if text.len() == date.len() { 0 } else { time_of_day(time)? };
    Some(Timestamp::from_millis(seconds * SECOND + millis))
}

/// Milliseconds since midnight UTC of `hh:mm[:ss[.fff]]` with `Z`, `±hh:mm`, `±hhmm` or nothing behind.
fn time_of_day(text: &str) -> Option<i64> {
    let (clock, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, 0),
        None => match text.rfind(['+', '-']) {
            Some(at) => {
                let (clock, zone) = text.split_at_checked(at)?;
                (clock, zone_minutes(zone)?)
            }
            None => (text, 0),
        },
    };
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let (second, millis) = parts.next().map_or(Some((0, 0)), seconds)?;
    let known = parts.next().is_none() && hour < 24 && minute < 60 && second < 61;
    known.then_some((((hour * 60 + minute - offset) * 60) + second) * SECOND + millis)
}

fn seconds(text: &str) -> Option<(i64, i64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some((number(whole, 2)?, number(&millis, 3)?))
}

fn zone_minutes(zone: &str) -> Option<i64> {
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let zone: String = zone.chars().skip(1).filter(|c| *c != ':').collect();
    let (hours, minutes) = zone.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { 0 } else { number(minutes, 2)? };
    Some(sign * (number(hours, 2)? * 60 + minutes))
}

fn number(text: &str, length: usize) -> Option<i64> {
    let digits = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar; March counts as the first month, so that the leap day is
/// the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (year + era * 400, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_every_form() {
        for (text, seconds) in [
            ("1970", 0),
            ("1970-01-02", DAY),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-11-22T05:38Z", 1_795_325_880),
            ("2026-11-22T06:38:00+01:00", 1_795_325_880),
            ("2026-11-22T06:38:00+0100", 1_795_325_880),
            ("1795325880", 1_795_325_880),
            ("-86400", -DAY),
        ] {
            assert_eq!(parse(text), Some(Timestamp::from_millis(seconds * 1000)), "{text}");
        }
        assert_eq!(parse("1970-01-01T00:00:00.25Z"), Some(Timestamp::from_millis(250)));
        for bad in [
            "",
            "1",
            "yesterday",
            "2026-13",
            "2025-02-29",
            "2026-1-1",
            "2026-01-01T25:00Z",
            "2026-01-01T",
            "2026-01-01T1:00Zx",
            "99999999999999999999",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for millis in (-100_000_000_000_000..100_000_000_000_000).step_by(7_777_777_777_000) {
            let at = Timestamp::from_millis(millis.max(-62_000_000_000_000));
            assert_eq!(parse(&written(at)), Some(at), "{}", written(at));
        }
        assert_eq!(written(Timestamp::from_millis(1_795_325_880_999)), "2026-11-22T05:38:00Z");
    }
}
