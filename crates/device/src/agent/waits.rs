//! How long to wait before the next connection to the device gateway, by what went wrong.

use std::time::Duration;

use super::arrival::{Advice, Arrival};
use super::uplink::Failure;
use crate::backoff::Backoff;
use crate::mqtt::{Broken, Reason};

/// The first and the longest wait after the network failed. With [`crate::mqtt::dial::WHOLE`] the longest keeps a
/// device that had no network reachable within a minute of its return.
const NETWORK: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(20));

/// The same after the server closed the connection without a word.
const CLOSED: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(30));

/// The same after what somebody has to mend.
const REFUSED: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

/// A connection that lived so long was a success, and the next wait is short again.
const SUCCESS: Duration = Duration::from_secs(30);

/// The waits of one uplink, and what else follows from failures.
#[derive(Debug)]
pub struct Waits {
    network: Backoff,
    closed: Backoff,
    refused: Backoff,
    arrival: Arrival,
    is_persistent: bool,
}

impl Default for Waits {
    fn default() -> Waits {
        Waits {
            network: Backoff::new(NETWORK.0, Some(NETWORK.1)),
            closed: Backoff::new(CLOSED.0, Some(CLOSED.1)),
            refused: Backoff::new(REFUSED.0, Some(REFUSED.1)),
            arrival: Arrival::default(),
            is_persistent: true,
        }
    }
}

impl Waits {
    /// Whether the next connection asks for a session that outlives it. A policy may allow connections without
    /// (`iot:ConnectAttributes`), so that a refusal is tried that way too. spec: mqtt-gateway §7.2
    pub fn is_persistent(&self) -> bool {
        self.is_persistent
    }

    /// The server let the device in.
    pub fn let_in(&mut self) {
        self.arrival.let_in();
    }

    /// A connection that had been up has ended after so long.
    pub fn lived(&mut self, time: Duration) {
        if time >= SUCCESS {
            self.network.reset();
            self.closed.reset();
            self.refused.reset();
        }
    }

    /// How long to wait after a failure, and what to say of it if that is more than the failure's own words. `chance`
    /// is any number.
    pub fn after(&mut self, failure: &Failure, chance: u64) -> (Duration, Option<String>) {
        let wait = match failure {
            Failure::Connect(Broken::Refused(Reason::NotAuthorized), ..) if self.is_persistent => {
                self.is_persistent = false;
                self.network.next(chance)
            }
            Failure::Connect(Broken::Closed, certificate_id, _) => {
                let advice = self.arrival.closed(chance);
                let wait = match advice {
                    Advice::Soon(wait) => wait,
                    Advice::Patient => self.closed.next(chance),
                };
                return (wait, self.arrival.words(certificate_id));
            }
            Failure::Connect(Broken::Refused(reason), ..) if may_pass(*reason) => self.network.next(chance),
            Failure::Ended(Broken::Disconnected(Reason::SessionTakenOver), _)
            | Failure::Connect(Broken::Refused(_), ..)
            | Failure::Subscribe(..)
            | Failure::Unprepared(_) => {
                self.is_persistent = true;
                self.refused.next(chance)
            }
            Failure::Connect(..) | Failure::Undialed(_) | Failure::Ended(..) => self.network.next(chance),
        };
        (wait, None)
    }
}

/// A refusal that is the server's own trouble.
pub fn may_pass(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ServerUnavailable
            | Reason::ServerBusy
            | Reason::QuotaExceeded
            | Reason::ConnectionRateExceeded
            | Reason::UnspecifiedError
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::dial::{Undialed, WHOLE};

    /// Some numbers, and those by which the longest waits are as long as they can be.
    const ANY: [u64; 8] = [0, 1, 999, 10_000, 15_000, 150_000, 1 << 40, u64::MAX];

    fn connect(broken: Broken) -> Failure {
        Failure::Connect(broken, "c1".to_owned(), "lamp".to_owned())
    }

    fn slow() -> Failure {
        Failure::Undialed(Undialed::Slow("iot.example:8883".to_owned()))
    }

    fn longest(failure: &Failure) -> Duration {
        let mut waits = Waits::default();
        waits.let_in();
        (0..50).flat_map(|_| ANY).map(|chance| waits.after(failure, chance).0).max().unwrap_or_default()
    }

    #[test]
    fn a_device_without_network_is_back_within_a_minute_of_its_return() {
        let minute = Duration::from_secs(60);
        for failure in [
            slow(),
            Failure::Ended(Broken::Silent, String::new()),
            Failure::Ended(Broken::Closed, String::new()),
            connect(Broken::Silent),
            connect(Broken::Closed),
            connect(Broken::Refused(Reason::ServerBusy)),
        ] {
            assert!(longest(&failure) + WHOLE < minute, "{failure}");
        }
    }

    #[test]
    fn the_first_wait_is_short_and_never_the_same_for_all() {
        for failure in [slow(), Failure::Ended(Broken::Closed, String::new())] {
            let waits = ANY.map(|chance| Waits::default().after(&failure, chance).0);
            assert!(waits.iter().all(|wait| *wait >= NETWORK.0 / 2 && *wait <= NETWORK.0), "{waits:?}");
            assert!(waits.iter().any(|wait| wait != &waits[0]));
        }
    }

    #[test]
    fn what_somebody_has_to_mend_is_tried_more_and_more_rarely() {
        let taken = Broken::Disconnected(Reason::SessionTakenOver);
        for failure in [
            Failure::Subscribe(Reason::NotAuthorized, String::new()),
            Failure::Unprepared(String::new()),
            Failure::Ended(taken, String::new()),
            connect(Broken::Refused(Reason::ClientIdentifierNotValid)),
        ] {
            let mut waits = Waits::default();
            assert!(waits.after(&failure, 0).0 >= REFUSED.0 / 2, "{failure}");
            assert_eq!(longest(&failure), REFUSED.1, "{failure}");
        }
    }

    #[test]
    fn a_refused_session_is_tried_without_and_then_again_with() {
        let refused = connect(Broken::Refused(Reason::NotAuthorized));
        let mut waits = Waits::default();
        assert!(waits.is_persistent());
        assert!(waits.after(&refused, u64::MAX).0 <= NETWORK.0, "the second try comes soon");
        assert!(!waits.is_persistent());
        assert!(waits.after(&refused, 0).0 >= REFUSED.0 / 2);
        assert!(waits.is_persistent());
    }

    #[test]
    fn only_a_connection_that_lived_makes_waits_short_again() {
        let ended = || Failure::Ended(Broken::Closed, String::new());
        let mut waits = Waits::default();
        (0..5).for_each(|_| waits.lived(Duration::from_secs(1)));
        (0..5).for_each(|_| drop(waits.after(&ended(), 0)));
        waits.lived(Duration::from_secs(1));
        assert_eq!(waits.after(&ended(), 0).0, NETWORK.1 / 2, "flapping is no success");
        waits.lived(SUCCESS);
        assert_eq!(waits.after(&ended(), 0).0, NETWORK.0 / 2);
    }

    #[test]
    fn a_factory_certificate_is_tried_again_at_once() {
        let mut waits = Waits::default();
        let (wait, words) = waits.after(&connect(Broken::Closed), u64::MAX);
        assert!(wait <= Duration::from_secs(3));
        assert!(words.is_some_and(|words| words.contains("first time")));
    }
}
