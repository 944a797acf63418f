//! What is published, apart from how it travels: one value shared by everyone who gets it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::misdeed::Misdeed;
use crate::packet::{Kind, PublishRef, QoS};
use crate::property::{Id, PublishProperties};
use crate::wire::{self, Properties, Property};

/// A message as it is routed, queued and retained; meant to be shared as `Arc<Message>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// A valid topic, never empty.
    pub topic: Arc<str>,
    /// Any bytes; at most [`crate::settings::Settings::payload_bytes`].
    pub payload: Bytes,
    /// As published; a delivery may have less.
    pub qos: QoS,
    /// As published.
    pub retain: bool,
    /// What is forwarded unchanged and in order. Empty for a 3.1.1 publisher.
    pub properties: MessageProperties,
    /// When nobody wants it any more: milliseconds since the Unix epoch, or None for never.
    pub expires_at: Option<u64>,
}

impl Message {
    /// Owns what a PUBLISH said. `topic` is given because the packet's may be empty behind an alias;
    /// `expires_at` because it depends on the clock and on settings: see
    /// [`crate::settings::Settings::message_expiry`].
    pub fn of(publish: &PublishRef<'_>, topic: Arc<str>, expires_at: Option<u64>) -> Message {
        Message {
            topic,
            payload: Bytes::copy_from_slice(publish.payload),
            qos: publish.qos,
            retain: publish.retain,
            properties: MessageProperties::of(&publish.properties),
            expires_at,
        }
    }

    /// What is left of its life at `now`, in milliseconds since the Unix epoch. spec: mqtt-gateway §4.5
    pub fn life(&self, now: u64) -> Life {
        match self.expires_at {
            None => Life::Endless,
            Some(end) if end <= now => Life::Over,
            Some(end) => Life::Seconds(u32::try_from((end - now) / 1000).unwrap_or(u32::MAX)),
        }
    }
}

/// How long a message still lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It has no end.
    Endless,
    /// Whole seconds, to be sent as Message Expiry Interval; 0 in its last second.
    Seconds(u32),
    /// It must not be delivered any more.
    Over,
}

/// Payload Format Indicator, Content Type, Response Topic, Correlation Data and User Property, encoded, in the order
/// of the publisher. Empty takes no memory. spec: mqtt-gateway §4.4
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct MessageProperties {
    raw: Box<[u8]>,
}

impl MessageProperties {
    /// The properties of a PUBLISH that are not of one hop only.
    pub fn of(properties: &PublishProperties<'_>) -> MessageProperties {
        if properties.all_forwarded {
            return MessageProperties { raw: properties.raw.into() };
        }
        let mut raw = Vec::with_capacity(properties.raw.len());
        let mut walk = Properties::new(Kind::Publish, properties.raw);
        let mut before = walk.rest();
        while let Some(Ok(property)) = walk.next() {
            if is_forwarded(property.id()) {
                raw.extend_from_slice(before.get(..before.len() - walk.rest().len()).unwrap_or_default());
            }
            before = walk.rest();
        }
        MessageProperties { raw: raw.into() }
    }

    /// Takes back what [`MessageProperties::raw`] gave.
    ///
    /// Fails when the bytes are not properties, or not such as are forwarded.
    pub fn from_raw(raw: &[u8]) -> Result<MessageProperties, Misdeed> {
        let view = PublishProperties::check(raw, Kind::Publish)?;
        if !view.all_forwarded {
            return Err(Misdeed::PropertyNotAllowed(Kind::Publish, Id::TopicAlias));
        }
        Ok(MessageProperties { raw: raw.into() })
    }

    /// As they are written behind the length of a PUBLISH; at most 268,435,455 bytes.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Reads them.
    pub fn view(&self) -> PublishProperties<'_> {
        PublishProperties::check(&self.raw, Kind::Publish).unwrap_or(PublishProperties::none())
    }
}

impl fmt::Debug for MessageProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for property in Properties::new(Kind::Publish, &self.raw).flatten() {
            list.entry(&property);
        }
        list.finish()
    }
}

/// Collects the properties of a message that did not come over MQTT.
///
/// Texts must be at most 65,535 bytes and without U+0000; longer ones are refused by [`Builder::build`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    raw: Vec<u8>,
    unfit: Option<Id>,
}

