//! The systems that are measured. Each takes TCP connections at its entry and ends them at the service.

mod adit;
mod chain;
mod peers;

pub use adit::{Server, open_tunnels};

use crate::fail::{Result, fail};
use crate::pki::Pki;
use crate::probe::{self, Usage};
use crate::process::{Process, first_line, on_path};
use crate::service::{self, Order};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The limit: three processes that copy.
    Chain,
    /// Our local proxies through our server.
    Adit,
    /// AWS's local proxies through our server, pacing off.
    Lp,
    /// AWS's local proxy as source, ours as destination.
    LpSource,
    /// Ours as source, AWS's as destination.
    LpDestination,
    Wstunnel,
    Rathole,
    Ssh,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Chain,
        Self::Adit,
        Self::Lp,
        Self::LpSource,
        Self::LpDestination,
        Self::Wstunnel,
        Self::Rathole,
        Self::Ssh,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Adit => "adit",
            Self::Lp => "lp",
            Self::LpSource => "lp>adit",
            Self::LpDestination => "adit>lp",
            Self::Wstunnel => "wstunnel",
            Self::Rathole => "rathole",
            Self::Ssh => "ssh",
        }
    }

    /// What its name stands for, with the number of TLS hops.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Chain => "the limit: source, relay, destination that only copy; 2 TLS hops",
            Self::Adit => "our localproxy pair through our server; 2 TLS hops",
            Self::Lp => "AWS's localproxy pair through our server, pacing off; 2 TLS hops",
            Self::LpSource => "AWS's localproxy as source, ours as destination; 2 TLS hops",
            Self::LpDestination => "our localproxy as source, AWS's as destination; 2 TLS hops",
            Self::Wstunnel => "wstunnel client -R and client -L through one wss server; 2 TLS hops",
            Self::Rathole => "rathole with TLS; 1 TLS hop",
            Self::Ssh => "ssh -R and ssh -L through one sshd, aes128-gcm; 2 hops",
        }
    }

    /// The peer this needs, as `--peers` names it; none for what is always measured.
    pub fn peer(self) -> Option<&'static str> {
        match self {
            Self::Chain | Self::Adit => None,
            Self::Lp | Self::LpSource | Self::LpDestination => Some("localproxy"),
            Self::Wstunnel => Some("wstunnel"),
            Self::Rathole => Some("rathole"),
            Self::Ssh => Some("ssh"),
        }
    }
}

/// Programs and files that all systems share.
pub struct Lab {
    pub dir: PathBuf,
    pub service: SocketAddr,
    pub pki: Pki,
    pub adit: PathBuf,
    pub localproxy: PathBuf,
    pub aws_localproxy: Option<PathBuf>,
}

impl Lab {
    /// The version of a system, or why it is absent.
    pub fn look_for(&self, kind: Kind) -> std::result::Result<String, String> {
        let program = |name: &str, arg: &str| match on_path(name) {
            Some(path) => Ok(first_line(&path, arg).unwrap_or_default()),
            None => Err(format!("{name} is not on PATH")),
        };
        match kind {
            Kind::Chain => Ok(env!("CARGO_PKG_VERSION").to_owned()),
            Kind::Adit => Ok(first_line(&self.adit, "--version").unwrap_or_default()),
            Kind::Lp | Kind::LpSource | Kind::LpDestination => match &self.aws_localproxy {
                Some(path) => Ok(first_line(path, "--version").unwrap_or_default()),
                None => Err("AWS's localproxy is not on PATH; name it with --aws-localproxy PATH".to_owned()),
            },
            Kind::Wstunnel => program("wstunnel", "--version"),
            Kind::Rathole => program("rathole", "--version").and_then(|version| {
                program("openssl", "version").map_err(|why| format!("{why} (makes its PKCS #12 file)"))?;
                Ok(version)
            }),
            Kind::Ssh => {
                peers::sshd().ok_or("sshd is not on PATH nor in /usr/sbin")?;
                program("ssh", "-V")
            }
        }
    }

    /// Starts a system and waits until a connection gets through.
    pub fn start(&self, kind: Kind, label: &str) -> Result<System> {
        let dir = self.dir.join(format!("{}-{label}", kind.name().replace('>', "-")));
        std::fs::create_dir_all(&dir)?;
        let (entry, processes) = match kind {
            Kind::Chain => chain::start(self, &dir)?,
            Kind::Adit => adit::start(self, &dir, &self.localproxy, &self.localproxy)?,
            Kind::Lp => adit::start(self, &dir, self.aws()?, self.aws()?)?,
            Kind::LpSource => adit::start(self, &dir, self.aws()?, &self.localproxy)?,
            Kind::LpDestination => adit::start(self, &dir, &self.localproxy, self.aws()?)?,
            Kind::Wstunnel => peers::wstunnel(self, &dir)?,
            Kind::Rathole => peers::rathole(self, &dir)?,
            Kind::Ssh => peers::ssh(self, &dir)?,
        };
        let mut system = System { kind, entry, processes };
        system.wait_until_it_carries()?;
        Ok(system)
    }

    fn aws(&self) -> Result<&Path> {
        self.aws_localproxy.as_deref().ok_or_else(|| "AWS's localproxy is absent".into())
    }
}

/// A running system.
pub struct System {
    pub kind: Kind,
    pub entry: SocketAddr,
    processes: Vec<Process>,
}

impl System {
    fn wait_until_it_carries(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let error = match service::open(self.entry, Order::Hello) {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if let Some(why) = self.ended() {
                return fail(why);
            }
            if Instant::now() > deadline {
                return fail(format!("no connection got through in 20 s: {error}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Which of its programs has ended, if any.
    pub fn ended(&mut self) -> Option<String> {
        self.processes.iter_mut().find_map(Process::ended)
    }

    /// Ends all its programs.
    pub fn stop(&mut self) {
        self.processes.clear();
    }

    /// Process ids by role.
    pub fn pids(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.processes.iter().map(|process| (process.role, process.pid()))
    }

    /// CPU time used up to now, by role.
    pub fn usage(&self) -> BTreeMap<&'static str, Usage> {
        self.pids().map(|(role, pid)| (role, Usage::of(pid))).collect()
    }

    /// Peak resident bytes, by role.
    pub fn peaks(&self) -> BTreeMap<&'static str, u64> {
        self.pids().map(|(role, pid)| (role, probe::peak(pid))).collect()
    }
}
