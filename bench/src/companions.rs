//! Counts that say the same on a busy machine as on a quiet one: system calls per MiB and per echo, and bytes per
//! idle connection, against the limits in `companions.toml`.

use crate::fail::{Result, fail};
use crate::mqtt::{Gateway, SCRIPTS};
use crate::pattern::Pattern;
use crate::pki::Pki;
use crate::service::{self, Order, Service};
use crate::strace::Trace;
use crate::systems::{Kind, Lab, System};
use crate::{idle, out, process, programs};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

/// What `bench companions` takes.
#[derive(clap::Args)]
pub struct Options {
    /// Other limits than the committed ones.
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
    /// Pass without the counts of system calls where strace is absent.
    #[arg(long)]
    without_strace: bool,
}

const LIMITS: &str = include_str!("../companions.toml");
const BLOCK: usize = 256 * 1024;
const BLOCKS: usize = 64;
const ECHOES: usize = 500;
const FEW: usize = 100;
const MOST: usize = 500;
const ROLES: [&str; 3] = ["source", "relay", "destination"];

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Limits {
    system_calls_per_mib: BTreeMap<String, f64>,
    system_calls_per_echo: BTreeMap<String, f64>,
    bytes_per_idle_connection: f64,
    system_calls_per_message: BTreeMap<String, f64>,
    bytes_per_idle_device: f64,
}

/// Counts and compares. Whether all is within the limits.
pub fn run(options: &Options) -> Result<bool> {
    let text = match &options.limits {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => LIMITS.to_owned(),
    };
    let limits: Limits = toml::from_str(&text)?;
    process::raise_open_files();
    let dir = tempfile::Builder::new().prefix("adit-companions-").tempdir()?;
    let pattern = Arc::new(Pattern::new());
    let service = Service::start(Arc::clone(&pattern))?;
    let programs = programs::find(None)?;
    let lab = Lab {
        service: service.address,
        pki: Pki::make(dir.path())?,
        dir: dir.path().to_owned(),
        adit: programs.adit,
        localproxy: programs.localproxy,
        aws_localproxy: None,
    };
    let mut passed = true;
    if Trace::possible() {
        passed &= system_calls(&lab, &pattern, &limits)?;
    } else {
        out::data("absent  system calls: strace is not on PATH (Debian: apt-get install strace)");
        passed &= options.without_strace;
    }
    let idle = idle::measure(&lab.adit, &lab.dir.join("idle"), FEW, MOST)?;
    let bytes = idle.bytes_per_tunnel / 2.0;
    passed &= judge("bytes per idle connection", bytes, limits.bytes_per_idle_connection, "");
    passed &= gateway(&lab, &limits)?;
    Ok(passed)
}

fn gateway(lab: &Lab, limits: &Limits) -> Result<bool> {
    let gateway = Gateway::start(&lab.adit, lab.dir.join("gateway"))?;
    let mut passed = true;
    for (name, qos, batch) in SCRIPTS.into_iter().filter(|_| Trace::possible()) {
        let (calls, messages) = gateway.system_calls(name, qos, batch)?;
        let total = calls.values().sum::<u64>() as f64 / messages;
        let Some(limit) = limits.system_calls_per_message.get(name) else {
            return fail(format!("no limit for {name}"));
        };
        passed &=
            judge(&format!("system calls per message, {name}"), total, *limit, &listed(&calls, messages));
    }
    let bytes = gateway.bytes_per_idle_connection()?;
    passed &= judge("bytes per idle device", bytes, limits.bytes_per_idle_device, "");
    Ok(passed)
}

fn system_calls(lab: &Lab, pattern: &Pattern, limits: &Limits) -> Result<bool> {
    let system = lab.start(Kind::Adit, "traced")?;
    let mut blocks = service::open(system.entry, Order::Blocks(BLOCK as u64))?;
    exchange_blocks(&mut blocks, pattern, 4)?;
    let bulk = counted(lab, &system, "blocks", || exchange_blocks(&mut blocks, pattern, BLOCKS))?;
    drop(blocks);
    let mut echo = service::open(system.entry, Order::Echo)?;
    exchange_echoes(&mut echo, 20)?;
    let echoes = counted(lab, &system, "echoes", || exchange_echoes(&mut echo, ECHOES))?;
    let mib = (BLOCK * BLOCKS) as f64 / 1_048_576.0;
    let mut passed = true;
    let rows = [
        ("MiB", bulk, mib, &limits.system_calls_per_mib),
        ("echo", echoes, ECHOES as f64, &limits.system_calls_per_echo),
    ];
    for (unit, counts, work, limits) in rows {
        for role in ROLES {
            let Some(calls) = counts.get(role) else { return fail(format!("no counts of the {role}")) };
            let Some(limit) = limits.get(role) else { return fail(format!("no limit for the {role}")) };
            let total = calls.values().sum::<u64>() as f64 / work;
            passed &= judge(&format!("system calls per {unit}, {role}"), total, *limit, &listed(calls, work));
        }
    }
    Ok(passed)
}

type Counts = BTreeMap<&'static str, BTreeMap<String, u64>>;

fn counted(lab: &Lab, system: &System, script: &str, run: impl FnOnce() -> Result<()>) -> Result<Counts> {
    let mut traces = Vec::new();
    for (role, pid) in system.pids() {
        traces.push((role, Trace::attach(pid, &lab.dir, &format!("{script}-{role}"))?));
    }
    run()?;
    traces.into_iter().map(|(role, trace)| Ok((role, trace.detach()?))).collect()
}

/// One block at a time: what a process finds waiting does not depend on how fast it is.
fn exchange_blocks(stream: &mut TcpStream, pattern: &Pattern, count: usize) -> Result<()> {
    for _ in 0..count {
        pattern.send(stream, 0, BLOCK as u64, || true)?;
        service::done(stream)?;
    }
    Ok(())
}

fn exchange_echoes(stream: &mut TcpStream, count: usize) -> Result<()> {
    let mut back = [0; 64];
    for _ in 0..count {
        stream.write_all(&[7; 64])?;
        stream.read_exact(&mut back)?;
    }
    Ok(())
}

fn judge(name: &str, value: f64, limit: f64, detail: &str) -> bool {
    let within = value <= limit;
    let word = if within { "ok" } else { "OVER" };
    out::data(format_args!("{word:<8}{name:<40}{value:>10.1}  limit {limit:>8.1}{detail}"));
    within
}

fn listed(calls: &BTreeMap<String, u64>, work: f64) -> String {
    let mut most: Vec<_> = calls.iter().collect();
    most.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let mut text = String::from("  ");
    for (name, count) in most.into_iter().take(5) {
        let _ = write!(text, " {name} {:.1}", *count as f64 / work);
    }
    text
}
