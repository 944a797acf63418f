//! Why devices were refused, so that an operator learns it without guessing.
//!
//! Refusals are kept in memory: a bounded number of them in all and about one subject, each counted while it repeats.
//! They never hold a token, a key or a payload.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use adit_iot::{Scope, Timestamp};
use adit_store::{DeviceEvent, ThingEvent, ThingEventKind};
use serde::Serialize;

use crate::access::Denied;
use crate::mqtt::{Identity, Peer};
use crate::timeline::{Timeline, shorten};

/// Refusals kept.
const KEPT: usize = 2_048;
/// How many of them may be about one certificate, client or address, so that a device in a loop does not push out the
/// others.
const KEPT_PER_SUBJECT: usize = 32;
/// How many of them may be about peers nobody knows, so that strangers do not push out devices.
const KEPT_OF_STRANGERS: usize = 512;
/// How many of those may come from one address: behind it may be one client in a loop, or a site full of devices.
const KEPT_PER_ADDRESS: usize = 128;
/// Characters kept of a client id, a topic and the like.
const TEXT: usize = 300;
/// Lines a second in the log; more are only counted.
const LOGGED_PER_SECOND: u32 = 10;

/// Where on its way a device was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// In the TLS handshake, or by the gate behind it.
    Handshake,
    /// The CONNECT of a device that comes in by itself.
    FirstConnection,
    /// CONNECT.
    Connect,
    /// PUBLISH, by a policy or because the topic is reserved.
    Publish,
    /// SUBSCRIBE.
    Subscribe,
    /// A delivery.
    Receive,
    /// The HTTPS data API.
    Http,
    /// A signed call of the API.
    Api,
}

impl Stage {
    /// As it is shown and counted.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::FirstConnection => "first-connection",
            Self::Connect => "connect",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Receive => "receive",
            Self::Http => "http",
            Self::Api => "api",
        }
    }
}

/// What was refused to whom, and why. Two that are equal are one that happened twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Where on its way.
    pub stage: Stage,
    /// Account and region, when they are known.
    pub scope: Option<Scope>,
    /// The certificate's id.
    pub certificate: Option<String>,
    /// The ARN of a signed caller.
    pub principal: Option<String>,
    /// The connection's thing.
    pub thing: Option<String>,
    /// The MQTT client id.
    pub client_id: Option<String>,
    /// From where.
    pub address: Option<IpAddr>,
    /// The policy action.
    pub action: Option<Cow<'static, str>>,
    /// The ARN it was asked on.
    pub resource: Option<String>,
    /// The reason: a clause an operator can act on.
    pub why: String,
}

impl Refusal {
    /// A refusal of somebody unknown, to be filled in.
    #[must_use]
    pub fn new(stage: Stage, why: impl Into<String>) -> Self {
        Self {
            stage,
            scope: None,
            certificate: None,
            principal: None,
            thing: None,
            client_id: None,
            address: None,
            action: None,
            resource: None,
            why: why.into(),
        }
    }

    /// A refusal of the other end of a connection.
    #[must_use]
    pub fn of(peer: &Peer, stage: Stage, why: impl Into<String>) -> Self {
        let mut refusal = Self::new(stage, why).from(peer.address.ip());
        refusal.scope = Some(peer.identity.scope().clone());
        match &peer.identity {
            Identity::Certificate { certificate, .. } => {
                refusal.certificate = Some(certificate.id.to_string())
            }
            Identity::Signed { principal, .. } => refusal.principal = Some(principal.arn.clone()),
            Identity::Plain { .. } => {}
        }
        refusal
    }

    /// A refusal by policy.
    #[must_use]
    pub fn denied(peer: &Peer, stage: Stage, denied: Denied) -> Self {
        let Denied { action, resource, why } = denied;
        Self { action: Some(action), resource: Some(resource), ..Self::of(peer, stage, why) }
    }

    /// The same with the address it came from.
    #[must_use]
    pub fn from(self, address: IpAddr) -> Self {
        Self { address: Some(address.to_canonical()), ..self }
    }

    /// The same with the client id and the thing of the connection.
    #[must_use]
    pub fn client(self, client_id: &str, thing: Option<&str>) -> Self {
        Self { client_id: Some(client_id.to_owned()), thing: thing.map(str::to_owned), ..self }
    }

    /// The whole sentence, such as `publish to foo/bar refused: no statement allows …`.
    #[must_use]
    pub fn text(&self) -> String {
        let end = if self.stage == Stage::FirstConnection { "closed" } else { "refused" };
        format!("{} {end}: {}", self.tried(), self.why)
    }

