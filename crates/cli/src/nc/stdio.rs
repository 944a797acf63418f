//! Standard input and output as the two directions of a connection.
//!
//! They are copied by threads that block, since a terminal or a file cannot be waited for otherwise. `io::copy` is of no
//! use: it splices, and Linux locks a pipe for its reader while a splice into it waits for more from a socket.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::oneshot;

/// Bytes that are read at once: what a pipe holds.
const PIECE: usize = 64 * 1024;

/// Begins to copy. The receiver hears when the other end has ended the connection and everything is written, or why
/// that cannot be.
///
/// # Errors
/// The system has no threads or descriptors left.
pub fn copy(stream: UnixStream, ends_with_input: bool) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let (sender, receiver) = oneshot::channel();
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let other = stream.try_clone()?;
    thread::Builder::new().spawn(move || send(&input, &other, ends_with_input))?;
    thread::Builder::new().spawn(move || {
        let _ = sender.send(all(&stream, &output));
        let _ = stream.shutdown(Shutdown::Both);
    })?;
    Ok(receiver)
}

/// Copies until the end.
fn all(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(piece.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Copies the input. Its end is not yet the end of the connection, which the tunnel ends in both directions at once:
/// the answer may be still to come. It is the end when nobody reads the output any more.
fn send(input: &File, stream: &UnixStream, ends_with_input: bool) {
    if all(input, stream).is_ok() && !ends_with_input {
        wait_for_reader_to_leave();
    }
    let _ = stream.shutdown(Shutdown::Write);
}

/// Returns when standard output is a pipe or socket without a reader; otherwise never.
fn wait_for_reader_to_leave() {
    let output = io::stdout();
    loop {
        let mut fds = [PollFd::new(&output, PollFlags::empty())];
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
        let [seen] = &fds;
        if seen.revents().intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            return;
        }
    }
}