impl Builder {
    /// Without properties.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Payload Format Indicator.
    pub fn payload_is_text(mut self, yes: bool) -> Builder {
        self.raw.extend_from_slice(&[Id::PayloadFormatIndicator as u8, u8::from(yes)]);
        self
    }

    /// Content Type.
    pub fn content_type(self, text: &str) -> Builder {
        self.put(Id::ContentType, &[text.as_bytes()])
    }

    /// Response Topic.
    pub fn response_topic(self, topic: &str) -> Builder {
        self.put(Id::ResponseTopic, &[topic.as_bytes()])
    }

    /// Correlation Data.
    pub fn correlation_data(self, bytes: &[u8]) -> Builder {
        self.put(Id::CorrelationData, &[bytes])
    }

    /// One more User Property.
    pub fn user_property(self, name: &str, value: &str) -> Builder {
        self.put(Id::UserProperty, &[name.as_bytes(), value.as_bytes()])
    }

    /// Fails when a value was too long, held U+0000, came twice or was no topic.
    pub fn build(self) -> Result<MessageProperties, Misdeed> {
        match self.unfit {
            Some(id) => Err(Misdeed::PropertyValue(id)),
            None => MessageProperties::from_raw(&self.raw),
        }
    }

    fn put(mut self, id: Id, values: &[&[u8]]) -> Builder {
        if values.iter().any(|value| value.len() > usize::from(u16::MAX)) {
            self.unfit.get_or_insert(id);
            return self;
        }
        self.raw.push(id as u8);
        for value in values {
            wire::put_binary(&mut self.raw, value);
        }
        self
    }
}

/// Whether a property of a PUBLISH goes on to subscribers as it is.
pub(crate) fn is_forwarded(id: Id) -> bool {
    matches!(
        id,
        Id::PayloadFormatIndicator
            | Id::ContentType
            | Id::ResponseTopic
            | Id::CorrelationData
            | Id::UserProperty
    )
}

impl<'a> PublishProperties<'a> {
    /// Reads encoded properties of a PUBLISH, or of a will when `kind` is CONNECT, without the length in front.
    pub(crate) fn check(raw: &'a [u8], kind: Kind) -> Result<PublishProperties<'a>, Misdeed> {
        let mut view = PublishProperties { raw, ..PublishProperties::none() };
        for property in Properties::new(kind, raw) {
            let property = property?;
            view.all_forwarded &= is_forwarded(property.id());
            match (property, kind) {
                (Property::Number(id @ Id::PayloadFormatIndicator, value), _) => {
                    once(&mut view.payload_is_text, id, value == 1)?;
                }
                (Property::Number(id @ Id::MessageExpiryInterval, value), _) => {
                    once(&mut view.message_expiry, id, value)?;
                }
                (Property::Text(id @ Id::ContentType, text), _) => once(&mut view.content_type, id, text)?,
                (Property::Text(id @ Id::ResponseTopic, text), _) => {
                    once(&mut view.response_topic, id, text)?;
                    if text.is_empty() || text.contains(['+', '#']) {
                        return Err(Misdeed::ResponseTopic);
                    }
                }
                (Property::Binary(id @ Id::CorrelationData, bytes), _) => {
                    once(&mut view.correlation_data, id, bytes)?;
                }
                (Property::Pair(_, name, value), _) => view.user_property_bytes += name.len() + value.len(),
                (Property::Number(id @ Id::TopicAlias, value), Kind::Publish) => {
                    let alias = u16::try_from(value).unwrap_or(0);
                    once(&mut view.topic_alias, id, alias)?;
                    if alias == 0 {
                        return Err(Misdeed::TopicAlias(0));
                    }
                }
                (Property::Number(id @ Id::SubscriptionIdentifier, value), Kind::Publish) => {
                    view.has_subscription_ids = true;
                    if value == 0 {
                        return Err(Misdeed::PropertyValue(id));
                    }
                }
                (Property::Number(id @ Id::WillDelayInterval, value), Kind::Connect) => {
                    once(&mut view.will_delay, id, value)?;
                }
                (other, _) => return Err(Misdeed::PropertyNotAllowed(kind, other.id())),
            }
        }
        Ok(view)
    }
}

/// Fills a place that may be filled once.
pub(crate) fn once<T>(place: &mut Option<T>, id: Id, value: T) -> Result<(), Misdeed> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Misdeed::PropertyTwice(id)),
    }
}