    /// What was tried, such as `publish to foo/bar`.
    fn tried(&self) -> String {
        let tail = self.resource.as_deref().and_then(|arn| arn.splitn(6, ':').nth(5));
        let name = tail.map(|tail| tail.split_once('/').map_or(tail, |(_, name)| name));
        let stage = self.stage.as_str();
        match (self.stage, name) {
            (Stage::Publish | Stage::Subscribe, Some(name)) => format!("{stage} to {name}"),
            (Stage::Receive, Some(name)) => format!("delivery of {name}"),
            (Stage::Connect, Some(name)) => format!("connect as {name}"),
            (Stage::FirstConnection, _) => "first connection".to_owned(),
            (Stage::Api, _) => {
                let (action, resource) = (self.action.as_deref(), self.resource.as_deref());
                format!("{} on {}", action.unwrap_or("a call"), resource.unwrap_or("*"))
            }
            (Stage::Http, Some(_)) => "HTTPS request".to_owned(),
            _ => stage.to_owned(),
        }
    }

    /// The same as an event of a device, if it may be one's: calls of the API are of people, and where neither account
    /// nor certificate is known nobody could say of whose.
    fn event(&self, now: Timestamp) -> Option<DeviceEvent> {
        if self.stage == Stage::Api || (self.scope.is_none() && self.certificate.is_none()) {
            return None;
        }
        let event = ThingEvent {
            reason: Some(self.why.clone()),
            stage: Some(self.stage.as_str().to_owned()),
            client_id: self.client_id.clone(),
            certificate_id: self.certificate.clone(),
            ip_address: self.address.map(|address| address.to_string()),
            detail: Some(self.tried()),
            ..ThingEvent::new(ThingEventKind::Refused, now)
        };
        Some(DeviceEvent { scope: self.scope.clone(), thing: self.thing.clone(), event })
    }

    fn shortened(mut self) -> Self {
        for text in [&mut self.thing, &mut self.client_id, &mut self.resource] {
            text.iter_mut().for_each(|text| shorten(text, TEXT));
        }
        self
    }

    /// Nobody of any account: what it says of itself proves nothing.
    fn is_of_stranger(&self) -> bool {
        self.scope.is_none()
    }

    fn is_about_subject_of(&self, other: &Self) -> bool {
        if self.is_of_stranger() || other.is_of_stranger() {
            return self.scope == other.scope && self.address == other.address;
        }
        self.certificate == other.certificate
            && self.principal == other.principal
            && self.client_id == other.client_id
    }
}

/// A refusal as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Grows with everything that is noted; a repetition gets a new one.
    pub seq: u64,
    /// When it first happened.
    pub first_at: Timestamp,
    /// When it last happened.
    pub at: Timestamp,
    /// How often.
    pub count: u64,
    /// What it is.
    pub refusal: Refusal,
}

/// Which refusals somebody wants to see. Everything that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only of this account and region.
    pub scope: Option<Scope>,
    /// With a scope: those of peers that no account knows, too.
    pub strangers: bool,
    /// Only of this thing, or of a client of that name.
    pub thing: Option<String>,
    /// Only of certificates whose id begins so.
    pub certificate: Option<String>,
    /// Only of this MQTT client.
    pub client_id: Option<String>,
    /// Only from this address.
    pub address: Option<IpAddr>,
}

impl Wanted {
    fn fits(&self, refusal: &Refusal) -> bool {
        let is = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        let starts = |wanted: &str| refusal.certificate.as_deref().is_some_and(|id| id.starts_with(wanted));
        let in_scope = self.scope == refusal.scope || (self.strangers && refusal.is_of_stranger());
        (self.scope.is_none() || in_scope)
            && (is(&self.thing, &refusal.thing) || is(&self.thing, &refusal.client_id))
            && self.certificate.as_deref().is_none_or(starts)
            && is(&self.client_id, &refusal.client_id)
            && (self.address.is_none() || self.address == refusal.address)
    }
}

/// The recent refusals. Those of devices are told in the timelines of their things, too.
#[derive(Debug, Default)]
pub struct Why {
    ring: Mutex<Ring>,
    timeline: Arc<Timeline>,
}

#[derive(Debug, Default)]
struct Ring {
    last: u64,
    by_seq: BTreeMap<u64, Noted>,
    seqs: HashMap<Refusal, u64>,
    /// The second in which lines were logged, how many, and how many were not since the last line.
    logged: (i64, u32, u64),
}

