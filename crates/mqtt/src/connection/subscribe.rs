//! SUBSCRIBE and UNSUBSCRIBE.

use super::{Ask, Connection, Effects, Question, Subscribe, Unsubscribe, Wish};
use crate::misdeed::Misdeed;
use crate::packet::{self, Packet, SubAck, Version};
use crate::reason::Reason;
use crate::settings::Denied;
use crate::topic::Filter;
use crate::why::Why;

/// A SUBSCRIBE or UNSUBSCRIBE that waits for its answer.
#[derive(Debug)]
pub(super) struct Pending {
    packet_id: u16,
    /// One per filter of the packet: decided already, or the filter that the driver was asked about.
    filters: Vec<Result<Filter, Reason>>,
}

impl Pending {
    /// Puts the driver's reasons into the places that were left for them.
    fn merge(self, reasons: Vec<Reason>) -> impl Iterator<Item = (Option<Filter>, Reason)> {
        let mut reasons = reasons.into_iter();
        self.filters.into_iter().map(move |filter| match filter {
            Ok(filter) => (Some(filter), reasons.next().unwrap_or(Reason::UnspecifiedError)),
            Err(reason) => (None, reason),
        })
    }
}

impl<T> Connection<T> {
    /// spec: mqtt-gateway §5.1, §5.2
    pub(super) fn subscribe(&mut self, packet: packet::Subscribe, fx: &mut Effects<T>) {
        if packet.wishes.len() > self.settings.filters_per_packet {
            return self.close(Why::TooManyFilters, fx);
        }
        if packet.properties.subscription_id.is_some() && !self.settings.subscription_ids {
            return self.close(Why::SubscriptionIds, fx);
        }
        let mut wishes: Vec<Wish> = Vec::with_capacity(packet.wishes.len());
        let mut filters = Vec::with_capacity(packet.wishes.len());
        let mut room = self.settings.subscriptions.saturating_sub(self.filters.len());
        for wish in &packet.wishes {
            let filter = match self.filter(wish) {
                Ok(Ok(filter)) => filter,
                Ok(Err(reason)) => {
                    filters.push(Err(reason));
                    continue;
                }
                Err(why) => return self.close(why, fx),
            };
            let is_new = self.filters.binary_search(&filter).is_err()
                && !wishes.iter().any(|earlier| earlier.filter == filter);
            if is_new && room == 0 {
                filters.push(Err(Reason::QuotaExceeded));
                continue;
            }
            room -= usize::from(is_new);
            filters.push(Ok(filter.clone()));
            wishes.push(self.wish(wish, filter, is_new));
        }
        let pending = Pending { packet_id: packet.packet_id, filters };
        if wishes.is_empty() {
            return self.subscribed(pending, Vec::new(), fx);
        }
        let ticket = self.ask(Question::Subscribe(pending));
        fx.ask = Some(Ask::Subscribe(Box::new(Subscribe {
            ticket,
            wishes,
            subscription_id: packet.properties.subscription_id,
            is_all_or_nothing: self.is_strict(),
        })));
    }

    fn wish(&self, wish: &packet::Wish, filter: Filter, is_new: bool) -> Wish {
        Wish {
            filter,
            qos: wish.qos.min(self.settings.maximum_qos()),
            no_local: wish.no_local,
            retain_as_published: wish.retain_as_published,
            retain_handling: wish.retain_handling,
            is_new,
        }
    }

    /// The filter, or what SUBACK says to it, or why the connection is over.
    fn filter(&self, wish: &packet::Wish) -> Result<Result<Filter, Reason>, Why> {
        match Filter::parse(&wish.filter, &self.settings) {
            Ok(filter) if wish.no_local && filter.share().is_some() => {
                Err(Why::Misdeed(Misdeed::NoLocalShared))
            }
            Ok(filter) => Ok(Ok(filter)),
            Err(wrong) if wrong.is_malformed() || !self.link.version.is_v5() => Err(Why::BadFilter),
            Err(_) => Ok(Err(Reason::TopicFilterInvalid)),
        }
    }

    /// Whether a refusal of a filter closes the connection. spec: mqtt-gateway §5.2
    fn is_strict(&self) -> bool {
        self.link.version == Version::V4 && self.settings.v4_subscribe_denied == Denied::Close
    }

    pub(super) fn subscribed(&mut self, pending: Pending, reasons: Vec<Reason>, fx: &mut Effects<T>) {
        let packet_id = pending.packet_id;
        let is_strict = self.is_strict();
        let mut answers = Vec::with_capacity(pending.filters.len());
        for (filter, reason) in pending.merge(reasons) {
            match (filter, reason) {
                (Some(_), Reason::NotAuthorized) if is_strict => return self.close(Why::NotAuthorized, fx),
                (Some(_), Reason::TopicFilterInvalid) if is_strict => return self.close(Why::BadFilter, fx),
                (Some(filter), reason) if !reason.is_error() => {
                    if let Err(at) = self.filters.binary_search(&filter) {
                        self.filters.insert(at, filter);
                    }
                }
                _ => {}
            }
            answers.push(reason);
        }
        let suback = SubAck { packet_id, reasons: answers, properties: None };
        self.send(&Packet::SubAck(suback), fx);
    }

    /// spec: mqtt5 §3.10
    pub(super) fn unsubscribe(&mut self, packet: packet::Unsubscribe, fx: &mut Effects<T>) {
        if packet.filters.len() > self.settings.filters_per_packet {
            return self.close(Why::TooManyFilters, fx);
        }
        let mut filters = Vec::with_capacity(packet.filters.len());
        for text in &packet.filters {
            match Filter::new(text) {
                Ok(filter) => filters.push(filter),
                Err(_) => return self.close(Why::BadFilter, fx),
            }
        }
        let pending =
            Pending { packet_id: packet.packet_id, filters: filters.iter().cloned().map(Ok).collect() };
        let ticket = self.ask(Question::Unsubscribe(pending));
        fx.ask = Some(Ask::Unsubscribe(Box::new(Unsubscribe { ticket, filters })));
    }

    pub(super) fn unsubscribed(&mut self, pending: Pending, reasons: Vec<Reason>, fx: &mut Effects<T>) {
        let packet_id = pending.packet_id;
        let mut answers = Vec::with_capacity(pending.filters.len());
        for (filter, reason) in pending.merge(reasons) {
            if let Some(at) = filter.and_then(|filter| self.filters.binary_search(&filter).ok())
                && !reason.is_error()
            {
                self.filters.remove(at);
            }
            answers.push(reason);
        }
        let unsuback = SubAck { packet_id, reasons: answers, properties: None };
        self.send(&Packet::UnsubAck(unsuback), fx);
    }
}
