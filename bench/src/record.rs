//! Measurements: kept for the table, written as one JSON object a line.

use crate::fail::Result;
use crate::probe::{self, Machine};
use crate::stats::Spread;
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
    pub system: &'static str,
    /// From 1; 0 for what is measured once a run.
    pub round: u32,
    pub value: f64,
    pub unit: &'static str,
    /// CPU time by role, the generator's included: seconds in the unit of the case (per GiB where `value` is) for
    /// tunnels, cores for the rest.
    pub cpu: BTreeMap<&'static str, f64>,
    /// Peak resident bytes by role.
    pub rss: BTreeMap<&'static str, u64>,
    /// Whether the generator had no more to give: nine tenths of what its threads can.
    pub generator_bound: bool,
}

/// What the machine did at the start of a round, by what was measured of it.
pub type Calibration = BTreeMap<&'static str, f64>;

/// Everything measured in a run.
pub struct Record {
    suite: &'static str,
    measurements: Vec<Measurement>,
    calibrations: BTreeMap<u32, Calibration>,
    versions: BTreeMap<&'static str, String>,
    failures: Vec<String>,
    machine: Machine,
    revision: String,
    file: Option<File>,
}

impl Record {
    /// Of the suite of that name; every measurement also goes to `file`.
    pub fn new(suite: &'static str, file: Option<&Path>) -> Result<Self> {
        Ok(Self {
            suite,
            measurements: Vec::new(),
            calibrations: BTreeMap::new(),
            versions: BTreeMap::new(),
            failures: Vec::new(),
            machine: Machine::read(),
            revision: revision(),
            file: file.map(File::create).transpose()?,
        })
    }

    pub fn version(&mut self, system: &'static str, version: String) {
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
        json!({
            "suite": self.suite,
            "case": m.case,
            "system": m.system,
            "version": self.versions.get(m.system),
            "round": m.round,
            "value": m.value,
            "unit": m.unit,
            "cpu": m.cpu,
            "rss": m.rss,
            "generator_bound": m.generator_bound,
            "calibration": self.calibrations.get(&m.round),
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
        let middle = |name: &str| {
            let values = self.calibrations.values().filter_map(|c| c.get(name).copied());
            Spread::of(values).map_or(0.0, |spread| spread.median)
        };
        let near = |value: f64, median: f64| (value - median).abs() <= TOLERANCE * median;
        let good = |c: &Calibration| c.iter().all(|(name, value)| near(*value, middle(name)));
        let (kept, left): (Vec<_>, Vec<_>) = self.calibrations.iter().partition(|(_, c)| good(c));
        let numbers =
            |rounds: Vec<(&u32, &Calibration)>| rounds.into_iter().map(|(round, _)| *round).collect();
        (numbers(kept), numbers(left))
    }

    /// Values of one case and system in the rounds that count, by round.
    pub fn values(&self, case: &str, system: &str) -> BTreeMap<u32, &Measurement> {
        let (kept, _) = self.rounds();
        self.measurements
            .iter()
            .filter(|m| m.case == case && m.system == system && (m.round == 0 || kept.contains(&m.round)))
            .map(|m| (m.round, m))
            .collect()
    }

    /// What was just measured.
    pub fn latest(&self, case: &str, system: &str, round: u32) -> Option<f64> {
        let same = |m: &&Measurement| m.case == case && m.system == system && m.round == round;
        self.measurements.iter().rev().find(same).map(|m| m.value)
    }

    /// Spread of one case and system.
    pub fn spread(&self, case: &str, system: &str) -> Option<Spread> {
        Spread::of(self.values(case, system).values().map(|m| m.value))
    }

    /// Spread of the ratio of two systems, taken round by round.
    pub fn ratio(&self, case: &str, system: &str, over: &str) -> Option<Spread> {
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
    use super::{Measurement, Record};
    use std::collections::BTreeMap;

    fn record(rows: &[(&'static str, u32, f64)]) -> Record {
        let mut record = Record::new("tunnel", None).unwrap();
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
        let mut record =
            record(&[("chain", 1, 100.0), ("adit", 1, 90.0), ("chain", 2, 50.0), ("adit", 2, 50.0)]);
        for round in 1..=2 {
            record.calibration(round, BTreeMap::from([("speed", 1.0)]));
        }
        let ratio = record.ratio("up", "adit", "chain").unwrap();
        assert_eq!((ratio.least, ratio.most), (0.9, 1.0));
    }

    #[test]
    fn a_round_off_the_median_does_not_count() {
        let mut record = record(&[("adit", 1, 1.0), ("adit", 2, 2.0), ("adit", 3, 9.0)]);
        for (round, cpu_per_gib) in [(1, 4.0), (2, 4.4), (3, 9.0)] {
            record.calibration(round, BTreeMap::from([("speed", 300.0), ("cpu", cpu_per_gib)]));
        }
        assert!(record.rounds().1.contains(&3));
        assert_eq!(record.spread("up", "adit").unwrap().most, 2.0);
    }
}
