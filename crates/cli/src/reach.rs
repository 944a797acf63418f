//! A way to a device: a tunnel that is found or opened, waited for, and closed again.
//!
//! `ssh`, `nc` and `forward` are three things to do with one.

mod call;
mod endpoint;
pub mod hosts;
mod kept;
mod look;
mod source;
mod wait;

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;

use adit_device::Version;
use adit_device::door::Door;
use adit_device::log::Log;
use tokio::time::timeout;

use crate::api::{Api, ApiArgs, now};
use crate::ask::Yes;
use crate::exit::{self, Code, Failure, Result};
use crate::out;
use crate::signals::{self, Signals};
use call::{Calls, Described};
use source::Source;

/// Time that the device gets unless `--timeout` says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time for the call that closes a tunnel; whoever pressed Ctrl-C does not wait longer.
const CLOSING: Duration = Duration::from_secs(5);

/// Time for a call that is under way when somebody wants to end.
const MOMENT: Duration = Duration::from_secs(2);

/// Options of every command that goes to a device.
#[derive(clap::Args)]
#[command(next_help_heading = "Tunnel")]
#[command(mut_arg("timeout", |arg| arg.help("Time to wait for the device, 30s unless given: 90s, 5m, 2h")))]
pub struct ReachArgs {
    /// Use this tunnel instead of opening one; its source token is rotated. It stays open.
    #[arg(long, value_name = "ID")]
    pub tunnel: Option<String>,
    /// With --tunnel: take its source side over even if somebody is connected there.
    #[arg(long)]
    pub yes: bool,
    /// Leave the tunnel open at the end, and use it again next time.
    #[arg(long)]
    pub keep: bool,
    /// Minutes after which a tunnel that is opened ends in any case.
    #[arg(long, value_name = "MINUTES")]
    pub lifetime: Option<u32>,
    /// Where the tunnels are, HOST or HOST:PORT, when that is not where the API is.
    #[arg(long, value_name = "ENDPOINT", env = "ADIT_TUNNEL_ENDPOINT")]
    pub tunnel_endpoint: Option<String>,
    /// What the device speaks when it is older than V3: V1 for AWS IoT Device Client, Greengrass, local proxy 1.x.
    #[arg(long, value_name = "VERSION", value_parser = shape)]
    pub destination_client_type: Option<Version>,
    /// Write the log of the tunnel to stderr, up to a level of `localproxy -v`: 3 warnings, 4 what happens, 6 everything.
    #[arg(long, value_name = "LEVEL", default_value_t = 0, hide_default_value = true)]
    pub tunnel_log: u8,
    #[command(flatten)]
    pub api: ApiArgs,
}

impl ReachArgs {
    /// Time to wait for the device.
    pub fn patience(&self) -> Duration {
        self.api.timeout.unwrap_or(PATIENCE)
    }
}

fn shape(text: &str) -> std::result::Result<Version, String> {
    match text {
        "V1" => Ok(Version::V1),
        "V2" => Ok(Version::V2),
        "V3" => Ok(Version::V3),
        _ => Err("expected V1, V2 or V3".to_owned()),
    }
}

/// How a command ended that had a tunnel: of itself with a status, or because of a signal.
pub enum End {
    /// It came to its end.
    Status(u8),
    /// This signal ended it.
    Signal(i32),
}

/// The exit code of a command that had a tunnel.
pub fn code(end: Result<End>) -> ExitCode {
    match end {
        Ok(End::Status(status)) => ExitCode::from(status),
        Ok(End::Signal(number)) => ExitCode::from(signals::status(number)),
        Err(failure) => exit::code(Err(failure)),
    }
}

/// A tunnel with this program as its source.
pub struct Reach {
    calls: Calls,
    patience: Duration,
    thing: Option<String>,
    services: Vec<String>,
    /// When the tunnel was asked for, in seconds since 1970.
    opened: f64,
    tunnel: Tunnel,
    source: Source,
    /// What names the server for files of this user.
    pub scope: String,
}

/// A tunnel, and what becomes of it in the end.
struct Tunnel {
    id: String,
    arn: String,
    token: String,
    is_ours: bool,
}

