//! Children: started with their output in a log file, ended by process id whatever happens.

use crate::fail::{Result, fail};
use crate::probe;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// A running program. Dropping it ends the program and everything it started.
pub struct Process {
    /// Its part: `source`, `relay`, `destination` or `broker`.
    pub role: &'static str,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts `command` with its output in `dir`.
    ///
    /// The program is started through [`guard`], so that it also ends when this process is killed.
    pub fn start(role: &'static str, dir: &Path, command: Start) -> Result<Self> {
        let log = dir.join(format!("{role}.log"));
        let output = File::create(&log)?;
        let name = command.program.display().to_string();
        let child = Command::new(std::env::current_exe()?)
            .arg("guard")
            .arg(command.program)
            .args(command.args)
            .envs(command.envs)
            .env_remove("https_proxy")
            .env_remove("HTTPS_PROXY")
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { role, log, child })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Why the program is no longer running, if it is not.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("{} ended ({status}){}", self.role, self.last_words()))
    }

    /// Waits until `find` finds something in the log.
    pub fn wait_for<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let text = fs::read(&self.log).unwrap_or_default();
            if let Some(found) = find(&String::from_utf8_lossy(&text)) {
                return Ok(found);
            }
            if let Some(why) = self.ended() {
                return fail(why);
            }
            if Instant::now() > deadline {
                return fail(format!("{} did not show {what} in 20 s{}", self.role, self.last_words()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks the program to end (SIGTERM) and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        pid.map_or(Ok(()), |pid| kill_process(pid, Signal::TERM))?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                return fail(format!("{} did not end within 20 s of SIGTERM", self.role));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let tail: Vec<&str> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
        if tail.is_empty() {
            return String::new();
        }
        format!(": {}", tail.into_iter().rev().collect::<Vec<_>>().join(" | "))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        for pid in probe::family(self.child.id()) {
            // A descendant may have ended by itself since it was listed.
            let _ =
                i32::try_from(pid).ok().and_then(Pid::from_raw).map(|pid| kill_process(pid, Signal::KILL));
        }
        let _ = self.child.wait();
    }
}

/// What to start.
pub struct Start {
    program: PathBuf,
    args: Vec<OsString>,
    envs: Vec<(&'static str, OsString)>,
}

impl Start {
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), args: Vec::new(), envs: Vec::new() }
    }

    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.envs.push((name, value.into()));
        self
    }
}

/// Becomes the program in `words`, after asking the kernel to end it together with its parent.
pub fn guard(words: &[OsString]) -> ExitCode {
    let Some((program, args)) = words.split_first() else { return ExitCode::FAILURE };
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        crate::out::talk(format_args!("cannot tie {} to its parent: {error}", program.display()));
        return ExitCode::FAILURE;
    }
    let error = Command::new(program).args(args).exec();
    crate::out::talk(format_args!("{}: {error}", program.display()));
    ExitCode::FAILURE
}

/// Raises the limit of open files to the hard one, for this process and its children. Gives the limit.
pub fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The program of that name on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// First line that a program prints for `arg`, from whichever output it uses.
pub fn first_line(program: &Path, arg: &str) -> Option<String> {
    let output = Command::new(program).arg(arg).stdin(Stdio::null()).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

/// A TCP port of the loopback address that is free now.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::{first_line, on_path};

    #[test]
    fn a_program_is_found_and_asked() {
        let program = on_path("sh").unwrap();
        assert!(program.is_absolute());
        assert_eq!(first_line(&on_path("echo").unwrap(), "hello").as_deref(), Some("hello"));
        assert_eq!(on_path("no-such-program-anywhere"), None);
    }
}
