//! A PUBLISH of a client: may it, where does it go, and what is promised. A topic that the connection has used lately costs
//! no hash, no policy and no search.

use std::sync::Arc;

use adit_iot::Timestamp;
use adit_iot::provisioning::fleet::FleetTopic;
use adit_iot::shadow::ShadowTopic;
use adit_mqtt::connection::{Host, Publish, Ticket, Verdict};
use adit_mqtt::why::Why;
use adit_mqtt::{Message, QoS, Reason};
use bytes::Bytes;

use super::broker::{Batch, Broker, Route};
use super::client::Client;
use super::receipt::{Receipt, Receipts, Reply};
use super::reserved::{self, Handler, Publishing};
use super::slot::Slot;
use super::{Identity, Peer};
use crate::state::State;
use crate::why::{Refusal, Stage};
use crate::{provision, topics};

/// Topics that a connection remembers; with more, all are forgotten.
const REMEMBERED: usize = 256;

/// What is known of the topics a client publishes to.
#[derive(Debug, Default)]
pub(super) struct Topics {
    known: Vec<Known>,
    /// The one used last.
    last: usize,
}

#[derive(Debug)]
struct Known {
    topic: Arc<str>,
    publishing: Publishing,
    /// `None`: not asked yet.
    may_publish: Option<bool>,
    may_retain: Option<bool>,
    route: Option<Route>,
}

impl Topics {
    /// Rights have changed: all has to be asked again.
    pub(super) fn forget_rights(&mut self) {
        for known in &mut self.known {
            (known.may_publish, known.may_retain) = (None, None);
        }
    }

    /// What is known of a topic.
    fn get(&mut self, topic: &str) -> &mut Known {
        let same = |known: &Known| known.topic.as_bytes() == topic.as_bytes();
        if !self.known.get(self.last).is_some_and(same) {
            self.last = self.known.iter().position(same).unwrap_or_else(|| {
                if self.known.len() >= REMEMBERED {
                    self.known.clear();
                }
                self.known.push(Known {
                    topic: topic.into(),
                    publishing: reserved::publishing(topic),
                    may_publish: None,
                    may_retain: None,
                    route: None,
                });
                self.known.len() - 1
            });
        }
        #[expect(clippy::indexing_slicing, reason = "set to a place that exists just above")]
        &mut self.known[self.last]
    }
}

/// Takes the publishes of one batch.
pub(super) struct Taker<'a> {
    pub(super) state: &'a Arc<State>,
    pub(super) broker: &'a Arc<Broker>,
    /// `None` before CONNECT is accepted, when nothing can be published.
    pub(super) client: Option<&'a mut Client>,
    pub(super) batch: &'a mut Batch,
    /// Messages taken so far.
    pub(super) taken: u64,
    /// QoS 2 messages whose packet ids must be kept before they are acknowledged.
    pub(super) exactly_once: Vec<Receipt>,
}

