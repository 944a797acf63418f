//! Log lines on standard error. The local proxy's have the shape tools already match: `[time] (0x…) [level] message`;
//! the agent's are `time level message`, or what the journal of systemd takes: `<priority>message`.

use std::fmt;
use std::io::Write;

/// How much a line matters. (spec: secure-tunneling §5.7)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The program ends.
    Fatal = 1,
    /// Something failed; it is tried again.
    Error,
    /// Something odd.
    Warning,
    /// What a user wants to see.
    Info,
    /// What a user looking for a fault wants to see.
    Debug,
    /// Everything.
    Trace,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Fatal => "fatal",
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        })
    }
}

impl Level {
    /// The level of a word such as `info`.
    pub fn of(word: &str) -> Option<Level> {
        [Level::Fatal, Level::Error, Level::Warning, Level::Info, Level::Debug, Level::Trace]
            .into_iter()
            .find(|level| level.to_string() == word)
    }

    /// The number syslog and the journal have for it. spec: sd-daemon(3)
    fn priority(self) -> u8 {
        match self {
            Level::Fatal => 2,
            Level::Error => 3,
            Level::Warning => 4,
            Level::Info => 6,
            Level::Debug | Level::Trace => 7,
        }
    }
}

/// The log of this process: everything up to a level, 0 for nothing.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    up_to: u8,
    voice: Voice,
}

/// Who speaks, and to whom.
#[derive(Debug, Clone, Copy)]
enum Voice {
    LocalProxy,
    Agent { is_journal: bool, tunnel: u32 },
}

impl Log {
    /// A log that writes levels up to the number given with `--verbose`.
    pub fn new(verbose: u8) -> Log {
        Log { up_to: verbose, voice: Voice::LocalProxy }
    }

    /// The log of the agent. Under systemd (`JOURNAL_STREAM` is set) the journal writes the time itself.
    pub fn of_agent(up_to: Level) -> Log {
        let is_journal = std::env::var_os("JOURNAL_STREAM").is_some();
        Log { up_to: up_to as u8, voice: Voice::Agent { is_journal, tunnel: 0 } }
    }

    /// The agent's log for one of its tunnels: lines name the tunnel, and what a local proxy tells its user counts as
    /// detail here.
    #[must_use]
    pub fn of_tunnel(self, number: u32) -> Log {
        match self.voice {
            Voice::Agent { is_journal, .. } => {
                Log { up_to: self.up_to, voice: Voice::Agent { is_journal, tunnel: number } }
            }
            Voice::LocalProxy => self,
        }
    }

    /// The level at which a line is written.
    fn weigh(&self, level: Level) -> Level {
        match (self.voice, level) {
            (Voice::Agent { tunnel: 1.., .. }, Level::Info) => Level::Debug,
            (Voice::Agent { tunnel: 1.., .. }, Level::Debug) => Level::Trace,
            _ => level,
        }
    }

    /// Whether lines of this level are written.
    pub fn shows(&self, level: Level) -> bool {
        self.weigh(level) as u8 <= self.up_to
    }

    /// Writes one line. A standard error that is gone is no reason to stop.
    pub fn write(&self, level: Level, message: impl fmt::Display) {
        if self.shows(level) {
            let level = self.weigh(level);
            let line = match self.voice {
                Voice::LocalProxy => {
                    format!("{}\n", Line { now: &jiff::Zoned::now(), level, message: &message })
                }
                Voice::Agent { is_journal, tunnel } => {
                    format!("{}\n", AgentLine { is_journal, tunnel, level, message: &message })
                }
            };
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
    }

    /// Writes a line that ends the program.
    pub fn fatal(&self, message: impl fmt::Display) {
        self.write(Level::Fatal, message);
    }

    /// Writes a line about a failure.
    pub fn error(&self, message: impl fmt::Display) {
        self.write(Level::Error, message);
    }

    /// Writes a line about something odd.
    pub fn warning(&self, message: impl fmt::Display) {
        self.write(Level::Warning, message);
    }

    /// Writes a line every user sees.
    pub fn info(&self, message: impl fmt::Display) {
        self.write(Level::Info, message);
    }

    /// Writes a line seen at `-v 5`.
    pub fn debug(&self, message: impl fmt::Display) {
        self.write(Level::Debug, message);
    }

    /// Writes a line seen at `-v 6`.
    pub fn trace(&self, message: impl fmt::Display) {
        self.write(Level::Trace, message);
    }
}

struct Line<'a, M> {
    now: &'a jiff::Zoned,
    level: Level,
    message: &'a M,
}

impl<M: fmt::Display> fmt::Display for Line<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.now.strftime("%Y-%m-%d %H:%M:%S%.6f");
        let id = std::process::id();
        write!(f, "[{time}] (0x{id:016x}) [{}] {}", self.level, self.message)
    }
}

struct AgentLine<'a, M> {
    is_journal: bool,
    tunnel: u32,
    level: Level,
    message: &'a M,
}

impl<M: fmt::Display> fmt::Display for AgentLine<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_journal {
            write!(f, "<{}>", self.level.priority())?;
        } else {
            write!(f, "{:.0} {} ", jiff::Timestamp::now(), self.level)?;
        }
        if self.tunnel > 0 {
            write!(f, "tunnel {}: ", self.tunnel)?;
        }
        // A line is one line, whatever a peer has sent.
        for (index, part) in self.message.to_string().split(['\n', '\r']).enumerate() {
            f.write_str(if index > 0 { " " } else { "" })?;
            f.write_str(part)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_time_thread_level_and_message() {
        let now: jiff::Zoned = "2026-11-21T23:55:05.845371[UTC]".parse().unwrap();
        let line = Line { now: &now, level: Level::Info, message: &"Starting proxy in source mode" };
        let id = format!("(0x{:016x})", std::process::id());
        assert_eq!(
            line.to_string(),
            format!("[2026-11-21 23:55:05.845371] {id} [info] Starting proxy in source mode")
        );
    }

    #[test]
    fn the_agent_writes_for_people_and_for_the_journal() {
        let line = |is_journal, tunnel| {
            AgentLine { is_journal, tunnel, level: Level::Warning, message: &"one\r\ntwo" }.to_string()
        };
        assert_eq!(line(true, 0), "<4>one  two");
        assert_eq!(line(true, 3), "<4>tunnel 3: one  two");
        assert!(line(false, 0).ends_with("Z warning one  two"), "{}", line(false, 0));
    }

    #[test]
    fn what_a_tunnel_tells_its_user_is_detail_for_the_agent() {
        let log = Log { up_to: Level::Info as u8, voice: Voice::Agent { is_journal: false, tunnel: 0 } };
        assert!(log.shows(Level::Info) && !log.of_tunnel(1).shows(Level::Info));
        assert!(log.of_tunnel(1).shows(Level::Error));
        assert_eq!(Level::of("warning"), Some(Level::Warning));
        assert_eq!(Level::of("loud"), None);
    }

    #[test]
    fn the_level_decides_what_is_written() {
        assert!(!Log::new(0).shows(Level::Fatal));
        assert!(Log::new(4).shows(Level::Info) && !Log::new(4).shows(Level::Debug));
        assert!(Log::new(255).shows(Level::Trace));
    }
}
