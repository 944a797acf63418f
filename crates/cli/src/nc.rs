//! `adit nc`: one connection to a service of a device, on standard input and output; a ProxyCommand for ssh.

mod pass;
mod stdio;

use std::path::PathBuf;
use std::process::ExitCode;

use adit_device::door::Door;
use adit_device::local::Socket;

use crate::exit::{self, Code, Failure, Result};
use crate::reach::{self, End};
use crate::target;

#[derive(clap::Args)]
pub struct Args {
    /// End the connection when the input ends. A tunnel ends it in both directions: what the device would still send is lost.
    #[arg(short = 'N', long)]
    pub end_with_input: bool,
    /// The service, when it does not stand behind the thing. Things with `:` in their name need it.
    #[arg(long, value_name = "NAME", value_parser = target::service)]
    pub service: Option<String>,
    /// What the name of a host looks like, with `*` for the thing; as given to `adit ssh-config`.
    #[arg(long, value_name = "PATTERN")]
    pub host_pattern: Option<String>,
    /// Pass the connection of a running `adit ssh` to its ssh.
    #[arg(long, value_name = "SOCKET", hide = true, conflicts_with = "target")]
    pub pass: Option<PathBuf>,
    /// The thing and its service, SSH unless it is named: lamp1, lamp1:VNC.
    #[arg(value_name = "THING[:SERVICE]", required_unless_present = "pass")]
    pub target: Option<String>,
    #[command(flatten)]
    pub reach: reach::ReachArgs,
}

pub fn run(args: &Args) -> ExitCode {
    if let Some(path) = &args.pass {
        let passed = pass::pass(path);
        return exit::code(passed.map_err(|error| Failure::failed(format!("{}: {error}", path.display()))));
    }
    reach::code(crate::block_on(nc(args)))
}

impl Args {
    /// The thing and the service.
    fn target(&self) -> std::result::Result<(String, String), String> {
        let word = self.target.as_deref().unwrap_or_default();
        let (before, after) =
            self.host_pattern.as_deref().and_then(|text| text.split_once('*')).unwrap_or_default();
        let word = word.strip_prefix(before).and_then(|word| word.strip_suffix(after)).unwrap_or(word);
        match &self.service {
            Some(service) => Ok((target::thing(word)?, service.clone())),
            None => target::with_service(word),
        }
    }
}

async fn nc(args: &Args) -> Result<End> {
    let (thing, service) = args.target().map_err(Failure::usage)?;
    let (door, hand) = Door::handed(&service);
    let meter = door.meter.clone();
    let end = reach::with(&args.reach, Some(&thing), vec![vec![door]], async |reaches, signals| {
        let broken = |error: std::io::Error| Failure::failed(format!("standard input and output: {error}"));
        let (mine, other) = std::os::unix::net::UnixStream::pair().map_err(broken)?;
        other.set_nonblocking(true).map_err(broken)?;
        let other = tokio::net::UnixStream::from_std(other).map_err(broken)?;
        let copied = stdio::copy(mine, args.end_with_input).map_err(broken)?;
        if hand.send(Socket::Unix(other)).await.is_err() {
            return Err(reach::first_end(reaches).await);
        }
        tokio::select! {
            copied = copied => match copied {
                Ok(Err(error)) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(broken(error)),
                _ => {}
            },
            number = signals.next() => return Ok(End::Signal(number)),
            failure = reach::first_end(reaches) => return Err(failure),
        }
        let seen = meter.read();
        if seen.received == 0 && seen.sent == 0 {
            let text =
                format!("{thing} refused the connection: its agent does not reach its service {service}");
            return Err(Failure::new(Code::Denied, text)
                .next(format!("look at the configuration of the agent on {thing}")));
        }
        Ok(End::Status(0))
    });
    end.await
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: super::Args,
    }

    fn target(line: &str) -> String {
        let (thing, service) = Line::parse_from(line.split(' ')).args.target().unwrap();
        format!("{thing} {service}")
    }

    #[test]
    fn a_host_of_ssh_config_is_a_thing() {
        assert_eq!(target("nc lamp1.adit"), "lamp1 SSH");
        assert_eq!(target("nc lamp1:VNC"), "lamp1 VNC");
        assert_eq!(target("nc --host-pattern lab-*-x lab-lamp-1-x"), "lamp-1 SSH");
        assert_eq!(target("nc --service VNC a:b"), "a:b VNC");
    }
}
