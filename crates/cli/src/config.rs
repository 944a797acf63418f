//! `adit config`: print, check and explain the configuration.

use crate::exit::{self, Failure, Result};
use crate::out;
use adit_server::config::{self, Config, Problem};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print a configuration file with every key, its default and what it does.
    Default,
    /// Read a file and the environment, and name everything that is wrong.
    Check {
        /// The TOML file; without it only the environment is checked.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Say what a key does, its unit, default and environment variable.
    Explain {
        /// Such as `tunnel.pace`, or a section such as `tunnel`.
        key: String,
    },
    /// Print the reference page docs/config.md.
    #[command(hide = true)]
    Docs,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(match &args.command {
        Command::Default => {
            out::raw(&config::default_toml());
            Ok(())
        }
        Command::Check { config, json } => check(config.as_deref(), *json),
        Command::Explain { key } => match config::explain(key) {
            Ok(text) => {
                out::raw(&text);
                Ok(())
            }
            Err(problem) => Err(Failure::usage(problem)),
        },
        Command::Docs => {
            out::raw(&config::reference());
            Ok(())
        }
    })
}

/// Reads the configuration as `adit serve` would.
pub fn load(file: Option<&Path>) -> std::result::Result<Config, Vec<Problem>> {
    Config::load(file, std::env::vars())
}

/// All problems, a line each.
pub fn failure(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::usage(format!("the configuration cannot be used:\n  {}", lines.join("\n  ")))
}

fn check(file: Option<&Path>, json: bool) -> Result {
    let problems = load(file).err().unwrap_or_default();
    if json {
        let list: Vec<_> = problems
            .iter()
            .map(|problem| serde_json::json!({ "place": problem.place, "text": problem.text }))
            .collect();
        out::json(&serde_json::json!({ "ok": list.is_empty(), "problems": list }));
    }
    if !problems.is_empty() {
        return Err(failure(&problems));
    }
    if !json {
        out::data("the configuration is fine");
    }
    Ok(())
}
