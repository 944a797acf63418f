//! What happened to the devices of things, on its way to the store: connected, disconnected, refused, provisioned.
//!
//! Whoever notes an event never waits. Events gather for a moment in a bounded queue, and one task writes what has
//! gathered, so that the gateway does not wait for the disk and a thousand connects a second cost a few commits. What a
//! full queue cannot take is counted and lost; a killed server loses what it noted in its last moment.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adit_store::{DeviceEvent, ThingEvent, ThingEventKind};
use metrics::Counter;
use tokio::sync::{Notify, watch};

use crate::mqtt::{Identity, Peer};
use crate::state::State;

/// Events that may wait for the task that writes.
const WAITING: usize = 4_096;
/// Refusals of one device among them, equal ones counted once, so that one in a loop does not take the room of others.
const REFUSALS: usize = 16;
/// Refusals of peers of no known account among them.
const STRANGERS: usize = 512;
/// How long events gather before they are written, unless somebody asks for them.
const GATHER: Duration = Duration::from_millis(250);
/// Events in one transaction, so that those of others do not wait long for it.
const BATCH: usize = 250;
/// Characters kept of a reason and of a detail.
const TEXT: usize = 1_000;

/// Takes events and writes them.
#[derive(Debug)]
pub struct Timeline {
    /// Rows that a thing keeps; 0: nothing is noted.
    per_thing: u32,
    waiting: Mutex<Waiting>,
    bell: Notify,
    /// Somebody waits for what was noted.
    hurry: Notify,
    /// How many of the events that waited are written, or lost.
    written: watch::Sender<u64>,
    closed: AtomicBool,
    full: Counter,
}

impl Default for Timeline {
    /// One that notes nothing.
    fn default() -> Self {
        Self::new(0, Counter::noop())
    }
}

impl Timeline {
    /// Nothing noted yet. A thing keeps `per_thing` rows; what a full queue cannot take is counted in `full`.
    #[must_use]
    pub fn new(per_thing: u32, full: Counter) -> Self {
        Self {
            per_thing,
            waiting: Mutex::default(),
            bell: Notify::new(),
            hurry: Notify::new(),
            written: watch::Sender::new(0),
            closed: AtomicBool::new(false),
            full,
        }
    }

    /// Notes an event. Never waits for the disk.
    pub fn note(&self, mut event: DeviceEvent) {
        if self.per_thing == 0 {
            return;
        }
        for text in [&mut event.event.reason, &mut event.event.detail, &mut event.event.client_id] {
            text.iter_mut().for_each(|text| shorten(text, TEXT));
        }
        match self.waiting().put(event) {
            Put::First => self.bell.notify_one(),
            Put::Waits => {}
            Put::Lost => self.full.increment(1),
        }
    }

    /// Returns when everything noted before is in the store, or could not be stored.
    pub async fn settled(&self) {
        let noted = self.waiting().noted;
        let mut written = self.written.subscribe();
        if *written.borrow() < noted {
            self.hurry.notify_one();
            // The sender lives in `self`, so waiting cannot fail while we are borrowed.
            let _ = written.wait_for(|written| *written >= noted).await;
        }
    }

