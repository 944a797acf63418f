//! The cases of a round: what is run, and which numbers come of it.

use crate::fail::Result;
use crate::load::{self, Target, Way};
use crate::probe::Usage;
use crate::record::Measurement;
use crate::service::Service;
use crate::stats::{Spread, percentile};
use crate::systems::System;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1024.0 * MIB;
/// The client and the service.
const GENERATOR_THREADS: f64 = 2.0;

/// How much of everything, in one pass.
#[derive(Clone, Copy)]
pub struct Amount {
    /// Passes of a round, for the cases that have several.
    pub passes: usize,
    /// Bytes of the one stream, each way.
    pub stream: u64,
    /// Bytes of each of the 50 streams, each way.
    pub of_fifty: u64,
    /// Echoes on an idle system, one a millisecond.
    pub echoes: usize,
    /// Echoes beside a saturated stream, one in 10 ms.
    pub busy_echoes: usize,
    /// New connections, one in 5 ms.
    pub connections: usize,
}

/// Cases in the order in which they are run. What may hurt comes last.
pub const CASES: [Case; 9] = [
    Case::Up,
    Case::Down,
    Case::Echo,
    Case::FiftyUp,
    Case::FiftyDown,
    Case::Connect,
    Case::BusyEcho,
    Case::Burst6,
    Case::Burst50,
];

/// What is run in a round.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub enum Case {
    Up,
    Down,
    Echo,
    BusyEcho,
    FiftyUp,
    FiftyDown,
    Connect,
    #[value(name = "burst-6")]
    Burst6,
    #[value(name = "burst-50")]
    Burst50,
}

impl Case {
    /// How often a round runs it, in turn over all systems. What needs time to begin, or does harm, runs once.
    pub fn passes(self, amount: &Amount) -> usize {
        match self {
            Self::Up | Self::Down | Self::Echo | Self::Connect => amount.passes,
            Self::BusyEcho | Self::FiftyUp | Self::FiftyDown | Self::Burst6 | Self::Burst50 => 1,
        }
    }
}

/// Makes one measurement of those of several passes: medians, the last peaks.
pub fn merge(passes: Vec<Measurement>) -> Vec<Measurement> {
    let mut merged: Vec<Measurement> = Vec::new();
    let mut values: BTreeMap<&'static str, Vec<Measurement>> = BTreeMap::new();
    for measurement in passes {
        values.entry(measurement.case).or_default().push(measurement);
    }
    for (_, mut group) in values {
        let value = median(group.iter().map(|m| m.value));
        let roles: Vec<&'static str> = group.iter().flat_map(|m| m.cpu.keys().copied()).collect();
        let cpu = |role| (role, median(group.iter().filter_map(|m| m.cpu.get(role).copied())));
        let cpu = roles.into_iter().map(cpu).collect();
        let generator_bound = group.iter().all(|m| m.generator_bound);
        if let Some(last) = group.pop() {
            merged.push(Measurement { value, cpu, generator_bound, ..last });
        }
    }
    merged
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    Spread::of(values).map_or(0.0, |spread| spread.median)
}

type Numbers = Vec<(&'static str, f64, &'static str)>;

