//! As many messages as a broker delivers: one thread publishes, one receives, and no more is under way than a window.
//!
//! The window counts messages that are sent and not yet with every subscriber. It is the same for every broker and
//! below what any of them buffers for a subscriber, so nothing is dropped: each number of each publisher must come to
//! each subscriber once, in order, and every byte is compared.

mod publish;
mod receive;

use super::brokers::Broker;
use super::fleet::{Keys, client};
use super::lab::Lab;
use super::link::Link;
use crate::fail::{Error, Result};
use crate::probe::Usage;
pub use publish::Publishers;
use receive::Subscribers;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;
use rustls::client::Resumption;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Messages under way in all, from all publishers together.
const WINDOW: u64 = 800;
/// Unacknowledged QoS 1 messages of a publisher: what AWS IoT Core lets a client have.
const IN_FLIGHT: u64 = 100;
/// After this long without the last message, it is lost.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Who publishes to whom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub publishers: u32,
    pub subscribers: u32,
    pub qos: u8,
}

/// What a flood found.
pub struct Flooded {
    /// CPU time of the broker per delivered message, in µs.
    pub micros: f64,
    /// Delivered in a second.
    pub rate: f64,
    /// Cores that the broker used.
    pub broker: f64,
    /// Cores that the generator used.
    pub generator: f64,
    /// Cores that its busier thread used.
    pub busiest: f64,
}

/// What the two threads tell each other.
pub struct Shared {
    /// By publisher: messages that every subscriber has.
    floor: Vec<AtomicU64>,
    /// By publisher: the floor for which it waits.
    wanted: Vec<AtomicU64>,
    /// Messages that reached a subscriber.
    delivered: AtomicU64,
    stop: AtomicBool,
    /// Set when all is sent: by publisher, how many.
    sent: Vec<AtomicU64>,
    finished: AtomicBool,
    bell: OwnedFd,
}

impl Shared {
    pub fn new(publishers: u32) -> Result<Self> {
        let all = |value| (0..publishers).map(|_| AtomicU64::new(value)).collect();
        Ok(Self {
            floor: all(0),
            wanted: all(u64::MAX),
            delivered: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            sent: all(0),
            finished: AtomicBool::new(false),
            bell: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        })
    }

    /// For publishers whose messages nobody receives.
    pub fn without_window(publishers: u32) -> Result<Self> {
        let shared = Self::new(publishers)?;
        for floor in &shared.floor {
            floor.store(u64::MAX, Ordering::SeqCst);
        }
        Ok(shared)
    }

    /// No more messages; those under way are waited for.
    pub fn stop(&self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        self.ring()
    }

    fn ring(&self) -> Result<()> {
        rustix::io::write(&self.bell, &1_u64.to_ne_bytes())?;
        Ok(())
    }
}

/// Floods a broker for `time`, after warming it up.
pub fn run(lab: &Lab, broker: &Broker, shape: Shape, warm: Duration, time: Duration) -> Result<Flooded> {
    let topic = |publisher| format!("bench/flood/{publisher}");
    let subscribers = (0..shape.subscribers).map(|number| {
        let mut link = open(lab, broker, number, &format!("bench-subscriber-{number}"))?;
        link.subscribe("bench/flood/+", shape.qos)?;
        Ok(link)
    });
    let subscribers = subscribers.collect::<Result<Vec<_>>>()?;
    let publishers = (0..shape.publishers)
        .map(|number| open(lab, broker, shape.subscribers + number, &format!("bench-publisher-{number}")));
    let publishers = publishers.collect::<Result<Vec<_>>>()?;
    let shared = Shared::new(shape.publishers)?;
    let window = (WINDOW / u64::from(shape.publishers)).max(1);
    let mut publishers = Publishers::new(publishers, shape.qos, window, IN_FLIGHT.min(window), 0, topic)?;
    let mut subscribers = Subscribers::new(subscribers, shape.publishers, shape.qos)?;
    let pid = broker.pid()?;
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| publishers.run(&shared));
        let receiving = scope.spawn(|| subscribers.run(&shared));
        std::thread::sleep(warm);
        let before = Snapshot::take(pid, &shared);
        std::thread::sleep(time);
        let found = Snapshot::take(pid, &shared).since(&before);
        shared.stop()?;
        let lost = |_| Err(Error::from("panicked"));
        publishing.join().unwrap_or_else(lost)?;
        receiving.join().unwrap_or_else(lost)?;
        Ok(found)
    })
}

fn open(lab: &Lab, broker: &Broker, number: u32, client_id: &str) -> Result<Link> {
    let devices: Vec<_> = lab.fleet.of(Keys::Ecdsa).collect();
    let device = devices.get(number as usize % devices.len().max(1)).ok_or("no device")?;
    let endpoint = broker.endpoint(Keys::Ecdsa);
    let mut link = Link::open(endpoint, &client(device, endpoint, Resumption::disabled())?)?;
    link.hello(client_id, true)?;
    Ok(link)
}

struct Snapshot {
    at: Instant,
    broker: Usage,
    own: Usage,
    delivered: u64,
}

impl Snapshot {
    fn take(pid: u32, shared: &Shared) -> Self {
        let (broker, own) = (Usage::of_one(pid), Usage::of_one(std::process::id()));
        Self { at: Instant::now(), broker, own, delivered: shared.delivered.load(Ordering::SeqCst) }
    }

    fn since(&self, earlier: &Self) -> Flooded {
        let time = self.at.duration_since(earlier.at).as_secs_f64();
        let delivered = (self.delivered - earlier.delivered) as f64;
        let broker = self.broker.since(&earlier.broker).as_secs_f64();
        Flooded {
            micros: broker / delivered * 1e6,
            rate: delivered / time,
            broker: broker / time,
            generator: self.own.since(&earlier.own).as_secs_f64() / time,
            busiest: self.own.busiest_since(&earlier.own).as_secs_f64() / time,
        }
    }
}
