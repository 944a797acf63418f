//! The brokers: ours, and Debian's mosquitto on the same TLS settings.

mod adit;
mod mosquitto;

pub use adit::start_empty;

use super::fleet::Keys;
use super::lab::{Endpoint, Lab};
use crate::fail::{Result, fail};
use crate::process::{Process, first_line, on_path};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    Adit,
    Mosquitto,
    /// mosquitto a second time: how far from 1 the ratio of equals is.
    #[value(name = "mosquitto-2")]
    Twin,
}

/// What a suite needs besides the defaults.
#[derive(Clone, Copy, Default)]
pub struct Setup {
    /// State is kept over a restart. Ours always keeps it.
    pub persistence: bool,
    /// TLS sessions may be resumed. mosquitto has no switch for it.
    pub resumption: bool,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Adit, Self::Mosquitto, Self::Twin];

    pub fn name(self) -> &'static str {
        match self {
            Self::Adit => "adit",
            Self::Mosquitto => "mosquitto",
            Self::Twin => "mosquitto-2",
        }
    }

    /// The version, or why it is absent.
    pub fn look_for(self, lab: &Lab) -> std::result::Result<String, String> {
        let program = match self {
            Self::Adit => lab.adit.clone().ok_or("not built")?,
            Self::Mosquitto | Self::Twin => mosquitto().ok_or("mosquitto is not on PATH nor in /usr/sbin")?,
        };
        let arg = if self == Self::Adit { "--version" } else { "-h" };
        Ok(first_line(&program, arg).unwrap_or_default())
    }
}

fn mosquitto() -> Option<PathBuf> {
    on_path("mosquitto").or_else(|| Some(PathBuf::from("/usr/sbin/mosquitto")).filter(|file| file.is_file()))
}

/// A running broker, or one that was ended and may be started again.
pub struct Broker {
    pub kind: Kind,
    dir: PathBuf,
    program: PathBuf,
    ecdsa: Endpoint,
    rsa: Endpoint,
    process: Option<Process>,
}

impl Broker {
    /// Starts one on an empty folder and makes every device of the fleet known to it.
    pub fn start(lab: &Lab, kind: Kind, label: &str, setup: Setup) -> Result<Self> {
        let dir = lab.dir.join(format!("{}-{label}", kind.name()));
        std::fs::create_dir_all(&dir)?;
        match kind {
            Kind::Adit => adit::start(lab, dir, setup),
            Kind::Mosquitto | Kind::Twin => mosquitto::start(lab, kind, dir, setup),
        }
    }

    pub fn endpoint(&self, keys: Keys) -> &Endpoint {
        match keys {
            Keys::Ecdsa => &self.ecdsa,
            Keys::Rsa => &self.rsa,
        }
    }

    /// Its process.
    pub fn pid(&self) -> Result<u32> {
        self.process.as_ref().map(Process::pid).ok_or_else(|| "the broker is not running".into())
    }

    /// Why it is no longer running, if it is not.
    pub fn ended(&mut self) -> Option<String> {
        self.process.as_mut().and_then(Process::ended)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Asks it to end, and waits for that.
    pub fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::stop)
    }

    /// Starts it again on what it left behind.
    pub fn again(&mut self) -> Result<()> {
        let mut process = match self.kind {
            Kind::Adit => adit::run(&self.program, &self.dir)?,
            Kind::Mosquitto | Kind::Twin => mosquitto::run(&self.program, &self.dir)?,
        };
        for endpoint in [&self.ecdsa, &self.rsa] {
            listening(&mut process, endpoint.address)?;
        }
        self.process = Some(process);
        Ok(())
    }
}

fn listening(process: &mut Process, at: SocketAddr) -> Result<()> {
    process.wait_for("its listener", |_| TcpStream::connect(at).ok().map(drop))
}

fn endpoint(port: u16, ca: &Path) -> Result<Endpoint> {
    let Ok(name) = rustls_pki_types::ServerName::try_from("localhost") else {
        return fail("not a name: localhost");
    };
    Ok(Endpoint { address: SocketAddr::from(([127, 0, 0, 1], port)), name, ca: ca.to_owned() })
}
