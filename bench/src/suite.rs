//! One run: what is there, memory once, then rounds with every system in each, in rotated order.

use crate::cases::{self, Amount, CASES, Case};
use crate::fail::{Result, fail};
use crate::load::{self, SlowWay, Target};
use crate::pattern::Pattern;
use crate::pki::Pki;
use crate::record::{Measurement, Record};
use crate::service::Service;
use crate::systems::{Kind, Lab, System};
use crate::{idle, out, probe, process, programs, table};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What `bench tunnel` takes.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each measures every system once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// One or two short rounds, as many as 3 minutes allow.
    #[arg(long)]
    quick: bool,
    /// Which peers to measure, of localproxy, wstunnel, rathole and ssh. All, if not given.
    #[arg(long, value_delimiter = ',', value_parser = ["localproxy", "wstunnel", "rathole", "ssh", "none"])]
    peers: Option<Vec<String>>,
    /// Only these cases of a round, and no memory tests; the goals of all others count as not measured.
    #[arg(long, value_delimiter = ',')]
    cases: Vec<Case>,
    /// Tunnels of the idle test; the smaller size is a fifth of it.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=9000))]
    idle: u32,
    /// Write one JSON object per measurement to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// AWS's localproxy, if it is not on PATH.
    #[arg(long, value_name = "PATH")]
    aws_localproxy: Option<PathBuf>,
    /// Keep the temporary folder with the logs.
    #[arg(long)]
    keep: bool,
}

const MIB: u64 = 1 << 20;
const FULL: Amount = Amount {
    passes: 5,
    stream: 128 * MIB,
    of_fifty: 4 * MIB,
    echoes: 600,
    busy_echoes: 300,
    connections: 30,
};
const QUICK: Amount =
    Amount { passes: 2, stream: 96 * MIB, of_fifty: 2 * MIB, echoes: 400, busy_echoes: 120, connections: 20 };
const CALIBRATION: u64 = 128 * MIB;
const LONGEST_FULL: Duration = Duration::from_secs(20 * 60);
const LONGEST_QUICK: Duration = Duration::from_secs(3 * 60);

/// Runs the suite. Whether every goal that was measured passed.
pub fn run(options: &Options) -> Result<bool> {
    let start = Instant::now();
    let mut dir = tempfile::Builder::new().prefix("adit-bench-").tempdir()?;
    dir.disable_cleanup(options.keep);
    let pattern = Arc::new(Pattern::new());
    let service = Service::start(Arc::clone(&pattern))?;
    let programs = programs::find(options.aws_localproxy.clone())?;
    let lab = Lab {
        service: service.address,
        pki: Pki::make(dir.path())?,
        dir: dir.path().to_owned(),
        adit: programs.adit,
        localproxy: programs.localproxy,
        aws_localproxy: programs.aws_localproxy,
    };
    out::talk(format_args!(
        "logs in {}; at most {} open files",
        lab.dir.display(),
        process::raise_open_files()
    ));
    let mut record = Record::new("tunnel", options.json.as_deref())?;
    let (amount, longest, rounds) = match options.quick {
        true => (QUICK, LONGEST_QUICK, options.rounds.min(2)),
        false => (FULL, LONGEST_FULL, options.rounds),
    };
    let systems = present(options, &lab, &mut record);
    let cases = if options.cases.is_empty() { CASES.to_vec() } else { options.cases.clone() };
    let mut suite = Suite { lab, pattern, service, amount, cases, systems, record };
    if options.cases.is_empty() {
        suite.slow(if options.quick { Duration::from_secs(10) } else { Duration::from_secs(60) })?;
        let tunnels = if options.quick { options.idle.min(500) } else { options.idle };
        suite.idle(tunnels as usize)?;
    }
    let mut slowest = Duration::ZERO;
    for round in 1..=rounds {
        if start.elapsed() + slowest > longest {
            out::talk(format_args!("no time left for rounds {round} to {rounds}"));
            break;
        }
        let began = Instant::now();
        suite.round(round)?;
        slowest = slowest.max(began.elapsed());
    }
    let systems: Vec<&str> = suite.systems.iter().map(|kind| kind.name()).collect();
    Ok(table::print(&suite.record, &systems, &table::TUNNEL))
}

