//! `adit mqtt`: publish and subscribe, with the operator's keys or with a device's certificate.

mod publish;
mod shown;
mod subscribe;
mod way;

use crate::exit;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Publish a message.
    ///
    /// With QoS 1, which is usual, the command ends when the server has the message.
    Pub(publish::Args),
    /// Subscribe, and print the messages that arrive.
    Sub(subscribe::Args),
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(match &args.command {
        Command::Pub(args) => crate::block_on(publish::run(args)),
        Command::Sub(args) => crate::block_on(subscribe::run(args)),
    })
}
