//! Why the server ends a connection, and what the client is told: one exhaustive table.

use std::fmt;

use crate::message;
use crate::websocket::{self, code};

/// Every reason for which the server closes a WebSocket. spec: secure-tunneling §4.6, §4.7
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The bytes break WebSocket framing.
    WebSocket(websocket::Misdeed),
    /// A tunnel frame is not a message.
    Malformed(message::Misdeed),
    /// Type 0, 4 or 5: nobody's, or the server's.
    ForbiddenType,
    /// A type above 7 that is not marked ignorable.
    UnknownType,
    /// `availableServiceIds` outside the server's announcement.
    AnnouncedServices,
    /// A destination opens a stream or a connection.
    StartFromDestination,
    /// A message about a stream without a stream id.
    NoStreamId,
    /// A stream for a service the tunnel does not have.
    UnknownService,
    /// Messages with and without a service id in one connection.
    MixedShapes,
    /// The destination answers without a service id although the source names services.
    OldDestination,
    /// Data for a service no stream was ever started for.
    NeverStarted,
    /// The tunnel has used all stream ids below 2^28.
    StreamIdsUsedUp,
    /// Another connection of the same side took over.
    Replaced,
    /// The tunnel was closed or has expired.
    TunnelClosed,
}

impl Why {
    /// The close code and the reason, which is at most [`crate::limits::CLOSE_REASON`] bytes.
    pub fn close(self) -> (u16, &'static str) {
        match self {
            Why::WebSocket(misdeed) => (misdeed.close_code(), misdeed.text()),
            Why::Malformed(misdeed) => (code::PROTOCOL_ERROR, misdeed.text()),
            Why::ForbiddenType => (
                code::PROTOCOL_ERROR,
                "A client must not send messages of type UNKNOWN, SESSION_RESET or SERVICE_IDS",
            ),
            Why::UnknownType => (code::PROTOCOL_ERROR, "The message type is unknown; types 1 to 7 are known"),
            Why::AnnouncedServices => (code::PROTOCOL_ERROR, "Only the server may send availableServiceIds"),
            Why::StartFromDestination => {
                (code::PROTOCOL_ERROR, "Only the source may send STREAM_START or CONNECTION_START")
            }
            Why::NoStreamId => (code::PROTOCOL_ERROR, "streamId must be greater than 0"),
            Why::UnknownService => {
                (code::PROTOCOL_ERROR, "The tunnel does not define the service id of this stream")
            }
            Why::MixedShapes => (
                code::PROTOCOL_ERROR,
                "Messages with and without a service id must not be mixed in one connection",
            ),
            Why::OldDestination => (
                code::PROTOCOL_ERROR,
                "No service id in the answer: start the source local proxy with --destination-client-type V1",
            ),
            Why::NeverStarted => (code::PROTOCOL_ERROR, "DATA for a service that never had a STREAM_START"),
            Why::StreamIdsUsedUp => {
                (code::POLICY, "The tunnel has used up its stream ids; open a new tunnel")
            }
            Why::Replaced => (code::POLICY, "Connection is replaced by another connection"),
            Why::TunnelClosed => (code::NORMAL, "Tunnel is closed"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.close().1)
    }
}

impl From<websocket::Misdeed> for Why {
    fn from(misdeed: websocket::Misdeed) -> Why {
        Why::WebSocket(misdeed)
    }
}

impl From<message::Misdeed> for Why {
    fn from(misdeed: message::Misdeed) -> Why {
        Why::Malformed(misdeed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_fits_a_close_frame() {
        let all = [
            Why::WebSocket(websocket::Misdeed::Text),
            Why::WebSocket(websocket::Misdeed::ReservedBit),
            Why::Malformed(message::Misdeed::UnknownField),
            Why::ForbiddenType,
            Why::UnknownType,
            Why::AnnouncedServices,
            Why::StartFromDestination,
            Why::NoStreamId,
            Why::UnknownService,
            Why::MixedShapes,
            Why::OldDestination,
            Why::NeverStarted,
            Why::StreamIdsUsedUp,
            Why::Replaced,
            Why::TunnelClosed,
        ];
        for why in all {
            let (code, reason) = why.close();
            assert!(reason.len() <= crate::limits::CLOSE_REASON, "{why:?} is too long");
            assert!([1000, 1002, 1008, 1009].contains(&code));
        }
    }
}
