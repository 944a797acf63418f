//! `bench conn`: what a connection costs to make, and to have.

use super::brokers::{Broker, Setup};
use super::fleet::Keys;
use super::lab::{Common, Lab, plain};
use super::{connects, crowd, machine};
use crate::cases;
use crate::fail::Result;
use crate::goals::CONN;
use crate::out;
use crate::record::{Measurement, Record};
use crate::table::{self, Layout};
use std::collections::BTreeMap;

/// What `bench conn` takes.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each measures every broker once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Two short rounds.
    #[arg(long)]
    quick: bool,
    /// No idle connections.
    #[arg(long)]
    without_idle: bool,
    #[command(flatten)]
    common: Common,
}

const LAYOUT: Layout = Layout {
    rows: &[
        ("ecdsa", "connect, ECDSA P-256 on both sides, broker CPU ms"),
        ("rsa", "connect, RSA-2048 on both sides, broker CPU ms"),
        ("ecdsa-resumed", "connect with a resumed TLS session, ECDSA, broker CPU ms"),
        ("rsa-resumed", "connect with a resumed TLS session, RSA, broker CPU ms"),
        ("ecdsa-resumed-share", "resumed by full, ECDSA"),
        ("rsa-resumed-share", "resumed by full, RSA"),
        ("ecdsa-rate", "connects a second, ECDSA"),
        ("rsa-rate", "connects a second, RSA"),
        ("ecdsa-resumed-rate", "connects a second, resumed, ECDSA"),
        ("rsa-resumed-rate", "connects a second, resumed, RSA"),
        ("idle-5000", "memory per idle connection, kB, slope from 1,000 to 5,000"),
        ("idle-9000", "memory per idle connection, kB, slope from 1,000 to 9,000"),
        ("idle-cores", "9,000 idle connections, share of a core"),
    ],
    goals: &CONN,
    reference: "mosquitto",
    note: "a connect is TCP, TLS with both certificates, CONNECT, SUBSCRIBE, DISCONNECT; generator in cores",
    parts_of: &["ecdsa", "rsa", "ecdsa-resumed", "rsa-resumed"],
    parts: &["generator"],
};

/// Case, its rate, the share of the full connect.
type Names = [&'static str; 3];

const FULL: [(Keys, Names); 2] =
    [(Keys::Ecdsa, ["ecdsa", "ecdsa-rate", ""]), (Keys::Rsa, ["rsa", "rsa-rate", ""])];
const RESUMED: [(Keys, Names); 2] = [
    (Keys::Ecdsa, ["ecdsa-resumed", "ecdsa-resumed-rate", "ecdsa-resumed-share"]),
    (Keys::Rsa, ["rsa-resumed", "rsa-resumed-rate", "rsa-resumed-share"]),
];

const PASSES: u32 = 3;
const ECDSA: usize = 100;
const RSA: usize = 10;
const FIRST: u32 = 1000;
const SIZES: [u32; 2] = [5000, 9000];
const IDLE: [&str; 2] = ["idle-5000", "idle-9000"];

/// Runs the suite. Whether every goal that was measured passed.
pub fn run(options: &Options) -> Result<bool> {
    let (lab, mut record, _folder) = Lab::make("conn", &options.common, ECDSA, RSA)?;
    let (rounds, count) = if options.quick { (options.rounds.min(2), 240) } else { (options.rounds, 600) };
    if !options.without_idle {
        idle(&lab, &mut record)?;
    }
    for round in 1..=rounds {
        let order = lab.order(round);
        let names: Vec<_> = order.iter().map(|kind| kind.name()).collect();
        out::talk(format_args!("round {round}: {}", names.join(", ")));
        let handshake = machine::handshake(&lab.fleet, Keys::Ecdsa)?.as_secs_f64() * 1e6;
        record.calibration(round, BTreeMap::from([("handshake_us", handshake)]));
        for (resumption, cases) in [(false, FULL), (true, RESUMED)] {
            let label = if resumption { "resuming" } else { "full" };
            let setup = Setup { resumption, ..Setup::default() };
            let running = lab.start(&mut record, &order, &format!("{label}-{round}"), setup);
            for (keys, names) in cases {
                case(&lab, &mut record, &running, &Case { keys, names, count, round })?;
            }
        }
    }
    Ok(table::print(&record, &lab.names(), &LAYOUT))
}

struct Case {
    keys: Keys,
    names: Names,
    count: u32,
    round: u32,
}

/// In passes, in turn over all brokers.
fn case(lab: &Lab, record: &mut Record, running: &[Broker], case: &Case) -> Result<()> {
    let mut found = BTreeMap::new();
    for _ in 0..PASSES {
        for broker in running {
            let system = broker.kind.name();
            match pass(lab, broker, case) {
                Ok(more) => found.entry(system).or_insert_with(Vec::new).extend(more),
                Err(error) => {
                    let [name, ..] = case.names;
                    record.failure(format!("{system}: {name} in round {}: {error}", case.round));
                }
            }
        }
    }
    let [name, _, share] = case.names;
    for measurement in found.into_values().flat_map(cases::merge) {
        let (system, value, full) =
            (measurement.system, measurement.value, name.trim_end_matches("-resumed"));
        let resumed = measurement.case == name && full != name;
        record.add(measurement)?;
        if let (true, Some(full)) = (resumed, record.latest(full, system, case.round)) {
            record.add(plain(share, system, case.round, value / full, ""))?;
        }
    }
    Ok(())
}

fn pass(lab: &Lab, broker: &Broker, case: &Case) -> Result<Vec<Measurement>> {
    let [name, rate, share] = case.names;
    let found = connects::run(lab, broker, case.keys, case.count / PASSES, !share.is_empty())?;
    let cpu = BTreeMap::from([("generator", found.generator)]);
    let numbers = [(name, found.cpu.as_secs_f64() * 1e3, "ms"), (rate, found.rate, "1/s")];
    let measurement = |(number, value, unit)| Measurement {
        cpu: cpu.clone(),
        ..plain(number, broker.kind.name(), case.round, value, unit)
    };
    Ok(numbers.map(measurement).into())
}

fn idle(lab: &Lab, record: &mut Record) -> Result<()> {
    for kind in &lab.systems {
        let name = kind.name();
        out::talk(format_args!("idle: {name}, {SIZES:?} connections"));
        let found = Broker::start(lab, *kind, "idle", Setup::default())
            .and_then(|broker| crowd::run(lab, &broker, FIRST, &SIZES));
        match found {
            Ok(found) => {
                for (case, bytes) in IDLE.into_iter().zip(found.slopes) {
                    record.add(plain(case, name, 0, bytes / 1e3, "kB"))?;
                }
                record.add(plain("idle-cores", name, 0, found.idle_cores, "cores"))?;
            }
            Err(error) => record.failure(format!("{name}: idle: {error}")),
        }
    }
    Ok(())
}
