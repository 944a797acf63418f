//! Packet ids in use, in both directions.

use std::collections::VecDeque;

use crate::packet::QoS;
use crate::reason::Reason;
use crate::session::{Delivery, Flight, Session};

/// The number of packet ids: 1 to 65535. spec: mqtt5 §2.2.1
const IDS: u16 = u16::MAX;

/// How far `to` lies ahead of `from` on the ring of packet ids: 1 to 65535.
fn ahead(from: u16, to: u16) -> u16 {
    if to > from { to - from } else { to + (IDS - from) }
}

/// A packet id towards the client, and since when it is unacknowledged.
#[derive(Debug)]
pub(crate) struct Sent<T> {
    pub packet_id: u16,
    /// Milliseconds like `now`; on a resumed session the time of resuming.
    pub since: u64,
    /// `None` after PUBREC.
    pub delivery: Option<Delivery<T>>,
}

impl<T> Sent<T> {
    /// Whether this is a message of `qos` that is not acknowledged.
    pub fn is_of(&self, qos: QoS) -> bool {
        self.delivery.as_ref().is_some_and(|delivery| delivery.qos == qos)
    }
}

/// What is under way to the client, in the order of sending.
#[derive(Debug)]
pub(crate) struct Outbound<T> {
    queue: VecDeque<Sent<T>>,
    /// How many of `queue`, from the front, were sent on this connection; fewer than all only after resuming.
    sent: usize,
    last: u16,
    /// So many ids after `last` are known to be free.
    free: u16,
}

impl<T> Outbound<T> {
    pub fn new() -> Outbound<T> {
        Outbound { queue: VecDeque::new(), sent: 0, last: 0, free: IDS }
    }

    /// Takes up what a session left; nothing of it counts as sent.
    pub fn resumed(session: Session<T>, now: u64) -> (Outbound<T>, Vec<u16>) {
        let queue = session
            .flights
            .into_iter()
            .map(|flight| Sent { packet_id: flight.packet_id, since: now, delivery: flight.delivery })
            .collect();
        (Outbound { queue, sent: 0, last: session.last_packet_id, free: 0 }, session.received)
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether something that was resumed has not been sent again yet.
    pub fn has_unsent(&self) -> bool {
        self.sent < self.queue.len()
    }

    pub fn last_id(&self) -> u16 {
        self.last
    }

    /// The oldest time in the queue that something is unacknowledged since; the queue is in order of time.
    pub fn oldest(&self) -> Option<u64> {
        self.queue.front().map(|sent| sent.since)
    }

    /// A copy for the session.
    pub fn flights(&self) -> Vec<Flight<T>>
    where
        T: Clone,
    {
        let copy = |sent: &Sent<T>| Flight { packet_id: sent.packet_id, delivery: sent.delivery.clone() };
        self.queue.iter().map(copy).collect()
    }

    /// Notes a delivery that was sent under an id from [`Outbound::next_id`]; nothing may be unsent.
    pub fn push(&mut self, packet_id: u16, delivery: Delivery<T>, now: u64) {
        self.queue.push_back(Sent { packet_id, since: now, delivery: Some(delivery) });
        self.sent = self.queue.len();
    }

    /// The next id that is not in use. There must be one.
    pub fn next_id(&mut self) -> u16 {
        while self.free == 0 {
            let last = self.last;
            let nearest = self.queue.iter().map(|sent| ahead(last, sent.packet_id)).min().unwrap_or(IDS);
            if nearest == 1 {
                self.last = successor(self.last);
            } else {
                self.free = nearest - 1;
            }
        }
        self.free -= 1;
        self.last = successor(self.last);
        self.last
    }

    /// Takes out the next flight to send again, if fewer than `window` are sent; [`Outbound::put_sent`] puts it back.
    pub fn take_unsent(&mut self, window: usize) -> Option<Sent<T>> {
        if self.sent >= window {
            return None;
        }
        self.queue.remove(self.sent)
    }

    /// Puts back what was taken out, as sent.
    pub fn put_sent(&mut self, sent: Sent<T>) {
        self.queue.insert(self.sent, sent);
        self.sent += 1;
    }

    /// Everything is to be sent again.
    pub fn unsend(&mut self) {
        self.sent = 0;
    }

    /// Forgets ids that only wait for PUBCOMP.
    pub fn drop_released(&mut self) {
        self.queue.retain(|sent| sent.delivery.is_some());
        self.sent = 0;
    }

    fn position(&self, packet_id: u16) -> Option<usize> {
        self.queue.iter().take(self.sent).position(|sent| sent.packet_id == packet_id)
    }

    /// The flight with this id, if it was sent on this connection.
    pub fn find(&mut self, packet_id: u16) -> Option<&mut Sent<T>> {
        let at = self.position(packet_id)?;
        self.queue.get_mut(at)
    }

    /// Ends the flight with this id.
    pub fn remove(&mut self, packet_id: u16) -> Option<Sent<T>> {
        let at = self.position(packet_id)?;
        self.sent -= 1;
        self.queue.remove(at)
    }

    /// Ends the oldest flight that was sent if it is unacknowledged since `before` or longer.
    pub fn remove_older(&mut self, before: u64) -> Option<Sent<T>> {
        if self.sent == 0 || self.queue.front()?.since > before {
            return None;
        }
        self.sent -= 1;
        self.queue.pop_front()
    }

    pub fn into_flights(self) -> Vec<Flight<T>> {
        self.queue
            .into_iter()
            .map(|sent| Flight { packet_id: sent.packet_id, delivery: sent.delivery })
            .collect()
    }

    /// Gives back the memory of an empty queue.
    pub fn rest(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }
}

fn successor(id: u16) -> u16 {
    id.checked_add(1).unwrap_or(1)
}

/// What the client's PUBLISH of QoS 1 or 2 has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Done(Reason),
    /// No acknowledgement at all: 3.1.1 over its quota.
    Silent,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Unanswered {
    pub packet_id: u16,
    pub qos: QoS,
    pub state: State,
}

/// Publishes of the client that wait for their acknowledgement, in order, and QoS 2 ids it has not released.
#[derive(Debug)]
pub(crate) struct Inbound {
    queue: VecDeque<Unanswered>,
    /// The ticket of the front.
    first: u32,
    /// How many of `queue` are of QoS 2.
    exact: usize,
    /// Whether the ids in `queue` follow each other without a gap.
    is_run: bool,
    /// Ascending; the QoS 2 ids of `queue` are in here too.
    received: Vec<u16>,
}

impl Inbound {
    pub fn new(mut received: Vec<u16>) -> Inbound {
        received.sort_unstable();
        received.dedup();
        Inbound { queue: VecDeque::new(), first: 0, exact: 0, is_run: true, received }
    }

