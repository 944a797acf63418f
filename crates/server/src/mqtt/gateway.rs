//! What the rest of the server may ask of the MQTT connections.

use std::sync::{Arc, Weak};

use adit_iot::{Error, Kind, Scope};
use adit_mqtt::Message;
use adit_mqtt::why::Why;
use tokio::sync::oneshot;

use super::broker::Broker;
use super::hub::Hub;
use super::receipt::{Receipts, Reply};
use super::{offline, timers};
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::state::State;

/// All MQTT connections, sessions and messages of this server.
#[derive(Debug)]
pub struct Gateway {
    pub(super) hub: Arc<Hub>,
}

/// Why connections of a certificate are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The certificate is no longer active, or is gone. spec: mqtt-gateway §2.3
    Certificate,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Brokers and the hub hold each other.
        self.hub.forget_all();
    }
}

impl Gateway {
    /// No connections yet.
    #[must_use]
    pub fn new(state: Weak<State>, config: &Config, metrics: &Metrics, clock: Clock) -> Self {
        Self { hub: Arc::new(Hub::new(state, config, metrics.mqtt.clone(), clock)) }
    }

    pub(super) fn broker(&self, scope: &Scope) -> Arc<Broker> {
        self.hub.broker(scope)
    }

    pub(super) fn find(&self, scope: &Scope) -> Option<Arc<Broker>> {
        self.hub.find(scope)
    }

    /// Takes over what the store kept: sessions, their subscriptions and wills, retained messages. Before anybody can
    /// connect.
    ///
    /// # Errors
    /// The store's own.
    pub async fn load(&self, state: &State) -> Result<(), adit_store::Error> {
        offline::load(state, &self.hub).await
    }

    /// Writes what is to be kept, until [`Gateway::close`].
    pub async fn write(state: Arc<State>) {
        state.gateway.hub.journal.run(&state).await;
    }

    /// Does what is due by time, until the server ends.
    pub async fn watch(state: Arc<State>) {
        let hub = Arc::clone(&state.gateway.hub);
        timers::run(state, hub).await;
    }

    /// Tells every client to go away, and lets none in. Does not wait.
    pub fn end_all(&self) {
        for broker in self.hub.all() {
            for slot in broker.slots() {
                slot.kick(None, Why::ShuttingDown);
            }
        }
    }

    /// Waits until everything is on disk that connections handed over; what comes later is not written.
    pub async fn close(&self) {
        self.hub.journal.settled().await;
        self.hub.journal.close();
    }

    /// Publishes a message of the server itself (an event, a shadow's answer, a notification) with QoS 1. It is not
    /// subject to policies. Returns when it is safe: stored for offline sessions, taken by those online.
    ///
    /// # Errors
    /// `Unavailable` when a session's queue cannot be stored.
    pub async fn say(&self, scope: &Scope, topic: &str, payload: Vec<u8>) -> Result<(), Error> {
        self.publish(scope, Broker::own(topic, payload)).await
    }

    /// The same without waiting, for events that may be lost when the store fails.
    pub fn tell(&self, scope: &Scope, topic: &str, payload: Vec<u8>) {
        self.broker(scope).tell(topic, payload);
    }

    /// Publishes a message that was authorised. Returns after the promise of its QoS: see
    /// docs/decisions/0006-what-a-puback-means.md.
    ///
    /// # Errors
    /// `LimitExceeded` when it cannot be retained because there are too many, `Unavailable` when the store cannot keep it.
    pub async fn publish(&self, scope: &Scope, message: Message) -> Result<(), Error> {
        let (done, wait) = oneshot::channel();
        let mut receipts = Receipts::new(|| Reply::Call(done));
        let kept = self.broker(scope).publish(message, &mut receipts);
        let is_owed = receipts.is_used();
        drop(receipts);
        kept.map_err(|reason| Error::new(Kind::LimitExceeded, reason.text()))?;
        match is_owed {
            true if wait.await != Ok(true) => {
                Err(Error::new(Kind::Unavailable, "The message could not be stored; try again later."))
            }
            _ => Ok(()),
        }
    }

    /// Ends every connection of a certificate. Does not wait.
    pub fn cut_certificate(&self, scope: &Scope, certificate_id: &str, why: Cut) {
        let Some(broker) = self.hub.find(scope) else { return };
        let why = match why {
            Cut::Certificate => Why::Forbidden,
        };
        for slot in broker.slots() {
            let inner = slot.lock();
            let is_its = inner.online.as_ref().is_some_and(|online| &*online.principal == certificate_id);
            drop(inner);
            if is_its {
                slot.kick(None, why);
            }
        }
    }
}
