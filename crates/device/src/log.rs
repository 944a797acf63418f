//! Log lines on standard error, in the shape tools already match: `[time] (0x…) [level] message`.

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

/// The log of this process: everything up to a level, 0 for nothing.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    up_to: u8,
}

impl Log {
    /// A log that writes levels up to the number given with `--verbose`.
    pub fn new(verbose: u8) -> Log {
        Log { up_to: verbose }
    }

    /// Whether lines of this level are written.
    pub fn shows(&self, level: Level) -> bool {
        level as u8 <= self.up_to
    }

    /// Writes one line. A standard error that is gone is no reason to stop.
    pub fn write(&self, level: Level, message: impl fmt::Display) {
        if self.shows(level) {
            let now = jiff::Zoned::now();
            let line = format!("{}\n", Line { now: &now, level, message: &message });
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
    fn the_level_decides_what_is_written() {
        assert!(!Log::new(0).shows(Level::Fatal));
        assert!(Log::new(4).shows(Level::Info) && !Log::new(4).shows(Level::Debug));
        assert!(Log::new(255).shows(Level::Trace));
    }
}
