//! `adit proxy`: one end of a tunnel, the same program as `localproxy`.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Whether the program was started under the name of AWS's local proxy.
pub fn is_localproxy(program: Option<OsString>) -> bool {
    program.is_some_and(|program| Path::new(&program).file_stem().is_some_and(|name| name == "localproxy"))
}

/// Runs the local proxy with the arguments after the program's name.
pub fn run(args: Vec<OsString>) -> ExitCode {
    adit_device::localproxy::run_here(args)
}
