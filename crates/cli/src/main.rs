//! The `adit` command: picks what to do. Started as `localproxy` it is the local proxy, as `adit-agent` the agent.

mod agent;
mod exit;
mod out;
mod proxy;

#[cfg(feature = "client")]
mod admin;
#[cfg(feature = "client")]
mod api;
#[cfg(feature = "client")]
mod ask;
#[cfg(feature = "client")]
mod cert;
#[cfg(feature = "client")]
mod data_dir;
#[cfg(feature = "client")]
mod forward;
#[cfg(feature = "client")]
mod http;
#[cfg(feature = "client")]
mod man;
#[cfg(feature = "client")]
mod mqtt;
#[cfg(feature = "client")]
mod nc;
#[cfg(feature = "client")]
mod noun;
#[cfg(feature = "client")]
mod policy;
#[cfg(feature = "client")]
mod private;
#[cfg(feature = "client")]
mod reach;
#[cfg(feature = "client")]
mod shell;
#[cfg(feature = "client")]
mod signals;
#[cfg(feature = "client")]
mod span;
#[cfg(feature = "client")]
mod ssh;
#[cfg(feature = "client")]
mod ssh_config;
#[cfg(feature = "client")]
mod target;
#[cfg(feature = "client")]
mod template;
#[cfg(feature = "client")]
mod thing;
#[cfg(feature = "client")]
mod tunnel;
#[cfg(feature = "client")]
mod watch;

