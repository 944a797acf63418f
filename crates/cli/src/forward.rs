//! `adit forward`: services of a device on ports of this machine, for as long as the command runs.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use adit_device::door::Door;
use adit_device::meter::{Meter, Reading};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::exit::{Code, Failure, Result};
use crate::out::{self, Column, OutArgs, View};
use crate::reach::{self, End, Reach};
use crate::signals::Signals;
use crate::target::{self, Spec};

/// Services of one tunnel: AWS's quota. spec: secure-tunneling §1.7
const SERVICES: usize = 3;

/// Ports that one command serves at most.
const PORTS: usize = 64;

const VIEW: View = View {
    id: "/address",
    columns: &[
        Column::text("service", "/service"),
        Column::text("address", "/address"),
        Column::text("tunnel", "/tunnelId").wide(),
    ],
};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub out: OutArgs,
    /// The thing.
    #[arg(value_name = "THING", value_parser = target::thing)]
    pub thing: String,
    /// What to bring where: 8080:HTTP, 5901:VNC, 0.0.0.0:2222:SSH; SSH alone takes a free port. Well-known ports stand
    /// for their services: 8080:80.
    #[arg(value_name = "[BIND:]LOCAL:SERVICE", required = true, num_args = 1..=PORTS, value_parser = target::spec)]
    pub specs: Vec<Spec>,
    #[command(flatten)]
    pub reach: reach::ReachArgs,
}

pub fn run(args: &Args) -> ExitCode {
    reach::code(crate::block_on(forward(args)))
}

/// A port that is served.
struct Port {
    service: String,
    address: SocketAddr,
    meter: Arc<Meter>,
}

async fn forward(args: &Args) -> Result<End> {
    let groups = groups(&args.specs);
    if groups.len() > 1 && (args.reach.tunnel.is_some() || args.reach.keep) {
        let text = format!(
            "one tunnel leads to {SERVICES} services at most; --tunnel and --keep are for one tunnel"
        );
        return Err(Failure::usage(text).next("forward fewer services, or leave the option out"));
    }
    let (mut ports, mut doors) = (Vec::new(), Vec::new());
    for group in groups {
        let mut made = Vec::new();
        for spec in group {
            ports.push((doors.len(), open(spec, &mut made)?));
        }
        doors.push(made);
    }
    let end = reach::with(&args.reach, Some(&args.thing), doors, async |reaches, signals| {
        let row = |(group, port): &(usize, Port)| {
            let id = reaches.get(*group).map(Reach::id);
            json!({ "service": port.service, "address": port.address.to_string(), "tunnelId": id })
        };
        // An address that is cut is of no use, however narrow the terminal.
        out::raw(&args.out.rows_text(&VIEW, &ports.iter().map(row).collect::<Vec<Value>>(), None));
        let ports: Vec<Port> = ports.into_iter().map(|(_, port)| port).collect();
        out::talk(format_args!("Forwarding to {}. Ctrl-C ends it.", args.thing));
        serve(&ports, reaches, signals).await
    });
    end.await
}

/// Specs in groups of as many services as a tunnel leads to; those of one service stay together.
fn groups(specs: &[Spec]) -> Vec<Vec<&Spec>> {
    let mut services: Vec<&str> = Vec::new();
    for spec in specs {
        if !services.contains(&spec.service.as_str()) {
            services.push(&spec.service);
        }
    }
    let of = |names: &[&str]| specs.iter().filter(|spec| names.contains(&spec.service.as_str())).collect();
    services.chunks(SERVICES).map(of).collect()
}

/// Listens for a spec, on its first address and on those of the others that this machine has.
fn open(spec: &Spec, doors: &mut Vec<Door>) -> Result<Port> {
    let mut port: Option<Port> = None;
    for ip in spec.bind.addresses() {
        let number = port.as_ref().map_or(spec.port, |port| port.address.port());
        let address = SocketAddr::new(ip, number);
        match (Door::listen(&spec.service, address), &port) {
            (Ok((mut door, _)), Some(first)) => {
                door.meter = first.meter.clone();
                doors.push(door);
            }
            (Ok((door, address)), None) => {
                port = Some(Port { service: spec.service.clone(), address, meter: door.meter.clone() });
                doors.push(door);
            }
            (Err(error), None) => return Err(busy(address, &error)),
            (Err(_), Some(_)) => {}
        }
    }
    port.ok_or_else(|| Failure::failed(format!("{spec}: no address to listen on")))
}

