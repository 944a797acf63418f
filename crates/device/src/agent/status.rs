//! What the operator sees of the agent: the named shadow `adit-agent` of its thing.

use std::time::Duration;

use adit_mqtt::Reason;
use serde_json::{Value, json};

/// Time between two reports.
const PAUSE: u64 = 5_000;

/// Time between two whole reports when nothing changes: the shadow may have been deleted meanwhile.
const AGAIN: u64 = 24 * 3_600_000;

/// Time after which a report that the policy denied is tried again: policies change.
const DENIED: u64 = 3_600_000;

/// Time without reports after the link was cut right behind one; doubles with every time, up to [`DENIED`].
const CUT: u64 = 60_000;

/// A link that ends so soon after a report that was not acknowledged may have been cut for it.
const SUSPICIOUS: u64 = 10_000;

/// The topic a report goes to.
pub fn topic(thing: &str) -> String {
    format!("$aws/things/{thing}/shadow/name/adit-agent/update")
}

/// What is reported. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Name of the machine.
    pub hostname: String,
    /// Addresses of the machine; the one the server is reached from comes first.
    pub addresses: Vec<String>,
    /// When the agent began; unknown while the clock is behind.
    pub started_at: Option<u64>,
    /// Service ids offered.
    pub services: Vec<String>,
    /// The most tunnels at once.
    pub max_tunnels: usize,
    /// Tunnels under way.
    pub tunnels: Vec<Tunnel>,
    /// The last tunnel that was not opened, or was ended by a refusal.
    pub last_refusal: Option<LastRefusal>,
}

/// A tunnel under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// Its services.
    pub services: Vec<String>,
    /// When it was opened.
    pub opened_at: u64,
    /// Whether its link to the server is up.
    pub is_connected: bool,
}

/// A tunnel that was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRefusal {
    /// When.
    pub at: u64,
    /// What was asked for.
    pub services: Vec<String>,
    /// Why, on one line.
    pub reason: String,
}

/// The payload of a report.
pub fn document(facts: &Facts) -> Vec<u8> {
    let tunnels: Vec<Value> = facts
        .tunnels
        .iter()
        .map(|tunnel| {
            json!({
                "services": tunnel.services,
                "openedAt": tunnel.opened_at,
                "isConnected": tunnel.is_connected,
            })
        })
        .collect();
    let refusal = facts
        .last_refusal
        .as_ref()
        .map(|refusal| json!({ "at": refusal.at, "services": refusal.services, "reason": refusal.reason }));
    let reported = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "hostname": facts.hostname,
        "addresses": facts.addresses,
        "startedAt": facts.started_at,
        "services": facts.services,
        "maxTunnels": facts.max_tunnels,
        "tunnels": tunnels,
        "lastRefusal": refusal,
    });
    json!({ "state": { "reported": reported } }).to_string().into_bytes()
}

/// What the log is told about a report that did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaint {
    /// The policy does not allow it; said once.
    Denied,
    /// The server refused it for another reason.
    Refused(Reason),
    /// The link was cut right behind it; reports are left out for that time.
    Cut(Duration),
}

/// When to report. Times are milliseconds on a clock that never goes back.
#[derive(Debug, Default)]
pub struct Reporter {
    is_up: bool,
    is_dirty: bool,
    last: Option<Vec<u8>>,
    sent_at: Option<u64>,
    unanswered: bool,
    barred_until: u64,
    cuts: u32,
    has_complained: bool,
}

impl Reporter {
    /// The link is up: the next report is a whole one.
    pub fn up(&mut self) {
        (self.is_up, self.is_dirty, self.unanswered) = (true, true, false);
        self.last = None;
    }

    /// The link is gone.
    pub fn down(&mut self, now: u64) -> Option<Complaint> {
        let was_unanswered = std::mem::take(&mut self.unanswered);
        self.is_up = false;
        if !was_unanswered || self.sent_at.is_none_or(|sent| now > sent + SUSPICIOUS) {
            return None;
        }
        let bar = CUT.saturating_mul(1 << self.cuts.min(10)).min(DENIED);
        self.cuts += 1;
        self.barred_until = now + bar;
        Some(Complaint::Cut(Duration::from_millis(bar)))
    }

    /// Something that is reported may have changed.
    pub fn changed(&mut self) {
        self.is_dirty = true;
    }

    /// When the next report is due, if one is.
    pub fn due(&self) -> Option<u64> {
        if !self.is_up || self.unanswered {
            return None;
        }
        let pause = self.sent_at.map_or(0, |sent| sent + PAUSE);
        let again = self.sent_at.map_or(0, |sent| sent + AGAIN);
        let wanted = if self.is_dirty { pause } else { again };
        Some(wanted.max(self.barred_until))
    }

