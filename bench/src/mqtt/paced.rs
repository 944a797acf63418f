//! Latency at a fixed rate, from the moment a message was due to be sent until its subscriber has read it.

use super::brokers::Broker;
use super::fleet::{Keys, client};
use super::lab::Lab;
use super::link::{Link, SCRATCH};
use super::wire::{self, Packet, Template};
use crate::fail::{Error, Result, fail};
use crate::load::wait_until;
use crate::probe::Usage;
use rustls::client::Resumption;
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(1);
/// Sent first and not counted.
const WARM: u64 = 200;

/// What was found.
pub struct Paced {
    /// All times, sorted.
    pub times: Vec<Duration>,
    /// CPU time of the broker per message, each read and written alone.
    pub cpu: Duration,
}

/// `count` messages, one a millisecond, one publisher and one subscriber.
pub fn run(lab: &Lab, broker: &Broker, qos: u8, count: u64) -> Result<Paced> {
    let Some(device) = lab.fleet.of(Keys::Ecdsa).next() else { return fail("no device") };
    let endpoint = broker.endpoint(Keys::Ecdsa);
    let config = client(device, endpoint, Resumption::disabled())?;
    let mut subscriber = Link::open(endpoint, &config)?;
    subscriber.hello("bench-paced-subscriber", true)?;
    subscriber.subscribe("bench/paced", qos)?;
    let mut publisher = Link::open(endpoint, &config)?;
    publisher.hello("bench-paced-publisher", true)?;
    publisher.let_go()?;
    let pid = broker.pid()?;
    let before = Usage::of_one(pid);
    let base = Instant::now();
    let total = WARM + count;
    std::thread::scope(|scope| {
        let receiving = scope.spawn(|| receive(&mut subscriber, base, qos, total));
        publish(&mut publisher, base, qos, total)?;
        let mut times = receiving.join().unwrap_or_else(|_| Err(Error::from("panicked")))?;
        let cpu = Usage::of_one(pid).since(&before) / u32::try_from(total)?;
        times.drain(..usize::try_from(WARM)?);
        times.sort_unstable();
        Ok(Paced { times, cpu })
    })
}

fn publish(link: &mut Link, base: Instant, qos: u8, total: u64) -> Result<()> {
    let template = Template::new("bench/paced", qos, 0);
    let (mut packet, mut scratch) = (Vec::new(), vec![0; SCRATCH]);
    let mut due = base.elapsed() + 10 * INTERVAL;
    for number in 0..total {
        due += INTERVAL;
        wait_until(base + due);
        packet.clear();
        template.write(number, u64::try_from(due.as_nanos())?, &mut packet);
        link.take(&packet)?;
        if !link.flush()? {
            return fail("the broker does not even take a message a millisecond");
        }
        if qos > 0 && link.read(&mut scratch)? {
            while let Some(packet) = link.inbox.next()? {
                if !matches!(packet, Packet::Puback(_)) {
                    return fail(format!("a publisher was sent {packet:?}"));
                }
            }
        }
    }
    Ok(())
}

fn receive(link: &mut Link, base: Instant, qos: u8, total: u64) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(usize::try_from(total)?);
    let (mut scratch, mut answers) = (vec![0; SCRATCH], Vec::new());
    while (times.len() as u64) < total {
        if !link.read(&mut scratch)? {
            return fail(format!("{} of {total} messages came", times.len()));
        }
        let now = base.elapsed();
        while let Some(packet) = link.inbox.next()? {
            let Packet::Publish { mark, id, .. } = packet else {
                return fail(format!("a subscriber was sent {packet:?}"));
            };
            if mark.number != times.len() as u64 {
                return fail(format!("message {} came where {} was due", mark.number, times.len()));
            }
            times.push(now.saturating_sub(Duration::from_nanos(mark.due)));
            if qos > 0 {
                wire::puback(id, &mut answers);
            }
        }
        if !answers.is_empty() {
            link.say(&answers)?;
            answers.clear();
        }
    }
    Ok(times)
}
