//! What a connection knows of its client once CONNECT was accepted.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use adit_iot::{Error, Timestamp};
use adit_mqtt::{Filter, Message, QoS};
use adit_store::Queued;

use super::publish::{Topics, timestamp};
use super::receipt::Receipt;
use super::share::Share;
use super::slot::Slot;
use super::{Identity, Peer};
use crate::access::{Access, Watch};
use crate::state::State;
use crate::why::{Refusal, Stage};

/// Topics whose Receive decision a connection remembers; with more, all are forgotten.
const REMEMBERED: usize = 1024;

/// A connected client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) slot: Arc<Slot>,
    pub(super) link: u64,
    pub(super) rights: Rights,
    pub(super) topics: Topics,
    /// Deliveries under way that something hangs on, in the order of sending.
    pub(super) held: VecDeque<Held>,
    /// Messages read from the store and not sent.
    pub(super) page: VecDeque<Queued>,
    /// Position of the last message read from the store.
    pub(super) cursor: i64,
    /// Tokens of deliveries that have no position.
    pub(super) serial: i64,
    /// `sessionIdentifier` of lifecycle events.
    pub(super) session: String,
    /// `versionNumber` of lifecycle events.
    pub(super) version_number: u32,
    /// What the session was subscribed to when it was resumed was asked for `always`.
    pub(super) receive: Receive,
}

/// A delivery under way.
#[derive(Debug)]
pub(super) struct Held {
    /// Position in the session's order, or a negative number.
    pub(super) token: i64,
    pub(super) packet_id: u16,
    /// When it was sent, in milliseconds.
    pub(super) since: u64,
    pub(super) receipt: Option<Receipt>,
    /// The store has it.
    pub(super) stored: bool,
    pub(super) share: Option<Arc<Share>>,
    /// Whoever sent it waits for the acknowledgement and nothing else.
    pub(super) direct: bool,
    pub(super) message: Arc<Message>,
    pub(super) qos: QoS,
    pub(super) retain: bool,
}

/// What was decided about deliveries.
#[derive(Debug, Default)]
pub(super) struct Receive {
    /// Everything the client subscribed to may be delivered, whatever the topic.
    always: bool,
    last: Option<(Arc<str>, bool)>,
    known: HashMap<Arc<str>, bool>,
}

/// Who a client is and what it may do.
#[derive(Debug, Clone)]
pub(super) struct Rights {
    pub(super) peer: Arc<Peer>,
    pub(super) access: Arc<Access>,
    watch: Watch,
    /// What the watch said before the access was asked for.
    epoch: u64,
}

impl Rights {
    /// The rights of a peer as a client id.
    ///
    /// # Errors
    /// The store cannot be read, or the certificate's id is malformed.
    pub(super) async fn of(state: &State, peer: &Arc<Peer>, client_id: &str) -> Result<Self, Error> {
        let watch = state.access.watch(peer.identity.scope());
        let epoch = watch.epoch();
        let access = match &peer.identity {
            Identity::Certificate { scope, certificate } => {
                state.access.of_certificate(&state.store, scope, &certificate.id, Some(client_id)).await?
            }
            Identity::Signed { principal, scope, .. } => {
                let (rights, keys) = state.authority.of(&state.store, principal, scope, state.now()).await?;
                match state.keys.still_signs(&state.store, principal, state.now()).await? {
                    true => Access::signed(rights, keys),
                    false => Access::nothing(keys),
                }
            }
            Identity::Plain { .. } => Access::everything(),
        };
        Ok(Self { peer: Arc::clone(peer), access, watch, epoch })
    }

    /// Rights that were not asked for yet.
    pub(super) fn none(state: &State, peer: Arc<Peer>) -> Self {
        let watch = state.access.watch(peer.identity.scope());
        Self { access: Access::everything(), epoch: watch.epoch(), watch, peer }
    }

    /// Whether nothing has changed since they were asked for.
    pub(super) fn are_fresh(&self) -> bool {
        self.epoch == self.watch.epoch()
    }