fn busy(address: SocketAddr, error: &std::io::Error) -> Failure {
    let text = format!("cannot listen on {address}: {error}");
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            Failure::conflict(text).next("choose another port, or 0 for a free one")
        }
        std::io::ErrorKind::PermissionDenied => {
            Failure::new(Code::Denied, text).next("choose a port above 1023")
        }
        _ => Failure::failed(text).next("`ip address` shows the addresses of this machine"),
    }
}

/// Shows what goes through, until a signal or the end of a tunnel.
async fn serve(ports: &[Port], reaches: &mut [Reach], signals: &mut Signals) -> Result<End> {
    let mut progress = out::Progress::new();
    let mut clock = interval(Duration::from_secs(1));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_up = true;
    loop {
        tokio::select! {
            number = signals.next() => return Ok(End::Signal(number)),
            failure = reach::first_end(reaches) => return Err(failure),
            _ = clock.tick() => {
                let is_up = reaches.iter().all(Reach::is_up);
                if is_up != was_up {
                    progress.clear();
                    out::talk(if is_up {
                        "The link to the server is up again."
                    } else {
                        "The link to the server broke; its connections with it. It is made again."
                    });
                }
                was_up = is_up;
                progress.say(line(ports));
            }
        }
    }
}

fn line(ports: &[Port]) -> String {
    let parts: Vec<_> =
        ports.iter().map(|port| part(port.address.port(), &port.service, port.meter.read())).collect();
    parts.join("   ")
}

fn part(port: u16, service: &str, reading: Reading) -> String {
    let Reading { open, total, sent, received } = reading;
    format!("{port}:{service} {open} open of {total}, {} up, {} down", amount(sent), amount(received))
}

/// Bytes for people, in powers of 1000.
fn amount(bytes: u64) -> String {
    const UNITS: &[&str] = &["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).unwrap_or(&"");
    if unit == 0 || size >= 99.95 { format!("{size:.0} {name}") } else { format!("{size:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs(list: &[&str]) -> Vec<Spec> {
        list.iter().map(|text| target::spec(text).unwrap()).collect()
    }

    #[test]
    fn three_services_share_a_tunnel_and_ports_of_one_service_do_not_count_twice() {
        let shown = |list: &[&str]| {
            let specs = specs(list);
            let groups = groups(&specs);
            groups
                .iter()
                .map(|group| group.iter().map(|spec| spec.to_string()).collect::<Vec<_>>().join(" "))
                .collect()
        };
        let one: Vec<String> = shown(&["1:SSH", "2:VNC", "3:SSH", "4:HTTP"]);
        assert_eq!(one, ["1:SSH 2:VNC 3:SSH 4:HTTP"]);
        let two: Vec<String> = shown(&["1:A", "2:B", "3:C", "4:D", "5:A"]);
        assert_eq!(two, ["1:A 2:B 3:C 5:A", "4:D"]);
    }

    #[test]
    fn amounts_have_three_digits_at_most() {
        let shown = [0, 999, 1000, 12_345, 999_949, 999_950, 5_000_000_000].map(amount);
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "12.3 kB", "1.0 MB", "1.0 MB", "5.0 GB"]);
    }

    #[test]
    fn a_line_tells_connections_and_bytes() {
        let reading = Reading { open: 1, total: 3, sent: 1_500, received: 20 };
        assert_eq!(part(8080, "HTTP", reading), "8080:HTTP 1 open of 3, 1.5 kB up, 20 B down");
    }

    #[tokio::test]
    async fn a_port_in_use_is_a_conflict() {
        let busy = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let spec = Spec { port: busy.local_addr().unwrap().port(), ..specs(&["SSH"]).remove(0) };
        let failure = open(&spec, &mut Vec::new()).err().unwrap();
        assert_eq!(failure.code(), Code::Conflict);
        let mut doors = Vec::new();
        let port = open(&specs(&["localhost:0:SSH"])[0], &mut doors).unwrap();
        assert!(port.address.port() > 0 && !doors.is_empty());
    }
}