impl Host for Taker<'_> {
    fn publish(&mut self, publish: &Publish<'_>, ticket: Ticket) -> Verdict {
        let Some(client) = self.client.as_deref_mut() else { return Verdict::Refused(Reason::NotAuthorized) };
        let packet = &publish.packet;
        let broker = self.broker;
        let Client { topics, rights, slot, link, .. } = client;
        let known = topics.get(packet.topic);
        if known.publishing == Publishing::Refused || (packet.retain && packet.topic.starts_with('$')) {
            let why = match packet.retain {
                true => "messages on topics that begin with $ cannot be retained",
                false => "clients cannot publish to this reserved topic",
            };
            let refusal = Refusal::of(&rights.peer, Stage::Publish, format!("{}: {why}", packet.topic));
            self.state.why.note(self.state.now(), refusal.client(&slot.client_id, rights.thing()));
            return Verdict::Refused(Reason::TopicNameInvalid);
        }
        let may = if packet.retain { &mut known.may_retain } else { &mut known.may_publish };
        let allowed =
            *may.get_or_insert_with(|| rights.publish(self.state, slot, packet.topic, packet.retain));
        if !allowed {
            // Asked again next time, so that every refusal is noted.
            *may = None;
            return Verdict::Refused(Reason::NotAuthorized);
        }
        self.taken += 1;
        if let Publishing::To(handler) = known.publishing {
            let payload = Bytes::copy_from_slice(packet.payload);
            let asker = Asker { slot, link: *link, peer: &rights.peer };
            handle(self.state, broker, handler, packet.topic, payload, Some(asker));
            if handler != Handler::Shadow {
                return Verdict::Accepted;
            }
        }
        let message = Arc::new(Message::of(packet, Arc::clone(&known.topic), publish.expires_at));
        let reply = || Reply::Link { slot: Arc::clone(slot), link: *link, ticket };
        let mut receipts = Receipts::new(reply);
        if packet.retain {
            let kept = match packet.qos {
                QoS::AtMostOnce => broker.retained.put(broker, &message, &mut super::receipt::Nobody),
                _ => broker.retained.put(broker, &message, &mut receipts),
            };
            if let Err(reason) = kept {
                return Verdict::Refused(reason);
            }
        }
        let epoch = broker.epoch();
        let route = match &mut known.route {
            Some(route) if route.epoch == epoch => route,
            route => route.insert(broker.route(packet.topic)),
        };
        broker.send(&message, route, Some(slot.key), &mut receipts, self.batch);
        if packet.qos == QoS::ExactlyOnce && slot.stored.is_some() {
            self.exactly_once.extend(super::receipt::Promises::receipt(&mut receipts));
        }
        if receipts.is_used() { Verdict::Pending } else { Verdict::Accepted }
    }
}

/// The connection that sent a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) slot: &'a Arc<Slot>,
    pub(super) link: u64,
    pub(super) peer: &'a Arc<Peer>,
}

/// Lets a handler have a request; it works in a task of its own. What it answers is published, or goes to who asked: a
/// will asks for nothing.
pub(super) fn handle(
    state: &Arc<State>,
    broker: &Arc<Broker>,
    handler: Handler,
    topic: &str,
    payload: Bytes,
    asker: Option<Asker<'_>>,
) {
    match handler {
        Handler::Shadow => {
            if let Some(topic) = ShadowTopic::parse(topic) {
                return shadow(state, broker, topic, payload);
            }
        }
        Handler::Fleet => {
            if let (Some(topic), Some(asker)) = (FleetTopic::parse(topic), asker) {
                return fleet(state, broker, topic, payload, asker);
            }
        }
        Handler::Nobody => {}
    }
    broker.hub.meters.dropped_unserved.increment(1);
}

fn shadow(state: &Arc<State>, broker: &Arc<Broker>, topic: ShadowTopic, payload: Bytes) {
    let (state, broker) = (Arc::clone(state), Arc::clone(broker));
    state.clone().tasks.spawn(async move {
        for (topic, payload) in topics::shadow::handle(&state, &broker.scope, topic, payload).await {
            broker.tell(&topic, payload);
        }
    });
}

fn fleet(state: &Arc<State>, broker: &Arc<Broker>, topic: FleetTopic, payload: Bytes, asker: Asker<'_>) {
    let Asker { slot, link, peer } = asker;
    let (state, broker, slot, peer) =
        (Arc::clone(state), Arc::clone(broker), Arc::clone(slot), Arc::clone(peer));
    state.clone().tasks.spawn(async move {
        // A claim may be over though its connection is not. spec: provisioning §7
        if let Identity::Certificate { certificate, .. } = &peer.identity
            && state.gate.judge(&state, certificate).await.is_err()
        {
            slot.kick(Some(link), Why::Forbidden);
            return;
        }
        let asker = provision::fleet::Asker { peer: &peer, client_id: &slot.client_id };
        let (topic, payload) = topics::provisioning::handle(&state, asker, &topic, &payload).await;
        broker.answer(&slot, link, &topic, payload);
    });
}

/// Milliseconds as the store and policies count them.
pub(super) fn timestamp(now: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(now).unwrap_or(i64::MAX))
}