impl Reach {
    /// Finds or opens a tunnel and connects its source, with doors to its services. The device is not waited for.
    pub async fn open(args: &ReachArgs, thing: Option<&str>, doors: Vec<Door>) -> Result<Reach> {
        // What follows may last for hours: the time of `--timeout` is for the device alone.
        let calls = Calls::new(Api::open(&ApiArgs { timeout: None, ..args.api.clone() })?);
        let mut services: Vec<String> = Vec::new();
        for door in &doors {
            if !services.contains(&door.service) {
                services.push(door.service.clone());
            }
        }
        let endpoint = calls.tunnel_endpoint(args.tunnel_endpoint.as_deref())?;
        let opened = now() as f64;
        let tunnel = obtain(&calls, args, thing, &services).await?;
        let (token, log) = (tunnel.token.clone(), Log::new(args.tunnel_log));
        let source = Source::start(&calls, &endpoint, token, args.destination_client_type, log, doors);
        let source = match source {
            Ok(source) => source,
            Err(failure) => {
                close(&calls, &tunnel).await;
                return Err(failure);
            }
        };
        let scope = calls.scope(&tunnel.arn);
        let (patience, thing) = (args.patience(), thing.map(str::to_owned));
        Ok(Reach { calls, patience, thing, services, opened, tunnel, source, scope })
    }

    /// Whether the link to the server is up.
    pub fn is_up(&self) -> bool {
        self.source.is_up()
    }

    /// The id of the tunnel.
    pub fn id(&self) -> &str {
        &self.tunnel.id
    }

    /// Ends the source, and the tunnel if this program opened it for itself.
    pub async fn close(self) {
        self.source.stop();
        close(&self.calls, &self.tunnel).await;
    }
}

/// Does something with the ways to a device, one for each group of doors, from opening to closing, whatever happens in
/// between.
pub async fn with<F>(args: &ReachArgs, thing: Option<&str>, groups: Vec<Vec<Door>>, then: F) -> Result<End>
where
    F: AsyncFnOnce(&mut [Reach], &mut Signals) -> Result<End>,
{
    let mut signals = Signals::new()?;
    let mut reaches = Vec::new();
    let opened = open_all(args, thing, groups, &mut reaches, &mut signals).await;
    let waited = match opened {
        Ok(None) => tokio::select! {
            waited = wait_for_all(&mut reaches) => waited.map(|()| None),
            number = signals.next() => Ok(Some(number)),
        },
        ended => ended,
    };
    let end = match waited {
        Ok(None) => then(&mut reaches, &mut signals).await,
        Ok(Some(number)) => Ok(End::Signal(number)),
        Err(failure) => Err(failure),
    };
    for reach in reaches {
        reach.close().await;
    }
    end
}

/// Opens one after the other, or gives the signal that came meanwhile. A tunnel that is just being opened gets a moment
/// to become known, so that it can be closed.
async fn open_all(
    args: &ReachArgs,
    thing: Option<&str>,
    groups: Vec<Vec<Door>>,
    reaches: &mut Vec<Reach>,
    signals: &mut Signals,
) -> Result<Option<i32>> {
    let opening = async {
        for doors in groups {
            reaches.push(Reach::open(args, thing, doors).await?);
        }
        Ok(None)
    };
    let mut opening = pin!(timeout(args.patience(), opening));
    tokio::select! {
        opened = &mut opening => opened.unwrap_or_else(|_| {
            let text = format!("the server did not answer in {} s", args.patience().as_secs());
            Err(Failure::timeout(text).next("wait longer with --timeout, or look at the server"))
        }),
        number = signals.next() => {
            let _ = timeout(MOMENT, opening).await;
            Ok(Some(number))
        }
    }
}

/// One after the other; their devices come at the same time.
async fn wait_for_all(reaches: &mut [Reach]) -> Result {
    for reach in reaches {
        wait::wait(reach).await?;
    }
    Ok(())
}

