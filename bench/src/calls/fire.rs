//! The generator: one thread, some connections, requests that were made beforehand. Every answer is read and checked.

use super::servers::Server;
use crate::fail::{Result, fail};
use crate::probe::{self, Usage};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
const NAP: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
const SCRATCH: usize = 16 * 1024;

/// What is asked.
pub struct Script {
    requests: Vec<Vec<u8>>,
    /// From the front again when all were sent.
    repeat: bool,
    /// Must be in every answer.
    mark: &'static [u8],
}

impl Script {
    pub fn again(requests: Vec<Vec<u8>>, mark: &'static [u8]) -> Self {
        Self { requests, repeat: true, mark }
    }

    pub fn once(requests: Vec<Vec<u8>>, mark: &'static [u8]) -> Self {
        Self { requests, repeat: false, mark }
    }

    fn get(&self, number: usize) -> Option<&[u8]> {
        let number = if self.repeat { number % self.requests.len().max(1) } else { number };
        self.requests.get(number).map(Vec::as_slice)
    }
}

/// What was found.
pub struct Fired {
    /// Answers a second.
    pub rate: f64,
    /// Cores that the server used.
    pub server: f64,
    /// Cores that the generator used.
    pub generator: f64,
}

impl Fired {
    /// Answers per second of the server's CPU time.
    pub fn per_cpu_second(&self) -> f64 {
        self.rate / self.server.max(f64::MIN_POSITIVE)
    }
}

/// Keeps one request under way on each of `connections` connections, for `time` or until all were sent.
pub fn run(server: &Server, script: &Script, connections: usize, time: Duration) -> Result<Fired> {
    let mut crowd = Crowd::new(server.address, script, connections)?;
    let (pid, own) = (server.pid(), probe::own_thread());
    let (before, start) = (Usage::of(pid), Instant::now());
    let answers = crowd.run(start + time)?;
    let elapsed = start.elapsed().as_secs_f64();
    let generator = (probe::own_thread() - own).as_secs_f64() / elapsed;
    let server = Usage::of(pid).since(&before).as_secs_f64() / elapsed;
    Ok(Fired { rate: answers as f64 / elapsed, server, generator })
}

struct Crowd<'a> {
    epoll: OwnedFd,
    address: SocketAddr,
    script: &'a Script,
    /// The request that comes next.
    next: usize,
    each: Vec<Caller>,
}

struct Caller {
    stream: TcpStream,
    answer: Vec<u8>,
    busy: bool,
}

impl<'a> Crowd<'a> {
    fn new(address: SocketAddr, script: &'a Script, connections: usize) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut crowd = Self { epoll, address, script, next: 0, each: Vec::new() };
        for number in 0..connections {
            let stream = crowd.open(number)?;
            crowd.each.push(Caller { stream, answer: Vec::with_capacity(SCRATCH), busy: false });
        }
        Ok(crowd)
    }

    fn open(&self, number: usize) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let data = epoll::EventData::new_u64(number as u64);
        epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN)?;
        Ok(stream)
    }

    fn run(&mut self, end: Instant) -> Result<u64> {
        let mut events = Vec::with_capacity(64);
        let mut answers = 0;
        for number in 0..self.each.len() {
            self.ask(number)?;
        }
        while self.each.iter().any(|caller| caller.busy) {
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&NAP))?;
            let now = Instant::now();
            if now > end + PATIENCE {
                return fail("no answer in 20 s");
            }
            for event in events.drain(..) {
                let number = usize::try_from(event.data.u64())?;
                if !self.answered(number)? {
                    continue;
                }
                answers += 1;
                if now < end {
                    self.ask(number)?;
                }
            }
        }
        Ok(answers)
    }

    /// Sends the next request, if there is one. A request fits into a socket's buffer.
    fn ask(&mut self, number: usize) -> Result<()> {
        let Some(request) = self.script.get(self.next) else { return Ok(()) };
        let Some(caller) = self.each.get_mut(number) else { return Ok(()) };
        caller.stream.write_all(request)?;
        (caller.busy, self.next) = (true, self.next + 1);
        Ok(())
    }

    /// Reads what is there. Whether the answer is complete.
    fn answered(&mut self, number: usize) -> Result<bool> {
        let Some(caller) = self.each.get_mut(number) else { return Ok(false) };
        let ended = match caller.read() {
            Ok(read) => read == 0,
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => false,
            Err(error) => return Err(error.into()),
        };
        if !caller.busy {
            return if ended { self.reopen(number).map(|()| false) } else { Ok(false) };
        }
        let Some(answer) = Answer::read(&caller.answer)? else {
            return if ended { fail("the server ended a connection within an answer") } else { Ok(false) };
        };
        if !answer.good || !contains(&caller.answer, self.script.mark) {
            return fail(format!("answered {}", String::from_utf8_lossy(&caller.answer)));
        }
        let closes = ended || answer.closes;
        (caller.busy, caller.answer) = (false, std::mem::take(&mut caller.answer));
        caller.answer.clear();
        if closes {
            self.reopen(number)?;
        }
        Ok(true)
    }

    fn reopen(&mut self, number: usize) -> Result<()> {
        let stream = self.open(number)?;
        if let Some(caller) = self.each.get_mut(number) {
            caller.stream = stream;
        }
        Ok(())
    }
}

impl Caller {
    fn read(&mut self) -> std::io::Result<usize> {
        let from = self.answer.len();
        self.answer.resize(from + SCRATCH, 0);
        let read = self.stream.read(self.answer.get_mut(from..).unwrap_or_default());
        self.answer.truncate(from + *read.as_ref().unwrap_or(&0));
        read
    }
}

/// What the generator needs to know of an HTTP answer.
#[derive(Debug, PartialEq)]
struct Answer {
    good: bool,
    closes: bool,
}

impl Answer {
    /// `None` until the bytes are a whole answer.
    fn read(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let (head, body) = (bytes.get(..end).unwrap_or_default(), bytes.get(end + 4..).unwrap_or_default());
        let (mut length, mut closes) = (None, false);
        for line in head.split(|byte| *byte == b'\n').skip(1) {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = line.split_at(colon);
            if name.eq_ignore_ascii_case(b"content-length") {
                length = std::str::from_utf8(value)?.trim_matches([':', ' ', '\r']).parse::<usize>().ok();
            } else if name.eq_ignore_ascii_case(b"connection") {
                closes = contains(&value.to_ascii_lowercase(), b"close");
            }
        }
        let Some(length) = length else { return fail("an answer without content-length") };
        if body.len() > length {
            return fail("more bytes than the answer has");
        }
        let good = bytes.get(8..11) == Some(b" 20");
        Ok((body.len() == length).then_some(Self { good, closes }))
    }
}

fn contains(bytes: &[u8], mark: &[u8]) -> bool {
    mark.is_empty() || bytes.windows(mark.len()).any(|window| window == mark)
}

#[cfg(test)]
mod tests {
    use super::{Answer, contains};

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(Answer::read(text).unwrap(), Some(Answer { good: true, closes: false }));
        assert_eq!(Answer::read(&text[..text.len() - 1]).unwrap(), None);
        assert_eq!(Answer::read(&text[..20]).unwrap(), None);
        let text = b"HTTP/1.1 403 Forbidden\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(Answer::read(text).unwrap(), Some(Answer { good: false, closes: true }));
        assert!(Answer::read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(Answer::read(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{}").is_err());
    }

    #[test]
    fn a_mark_is_found() {
        assert!(contains(b"abc", b"bc") && !contains(b"abc", b"cb") && contains(b"", b""));
    }
}
