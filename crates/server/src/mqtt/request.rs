//! Messages that come by HTTP. spec: mqtt-gateway §10

use std::sync::Arc;

use adit_iot::shadow::ShadowTopic;
use adit_iot::{Error, Kind, Scope};
use adit_mqtt::{Message, Topic};

use super::gateway::Gateway;
use super::reserved::{self, Handler, Publishing};
use crate::state::State;
use crate::topics::shadow;

impl Gateway {
    /// When a message ends that was sent with an expiry of so many seconds, in milliseconds since the epoch.
    ///
    /// # Errors
    /// `Invalid` for a negative time.
    pub fn expiry(&self, seconds: i64) -> Result<u64, Error> {
        let asked = u64::try_from(seconds)
            .map_err(|_| Error::invalid("messageExpiry must be a number of seconds, 0 or more"))?;
        let seconds = self.hub.settings.message_expiry(u32::try_from(asked).unwrap_or(u32::MAX));
        Ok(self.hub.now().saturating_add(u64::from(seconds) * 1000))
    }

    /// Whether a message keeps to the settings: topic, payload, properties.
    ///
    /// # Errors
    /// `Invalid`; `TooLarge` for the payload.
    pub fn check_request(&self, message: &Message) -> Result<(), Error> {
        let settings = &self.hub.settings;
        Topic::parse(&message.topic, settings)
            .map_err(|wrong| Error::invalid(format!("Invalid topic: {wrong}.")))?;
        let (size, most) = (message.payload.len(), settings.payload_bytes);
        if size > most {
            let text = format!("The payload has {size} bytes; at most {most} are allowed.");
            return Err(Error::new(Kind::TooLarge, text));
        }
        match settings.refuses_properties(&message.properties.view()) {
            None => Ok(()),
            Some(reason) => {
                let text = format!("The properties of the message are refused: {}.", reason.text());
                Err(Error::invalid(text))
            }
        }
    }

    /// Publishes for a caller who may. A request on a reserved topic goes to what serves it, as one by MQTT would.
    ///
    /// # Errors
    /// As [`Gateway::check_request`] and [`Gateway::publish`]; `Invalid` for a reserved topic that clients may not
    /// publish to, or with RETAIN.
    pub async fn publish_request(&self, state: &State, scope: &Scope, message: Message) -> Result<(), Error> {
        self.check_request(&message)?;
        if message.retain && message.topic.starts_with('$') {
            return Err(Error::invalid("A message on a topic that starts with $ cannot be retained"));
        }
        match reserved::publishing(&message.topic) {
            Publishing::Ordinary => self.publish(scope, message).await,
            Publishing::Refused => Err(Error::invalid("Topic can't start with $")),
            // Whoever asks by HTTP has no connection that an answer could go to.
            Publishing::To(Handler::Fleet | Handler::Nobody) => Ok(()),
            Publishing::To(Handler::Shadow) => {
                let (topic, payload) = (Arc::clone(&message.topic), message.payload.clone());
                self.publish(scope, message).await?;
                let Some(topic) = ShadowTopic::parse(&topic) else { return Ok(()) };
                for (topic, payload) in shadow::handle(state, scope, topic, payload).await {
                    self.say(scope, &topic, payload).await?;
                }
                Ok(())
            }
        }
    }
}
