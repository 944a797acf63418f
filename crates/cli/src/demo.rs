//! `adit demo`: a whole tunnel on one machine, step by step, left running for the reader to try.

use crate::api::Api;
use crate::data_dir::{Nearby, nearby};
use crate::exit::{self, Failure, Result};
use crate::{http, out, serve};
use adit_aws::Service;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

const PAGE: &str = "<!doctype html><title>adit</title><h1>Hello from the device</h1>\
                    <p>This page came through the tunnel.</p>\n";
/// How long a step may take before the demo gives up and says so.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(clap::Args)]
pub struct Args {
    /// End after the page was fetched, instead of leaving everything running.
    #[arg(long)]
    once: bool,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(crate::block_on(demo(args)))
}

async fn demo(args: &Args) -> Result {
    let folder = Folder::new()?;
    out::talk(out::strong("adit demo: a tunnel to a device behind NAT, all on this machine\n"));

    step(1, "Start a server in a temporary folder");
    let running = serve::start(folder.config()?).await?;
    let client = nearby(&folder.data())?;
    detail(format_args!("API and tunnels on {}, data in {}", client.endpoint, folder.data().display()));

    step(2, "Start a device: a small web page that only the device can reach");
    let page = serve_page().await?;
    detail(format_args!("http://{page}/ (think of it as behind NAT)"));

    step(3, "Open a tunnel to it");
    detail("aws iotsecuretunneling open-tunnel --destination-config thingName=demo,services=HTTP");
    let tunnel = open_tunnel(&client).await?;
    detail(format_args!("tunnel {}, and one token for each side", tunnel.id));

    step(4, "On the device: connect its side; it makes one outbound TLS connection");
    let endpoint = client.tunnel.clone().ok_or_else(|| Failure::failed("the server serves no tunnels"))?;
    let target = format!("HTTP={page}");
    let _device = localproxy(&folder, "device", &client, &endpoint, ["-d", &target], &tunnel.destination)?;
    detail(format_args!("localproxy -e {endpoint} -c ca.pem -d {target} -t DESTINATION_TOKEN"));

    step(5, "On your laptop: connect the other side");
    let port = free_port()?;
    let listen = format!("HTTP={port}");
    let _laptop = localproxy(&folder, "laptop", &client, &endpoint, ["-s", &listen], &tunnel.source)?;
    detail(format_args!("localproxy -e {endpoint} -c ca.pem -s {listen} -t SOURCE_TOKEN"));
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, port));

    step(6, "Fetch the device's page through the tunnel");
    let (body, took) = fetch_patiently(local, &folder).await?;
    if body != PAGE {
        return Err(Failure::failed(format!("the page came through changed: {body:?}")));
    }
    detail(format_args!(
        "curl http://{local}/   ({} bytes in {:.1} ms)",
        body.len(),
        took.as_secs_f64() * 1e3
    ));
    out::data(body.trim_end());
    out::talk(format_args!("\n{}", out::good("It works.")));

    if !args.once {
        farewell(&folder, &client, &endpoint, &tunnel.id, local);
        tokio::signal::ctrl_c().await.map_err(|error| Failure::failed(format!("signal: {error}")))?;
        out::talk("\nEnding the demo and removing its folder.");
    }
    running.end().await;
    Ok(())
}

fn step(number: u8, what: &str) {
    out::talk(format_args!("{} {what}", out::strong(&format!("[{number}/6]"))));
}

fn detail(text: impl std::fmt::Display) {
    out::talk(format_args!("      {text}"));
}

fn farewell(folder: &Folder, client: &Nearby, endpoint: &str, tunnel: &str, local: SocketAddr) {
    let program = std::env::current_exe().map_or_else(|_| "adit".into(), |path| path.display().to_string());
    let data = folder.data().display().to_string();
    let ca = client.ca.as_ref().map_or_else(String::new, |ca| format!(" -c {}", ca.display()));
    out::talk(format_args!(
        "Everything is still running. In another shell, try:

  curl http://{local}/
  eval \"$({program} env --data-dir {data})\"
  aws iotsecuretunneling describe-tunnel --tunnel-id {tunnel}
  aws iotsecuretunneling open-tunnel --destination-config thingName=demo,services=SSH
  {program} proxy -e {endpoint}{ca} -d SSH=localhost:22 -t DESTINATION_TOKEN
  {program} proxy -e {endpoint}{ca} -s SSH=5555 -t SOURCE_TOKEN      (and then: ssh -p 5555 localhost)
  {program} status --data-dir {data}
  aws iotsecuretunneling close-tunnel --tunnel-id {tunnel}

`aws` is Amazon's own program (pip install awscli). Ctrl-C ends the demo and removes its folder."
    ));
}