impl Why {
    /// No refusals yet.
    #[must_use]
    pub fn new(timeline: Arc<Timeline>) -> Self {
        Self { timeline, ..Self::default() }
    }

    /// Notes a refusal, and logs it if it is not a repetition.
    pub fn note(&self, now: Timestamp, refusal: Refusal) {
        let refusal = refusal.shortened();
        if let Some(event) = refusal.event(now) {
            self.timeline.note(event);
        }
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = ring.put(now, refusal);
        let suppressed = if noted.count == 1 { ring.may_log(now) } else { None };
        drop(ring);
        if let Some(suppressed) = suppressed {
            let refusal = &noted.refusal;
            tracing::warn!(
                certificate = refusal.certificate,
                principal = refusal.principal,
                thing = refusal.thing,
                client = refusal.client_id,
                address = refusal.address.map(tracing::field::display),
                suppressed = Some(suppressed).filter(|count| *count > 0),
                "{}",
                refusal.text()
            );
        }
    }

    /// Notes what an operator may ask about, without a line in the log: nothing is wrong.
    pub fn remember(&self, now: Timestamp, refusal: Refusal) {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).put(now, refusal.shortened());
    }

    /// What is wanted of what was noted before `before` (everything if `None`), the newest first, at most `limit`.
    #[must_use]
    pub fn before(&self, wanted: &Wanted, before: Option<u64>, limit: usize) -> Vec<Noted> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let older = ring.by_seq.range(..before.unwrap_or(u64::MAX)).rev().map(|(_, noted)| noted);
        older.filter(|noted| wanted.fits(&noted.refusal)).take(limit).cloned().collect()
    }

    /// What is wanted of what was noted after `after`, the oldest first, at most `limit`.
    #[must_use]
    pub fn after(&self, wanted: &Wanted, after: u64, limit: usize) -> Vec<Noted> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = ring.by_seq.range(after.saturating_add(1)..).map(|(_, noted)| noted);
        newer.filter(|noted| wanted.fits(&noted.refusal)).take(limit).cloned().collect()
    }

    /// The last number given, 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).last
    }
}

impl Ring {
    fn put(&mut self, now: Timestamp, refusal: Refusal) -> Noted {
        self.last += 1;
        let seq = self.last;
        let known = self.seqs.get(&refusal).and_then(|old| self.by_seq.remove(old));
        let noted = match known {
            Some(known) => Noted { seq, at: now, count: known.count + 1, ..known },
            None => {
                self.make_room(&refusal);
                Noted { seq, first_at: now, at: now, count: 1, refusal: refusal.clone() }
            }
        };
        self.seqs.insert(refusal, seq);
        self.by_seq.insert(seq, noted.clone());
        noted
    }

    fn make_room(&mut self, new: &Refusal) {
        let oldest = |which: &dyn Fn(&Refusal) -> bool, most: usize| {
            let mut those = self.by_seq.values().filter(|noted| which(&noted.refusal));
            let oldest = those.next()?.seq;
            (those.count() + 1 >= most).then_some(oldest)
        };
        let per_subject = if new.is_of_stranger() { KEPT_PER_ADDRESS } else { KEPT_PER_SUBJECT };
        let gone = oldest(&|known| known.is_about_subject_of(new), per_subject)
            .or_else(|| oldest(&Refusal::is_of_stranger, KEPT_OF_STRANGERS).filter(|_| new.is_of_stranger()))
            .or_else(|| oldest(&|_| true, KEPT));
        if let Some(gone) = gone.and_then(|seq| self.by_seq.remove(&seq)) {
            self.seqs.remove(&gone.refusal);
        }
    }

