//! The local proxy under the name AWS gives it.

use std::process::ExitCode;

fn main() -> ExitCode {
    adit_device::localproxy::run_here(std::env::args_os().skip(1))
}
