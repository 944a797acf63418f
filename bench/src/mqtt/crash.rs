//! One cycle: an offline session is filled, the broker is killed, started again, and what it says it has is collected.
//!
//! A message counts as lost if its publisher had the PUBACK and the session does not deliver it. Doubles are allowed,
//! a number that comes after a higher one of the same publisher for the first time is not.

use super::brokers::Broker;
use super::fleet::{Keys, client};
use super::flood::{Publishers, Shared};
use super::lab::Lab;
use super::link::{Link, SCRATCH};
use super::wire::{self, Packet};
use crate::fail::{Error, Result, fail};
use rustls::client::Resumption;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Messages that were acknowledged and do not come for this long are lost.
const PATIENCE: Duration = Duration::from_secs(4);
/// After the last that was acknowledged, those that were not may come for this long.
const MORE: Duration = Duration::from_millis(300);
const SESSION: &str = "bench-offline";

/// How the broker ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// `kill -9`.
    Killed,
    /// SIGTERM, after the last acknowledgement.
    Asked,
}

/// Who publishes, and how it ends.
#[derive(Clone, Copy)]
pub struct Plan {
    pub publishers: u32,
    /// Unacknowledged messages of each.
    pub in_flight: u64,
    pub time: Duration,
    pub end: End,
}

/// What became of a cycle.
#[derive(Default)]
pub struct Cycle {
    pub acknowledged: u64,
    /// Acknowledged in a second.
    pub rate: f64,
    pub lost: u64,
    pub doubled: u64,
    pub disorder: u64,
    pub session_lost: bool,
}

/// Runs one. The broker is running again afterwards, its session empty.
pub fn run(lab: &Lab, broker: &mut Broker, plan: &Plan, cycle: u32) -> Result<Cycle> {
    let topic = |publisher| format!("bench/durable/{cycle}/{publisher}");
    let mut session = open(lab, broker, SESSION, false)?.0;
    session.subscribe("bench/durable/#", 1)?;
    session.goodbye()?;
    let links =
        (0..plan.publishers).map(|number| Ok(open(lab, broker, &format!("bench-durable-{number}"), true)?.0));
    let links = links.collect::<Result<Vec<_>>>()?;
    let shared = Shared::without_window(plan.publishers)?;
    let mut publishers = Publishers::new(links, 1, plan.in_flight, plan.in_flight, cycle * 1000, topic)?;
    let killed = AtomicBool::new(false);
    let start = Instant::now();
    let published = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| publishers.run(&shared));
        std::thread::sleep(plan.time);
        match plan.end {
            End::Killed => {
                killed.store(true, Ordering::SeqCst);
                broker.kill();
                shared.stop()?;
            }
            End::Asked => shared.stop()?,
        }
        publishing.join().unwrap_or_else(|_| Err(Error::from("panicked")))
    });
    let time = start.elapsed();
    match published {
        Err(error) if !killed.load(Ordering::SeqCst) => return Err(error),
        _ => {}
    }
    if plan.end == End::Asked {
        broker.stop()?;
    }
    broker.again()?;
    let acknowledged = publishers.acknowledgements();
    let rate = acknowledged as f64 / time.as_secs_f64();
    let (mut session, present) = open(lab, broker, SESSION, false)?;
    let mut tally = Tally::new(publishers.acknowledged(), cycle * 1000);
    if present {
        tally.collect(&mut session)?;
    }
    Ok(Cycle {
        acknowledged,
        rate,
        lost: tally.missing(),
        doubled: tally.doubled,
        disorder: tally.disorder,
        session_lost: !present,
    })
}

fn open(lab: &Lab, broker: &Broker, client_id: &str, clean: bool) -> Result<(Link, bool)> {
    let Some(device) = lab.fleet.of(Keys::Ecdsa).next() else { return fail("no device") };
    let endpoint = broker.endpoint(Keys::Ecdsa);
    let mut link = Link::open(endpoint, &client(device, endpoint, Resumption::disabled())?)?;
    let present = link.hello(client_id, clean)?;
    Ok((link, present))
}

/// What was acknowledged, and what came.
struct Tally {
    acknowledged: Vec<Vec<bool>>,
    came: Vec<Vec<bool>>,
    /// By publisher: one above the highest number that came.
    highest: Vec<u64>,
    first: u32,
    doubled: u64,
    disorder: u64,
    missing: u64,
}

impl Tally {
    fn new(acknowledged: Vec<Vec<bool>>, first: u32) -> Self {
        let count = acknowledged.len();
        let missing = acknowledged.iter().flatten().filter(|yes| **yes).count() as u64;
        let (came, highest) = (vec![Vec::new(); count], vec![0; count]);
        Self { acknowledged, came, highest, first, doubled: 0, disorder: 0, missing }
    }

    fn missing(&self) -> u64 {
        self.missing
    }

    /// Takes what the session delivers until all is there and no more comes, or nothing comes any more.
    fn collect(&mut self, link: &mut Link) -> Result<()> {
        let (mut scratch, mut answers) = (vec![0; SCRATCH], Vec::new());
        loop {
            let patience = if self.missing == 0 { MORE } else { PATIENCE };
            link.tcp.set_read_timeout(Some(patience))?;
            while let Some(packet) = link.inbox.next()? {
                let Packet::Publish { mark, id, .. } = packet else {
                    return fail(format!("a subscriber was sent {packet:?}"));
                };
                self.count(mark.publisher, mark.number)?;
                wire::puback(id, &mut answers);
            }
            if !answers.is_empty() {
                link.say(&answers)?;
                answers.clear();
            }
            if !link.read(&mut scratch)? {
                return Ok(());
            }
        }
    }

    /// A message of an earlier cycle is none of this one's business.
    fn count(&mut self, publisher: u32, number: u64) -> Result<()> {
        let Some(publisher) = publisher.checked_sub(self.first).map(|number| number as usize) else {
            return Ok(());
        };
        let index = usize::try_from(number)?;
        let (Some(came), Some(highest)) = (self.came.get_mut(publisher), self.highest.get_mut(publisher))
        else {
            return fail(format!("a message came from publisher {publisher}, who does not exist"));
        };
        if came.len() <= index {
            came.resize(index + 1, false);
        }
        if came.get_mut(index).is_some_and(|came| std::mem::replace(came, true)) {
            self.doubled += 1;
            return Ok(());
        }
        if number < *highest {
            self.disorder += 1;
        }
        *highest = (*highest).max(number + 1);
        let acknowledged = self.acknowledged.get(publisher).and_then(|numbers| numbers.get(index));
        if acknowledged.is_some_and(|yes| *yes) {
            self.missing -= 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn the_tally_sees_loss_doubles_and_disorder() {
        let mut tally = Tally::new(vec![vec![true, true, true, false]], 1000);
        for number in [0, 2, 2, 1] {
            tally.count(1000, number).unwrap();
        }
        assert_eq!((tally.missing, tally.doubled, tally.disorder), (0, 1, 1));
        let mut tally = Tally::new(vec![vec![true, true, false]], 0);
        tally.count(0, 1).unwrap();
        tally.count(0, 2).unwrap();
        assert_eq!((tally.missing, tally.doubled, tally.disorder), (1, 0, 0));
    }
}
