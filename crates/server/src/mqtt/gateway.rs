//! What the rest of the server may ask of the MQTT connections.

use std::sync::Weak;

use adit_iot::{Error, Scope};

use crate::state::State;

/// All MQTT connections, sessions and messages of this server.
#[derive(Debug)]
pub struct Gateway {
    state: Weak<State>,
}

/// Why connections of a certificate are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The certificate is no longer active, or is gone. spec: mqtt-gateway §2.3
    Certificate,
}

impl Gateway {
    /// No connections yet.
    #[must_use]
    pub fn new(state: Weak<State>) -> Self {
        Self { state }
    }

    /// Publishes a message of the server itself (an event, a shadow's answer, a notification) with QoS 1. It is not
    /// subject to policies. Returns when it is safe: stored for offline sessions, taken by those online.
    ///
    /// # Errors
    /// `Unavailable` when a session's queue cannot be stored.
    pub async fn say(&self, scope: &Scope, topic: &str, payload: Vec<u8>) -> Result<(), Error> {
        let _ = (&self.state, scope, topic, payload);
        Ok(())
    }

    /// The same without waiting, for events that may be lost when the store fails.
    pub fn tell(&self, scope: &Scope, topic: &str, payload: Vec<u8>) {
        let _ = (scope, topic, payload);
    }

    /// Ends every connection of a certificate. Does not wait.
    pub fn cut_certificate(&self, scope: &Scope, certificate_id: &str, why: Cut) {
        let _ = (scope, certificate_id, why);
    }
}
