//! The device gateway: MQTT connections, who is at the other end, and what they share.
//!
//! A connection that the listeners let in enters by [`serve`]. Handlers of the AWS API reach the connections and their
//! messages through [`Gateway`].

mod broker;
mod client;
mod connect;
mod connection;
mod connections;
mod deliver;
mod events;
pub mod gateway;
mod hub;
mod journal;
mod leave;
mod offline;
mod publish;
mod receipt;
mod request;
mod reserved;
mod retained;
mod roster;
mod share;
mod slot;
mod subscribe;
mod timers;

use std::net::SocketAddr;
use std::sync::Arc;

use adit_iot::{Scope, Timestamp};

use crate::identity::Principal;
use crate::net::carrier::Carrier;
use crate::net::seats::Seat;
use crate::pki::PeerCertificate;
use crate::provision::Newcomer;
use crate::state::State;

pub use connections::{Connection, RetainedMessage};
pub use gateway::{Cut, Gateway};

/// The other end of an MQTT connection, as far as it is known before its CONNECT.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The address it came to.
    pub local: SocketAddr,
    /// The host name it asked for, in lower case (SNI, or the `Host` of a WebSocket upgrade without TLS).
    pub sni: Option<String>,
    /// What it calls itself; MQTT over WebSocket only.
    pub user_agent: Option<String>,
    /// Who it is.
    pub identity: Identity,
    /// Given if its certificate is not active yet and may come in by itself: its CONNECT decides.
    pub newcomer: Option<Arc<Newcomer>>,
}

/// Who a peer has proved to be.
#[derive(Debug, Clone)]
pub enum Identity {
    /// A registered, active certificate whose key the peer holds: the gate has let it in. Of a newcomer, one that may
    /// become so.
    Certificate {
        /// Where the certificate, or the newcomer's CA, is registered.
        scope: Scope,
        /// The certificate.
        certificate: Arc<PeerCertificate>,
    },
    /// A signed request for MQTT over WebSocket.
    Signed {
        /// Who signed.
        principal: Box<Principal>,
        /// The account of the key and the region of the signature.
        scope: Scope,
        /// When the connection must end. spec: mqtt-gateway §9
        expires: Timestamp,
    },
    /// A client of the plain listener for tests, which may do everything. Exists only with `test.plain-mqtt`.
    Plain {
        /// The configuration's account and region.
        scope: Scope,
    },
}

impl Identity {
    /// The account and region the connection belongs to.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        match self {
            Self::Certificate { scope, .. } | Self::Signed { scope, .. } | Self::Plain { scope } => scope,
        }
    }
}

/// Serves one MQTT connection until it ends.
pub async fn serve(state: Arc<State>, carrier: Carrier, peer: Peer, seat: Arc<Seat>) {
    let broker = state.gateway.broker(peer.identity.scope());
    connection::serve(state, broker, carrier, peer).await;
    drop(seat);
}
