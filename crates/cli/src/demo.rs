//! `adit demo`: a device behind NAT and the way to it on one machine, step by step, left running for the reader to try.

mod device;
mod folder;
mod page;

use crate::api::Api;
use crate::data_dir::{Nearby, nearby};
use crate::exit::{Failure, Result};
use crate::reach::{self, End};
use crate::signals::Signals;
use crate::{out, serve};
use folder::{Folder, free_port};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::process::Child;

/// How long a step may take before the demo gives up and says so.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(clap::Args)]
pub struct Args {
    /// End after the page was fetched, instead of leaving everything running.
    #[arg(long)]
    once: bool,
}

pub fn run(args: &Args) -> ExitCode {
    reach::code(crate::block_on(demo(args)))
}

async fn demo(args: &Args) -> Result<End> {
    let mut signals = Signals::new()?;
    let folder = Folder::new()?;
    out::talk(out::strong("adit demo: reaching a device behind NAT, all on this machine\n"));

    step(1, "Start a server in a temporary folder");
    let running = serve::start(folder.config()?).await?;
    let (programs, end) = tokio::select! {
        done = steps(&folder) => (Some(done?), End::Status(0)),
        number = signals.next() => (None, End::Signal(number)),
    };
    if let Some(Programs { server, local, .. }) = programs.as_ref().filter(|_| !args.once) {
        farewell(&folder.data(), server, *local);
        signals.next().await;
    }
    if programs.is_none() || !args.once {
        out::talk("\nEnding the demo and removing its folder.");
    }
    drop(programs);
    running.end().await;
    Ok(end)
}

/// What goes on beside the server; ended when dropped.
struct Programs {
    server: Nearby,
    local: SocketAddr,
    _agent: Child,
    _laptop: Child,
}

/// All that follows the server's start.
async fn steps(folder: &Folder) -> Result<Programs> {
    let server = nearby(&folder.data())?;
    detail(format_args!("API and tunnels on {}, data in {}", server.endpoint, folder.data().display()));

    step(2, "Register a device: a thing, a certificate, and a policy with what its agent needs");
    let api = Api::nearby(&server)?;
    device::register(&api, folder).await?;
    detail("aws iot create-thing --thing-name demo; aws iot create-keys-and-certificate --set-as-active; …");

    step(3, "Start the device: a web page that only it can reach, and its agent");
    let page = page::serve().await?;
    let (agent, config) = device::start(folder, &server, page)?;
    device::arrived(&api, folder, PATIENCE).await?;
    detail(format_args!("http://{page}/ (think of it as behind NAT)"));
    detail(format_args!("adit agent --config {}", config.display()));

    step(4, "On your laptop: bring the page here");
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let spec = format!("{}:HTTP", local.port());
    let laptop = folder.start("forward", |command| {
        command.args(["forward", device::THING, &spec, "--data-dir"]).arg(folder.data());
    })?;
    detail(format_args!("adit forward demo {spec}"));
    detail("opens a tunnel; the agent is told over MQTT and connects the device's end");

    step(5, "Fetch it through the tunnel");
    let (body, took) = fetch_patiently(local, folder).await?;
    if body != page::TEXT {
        return Err(Failure::failed(format!("the page came through changed: {body:?}")));
    }
    detail(format_args!(
        "curl http://{local}/   ({} bytes in {:.1} ms)",
        body.len(),
        took.as_secs_f64() * 1e3
    ));
    out::data(body.trim_end());
    out::talk(format_args!("\n{}", out::good("It works.")));
    Ok(Programs { server, local, _agent: agent, _laptop: laptop })
}

fn step(number: u8, what: &str) {
    out::talk(format_args!("{} {what}", out::strong(&format!("[{number}/5]"))));
}

fn detail(text: impl std::fmt::Display) {
    out::talk(format_args!("      {text}"));
}

fn farewell(data: &Path, server: &Nearby, local: SocketAddr) {
    let program = std::env::current_exe().map_or_else(|_| "adit".into(), |path| path.display().to_string());
    let data = data.display();
    let ca = server.ca.as_ref().map_or_else(String::new, |ca| format!(" -c {}", ca.display()));
    let endpoint = server.tunnel.as_deref().unwrap_or_default();
    out::talk(format_args!(
        "Everything is still running. In another shell, try:

  curl http://{local}/
  eval \"$({program} env --data-dir {data})\"
  {program} thing get demo
  {program} ssh $USER@demo                       (if this machine runs sshd: it is the device)
  {program} tunnel list
  {program} status --data-dir {data}
  {program} console --data-dir {data}     (a link to the web console, once; needs a browser here)
  aws iotsecuretunneling list-tunnels
  aws iot get-thing-connectivity-data --thing-name demo
  aws iotsecuretunneling open-tunnel --destination-config thingName=demo,services=HTTP
  {program} proxy -e {endpoint}{ca} -s HTTP=8080 -t SOURCE_TOKEN   (as AWS's localproxy; and then: curl localhost:8080)

`aws` is Amazon's own program (pip install awscli). Ctrl-C ends the demo and removes its folder."
    ));
}

/// Fetches the page as soon as it can be reached.
async fn fetch_patiently(address: SocketAddr, folder: &Folder) -> Result<(String, Duration)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let start = Instant::now();
        match page::fetch(address).await {
            Ok(body) => return Ok((body, start.elapsed())),
            Err(failure) if Instant::now() > deadline => {
                return Err(Failure::failed(format!(
                    "no page came through in {} s ({failure}). What the two sides said:\n{}{}",
                    PATIENCE.as_secs(),
                    folder.said("agent"),
                    folder.said("forward")
                )));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
