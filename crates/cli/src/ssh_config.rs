//! `adit ssh-config`: a part of ~/.ssh/config by which ssh, scp, sftp, rsync, ansible and editors reach things.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::api::ApiArgs;
use crate::exit::{self, Failure, Result};
use crate::reach::{self, hosts};
use crate::shell::quoted;
use crate::{out, target};

const BEGIN: &str = "# >>> adit ssh-config >>>";
const END: &str = "# <<< adit ssh-config <<<";

/// The pattern of hosts that are things, unless another is given.
const PATTERN: &str = "*.adit";

#[derive(clap::Args)]
pub struct Args {
    /// Which host names mean things; `*` stands for the thing.
    #[arg(long, value_name = "PATTERN", default_value = PATTERN, value_parser = pattern)]
    pub host_pattern: String,
    /// The user on the devices.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Write to the file, in place of the part that was there before, instead of printing.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "~/.ssh/config")]
    pub write: Option<PathBuf>,
    /// Things to name one by one, for programs that offer a list of hosts.
    #[arg(value_name = "THING", value_parser = target::thing)]
    pub things: Vec<String>,
    #[command(flatten)]
    pub reach: reach::ReachArgs,
}

/// A pattern with one `*`, of characters that host names have.
fn pattern(text: &str) -> std::result::Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-*".contains(c);
    if text.chars().all(plain) && text.matches('*').count() == 1 && text.len() > 1 && !text.starts_with('-') {
        return Ok(text.to_owned());
    }
    Err("expected a host name with one `*` in the place of the thing, such as *.adit".to_owned())
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(crate::block_on(async { write(args, &made(args).await?) }))
}

async fn made(args: &Args) -> Result<String> {
    let known_hosts = hosts::file(&reach::scope(&args.reach).await?)?;
    hosts::make_room(&known_hosts)?;
    let program =
        std::env::current_exe().map_err(|error| Failure::failed(format!("my own path: {error}")))?;
    block(args, &program, &known_hosts)
}

fn block(args: &Args, program: &Path, known_hosts: &Path) -> Result<String> {
    let mut words = vec![program.display().to_string(), "nc".to_owned()];
    words.extend(given(&args.reach)?);
    if args.host_pattern.strip_prefix("*.").is_none() {
        words.extend(["--host-pattern".to_owned(), args.host_pattern.clone()]);
    }
    let command: Vec<_> = words.iter().map(|word| quoted(word).replace('%', "%%")).collect();
    let mut hosts: Vec<String> =
        args.things.iter().map(|thing| args.host_pattern.replace('*', thing)).collect();
    hosts.push(args.host_pattern.clone());
    let mut lines = vec![
        BEGIN.to_owned(),
        format!("Host {}", hosts.join(" ")),
        format!("    ProxyCommand {} %n", command.join(" ")),
        format!("    UserKnownHostsFile \"{}\"", known_hosts.display().to_string().replace('%', "%%")),
        "    StrictHostKeyChecking accept-new".to_owned(),
        "    HashKnownHosts no".to_owned(),
        "    CheckHostIP no".to_owned(),
    ];
    if let Some(user) = &args.user {
        if user.is_empty() || user.chars().any(|c| c.is_control() || c == ' ' || c == '"') {
            return Err(Failure::usage(format!("{user:?} is no user's name")));
        }
        lines.push(format!("    User {user}"));
    }
    lines.push(END.to_owned());
    Ok(lines.join("\n") + "\n")
}

/// The options that hold for every connection, as they were given here. What was not given comes from the environment
/// of ssh; secrets are never written.
fn given(reach: &reach::ReachArgs) -> Result<Vec<String>> {
    let ApiArgs { profile, region, endpoint_url, data_dir, ca_bundle, timeout, .. } = &reach.api;
    let absolute = |path: &Option<PathBuf>| {
        path.as_ref().map(std::path::absolute).transpose().map_err(|error| Failure::failed(error.to_string()))
    };
    let text = |path: Option<PathBuf>| path.map(|path| path.display().to_string());
    let shape = reach.destination_client_type.map(|version| format!("{version:?}"));
    let options = [
        ("--profile", profile.clone()),
        ("--region", region.clone()),
        ("--endpoint-url", endpoint_url.clone()),
        ("--data-dir", text(absolute(data_dir)?)),
        ("--ca-bundle", text(absolute(ca_bundle)?)),
        ("--timeout", timeout.map(|time| time.as_secs().to_string())),
        ("--tunnel-endpoint", reach.tunnel_endpoint.clone()),
        ("--destination-client-type", shape),
        ("--lifetime", reach.lifetime.map(|minutes| minutes.to_string())),
    ];
    let flags = [("--keep", reach.keep)];
    let pairs = options.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?]));
    let mut all: Vec<String> = pairs.flatten().collect();
    all.extend(flags.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name.to_owned()));
    Ok(all)
}