#[cfg(feature = "client")]
mod audit;
#[cfg(feature = "server")]
mod ca;
#[cfg(feature = "client")]
mod clients;
#[cfg(feature = "server")]
mod config;
#[cfg(feature = "client")]
mod console;
#[cfg(feature = "server")]
mod demo;
#[cfg(feature = "client")]
mod doctor;
#[cfg(feature = "client")]
mod env;
#[cfg(feature = "server")]
mod operations;
#[cfg(feature = "server")]
mod permissions;
#[cfg(feature = "client")]
mod provisioning;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "client")]
mod status;
#[cfg(feature = "client")]
mod why;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Reach devices behind NAT and onboard them, speaking AWS IoT's protocols, on your own machines.
#[derive(Parser)]
#[command(name = "adit", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    #[cfg(feature = "server")]
    Serve(serve::Args),
    /// Print the environment that points `aws`, boto3 and `localproxy` at the server.
    ///
    /// Use it as: eval "$(adit env)"
    #[cfg(feature = "client")]
    Env(env::Args),
    /// Show what the server is doing.
    #[cfg(feature = "client")]
    Status(status::Args),
    /// Open, look at and close tunnels.
    #[cfg(feature = "client")]
    Tunnel(Box<tunnel::Args>),
    /// Devices in the registry: things, their types, groups, shadows and connections.
    #[cfg(feature = "client")]
    Thing(Box<thing::Args>),
    /// Device certificates: make, register, activate, revoke, attach.
    #[cfg(feature = "client")]
    Cert(Box<cert::Args>),
    /// AWS IoT policies: what devices may do.
    #[cfg(feature = "client")]
    Policy(Box<policy::Args>),
    /// Provisioning templates: how devices get into the registry.
    #[cfg(feature = "client")]
    Template(Box<template::Args>),
    /// Log in to a device with the system's ssh, or run a command there.
    ///
    /// adit's own options, which are long, come first; then everything is as for ssh: adit ssh -L 8080:localhost:80
    /// root@lamp1 uptime. The exit status is ssh's.
    #[cfg(feature = "client")]
    Ssh(Box<ssh::Args>),
    /// Connect standard input and output to a service of a device; a ProxyCommand for ssh.
    #[cfg(feature = "client")]
    Nc(Box<nc::Args>),
    /// Bring services of a device to ports of this machine.
    #[cfg(feature = "client")]
    Forward(Box<forward::Args>),
    /// Print what ~/.ssh/config needs for ssh, scp, rsync, ansible and editors to reach devices by name.
    ///
    /// Use it as: adit ssh-config >> ~/.ssh/config; ssh lamp1.adit
    #[cfg(feature = "client")]
    SshConfig(Box<ssh_config::Args>),
    /// Publish and subscribe on the device gateway.
    #[cfg(feature = "client")]
    Mqtt(Box<mqtt::Args>),
    /// Show who did what to which resource, with what result.
    #[cfg(feature = "client")]
    Audit(audit::Args),
    /// Show why devices were refused: certificate, policy and statement, or what is missing.
    #[cfg(feature = "client")]
    Why(why::Args),
    /// Make a one-time link that signs in to the web console, and open it.
    #[cfg(feature = "client")]
    Console(console::Args),
    /// Show connected MQTT clients, or cut one off.
    #[cfg(feature = "client")]
    Clients(clients::Args),
    /// Show which devices were provisioned on their first connection and which were not, or try again.
    #[cfg(feature = "client")]
    Provisioning(provisioning::Args),
    /// A CA for devices: make one, register it, make and sign device certificates.
    #[cfg(feature = "server")]
    Ca(Box<ca::Args>),
    /// Check from outside what users get wrong: folder, certificate, clock, keys, ports.
    #[cfg(feature = "client")]
    Doctor(doctor::Args),
    /// Print, check or explain the configuration.
    #[cfg(feature = "server")]
    Config(config::Args),
    /// Show a whole tunnel at work: server, device, and a web page fetched through it.
    #[cfg(feature = "server")]
    Demo(demo::Args),
    /// Print the table of AWS operations and which of them are served.
    #[cfg(feature = "server")]
    #[command(hide = true)]
    Operations {
        /// Print what each of them needs instead.
        #[arg(long)]
        needs: bool,
        /// Print the limits instead.
        #[arg(long, conflicts_with = "needs")]
        limits: bool,
    },
    /// Run on a device: keep it reachable, and open its end of tunnels when told.
    Agent(agent::Args),
    /// Run one end of a tunnel; takes the options of AWS's `localproxy` (`adit proxy --help`).
    #[command(disable_help_flag = true)]
    Proxy {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
    /// Write the manual pages: adit.1 and one for each command.
    #[cfg(feature = "client")]
    Man(man::Args),
    /// Print a completion script for a shell.
    Completions {
        /// bash, zsh, fish, elvish or powershell.
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    if proxy::is_localproxy(std::env::args_os().next()) {
        return proxy::run(std::env::args_os().skip(1).collect());
    }
    if agent::is_agent(std::env::args_os().next()) {
        return agent::run_here();
    }
    match Cli::parse().command {
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::run(&args),
        #[cfg(feature = "client")]
        Command::Env(args) => env::run(&args),
        #[cfg(feature = "client")]
        Command::Status(args) => status::run(&args),
        #[cfg(feature = "client")]
        Command::Tunnel(args) => tunnel::run(&args),
        #[cfg(feature = "client")]
        Command::Thing(args) => thing::run(&args),
        #[cfg(feature = "client")]
        Command::Cert(args) => cert::run(&args),
        #[cfg(feature = "client")]
        Command::Policy(args) => policy::run(&args),
        #[cfg(feature = "client")]
        Command::Template(args) => template::run(&args),
        #[cfg(feature = "client")]
        Command::Ssh(args) => ssh::run(&args),
        #[cfg(feature = "client")]
        Command::Nc(args) => nc::run(&args),
        #[cfg(feature = "client")]
        Command::Forward(args) => forward::run(&args),
        #[cfg(feature = "client")]
        Command::SshConfig(args) => ssh_config::run(&args),
        #[cfg(feature = "client")]
        Command::Mqtt(args) => mqtt::run(&args),
        #[cfg(feature = "client")]
        Command::Audit(args) => audit::run(&args),
        #[cfg(feature = "client")]
        Command::Why(args) => why::run(&args),
        #[cfg(feature = "client")]
        Command::Console(args) => console::run(&args),
        #[cfg(feature = "client")]
        Command::Clients(args) => clients::run(&args),
        #[cfg(feature = "client")]
        Command::Provisioning(args) => provisioning::run(&args),
        #[cfg(feature = "server")]
        Command::Ca(args) => ca::run(&args),
        #[cfg(feature = "client")]
        Command::Doctor(args) => doctor::run(&args),
        #[cfg(feature = "server")]
        Command::Config(args) => config::run(&args),
        #[cfg(feature = "server")]
        Command::Demo(args) => demo::run(&args),
        #[cfg(feature = "server")]
        Command::Operations { limits: true, .. } => operations::limits(),
        #[cfg(feature = "server")]
        Command::Operations { needs: true, .. } => permissions::run(),
        #[cfg(feature = "server")]
        Command::Operations { .. } => operations::run(),
        Command::Agent(args) => agent::run(&args),
        Command::Proxy { args } => proxy::run(args),
        #[cfg(feature = "client")]
        Command::Man(args) => man::run(&args, Cli::command()),
        Command::Completions { shell } => completions(shell),
    }
}

/// Runs a command that waits for sockets.
#[cfg(feature = "client")]
fn block_on<T>(work: impl Future<Output = exit::Result<T>>) -> exit::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| exit::Failure::failed(format!("no runtime: {error}")))?.block_on(work)
}

fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "adit", &mut script);
    out::raw(&String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
