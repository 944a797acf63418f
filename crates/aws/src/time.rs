//! Dates as signatures and queries write them, to epoch seconds and back. No clock is read here.

const DAY: i64 = 86_400;

/// `20240131T235959Z` for a time in epoch seconds.
pub(crate) fn basic(epoch: i64) -> String {
    let (year, month, day) = civil(epoch.div_euclid(DAY));
    let second = epoch.rem_euclid(DAY);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// `2024-01-31T23:59:59Z` for a time in epoch seconds, as answers in XML write it.
#[must_use]
pub fn extended(epoch: i64) -> String {
    let (year, month, day) = civil(epoch.div_euclid(DAY));
    let second = epoch.rem_euclid(DAY);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Reads `20240131T235959Z`; `None` for anything else.
pub(crate) fn parse_basic(text: &str) -> Option<i64> {
    let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
    let [y1, y2, y3, y4, m1, m2, d1, d2, b'T', h1, h2, n1, n2, s1, s2, b'Z'] = *bytes else { return None };
    moment(
        number(&[y1, y2, y3, y4])?,
        number(&[m1, m2])?,
        number(&[d1, d2])?,
        [number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?],
    )
}

/// Reads `2024-01-31T23:59:59Z`, with an optional fraction that is dropped; `None` for anything else.
pub(crate) fn parse_extended(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once('T')?;
    let clock = rest.strip_suffix('Z').or_else(|| rest.strip_suffix("+00:00"))?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let short = fraction.len() <= 9 && number(fraction.as_bytes()).is_some();
    let mut date = date.split('-');
    let mut clock = clock.split(':');
    let parsed = moment(
        fixed(date.next()?, 4)?,
        fixed(date.next()?, 2)?,
        fixed(date.next()?, 2)?,
        [fixed(clock.next()?, 2)?, fixed(clock.next()?, 2)?, fixed(clock.next()?, 2)?],
    )?;
    (short && date.next().is_none() && clock.next().is_none()).then_some(parsed)
}

/// Reads `Wed, 31 Jan 2024 23:59:59 GMT`, with `+0000` or `-0000` too; `None` for anything else.
pub(crate) fn parse_http(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let rest = [" GMT", " +0000", " -0000"].iter().find_map(|zone| rest.strip_suffix(zone))?;
    let mut words = rest.split(' ');
    let day = fixed(words.next()?, 2)?;
    let name = words.next()?;
    let month = (1..).zip(MONTHS).find_map(|(at, month)| (month == name).then_some(at))?;
    let year = fixed(words.next()?, 4)?;
    let mut clock = words.next()?.split(':');
    let hms = [fixed(clock.next()?, 2)?, fixed(clock.next()?, 2)?, fixed(clock.next()?, 2)?];
    (words.next().is_none() && clock.next().is_none()).then_some(())?;
    moment(year, month, day, hms)
}

fn moment(year: i64, month: i64, day: i64, [hour, minute, second]: [i64; 3]) -> Option<i64> {
    let real = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61
        && civil(days(year, month, day)) == (year, month, day);
    real.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

fn fixed(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits).then(|| number(text.as_bytes())).flatten()
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Days since 1970-01-01, counting years from March so that the leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let month = (shifted_month + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_spellings_of_one_moment_agree() {
        let moment = 1_440_938_160;
        assert_eq!(basic(moment), "20150830T123600Z");
        assert_eq!(extended(moment), "2015-08-30T12:36:00Z");
        assert_eq!(parse_basic("20150830T123600Z"), Some(moment));
        assert_eq!(parse_extended("2015-08-30T12:36:00Z"), Some(moment));
        assert_eq!(parse_extended("2015-08-30T12:36:00.250Z"), Some(moment));
        assert_eq!(parse_http("Sun, 30 Aug 2015 12:36:00 GMT"), Some(moment));
    }

    #[test]
    fn every_day_of_eight_centuries_survives_the_round_trip() {
        for day in -150_000..150_000 {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in [
            "20230229T000000Z",
            "20231301T000000Z",
            "20230100T000000Z",
            "20230101T240000Z",
            "20230101T0000+0Z",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
        assert_eq!(parse_basic("20240229T000000Z"), Some(1_709_164_800));
    }
}
