//! `adit ssh`: the system's `ssh`, with a tunnel as its way to the device.
//!
//! The tunnel belongs to this process. `ssh` gets its connection from a socket in a folder of our own, through a
//! ProxyCommand that passes it on; so no token leaves this process, and no program stands between ssh and the tunnel.

mod hostkey;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use adit_device::door::Door;
use adit_device::meter::Meter;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use crate::exit::{Code, Failure, Result};
use crate::reach::{self, End, Reach, hosts};
use crate::shell::quoted;
use crate::signals::Signals;
use crate::{out, target};
use words::Words;

/// What ssh ends with when it is ssh that failed.
const SSH_FAILED: u8 = 255;

/// Time for ssh to end once it was told to.
const ENDING: Duration = Duration::from_secs(3);

#[derive(clap::Args)]
#[command(override_usage = "adit ssh [OPTIONS] [SSH OPTIONS] [USER@]THING [COMMAND]")]
#[command(mut_arg("verbose", |arg| arg.short(None)))]
pub struct Args {
    /// The service of the device that is its SSH server.
    #[arg(long, value_name = "NAME", default_value = target::SSH, value_parser = target::service)]
    pub service: String,
    /// Forget the host key of the thing, instead of connecting.
    #[arg(long)]
    pub forget_host_key: bool,
    /// ssh's own options, THING or user@THING, and the command to run there.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "SSH WORDS")]
    pub words: Vec<OsString>,
    #[command(flatten)]
    pub reach: reach::ReachArgs,
}

pub fn run(args: &Args) -> ExitCode {
    reach::code(crate::block_on(ssh(args)))
}

async fn ssh(args: &Args) -> Result<End> {
    let words = words::parse(&args.words).map_err(Failure::usage)?;
    if args.forget_host_key {
        let scope = reach::scope(&args.reach).await?;
        return hostkey::forget(&hosts::file(&scope)?, &words.thing).map(|()| End::Status(0));
    }
    let socket = Socket::new()?;
    let door = Door::listen_at(&args.service, &socket.path)
        .map_err(|error| Failure::failed(format!("{}: {error}", socket.path.display())))?;
    let meter = door.meter.clone();
    let wait = args.reach.patience();
    let end = reach::with(&args.reach, Some(&words.thing), vec![vec![door]], async |reaches, signals| {
        let Some(reach) = reaches.first() else { return Ok(End::Status(SSH_FAILED)) };
        let known_hosts = hosts::file(&reach.scope)?;
        hosts::make_room(&known_hosts)?;
        let line = Line { words: &words, socket: &socket.path, known_hosts: &known_hosts, wait };
        session(&line, &meter, reach, signals).await
    });
    end.await
}

/// Runs ssh, and says what it cannot know itself when it fails.
async fn session(line: &Line<'_>, meter: &Meter, reach: &Reach, signals: &mut Signals) -> Result<End> {
    let began = Instant::now();
    let mut child = start(line.command(None)?)?;
    let status = tokio::select! {
        status = child.wait() => status,
        number = signals.next() => {
            end(&mut child, number).await;
            return Ok(End::Signal(number));
        }
    };
    let status = status.map_err(|error| Failure::failed(format!("ssh: {error}")))?;
    let code = code_of(status);
    let seen = meter.read();
    if code == SSH_FAILED && seen.total > 0 && seen.received == 0 {
        return Err(silent(&line.words.thing, began.elapsed() >= line.wait));
    }
    if code == SSH_FAILED && hostkey::has_changed(line).await {
        out::error(hostkey::warning(&line.words.thing));
    }
    if code == SSH_FAILED && !reach.is_up() {
        out::error(format_args!("the link to the server broke, and the session with it: {}", reach.id()));
    }
    Ok(End::Status(code))
}

/// The tunnel reached the device, and no word came out of it.
fn silent(thing: &str, is_late: bool) -> Failure {
    let next = format!("see whether an SSH server runs on {thing}, and where its agent looks for it");
    if is_late {
        return Failure::timeout(format!("the SSH server of {thing} says nothing")).next(next);
    }
    Failure::new(
        Code::Denied,
        format!("{thing} refused the connection: its agent does not reach an SSH server"),
    )
    .next(next)
}

/// What ssh is started with.
pub struct Line<'a> {
    words: &'a Words,
    /// Where this process waits for ssh.
    socket: &'a Path,
    known_hosts: &'a Path,
    /// Time for the device's SSH server to say something.
    wait: Duration,
}