/// Says which systems are measured and which are absent.
fn present(options: &Options, lab: &Lab, record: &mut Record) -> Vec<Kind> {
    let wanted = |kind: &Kind| match (kind.peer(), &options.peers) {
        (Some(peer), Some(peers)) => peers.iter().any(|name| name == peer),
        _ => true,
    };
    let mut systems = Vec::new();
    for kind in Kind::ALL {
        let about = match lab.look_for(kind) {
            Ok(_) if !wanted(&kind) => "left out by --peers".to_owned(),
            Ok(version) => {
                systems.push(kind);
                record.version(kind.name(), version.clone());
                format!("{version} ({})", kind.meaning())
            }
            Err(why) => format!("absent: {why}"),
        };
        out::data(format_args!("{:<10}{about}", kind.name()));
    }
    systems
}

struct Suite {
    lab: Lab,
    pattern: Arc<Pattern>,
    service: Service,
    amount: Amount,
    cases: Vec<Case>,
    systems: Vec<Kind>,
    record: Record,
}

impl Suite {
    fn target(&self, system: &System) -> Target {
        Target { entry: system.entry, pattern: Arc::clone(&self.pattern) }
    }

    fn start(&mut self, kinds: &[Kind], label: &str) -> Vec<System> {
        let mut started = Vec::new();
        for kind in kinds {
            match self.lab.start(*kind, label) {
                Ok(system) => started.push(system),
                Err(error) => self.record.failure(format!("{}: start ({label}): {error}", kind.name())),
            }
        }
        started
    }

    /// Every system once, fresh; the order changes from round to round.
    fn round(&mut self, round: u32) -> Result<()> {
        let mut order = self.systems.clone();
        let shift = round as usize % order.len().max(1);
        order.rotate_left(shift);
        out::talk(format_args!(
            "round {round}: {}",
            order.iter().map(|k| k.name()).collect::<Vec<_>>().join(", ")
        ));
        let label = format!("round-{round}");
        let mut running = self.start(&order, &label);
        self.calibrate(&running, round)?;
        for case in self.cases.clone() {
            let began = Instant::now();
            let mut found = BTreeMap::new();
            for _ in 0..case.passes(&self.amount) {
                for system in &mut running {
                    let more = self.case(case, system, round);
                    found.entry(system.kind.name()).or_insert_with(Vec::new).extend(more);
                }
                running.rotate_left(1);
            }
            for measurement in found.into_values().flat_map(cases::merge) {
                self.record.add(measurement)?;
            }
            out::talk(format_args!("  {case:?}: {:.1} s", began.elapsed().as_secs_f64()));
        }
        for system in &running {
            self.peaks(system, ["round-source", "round-relay", "round-destination"], round)?;
        }
        Ok(())
    }

    /// The same transfer through the limit at the start of every round: what the machine can do just now.
    fn calibrate(&mut self, running: &[System], round: u32) -> Result<()> {
        let Some(chain) = running.iter().find(|system| system.kind == Kind::Chain) else {
            return fail("the limit (chain) did not start; without it nothing can be compared");
        };
        let amount = Amount { stream: CALIBRATION, ..self.amount };
        let found = cases::run(Case::Up, chain, &self.target(chain), &self.service, &amount, round)?;
        let value = |case| found.iter().find(|m| m.case == case).map_or(0.0, |m| m.value);
        let calibration =
            BTreeMap::from([("mib_per_second", value("up")), ("cpu_seconds_per_gib", value("up-cpu"))]);
        self.record.calibration(round, calibration);
        Ok(())
    }

    /// One case on one system. A system that fails starts afresh, so that what it still holds burdens nobody.
    fn case(&mut self, case: Case, system: &mut System, round: u32) -> Vec<Measurement> {
        let kind = system.kind;
        let found = cases::run(case, system, &self.target(system), &self.service, &self.amount, round);
        let ended = system.ended();
        let why = match (found, ended) {
            (Ok(found), None) => return found,
            (Err(error), None) => error.to_string(),
            (Ok(_), Some(ended)) => ended,
            (Err(error), Some(ended)) => format!("{error}; {ended}"),
        };
        self.record.failure(format!("{}: {case:?} in round {round}: {why}", kind.name()));
        system.stop();
        match self.lab.start(kind, &format!("again-{round}-{case:?}")) {
            Ok(again) => *system = again,
            Err(error) => self.record.failure(format!("{}: start: {error}", kind.name())),
        }
        Vec::new()
    }