    /// The report to send now, if it is due and says something new.
    pub fn take(&mut self, now: u64, facts: &Facts) -> Option<Vec<u8>> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        let is_old = self.sent_at.is_some_and(|sent| now >= sent + AGAIN);
        let document = document(facts);
        self.is_dirty = false;
        if self.last.as_ref() == Some(&document) && !is_old {
            return None;
        }
        self.last = Some(document.clone());
        (self.sent_at, self.unanswered) = (Some(now), true);
        Some(document)
    }

    /// The report was acknowledged.
    pub fn answered(&mut self, reason: Reason, now: u64) -> Option<Complaint> {
        self.unanswered = false;
        if !reason.is_error() {
            (self.cuts, self.has_complained) = (0, false);
            return None;
        }
        self.last = None;
        self.is_dirty = true;
        self.barred_until = now + DENIED;
        if std::mem::replace(&mut self.has_complained, true) {
            return None;
        }
        Some(match reason {
            Reason::NotAuthorized => Complaint::Denied,
            other => Complaint::Refused(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(hostname: &str) -> Facts {
        Facts { hostname: hostname.to_owned(), ..Facts::default() }
    }

    fn up() -> Reporter {
        let mut reporter = Reporter::default();
        assert_eq!(reporter.due(), None, "nothing is reported without a link");
        reporter.up();
        reporter
    }

    #[test]
    fn the_document_has_the_documented_members() {
        let facts = Facts {
            hostname: "lamp".to_owned(),
            addresses: vec!["10.0.0.2".to_owned()],
            started_at: Some(1_700_000_000),
            services: vec!["SSH".to_owned()],
            max_tunnels: 10,
            tunnels: vec![Tunnel { services: vec!["SSH".to_owned()], opened_at: 5, is_connected: true }],
            last_refusal: Some(LastRefusal {
                at: 7,
                services: vec!["X".to_owned()],
                reason: "why".to_owned(),
            }),
        };
        let value: Value = serde_json::from_slice(&document(&facts)).unwrap();
        assert_eq!(
            value,
            json!({ "state": { "reported": {
                "version": env!("CARGO_PKG_VERSION"), "hostname": "lamp", "addresses": ["10.0.0.2"],
                "startedAt": 1_700_000_000, "services": ["SSH"], "maxTunnels": 10,
                "tunnels": [{ "services": ["SSH"], "openedAt": 5, "isConnected": true }],
                "lastRefusal": { "at": 7, "services": ["X"], "reason": "why" },
            }}})
        );
    }

    #[test]
    fn it_is_reported_on_connect_and_on_change_but_not_often() {
        let mut reporter = up();
        assert!(reporter.take(100, &facts("a")).is_some());
        assert_eq!(reporter.due(), None, "one at a time");
        assert_eq!(reporter.answered(Reason::Success, 150), None);
        reporter.changed();
        assert_eq!(reporter.due(), Some(100 + PAUSE));
        assert_eq!(reporter.take(200, &facts("b")), None, "too early");
        assert!(reporter.take(100 + PAUSE, &facts("b")).is_some());
        reporter.answered(Reason::Success, 6000);
        reporter.changed();
        assert_eq!(reporter.take(20_000, &facts("b")), None, "nothing has changed");
        assert!(reporter.due().is_some_and(|due| due >= AGAIN));
        assert!(reporter.take(2 * AGAIN, &facts("b")).is_some(), "a whole report from time to time");
    }

    #[test]
    fn a_new_link_gets_a_whole_report() {
        let mut reporter = up();
        assert!(reporter.take(0, &facts("a")).is_some());
        reporter.answered(Reason::Success, 0);
        assert_eq!(reporter.down(100), None, "an acknowledged report is not suspicious");
        reporter.up();
        assert!(reporter.take(PAUSE, &facts("a")).is_some());
    }

    #[test]
    fn a_denied_report_is_complained_of_once_and_tried_again_much_later() {
        let mut reporter = up();
        assert!(reporter.take(0, &facts("a")).is_some());
        assert_eq!(reporter.answered(Reason::NotAuthorized, 10), Some(Complaint::Denied));
        assert_eq!(reporter.take(DENIED, &facts("a")), None);
        assert!(reporter.take(10 + DENIED, &facts("a")).is_some());
        assert_eq!(reporter.answered(Reason::NotAuthorized, 20 + DENIED), None, "said before");
        assert!(reporter.take(20 + 2 * DENIED, &facts("a")).is_some());
        assert_eq!(reporter.answered(Reason::Success, 30 + 2 * DENIED), None);
    }

    #[test]
    fn a_link_cut_behind_a_report_leaves_it_out_for_longer_and_longer() {
        let mut reporter = up();
        let mut now = 0;
        for bar in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            assert!(reporter.take(now, &facts("a")).is_some());
            now += 100;
            assert_eq!(reporter.down(now), Some(Complaint::Cut(Duration::from_secs(bar))));
            reporter.up();
            assert_eq!(reporter.take(now + bar * 1000 - 1, &facts("a")), None);
            now += bar * 1000;
        }
        assert!(reporter.take(now, &facts("a")).is_some());
        reporter.answered(Reason::Success, now);
        reporter.up();
        assert!(reporter.take(now + PAUSE, &facts("a")).is_some());
        let later = now + PAUSE + SUSPICIOUS + 1;
        assert_eq!(reporter.down(later), None, "a link that lived on was not cut for the report");
    }
}