/// Waits for the end of any of the tunnels, which is nobody's wish here.
pub async fn first_end(reaches: &mut [Reach]) -> Failure {
    let mut ends: Vec<_> = reaches.iter_mut().map(|reach| Box::pin(reach.source.ended())).collect();
    poll_fn(|cx| {
        ends.iter_mut().map(|end| end.as_mut().poll(cx)).find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// What names the server that is meant, for files of this user.
pub async fn scope(args: &ReachArgs) -> Result<String> {
    Calls::new(Api::open(&args.api)?).scope_of_caller().await
}

async fn obtain(calls: &Calls, args: &ReachArgs, thing: Option<&str>, services: &[String]) -> Result<Tunnel> {
    if let Some(id) = &args.tunnel {
        let found = calls.describe(id).await?;
        return take_over(calls, found, thing, services, args.yes).await;
    }
    let Some(thing) = thing else {
        return Err(
            Failure::usage("neither a thing nor a tunnel is named").next("name a thing, or --tunnel ID")
        );
    };
    calls.must_exist(thing).await?;
    if let Some(tunnel) = reuse(calls, thing, services).await? {
        return Ok(tunnel);
    }
    let opened = calls.open(thing, services, args.lifetime).await?;
    let tunnel = Tunnel { id: opened.id, arn: opened.arn, token: opened.token, is_ours: !args.keep };
    if args.keep {
        let id = &tunnel.id;
        if let Err(failure) = kept::keep(&calls.place(), thing, id) {
            out::error(format_args!("the tunnel will not be found again: {failure}"));
        }
        out::talk(format_args!("adit: tunnel {id} stays open; `adit tunnel close {id} --delete` ends it"));
    }
    Ok(tunnel)
}

/// The tunnel that was kept last time, if it still is good for these services and nobody uses it.
async fn reuse(calls: &Calls, thing: &str, services: &[String]) -> Result<Option<Tunnel>> {
    let place = calls.place();
    let Some(id) = kept::find(&place, thing) else { return Ok(None) };
    let found = match calls.describe(&id).await {
        Ok(found) if found.is_open => found,
        Err(failure) if failure.code() != Code::NotFound => return Err(failure),
        Ok(_) | Err(_) => {
            kept::forget(&place, thing);
            return Ok(None);
        }
    };
    if found.is_source_connected || !found.has(services) {
        return Ok(None);
    }
    take_over(calls, found, Some(thing), services, false).await.map(Some)
}

/// Makes a tunnel of somebody's ours to use: with a new source token, and with the device told again if it is absent.
async fn take_over(
    calls: &Calls,
    found: Described,
    thing: Option<&str>,
    services: &[String],
    yes: bool,
) -> Result<Tunnel> {
    let id = &found.id;
    if !found.is_open {
        let advice = "leave --tunnel out to open another";
        return Err(Failure::conflict(format!("tunnel {id} is closed")).next(advice));
    }
    if let (Some(thing), Some(other)) = (thing, &found.thing)
        && thing != other
    {
        return Err(Failure::usage(format!("tunnel {id} leads to {other}, not to {thing}")));
    }
    if !found.has(services) {
        let (has, wanted) = (found.services.join(", "), services.join(", "));
        let text = format!("tunnel {id} is for {has}; wanted is {wanted}");
        return Err(Failure::usage(text).next("leave --tunnel out to open another"));
    }
    if found.is_source_connected {
        Yes { yes }.sure(&format!("cut off whoever is connected to the source of tunnel {id}"))?;
    }
    let token = calls.rotate(&found).await?;
    Ok(Tunnel { id: found.id, arn: found.arn, token, is_ours: false })
}

async fn close(calls: &Calls, tunnel: &Tunnel) {
    if !tunnel.is_ours {
        return;
    }
    let closed = timeout(CLOSING, calls.close(&tunnel.id)).await;
    let why = match closed {
        Ok(Ok(())) => return,
        Ok(Err(failure)) => failure.to_string(),
        Err(_) => format!("no answer in {} s", CLOSING.as_secs()),
    };
    out::error(format_args!(
        "tunnel {} is still open: {why}. Close it with `adit tunnel close {}`",
        tunnel.id, tunnel.id
    ));
}
