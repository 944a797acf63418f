//! The promise behind a PUBACK (docs/decisions/0006-what-a-puback-means.md): whoever makes a message safe holds a receipt,
//! and the publisher is answered when the last one is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adit_mqtt::connection::Ticket;
use tokio::sync::oneshot;

use super::hub::Hub;
use super::slot::Slot;

/// One share of a promise. Dropping it keeps the promise, unless it was broken.
#[derive(Debug, Clone)]
pub(super) struct Receipt(Arc<Promise>);

#[derive(Debug)]
struct Promise {
    broken: AtomicBool,
    to: Option<Reply>,
}

/// Who waits.
#[derive(Debug)]
pub(super) enum Reply {
    /// A publish of a connection.
    Link {
        /// The publisher's session.
        slot: Arc<Slot>,
        /// Its connection; a later one does not want to hear.
        link: u64,
        /// Which publish.
        ticket: Ticket,
    },
    /// A call inside the server: hears `true` when the promise was kept.
    Call(oneshot::Sender<bool>),
    /// The queue of a shared subscription, which may forget the message.
    Row {
        /// Whose journal.
        hub: Arc<Hub>,
        /// The queue.
        queue: Arc<Slot>,
        /// Where the message lies in it.
        position: i64,
        /// Bytes that count.
        size: usize,
    },
}

impl Receipt {
    /// The first share.
    pub(super) fn new(to: Reply) -> Self {
        Self(Arc::new(Promise { broken: AtomicBool::new(false), to: Some(to) }))
    }

    /// The message could not be made safe: the publisher gets no acknowledgement.
    pub(super) fn fail(self) {
        self.0.broken.store(true, Ordering::Release);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let kept = !self.broken.load(Ordering::Acquire);
        match self.to.take() {
            Some(Reply::Link { slot, link, ticket }) => slot.answer(link, ticket, kept),
            Some(Reply::Call(call)) => drop(call.send(kept)),
            Some(Reply::Row { hub, queue, position, size }) if kept => {
                super::share::row_is_done(&hub, &queue, position, size);
            }
            Some(Reply::Row { .. }) | None => {}
        }
    }
}

/// Makes the receipt of a publish when the first one needs it; most publishes need none.
pub(super) struct Receipts<F> {
    make: Option<F>,
    made: Option<Receipt>,
}

impl<F: FnOnce() -> Reply> Receipts<F> {
    /// None is needed yet.
    pub(super) fn new(make: F) -> Self {
        Self { make: Some(make), made: None }
    }

    /// One share exists from the start, so that the promise counts as kept even if nobody takes one.
    pub(super) fn always(make: F) -> Self {
        Self { make: None, made: Some(Receipt::new(make())) }
    }

    /// Nobody took the message: the promise is broken.
    pub(super) fn cancel(self) {
        self.made.into_iter().for_each(Receipt::fail);
    }

    /// Whether somebody took one.
    pub(super) fn is_used(&self) -> bool {
        self.made.is_some()
    }
}

/// Where receipts come from, whatever they promise.
pub(super) trait Promises {
    /// One more share; `None` when nobody waits for an acknowledgement.
    fn receipt(&mut self) -> Option<Receipt>;
}

impl<F: FnOnce() -> Reply> Promises for Receipts<F> {
    fn receipt(&mut self) -> Option<Receipt> {
        if let Some(make) = self.make.take() {
            self.made = Some(Receipt::new(make()));
        }
        self.made.clone()
    }
}

/// A publisher that waits for nothing.
pub(super) struct Nobody;

impl Promises for Nobody {
    fn receipt(&mut self) -> Option<Receipt> {
        None
    }
}
