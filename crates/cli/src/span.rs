//! Spans of time as one types them: `30`, `90s`, `5m`, `2h`, `1d`.

use std::time::Duration;

/// The longest: a year.
const LONGEST: u64 = 366 * 86_400;

/// Reads a span; a number alone is seconds.
///
/// # Errors
/// What is wrong with it, for `clap` to show.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    };
    let seconds = digits.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    let seconds = seconds.filter(|seconds| (1..=LONGEST).contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "expected a time such as 30, 90s, 5m or 2h, up to a year".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_alone_is_seconds() {
        for (text, seconds) in [("30", 30), ("90s", 90), ("5m", 300), ("2h", 7_200), ("1d", 86_400)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "0", "s", "-1", "1.5", "5 m", "1w", "99999999999999999999", "9000h5"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
