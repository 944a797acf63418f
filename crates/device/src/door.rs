//! Where a source takes connections for a service: a listener, or streams that the program hands in itself.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;

use crate::local::{self, Socket};
use crate::meter::Meter;

/// Streams handed in and not yet taken.
const WAITING: usize = 16;

/// Where connections come from.
#[derive(Debug)]
pub enum Intake {
    /// A TCP listener.
    Tcp(TcpListener),
    /// A listener on a Unix socket.
    Unix(UnixListener),
    /// Streams of this program's own.
    Handed(mpsc::Receiver<Socket>),
}

impl Intake {
    /// The next connection, and who made it.
    ///
    /// # Errors
    /// The listener's. A hand whose other end is gone brings nothing more and stays pending.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, String)>> {
        match self {
            Intake::Tcp(listener) => listener.poll_accept(cx).map_ok(|(stream, peer)| {
                let _ = stream.set_nodelay(true);
                (Socket::Tcp(stream), peer.to_string())
            }),
            Intake::Unix(listener) => {
                listener.poll_accept(cx).map_ok(|(stream, _)| (Socket::Unix(stream), "a program".to_owned()))
            }
            Intake::Handed(streams) => match streams.poll_recv(cx) {
                Poll::Ready(Some(socket)) => Poll::Ready(Ok((socket, "this program".to_owned()))),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            },
        }
    }
}

/// One way in to one service. A service may have several.
#[derive(Debug)]
pub struct Door {
    /// The service it leads to.
    pub service: String,
    /// Where its connections come from.
    pub intake: Intake,
    /// Counts what goes through it.
    pub meter: Arc<Meter>,
}

impl Door {
    /// A listener on a TCP address; port 0 lets the system choose. Also gives the address it got.
    ///
    /// # Errors
    /// The port is in use, or the address is not ours.
    pub fn listen(service: &str, address: SocketAddr) -> io::Result<(Door, SocketAddr)> {
        let listener = local::listen(address)?;
        let address = listener.local_addr()?;
        Ok((Door::new(service, Intake::Tcp(listener)), address))
    }

    /// A listener on a Unix socket, made at a path where nothing is yet.
    ///
    /// # Errors
    /// Something is there, or the folder cannot be written.
    pub fn listen_at(service: &str, path: &Path) -> io::Result<Door> {
        Ok(Door::new(service, Intake::Unix(UnixListener::bind(path)?)))
    }

    /// A door for streams of this program's own, and the hand that passes them in.
    pub fn handed(service: &str) -> (Door, mpsc::Sender<Socket>) {
        let (hand, streams) = mpsc::channel(WAITING);
        (Door::new(service, Intake::Handed(streams)), hand)
    }

    fn new(service: &str, intake: Intake) -> Door {
        Door { service: service.to_owned(), intake, meter: Arc::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::net::Ipv4Addr;
    use tokio::net::{TcpStream, UnixStream};

    async fn comes(door: &mut Door) -> (Socket, String) {
        poll_fn(|cx| door.intake.poll(cx)).await.unwrap()
    }

    #[tokio::test]
    async fn connections_come_from_listeners_and_by_hand() {
        let (mut tcp, address) = Door::listen("SSH", (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (socket, peer) = comes(&mut tcp).await;
        assert!(matches!(socket, Socket::Tcp(_)));
        assert_eq!(peer, client.local_addr().unwrap().to_string());

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("door.sock");
        let mut unix = Door::listen_at("SSH", &path).unwrap();
        let _client = UnixStream::connect(&path).await.unwrap();
        assert!(matches!(comes(&mut unix).await.0, Socket::Unix(_)));
        assert!(Door::listen_at("SSH", &path).is_err());

        let (mut handed, hand) = Door::handed("SSH");
        hand.send(Socket::Unix(UnixStream::pair().unwrap().0)).await.unwrap();
        comes(&mut handed).await;
        drop(hand);
        let again = poll_fn(|cx| Poll::Ready(handed.intake.poll(cx).is_pending())).await;
        assert!(again, "a hand that is gone is no error");
    }
}
