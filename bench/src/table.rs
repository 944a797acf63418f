//! The results, for people.

use crate::goals::{Goal, Outcome, TUNNEL as TUNNEL_GOALS};
use crate::out;
use crate::record::{Measurement, Record};
use crate::stats::Spread;

/// What a suite shows.
pub struct Layout {
    /// Cases in the order of the table, with their heading.
    pub rows: &'static [(&'static str, &'static str)],
    pub goals: &'static [Goal],
    /// The system that ratios are taken to.
    pub reference: &'static str,
    /// Said above the table.
    pub note: &'static str,
    /// Cases that show CPU by role, and the roles.
    pub parts_of: &'static [&'static str],
    pub parts: &'static [&'static str],
}

/// The tunnel suite.
pub const TUNNEL: Layout = Layout {
    rows: &ROWS,
    goals: &TUNNEL_GOALS,
    reference: "chain",
    note: "CPU is source + relay + destination",
    parts_of: &["up-cpu", "down-cpu"],
    parts: &["source", "relay", "destination", "generator"],
};

const ROWS: [(&str, &str); 33] = [
    ("up", "one stream up, MiB/s"),
    ("down", "one stream down, MiB/s"),
    ("up-cpu", "one stream up, CPU s/GiB"),
    ("down-cpu", "one stream down, CPU s/GiB"),
    ("up-cpu-relay", "one stream up, CPU s/GiB of the relay alone"),
    ("down-cpu-relay", "one stream down, CPU s/GiB of the relay alone"),
    ("50-up", "50 streams up, MiB/s"),
    ("50-down", "50 streams down, MiB/s"),
    ("echo-p50", "64-byte echo, idle, p50 µs"),
    ("echo-p99", "64-byte echo, idle, p99 µs"),
    ("busy-echo-p50", "64-byte echo beside a saturated stream, p50 µs"),
    ("busy-echo-p99", "64-byte echo beside a saturated stream, p99 µs"),
    ("busy-echo-stream", "the stream beside it, MiB/s"),
    ("connect-p50", "new connection + 1 byte, p50 ms"),
    ("connect-p99", "new connection + 1 byte, p99 ms"),
    ("burst-6-failures", "6 connections at once, failures"),
    ("burst-6", "6 connections at once, all served after ms"),
    ("burst-50-failures", "50 connections at once, failures"),
    ("burst-50", "50 connections at once, all served after ms"),
    ("round-source", "peak of the source in a round, MiB"),
    ("round-relay", "peak of the relay in a round, MiB"),
    ("round-destination", "peak of the destination in a round, MiB"),
    ("slow-service-source", "service reads 1 MiB/s: peak of the source, MiB"),
    ("slow-service-relay", "service reads 1 MiB/s: peak of the relay, MiB"),
    ("slow-service-destination", "service reads 1 MiB/s: peak of the destination, MiB"),
    ("slow-client-source", "client reads 1 MiB/s: peak of the source, MiB"),
    ("slow-client-relay", "client reads 1 MiB/s: peak of the relay, MiB"),
    ("slow-client-destination", "client reads 1 MiB/s: peak of the destination, MiB"),
    ("at-rest", "local proxy at rest, resident MiB"),
    ("idle", "idle tunnel, kB of the server (slope)"),
    ("idle-cores", "all idle tunnels, share of a core"),
    ("connection-rate", "tunnel connections a second"),
    ("connection-cpu", "server CPU per tunnel connection, ms"),
];

/// Prints everything. Whether all that was measured passed.
pub fn print(record: &Record, systems: &[&str], layout: &Layout) -> bool {
    out::data(format_args!("\n{}", record.heading()));
    let (kept, left) = record.rounds();
    out::data(format_args!(
        "rounds counted: {kept:?}; left out, calibration off by more than 30 %: {left:?}"
    ));
    if left.len() * 3 > kept.len() + left.len() {
        out::data("more than a third of the rounds left out: the machine is too noisy for these numbers");
    }
    out::data(format_args!(
        "\nmedian [least–most]; × is the ratio to {} in the same round; {}",
        layout.reference, layout.note
    ));
    for (case, heading) in layout.rows {
        let lines: Vec<String> =
            systems.iter().filter_map(|system| line(record, case, system, layout)).collect();
        if !lines.is_empty() {
            out::data(format_args!("\n{heading}"));
            lines.iter().for_each(out::data);
        }
    }
    let mut passed = true;
    out::data("\ngoals (the median counts)");
    for goal in layout.goals {
        let (outcome, line) = goal.judge(record);
        passed &= outcome != Outcome::Miss && (outcome != Outcome::Absent || !goal.needs_no_peer());
        out::data(line);
    }
    if !record.failures().is_empty() {
        out::data("\nfailed");
        record.failures().iter().for_each(|text| out::data(format_args!("  {text}")));
    }
    passed
}

fn line(record: &Record, case: &str, system: &str, layout: &Layout) -> Option<String> {
    let spread = record.spread(case, system)?;
    let mut line = format!("  {:<12}{:<28}", system, shown(spread, digits(spread.median)));
    if system != layout.reference
        && let Some(ratio) = record.ratio(case, system, layout.reference)
    {
        line.push_str(&format!("× {:<24}", shown(ratio, 2)));
    }
    if layout.parts_of.contains(&case) {
        let values = record.values(case, system);
        let part = |role: &&str| {
            let spent = |m: &&Measurement| m.cpu.get(role).copied();
            Spread::of(values.values().filter_map(spent)).map(|s| format!("{role} {:.2}", s.median))
        };
        let parts: Vec<String> = layout.parts.iter().filter_map(part).collect();
        line.push_str(&parts.join(", "));
    }
    if record.values(case, system).values().any(|m| m.generator_bound) {
        line.push_str("  gen-bound");
    }
    Some(line.trim_end().to_owned())
}

fn shown(spread: Spread, digits: usize) -> String {
    format!("{:.digits$} [{:.digits$}–{:.digits$}]", spread.median, spread.least, spread.most)
}

fn digits(value: f64) -> usize {
    match value {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    }
}
