//! `bench durable`: what is left of acknowledged messages after `kill -9`, and what it costs.

use super::brokers::{Broker, Kind, Setup};
use super::crash::{self, Cycle, End, Plan};
use super::fleet::Keys;
use super::lab::{Common, Lab, plain};
use super::machine;
use crate::fail::Result;
use crate::goals::DURABLE;
use crate::out;
use crate::record::Record;
use crate::table::{self, Layout};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// What `bench durable` takes.
#[derive(clap::Args)]
pub struct Options {
    /// Cycles of filling, killing, starting again and collecting.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    cycles: u32,
    /// Publishers, each with 100 messages in flight.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    publishers: u32,
    #[command(flatten)]
    common: Common,
}

const LAYOUT: Layout = Layout {
    rows: &[
        ("rate-1000", "acknowledged a second, many in flight"),
        ("rate-1", "acknowledged a second, 1 in flight"),
        ("one-share", "1 in flight, share of fdatasync a second"),
        ("fdatasync", "4 KiB appended + fdatasync a second, this machine"),
        ("fdatasync-in-place", "the same over what is there already"),
        ("acknowledged", "acknowledged messages, all cycles"),
        ("lost", "acknowledged and lost, all cycles"),
        ("sessions-lost", "sessions lost, all cycles"),
        ("disorder", "out of order, all cycles"),
        ("doubled", "delivered more than once, all cycles"),
        ("lost-when-asked", "acknowledged and lost when it was asked to end"),
    ],
    goals: &DURABLE,
    reference: "mosquitto",
    note: "an offline session; kill -9 after 0.2 to 3 s; adit: fsync before PUBACK; mosquitto: persistence true, its defaults",
    parts_of: &[],
    parts: &[],
};

const IN_FLIGHT: u64 = 100;
const ONE_BY_ONE: Duration = Duration::from_secs(2);
const CALIBRATION: Duration = Duration::from_secs(1);

/// Sums over all cycles of a broker.
#[derive(Default)]
struct Sum {
    acknowledged: u64,
    lost: u64,
    sessions: u64,
    disorder: u64,
    doubled: u64,
}

impl Sum {
    fn add(&mut self, cycle: &Cycle) {
        self.acknowledged += cycle.acknowledged;
        self.lost += cycle.lost;
        self.sessions += u64::from(cycle.session_lost);
        self.disorder += cycle.disorder;
        self.doubled += cycle.doubled;
    }
}

/// Runs the suite. Whether every goal that was measured passed.
pub fn run(options: &Options) -> Result<bool> {
    let (lab, mut record, _folder) = Lab::make("durable", &options.common, 1, 0)?;
    let setup = Setup { persistence: true, ..Setup::default() };
    // mosquitto first: its loss proves that the detector sees one.
    let mut order = lab.systems.clone();
    order.reverse();
    let mut running = lab.start(&mut record, &order, "durable", setup);
    let mut sums: BTreeMap<&'static str, Sum> = BTreeMap::new();
    for number in 1..=options.cycles {
        let disk = machine::disk(&lab.dir, CALIBRATION)?;
        let handshake = machine::handshake(&lab.fleet, Keys::Ecdsa)?.as_secs_f64() * 1e6;
        record.calibration(number, BTreeMap::from([("handshake_us", handshake)]));
        record.add(plain("fdatasync", "disk", number, disk.append, "1/s"))?;
        record.add(plain("fdatasync-in-place", "disk", number, disk.in_place, "1/s"))?;
        for broker in &mut running {
            let name = broker.kind.name();
            let sum = sums.entry(name).or_default();
            if let Err(error) = cycle(&lab, &mut record, broker, options.publishers, number, disk.append, sum)
            {
                record.failure(format!("{name}: cycle {number}: {error}"));
                if let Err(error) = broker.again() {
                    record.failure(format!("{name}: start: {error}"));
                }
            }
        }
    }
    let asked = Plan { publishers: 1, in_flight: IN_FLIGHT, time: CALIBRATION, end: End::Asked };
    for broker in running.iter_mut().filter(|broker| broker.kind == Kind::Mosquitto) {
        let found = crash::run(&lab, broker, &asked, options.cycles * 2 + 1)?;
        record.add(plain("lost-when-asked", broker.kind.name(), 0, found.lost as f64, ""))?;
    }
    for (name, sum) in sums {
        let numbers = [
            ("acknowledged", sum.acknowledged),
            ("lost", sum.lost),
            ("sessions-lost", sum.sessions),
            ("disorder", sum.disorder),
            ("doubled", sum.doubled),
        ];
        for (case, number) in numbers {
            record.add(plain(case, name, 0, number as f64, ""))?;
        }
    }
    let mut systems = lab.names();
    systems.push("disk");
    Ok(table::print(&record, &systems, &LAYOUT))
}

fn cycle(
    lab: &Lab,
    record: &mut Record,
    broker: &mut Broker,
    publishers: u32,
    number: u32,
    disk: f64,
    sum: &mut Sum,
) -> Result<()> {
    let name = broker.kind.name();
    let many = Plan { publishers, in_flight: IN_FLIGHT, time: some_time(), end: End::Killed };
    let found = crash::run(lab, broker, &many, number * 2)?;
    out::talk(format_args!(
        "cycle {number}: {name}: killed after {:.2} s, {} acknowledged, {} lost{}",
        many.time.as_secs_f64(),
        found.acknowledged,
        found.lost,
        if found.session_lost { ", and the session" } else { "" }
    ));
    sum.add(&found);
    record.add(plain("rate-1000", name, number, found.rate, "1/s"))?;
    let one = Plan { publishers: 1, in_flight: 1, time: ONE_BY_ONE, end: End::Killed };
    let found = crash::run(lab, broker, &one, number * 2 + 1)?;
    sum.add(&found);
    record.add(plain("rate-1", name, number, found.rate, "1/s"))?;
    record.add(plain("one-share", name, number, found.rate / disk, ""))
}

/// Between 0.2 and 3 s.
fn some_time() -> Duration {
    let chance = RandomState::new().build_hasher().finish() % 2_800;
    Duration::from_millis(200 + chance)
}
