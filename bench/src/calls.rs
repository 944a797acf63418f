//! `bench api`: calls of the control plane, from one generator that has signed them beforehand.

mod fire;
mod hello;
mod rows;
mod servers;

pub use hello::run as hello;

use crate::cases;
use crate::fail::Result;
use crate::goals::API;
use crate::record::{Measurement, Record};
use crate::table::{self, Layout};
use crate::{out, programs};
use clap::ValueEnum as _;
use fire::{Fired, Script};
use http::Method;
use serde_json::json;
use servers::{Kind, Server};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `bench api` takes.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each measures every server once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Two short rounds.
    #[arg(long)]
    quick: bool,
    /// Write one JSON object per measurement to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Which servers to measure beside the bare one.
    #[arg(long, value_delimiter = ',', default_values = ["adit", "moto"])]
    systems: Vec<Kind>,
    /// Run these cases only.
    #[arg(long, value_delimiter = ',')]
    cases: Vec<Case>,
    /// Seconds of a pass; by default 1, or 0.4 when it is to be quick.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Keep the temporary folder with the logs.
    #[arg(long)]
    keep: bool,
}

const LAYOUT: Layout = Layout {
    rows: &[
        ("describe", "DescribeThing, calls per second of the server's CPU time"),
        ("describe-rate", "DescribeThing, calls a second, 16 connections"),
        ("create", "CreateThing, durable, calls per second of the server's CPU time"),
        ("create-rate", "CreateThing, durable, calls a second, 16 connections"),
        ("create-1-rate", "CreateThing, durable, calls a second, 1 connection"),
        ("tunnel", "OpenTunnel, durable, calls per second of the server's CPU time"),
        ("tunnel-rate", "OpenTunnel, durable, calls a second, 16 connections"),
    ],
    goals: &API,
    reference: "hello",
    note: "hello is axum with one JSON answer, nothing checked or stored; server and generator in cores",
    parts_of: &["describe-rate", "create-rate", "create-1-rate", "tunnel-rate"],
    parts: &["server", "generator"],
};

const PASSES: u32 = 3;
/// Things that are there to be described.
const THINGS: usize = 500;
const MANY: usize = 16;
/// Requests that are made for a second of a case that needs new ones.
const NEW_A_SECOND: f64 = 30_000.0;

/// Runs the suite. Whether every goal that was measured passed.
pub fn run(options: &Options) -> Result<bool> {
    let mut dir = tempfile::Builder::new().prefix("adit-bench-").tempdir()?;
    dir.disable_cleanup(options.keep);
    out::talk(format_args!("logs in {}", dir.path().display()));
    let adit = programs::find(None)?.adit;
    let mut record = Record::new("api", options.json.as_deref())?;
    let mut kinds = vec![Kind::Hello];
    for kind in [Kind::Adit, Kind::Moto].into_iter().filter(|kind| options.systems.contains(kind)) {
        let about = match kind.look_for(&adit) {
            Ok(version) => {
                kinds.push(kind);
                record.version(kind.name(), version.clone());
                version
            }
            Err(why) => format!("absent: {why}"),
        };
        out::data(format_args!("{:<13}{about}", kind.name()));
    }
    let (rounds, time) = if options.quick { (options.rounds.min(2), 0.4) } else { (options.rounds, 1.0) };
    let time = Duration::from_secs_f64(options.seconds.unwrap_or(time).clamp(0.1, 60.0));
    let all = Case::value_variants();
    let cases = if options.cases.is_empty() { all } else { &*options.cases };
    for round in 1..=rounds {
        let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        out::talk(format_args!("round {round}: {}", names.join(", ")));
        let folder = dir.path().join(format!("round-{round}"));
        let one = Round { round, time, cases, folder: &folder };
        one.run(&mut record, &kinds, &adit)?;
        kinds.rotate_left(1);
    }
    let names = [Kind::Hello, Kind::Adit, Kind::Moto].map(Kind::name);
    let names: Vec<&str> = names.into_iter().chain(["sqlite"]).collect();
    Ok(table::print(&record, &names, &LAYOUT))
}

struct Round<'a> {
    round: u32,
    time: Duration,
    cases: &'a [Case],
    folder: &'a Path,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
enum Case {
    Describe,
    /// On one connection.
    #[value(name = "create-1")]
    CreateOne,
    Create,
    Tunnel,
}

