//! How the server logs: text for people or one JSON object a line, on stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Sets up logging for the whole process; to be called once, before the server starts.
///
/// # Errors
/// `log.level` is neither a level nor a list of directives, or logging was set up before.
pub fn init(log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&log.level).map_err(|e| {
        format!("log.level \"{}\" is neither a level (error, warn, info, debug, trace) nor a list of directives: {e}", log.level)
    })?;
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let done = match log.format {
        LogFormat::Text => logger.try_init(),
        LogFormat::Json => logger.json().flatten_event(true).try_init(),
    };
    done.map_err(|e| format!("logging cannot be set up: {e}"))
}