/// Runs one case on one system.
pub fn run(
    case: Case,
    system: &System,
    target: &Target,
    service: &Service,
    amount: &Amount,
    round: u32,
) -> Result<Vec<Measurement>> {
    service.quiet(Duration::from_secs(20));
    let own = std::process::id();
    let (before, own_before, start) = (system.usage(), Usage::of_one(own), Instant::now());
    let (mut numbers, gib) = numbers(case, target, amount)?;
    service.quiet(Duration::from_secs(20));
    let elapsed = start.elapsed().as_secs_f64();
    let generator = Usage::of_one(own).since(&own_before).as_secs_f64();
    let mut cpu: BTreeMap<&'static str, f64> = BTreeMap::new();
    for (role, now) in system.usage() {
        let used = before.get(role).map_or(0.0, |before| now.since(before).as_secs_f64());
        cpu.insert(role, used / gib);
    }
    let relay = cpu.get("relay").copied();
    let total: f64 = cpu.values().sum();
    cpu.insert("generator", generator / gib);
    match case {
        Case::Up => numbers.extend(per_gib("up-cpu", "up-cpu-relay", total, relay)),
        Case::Down => numbers.extend(per_gib("down-cpu", "down-cpu-relay", total, relay)),
        _ => {}
    }
    let generator_bound = generator > 0.9 * GENERATOR_THREADS * elapsed;
    let peaks = system.peaks();
    let measurement = |(name, value, unit)| Measurement {
        case: name,
        system: system.kind.name(),
        round,
        value,
        unit,
        cpu: cpu.clone(),
        rss: peaks.clone(),
        generator_bound,
    };
    Ok(numbers.into_iter().map(measurement).collect())
}

fn per_gib(all: &'static str, one: &'static str, total: f64, relay: Option<f64>) -> Numbers {
    let mut numbers = vec![(all, total, "s/GiB")];
    numbers.extend(relay.map(|relay| (one, relay, "s/GiB")));
    numbers
}

/// The numbers, and by how many GiB the CPU time is to be divided (1 where no bulk data flows).
fn numbers(case: Case, target: &Target, amount: &Amount) -> Result<(Numbers, f64)> {
    let one = |way, name| -> Result<(Numbers, f64)> {
        let bytes = amount.stream as f64;
        let time = load::one(target, way, amount.stream)?;
        Ok((vec![(name, bytes / MIB / time.as_secs_f64(), "MiB/s")], bytes / GIB))
    };
    let fifty = |way, name| -> Result<(Numbers, f64)> {
        let bytes = 50.0 * amount.of_fifty as f64;
        let time = load::many(target, way, 50, amount.of_fifty)?;
        Ok((vec![(name, bytes / MIB / time.as_secs_f64(), "MiB/s")], bytes / GIB))
    };
    match case {
        Case::Up => one(Way::Up, "up"),
        Case::Down => one(Way::Down, "down"),
        Case::FiftyUp => fifty(Way::Up, "50-up"),
        Case::FiftyDown => fifty(Way::Down, "50-down"),
        Case::Echo => {
            let times = load::echo(target, amount.echoes, Duration::from_millis(1))?;
            Ok((latency(&times, ["echo-p50", "echo-p99"], 1e6, "us"), 1.0))
        }
        Case::BusyEcho => {
            let (times, beside) =
                load::echo_beside_load(target, amount.busy_echoes, Duration::from_millis(10))?;
            let mut numbers = latency(&times, ["busy-echo-p50", "busy-echo-p99"], 1e6, "us");
            numbers.push(("busy-echo-stream", beside / MIB, "MiB/s"));
            Ok((numbers, 1.0))
        }
        Case::Connect => {
            let times = load::connections(target, amount.connections, Duration::from_millis(5))?;
            Ok((latency(&times, ["connect-p50", "connect-p99"], 1e3, "ms"), 1.0))
        }
        Case::Burst6 => Ok((burst(target, 6, ["burst-6-failures", "burst-6"]), 1.0)),
        Case::Burst50 => Ok((burst(target, 50, ["burst-50-failures", "burst-50"]), 1.0)),
    }
}

fn latency(sorted: &[Duration], names: [&'static str; 2], scale: f64, unit: &'static str) -> Numbers {
    let value = |share| percentile(sorted, share).unwrap_or_default().as_secs_f64() * scale;
    let [middle, tail] = names;
    vec![(middle, value(0.5), unit), (tail, value(0.99), unit)]
}

fn burst(target: &Target, count: usize, names: [&'static str; 2]) -> Numbers {
    let burst = load::burst(target, count);
    let [failures, time] = names;
    vec![(failures, burst.failures as f64, ""), (time, burst.served.as_secs_f64() * 1e3, "ms")]
}
