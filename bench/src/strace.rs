//! Counts the system calls of running processes with strace.

use crate::fail::{Result, fail};
use crate::process::on_path;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LONGEST: Duration = Duration::from_secs(10);

/// strace, attached to a process and all its threads.
pub struct Trace {
    child: Child,
    counts: PathBuf,
}

impl Trace {
    /// Whether strace is there.
    pub fn possible() -> bool {
        on_path("strace").is_some()
    }

    /// Attaches, and waits until every thread is attached.
    pub fn attach(pid: u32, dir: &Path, name: &str) -> Result<Self> {
        let (counts, log) = (dir.join(format!("{name}.counts")), dir.join(format!("{name}.attach")));
        let child = Command::new("strace")
            .args(["-f", "-c", "-p", &pid.to_string(), "-o"])
            .arg(&counts)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut trace = Self { child, counts };
        let threads = fs::read_dir(format!("/proc/{pid}/task"))?.count();
        let deadline = Instant::now() + LONGEST;
        loop {
            let text = fs::read_to_string(&log)?;
            if text.matches(" attached").count() >= threads.min(1) {
                std::thread::sleep(Duration::from_millis(200));
                return Ok(trace);
            }
            if Instant::now() > deadline || trace.child.try_wait()?.is_some() {
                return fail(format!("strace did not attach to {name}: {}", text.trim()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Detaches. Gives the number of calls by name.
    pub fn detach(mut self) -> Result<BTreeMap<String, u64>> {
        self.interrupt();
        let deadline = Instant::now() + LONGEST;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return fail("strace did not end");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(parse(&fs::read_to_string(&self.counts)?))
    }

    fn interrupt(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It may have ended by itself, together with the process it followed.
        let _ = pid.map(|pid| kill_process(pid, Signal::INT));
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Rows of `strace -c`: share, seconds, microseconds per call, calls, errors (or nothing), name.
fn parse(table: &str) -> BTreeMap<String, u64> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let calls = words.get(3)?.parse().ok()?;
        Some(((*words.last()?).to_owned(), calls))
    };
    table.lines().filter_map(row).filter(|(name, _)| name != "total").collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_of_strace_is_read() {
        let table = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 60.00    0.001200           4       300       150 recvfrom
 40.00    0.000800           5       160           epoll_wait
------ ----------- ----------- --------- --------- ------------------
100.00    0.002000           4       460       150 total
";
        let counts = super::parse(table);
        assert_eq!(counts.get("recvfrom"), Some(&300));
        assert_eq!(counts.values().sum::<u64>(), 460);
    }
}
