//! What a process has used, from `/proc`: CPU time in ns, resident and peak memory.
//!
//! CPU time is the sum of the scheduler's own counters of all tasks (`/proc/PID/task/*/schedstat`, ns). Tasks that
//! ended are missing there, and some kernels keep no such counters: where `/proc/PID/stat` (ticks of 10 ms, ended
//! tasks included) knows of more than rounding can explain, it counts.

use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(10);

/// What a process and its descendants have used up to now.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    processes: BTreeMap<u32, Times>,
}

#[derive(Clone, Debug, Default)]
struct Times {
    tasks: BTreeMap<u32, u64>,
    ticks: u32,
}

impl Usage {
    /// Reads the counters of `pid` and everything it started.
    pub fn of(pid: u32) -> Self {
        Self { processes: family(pid).into_iter().map(|pid| (pid, times(pid))).collect() }
    }

    /// Reads the counters of `pid` alone.
    pub fn of_one(pid: u32) -> Self {
        Self { processes: BTreeMap::from([(pid, times(pid))]) }
    }

    /// CPU time used since `earlier`.
    pub fn since(&self, earlier: &Usage) -> Duration {
        let none = Times::default();
        self.processes.iter().map(|(pid, now)| now.since(earlier.processes.get(pid).unwrap_or(&none))).sum()
    }

    /// CPU time of the one task that used most since `earlier`.
    pub fn busiest_since(&self, earlier: &Usage) -> Duration {
        let none = Times::default();
        let tasks =
            |(pid, now): (&u32, &Times)| now.busiest_since(earlier.processes.get(pid).unwrap_or(&none));
        self.processes.iter().map(tasks).max().unwrap_or_default()
    }
}

impl Times {
    fn busiest_since(&self, earlier: &Times) -> Duration {
        let used =
            |(task, now): (&u32, &u64)| now.saturating_sub(earlier.tasks.get(task).copied().unwrap_or(0));
        Duration::from_nanos(self.tasks.iter().map(used).max().unwrap_or(0))
    }

    fn since(&self, earlier: &Times) -> Duration {
        let used =
            |(task, now): (&u32, &u64)| now.saturating_sub(earlier.tasks.get(task).copied().unwrap_or(0));
        let by_tasks = Duration::from_nanos(self.tasks.iter().map(used).sum());
        let by_ticks = TICK * self.ticks.saturating_sub(earlier.ticks);
        if by_ticks > by_tasks + 3 * TICK { by_ticks } else { by_tasks }
    }
}

/// CPU time of those threads of `pid` whose names begin so, since they started.
pub fn threads(pid: u32, name: &str) -> Duration {
    let mut spent = 0;
    for entry in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let called = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if called.starts_with(name) {
            let text = fs::read_to_string(entry.path().join("schedstat")).unwrap_or_default();
            spent += text.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Duration::from_nanos(spent)
}

/// CPU time of the calling thread.
pub fn own_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// `pid` and its descendants.
pub fn family(pid: u32) -> Vec<u32> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if let Some(parent) = stat_field(child, 1) {
            parents.insert(child, u32::try_from(parent).unwrap_or(0));
        }
    }
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(&parent) = family.get(at) {
        family.extend(parents.iter().filter(|(_, p)| **p == parent).map(|(child, _)| *child));
        at += 1;
    }
    family
}

fn times(pid: u32) -> Times {
    let mut times = Times::default();
    for entry in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let Some(task) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let text = fs::read_to_string(entry.path().join("schedstat")).unwrap_or_default();
        if let Some(spent) = text.split(' ').next().and_then(|word| word.parse().ok()) {
            times.tasks.insert(task, spent);
        }
    }
    let ticks = |field| stat_field(pid, field).unwrap_or(0);
    times.ticks = u32::try_from(ticks(11) + ticks(12)).unwrap_or(u32::MAX);
    times
}

/// Field of `/proc/PID/stat`, counted from the state (0) that follows the program's name.
fn stat_field(pid: u32, field: usize) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(") ")?.1.split(' ').nth(field)?.parse().ok()
}

/// Resident memory in bytes, of the process and its descendants.
pub fn resident(pid: u32) -> u64 {
    family(pid).into_iter().filter_map(|pid| status(pid, "VmRSS:")).sum()
}

/// Peak resident memory in bytes since it started.
pub fn peak(pid: u32) -> u64 {
    family(pid).into_iter().filter_map(|pid| status(pid, "VmHWM:")).sum()
}

fn status(pid: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The machine: kernel, cores and the load of the last minute.
pub struct Machine {
    pub kernel: String,
    pub cores: usize,
}

impl Machine {
    pub fn read() -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            kernel: kernel.trim().to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// Load of the last minute.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{Usage, peak, resident};
    use std::time::{Duration, Instant};

    #[test]
    fn work_is_seen_as_cpu_time() {
        let me = std::process::id();
        let before = Usage::of(me);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        assert!(Usage::of(me).since(&before) > Duration::from_millis(5));
    }

    #[test]
    fn memory_is_read() {
        let me = std::process::id();
        assert!(resident(me) > 100_000 && peak(me) > 100_000);
    }
}
