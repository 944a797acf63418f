//! Messages from the client, and our acknowledgements of them.

use std::mem;

use super::{Connection, Effects, Host, Publish, Ticket, Verdict};
use crate::inflight::State;
use crate::misdeed::Misdeed;
use crate::packet::{Ack, Kind, PublishRef, QoS, Version};
use crate::reason::Reason;
use crate::settings::Denied;
use crate::topic::{Topic, Wrong};
use crate::why::Why;

impl<T> Connection<T> {
    /// Says whether the packet was worked off; otherwise it has to wait. Allocates nothing for a known alias or none.
    /// spec: mqtt-gateway §4.2
    pub(super) fn publish(
        &mut self,
        packet: PublishRef<'_>,
        host: &mut impl Host,
        fx: &mut Effects<T>,
        now: u64,
    ) -> bool {
        let is_v4 = self.link.version == Version::V4;
        let is_full = self.inbound.unanswered() >= usize::from(self.settings.receive_maximum);
        if is_v4 && is_full && packet.qos != QoS::AtMostOnce {
            self.is_stalled = true;
            return false;
        }
        // Out of `self`, so that the topic of an alias can be lent to the host.
        let mut aliases = mem::take(&mut self.known_aliases);
        let (id, qos) = (packet.packet_id, packet.qos);
        let topic = match packet.properties.topic_alias {
            Some(alias) if packet.topic.is_empty() && alias <= self.settings.topic_aliases_in => {
                aliases.get(alias).ok_or(Misdeed::NoTopic)
            }
            Some(alias) if !aliases.set(alias, packet.topic, self.settings.topic_aliases_in) => {
                Err(Misdeed::TopicAlias(alias))
            }
            _ => Ok(packet.topic),
        };
        match topic {
            Ok(topic) => match self.check(&PublishRef { topic, ..packet.clone() }) {
                Ok(()) if !self.is_repeated(&packet, fx) => {
                    let verdict = self.hand_over(PublishRef { topic, ..packet }, host, now);
                    self.settle(id, qos, verdict, fx);
                }
                Ok(()) => {}
                Err(verdict) => self.settle(id, qos, verdict, fx),
            },
            Err(misdeed) => self.close(Why::Misdeed(misdeed), fx),
        }
        self.known_aliases = aliases;
        true
    }

    /// What the settings say against a publish.
    fn check(&self, packet: &PublishRef<'_>) -> Result<(), Verdict> {
        match self.settings.refuses(packet) {
            None => {}
            Some(reason @ (Reason::QosNotSupported | Reason::PacketTooLarge)) => {
                return Err(Verdict::Close(reason));
            }
            Some(reason) => return Err(Verdict::Refused(reason)),
        }
        match Topic::parse(packet.topic, &self.settings) {
            Ok(_) => {}
            Err(wrong @ Wrong::TooDeep { .. }) => return Err(Verdict::Refused(wrong.reason())),
            Err(wrong) => return Err(Verdict::Close(wrong.reason())),
        }
        Ok(())
    }

    /// Deals with packet ids that are in use and with the Receive Maximum; true when nothing is left to do.
    /// spec: mqtt5 §2.2.1, §4.3.3, §4.9
    fn is_repeated(&mut self, packet: &PublishRef<'_>, fx: &mut Effects<T>) -> bool {
        if packet.qos == QoS::AtMostOnce {
            return false;
        }
        let id = packet.packet_id;
        let is_v5 = self.link.version.is_v5();
        let is_unanswered = self.inbound.is_unanswered(id);
        if is_unanswered || self.inbound.is_received(id) {
            let is_again = packet.qos == QoS::ExactlyOnce && (packet.dup || !is_v5);
            if is_again && !is_unanswered {
                self.answer_publish(id, packet.qos, State::Done(Reason::Success), fx);
                return true;
            }
            if !is_v5 {
                // A repetition is answered by the answer to the first; anything else is taken as a new message.
                return packet.dup || packet.qos == QoS::ExactlyOnce;
            }
            if !(is_again && is_unanswered) {
                self.answer_publish(id, packet.qos, State::Done(Reason::PacketIdentifierInUse), fx);
            }
            return true;
        }
        if is_v5 && self.inbound.outstanding() >= usize::from(self.settings.receive_maximum) {
            self.close(Why::ReceiveMaximum, fx);
            return true;
        }
        false
    }

    fn hand_over(&mut self, packet: PublishRef<'_>, host: &mut impl Host, now: u64) -> Verdict {
        let life = packet.properties.message_expiry.map(|asked| self.settings.message_expiry(asked));
        let expires_at = life.map(|seconds| now.saturating_add(u64::from(seconds) * 1000));
        let qos = packet.qos;
        let ticket = Ticket(self.inbound.next_ticket());
        match host.publish(&Publish { packet, expires_at }, ticket) {
            Verdict::Pending if qos == QoS::AtMostOnce => Verdict::Accepted,
            verdict => verdict,
        }
    }

