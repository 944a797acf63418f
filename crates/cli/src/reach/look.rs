//! What keeps the device, as far as the server knows: whether it is connected, and what its agent has reported.

use serde_json::Value;
use std::time::Duration;

use super::call::Calls;
use crate::exit::{Code, Failure};
use crate::out::clean;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// Whether the device is connected to the gateway, where the server tells.
    is_connected: Option<bool>,
    /// Since when, in seconds since 1970.
    since: Option<f64>,
    /// The services that its agent offers, where it has reported them.
    offers: Option<Vec<String>>,
    /// The agent's last refusal of a tunnel.
    refusal: Option<Refused>,
}

/// A tunnel that the agent did not open.
#[derive(Debug, Clone, PartialEq)]
struct Refused {
    /// When, in seconds since 1970 by the device's clock.
    at: f64,
    /// The services it was for.
    services: Vec<String>,
    why: String,
}

/// Seconds by which the clock of a device may be behind ours.
const SKEW: f64 = 5.0;

impl Look {
    /// Looks.
    pub async fn at(calls: &Calls, thing: &str) -> Look {
        let connectivity = calls.connectivity(thing).await;
        let report = calls.report(thing).await;
        Look::read(connectivity.as_ref(), report.as_ref())
    }

    fn read(connectivity: Option<&Value>, report: Option<&Value>) -> Look {
        let is_connected = connectivity.and_then(|data| data.get("connected")).and_then(Value::as_bool);
        let since = connectivity.and_then(|data| data.get("timestamp")).and_then(Value::as_f64);
        let reported = report.and_then(|shadow| shadow.get("state")).and_then(|state| state.get("reported"));
        let refusal = reported.and_then(|state| state.get("lastRefusal")).and_then(|refusal| {
            let at = refusal.get("at").and_then(Value::as_f64)?;
            let why = clean(refusal.get("reason").and_then(Value::as_str)?);
            Some(Refused { at, services: names(refusal.get("services")).unwrap_or_default(), why })
        });
        let offers = names(reported.and_then(|state| state.get("services")));
        Look { is_connected, since, offers, refusal }
    }

    /// The state of the device, for a line that says what is waited for.
    pub fn words(&self) -> String {
        match (self.is_connected, self.since) {
            (Some(true), _) => " (it is connected, and has not answered yet)".to_owned(),
            (Some(false), Some(since)) => format!(" (it is offline since {})", time(since)),
            (Some(false), None) => " (it is offline)".to_owned(),
            (None, _) => String::new(),
        }
    }

    /// Why there is no sense in waiting on: the agent has refused since `opened` (seconds since 1970), or does not offer
    /// what is wanted.
    pub fn refused(&self, thing: &str, services: &[String], opened: f64) -> Option<Failure> {
        let is_it = |refusal: &&Refused| {
            refusal.at >= opened - SKEW && services.iter().any(|service| refusal.services.contains(service))
        };
        let text = match (self.refusal.as_ref().filter(is_it), &self.offers) {
            (Some(refusal), _) => format!("{thing} refused the tunnel: {}", refusal.why),
            (None, Some(offers)) if self.is_connected == Some(true) => {
                let missing = services.iter().find(|service| !offers.contains(service))?;
                format!("{thing} does not offer {missing}; it offers {}", offers.join(", "))
            }
            _ => return None,
        };
        Some(
            Failure::new(Code::Denied, text)
                .next(format!("look at the configuration of the agent on {thing}")),
        )
    }

    /// Why it was not reached, at the end of the time.
    pub fn missed(&self, thing: &str, waited: Duration) -> Failure {
        let seconds = waited.as_secs();
        match (self.is_connected, self.since) {
            (Some(false), since) => {
                let since = since.map_or_else(String::new, |since| format!(" since {}", time(since)));
                let text = format!("{thing} is offline{since}; it did not come back in {seconds} s");
                Failure::offline(text).next(format!(
                    "look at its power and network, and run `adit agent doctor` on {thing}; wait longer with --timeout 10m"
                ))
            }
            (Some(true), _) => {
                let text =
                    format!("{thing} is connected, but did not open its side of the tunnel in {seconds} s");
                Failure::timeout(text).next(format!(
                    "see whether an agent runs on {thing}, and whether its policy lets it subscribe to and receive \
                     $aws/things/{thing}/tunnels/notify (`adit why`)"
                ))
            }
            (None, _) => {
                let text = format!("{thing} did not open its side of the tunnel in {seconds} s");
                Failure::timeout(text).next(format!(
                    "see whether {thing} is online and an agent runs on it; wait longer with --timeout 10m"
                ))
            }
        }
    }
}

/// Names that a device has chosen, fit for a terminal.
fn names(list: Option<&Value>) -> Option<Vec<String>> {
    let list = list?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(clean).collect())
}

/// A moment in this machine's time zone.
fn time(seconds: f64) -> String {
    let moment = jiff::Timestamp::from_second(seconds as i64);
    moment.map_or_else(
        |_| "long ago".to_owned(),
        |moment| moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report(at: u32) -> Value {
        json!({ "state": { "reported": {
            "services": ["SSH", "VNC"],
            "lastRefusal": { "at": at, "services": ["VNC"], "reason": "no\u{1b} VNC" },
        }}})
    }

    fn list(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_device_is_offline_or_silent_or_nobody_knows() {
        let wait = Duration::from_secs(30);
        let away = Look::read(Some(&json!({ "connected": false, "timestamp": 86_400.0 })), None);
        assert!(away.words().contains("offline since 1970-01-0"), "{}", away.words());
        assert_eq!(away.missed("lamp1", wait).code(), Code::Offline);
        let there = Look::read(Some(&json!({ "connected": true, "timestamp": 86_400.0 })), None);
        assert_eq!(there.missed("lamp1", wait).code(), Code::Timeout);
        let unknown = Look::read(None, None);
        assert_eq!((unknown.words().as_str(), unknown.missed("lamp1", wait).code()), ("", Code::Timeout));
        assert_eq!(Look::read(Some(&json!("x")), Some(&json!([]))), unknown);
    }

    #[test]
    fn a_refusal_counts_when_it_is_of_this_service_and_not_older_than_the_tunnel() {
        let connected = json!({ "connected": true });
        let look = Look::read(Some(&connected), Some(&report(100)));
        let refused = look.refused("lamp1", &list(&["VNC"]), 99.0).unwrap();
        assert_eq!(refused.code(), Code::Denied);
        assert!(refused.to_string().ends_with("refused the tunnel: no\u{fffd} VNC"), "{refused}");
        assert!(look.refused("lamp1", &list(&["SSH"]), 99.0).is_none());
        assert!(look.refused("lamp1", &list(&["VNC"]), 106.0).is_none());
    }

    #[test]
    fn a_service_that_is_not_offered_is_a_refusal_while_the_agent_is_there() {
        let look = Look::read(Some(&json!({ "connected": true })), Some(&report(0)));
        let text = look.refused("lamp1", &list(&["SSH", "HTTP"]), 1.0).unwrap().to_string();
        assert!(text.contains("does not offer HTTP; it offers SSH, VNC"), "{text}");
        let away = Look::read(Some(&json!({ "connected": false })), Some(&report(0)));
        assert!(away.refused("lamp1", &list(&["HTTP"]), 1.0).is_none());
    }
}
