//! Messages to the client, and its acknowledgements of them.

use crate::alias::{self, Written};
use crate::connection::{Connection, Effects, Outcome, millis};
use crate::encode;
use crate::message::Life;
use crate::packet::{Ack, Kind, Outgoing, QoS, Version};
use crate::reason::Reason;
use crate::session::Delivery;
use crate::why::Why;

impl<T> Connection<T> {
    /// Sends a message to the client and returns its packet id (QoS 1 and 2). Gives the delivery back when there is
    /// no room in the in-flight window, or the client is not connected. A message that has expired or is too large
    /// for the client counts as delivered, with its outcome in `done` (QoS 0: its token is dropped). The QoS is lowered
    /// to what the settings offer. Allocates nothing beyond what is kept. spec: mqtt-gateway §5.6
    pub fn deliver(
        &mut self,
        mut delivery: Delivery<T>,
        fx: &mut Effects<T>,
        now: u64,
    ) -> Result<Option<u16>, Delivery<T>> {
        delivery.qos = delivery.qos.min(self.settings.maximum_qos());
        let is_acknowledged = delivery.qos != QoS::AtMostOnce;
        if !self.is_connected() || is_acknowledged && self.room() == 0 {
            return Err(delivery);
        }
        let packet_id = if is_acknowledged { self.outbound.next_id() } else { 0 };
        match self.publish_to(&delivery, packet_id, false, fx, now) {
            Ok(()) if is_acknowledged => {
                self.outbound.push(packet_id, delivery, now);
                Ok(Some(packet_id))
            }
            Ok(()) => Ok(None),
            Err(outcome) => {
                if is_acknowledged {
                    fx.done.push((delivery.token, outcome));
                }
                Ok(None)
            }
        }
    }

    /// Writes the PUBLISH, unless there is a reason not to.
    fn publish_to(
        &mut self,
        delivery: &Delivery<T>,
        packet_id: u16,
        dup: bool,
        fx: &mut Effects<T>,
        now: u64,
    ) -> Result<(), Outcome> {
        let message = &*delivery.message;
        let message_expiry = match message.life(now) {
            Life::Over => return Err(Outcome::Expired),
            Life::Endless => None,
            Life::Seconds(left) => Some(left),
        };
        let mut outgoing = Outgoing {
            message,
            topic_is_known: false,
            topic_alias: None,
            message_expiry,
            subscription_ids: &delivery.subscription_ids,
            dup,
            qos: delivery.qos,
            retain: delivery.retain,
            packet_id,
        };
        if self.link.version == Version::V4 {
            return write(&outgoing, Version::V4, fx);
        }
        let limit = usize::try_from(self.link.packet_bytes).unwrap_or(usize::MAX);
        let bytes = encode::delivery_len(Version::V5, &outgoing);
        if bytes > limit {
            return Err(Outcome::TooLarge);
        }
        let may_grow = limit - bytes >= alias::GROWTH;
        match if may_grow { self.given_aliases.write(&message.topic) } else { Written::Plain } {
            Written::Plain => {}
            Written::Set(alias) => outgoing.topic_alias = Some(alias),
            Written::Known(alias) => {
                outgoing.topic_alias = Some(alias);
                outgoing.topic_is_known = true;
            }
        }
        write(&outgoing, Version::V5, fx)
    }

    /// Sends again what the session brought along, as far as the window allows. spec: mqtt-gateway §5.6
    pub(super) fn resend(&mut self, fx: &mut Effects<T>, now: u64) {
        while let Some(mut sent) = self.outbound.take_unsent(usize::from(self.link.window)) {
            match sent.delivery.take() {
                None => {
                    self.acknowledge(Kind::PubRel, sent.packet_id, Reason::Success, fx);
                    self.outbound.put_sent(sent);
                }
                Some(delivery) => match self.publish_to(&delivery, sent.packet_id, true, fx, now) {
                    Ok(()) => {
                        sent.delivery = Some(delivery);
                        self.outbound.put_sent(sent);
                    }
                    Err(outcome) => fx.done.push((delivery.token, outcome)),
                },
            }
        }
    }

