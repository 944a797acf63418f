//! The program: arguments and environment in, exit status out.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::{self, Config, Lookup, Stop};
use crate::input;
use crate::log::Log;
use crate::options::{self, HINT, UsageError, Values};
use crate::{proxy, settings};

/// The version AWS's local proxy had when this one was made to match it, with ours as build metadata.
pub const VERSION: &str = concat!("v3.3.1+adit-", env!("CARGO_PKG_VERSION"));

const BANNER: &str = "Running AWS IoT Secure Tunneling Local Proxy version: ";

const DEFAULT_VERBOSE: u8 = 4;

/// Runs the local proxy in this process's environment, with the arguments after the program's name.
pub fn run_here(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<String> = args.into_iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    ExitCode::from(main(&args, &|name| std::env::var(name).ok()))
}

/// Runs the local proxy with the arguments after the program's name. Returns the exit status: 0 after a Close
/// frame, `--help` and the like; 1 after wrong usage, a configuration error, or a refusal by the server.
/// Signals keep their default effect.
pub fn main(args: &[String], environment: Lookup<'_>) -> u8 {
    print(&mut io::stdout(), &format!("{BANNER}{VERSION}\n"));
    let values = match options::parse(args) {
        Ok(values) => values,
        Err(error) => return usage(&error),
    };
    if values.is_set("version") {
        return 0;
    }
    if values.is_set("help") {
        print(&mut io::stderr(), &options::help());
        return 0;
    }
    let log = Log::new(verbosity(&values));
    if let Some(path) = values.get("export-default-settings") {
        return export(path, log);
    }
    match config::build(values, environment, log) {
        Ok(config) => run(&config, log),
        Err(Stop::Usage(error)) => usage(&error),
        Err(Stop::Rejected(rejected)) => refuse(&rejected, log),
        Err(Stop::Fatal(text)) => {
            log.fatal(text);
            1
        }
    }
}

/// A standard stream that is gone is no reason to stop.
fn print(stream: &mut dyn Write, text: &str) {
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

fn verbosity(values: &Values) -> u8 {
    match values.get("verbose").and_then(|text| text.parse::<u16>().ok()) {
        Some(level) => u8::try_from(level).unwrap_or(u8::MAX),
        None => DEFAULT_VERBOSE,
    }
}

fn usage(error: &UsageError) -> u8 {
    print(&mut io::stderr(), &format!("{error}\n{HINT}\n"));
    1
}

fn refuse(rejected: &input::Rejected, log: Log) -> u8 {
    log.warning(format_args!("SECURITY: Rejected input for '{}': {}", rejected.name, rejected.why));
    log.fatal(rejected.message);
    1
}

fn export(path: &str, log: Log) -> u8 {
    if let Err(rejected) = input::path(path) {
        return refuse(&rejected, log);
    }
    match std::fs::write(path, settings::export()) {
        Ok(()) => 0,
        Err(error) => {
            log.fatal(format_args!("Could not write the default settings to {path}: {error}"));
            1
        }
    }
}

fn run(config: &Config, log: Log) -> u8 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let status = runtime.block_on(proxy::run(config, log));
            runtime.shutdown_background();
            status
        }
        Err(error) => {
            log.fatal(format_args!("Could not start: {error}"));
            1
        }
    }
}