    /// Name of the connection's thing.
    pub(super) fn thing(&self) -> Option<&str> {
        self.access.thing().map(|thing| thing.name.as_str())
    }

    /// Whether the client may publish; a refusal is noted.
    pub(super) fn publish(&self, state: &State, slot: &Slot, topic: &str, retain: bool) -> bool {
        let context = self.access.context(&self.peer, Some(&slot.client_id), state.now());
        let result = self.access.publish(topic, retain, &context);
        self.note(state, slot, Stage::Publish, result)
    }

    /// Whether the client may subscribe; a refusal is noted.
    pub(super) fn subscribe(&self, state: &State, slot: &Slot, filter: &Filter) -> bool {
        let context = self.access.context(&self.peer, Some(&slot.client_id), state.now());
        let result = self.access.subscribe(filter.as_str(), &context);
        self.note(state, slot, Stage::Subscribe, result)
    }

    /// Whether a delivery may be made; a refusal is noted. Shared subscriptions may be granted with or without their
    /// prefix. spec: mqtt-gateway §5.3
    fn receive(
        &self,
        state: &State,
        slot: &Slot,
        topic: &str,
        share: Option<&Share>,
        now: Timestamp,
    ) -> bool {
        let context = self.access.context(&self.peer, Some(&slot.client_id), now);
        let mut result = self.access.receive(topic, &context);
        if let (Err(_), Some(share)) = (&result, share) {
            result = self.access.receive(&share.prefixed(topic), &context);
        }
        self.note(state, slot, Stage::Receive, result)
    }

    fn note(
        &self,
        state: &State,
        slot: &Slot,
        stage: Stage,
        result: Result<(), crate::access::Denied>,
    ) -> bool {
        let Err(denied) = result else { return true };
        let refusal = Refusal::denied(&self.peer, stage, denied).client(&slot.client_id, self.thing());
        state.why.note(state.now(), refusal);
        false
    }
}

impl Client {
    /// Takes new rights. Decisions are asked again unless the access is the same.
    pub(super) fn take_rights(&mut self, rights: Rights, state: &State) {
        let same = Arc::ptr_eq(&rights.access, &self.rights.access);
        self.rights = rights;
        if !same {
            self.topics.forget_rights();
            self.refresh_receive(state);
        }
    }

    /// Asks once whether everything subscribed to may be delivered.
    pub(super) fn refresh_receive(&mut self, state: &State) {
        let Rights { access, peer, .. } = &self.rights;
        let context = access.context(peer, Some(&self.slot.client_id), state.now());
        let inner = self.slot.lock();
        let all =
            |filter: &Filter| filter.share().is_none() && access.receives_all(filter.pattern(), &context);
        let always = inner.subscriptions.iter().all(|(filter, _)| all(filter));
        drop(inner);
        self.receive = Receive { always, ..Receive::default() };
    }

    /// Whether a message may be delivered. spec: mqtt-gateway §5.3
    pub(super) fn may_receive(
        &mut self,
        state: &State,
        topic: &Arc<str>,
        share: Option<&Share>,
        now: u64,
    ) -> bool {
        let receive = &mut self.receive;
        if receive.always && share.is_none() {
            return true;
        }
        if share.is_some() {
            return self.rights.receive(state, &self.slot, topic, share, timestamp(now));
        }
        if let Some((known, allowed)) = &receive.last
            && (Arc::ptr_eq(known, topic) || known == topic)
        {
            return *allowed;
        }
        let allowed = match receive.known.get(topic) {
            Some(allowed) => *allowed,
            None => {
                let allowed = self.rights.receive(state, &self.slot, topic, None, timestamp(now));
                if receive.known.len() >= REMEMBERED {
                    receive.known.clear();
                }
                receive.known.insert(Arc::clone(topic), allowed);
                allowed
            }
        };
        receive.last = Some((Arc::clone(topic), allowed));
        allowed
    }

    /// A delivery is over.
    pub(super) fn release(&mut self, token: i64) -> Option<Held> {
        let at = self.held.iter().position(|held| held.token == token)?;
        self.held.remove(at)
    }
}
