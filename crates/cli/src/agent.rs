//! `adit agent`: a device that is reachable.

mod doctor;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use adit_device::agent::config::{self, Config, FILE, Problem};
use adit_device::agent::run;
use adit_device::log::Level;

use crate::exit::{self, Failure, Result};
use crate::out;

/// What a device's policy must allow for the agent to work, and no more.
pub const POLICY: &str = include_str!("agent/policy.json");

#[derive(clap::Args)]
pub struct Args {
    /// The TOML file; without it /etc/adit/agent.toml, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The least important lines to log: error, warning, info, debug or trace; goes before log-level of the file.
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    log_level: Option<Level>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Read the configuration as the agent would, and print what is in force or all that is wrong.
    Check,
    /// Check everything the agent needs, from the configuration to each service, and say what to do.
    ///
    /// It connects as the agent does: one that runs loses its connection for a moment.
    Doctor {
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print a configuration file with every key, its default and what it does.
    DefaultConfig,
    /// Print the AWS IoT policy that an agent's certificate needs, for every region and account.
    ///
    /// Use it as: adit agent policy | adit policy create agent -
    Policy,
    /// Print the reference page docs/agent-config.md.
    #[command(hide = true)]
    Docs,
}

/// Keep this device reachable, and open its end of tunnels when told.
#[derive(clap::Parser)]
#[command(name = "adit-agent", version, max_term_width = 100)]
struct Program {
    #[command(flatten)]
    args: Args,
}

/// Whether the program was started as `adit-agent`.
pub fn is_agent(program: Option<std::ffi::OsString>) -> bool {
    program.is_some_and(|program| Path::new(&program).file_name().is_some_and(|name| name == "adit-agent"))
}

/// Runs `adit-agent`.
pub fn run_here() -> ExitCode {
    run(&<Program as clap::Parser>::parse().args)
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(match args.command {
        None => start(args),
        Some(Command::Check) => check(args),
        Some(Command::Doctor { json }) => doctor::run(args.config.as_deref(), json),
        Some(Command::DefaultConfig) => {
            out::raw(&config::default_toml());
            Ok(())
        }
        Some(Command::Policy) => {
            out::raw(POLICY);
            Ok(())
        }
        Some(Command::Docs) => {
            out::raw(&config::reference());
            Ok(())
        }
    })
}

fn level(word: &str) -> std::result::Result<Level, String> {
    match Level::of(word) {
        None | Some(Level::Fatal) => Err("one of error, warning, info, debug, trace".to_owned()),
        Some(level) => Ok(level),
    }
}

/// Reads the file, if one is named or is in its usual place, and the environment.
pub fn load(file: Option<&Path>) -> std::result::Result<Config, Vec<Problem>> {
    let usual = Path::new(FILE);
    let file = file.or_else(|| usual.exists().then_some(usual));
    Config::load(file, std::env::vars_os().filter_map(text))
}

/// A variable that is text; others are nobody's.
fn text(pair: (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((pair.0.into_string().ok()?, pair.1.into_string().ok()?))
}

/// All problems, a line each, and what to type next.
fn failure(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::usage(format!(
        "the configuration cannot be used:\n  {}\nadit agent default-config prints a file with every key",
        lines.join("\n  ")
    ))
}

fn start(args: &Args) -> Result {
    let load = || {
        let mut config = load(args.config.as_deref())?;
        config.log_level = args.log_level.unwrap_or(config.log_level);
        Ok(config)
    };
    let config = load().map_err(|problems: Vec<Problem>| failure(&problems))?;
    run::run(config, &load).map_err(|error| Failure::failed(format!("the agent cannot run: {error}")))
}

fn check(args: &Args) -> Result {
    let config = load(args.config.as_deref()).map_err(|problems| failure(&problems))?;
    out::raw(&config.to_string());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_known_by_its_name() {
        let is = |name: &str| is_agent(Some(name.into()));
        assert!(is("adit-agent") && is("/usr/bin/adit-agent"));
        assert!(!is("adit") && !is("/adit-agent/adit") && !is_agent(None));
        <Program as clap::CommandFactory>::command().debug_assert();
    }
}