    /// spec: mqtt5 §4.3.2
    pub(super) fn puback(&mut self, ack: &Ack, fx: &mut Effects<T>, now: u64) {
        let Some(sent) = self.outbound.find(ack.packet_id) else { return };
        if !sent.is_of(QoS::AtLeastOnce) {
            self.close(Why::Protocol("a PUBACK for a message of QoS 2"), fx);
            return;
        }
        if let Some(delivery) = self.outbound.remove(ack.packet_id).and_then(|sent| sent.delivery) {
            fx.done.push((delivery.token, outcome(ack.reason)));
        }
        self.resend(fx, now);
    }

    /// spec: mqtt5 §4.3.3
    pub(super) fn pubrec(&mut self, ack: &Ack, fx: &mut Effects<T>, now: u64) {
        let Some(sent) = self.outbound.find(ack.packet_id) else {
            if !ack.reason.is_error() {
                self.acknowledge(Kind::PubRel, ack.packet_id, Reason::PacketIdentifierNotFound, fx);
            }
            return;
        };
        if sent.is_of(QoS::AtLeastOnce) {
            self.close(Why::Protocol("a PUBREC for a message of QoS 1"), fx);
            return;
        }
        if let Some(delivery) = sent.delivery.take() {
            fx.done.push((delivery.token, outcome(ack.reason)));
        }
        if ack.reason.is_error() {
            self.outbound.remove(ack.packet_id);
            self.resend(fx, now);
        } else {
            self.acknowledge(Kind::PubRel, ack.packet_id, Reason::Success, fx);
        }
    }

    /// spec: mqtt5 §4.3.3
    pub(super) fn pubcomp(&mut self, ack: &Ack, fx: &mut Effects<T>, now: u64) {
        match self.outbound.find(ack.packet_id) {
            Some(sent) if sent.delivery.is_some() => {
                self.close(Why::Protocol("a PUBCOMP for a message that was not released"), fx);
            }
            Some(_) => {
                self.outbound.remove(ack.packet_id);
                self.resend(fx, now);
            }
            None => {}
        }
    }

    /// When a delivery is to be given up or sent again.
    pub(super) fn delivery_deadline(&self) -> Option<u64> {
        let oldest = self.outbound.oldest()?;
        let life = self.settings.delivery_life.map(|life| oldest.saturating_add(millis(life)));
        let retry = self.retry().map(|every| oldest.max(self.retried).saturating_add(every));
        life.into_iter().chain(retry).min()
    }

    /// Milliseconds between sending and sending again on a live connection: 3.1.1 only.
    fn retry(&self) -> Option<u64> {
        self.settings.delivery_retry.filter(|_| self.link.version == Version::V4).map(millis)
    }

    /// spec: mqtt-gateway §5.6
    pub(super) fn tick_deliveries(&mut self, fx: &mut Effects<T>, now: u64) {
        if let Some(life) = self.settings.delivery_life {
            while let Some(sent) = self.outbound.remove_older(now.saturating_sub(millis(life))) {
                fx.done.extend(sent.delivery.map(|delivery| (delivery.token, Outcome::Discarded)));
            }
        }
        let Some(every) = self.retry() else { return self.resend(fx, now) };
        if self.outbound.oldest().is_some_and(|oldest| now >= oldest.max(self.retried).saturating_add(every))
        {
            self.retried = now;
            self.outbound.unsend();
        }
        self.resend(fx, now);
    }
}

/// A message that the wire cannot express is too large.
fn write<T>(outgoing: &Outgoing<'_>, version: Version, fx: &mut Effects<T>) -> Result<(), Outcome> {
    encode::delivery(&mut fx.wire, version, outgoing).map_err(|_| Outcome::TooLarge)
}

fn outcome(reason: Reason) -> Outcome {
    if reason.is_error() { Outcome::Refused(reason) } else { Outcome::Acknowledged }
}
