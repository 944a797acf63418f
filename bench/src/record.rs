//! Measurements: kept for the table, written as one JSON object a line.

use crate::fail::Result;
use crate::probe::{self, Machine};
use crate::stats::Spread;
use crate::systems::Kind;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Rounds whose calibration is further than this from the median of all are left out.
const TOLERANCE: f64 = 0.30;

/// One number, and what it took.
pub struct Measurement {
    pub case: &'static str,
    pub system: Kind,
    /// From 1; 0 for what is measured once a run.
    pub round: u32,
    pub value: f64,
    pub unit: &'static str,
    /// Seconds of CPU by role, the generator's included, in the unit of the case (per GiB where `value` is).
    pub cpu: BTreeMap<&'static str, f64>,
    /// Peak resident bytes by role.
    pub rss: BTreeMap<&'static str, u64>,
    /// Whether the generator used nine tenths of what its two threads can.
    pub generator_bound: bool,
}

/// What the limit did at the start of a round.
#[derive(Clone, Copy)]
pub struct Calibration {
    pub mib_per_second: f64,
    pub cpu_per_gib: f64,
}

/// Everything measured in a run.
pub struct Record {
    measurements: Vec<Measurement>,
    calibrations: BTreeMap<u32, Calibration>,
    versions: BTreeMap<Kind, String>,
    failures: Vec<String>,
    machine: Machine,
    revision: String,
    file: Option<File>,
}

impl Record {
    pub fn new(file: Option<&Path>) -> Result<Self> {
        Ok(Self {
            measurements: Vec::new(),
            calibrations: BTreeMap::new(),
            versions: BTreeMap::new(),
            failures: Vec::new(),
            machine: Machine::read(),
            revision: revision(),
            file: file.map(File::create).transpose()?,
        })
    }

    pub fn version(&mut self, system: Kind, version: String) {
        self.versions.insert(system, version);
    }

    pub fn calibration(&mut self, round: u32, calibration: Calibration) {
        self.calibrations.insert(round, calibration);
    }

    /// Something that could not be measured; shown below the table.
    pub fn failure(&mut self, text: String) {
        crate::out::talk(format_args!("  failed: {text}"));
        self.failures.push(text);
    }

    pub fn add(&mut self, measurement: Measurement) -> Result<()> {
        let line = self.line(&measurement);
        if let Some(file) = &mut self.file {
            writeln!(file, "{line}")?;
        }
        self.measurements.push(measurement);
        Ok(())
    }

    fn line(&self, m: &Measurement) -> Value {
        let calibration = self.calibrations.get(&m.round).map(|calibration| {
            json!({ "mib_per_second": calibration.mib_per_second, "cpu_seconds_per_gib": calibration.cpu_per_gib })
        });
        json!({
            "suite": "tunnel",
            "case": m.case,
            "system": m.system.name(),
            "version": self.versions.get(&m.system),
            "round": m.round,
            "value": m.value,
            "unit": m.unit,
            "cpu": m.cpu,
            "rss": m.rss,
            "generator_bound": m.generator_bound,
            "calibration": calibration,
            "loadavg": probe::load(),
            "kernel": self.machine.kernel,
            "cores": self.machine.cores,
            "revision": self.revision,
        })
    }

    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// A line about the machine, the revision and the time.
    pub fn heading(&self) -> String {
        format!(
            "{} cores, kernel {}, load {:.1}, revision {}, {}",
            self.machine.cores,
            self.machine.kernel,
            probe::load(),
            self.revision,
            jiff::Timestamp::now().strftime("%F %H:%M UTC")
        )
    }

    /// Rounds that count, and those that do not.
    pub fn rounds(&self) -> (BTreeSet<u32>, BTreeSet<u32>) {
        let middle = |value: fn(&Calibration) -> f64| {
            Spread::of(self.calibrations.values().map(value)).map_or(0.0, |spread| spread.median)
        };
        let (speed, cpu) = (middle(|c| c.mib_per_second), middle(|c| c.cpu_per_gib));
        let near = |value: f64, median: f64| (value - median).abs() <= TOLERANCE * median;
        let good = |c: &Calibration| near(c.mib_per_second, speed) && near(c.cpu_per_gib, cpu);
        let (kept, left): (Vec<_>, Vec<_>) = self.calibrations.iter().partition(|(_, c)| good(c));
        let numbers =
            |rounds: Vec<(&u32, &Calibration)>| rounds.into_iter().map(|(round, _)| *round).collect();
        (numbers(kept), numbers(left))
    }

    /// Values of one case and system in the rounds that count, by round.
    pub fn values(&self, case: &str, system: Kind) -> BTreeMap<u32, &Measurement> {
        let (kept, _) = self.rounds();
        self.measurements
            .iter()
            .filter(|m| m.case == case && m.system == system && (m.round == 0 || kept.contains(&m.round)))
            .map(|m| (m.round, m))
            .collect()
    }

    /// Spread of one case and system.
    pub fn spread(&self, case: &str, system: Kind) -> Option<Spread> {
        Spread::of(self.values(case, system).values().map(|m| m.value))
    }

    /// Spread of the ratio of two systems, taken round by round.
    pub fn ratio(&self, case: &str, system: Kind, over: Kind) -> Option<Spread> {
        let under = self.values(case, over);
        let ratios = self.values(case, system).into_iter().filter_map(|(round, m)| {
            let under = under.get(&round)?.value;
            (under > 0.0).then_some(m.value / under)
        });
        Spread::of(ratios)
    }
}

/// The revision of the working tree, or `unknown`.
fn revision() -> String {
    let git = Command::new("git").args(["describe", "--always", "--dirty"]).stderr(Stdio::null()).output();
    let text =
        git.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { "unknown".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{Calibration, Measurement, Record};
    use crate::systems::Kind;
    use std::collections::BTreeMap;

    fn record(rows: &[(Kind, u32, f64)]) -> Record {
        let mut record = Record::new(None).unwrap();
        for &(system, round, value) in rows {
            let (cpu, rss) = (BTreeMap::new(), BTreeMap::new());
            let m = Measurement {
                case: "up",
                system,
                round,
                value,
                unit: "MiB/s",
                cpu,
                rss,
                generator_bound: false,
            };
            record.add(m).unwrap();
        }
        record
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        use Kind::{Adit, Chain};
        let mut record = record(&[(Chain, 1, 100.0), (Adit, 1, 90.0), (Chain, 2, 50.0), (Adit, 2, 50.0)]);
        for round in 1..=2 {
            record.calibration(round, Calibration { mib_per_second: 1.0, cpu_per_gib: 1.0 });
        }
        let ratio = record.ratio("up", Adit, Chain).unwrap();
        assert_eq!((ratio.least, ratio.most), (0.9, 1.0));
    }

    #[test]
    fn a_round_off_the_median_does_not_count() {
        let mut record = record(&[(Kind::Adit, 1, 1.0), (Kind::Adit, 2, 2.0), (Kind::Adit, 3, 9.0)]);
        for (round, cpu_per_gib) in [(1, 4.0), (2, 4.4), (3, 9.0)] {
            record.calibration(round, Calibration { mib_per_second: 300.0, cpu_per_gib });
        }
        assert!(record.rounds().1.contains(&3));
        assert_eq!(record.spread("up", Kind::Adit).unwrap().most, 2.0);
    }
}
