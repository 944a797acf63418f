//! What a device makes of a server that closes the connection without a word.
//!
//! With a factory's certificate that is how it begins: the server registers the certificate on the first connection,
//! provisions the device and closes; the next connection is let in (spec: provisioning §6.2). A certificate that is not
//! let in for another reason looks the same, so after some tries in quick succession the device becomes patient.

use std::time::Duration;

/// Connections that may be closed before it is no first arrival any more. AWS provisions within seconds.
const QUICK: u32 = 6;

/// The longest wait between those; a random half of it is taken off.
const WAIT: Duration = Duration::from_secs(3);

/// Counts closed connections until the first one that is let in.
#[derive(Debug, Default)]
pub struct Arrival {
    closed: u32,
    was_let_in: bool,
}

/// What to do about a closed connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Advice {
    /// Try again after this time.
    Soon(Duration),
    /// Wait as after any refusal.
    Patient,
}

impl Arrival {
    /// The server let the device in.
    pub fn let_in(&mut self) {
        self.was_let_in = true;
    }

    /// The server closed the connection without a word, before it let the device in. `chance` is any number.
    pub fn closed(&mut self, chance: u64) -> Advice {
        self.closed = self.closed.saturating_add(1);
        if self.was_let_in || self.closed > QUICK {
            return Advice::Patient;
        }
        let half = u64::try_from(WAIT.as_millis() / 2).unwrap_or(u64::MAX);
        Advice::Soon(Duration::from_millis(half + chance % (half + 1)))
    }

    /// What to tell the user about it, once for each kind of advice; `certificate_id` is the device's.
    pub fn words(&self, certificate_id: &str) -> Option<String> {
        if self.was_let_in {
            return None;
        }
        match self.closed {
            1 => Some(
                "the server closed the connection without a word, as it does when it sees a certificate for the first \
                 time and provisions its device; trying again"
                    .to_owned(),
            ),
            closed if closed == QUICK + 1 => Some(format!(
                "the server still does not let certificate {certificate_id} in: its CA may not be registered, its \
                 template may fail, or it is not active; on the server: adit why --certificate {certificate_id}"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_device_tries_again_soon_and_becomes_patient() {
        for chance in [0, 1, 1500, 1501, u64::MAX] {
            let mut arrival = Arrival::default();
            for number in 1..=QUICK {
                let Advice::Soon(wait) = arrival.closed(chance) else { panic!("{number}") };
                assert!(wait >= WAIT / 2 && wait <= WAIT, "{wait:?}");
                assert_eq!(arrival.words("c1").is_some(), number == 1);
            }
            assert_eq!(arrival.closed(chance), Advice::Patient);
            assert!(arrival.words("c1").is_some_and(|words| words.contains("adit why --certificate c1")));
            assert_eq!(arrival.closed(chance), Advice::Patient);
            assert_eq!(arrival.words("c1"), None);
        }
    }

    #[test]
    fn a_device_that_was_in_is_patient_at_once() {
        let mut arrival = Arrival::default();
        arrival.let_in();
        assert_eq!(arrival.closed(0), Advice::Patient);
        assert_eq!(arrival.words("c1"), None);
    }
}