/// The temporary folder of a demo; removed at its end.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("adit-demo-{}", std::process::id()));
        std::fs::create_dir(&path)
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
        Ok(Folder { path })
    }

    fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// A configuration with free ports on loopback.
    fn config(&self) -> Result<adit_server::config::Config> {
        let file = self.path.join("adit.toml");
        let text = format!(
            "node.data-dir = {:?}\nmetrics.address = \"off\"\nlog.level = \"warn\"\n\n[[listen]]\n\
             address = \"127.0.0.1:{}\"\ntls = true\nserve = [\"api\", \"tunnel\"]\n",
            self.data().display().to_string(),
            free_port()?
        );
        std::fs::write(&file, text)
            .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
        crate::config::load(Some(&file)).map_err(|problems| crate::config::failure(&problems))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn free_port() -> Result<u16> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Failure::failed(format!("no free port on loopback: {error}")))
}

/// The device's web page, on a port of its own.
async fn serve_page() -> Result<SocketAddr> {
    let broken = |error: std::io::Error| Failure::failed(format!("the device's web page: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(broken)?;
    let address = listener.local_addr().map_err(broken)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(async |_| {
                let page = Response::builder().header("content-type", "text/html; charset=utf-8");
                Ok::<_, Infallible>(
                    page.body(Full::new(Bytes::from_static(PAGE.as_bytes()))).unwrap_or_default(),
                )
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
            );
        }
    });
    Ok(address)
}

struct Tunnel {
    id: String,
    source: String,
    destination: String,
}

async fn open_tunnel(client: &Nearby) -> Result<Tunnel> {
    let input = json!({
        "description": "adit demo", "destinationConfig": { "thingName": "demo", "services": ["HTTP"] },
    });
    let answer = Api::nearby(client)?.call(Service::Tunneling, "OpenTunnel", input).await?;
    let member = |name: &str| answer.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    match (member("tunnelId"), member("sourceAccessToken"), member("destinationAccessToken")) {
        (Some(id), Some(source), Some(destination)) => Ok(Tunnel { id, source, destination }),
        _ => Err(Failure::failed("the answer to OpenTunnel has no tunnel in it")),
    }
}

/// One end of the tunnel, as a process of its own; ended when dropped.
fn localproxy(
    folder: &Folder,
    name: &str,
    client: &Nearby,
    endpoint: &str,
    mapping: [&str; 2],
    token: &str,
) -> Result<Child> {
    let broken =
        |error: std::io::Error| Failure::failed(format!("starting localproxy for the {name}: {error}"));
    let log = std::fs::File::create(folder.path.join(format!("{name}.log"))).map_err(broken)?;
    let mut command = Command::new(std::env::current_exe().map_err(broken)?);
    command.args(["proxy", "-e", endpoint]).args(mapping).env("AWSIOT_TUNNEL_ACCESS_TOKEN", token);
    if let Some(ca) = &client.ca {
        command.arg("-c").arg(ca);
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(broken)?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn();
    child.map_err(broken)
}

/// Fetches the page as soon as the source side listens.
async fn fetch_patiently(address: SocketAddr, folder: &Folder) -> Result<(String, Duration)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let start = Instant::now();
        match fetch(address).await {
            Ok(body) => return Ok((body, start.elapsed())),
            Err(failure) if Instant::now() > deadline => {
                return Err(Failure::failed(format!(
                    "no page came through in {} s ({failure}). What the two sides said:\n{}{}",
                    PATIENCE.as_secs(),
                    said(&folder.path, "device"),
                    said(&folder.path, "laptop")
                )));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn said(folder: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
    text.lines().map(|line| format!("  {name}: {line}\n")).collect()
}

async fn fetch(address: SocketAddr) -> Result<String> {
    let wire = TcpStream::connect(address).await.map_err(|error| Failure::failed(error.to_string()))?;
    let request = Request::get("/")
        .header("host", address.to_string())
        .body(Full::new(Bytes::new()))
        .map_err(|error| Failure::failed(error.to_string()))?;
    let answer = http::exchange(wire, request).await?;
    Ok(String::from_utf8_lossy(answer.body()).into_owned())
}
