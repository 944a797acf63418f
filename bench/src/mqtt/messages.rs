//! `bench mqtt`: CPU per delivered message, and latency.

use super::brokers::{Broker, Setup};
use super::fleet::Keys;
use super::flood::{self, Shape};
use super::lab::{Common, Lab, plain};
use super::{machine, paced};
use crate::cases;
use crate::fail::Result;
use crate::goals::MQTT;
use crate::out;
use crate::record::{Measurement, Record};
use crate::stats::percentile;
use crate::table::{self, Layout};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What `bench mqtt` takes.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each measures every broker once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Two rounds of one short pass each.
    #[arg(long)]
    quick: bool,
    /// Only these cases; the goals of all others count as not measured.
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(CASES.map(|case| case.name)))]
    cases: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// A case and the names of its numbers.
struct Case {
    name: &'static str,
    numbers: [&'static str; 3],
    kind: What,
}

enum What {
    Flood(Shape),
    Latency(u8),
}

const fn flood(name: &'static str, rate: &'static str, qos: u8, publishers: u32, subscribers: u32) -> Case {
    Case { name, numbers: [name, rate, ""], kind: What::Flood(Shape { publishers, subscribers, qos }) }
}

const CASES: [Case; 8] = [
    flood("qos0-1:1", "qos0-1:1-rate", 0, 1, 1),
    flood("qos0-50:1", "qos0-50:1-rate", 0, 50, 1),
    flood("qos0-1:50", "qos0-1:50-rate", 0, 1, 50),
    flood("qos1-1:1", "qos1-1:1-rate", 1, 1, 1),
    flood("qos1-50:1", "qos1-50:1-rate", 1, 50, 1),
    flood("qos1-1:50", "qos1-1:50-rate", 1, 1, 50),
    Case { name: "latency-0", numbers: ["qos0-p50", "qos0-p99", "qos0-alone"], kind: What::Latency(0) },
    Case { name: "latency-1", numbers: ["qos1-p50", "qos1-p99", "qos1-alone"], kind: What::Latency(1) },
];

const LAYOUT: Layout = Layout {
    rows: &[
        ("qos0-1:1", "QoS 0, 1 publisher to 1 subscriber, broker CPU µs per delivered message"),
        ("qos0-50:1", "QoS 0, 50 to 1, broker CPU µs per delivered message"),
        ("qos0-1:50", "QoS 0, 1 to 50, broker CPU µs per delivered message"),
        ("qos1-1:1", "QoS 1, 1 to 1, broker CPU µs per delivered message"),
        ("qos1-50:1", "QoS 1, 50 to 1, broker CPU µs per delivered message"),
        ("qos1-1:50", "QoS 1, 1 to 50, broker CPU µs per delivered message"),
        ("qos0-1:1-rate", "QoS 0, 1 to 1, delivered a second"),
        ("qos0-50:1-rate", "QoS 0, 50 to 1, delivered a second"),
        ("qos0-1:50-rate", "QoS 0, 1 to 50, delivered a second"),
        ("qos1-1:1-rate", "QoS 1, 1 to 1, delivered a second"),
        ("qos1-50:1-rate", "QoS 1, 50 to 1, delivered a second"),
        ("qos1-1:50-rate", "QoS 1, 1 to 50, delivered a second"),
        ("qos0-p50", "QoS 0 at 1,000 a second, p50 µs"),
        ("qos0-p99", "QoS 0 at 1,000 a second, p99 µs"),
        ("qos1-p50", "QoS 1 at 1,000 a second, p50 µs"),
        ("qos1-p99", "QoS 1 at 1,000 a second, p99 µs"),
        ("qos0-alone", "QoS 0 at 1,000 a second, each read and written alone, broker CPU µs per message"),
        ("qos1-alone", "QoS 1 at 1,000 a second, each read and written alone, broker CPU µs per message"),
    ],
    goals: &MQTT,
    reference: "mosquitto",
    note: "256 bytes over mutual TLS; broker and generator in cores, busiest is the generator's busier thread",
    parts_of: &["qos0-1:1", "qos0-50:1", "qos0-1:50", "qos1-1:1", "qos1-50:1", "qos1-1:50"],
    parts: &["broker", "generator", "busiest"],
};

const DEVICES: usize = 16;
const WARM: Duration = Duration::from_millis(300);

/// How much of everything, in one pass.
struct Amount {
    passes: u32,
    time: Duration,
    samples: u64,
}

/// Runs the suite. Whether every goal that was measured passed.
pub fn run(options: &Options) -> Result<bool> {
    let (lab, mut record, _folder) = Lab::make("mqtt", &options.common, DEVICES, 0)?;
    let (amount, rounds) = match options.quick {
        true => (Amount { passes: 1, time: Duration::from_secs(1), samples: 1500 }, options.rounds.min(2)),
        false => (Amount { passes: 3, time: Duration::from_secs(1), samples: 1200 }, options.rounds),
    };
    for round in 1..=rounds {
        let order = lab.order(round);
        let names: Vec<_> = order.iter().map(|kind| kind.name()).collect();
        out::talk(format_args!("round {round}: {}", names.join(", ")));
        let handshake = machine::handshake(&lab.fleet, Keys::Ecdsa)?.as_secs_f64() * 1e6;
        record.calibration(round, BTreeMap::from([("handshake_us", handshake)]));
        let mut running = lab.start(&mut record, &order, &format!("round-{round}"), Setup::default());
        for case in &CASES {
            if !options.cases.is_empty() && !options.cases.iter().any(|name| name == case.name) {
                continue;
            }
            self::case(&lab, &mut record, &mut running, case, &amount, round)?;
        }
    }
    Ok(table::print(&record, &lab.names(), &LAYOUT))
}

fn case(
    lab: &Lab,
    record: &mut Record,
    running: &mut [Broker],
    case: &Case,
    amount: &Amount,
    round: u32,
) -> Result<()> {
    let began = Instant::now();
    let mut found = BTreeMap::new();
    for _ in 0..amount.passes {
        for broker in running.iter_mut() {
            let name = broker.kind.name();
            let measured = match case.kind {
                What::Flood(shape) => flooded(lab, broker, shape, case, amount, round),
                What::Latency(qos) => latency(lab, broker, qos, case, amount, round),
            };
            match (measured, broker.ended()) {
                (Ok(more), None) => found.entry(name).or_insert_with(Vec::new).extend(more),
                (Ok(_), Some(why)) => {
                    record.failure(format!("{name}: {} in round {round}: {why}", case.name))
                }
                (Err(error), why) => {
                    let why = why.map(|why| format!("; {why}")).unwrap_or_default();
                    record.failure(format!("{name}: {} in round {round}: {error}{why}", case.name));
                }
            }
        }
        running.rotate_left(running.len().min(1));
    }
    for measurement in found.into_values().flat_map(cases::merge) {
        record.add(measurement)?;
    }
    out::talk(format_args!("  {}: {:.1} s", case.name, began.elapsed().as_secs_f64()));
    Ok(())
}

fn flooded(
    lab: &Lab,
    broker: &Broker,
    shape: Shape,
    case: &Case,
    amount: &Amount,
    round: u32,
) -> Result<Vec<Measurement>> {
    let found = flood::run(lab, broker, shape, WARM, amount.time)?;
    let cpu = BTreeMap::from([
        ("broker", found.broker),
        ("generator", found.generator),
        ("busiest", found.busiest),
    ]);
    let generator_bound = found.busiest >= 0.9 && found.broker < 0.9;
    let [micros, rate, _] = case.numbers;
    let numbers = [(micros, found.micros, "us"), (rate, found.rate, "1/s")];
    let measurement = |(number, value, unit)| Measurement {
        cpu: cpu.clone(),
        generator_bound,
        ..plain(number, broker.kind.name(), round, value, unit)
    };
    Ok(numbers.map(measurement).into())
}

fn latency(
    lab: &Lab,
    broker: &Broker,
    qos: u8,
    case: &Case,
    amount: &Amount,
    round: u32,
) -> Result<Vec<Measurement>> {
    let found = paced::run(lab, broker, qos, amount.samples)?;
    let value = |share| percentile(&found.times, share).unwrap_or_default().as_secs_f64() * 1e6;
    let [middle, tail, alone] = case.numbers;
    let numbers = [(middle, value(0.5)), (tail, value(0.99)), (alone, found.cpu.as_secs_f64() * 1e6)];
    let measurement = |(number, value)| plain(number, broker.kind.name(), round, value, "us");
    Ok(numbers.map(measurement).into())
}
