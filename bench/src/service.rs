//! The TCP service at the far end of every system, and the client's side of its little protocol.
//!
//! A connection begins with an [`Order`] of 16 bytes; the service answers one byte when it has read it. After
//! that the order says what happens. The service runs inside the generator's process.

use crate::fail::Result;
use crate::pattern::Pattern;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Without progress for this long, a read or write fails.
pub const STALL: Duration = Duration::from_secs(20);

/// Connections served at the same time. The threads wait beforehand: starting one would count as connection time.
const THREADS: usize = 128;

const READY: [u8; 1] = [b'!'];
const DONE: [u8; 1] = [b'.'];

/// What the service is to do with a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// Nothing more: the ready byte was all.
    Hello,
    /// Take this many bytes, compare them, say done. `u64::MAX`: until the client ends.
    Take(u64),
    /// After one byte from the client, give this many bytes.
    Give(u64),
    /// Send back what comes.
    Echo,
    /// Take bytes at this many a second.
    Sip(u64),
    /// Take blocks of this many bytes and say done after each.
    Blocks(u64),
}

impl Order {
    fn bytes(self) -> [u8; 16] {
        let (kind, amount) = match self {
            Self::Hello => (0, 0),
            Self::Take(amount) => (1, amount),
            Self::Give(amount) => (2, amount),
            Self::Echo => (3, 0),
            Self::Sip(amount) => (4, amount),
            Self::Blocks(amount) => (5, amount),
        };
        (u128::from(amount) << 64 | kind).to_be_bytes()
    }

    fn read(bytes: [u8; 16]) -> io::Result<Self> {
        let word = u128::from_be_bytes(bytes);
        let amount = u64::try_from(word >> 64).unwrap_or(u64::MAX);
        Ok(match u64::try_from(word & u128::from(u64::MAX)).unwrap_or(u64::MAX) {
            0 => Self::Hello,
            1 => Self::Take(amount),
            2 => Self::Give(amount),
            3 => Self::Echo,
            4 => Self::Sip(amount),
            5 => Self::Blocks(amount),
            other => return Err(io::Error::other(format!("no order {other}"))),
        })
    }
}

/// The running service.
pub struct Service {
    pub address: SocketAddr,
    active: Arc<AtomicUsize>,
}

impl Service {
    /// Listens on a free loopback port until the process ends.
    pub fn start(pattern: Arc<Pattern>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let active = Arc::new(AtomicUsize::new(0));
        for _ in 0..THREADS {
            let (listener, pattern, active) =
                (listener.try_clone()?, Arc::clone(&pattern), Arc::clone(&active));
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    active.fetch_add(1, Ordering::SeqCst);
                    // The client sees the failure as its own, with the text it can say more about.
                    let _ = serve(stream, &pattern);
                    active.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
        Ok(Self { address, active })
    }

    /// Waits until no connection is open, at most `longest`. Whether that came about.
    pub fn quiet(&self, longest: Duration) -> bool {
        let deadline = Instant::now() + longest;
        while self.active.load(Ordering::SeqCst) > 0 {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

fn serve(mut stream: TcpStream, pattern: &Pattern) -> io::Result<()> {
    bound(&stream)?;
    let mut order = [0; 16];
    stream.read_exact(&mut order)?;
    let order = Order::read(order)?;
    stream.write_all(&READY)?;
    match order {
        Order::Hello => Ok(()),
        Order::Take(amount) => {
            pattern.receive(&mut stream, amount, |_| Ok(()))?;
            stream.write_all(&DONE)
        }
        Order::Give(amount) => {
            stream.read_exact(&mut [0])?;
            pattern.send(&mut stream, 0, amount, || true)?;
            stream.read(&mut [0]).map(|_| ())
        }
        Order::Echo => echo(&mut stream),
        Order::Sip(rate) => sip(&mut stream, rate, pattern),
        Order::Blocks(size) => {
            let mut block = vec![0; usize::try_from(size).unwrap_or(0)];
            loop {
                stream.read_exact(&mut block)?;
                stream.write_all(&DONE)?;
            }
        }
    }
}

fn echo(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(buffer.get(..read).unwrap_or_default())?;
    }
}

fn sip(stream: &mut TcpStream, rate: u64, pattern: &Pattern) -> io::Result<()> {
    let start = Instant::now();
    let mut pace = |position: u64| {
        let due = Duration::from_secs_f64(position as f64 / rate as f64);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        Ok(())
    };
    pattern.receive(stream, u64::MAX, &mut pace).map(|_| ())
}

fn bound(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(STALL))?;
    stream.set_write_timeout(Some(STALL))
}

/// Connects through a system, gives the order and waits for the ready byte.
pub fn open(entry: SocketAddr, order: Order) -> io::Result<TcpStream> {
    open_within(entry, order, STALL)
}

/// The same with another limit on the connect, and on every read.
pub fn open_within(entry: SocketAddr, order: Order, longest: Duration) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&entry, longest)?;
    bound(&stream)?;
    stream.set_read_timeout(Some(longest))?;
    stream.write_all(&order.bytes())?;
    expect(&mut stream, READY)?;
    Ok(stream)
}

/// Waits for the service to say that it has everything.
pub fn done(stream: &mut TcpStream) -> io::Result<()> {
    expect(stream, DONE)
}

fn expect(stream: &mut TcpStream, wanted: [u8; 1]) -> io::Result<()> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    if byte != wanted {
        return Err(io::Error::other(format!("expected byte {wanted:?}, got {byte:?}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Order, Service, done, open};
    use crate::pattern::Pattern;
    use std::io::Write;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn orders_survive_the_wire() {
        for order in [
            Order::Hello,
            Order::Take(u64::MAX),
            Order::Give(7),
            Order::Echo,
            Order::Sip(1),
            Order::Blocks(2),
        ] {
            assert_eq!(Order::read(order.bytes()).unwrap(), order);
        }
    }

    #[test]
    fn the_service_takes_and_gives() {
        let pattern = Arc::new(Pattern::new());
        let service = Service::start(Arc::clone(&pattern)).unwrap();
        let mut up = open(service.address, Order::Take(300_000)).unwrap();
        pattern.send(&mut up, 0, 300_000, || true).unwrap();
        done(&mut up).unwrap();
        let mut down = open(service.address, Order::Give(300_000)).unwrap();
        down.write_all(&[1]).unwrap();
        assert_eq!(pattern.receive(&mut down, 300_000, |_| Ok(())).unwrap(), 300_000);
        drop((up, down));
        assert!(service.quiet(Duration::from_secs(5)));
    }
}
