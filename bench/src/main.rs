//! Measures adit beside a limit and its peers.

mod agent;
mod api;
mod calls;
mod cases;
mod chain;
mod companions;
mod fail;
mod goals;
mod idle;
mod load;
mod mqtt;
mod out;
mod pattern;
mod pki;
mod probe;
mod process;
mod programs;
mod record;
mod service;
mod stats;
mod strace;
mod suite;
mod systems;
mod table;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Measures adit beside a limit and its peers, on the loopback address. The method: bench/README.md.
#[derive(Parser)]
#[command(name = "bench", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tunnel data path: throughput, CPU, latency, connections, memory. Exits 1 when a goal is missed.
    Tunnel(suite::Options),
    /// Messages over mutual TLS: CPU per delivered message, latency. Exits 1 when a goal is missed.
    Mqtt(mqtt::MessagesOptions),
    /// Connections of devices: CPU to make one, memory to have one. Exits 1 when a goal is missed.
    Conn(mqtt::ConnOptions),
    /// Acknowledged messages after kill -9. Exits 1 when a goal is missed.
    Durable(mqtt::DurableOptions),
    /// Devices of an own CA, provisioned when they first connect. Exits 1 when a goal is missed.
    Jitp(mqtt::JitpOptions),
    /// Calls of the API: against a bare HTTP server, durable, beside moto. Exits 1 when a goal is missed.
    Api(calls::Options),
    /// The agent on a device: size, memory, CPU. Exits 1 when a goal is missed.
    Agent(agent::Options),
    /// Counts that do not depend on time, against committed limits. Exits 1 when one is over.
    Companions(companions::Options),
    /// One process of the limit.
    #[command(hide = true)]
    Chain {
        #[command(subcommand)]
        part: chain::Part,
    },
    /// The limit of the API: a bare HTTP server.
    #[command(hide = true)]
    Hello,
    /// Becomes a program that ends with its parent.
    #[command(hide = true)]
    Guard {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let passed = match Cli::parse().command {
        Command::Guard { words } => return process::guard(&words),
        Command::Chain { part } => chain::run(part).map(|()| true),
        Command::Tunnel(options) => suite::run(&options),
        Command::Mqtt(options) => mqtt::messages(&options),
        Command::Conn(options) => mqtt::conn(&options),
        Command::Durable(options) => mqtt::durable(&options),
        Command::Jitp(options) => mqtt::jitp(&options),
        Command::Api(options) => calls::run(&options),
        Command::Agent(options) => agent::run(&options),
        Command::Hello => calls::hello().map(|()| true),
        Command::Companions(options) => companions::run(&options),
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            out::talk(format_args!("bench: {error}"));
            ExitCode::from(2)
        }
    }
}
