//! Tunnels: the record and its life (spec: secure-tunneling §1.2–1.4, §2.4).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ids::{ThingName, TunnelId};
use crate::time::Timestamp;

/// One end of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The operator's end.
    Source,
    /// The device's end.
    Destination,
}

/// Whether a tunnel can carry connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// It can.
    Open,
    /// It never will again.
    Closed,
}

/// Whether a side has a live connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ConnectionStatus {
    /// It has.
    Connected,
    /// It has none.
    Disconnected,
}

/// The state of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Whether it is connected.
    pub status: ConnectionStatus,
    /// When that last changed; `None` before the first connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_at: Option<Timestamp>,
}

impl Connection {
    /// A side that was never connected.
    pub const NEVER: Connection =
        Connection { status: ConnectionStatus::Disconnected, last_updated_at: None };

    fn ended(self, at: Timestamp) -> Connection {
        match self.status {
            ConnectionStatus::Disconnected => self,
            ConnectionStatus::Connected => {
                Connection { status: ConnectionStatus::Disconnected, last_updated_at: Some(at) }
            }
        }
    }
}

/// Where a tunnel leads: the device to tell, and the streams by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The device to tell, if any.
    pub thing: Option<ThingName>,
    /// Names of the streams, in the order given.
    pub services: Vec<String>,
}

impl Destination {
    /// Checks the services: at least one, at most `quota`, none twice.
    ///
    /// # Errors
    /// [`Kind::LimitExceeded`](crate::Kind::LimitExceeded) over the quota, else
    /// [`Kind::Invalid`](crate::Kind::Invalid).
    pub fn new(thing: Option<ThingName>, services: Vec<String>, quota: usize) -> Result<Destination, Error> {
        if services.is_empty() {
            return Err(Error::invalid("destinationConfig.services must name at least one service"));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = services.iter().find(|service| !seen.insert(service.as_str())) {
            return Err(Error::invalid(format!(
                "destinationConfig.services names {twice:?} twice; every service may appear once"
            )));
        }
        if services.len() > quota {
            return Err(Error::limit_exceeded(format!(
                "a tunnel may have at most {quota} services; destinationConfig.services names {}",
                services.len()
            )));
        }
        Ok(Destination { thing, services })
    }
}

/// A tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// Its id.
    pub id: TunnelId,
    /// Open or closed.
    pub status: Status,
    /// The operator's side.
    pub source: Connection,
    /// The device's side.
    pub destination_connection: Connection,
    /// Free text.
    pub description: Option<String>,
    /// Where it leads, if the caller said.
    pub destination: Option<Destination>,
    /// Lifetime in minutes, 1 to 720.
    pub timeout_minutes: i64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Last open, rotation or close.
    pub last_updated_at: Timestamp,
    /// When it ends (open) or ended (closed).
    pub ends_at: Timestamp,
}

impl Tunnel {
    /// When a tunnel opened at `created_at` reaches the end of its lifetime. Rotation never moves it.
    pub fn lifetime_end(created_at: Timestamp, timeout_minutes: i64) -> Timestamp {
        created_at.plus_minutes(timeout_minutes)
    }

    /// The tunnel as it is at `now`: past its lifetime it is closed, whether or not anybody has swept it yet.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Tunnel {
        if self.status == Status::Open && now >= self.ends_at {
            let end = self.ends_at;
            return self.closed(end);
        }
        self
    }

    /// The tunnel closed at `at`, or at the end of its lifetime if that came first. A closed one stays as it is.
    #[must_use]
    pub fn closed(self, at: Timestamp) -> Tunnel {
        if self.status == Status::Closed {
            return self;
        }
        let end = at.min(self.ends_at);
        Tunnel {
            status: Status::Closed,
            source: self.source.ended(end),
            destination_connection: self.destination_connection.ended(end),
            last_updated_at: end,
            ends_at: end,
            ..self
        }
    }

    /// The state of one side.
    pub fn connection(&self, side: Side) -> Connection {
        match side {
            Side::Source => self.source,
            Side::Destination => self.destination_connection,
        }
    }
}

/// From where we look at tunnels: what is past its lifetime is closed, what is past retention is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// The time now.
    pub now: Timestamp,
    /// How long a closed tunnel can still be seen, in milliseconds (spec: secure-tunneling §1.4, three hours).
    pub retention_millis: i64,
}

impl Horizon {
    /// Tunnels that ended at this time or before are gone.
    pub fn gone_until(&self) -> Timestamp {
        self.now.plus_millis(self.retention_millis.saturating_neg())
    }
}

/// Which tokens a rotation replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ClientMode {
    /// The source's.
    Source,
    /// The destination's.
    Destination,
    /// Both.
    All,
}

impl ClientMode {
    /// Whether this replaces the token of `side`.
    pub fn covers(self, side: Side) -> bool {
        match self {
            ClientMode::All => true,
            ClientMode::Source => side == Side::Source,
            ClientMode::Destination => side == Side::Destination,
        }
    }

    /// What a rotation with `given` makes of a tunnel's destination: it is kept only if the tunnel had none and the
    /// destination's token is rotated. A peer never sees its service names change (spec: secure-tunneling §2.4).
    pub fn destination_after(
        self,
        current: Option<Destination>,
        given: Option<Destination>,
    ) -> Option<Destination> {
        match current {
            Some(current) => Some(current),
            None if self.covers(Side::Destination) => given,
            None => None,
        }
    }
}
