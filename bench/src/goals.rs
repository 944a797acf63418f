//! What adit must reach, and what it aims at: ratios within one run, and a few absolute limits.

use crate::record::Record;

/// One goal.
pub struct Goal {
    text: &'static str,
    case: &'static str,
    system: &'static str,
    /// The system to divide by; none for an absolute limit.
    over: Option<&'static str>,
    must: Limit,
    aim: Limit,
}

/// Which side of a number is good.
#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

use Limit::{AtLeast, AtMost};

const ADIT: &str = "adit";
const CHAIN: &str = "chain";
const LP: &str = "lp";
const MOSQUITTO: &str = "mosquitto";
const HELLO: &str = "hello";
const SQLITE: &str = "sqlite";
const MOTO: &str = "moto";
const AGENT_NAME: &str = "adit-agent";

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

type Name = &'static str;

const fn ratio(text: Name, case: Name, system: Name, must: Limit, aim: Limit) -> Goal {
    Goal { text, case, system, over: Some(CHAIN), must, aim }
}

const fn absolute(text: Name, case: Name, system: Name, must: f64, aim: f64) -> Goal {
    Goal { text, case, system, over: None, must: AtMost(must), aim: AtMost(aim) }
}

/// At most so many times what mosquitto needs in the same round.
const fn beside(text: Name, case: Name, must: f64, aim: f64) -> Goal {
    Goal { text, case, system: ADIT, over: Some(MOSQUITTO), must: AtMost(must), aim: AtMost(aim) }
}

const fn at_least(text: Name, case: Name, must: f64, aim: f64) -> Goal {
    Goal { text, case, system: ADIT, over: None, must: AtLeast(must), aim: AtLeast(aim) }
}

/// At least so many times what another does in the same round.
const fn share(text: Name, case: Name, over: Name, must: f64, aim: f64) -> Goal {
    Goal { text, case, system: ADIT, over: Some(over), must: AtLeast(must), aim: AtLeast(aim) }
}

const RELAY: &str = "relay CPU per GiB, AWS's local proxies";

/// All goals of the tunnel suite.
pub const TUNNEL: [Goal; 17] = [
    ratio("throughput up / chain", "up", ADIT, AtLeast(0.75), AtLeast(0.9)),
    ratio("throughput down / chain", "down", ADIT, AtLeast(0.75), AtLeast(0.9)),
    ratio("CPU per GiB up / chain", "up-cpu", ADIT, AtMost(1.30), AtMost(1.15)),
    ratio("CPU per GiB down / chain", "down-cpu", ADIT, AtMost(1.30), AtMost(1.15)),
    ratio(RELAY, "up-cpu-relay", LP, AtMost(1.25), AtMost(1.1)),
    ratio(RELAY, "down-cpu-relay", LP, AtMost(1.25), AtMost(1.1)),
    ratio("echo p50 / chain", "echo-p50", ADIT, AtMost(1.25), AtMost(1.1)),
    absolute("new connection p50, AWS's local proxies, ms", "connect-p50", LP, 2.0, 1.2),
    absolute("new connection p50, ms", "connect-p50", ADIT, 1.0, 0.6),
    absolute("failures of 6 at once", "burst-6-failures", ADIT, 0.0, 0.0),
    absolute("failures of 50 at once", "burst-50-failures", ADIT, 0.0, 0.0),
    absolute("source peak MiB, slow service", "slow-service-source", ADIT, 24.0, 12.0),
    absolute("destination peak MiB, slow service", "slow-service-destination", ADIT, 24.0, 12.0),
    absolute("source peak MiB, slow client", "slow-client-source", ADIT, 24.0, 12.0),
    absolute("destination peak MiB, slow client", "slow-client-destination", ADIT, 24.0, 12.0),
    absolute("kB per idle tunnel", "idle", ADIT, 32.0, 24.0),
    absolute("50 at once served within ms", "burst-50", ADIT, 50.0, 15.0),
];

const PER_MESSAGE: &str = "CPU per delivered message / mosquitto";
const LATENCY: &str = "latency at 1,000 a second / mosquitto";

