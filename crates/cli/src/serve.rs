//! `adit serve`: the server in the foreground, and the signals it understands.

use crate::exit::{self, Failure, Result};
use crate::{config, console, out};
use adit_server::config::Config;
use adit_server::nearby::Nearby;
use adit_server::{Running, Server};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(clap::Args)]
pub struct Args {
    /// Folder of the database, keys and certificates; made if it is not there. Wins over the configuration.
    #[arg(long, env = "ADIT_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file (TOML); see `adit config default`.
    #[arg(long, env = "ADIT_CONFIG")]
    config: Option<PathBuf>,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(crate::block_on(serve(args)))
}

async fn serve(args: &Args) -> Result {
    let mut config = config::load(args.config.as_deref()).map_err(|problems| config::failure(&problems))?;
    if let Some(data_dir) = &args.data_dir {
        config.node.data_dir.clone_from(data_dir);
    }
    // Signals count from the first moment, so that none arrives before somebody listens.
    let mut signals = Signals::new()?;
    adit_server::logs::init(&config.log).map_err(Failure::usage)?;
    let running = start(config).await?;
    greet(&running);
    let drain = running.state().config.shutdown.drain;
    loop {
        let order = tokio::select! {
            order = signals.next() => order,
            () = running.asked_to_drain() => Order::Stop,
        };
        match order {
            Order::Reload => running.reload(),
            Order::Stop => break,
        }
    }
    out::talk(format_args!("Draining: tunnels get {} s; a second signal ends at once.", drain.as_secs()));
    tokio::select! {
        () = running.drain() => {}
        () = signals.stop() => {}
    }
    running.end().await;
    Ok(())
}

/// Starts a server that says nothing of its own.
pub async fn start(config: Config) -> Result<Running> {
    Server::start(config).await.map_err(|error| Failure::failed(error.to_string()))
}

enum Order {
    Reload,
    Stop,
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Signals> {
        let listen = |kind| signal(kind).map_err(|error| Failure::failed(format!("signals: {error}")));
        Ok(Signals {
            hangup: listen(SignalKind::hangup())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.hangup.recv() => Order::Reload,
            _ = self.terminate.recv() => Order::Stop,
            _ = self.interrupt.recv() => Order::Stop,
        }
    }

    async fn stop(&mut self) {
        while let Order::Reload = self.next().await {}
    }
}

fn greet(running: &Running) {
    let config = &running.state().config;
    let client = Nearby::new(config, running.listeners());
    out::talk(format_args!("adit {} is running (pid {}).\n", env!("CARGO_PKG_VERSION"), std::process::id()));
    for listener in running.listeners() {
        let url = format!("{}://{}", if listener.tls { "https" } else { "http" }, listener.address);
        let what: Vec<&str> = listener.serve.iter().map(|serve| serve.as_str()).collect();
        out::talk(format_args!("  {url}  {}", what.join(", ")));
    }
    if let Some(metrics) = running.metrics_address() {
        out::talk(format_args!("  http://{metrics}/metrics"));
    }
    out::talk(format_args!(
        "\nRegion {}, account {}, data in {}.",
        config.region,
        config.account,
        config.node.data_dir.display()
    ));
    if running.first_start() {
        out::talk(format_args!(
            "First start: the root access key was written to {}.",
            client.credentials.display()
        ));
        if let Some(ca) = &client.ca {
            out::talk(format_args!(
                "             a CA was made; give {} to devices and laptops.",
                ca.display()
            ));
        }
    }
    if let (true, Some(url)) = (running.first_start(), &client.console) {
        let state = running.state();
        let code = state.codes.make(&state.ids, state.now());
        out::talk(format_args!(
            "\nThe console, signed in as root (once, within 5 minutes; later: `adit console`):\n\n  {}",
            console::link(url, &code)
        ));
    }
    let data_dir = config.node.data_dir.display();
    out::talk(format_args!(
        "\nNext, in another shell:

  eval \"$(adit env --data-dir {data_dir})\"
  aws sts get-caller-identity
  aws iotsecuretunneling open-tunnel --destination-config thingName=lamp1,services=SSH
"
    ));
    if let Some(tunnel) = &client.tunnel {
        let ca = client.ca.as_ref().map_or_else(String::new, |ca| format!(" -c {}", ca.display()));
        out::talk(format_args!(
            "  localproxy -e {tunnel}{ca} -d SSH=localhost:22 -t DESTINATION_TOKEN     on the device
  localproxy -e {tunnel}{ca} -s SSH=5555 -t SOURCE_TOKEN                  on your laptop, then: ssh -p 5555 localhost
"
        ));
    }
}
