//! The table of tunnels that somebody is connected to, and the tasks behind it.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::time::Duration;

use adit_iot::TunnelId;
use adit_tunnel::{Why, limits};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::session::Session;
use super::{End, Join, Link, Watch};
use crate::net::stream::Stream;

/// Connections that may wait to be taken into one tunnel.
const MAILBOX: usize = 4;

/// How long a closed tunnel is remembered: longer than an upgrade takes.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Stream ids set aside for every millisecond of a tunnel's life; see [`first_stream_id`].
const IDS_PER_MILLISECOND: u128 = 6;

/// Every tunnel that has, or had, a connection. Cheap to clone.
pub struct Relays<S = Stream>(Arc<Shared<S>>);

impl<S> Clone for Relays<S> {
    fn clone(&self) -> Self {
        Relays(self.0.clone())
    }
}

struct Shared<S> {
    table: Mutex<Table<S>>,
    watch: Arc<dyn Watch>,
    idle: Duration,
    running: AtomicUsize,
    ended: Notify,
}

struct Table<S> {
    tunnels: HashMap<TunnelId, Entry<S>>,
    /// Size at which resting entries are looked through.
    sweep_at: usize,
}

enum Entry<S> {
    /// A task has it.
    Running { mail: mpsc::Sender<Box<Join<S>>>, end: Arc<OnceLock<End>> },
    /// Nobody is connected. A destination that comes back may still hold streams with old ids, so the next
    /// relay goes on counting where the last one stopped.
    Resting { next_stream_id: u32, until: Instant },
    /// Closed a moment ago; an upgrade that was accepted just before may still bring a connection.
    Closed { until: Instant },
}

/// Too many connections wait to be taken into the tunnel; the connection was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many connections join this tunnel at once")
    }
}

impl std::error::Error for Busy {}

impl<S: Link> Relays<S> {
    /// No tunnels yet. A side silent for `idle` is dropped.
    pub fn new(watch: Arc<dyn Watch>, idle: Duration) -> Relays<S> {
        let table = Mutex::new(Table { tunnels: HashMap::new(), sweep_at: 1024 });
        Relays(Arc::new(Shared { table, watch, idle, running: AtomicUsize::new(0), ended: Notify::new() }))
    }

    /// Hands a connection to its tunnel, which is taken up if nobody was connected. Does not wait; must be
    /// called inside a runtime.
    ///
    /// # Errors
    /// [`Busy`] when connections of this tunnel come faster than they are taken.
    pub fn join(&self, join: Join<S>) -> Result<(), Busy> {
        let id = join.tunnel_id.clone();
        let mut table = self.0.lock();
        let kept = match table.tunnels.get(&id) {
            Some(Entry::Running { mail, .. }) => match mail.try_send(Box::new(join)) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_)) => return Err(Busy),
                Err(TrySendError::Closed(join)) => {
                    self.start(&mut table, *join, 1);
                    return Ok(());
                }
            },
            Some(Entry::Closed { .. }) => {
                drop(table);
                self.turn_away(join);
                return Ok(());
            }
            Some(Entry::Resting { next_stream_id, .. }) => *next_stream_id,
            None => 1,
        };
        self.start(&mut table, join, kept);
        Ok(())
    }

    /// Closes a tunnel: its connections get a close frame, and so does one that is still on its way.
    pub fn close(&self, id: &TunnelId) {
        let now = Instant::now();
        let mut table = self.0.lock();
        let closed = Entry::Closed { until: now + REMEMBERED };
        if let Some(Entry::Running { end, .. }) = table.tunnels.insert(id.clone(), closed) {
            let _ = end.set(End::ByServer(Why::TunnelClosed));
        }
        table.sweep(now);
    }

    /// Drops every connection without a close frame, so that clients come back to another server.
    pub fn end_all(&self) {
        for (_, entry) in self.0.lock().tunnels.drain() {
            if let Entry::Running { end, .. } = entry {
                let _ = end.set(End::ServerEnds);
            }
        }
    }

    /// Tunnels that somebody is connected to.
    pub fn running(&self) -> usize {
        self.0.running.load(Ordering::Relaxed)
    }

    /// Waits until nobody is connected to any tunnel.
    pub async fn ended(&self) {
        loop {
            let ended = self.0.ended.notified();
            if self.running() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Tells a connection that comes too late what those before it were told.
    fn turn_away(&self, join: Join<S>) {
        let now = Instant::now();
        let mut session = Session::new(&join, 1, self.0.watch.clone(), self.0.idle, now);
        session.join(join, now);
        session.end_all(End::ByServer(Why::TunnelClosed));
    }

    fn start(&self, table: &mut Table<S>, join: Join<S>, kept: u32) {
        let now = Instant::now();
        let (mail, inbox) = mpsc::channel(MAILBOX);
        let end = Arc::new(OnceLock::new());
        let id = join.tunnel_id.clone();
        let first = kept.max(first_stream_id(join.expires_in));
        let mut session = Session::new(&join, first, self.0.watch.clone(), self.0.idle, now);
        let until = now + join.expires_in;
        session.join(join, now);
        table.tunnels.insert(id.clone(), Entry::Running { mail, end: end.clone() });
        let shared = self.0.clone();
        shared.running.fetch_add(1, Ordering::Relaxed);
        let running = Running(shared);
        tokio::spawn(async move { run(session, inbox, &end, &running, &id, until).await });
    }
}

/// Counts a task while it lives, even when it panics.
struct Running<S>(Arc<Shared<S>>);

impl<S> Drop for Running<S> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
        self.0.ended.notify_waiters();
    }
}

