//! `adit agent doctor`: prints what the doctor of the agent finds.

use std::path::Path;

use adit_device::agent::config::FILE;
use adit_device::agent::doctor::{self, Findings, Grade};
use adit_device::log::Log;

use crate::exit::{Failure, Result};
use crate::out;

/// Checks everything; the exit code is 1 when something failed.
pub fn run(file: Option<&Path>, json: bool) -> Result {
    let loaded = super::load(file);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("no runtime: {error}")))?;
    let file = file.unwrap_or(Path::new(FILE));
    let findings = runtime.block_on(doctor::examine(file, &loaded, Log::new(0)));
    if json {
        out::data(format_args!("{:#}", findings.to_json()));
    } else {
        print(&findings);
    }
    match findings.failures() {
        0 => Ok(()),
        failures => Err(Failure::failed(format!("{failures} of {} checks failed", findings.lines().len()))),
    }
}

fn print(findings: &Findings) {
    for finding in findings.lines() {
        let mark = match finding.grade {
            Grade::Ok => out::good("ok     "),
            Grade::Warning => out::attention("warning"),
            Grade::Failed => out::bad("failed "),
        };
        out::data(format_args!("{mark}  {:<13} {}", finding.check, finding.text));
    }
}