    /// Ids in use, as the Receive Maximum counts them. spec: mqtt5 §4.9
    pub fn outstanding(&self) -> usize {
        self.queue.len() - self.exact + self.received.len()
    }

    /// Publishes without an answer.
    pub fn unanswered(&self) -> usize {
        self.queue.len()
    }

    /// The ticket of the next publish.
    pub fn next_ticket(&self) -> u32 {
        self.first.wrapping_add(u32::try_from(self.queue.len()).unwrap_or(0))
    }

    /// Whether a publish with this id waits for its answer.
    pub fn is_unanswered(&self, packet_id: u16) -> bool {
        match self.queue.front() {
            None => false,
            Some(front) if front.packet_id == packet_id => true,
            Some(front) if self.is_run => usize::from(ahead(front.packet_id, packet_id)) < self.queue.len(),
            Some(_) => self.queue.iter().any(|unanswered| unanswered.packet_id == packet_id),
        }
    }

    /// Whether a QoS 2 publish with this id was taken and not released.
    pub fn is_received(&self, packet_id: u16) -> bool {
        self.received.binary_search(&packet_id).is_ok()
    }

    /// Notes the next publish; [`Inbound::next_ticket`] was its ticket.
    pub fn push(&mut self, packet_id: u16, qos: QoS, state: State) {
        self.is_run = match self.queue.back() {
            Some(back) => self.is_run && packet_id == successor(back.packet_id),
            None => true,
        };
        self.exact += usize::from(qos == QoS::ExactlyOnce);
        self.note(packet_id, qos, state);
        self.queue.push_back(Unanswered { packet_id, qos, state });
    }

    /// Counts a ticket that needs no place in the queue, because nothing is before it.
    pub fn skip(&mut self) {
        if self.queue.is_empty() {
            self.first = self.first.wrapping_add(1);
        }
    }

    /// Takes the id of a QoS 2 publish that was not refused, until it is released.
    pub fn note(&mut self, packet_id: u16, qos: QoS, state: State) {
        let is_refused = matches!(state, State::Done(reason) if reason.is_error());
        if qos == QoS::ExactlyOnce
            && !is_refused
            && let Err(at) = self.received.binary_search(&packet_id)
        {
            self.received.insert(at, packet_id);
        }
    }

    /// PUBREL, or a refused QoS 2 publish. Says whether the id was in use.
    pub fn release(&mut self, packet_id: u16) -> bool {
        match self.received.binary_search(&packet_id) {
            Ok(at) => {
                self.received.remove(at);
                true
            }
            Err(_) => false,
        }
    }

    /// The publish of this ticket, if it has no answer yet.
    pub fn waiting(&mut self, ticket: u32) -> Option<&mut Unanswered> {
        let at = usize::try_from(ticket.wrapping_sub(self.first)).ok()?;
        self.queue.get_mut(at).filter(|unanswered| unanswered.state == State::Waiting)
    }

    /// Takes the front if it has its answer.
    pub fn pop(&mut self) -> Option<Unanswered> {
        self.queue.front().filter(|front| front.state != State::Waiting)?;
        let front = self.queue.pop_front()?;
        self.first = self.first.wrapping_add(1);
        if front.qos == QoS::ExactlyOnce {
            self.exact -= 1;
        }
        Some(front)
    }

    /// Tickets and ids that wait, oldest first.
    pub fn pending(&self) -> impl Iterator<Item = (u32, u16)> {
        let numbered = (0u32..).map(|offset| self.first.wrapping_add(offset)).zip(&self.queue);
        numbered
            .filter(|(_, unanswered)| unanswered.state == State::Waiting)
            .map(|(ticket, unanswered)| (ticket, unanswered.packet_id))
    }

    pub fn received(&self) -> &[u16] {
        &self.received
    }

    /// Gives back the memory of empty queues.
    pub fn rest(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        if self.received.is_empty() {
            self.received = Vec::new();
        }
    }
}