    fn settle(&mut self, packet_id: u16, qos: QoS, verdict: Verdict, fx: &mut Effects<T>) {
        let state = match verdict {
            Verdict::Accepted => State::Done(Reason::Success),
            Verdict::Pending => State::Waiting,
            Verdict::Refused(reason) => match self.refusal(qos, reason) {
                Ok(state) => state,
                Err(why) => return self.close(why, fx),
            },
            Verdict::Close(reason) => return self.close(Why::of(reason), fx),
        };
        if qos != QoS::AtMostOnce {
            self.answer_publish(packet_id, qos, state, fx);
        }
    }

    /// What a refused publish comes to. spec: mqtt-gateway §4.2, policies §9
    fn refusal(&self, qos: QoS, reason: Reason) -> Result<State, Why> {
        let is_over_quota = matches!(reason, Reason::QuotaExceeded | Reason::MessageRateTooHigh);
        match self.link.version {
            Version::V5 if qos == QoS::AtMostOnce && is_over_quota => Ok(State::Silent),
            Version::V5 if qos == QoS::AtMostOnce => Err(Why::of(reason)),
            Version::V5 if reason.allowed_in(Kind::PubAck) => Ok(State::Done(reason)),
            Version::V5 => Ok(State::Done(Reason::ImplementationSpecificError)),
            Version::V4 if is_over_quota => Ok(State::Silent),
            Version::V4
                if reason == Reason::NotAuthorized && self.settings.v4_publish_denied == Denied::CarryOn =>
            {
                Ok(State::Done(Reason::Success))
            }
            Version::V4 => Err(Why::of(reason)),
        }
    }

    /// Acknowledges a publish of QoS 1 or 2 once those before it are.
    fn answer_publish(&mut self, packet_id: u16, qos: QoS, state: State, fx: &mut Effects<T>) {
        if self.inbound.unanswered() > 0 || state == State::Waiting {
            self.inbound.push(packet_id, qos, state);
            return;
        }
        self.inbound.skip();
        self.inbound.note(packet_id, qos, state);
        self.write_answer(packet_id, qos, state, fx);
    }

    fn write_answer(&mut self, packet_id: u16, qos: QoS, state: State, fx: &mut Effects<T>) {
        let kind = if qos == QoS::ExactlyOnce { Kind::PubRec } else { Kind::PubAck };
        if let State::Done(reason) = state {
            self.acknowledge(kind, packet_id, reason, fx);
        }
    }

    /// What became of a publish that was [`Verdict::Pending`]; `Err` works like [`Verdict::Refused`]. Unknown
    /// tickets are ignored. When [`Connection::ready`] was false and is true now, call `receive(&[], …)`. After the end
    /// it still keeps [`End::pending`](super::End::pending) true.
    pub fn acked(&mut self, ticket: Ticket, result: Result<(), Reason>, fx: &mut Effects<T>) {
        let Some(unanswered) = self.inbound.waiting(ticket.0) else { return };
        let (packet_id, qos) = (unanswered.packet_id, unanswered.qos);
        let state = match result.map_err(|reason| self.refusal(qos, reason)) {
            Ok(()) => State::Done(Reason::Success),
            Err(Ok(state)) => state,
            Err(Err(why)) => {
                self.close(why, fx);
                State::Silent
            }
        };
        if result.is_err() && qos == QoS::ExactlyOnce {
            self.inbound.release(packet_id);
        }
        if let Some(unanswered) = self.inbound.waiting(ticket.0) {
            unanswered.state = state;
        }
        if !self.is_connected() {
            return;
        }
        while let Some(front) = self.inbound.pop() {
            self.write_answer(front.packet_id, front.qos, front.state, fx);
        }
        if self.inbound.unanswered() < usize::from(self.settings.receive_maximum) {
            self.is_stalled = false;
        }
    }

    /// spec: mqtt5 §4.3.3
    pub(super) fn pubrel(&mut self, ack: &Ack, fx: &mut Effects<T>) {
        if self.inbound.is_unanswered(ack.packet_id) {
            self.close(Why::Protocol("a PUBREL before the PUBREC"), fx);
            return;
        }
        let is_known = self.inbound.release(ack.packet_id);
        let reason = if is_known { Reason::Success } else { Reason::PacketIdentifierNotFound };
        self.acknowledge(Kind::PubComp, ack.packet_id, reason, fx);
    }
}
