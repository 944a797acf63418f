//! What a tunnel costs the server while nothing flows: many tunnels, both sides connected by a bare client.

use crate::api::Tunnel;
use crate::fail::{Result, fail};
use crate::pki;
use crate::probe::{self, Usage};
use crate::systems::{Server, open_tunnels};
use rustls_pki_types::ServerName;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Upgrades under way at the same time.
const AT_ONCE: usize = 32;
/// Memory is read after this much silence.
const QUIET: Duration = Duration::from_secs(3);
/// One side; a server that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(20);

/// What was found.
pub struct Idle {
    /// Resident bytes per tunnel: the slope between the two sizes.
    pub bytes_per_tunnel: f64,
    /// Sides that connected in a second.
    pub connections_per_second: f64,
    /// CPU time of the server per connected side.
    pub cpu_per_connection: Duration,
    /// Share of one core that the server uses while all are idle.
    pub idle_cores: f64,
}

type Side = TlsStream<TcpStream>;

/// Measures a server of its own at two numbers of tunnels.
pub fn measure(adit: &Path, dir: &Path, few: usize, most: usize) -> Result<Idle> {
    if few >= most {
        return fail(format!("the smaller number of tunnels ({few}) must be below the larger ({most})"));
    }
    std::fs::create_dir_all(dir)?;
    let server = Server::start(adit, dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let pid = server.process.pid();
        let mut sides = Vec::with_capacity(2 * most);
        join(&server, few, &mut sides).await?;
        sleep(QUIET).await;
        let small = probe::resident(pid);
        let grown = join(&server, most - few, &mut sides).await?;
        sleep(Duration::from_secs(1)).await;
        let (before, start) = (Usage::of(pid), Instant::now());
        sleep(QUIET).await;
        let idle = Usage::of(pid).since(&before).as_secs_f64() / start.elapsed().as_secs_f64();
        let more = probe::resident(pid) as f64 - small as f64;
        Ok(Idle {
            bytes_per_tunnel: more / (most - few) as f64,
            connections_per_second: grown.per_second,
            cpu_per_connection: grown.cpu,
            idle_cores: idle,
        })
    })
}

struct Grown {
    per_second: f64,
    cpu: Duration,
}

async fn join(server: &Server, tunnels: usize, sides: &mut Vec<Side>) -> Result<Grown> {
    let mut waiting: Vec<(&'static str, String)> = open_tunnels(server, tunnels)?
        .into_iter()
        .flat_map(|Tunnel { source, destination }| [("source", source), ("destination", destination)])
        .collect();
    let count = waiting.len();
    let connector = TlsConnector::from(pki::client(&server.ca)?);
    let pid = server.process.pid();
    let (before, start) = (Usage::of(pid), Instant::now());
    let mut running = JoinSet::new();
    while !waiting.is_empty() || !running.is_empty() {
        while running.len() < AT_ONCE
            && let Some((mode, token)) = waiting.pop()
        {
            let upgrade = upgrade(server.endpoint.clone(), connector.clone(), mode, token);
            running.spawn(async { timeout(LONGEST, upgrade).await });
        }
        match running.join_next().await {
            Some(Ok(Ok(side))) => sides.push(side?),
            Some(Ok(Err(_))) => return fail(format!("an upgrade took more than {} s", LONGEST.as_secs())),
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
    }
    let cpu = Usage::of(pid).since(&before) / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    Ok(Grown { per_second: count as f64 / start.elapsed().as_secs_f64(), cpu })
}

/// One side of a tunnel, upgraded and told its service ids.
async fn upgrade(
    endpoint: String,
    connector: TlsConnector,
    mode: &'static str,
    token: String,
) -> Result<Side> {
    let tcp = TcpStream::connect(&endpoint).await?;
    tcp.set_nodelay(true)?;
    let host = endpoint.rsplit_once(':').map_or(endpoint.as_str(), |(host, _)| host).to_owned();
    let mut side = connector.connect(ServerName::try_from(host.clone())?, tcp).await?;
    let request = format!(
        "GET /tunnel?local-proxy-mode={mode} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n\
         Connection: upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: aws.iot.securetunneling-3.0\r\naccess-token: {token}\r\n\r\n"
    );
    side.write_all(request.as_bytes()).await?;
    side.flush().await?;
    let mut answer = Vec::with_capacity(1024);
    let end = loop {
        let mut part = [0; 1024];
        let read = side.read(&mut part).await?;
        answer.extend_from_slice(part.get(..read).unwrap_or_default());
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
        match head {
            Some(at) if answer.len() > at + 4 => break at,
            _ if read == 0 => break answer.len(),
            _ => {}
        }
    };
    if answer.starts_with(b"HTTP/1.1 101") && answer.get(end + 4) == Some(&0x82) {
        return Ok(side);
    }
    let text = String::from_utf8_lossy(&answer).replace("\r\n", " | ");
    fail(format!("the upgrade of a {mode} was answered: {text}"))
}
