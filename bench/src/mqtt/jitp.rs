//! `bench jitp`: devices that nobody registered, from their first connection to the one that stays.

use super::brokers::{Broker, Setup, start_empty};
use super::factory::{Factory, policies};
use super::fleet::{Fleet, Keys, client};
use super::lab::plain;
use super::link::Link;
use super::{machine, wire};
use crate::api::Account;
use crate::fail::{Error, Result, fail};
use crate::goals::JITP;
use crate::probe::{self, Usage};
use crate::record::{Measurement, Record};
use crate::table::{self, Layout};
use crate::{cases, out, process, programs};
use http::Method;
use rustls::ClientConfig;
use rustls::client::Resumption;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What `bench jitp` takes.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds, each on a fresh server.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Two short rounds.
    #[arg(long)]
    quick: bool,
    /// Write one JSON object per measurement to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep the temporary folder with the logs.
    #[arg(long)]
    keep: bool,
}

const LAYOUT: Layout = Layout {
    rows: &[
        ("ecdsa", "devices provisioned per second of the server's CPU time, ECDSA P-256"),
        ("ecdsa-cpu", "the server's CPU time for a device, ms, ECDSA"),
        ("ecdsa-again", "a further connection of a provisioned device, the server's CPU ms, ECDSA"),
        ("ecdsa-rate", "devices provisioned a second, 16 at a time, ECDSA"),
        ("ecdsa-handshake", "bare mutual handshakes per CPU second, ECDSA"),
        ("rsa", "devices provisioned per second of the server's CPU time, RSA-2048"),
        ("rsa-cpu", "the server's CPU time for a device, ms, RSA"),
        ("rsa-again", "a further connection of a provisioned device, the server's CPU ms, RSA"),
        ("rsa-rate", "devices provisioned a second, 16 at a time, RSA"),
        ("rsa-handshake", "bare mutual handshakes per CPU second, RSA"),
        ("append", "4 KiB appended and made durable by fdatasync, a second"),
        ("policies", "policies, when all devices are provisioned"),
    ],
    goals: &JITP,
    reference: "rustls",
    note: "two connections with full handshakes and both certificates for each device; tls is two bare handshakes, store its \
           own threads; server and generator in cores",
    parts_of: &["ecdsa-cpu", "rsa-cpu", "ecdsa-rate", "rsa-rate"],
    parts: &["tls", "store", "rest", "server", "generator"],
};

/// Devices under way at the same time.
const AT_ONCE: usize = 16;
const PASSES: usize = 3;
/// How long the server may take to clean up after the last.
const AFTER: Duration = Duration::from_millis(100);

