//! Hands a connection to `ssh`, which then reads and writes it itself (`ProxyUseFdpass` of ssh_config).

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// Connects to the socket of an `adit ssh` that is running and passes the connection on through standard output,
/// which must be a socket too.
///
/// # Errors
/// Nobody listens, or standard output takes no connection.
pub fn pass(path: &Path) -> io::Result<()> {
    let stream = UnixStream::connect(path)?;
    let fds = [stream.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("no room for the connection"));
    }
    sendmsg(io::stdout(), &[IoSlice::new(b"\0")], &mut control, SendFlags::empty())?;
    Ok(())
}