impl Case {
    /// Calls per CPU second, calls a second.
    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Describe => ["describe", "describe-rate"],
            Self::CreateOne => ["", "create-1-rate"],
            Self::Create => ["create", "create-rate"],
            Self::Tunnel => ["tunnel", "tunnel-rate"],
        }
    }

    fn connections(self) -> usize {
        if self == Self::CreateOne { 1 } else { MANY }
    }

    /// Whether a server answers it at all.
    fn suits(self, kind: Kind) -> bool {
        match self {
            Self::Describe => true,
            Self::CreateOne | Self::Create => kind != Kind::Hello,
            Self::Tunnel => kind == Kind::Adit,
        }
    }
}

impl Round<'_> {
    fn run(&self, record: &mut Record, kinds: &[Kind], adit: &Path) -> Result<()> {
        std::fs::create_dir_all(self.folder)?;
        let rows = rows::a_second(self.folder, self.time)?;
        let mut servers = Vec::new();
        for kind in kinds {
            match Server::start(*kind, adit, &self.folder.join(kind.name()), THINGS) {
                Ok(server) => servers.push(server),
                Err(error) => {
                    record.failure(format!("{}: start in round {}: {error}", kind.name(), self.round))
                }
            }
        }
        if let Some(hello) = servers.iter().find(|server| server.kind == Kind::Hello) {
            let fired = self.fire(hello, Case::Describe, 0)?;
            record.calibration(self.round, BTreeMap::from([("hello_us", 1e6 / fired.per_cpu_second())]));
        }
        record.add(self.number("create-1-rate", "sqlite", rows))?;
        for case in self.cases {
            self.case(record, &servers, *case)?;
        }
        Ok(())
    }

    /// In passes, in turn over all servers.
    fn case(&self, record: &mut Record, servers: &[Server], case: Case) -> Result<()> {
        let mut found: BTreeMap<&str, Vec<Measurement>> = BTreeMap::new();
        for pass in 1..=PASSES {
            for server in servers.iter().filter(|server| case.suits(server.kind)) {
                let system = server.kind.name();
                match self.fire(server, case, pass) {
                    Ok(fired) => found.entry(system).or_default().extend(self.numbers(case, system, &fired)),
                    Err(error) => {
                        let [_, name] = case.names();
                        record.failure(format!("{system}: {name} in round {}: {error}", self.round));
                    }
                }
            }
        }
        found.into_values().flat_map(cases::merge).try_for_each(|measurement| record.add(measurement))
    }

    fn fire(&self, server: &Server, case: Case, pass: u32) -> Result<Fired> {
        let script = self.script(server, case, pass)?;
        fire::run(server, &script, case.connections(), self.time)
    }

    /// The requests, signed before the clock runs.
    fn script(&self, server: &Server, case: Case, pass: u32) -> Result<Script> {
        let account = &server.account;
        Ok(match case {
            Case::Describe => Script::again(
                (0..THINGS)
                    .map(|number| account.of_registry(&Method::GET, &format!("/things/bench-{number}"), b""))
                    .collect::<Result<_>>()?,
                b"\"thingName\"",
            ),
            Case::CreateOne | Case::Create => {
                let connections = case.connections();
                let body =
                    json!({ "attributePayload": { "attributes": { "version": "v1", "country": "IN" } } });
                let body = body.to_string();
                // moto makes hundreds a second; its requests need not be many.
                let most = if server.kind == Kind::Moto { 2000.0 } else { NEW_A_SECOND };
                let count = (most * self.time.as_secs_f64()) as usize;
                let path = |number| format!("/things/new-{connections}-{pass}-{number}");
                let request = |number| account.of_registry(&Method::POST, &path(number), body.as_bytes());
                Script::once((0..count).map(request).collect::<Result<_>>()?, b"\"thingArn\"")
            }
            Case::Tunnel => Script::again(vec![account.of_open_tunnel("SSH")?], b"\"tunnelId\""),
        })
    }

    fn numbers(&self, case: Case, system: &'static str, fired: &Fired) -> Vec<Measurement> {
        let [per_cpu, rate] = case.names();
        let cpu = BTreeMap::from([("server", fired.server), ("generator", fired.generator)]);
        let numbers = [(per_cpu, fired.per_cpu_second()), (rate, fired.rate)];
        let named = numbers.into_iter().filter(|(name, _)| !name.is_empty());
        named
            .map(|(name, value)| Measurement {
                cpu: cpu.clone(),
                generator_bound: fired.generator > 0.9 && fired.server < 0.9,
                ..self.number(name, system, value)
            })
            .collect()
    }

    fn number(&self, case: &'static str, system: &'static str, value: f64) -> Measurement {
        let (cpu, rss) = (BTreeMap::new(), BTreeMap::new());
        Measurement { case, system, round: self.round, value, unit: "1/s", cpu, rss, generator_bound: false }
    }
}