    /// A fast sender and a reader of 1 MiB/s, on all systems at the same time: they hardly use the CPU.
    fn slow(&mut self, time: Duration) -> Result<()> {
        let ways = [
            (
                SlowWay::Service,
                "slow-service",
                ["slow-service-source", "slow-service-relay", "slow-service-destination"],
            ),
            (
                SlowWay::Client,
                "slow-client",
                ["slow-client-source", "slow-client-relay", "slow-client-destination"],
            ),
        ];
        for (way, label, cases) in ways {
            out::talk(format_args!("{label}: {} s", time.as_secs()));
            let mut systems = self.start(&self.systems.clone(), label);
            self.at_rest(&systems, way)?;
            let targets: Vec<Target> = systems.iter().map(|system| self.target(system)).collect();
            let results: Vec<std::result::Result<u64, String>> = std::thread::scope(|scope| {
                let one =
                    |target: &Target| load::slow_reader(target, way, time).map_err(|error| error.to_string());
                let threads: Vec<_> = targets.iter().map(|target| scope.spawn(move || one(target))).collect();
                let lost = |_| Err("panicked".to_owned());
                threads.into_iter().map(|thread| thread.join().unwrap_or_else(lost)).collect()
            });
            for (system, result) in systems.iter_mut().zip(results) {
                let ended = system.ended();
                if let Some(why) = result.err().or(ended) {
                    self.record.failure(format!("{}: {label}: {why}", system.kind.name()));
                }
                self.peaks(system, cases, 0)?;
            }
        }
        Ok(())
    }

    fn peaks(&mut self, system: &System, cases: [&'static str; 3], round: u32) -> Result<()> {
        let rss = system.peaks();
        for (case, role) in cases.into_iter().zip(["source", "relay", "destination"]) {
            if let Some(bytes) = rss.get(role).filter(|bytes| **bytes > 0) {
                self.single(case, system.kind, round, *bytes as f64 / MIB as f64, "MiB", &rss)?;
            }
        }
        Ok(())
    }

    fn at_rest(&mut self, systems: &[System], way: SlowWay) -> Result<()> {
        if way != SlowWay::Service {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
        for system in systems {
            let sides = system.pids().filter(|(role, _)| *role != "relay");
            if let Some(most) = sides.map(|(_, pid)| probe::resident(pid)).max() {
                self.single("at-rest", system.kind, 0, most as f64 / MIB as f64, "MiB", &BTreeMap::new())?;
            }
        }
        Ok(())
    }

    fn idle(&mut self, most: usize) -> Result<()> {
        let few = (most / 5).max(1);
        out::talk(format_args!("idle: {few} and {most} tunnels"));
        match idle::measure(&self.lab.adit, &self.lab.dir.join("idle"), few, most) {
            Ok(idle) => {
                let none = BTreeMap::new();
                let cpu_ms = idle.cpu_per_connection.as_secs_f64() * 1e3;
                self.single("idle", Kind::Adit, 0, idle.bytes_per_tunnel / 1e3, "kB", &none)?;
                self.single("idle-cores", Kind::Adit, 0, idle.idle_cores, "cores", &none)?;
                self.single("connection-rate", Kind::Adit, 0, idle.connections_per_second, "1/s", &none)?;
                self.single("connection-cpu", Kind::Adit, 0, cpu_ms, "ms", &none)
            }
            Err(error) => {
                self.record.failure(format!("idle: {error}"));
                Ok(())
            }
        }
    }

    fn single(
        &mut self,
        case: &'static str,
        system: Kind,
        round: u32,
        value: f64,
        unit: &'static str,
        rss: &BTreeMap<&'static str, u64>,
    ) -> Result<()> {
        let (system, cpu, rss) = (system.name(), BTreeMap::new(), rss.clone());
        self.record.add(Measurement { case, system, round, value, unit, cpu, rss, generator_bound: false })
    }
}