impl Line<'_> {
    /// Arguments of ssh; with `probe`, those of a second ssh that only looks at the host key. Of an option that comes
    /// twice ssh takes the first, so that the user's own come before those that are only better defaults.
    fn arguments(&self, program: &Path, probe: bool) -> Vec<OsString> {
        let command = format!("{} nc --pass {}", shell(program), shell(self.socket));
        let mut all = vec![setting("ProxyCommand", &command), setting("ProxyUseFdpass", "yes")];
        if probe {
            let quiet = [("BatchMode", "yes"), ("PreferredAuthentications", "none"), ("ConnectTimeout", "5")];
            all.extend(quiet.map(|(name, value)| setting(name, value)));
            all.push(setting("StrictHostKeyChecking", "yes"));
            all.push(setting("ControlPath", "none"));
        }
        all.extend(self.words.options.iter().cloned());
        let known_hosts = percent(&self.known_hosts.display().to_string());
        for (name, value) in [
            ("HostKeyAlias", hosts::alias(&self.words.thing).as_str()),
            ("UserKnownHostsFile", &format!("\"{known_hosts}\"")),
            ("StrictHostKeyChecking", "accept-new"),
            ("HashKnownHosts", "no"),
            ("CheckHostIP", "no"),
            ("ControlPersist", "no"),
            ("ConnectTimeout", &self.wait.as_secs().max(1).to_string()),
        ] {
            all.push(setting(name, value));
        }
        all.push("--".into());
        all.push(match &self.words.user {
            Some(user) => format!("{user}@{}", self.words.thing).into(),
            None => self.words.thing.clone().into(),
        });
        if probe {
            all.push("true".into());
        } else {
            all.extend(self.words.command.iter().cloned());
        }
        all
    }

    fn command(&self, probe: Option<()>) -> Result<Command> {
        let program =
            std::env::current_exe().map_err(|error| Failure::failed(format!("my own path: {error}")))?;
        let mut command = Command::new("ssh");
        command.args(self.arguments(&program, probe.is_some())).kill_on_drop(true);
        Ok(command)
    }
}

fn setting(name: &str, value: &str) -> OsString {
    format!("-o{name}={value}").into()
}

/// A path for the shell that runs ssh's ProxyCommand, in which ssh replaces words that begin with `%`.
fn shell(path: &Path) -> String {
    percent(&quoted(&path.display().to_string()))
}

fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

fn start(mut command: Command) -> Result<Child> {
    command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::failed("there is no ssh here")
            .next("install it, such as with `apt-get install openssh-client`"),
        _ => Failure::failed(format!("ssh: {error}")),
    })
}

/// Passes a signal on to ssh and lets it end; an ssh that does not is killed.
async fn end(child: &mut Child, number: i32) {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(number)) {
        let _ = kill_process(pid, signal);
    }
    if timeout(ENDING, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(SSH_FAILED),
        (None, Some(number)) => crate::signals::status(number),
        (None, None) => SSH_FAILED,
    }
}

/// A place for the socket that nobody else can reach; removed with what is in it.
struct Socket {
    folder: PathBuf,
    path: PathBuf,
}

impl Socket {
    fn new() -> Result<Socket> {
        use std::os::unix::fs::DirBuilderExt as _;
        let base = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
        let base = base.unwrap_or_else(std::env::temp_dir);
        let random = adit_device::ws::key().map_err(Failure::failed)?;
        let name: String = random.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        let folder = base.join(format!("adit-ssh-{name}"));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))?;
        let path = folder.join("door");
        Ok(Socket { folder, path })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str, probe: bool) -> String {
        let words = words::parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>()).unwrap();
        let line = Line {
            words: &words,
            socket: Path::new("/run/a b/door"),
            known_hosts: Path::new("/home/100%/known"),
            wait: Duration::from_secs(30),
        };
        let all = line.arguments(Path::new("/usr/bin/adit"), probe);
        all.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn the_users_options_come_before_our_defaults_and_behind_the_way() {
        let line = arguments("-oStrictHostKeyChecking=no root@lamp1 -- ls -l", false);
        assert_eq!(
            line,
            "-oProxyCommand=/usr/bin/adit nc --pass '/run/a b/door' -oProxyUseFdpass=yes \
             -oStrictHostKeyChecking=no -oHostKeyAlias=lamp1.adit -oUserKnownHostsFile=\"/home/100%%/known\" \
             -oStrictHostKeyChecking=accept-new -oHashKnownHosts=no -oCheckHostIP=no -oControlPersist=no \
             -oConnectTimeout=30 -- root@lamp1 ls -l"
        );
    }

    #[test]
    fn a_probe_runs_nothing_and_accepts_nothing() {
        let line = arguments("lamp1 reboot", true);
        assert!(line.ends_with("-- lamp1 true"), "{line}");
        assert!(line.find("StrictHostKeyChecking=yes") < line.find("StrictHostKeyChecking=accept-new"));
    }

    #[test]
    fn the_folder_of_the_socket_is_private_and_goes_away() {
        use std::os::unix::fs::PermissionsExt as _;
        let socket = Socket::new().unwrap();
        let folder = socket.folder.clone();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        drop(socket);
        assert!(!folder.exists());
    }
}
