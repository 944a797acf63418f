//! The receiving thread.

use super::{PATIENCE, Shared};
use crate::fail::{Result, fail};
use crate::mqtt::link::{Link, SCRATCH};
use crate::mqtt::wire::{self, Mark, Packet};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::Instant;

const NAP: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// All subscribers, each with its own connection.
pub struct Subscribers {
    epoll: OwnedFd,
    each: Vec<Subscriber>,
    publishers: u32,
    qos: u8,
    scratch: Vec<u8>,
    answers: Vec<u8>,
}

struct Subscriber {
    link: Link,
    /// By publisher: the number that comes next.
    next: Vec<u64>,
    blocked: bool,
}

impl Subscribers {
    pub fn new(links: Vec<Link>, publishers: u32, qos: u8) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut each = Vec::with_capacity(links.len());
        for (number, mut link) in links.into_iter().enumerate() {
            link.let_go()?;
            let data = epoll::EventData::new_u64(number as u64);
            epoll::add(&epoll, &link.tcp, data, epoll::EventFlags::IN)?;
            each.push(Subscriber { link, next: vec![0; publishers as usize], blocked: false });
        }
        Ok(Self { epoll, each, publishers, qos, scratch: vec![0; SCRATCH], answers: Vec::new() })
    }

    /// Receives until everything that was sent is here.
    pub fn run(&mut self, shared: &Shared) -> Result<()> {
        let mut events = Vec::with_capacity(64);
        let mut deadline = None;
        while !self.complete(shared) {
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&NAP))?;
            let mut delivered = 0;
            for event in events.drain(..) {
                delivered += self.event(event)?;
            }
            if delivered > 0 {
                shared.delivered.fetch_add(delivered, Ordering::SeqCst);
                self.tell(shared)?;
            }
            if shared.finished.load(Ordering::SeqCst)
                && Instant::now() > *deadline.get_or_insert_with(|| Instant::now() + PATIENCE)
            {
                return fail(format!("lost: {}", self.missing(shared)));
            }
        }
        Ok(())
    }

    fn complete(&self, shared: &Shared) -> bool {
        shared.finished.load(Ordering::SeqCst) && self.missing(shared) == 0
    }

    fn missing(&self, shared: &Shared) -> u64 {
        let sent: Vec<u64> = shared.sent.iter().map(|sent| sent.load(Ordering::SeqCst)).collect();
        let of = |subscriber: &Subscriber| -> u64 {
            sent.iter().zip(&subscriber.next).map(|(sent, next)| sent.saturating_sub(*next)).sum()
        };
        self.each.iter().map(of).sum()
    }

    fn event(&mut self, event: epoll::Event) -> Result<u64> {
        let number = usize::try_from(event.data.u64())?;
        let Some(subscriber) = self.each.get_mut(number) else { return Ok(0) };
        subscriber.link.read(&mut self.scratch)?;
        self.answers.clear();
        let mut delivered = 0;
        while let Some(packet) = subscriber.link.inbox.next()? {
            let Packet::Publish { mark, id, .. } = packet else {
                return fail(format!("a subscriber was sent {packet:?}"));
            };
            subscriber.count(mark)?;
            if self.qos > 0 {
                wire::puback(id, &mut self.answers);
            }
            delivered += 1;
        }
        if !self.answers.is_empty() {
            subscriber.link.take(&self.answers)?;
        }
        let blocked = !subscriber.link.flush()?;
        if blocked != subscriber.blocked {
            let out = if blocked { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            epoll::modify(&self.epoll, &subscriber.link.tcp, event.data, epoll::EventFlags::IN | out)?;
            subscriber.blocked = blocked;
        }
        Ok(delivered)
    }

    /// What everybody has now; wakes the publishers if that is what one waits for.
    fn tell(&self, shared: &Shared) -> Result<()> {
        let mut ring = false;
        for publisher in 0..self.publishers as usize {
            let has = |subscriber: &Subscriber| subscriber.next.get(publisher).copied();
            let floor = self.each.iter().filter_map(has).min().unwrap_or(0);
            if let (Some(told), Some(wanted)) = (shared.floor.get(publisher), shared.wanted.get(publisher)) {
                told.store(floor, Ordering::SeqCst);
                if floor >= wanted.load(Ordering::SeqCst) {
                    wanted.store(u64::MAX, Ordering::SeqCst);
                    ring = true;
                }
            }
        }
        if ring { shared.ring() } else { Ok(()) }
    }
}

impl Subscriber {
    fn count(&mut self, mark: Mark) -> Result<()> {
        match self.next.get_mut(mark.publisher as usize) {
            Some(next) if *next == mark.number => {
                *next += 1;
                Ok(())
            }
            Some(next) => fail(format!(
                "message {} of publisher {} came where {next} was due: lost, doubled or out of order",
                mark.number, mark.publisher
            )),
            None => fail(format!("a message came from publisher {}, who does not exist", mark.publisher)),
        }
    }
}
