//! SUBSCRIBE and UNSUBSCRIBE. spec: mqtt-gateway §5.1, §5.2

use std::sync::Arc;

use adit_mqtt::connection::{Subscribe, Unsubscribe, Wish};
use adit_mqtt::packet::RetainHandling;
use adit_mqtt::{Filter, Message, QoS, Reason};
use adit_store::Subscription;

use super::broker::{Broker, Target};
use super::client::Rights;
use super::reserved;
use super::slot::{Options, Slot};
use crate::state::State;
use crate::why::{Refusal, Stage};

/// A retained message that a new subscription brings.
pub(super) struct Brought {
    pub(super) message: Arc<Message>,
    pub(super) qos: QoS,
    pub(super) id: Option<u32>,
}

/// What came of a SUBSCRIBE.
pub(super) struct Subscribed {
    pub(super) reasons: Vec<Reason>,
    /// Filters that are in force now.
    pub(super) granted: Vec<Filter>,
    pub(super) retained: Vec<Brought>,
}

/// Subscribes to what is allowed. The subscriptions are on disk and in the tree when this returns.
///
/// # Errors
/// The store cannot keep them; nothing has changed.
pub(super) async fn subscribe(
    state: &Arc<State>,
    broker: &Arc<Broker>,
    rights: &Rights,
    slot: &Arc<Slot>,
    ask: &Subscribe,
) -> Result<Subscribed, adit_store::Error> {
    let reasons: Vec<Reason> = ask.wishes.iter().map(|wish| judge(state, rights, slot, wish)).collect();
    let mut done = Subscribed { reasons, granted: Vec::new(), retained: Vec::new() };
    if ask.is_all_or_nothing && done.reasons.iter().any(|reason| reason.is_error()) {
        return Ok(done);
    }
    let accepted = ask.wishes.iter().zip(&done.reasons).filter(|(_, reason)| !reason.is_error());
    let accepted: Vec<(&Wish, Options)> =
        accepted.map(|(wish, _)| (wish, options(wish, ask.subscription_id))).collect();
    if let Some(id) = slot.stored {
        let rows = accepted.iter().map(|(wish, options)| row(&wish.filter, *options)).collect();
        state.store.subscriptions_put(id, rows).await?;
    }
    let hub = &broker.hub;
    for (wish, options) in accepted {
        let is_new = slot.lock().subscribe(&wish.filter, options);
        match wish.filter.share() {
            Some(_) => broker.shares.join(broker, state, &wish.filter, slot, options).await?,
            None => {
                broker.subscribe(&wish.filter, slot.key, Target::Session(Arc::clone(slot)), options);
            }
        }
        let wanted = match wish.retain_handling {
            RetainHandling::Always => true,
            RetainHandling::WhenNew => is_new,
            RetainHandling::Never => false,
        };
        if wanted {
            let settings = &hub.settings;
            let (wildcards, hash) = (settings.retained_on_wildcard, settings.hash_matches_parent);
            let found = broker.retained.matching(&wish.filter, wildcards, hash, hub.now());
            let brought = |message: Arc<Message>| Brought {
                qos: message.qos.min(options.qos),
                id: options.id,
                message,
            };
            done.retained.extend(found.into_iter().map(brought));
        }
        done.granted.push(wish.filter.clone());
    }
    Ok(done)
}

/// The reason for one filter: reserved topics come before policies.
fn judge(state: &State, rights: &Rights, slot: &Slot, wish: &Wish) -> Reason {
    if !reserved::may_subscribe(&wish.filter) {
        let text = format!("{}: no such reserved topic can be subscribed to", wish.filter);
        let refusal = Refusal::of(&rights.peer, Stage::Subscribe, text);
        state.why.note(state.now(), refusal.client(&slot.client_id, rights.thing()));
        return Reason::TopicFilterInvalid;
    }
    match rights.subscribe(state, slot, &wish.filter) {
        true => wish.qos.granted(),
        false => Reason::NotAuthorized,
    }
}

fn options(wish: &Wish, id: Option<u32>) -> Options {
    Options { qos: wish.qos, no_local: wish.no_local, retain_as_published: wish.retain_as_published, id }
}

fn row(filter: &Filter, options: Options) -> Subscription {
    let flags = u8::from(options.no_local) << 2 | u8::from(options.retain_as_published) << 3;
    Subscription {
        filter: filter.as_str().to_owned(),
        options: options.qos.level() | flags,
        identifier: options.id,
    }
}

/// The options of a stored subscription.
pub(super) fn options_of(row: &Subscription) -> Options {
    Options {
        qos: QoS::of(row.options & 3).unwrap_or_default(),
        no_local: row.options & 4 != 0,
        retain_as_published: row.options & 8 != 0,
        id: row.identifier,
    }
}

/// Ends subscriptions: one reason per filter, and the filters that there were.
///
/// # Errors
/// The store cannot forget them; nothing has changed.
pub(super) async fn unsubscribe(
    state: &State,
    broker: &Broker,
    slot: &Arc<Slot>,
    ask: &Unsubscribe,
) -> Result<(Vec<Reason>, Vec<Filter>), adit_store::Error> {
    if let Some(id) = slot.stored {
        let filters = ask.filters.iter().map(|filter| filter.as_str().to_owned()).collect();
        state.store.subscriptions_remove(id, filters).await?;
    }
    let mut gone = Vec::new();
    let mut one = |filter: &Filter| {
        if !slot.lock().unsubscribe(filter) {
            return Reason::NoSubscriptionExisted;
        }
        broker.leave(filter, slot);
        gone.push(filter.clone());
        Reason::Success
    };
    let reasons = ask.filters.iter().map(&mut one).collect();
    Ok((reasons, gone))
}