    /// Lets [`Timeline::run`] end when nothing waits any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.bell.notify_one();
        self.hurry.notify_one();
    }

    /// Writes what gathers, until it is closed and nothing waits.
    pub async fn run(state: Arc<State>) {
        let timeline = &state.timeline;
        loop {
            if timeline.waiting().events.is_empty() {
                if timeline.closed.load(Ordering::Acquire) {
                    return;
                }
                timeline.bell.notified().await;
            }
            if !timeline.closed.load(Ordering::Acquire) {
                tokio::select! {
                    () = tokio::time::sleep(GATHER) => {}
                    () = timeline.hurry.notified() => {}
                }
            }
            timeline.write(&state).await;
        }
    }

    async fn write(&self, state: &State) {
        let (events, lost) = self.waiting().take();
        if lost > 0 {
            tracing::debug!(events = lost, "events of things are not in their timelines: too many at once");
        }
        let mut events = events.into_iter().peekable();
        while events.peek().is_some() {
            let batch: Vec<DeviceEvent> = events.by_ref().take(BATCH).collect();
            let count = batch.len() as u64;
            if let Err(error) = state.store.thing_events_add(batch, self.per_thing).await {
                state.metrics.timeline_lost_store.increment(count);
                tracing::error!(%error, events = count, "events of things could not be stored");
            }
            self.written.send_modify(|written| *written += count);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event of the device at the other end of a connection that speaks for `thing`.
#[must_use]
pub fn of_peer(peer: &Peer, client_id: &str, thing: Option<&str>, event: ThingEvent) -> DeviceEvent {
    let (certificate, signer) = match &peer.identity {
        Identity::Certificate { certificate, .. } => (Some(certificate.id.to_string()), None),
        Identity::Signed { principal, .. } => (None, Some(format!("signed by {}", principal.arn))),
        Identity::Plain { .. } => (None, None),
    };
    DeviceEvent {
        scope: Some(peer.identity.scope().clone()),
        thing: thing.map(str::to_owned),
        event: ThingEvent {
            client_id: Some(client_id.to_owned()),
            certificate_id: certificate,
            ip_address: Some(peer.address.ip().to_canonical().to_string()),
            detail: event.detail.or(signer),
            ..event
        },
    }
}

/// Cuts a text behind so many characters.
pub(crate) fn shorten(text: &mut String, most: usize) {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Waiting {
    events: Vec<DeviceEvent>,
    /// Where the refusals are, by their hash.
    refusals: HashMap<u64, usize>,
    /// How many of them are of one device, by its hash.
    of_device: HashMap<u64, usize>,
    strangers: usize,
    hasher: RandomState,
    /// Events that ever waited.
    noted: u64,
    /// Events since the last taking that found no room.
    lost: u64,
}

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
enum Put {
    /// It waits, and nothing did before.
    First,
    /// It waits, or is counted in one that does.
    Waits,
    /// There is no room.
    Lost,
}

impl Waiting {
    fn put(&mut self, new: DeviceEvent) -> Put {
        let is_refusal = new.event.kind == ThingEventKind::Refused;
        if is_refusal && self.counts_up(&new) {
            return Put::Waits;
        }
        if self.events.len() >= WAITING || (is_refusal && !self.takes_refusal(&new)) {
            self.lost += 1;
            return Put::Lost;
        }
        self.events.push(new);
        self.noted += 1;
        if self.events.len() == 1 { Put::First } else { Put::Waits }
    }

    /// Counts a refusal in an equal one that waits. Whether there is one.
    fn counts_up(&mut self, new: &DeviceEvent) -> bool {
        let place = self.refusals.get(&self.hash(new)).copied();
        let same = place.and_then(|place| self.events.get_mut(place)).filter(|there| {
            there.scope == new.scope && there.thing == new.thing && new.event.repeats(&there.event)
        });
        let Some(there) = same else { return false };
        let first_at = there.event.first_at;
        let count = there.event.count.saturating_add(new.event.count);
        there.event = ThingEvent { first_at, count, ..new.event.clone() };
        true
    }

    /// Whether a refusal that is about to be added may be; then its place is known from here on.
    fn takes_refusal(&mut self, new: &DeviceEvent) -> bool {
        let event = &new.event;
        let device = (&new.scope, &new.thing, &event.client_id, &event.certificate_id);
        let device = self.hasher.hash_one(device);
        if new.scope.is_none() {
            if self.strangers >= STRANGERS {
                return false;
            }
            self.strangers += 1;
        }
        let of_device = self.of_device.entry(device).or_default();
        if *of_device >= REFUSALS {
            return false;
        }
        *of_device += 1;
        let place = self.events.len();
        self.refusals.insert(self.hash(new), place);
        true
    }

    fn hash(&self, new: &DeviceEvent) -> u64 {
        let event = &new.event;
        let who = (&new.scope, &new.thing, &event.client_id, &event.certificate_id);
        self.hasher.hash_one((who, &event.stage, &event.reason, &event.detail))
    }

    /// Everything that waits, and how many events found no room.
    fn take(&mut self) -> (Vec<DeviceEvent>, u64) {
        self.refusals.clear();
        self.of_device.clear();
        self.strangers = 0;
        (std::mem::take(&mut self.events), std::mem::take(&mut self.lost))
    }
}

#[cfg(test)]
mod tests {
    use adit_iot::{Scope, Timestamp};

    use super::*;

    fn scope() -> Option<Scope> {
        Some(Scope::new("123456789012", "us-east-1").unwrap())
    }

    fn event(kind: ThingEventKind, client: &str, reason: &str, at: i64) -> DeviceEvent {
        let event = ThingEvent {
            client_id: Some(client.to_owned()),
            reason: Some(reason.to_owned()),
            ..ThingEvent::new(kind, Timestamp::from_millis(at))
        };
        DeviceEvent { scope: scope(), thing: None, event }
    }

    fn refusal(client: &str, reason: &str, at: i64) -> DeviceEvent {
        event(ThingEventKind::Refused, client, reason, at)
    }

    #[test]
    fn a_refusal_that_repeats_waits_once() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.put(refusal("a", "x", 1)), Put::First);
        for put in [refusal("b", "x", 2), refusal("a", "y", 3), refusal("a", "x", 4), refusal("a", "x", 5)] {
            assert_eq!(waiting.put(put), Put::Waits);
        }
        let connected = |at| event(ThingEventKind::Connected, "a", "x", at);
        assert_eq!([waiting.put(connected(6)), waiting.put(connected(6))], [Put::Waits, Put::Waits]);
        assert_eq!(waiting.noted, 5);
        let (events, lost) = waiting.take();
        let shown =
            |event: &DeviceEvent| (event.event.first_at.millis(), event.event.at.millis(), event.event.count);
        assert_eq!(
            events.iter().map(shown).collect::<Vec<_>>(),
            [(1, 5, 3), (2, 2, 1), (3, 3, 1), (6, 6, 1), (6, 6, 1)]
        );
        assert_eq!((lost, waiting.put(refusal("a", "x", 7))), (0, Put::First));
        assert_eq!(waiting.take().0, [refusal("a", "x", 7)]);
    }

    #[test]
    fn what_finds_no_room_is_lost_and_counted() {
        let mut waiting = Waiting::default();
        let connected = |n: usize| event(ThingEventKind::Connected, &n.to_string(), "", 0);
        let put = (0..WAITING + 7).filter(|n| waiting.put(connected(*n)) != Put::Lost).count();
        assert_eq!(put, WAITING);
        let (events, lost) = waiting.take();
        assert_eq!((events.len(), lost), (WAITING, 7));
        assert_eq!(waiting.put(connected(0)), Put::First);
        assert_eq!(waiting.take().1, 0);
    }

    #[test]
    fn a_device_or_stranger_in_a_loop_leaves_room_for_others() {
        let mut waiting = Waiting::default();
        let mut put = |event| waiting.put(event) != Put::Lost;
        let loud = (0..1_000).filter(|n| put(refusal("loud", &n.to_string(), 0))).count();
        assert_eq!(loud, REFUSALS);
        assert!(put(refusal("loud", "1", 1)), "one that waits counts up");
        let stranger = |n: usize| DeviceEvent { scope: None, ..refusal(&n.to_string(), "", 0) };
        assert_eq!((0..1_000).filter(|n| put(stranger(*n))).count(), STRANGERS);
        assert!(put(refusal("quiet", "x", 0)));
        assert!(put(event(ThingEventKind::Connected, "loud", "", 0)));
    }

    #[test]
    fn noting_does_not_wait_for_a_writer_and_long_texts_are_cut() {
        let timeline = Timeline::new(500, Counter::noop());
        for n in 0..10 * WAITING {
            timeline.note(refusal(&n.to_string(), &"x".repeat(2 * TEXT), 0));
        }
        let (events, lost) = timeline.waiting().take();
        assert_eq!((events.len(), lost), (WAITING, 9 * WAITING as u64));
        assert_eq!(events[0].event.reason.as_ref().unwrap().chars().count(), TEXT + 1);
        let off = Timeline::default();
        off.note(refusal("a", "x", 0));
        assert_eq!(off.waiting().take().0, []);
    }

    #[tokio::test]
    async fn whoever_asks_waits_for_what_was_noted_before() {
        let timeline = Timeline::new(500, Counter::noop());
        timeline.settled().await;
        timeline.note(refusal("a", "x", 0));
        let writer = async {
            timeline.hurry.notified().await;
            timeline.written.send_modify(|written| *written += 1);
        };
        tokio::join!(timeline.settled(), writer);
        timeline.settled().await;
    }
}