/// All goals of the MQTT suite.
pub const MQTT: [Goal; 10] = [
    beside(PER_MESSAGE, "qos0-1:1", 0.4, 0.25),
    beside(PER_MESSAGE, "qos0-50:1", 0.4, 0.25),
    beside(PER_MESSAGE, "qos0-1:50", 0.4, 0.25),
    beside(PER_MESSAGE, "qos1-1:1", 0.5, 0.33),
    beside(PER_MESSAGE, "qos1-50:1", 0.5, 0.33),
    beside(PER_MESSAGE, "qos1-1:50", 0.5, 0.33),
    beside(LATENCY, "qos0-p50", 1.1, 0.9),
    beside(LATENCY, "qos0-p99", 1.1, 0.9),
    beside(LATENCY, "qos1-p50", 1.1, 0.9),
    beside(LATENCY, "qos1-p99", 1.1, 0.9),
];

/// All goals of the connection suite.
pub const CONN: [Goal; 5] = [
    beside("CPU per connect, ECDSA / mosquitto", "ecdsa", 0.35, 0.27),
    beside("CPU per connect, RSA / mosquitto", "rsa", 0.5, 0.35),
    absolute("resumed / own full connect, CPU", "ecdsa-resumed-share", ADIT, 0.6, 0.45),
    beside("memory per idle connection, 5,000 / mosquitto", "idle-5000", 0.85, 0.7),
    beside("memory per idle connection, 9,000 / mosquitto", "idle-9000", 0.85, 0.7),
];

/// All goals of the durability suite.
pub const DURABLE: [Goal; 5] = [
    absolute("acknowledged messages lost", "lost", ADIT, 0.0, 0.0),
    absolute("sessions lost", "sessions-lost", ADIT, 0.0, 0.0),
    absolute("messages out of order", "disorder", ADIT, 0.0, 0.0),
    at_least("acknowledged a second, 1000 in flight, fsync", "rate-1000", 15_000.0, 40_000.0),
    at_least("1 in flight, share of fdatasync a second", "one-share", 0.5, 0.7),
];

/// All goals of the API suite.
pub const API: [Goal; 6] = [
    share("DescribeThing per CPU second / bare axum", "describe", HELLO, 0.35, 0.5),
    share("DescribeThing a second, 16 connections / bare axum", "describe-rate", HELLO, 0.35, 0.5),
    at_least("durable CreateThing a second, 16 connections", "create-rate", 5000.0, 10_000.0),
    share("durable CreateThing, 1 connection / SQLite, row by row", "create-1-rate", SQLITE, 0.6, 0.8),
    share("DescribeThing a second / moto", "describe-rate", MOTO, 25.0, 100.0),
    share("durable CreateThing a second / moto's in memory", "create-rate", MOTO, 25.0, 50.0),
];

/// All goals of the suite of first connections.
pub const JITP: [Goal; 2] = [
    at_least("devices provisioned per CPU second, ECDSA", "ecdsa", 250.0, 400.0),
    absolute("policies that all devices share", "policies", ADIT, 1.0, 1.0),
];

/// All goals of the agent's suite.
pub const AGENT: [Goal; 4] = [
    absolute("the program, MB", "size", AGENT_NAME, 6.0, 4.0),
    absolute("resident when idle, MB", "idle", AGENT_NAME, 8.0, 5.0),
    absolute("resident with an idle tunnel, MB", "tunnel", AGENT_NAME, 8.0, 6.0),
    absolute("the most it had resident, MB", "peak", AGENT_NAME, 24.0, 12.0),
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
        let ours = |name| [ADIT, CHAIN, HELLO, SQLITE].contains(&name);
        ours(self.system) && self.over.is_none_or(ours)
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
    use super::{Outcome, TUNNEL};

    #[test]
    fn limits_count_as_met() {
        let throughput = &TUNNEL[0];
        assert_eq!(throughput.outcome(0.9), Outcome::Aim);
        assert_eq!(throughput.outcome(0.75), Outcome::Pass);
        assert_eq!(throughput.outcome(0.74), Outcome::Miss);
        let cpu = &TUNNEL[2];
        assert_eq!(cpu.outcome(1.31), Outcome::Miss);
    }
}
