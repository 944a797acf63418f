//! Points in time, and how they look in JSON.

use serde::{Serialize, Serializer};

/// Milliseconds in a minute.
pub const MINUTE: i64 = 60_000;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
///
/// In JSON a number of seconds, with a fraction when there is one (spec: secure-tunneling §1.2, control-plane §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This many milliseconds later; stays at the end of time instead of wrapping.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(millis))
    }

    /// This many minutes later.
    #[must_use]
    pub const fn plus_minutes(self, minutes: i64) -> Timestamp {
        self.plus_millis(minutes.saturating_mul(MINUTE))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1000 == 0 {
            return serializer.serialize_i64(self.0 / 1000);
        }
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 milliseconds, the year 287396")]
        let seconds = self.0 as f64 / 1000.0;
        serializer.serialize_f64(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_seconds_with_milliseconds() {
        for (millis, json) in [
            (1_771_234_567_123, "1771234567.123"),
            (1_771_234_567_000, "1771234567"),
            (1_771_234_567_100, "1771234567.1"),
            (0, "0"),
            (1, "0.001"),
        ] {
            assert_eq!(serde_json::to_string(&Timestamp::from_millis(millis)).unwrap(), json);
        }
    }
}
