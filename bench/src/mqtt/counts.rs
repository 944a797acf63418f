//! What `bench companions` counts of the gateway: system calls per message, bytes per idle connection.

use super::brokers::{Broker, Kind, Setup};
use super::crowd;
use super::fleet::{Fleet, Keys, client};
use super::lab::Lab;
use super::link::Link;
use super::wire::{self, Packet, Template};
use crate::fail::{Result, fail};
use crate::strace::Trace;
use rustls::client::Resumption;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const EXCHANGES: u64 = 300;
const BATCH: u64 = 50;
const FEW: u32 = 100;
const MOST: u32 = 500;

/// What is counted, and the name of its limit.
pub const SCRIPTS: [(&str, u8, u64); 3] = [("qos-0", 0, 1), ("qos-1", 1, 1), ("qos-0-of-50", 0, BATCH)];

/// Calls by name of the server, and the messages they were made for.
pub type Calls = (BTreeMap<String, u64>, f64);

/// A server of its own.
pub struct Gateway {
    lab: Lab,
    broker: Broker,
}

impl Gateway {
    /// Starts it.
    pub fn start(adit: &Path, dir: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&dir)?;
        let fleet = Fleet::make(&dir, 2, 0)?;
        let lab = Lab { dir, fleet, adit: Some(adit.to_owned()), systems: vec![Kind::Adit] };
        let broker = Broker::start(&lab, Kind::Adit, "companions", Setup::default())?;
        Ok(Self { lab, broker })
    }

    /// Messages from one connection to another, `batch` at a time; the next only when all have come and are
    /// acknowledged, so that what the server finds waiting does not depend on its speed.
    pub fn system_calls(&self, name: &str, qos: u8, batch: u64) -> Result<Calls> {
        let mut pair = Pair::open(&self.lab, &self.broker, qos)?;
        pair.exchange(20, batch)?;
        let trace = Trace::attach(self.broker.pid()?, &self.lab.dir, name)?;
        pair.exchange(EXCHANGES, batch)?;
        Ok((trace.detach()?, (EXCHANGES * batch) as f64))
    }

    /// The slope of resident memory between some hundred connections.
    pub fn bytes_per_idle_connection(&self) -> Result<f64> {
        let crowd = crowd::run(&self.lab, &self.broker, FEW, &[MOST])?;
        crowd.slopes.first().copied().ok_or_else(|| "no memory was measured".into())
    }
}

struct Pair {
    publisher: Link,
    subscriber: Link,
    template: Template,
    qos: u8,
    sent: u64,
}

impl Pair {
    fn open(lab: &Lab, broker: &Broker, qos: u8) -> Result<Self> {
        let Some(device) = lab.fleet.of(Keys::Ecdsa).next() else { return fail("no device") };
        let endpoint = broker.endpoint(Keys::Ecdsa);
        let config = client(device, endpoint, Resumption::disabled())?;
        let topic = format!("bench/count/{qos}");
        let mut subscriber = Link::open(endpoint, &config)?;
        subscriber.hello("bench-count-subscriber", true)?;
        subscriber.subscribe(&topic, qos)?;
        let mut publisher = Link::open(endpoint, &config)?;
        publisher.hello("bench-count-publisher", true)?;
        Ok(Self { publisher, subscriber, template: Template::new(&topic, qos, 0), qos, sent: 0 })
    }

    fn exchange(&mut self, times: u64, batch: u64) -> Result<()> {
        for _ in 0..times {
            let mut bytes = Vec::new();
            for _ in 0..batch {
                self.template.write(self.sent, 0, &mut bytes);
                self.sent += 1;
            }
            self.publisher.say(&bytes)?;
            for _ in 0..batch {
                let Packet::Publish { id, .. } = self.subscriber.packet()? else {
                    return fail("a subscriber was sent something else than a message");
                };
                if self.qos > 0 {
                    let mut answer = Vec::new();
                    wire::puback(id, &mut answer);
                    self.subscriber.say(&answer)?;
                    self.publisher.packet()?;
                }
            }
        }
        Ok(())
    }
}
