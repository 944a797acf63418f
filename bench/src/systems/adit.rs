//! Our server with a pair of local proxies, ours or AWS's.

use super::Lab;
use crate::api::{Account, Client, Tunnel};
use crate::fail::{Result, fail};
use crate::process::{Process, Start, free_port};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Pacing is off and no quota is in the way; all else is the default.
const CONFIG: &str = r#"
listen = [
  { address = "127.0.0.1:0", tls = false, serve = ["api"] },
  { address = "127.0.0.1:0", serve = ["tunnel"] },
]

[metrics]
address = "off"

[log]
level = "warn"

[tunnel]
pace = 0
pace-own = 0
max-open-tunnels = 1000000

[limits]
max-connections = 1000000
connections-per-address = 1000000
"#;

/// A running server with a data folder of its own.
pub struct Server {
    pub process: Process,
    pub account: Account,
    /// `host:port` of the tunnel endpoint, by a name that the certificate holds.
    pub endpoint: String,
    pub ca: PathBuf,
}

impl Server {
    pub fn start(program: &Path, dir: &Path) -> Result<Self> {
        let (config, data) = (dir.join("adit.toml"), dir.join("data"));
        fs::write(&config, CONFIG)?;
        let command = Start::new(program).args(["serve", "--config"]).args([&config]);
        let mut process = Process::start("relay", dir, command.args(["--data-dir"]).args([&data]))?;
        let client = Client::read(&mut process, &data)?;
        let (account, ca) = (client.account(&data)?, client.ca(&data)?);
        let Some(endpoint) = client.tunnel else { return fail("client.json names no tunnel endpoint") };
        Ok(Self { process, account, endpoint, ca })
    }
}

/// Opens `count` tunnels with one service each.
pub fn open_tunnels(server: &Server, count: usize) -> Result<Vec<Tunnel>> {
    let mut connection = server.account.connect()?;
    (0..count).map(|_| connection.open_tunnel("bench")).collect()
}

/// One end of a tunnel.
pub enum Proxy {
    /// Listens here.
    Source(SocketAddr),
    /// Connects there.
    Destination(SocketAddr),
}

impl Proxy {
    /// Starts `program`, whichever implementation it is: they take the same options.
    pub fn start(self, program: &Path, dir: &Path, server: &Server, tunnel: &Tunnel) -> Result<Process> {
        let (role, option, mapping, token) = match self {
            Self::Source(at) => ("source", "-s", format!("bench={}", at.port()), &tunnel.source),
            Self::Destination(to) => ("destination", "-d", format!("bench={to}"), &tunnel.destination),
        };
        let command = Start::new(program)
            .args(["-e", &server.endpoint, option, &mapping, "-b", "127.0.0.1", "-v", "3"])
            .env("SSL_CERT_FILE", &server.ca)
            .env("AWSIOT_TUNNEL_ACCESS_TOKEN", token);
        Process::start(role, dir, command)
    }
}

pub fn start(lab: &Lab, dir: &Path, source: &Path, destination: &Path) -> Result<(SocketAddr, Vec<Process>)> {
    let server = Server::start(&lab.adit, dir)?;
    let tunnel = server.account.connect()?.open_tunnel("bench")?;
    let entry = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let destination = Proxy::Destination(lab.service).start(destination, dir, &server, &tunnel)?;
    let source = Proxy::Source(entry).start(source, dir, &server, &tunnel)?;
    // A source accepts connections as soon as it has the service ids; the destination may still be on its way.
    std::thread::sleep(Duration::from_millis(200));
    Ok((entry, vec![source, server.process, destination]))
}
