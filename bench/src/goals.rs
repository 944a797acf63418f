//! What adit must reach, and what it aims at: ratios within one run, and a few absolute limits.

use crate::record::Record;
use crate::systems::Kind;

/// One goal.
pub struct Goal {
    text: &'static str,
    case: &'static str,
    system: Kind,
    /// The system to divide by; none for an absolute limit.
    over: Option<Kind>,
    must: Limit,
    aim: Limit,
}

/// Which side of a number is good.
#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

use Kind::{Adit, Chain, Lp};
use Limit::{AtLeast, AtMost};

impl Limit {
    fn met(self, value: f64) -> bool {
        match self {
            AtLeast(limit) => value >= limit,
            AtMost(limit) => value <= limit,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AtLeast(limit) => write!(f, "≥ {limit}"),
            AtMost(limit) => write!(f, "≤ {limit}"),
        }
    }
}

const fn ratio(text: &'static str, case: &'static str, system: Kind, must: Limit, aim: Limit) -> Goal {
    Goal { text, case, system, over: Some(Chain), must, aim }
}

const fn absolute(text: &'static str, case: &'static str, system: Kind, must: f64, aim: f64) -> Goal {
    Goal { text, case, system, over: None, must: AtMost(must), aim: AtMost(aim) }
}

const RELAY: &str = "relay CPU per GiB, AWS's local proxies";

/// All goals of the tunnel suite.
pub const GOALS: [Goal; 17] = [
    ratio("throughput up / chain", "up", Adit, AtLeast(0.75), AtLeast(0.9)),
    ratio("throughput down / chain", "down", Adit, AtLeast(0.75), AtLeast(0.9)),
    ratio("CPU per GiB up / chain", "up-cpu", Adit, AtMost(1.30), AtMost(1.15)),
    ratio("CPU per GiB down / chain", "down-cpu", Adit, AtMost(1.30), AtMost(1.15)),
    ratio(RELAY, "up-cpu-relay", Lp, AtMost(1.25), AtMost(1.1)),
    ratio(RELAY, "down-cpu-relay", Lp, AtMost(1.25), AtMost(1.1)),
    ratio("echo p50 / chain", "echo-p50", Adit, AtMost(1.25), AtMost(1.1)),
    absolute("new connection p50, AWS's local proxies, ms", "connect-p50", Lp, 2.0, 1.2),
    absolute("new connection p50, ms", "connect-p50", Adit, 1.0, 0.6),
    absolute("failures of 6 at once", "burst-6-failures", Adit, 0.0, 0.0),
    absolute("failures of 50 at once", "burst-50-failures", Adit, 0.0, 0.0),
    absolute("source peak MiB, slow service", "slow-service-source", Adit, 24.0, 12.0),
    absolute("destination peak MiB, slow service", "slow-service-destination", Adit, 24.0, 12.0),
    absolute("source peak MiB, slow client", "slow-client-source", Adit, 24.0, 12.0),
    absolute("destination peak MiB, slow client", "slow-client-destination", Adit, 24.0, 12.0),
    absolute("kB per idle tunnel", "idle", Adit, 32.0, 24.0),
    absolute("50 at once served within ms", "burst-50", Adit, 50.0, 15.0),
];

/// What came of a goal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    Aim,
    Pass,
    Miss,
    /// Not measured in this run.
    Absent,
}

impl Goal {
    /// Judges the median, and shows a line of it.
    pub fn judge(&self, record: &Record) -> (Outcome, String) {
        let spread = match self.over {
            Some(over) => record.ratio(self.case, self.system, over),
            None => record.spread(self.case, self.system),
        };
        let Some(spread) = spread else {
            return (Outcome::Absent, self.line("absent", "-"));
        };
        let outcome = self.outcome(spread.median);
        let word = match outcome {
            Outcome::Aim => "aim",
            Outcome::Pass => "pass",
            Outcome::Miss | Outcome::Absent => "MISS",
        };
        let digits = if self.over.is_some() { 3 } else { 2 };
        let value =
            format!("{:.digits$} [{:.digits$}–{:.digits$}]", spread.median, spread.least, spread.most);
        (outcome, self.line(word, &value))
    }

    /// Whether it is about our own programs alone, so that it cannot be absent for want of a peer.
    pub fn needs_no_peer(&self) -> bool {
        self.system.peer().is_none()
    }

    fn outcome(&self, value: f64) -> Outcome {
        match (self.aim.met(value), self.must.met(value)) {
            (true, _) => Outcome::Aim,
            (false, true) => Outcome::Pass,
            (false, false) => Outcome::Miss,
        }
    }

    fn line(&self, word: &str, value: &str) -> String {
        let name = format!("{} ({})", self.text, self.case);
        format!("  {word:<7}{name:<62}{value:<24}must {} aim {}", self.must, self.aim)
    }
}

#[cfg(test)]
mod tests {
    use super::{GOALS, Outcome};

    #[test]
    fn limits_count_as_met() {
        let throughput = &GOALS[0];
        assert_eq!(throughput.outcome(0.9), Outcome::Aim);
        assert_eq!(throughput.outcome(0.75), Outcome::Pass);
        assert_eq!(throughput.outcome(0.74), Outcome::Miss);
        let cpu = &GOALS[2];
        assert_eq!(cpu.outcome(1.31), Outcome::Miss);
    }
}
