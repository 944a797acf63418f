//! The message a client leaves behind.

use crate::message::Message;

/// A will, checked and ready to be published by the driver. spec: mqtt-gateway §6.1
#[derive(Clone, Debug)]
pub struct Will {
    /// What is published; its `expires_at` is unset, because that clock starts at the time of publishing.
    pub message: Message,
    /// Seconds between the end of the connection and the publishing; a session that ends or is resumed sooner
    /// publishes at once or not at all. spec: mqtt5 §3.1.3.2.2
    pub delay: u32,
    /// Seconds a published will lives, 1 to 604,800; `None` for ever. spec: mqtt-gateway §4.5
    pub expiry: Option<u32>,
}

impl Will {
    /// The message as published at `now`, in milliseconds.
    pub fn published(&self, now: u64) -> Message {
        let mut message = self.message.clone();
        message.expires_at = self.expiry.map(|seconds| now.saturating_add(u64::from(seconds) * 1000));
        message
    }
}