/// What interrupts the moving of bytes.
enum News<S> {
    Join(Box<Join<S>>),
    /// The tunnel was taken out of the table.
    Over,
    Tick,
    Empty,
}

async fn run<S: Link>(
    mut session: Session<S>,
    mut inbox: mpsc::Receiver<Box<Join<S>>>,
    end: &OnceLock<End>,
    running: &Running<S>,
    id: &TunnelId,
    mut until: Instant,
) {
    let mut alarm = pin!(tokio::time::sleep_until(session.deadline()));
    let mut rang = false;
    loop {
        let news = poll_fn(|cx| {
            match inbox.poll_recv(cx) {
                Poll::Ready(Some(join)) => return Poll::Ready(News::Join(join)),
                Poll::Ready(None) => return Poll::Ready(News::Over),
                Poll::Pending => {}
            }
            session.poll(cx, Instant::now());
            if session.is_empty() {
                return Poll::Ready(News::Empty);
            }
            let deadline = session.deadline();
            if rang || deadline < alarm.deadline() {
                alarm.as_mut().reset(deadline);
                rang = false;
            }
            alarm.as_mut().poll(cx).map(|()| News::Tick)
        })
        .await;
        let now = Instant::now();
        match news {
            News::Join(join) => {
                until = now + join.expires_in;
                session.join(*join, now);
            }
            News::Over => return session.end_all(end.get().copied().unwrap_or(End::ServerEnds)),
            News::Tick => {
                if !session.tick(now) {
                    running.0.lock().tunnels.remove(id);
                    return session.end_all(End::ByServer(Why::TunnelClosed));
                }
                rang = true;
            }
            News::Empty => {
                if running.0.rest(id, &inbox, session.next_stream_id(), until) {
                    return;
                }
            }
        }
    }
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, Table<S>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a tunnel rest that nobody is connected to. `false` when a connection has come meanwhile.
    fn rest(
        &self,
        id: &TunnelId,
        inbox: &mpsc::Receiver<Box<Join<S>>>,
        next_stream_id: u32,
        until: Instant,
    ) -> bool {
        let mut table = self.lock();
        if !inbox.is_empty() {
            return false;
        }
        if let Some(entry @ Entry::Running { .. }) = table.tunnels.get_mut(id) {
            *entry = Entry::Resting { next_stream_id, until };
        }
        table.sweep(Instant::now());
        true
    }
}

impl<S> Table<S> {
    /// Forgets what nobody can ask for any more, each time the table has doubled.
    fn sweep(&mut self, now: Instant) {
        if self.tunnels.len() < self.sweep_at {
            return;
        }
        self.tunnels.retain(|_, entry| match entry {
            Entry::Running { .. } => true,
            Entry::Resting { until, .. } | Entry::Closed { until } => *until > now,
        });
        self.sweep_at = (2 * self.tunnels.len()).max(1024);
    }
}

/// A stream id above all that an earlier server process can have given out in this tunnel: ids advance with
/// the tunnel's age, faster than streams can be opened. A tunnel lives at most [`limits::LIFETIME`], which leaves room
/// below [`limits::STREAM_ID_END`].
fn first_stream_id(expires_in: Duration) -> u32 {
    let age = limits::LIFETIME.saturating_sub(expires_in).as_millis();
    u32::try_from(age * IDS_PER_MILLISECOND + 1).unwrap_or(limits::STREAM_ID_END - 1)
}

const _: () =
    assert!(limits::LIFETIME.as_millis() * IDS_PER_MILLISECOND < (limits::STREAM_ID_END - (1 << 23)) as u128);
