//! Exit codes of `adit` (docs/operating.md). `adit proxy` has those of AWS's `localproxy` instead.

use crate::out;
use std::process::ExitCode;

/// What went wrong, and with which code the program ends.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// 1: the command was understood and did not work.
    pub fn failed(text: impl Into<String>) -> Self {
        Failure { code: 1, text: text.into() }
    }

    /// 2: the command line or the configuration is wrong.
    pub fn usage(text: impl Into<String>) -> Self {
        Failure { code: 2, text: text.into() }
    }

    /// 8: the server does not answer.
    pub fn unreachable(text: impl Into<String>) -> Self {
        Failure { code: 8, text: text.into() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

pub type Result<T = ()> = std::result::Result<T, Failure>;

/// Says what went wrong, if anything did, and gives the exit code.
pub fn code(result: Result) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            out::error(&failure.text);
            ExitCode::from(failure.code)
        }
    }
}