    /// Whether a line may be logged now; how many were not since the last one.
    fn may_log(&mut self, now: Timestamp) -> Option<u64> {
        let second = now.millis().div_euclid(1000);
        if self.logged.0 != second {
            (self.logged.0, self.logged.1) = (second, 0);
        }
        if self.logged.1 >= LOGGED_PER_SECOND {
            self.logged.2 += 1;
            return None;
        }
        self.logged.1 += 1;
        Some(std::mem::take(&mut self.logged.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(certificate: &str, topic: &str) -> Refusal {
        let arn = format!("arn:aws:iot:us-east-1:123456789012:topic/{topic}");
        Refusal {
            scope: Some(Scope::new("123456789012", "us-east-1").unwrap()),
            certificate: Some(certificate.to_owned()),
            action: Some("iot:Publish".into()),
            resource: Some(arn),
            ..Refusal::new(Stage::Publish, "no statement allows it")
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_repetition_counts_up_and_comes_to_the_front() {
        let why = Why::default();
        why.note(at(1), refusal("a", "x"));
        why.note(at(2), refusal("b", "x"));
        why.note(at(3), refusal("a", "x"));
        let all = why.before(&Wanted::default(), None, 10);
        let shown: Vec<_> =
            all.iter().map(|n| (n.seq, n.first_at.millis(), n.at.millis(), n.count)).collect();
        assert_eq!(shown, [(3, 1, 3, 2), (2, 2, 2, 1)]);
        assert_eq!(why.before(&Wanted::default(), Some(3), 10).len(), 1);
        assert_eq!(why.after(&Wanted::default(), 2, 10).len(), 1);
        assert_eq!(why.last(), 3);
    }

    #[test]
    fn nobody_pushes_out_the_others() {
        let why = Why::default();
        why.note(at(0), refusal("quiet", "x"));
        for i in 0..1_000 {
            why.note(at(i), refusal("looping", &format!("t/{i}")));
        }
        for i in 0..1_000 {
            let loud = Refusal::new(Stage::Handshake, "unknown").from([192, 0, 2, 1].into());
            why.note(at(0), Refusal { certificate: Some(i.to_string()), ..loud });
        }
        assert_eq!(
            why.before(&Wanted::default(), None, usize::MAX).len(),
            1 + KEPT_PER_SUBJECT + KEPT_PER_ADDRESS
        );
        for i in 0..1_000u32 {
            let stranger = Refusal::new(Stage::Handshake, "unknown").from(IpAddr::V4(i.into()));
            why.note(at(0), Refusal { certificate: Some(i.to_string()), ..stranger });
        }
        let all = why.before(&Wanted::default(), None, usize::MAX);
        assert_eq!(all.len(), 1 + KEPT_PER_SUBJECT + KEPT_OF_STRANGERS);
        for i in 0..3_000 {
            why.note(at(i), refusal(&i.to_string(), "x"));
        }
        assert_eq!(why.before(&Wanted::default(), None, usize::MAX).len(), KEPT);
        assert_eq!(why.ring.lock().unwrap().seqs.len(), KEPT);
    }

    #[test]
    fn one_asks_for_a_thing_a_certificate_a_client_or_an_address() {
        let why = Why::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        why.note(at(0), refusal("abcd", "x").client("dev1", Some("thing1")).from(address));
        why.note(at(0), refusal("ef", "x").client("thing2", None));
        let text = |text: &str| Some(text.to_owned());
        for (wanted, found) in [
            (Wanted { thing: text("thing1"), ..Wanted::default() }, 1),
            (Wanted { thing: text("thing2"), ..Wanted::default() }, 1),
            (Wanted { certificate: text("ab"), ..Wanted::default() }, 1),
            (Wanted { client_id: text("dev1"), ..Wanted::default() }, 1),
            (Wanted { client_id: text("dev1"), certificate: text("ef"), ..Wanted::default() }, 0),
            (Wanted { address: Some(address), ..Wanted::default() }, 1),
            (
                Wanted { scope: Some(Scope::new("123456789012", "eu-west-1").unwrap()), ..Wanted::default() },
                0,
            ),
        ] {
            assert_eq!(why.before(&wanted, None, 10).len(), found, "{wanted:?}");
        }
    }

    #[test]
    fn long_texts_are_cut_and_sentences_name_what_was_tried() {
        let long = refusal("a", &"x".repeat(10_000));
        let why = Why::default();
        why.note(at(0), long);
        let kept = why.before(&Wanted::default(), None, 1).remove(0).refusal;
        assert_eq!(kept.resource.unwrap().chars().count(), TEXT + 1);
        assert_eq!(refusal("a", "foo/b:r").text(), "publish to foo/b:r refused: no statement allows it");
        let gate = Refusal::new(Stage::Handshake, "certificate aa is INACTIVE");
        assert_eq!(gate.text(), "handshake refused: certificate aa is INACTIVE");
    }

    #[test]
    fn lines_in_the_log_are_limited() {
        let mut ring = Ring::default();
        let logged = (0..100).filter(|_| ring.may_log(at(5)).is_some()).count();
        assert_eq!(u32::try_from(logged).unwrap(), LOGGED_PER_SECOND);
        assert_eq!(ring.may_log(at(1_000)), Some(90));
    }
}