fn write(args: &Args, block: &str) -> Result {
    let Some(path) = &args.write else {
        out::raw(block);
        return Ok(());
    };
    let path = expanded(path)?;
    let failed = |error: std::io::Error| Failure::failed(format!("{}: {error}", path.display()));
    hosts::make_room(&path)?;
    let before = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.map_err(failed)?,
    };
    let after = replaced(&before, block).map_err(|why| {
        Failure::failed(format!("{}: {why}", path.display())).next("repair the file, then try again")
    })?;
    if after != before {
        put(&path, &after).map_err(failed)?;
    }
    out::talk(format_args!("{} reaches things as {}", path.display(), args.host_pattern));
    Ok(())
}

/// Writes the file whole or not at all, readable by its owner only. A link stays a link.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let other = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&other)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&other, &path))
}

/// The text with the block in the place of the one before, or at its end.
fn replaced(text: &str, block: &str) -> std::result::Result<String, &'static str> {
    let Some((before, rest)) = text.split_once(BEGIN) else {
        let gap = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n" };
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return Ok(format!("{text}{end}{gap}{block}"));
    };
    let (_, after) = rest.split_once(END).ok_or("the part of `adit ssh-config` has no end")?;
    Ok(format!("{before}{block}{}", after.strip_prefix('\n').unwrap_or(after)))
}

fn expanded(path: &Path) -> Result<PathBuf> {
    match path.strip_prefix("~") {
        Err(_) => Ok(path.to_owned()),
        Ok(rest) => std::env::var_os("HOME")
            .map(|home| Path::new(&home).join(rest))
            .ok_or_else(|| Failure::failed("HOME is not set").next("name the file: --write FILE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn made(line: &str) -> String {
        let args = Line::parse_from(line.split(' ')).args;
        block(&args, Path::new("/usr/bin/adit"), Path::new("/home/u/known")).unwrap()
    }

    #[test]
    fn the_options_given_are_those_of_every_connection() {
        assert_eq!(
            made("ssh-config --profile prod --timeout 1m --user root lamp1"),
            "# >>> adit ssh-config >>>\n\
             Host lamp1.adit *.adit\n    \
                 ProxyCommand /usr/bin/adit nc --profile prod --timeout 60 %n\n    \
                 UserKnownHostsFile \"/home/u/known\"\n    \
                 StrictHostKeyChecking accept-new\n    \
                 HashKnownHosts no\n    \
                 CheckHostIP no\n    \
                 User root\n\
             # <<< adit ssh-config <<<\n"
        );
        let other = made("ssh-config --host-pattern lab-*");
        assert!(
            other.contains("nc --host-pattern 'lab-*' %n\n") && other.contains("Host lab-*\n"),
            "{other}"
        );
    }

    #[test]
    fn a_second_time_changes_nothing_and_other_lines_stay() {
        let block = made("ssh-config");
        for before in ["", "Host a\n  Port 1", "Host a\n  Port 1\n"] {
            let once = replaced(before, &block).unwrap();
            assert!(once.starts_with(before) && once.ends_with(&block));
            assert_eq!(replaced(&once, &block).unwrap(), once);
            let more = format!("{once}Host b\n");
            let changed = replaced(&more, &made("ssh-config --user x")).unwrap();
            assert!(changed.contains("User x") && changed.ends_with("Host b\n"));
        }
        assert!(replaced(&format!("{BEGIN}\nHost x\n"), &block).is_err());
    }

    #[test]
    fn a_pattern_has_one_star() {
        assert!(pattern("*.lab").is_ok() && pattern("lab-*-x").is_ok());
        for wrong in ["*", "lab", "*.*", "* a", "-*", "a;*"] {
            assert!(pattern(wrong).is_err(), "{wrong}");
        }
    }
}
