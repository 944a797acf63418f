//! What outlives a connection of the protocol's own state: messages under way and the packet ids they use.
//!
//! Subscriptions and queued messages belong to the driver; they are no part of it.

use std::sync::Arc;

use crate::message::Message;
use crate::packet::{QoS, Version};

/// A message for a client, as the driver hands it over and gets it back.
#[derive(Clone, Debug)]
pub struct Delivery<T> {
    /// What is to be delivered.
    pub message: Arc<Message>,
    /// At which QoS: the lower of the publisher's and the granted one.
    pub qos: QoS,
    /// The RETAIN flag as the client is to see it. spec: mqtt-gateway §5.5
    pub retain: bool,
    /// The Subscription Identifiers of the subscriptions that matched; empty where they are not offered.
    pub subscription_ids: Box<[u32]>,
    /// Comes back in [`Effects::done`](crate::connection::Effects::done) when QoS 1 or 2 has been seen through,
    /// and in [`Session::flights`] when it has not.
    pub token: T,
}

/// A packet id in use towards the client.
#[derive(Clone, Debug)]
pub struct Flight<T> {
    /// 1 to 65535.
    pub packet_id: u16,
    /// What was sent and not acknowledged. `None` after a PUBREC: the message has arrived, and the id is free
    /// again when PUBCOMP has come.
    pub delivery: Option<Delivery<T>>,
}

/// The state of a session that is not connected; the driver keeps or stores it and hands it to
/// [`Answer::Connected`](crate::connection::Answer::Connected). spec: mqtt-gateway §6
#[derive(Clone, Debug)]
pub struct Session<T> {
    /// A session can be resumed by a connection of the same version only. spec: mqtt-gateway §6
    pub version: Version,
    /// The packet id given out last, so that ids go round; 0 for none.
    pub last_packet_id: u16,
    /// Packet ids in use towards the client, in the order of sending; at most the in-flight limit.
    pub flights: Vec<Flight<T>>,
    /// Packet ids of QoS 2 messages from the client that were taken and not yet released (PUBREL), in order;
    /// at most the Receive Maximum.
    pub received: Vec<u16>,
}

impl<T> Session<T> {
    /// A session in which nothing has happened, or of which only the subscriptions are known.
    pub fn new(version: Version) -> Session<T> {
        Session { version, last_packet_id: 0, flights: Vec::new(), received: Vec::new() }
    }
}