/// Devices per second of CPU time, CPU time, further connections, devices a second, bare handshakes.
type Names = [&'static str; 5];

const CASES: [(Keys, Names); 2] = [
    (Keys::Ecdsa, ["ecdsa", "ecdsa-cpu", "ecdsa-again", "ecdsa-rate", "ecdsa-handshake"]),
    (Keys::Rsa, ["rsa", "rsa-cpu", "rsa-again", "rsa-rate", "rsa-handshake"]),
];

/// Runs the suite. Whether every goal passed.
pub fn run(options: &Options) -> Result<bool> {
    let mut dir = tempfile::Builder::new().prefix("adit-bench-").tempdir()?;
    dir.disable_cleanup(options.keep);
    process::raise_open_files();
    out::talk(format_args!("logs in {}", dir.path().display()));
    let adit = programs::find(None)?.adit;
    let mut record = Record::new("jitp", options.json.as_deref())?;
    let version = process::first_line(&adit, "--version").unwrap_or_default();
    out::data(format_args!("{:<13}{version}", "adit"));
    record.version("adit", version);
    let (fleet, factory) = (Fleet::make(dir.path(), 1, 1)?, Factory::make()?);
    let (rounds, count) = if options.quick { (options.rounds.min(2), 120) } else { (options.rounds, 300) };
    for round in 1..=rounds {
        out::talk(format_args!("round {round}"));
        let bare = |keys| machine::handshake(&fleet, keys);
        let handshakes = [bare(Keys::Ecdsa)?, bare(Keys::Rsa)?];
        let us = handshakes.map(|time| time.as_secs_f64() * 1e6);
        record.calibration(round, BTreeMap::from([("handshake_us", us[0])]));
        let disk = machine::disk(dir.path(), Duration::from_millis(300))?;
        record.add(plain("append", "disk", round, disk.append, "1/s"))?;
        let (broker, account) = start_empty(adit.clone(), folder(dir.path(), round)?, Setup::default())?;
        factory.register(&account)?;
        let lab = Lab { factory: &factory, broker: &broker, account: &account, round, count };
        for ((keys, names), bare) in CASES.into_iter().zip(handshakes) {
            lab.case(&mut record, keys, names, bare)?;
        }
        let found = policies(&mut account.connect()?)?;
        record.add(plain("policies", "adit", round, found as f64, ""))?;
    }
    Ok(table::print(&record, &["adit", "rustls", "disk"], &LAYOUT))
}

fn folder(dir: &std::path::Path, round: u32) -> Result<PathBuf> {
    let folder = dir.join(format!("round-{round}"));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

struct Lab<'a> {
    factory: &'a Factory,
    broker: &'a Broker,
    account: &'a Account,
    round: u32,
    /// Devices of a pass.
    count: usize,
}

struct Newcomer {
    name: String,
    config: Arc<ClientConfig>,
}

/// What a pass took, for each device.
struct Spent {
    server: Duration,
    store: Duration,
    rate: f64,
    generator: f64,
}

impl Lab<'_> {
    fn case(&self, record: &mut Record, keys: Keys, names: Names, bare: Duration) -> Result<()> {
        let [devices, cpu, again, rate, handshake] = names;
        let mut found = Vec::new();
        for pass in 0..PASSES {
            let newcomers = self.newcomers(keys, pass)?;
            let new = self.pass(keys, &newcomers, provision)?;
            let more = self.pass(keys, &newcomers, connect)?;
            self.check(&newcomers)?;
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            let (total, tls, store) = (ms(new.server), 2.0 * ms(bare), ms(new.store));
            let split = [("tls", tls), ("store", store), ("rest", total - tls - store)];
            let cores = [("server", new.rate * new.server.as_secs_f64()), ("generator", new.generator)];
            let number = |case, value, unit| plain(case, "adit", self.round, value, unit);
            found.extend([
                number(devices, 1e3 / total, "1/s"),
                Measurement { cpu: BTreeMap::from(split), ..number(cpu, total, "ms") },
                number(again, ms(more.server), "ms"),
                Measurement { cpu: BTreeMap::from(cores), ..number(rate, new.rate, "1/s") },
            ]);
        }
        cases::merge(found).into_iter().try_for_each(|measurement| record.add(measurement))?;
        record.add(plain(handshake, "rustls", self.round, 1.0 / bare.as_secs_f64(), "1/s"))
    }

    /// Devices that were never seen, ready to connect.
    fn newcomers(&self, keys: Keys, pass: usize) -> Result<Vec<Newcomer>> {
        let one = |number: usize| {
            let name = format!("bench-{}-{pass}-{number}", if keys == Keys::Ecdsa { "ecdsa" } else { "rsa" });
            let device = self.factory.device(keys, number, &name)?;
            let config = client(&device, self.broker.endpoint(keys), Resumption::disabled())?;
            Ok(Newcomer { name, config })
        };
        (0..self.count).map(one).collect()
    }

    /// Does `act` with every device, some at a time.
    fn pass(&self, keys: Keys, newcomers: &[Newcomer], act: Act) -> Result<Spent> {
        let (pid, next) = (self.broker.pid()?, AtomicUsize::new(0));
        let (before, store, start) = (Usage::of_one(pid), probe::threads(pid, "store-"), Instant::now());
        let work = || -> Result<Duration> {
            while let Some(newcomer) = newcomers.get(next.fetch_add(1, Ordering::Relaxed)) {
                act(self.broker, keys, newcomer).map_err(|error| format!("{}: {error}", newcomer.name))?;
            }
            Ok(probe::own_thread())
        };
        let generator = std::thread::scope(|scope| -> Result<Duration> {
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
            let mut spent = Duration::ZERO;
            for thread in threads {
                spent += thread.join().unwrap_or_else(|_| Err(Error::from("panicked")))?;
            }
            Ok(spent)
        })?;
        let time = start.elapsed().as_secs_f64();
        std::thread::sleep(AFTER);
        let count = u32::try_from(newcomers.len().max(1))?;
        Ok(Spent {
            server: Usage::of_one(pid).since(&before) / count,
            store: (probe::threads(pid, "store-") - store) / count,
            rate: f64::from(count) / time,
            generator: generator.as_secs_f64() / time,
        })
    }

    /// Every device has its thing, made by the template. That it is active and has its policy was seen by its connecting.
    fn check(&self, newcomers: &[Newcomer]) -> Result<()> {
        let mut api = self.account.connect()?;
        for Newcomer { name, .. } in newcomers {
            let thing = api.registry(&Method::GET, &format!("/things/{name}"), &Value::Null)?;
            if thing.pointer("/attributes/country").and_then(Value::as_str) != Some("IN") {
                return fail(format!("the thing {name} is not what the template says: {thing}"));
            }
        }
        Ok(())
    }
}

type Act = fn(&Broker, Keys, &Newcomer) -> Result<()>;

/// The first connection, which ends, and the second.
fn provision(broker: &Broker, keys: Keys, newcomer: &Newcomer) -> Result<()> {
    let mut first = Link::open(broker.endpoint(keys), &newcomer.config)?;
    first.say(&wire::connect(&newcomer.name, true))?;
    first.end()?;
    connect(broker, keys, newcomer)
}

fn connect(broker: &Broker, keys: Keys, newcomer: &Newcomer) -> Result<()> {
    let mut link = Link::open(broker.endpoint(keys), &newcomer.config)?;
    link.hello(&newcomer.name, true)?;
    if link.resumed() {
        return fail("the handshake was not a full one");
    }
    link.goodbye()
}
