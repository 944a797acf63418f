//! The publishing thread.

use super::{PATIENCE, Shared};
use crate::fail::{Result, fail};
use crate::mqtt::link::{Link, SCRATCH};
use crate::mqtt::wire::{Packet, Template, id_of};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::Instant;

const BELL: u64 = u64::MAX;
const NAP: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// All publishers, each with its own connection and topic.
pub struct Publishers {
    epoll: OwnedFd,
    each: Vec<Publisher>,
    qos: u8,
    window: u64,
    in_flight: u64,
    scratch: Vec<u8>,
    batch: Vec<u8>,
}

struct Publisher {
    link: Link,
    template: Template,
    sent: u64,
    acked: u64,
    /// By number, at QoS 1.
    taken: Vec<bool>,
    blocked: bool,
}

impl Publishers {
    /// `window` and `in_flight` are for each; the first calls itself `first`, and so on.
    pub fn new(
        links: Vec<Link>,
        qos: u8,
        window: u64,
        in_flight: u64,
        first: u32,
        topic: impl Fn(usize) -> String,
    ) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut each = Vec::with_capacity(links.len());
        for (number, mut link) in links.into_iter().enumerate() {
            link.let_go()?;
            let data = epoll::EventData::new_u64(number as u64);
            epoll::add(&epoll, &link.tcp, data, epoll::EventFlags::IN)?;
            let template = Template::new(&topic(number), qos, first + u32::try_from(number)?);
            each.push(Publisher { link, template, sent: 0, acked: 0, taken: Vec::new(), blocked: false });
        }
        let (scratch, batch) = (vec![0; SCRATCH], Vec::new());
        Ok(Self { epoll, each, qos, window, in_flight, scratch, batch })
    }

    /// Publishes until it is told to stop and everything is acknowledged.
    pub fn run(&mut self, shared: &Shared) -> Result<()> {
        epoll::add(&self.epoll, &shared.bell, epoll::EventData::new_u64(BELL), epoll::EventFlags::IN)?;
        let mut events = Vec::with_capacity(64);
        let mut deadline = None;
        loop {
            let stopping = shared.stop.load(Ordering::SeqCst);
            if stopping {
                let waiting = self.each.iter().any(|p| p.blocked || (self.qos > 0 && p.acked < p.sent));
                if !waiting {
                    break;
                }
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
                if Instant::now() > deadline {
                    return fail(format!("no acknowledgement within {} s", PATIENCE.as_secs()));
                }
            } else {
                for number in 0..self.each.len() {
                    self.fill(number, shared)?;
                }
            }
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&NAP))?;
            for event in events.drain(..) {
                self.event(event, shared)?;
            }
        }
        for (publisher, sent) in self.each.iter().zip(&shared.sent) {
            sent.store(publisher.sent, Ordering::SeqCst);
        }
        shared.finished.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// By publisher and number: what was acknowledged.
    pub fn acknowledged(self) -> Vec<Vec<bool>> {
        self.each.into_iter().map(|publisher| publisher.taken).collect()
    }

    /// How many are acknowledged.
    pub fn acknowledgements(&self) -> u64 {
        self.each.iter().map(|publisher| publisher.acked).sum()
    }

    /// Sends what the window has room for, and says which floor it waits for. At QoS 0 half a window at least, as
    /// there is no answer to go by.
    fn fill(&mut self, number: usize, shared: &Shared) -> Result<()> {
        let (Some(publisher), Some(floor), Some(wanted)) =
            (self.each.get_mut(number), shared.floor.get(number), shared.wanted.get(number))
        else {
            return Ok(());
        };
        let least = if self.qos == 0 { self.window.div_ceil(2) } else { 1 };
        while !publisher.blocked {
            let room = |floor: u64| self.window.saturating_sub(publisher.sent.saturating_sub(floor));
            if room(floor.load(Ordering::SeqCst)) < least {
                wanted.store((publisher.sent + least).saturating_sub(self.window), Ordering::SeqCst);
            }
            let mut free = room(floor.load(Ordering::SeqCst));
            if free < least {
                break;
            }
            wanted.store(u64::MAX, Ordering::SeqCst);
            if self.qos > 0 {
                free = free.min(self.in_flight.saturating_sub(publisher.sent - publisher.acked));
            }
            if free == 0 {
                break;
            }
            self.batch.clear();
            for number in publisher.sent..publisher.sent + free {
                publisher.template.write(number, 0, &mut self.batch);
            }
            publisher.sent += free;
            publisher.link.take(&self.batch)?;
            publisher.flush(&self.epoll, number)?;
        }
        Ok(())
    }

    fn event(&mut self, event: epoll::Event, shared: &Shared) -> Result<()> {
        let (data, flags) = (event.data.u64(), event.flags);
        if data == BELL {
            let mut count = [0; 8];
            rustix::io::read(&shared.bell, &mut count)?;
            return Ok(());
        }
        let number = usize::try_from(data)?;
        let Some(publisher) = self.each.get_mut(number) else { return Ok(()) };
        if flags.contains(epoll::EventFlags::OUT) {
            publisher.flush(&self.epoll, number)?;
        }
        if flags.difference(epoll::EventFlags::OUT).is_empty() {
            return Ok(());
        }
        publisher.link.read(&mut self.scratch)?;
        while let Some(packet) = publisher.link.inbox.next()? {
            publisher.acknowledge(&packet)?;
        }
        Ok(())
    }
}

impl Publisher {
    fn acknowledge(&mut self, packet: &Packet) -> Result<()> {
        let Packet::Puback(id) = *packet else { return fail(format!("a publisher was sent {packet:?}")) };
        let Some(last) = self.sent.checked_sub(1) else { return fail("PUBACK before any PUBLISH") };
        let round = u64::from(u16::MAX);
        let behind = (u64::from(id_of(last)) + round - u64::from(id)) % round;
        let Some(number) = last.checked_sub(behind) else {
            return fail(format!("PUBACK {id} of nothing sent"));
        };
        let index = usize::try_from(number)?;
        if self.taken.len() <= index {
            self.taken.resize(index + 1, false);
        }
        if let Some(taken) = self.taken.get_mut(index)
            && !std::mem::replace(taken, true)
        {
            self.acked += 1;
        }
        Ok(())
    }

    fn flush(&mut self, epoll: &OwnedFd, number: usize) -> Result<()> {
        let blocked = !self.link.flush()?;
        if blocked != self.blocked {
            let out = if blocked { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            let data = epoll::EventData::new_u64(number as u64);
            epoll::modify(epoll, &self.link.tcp, data, epoll::EventFlags::IN | out)?;
            self.blocked = blocked;
        }
        Ok(())
    }
}
