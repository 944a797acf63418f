//! Exit codes of `adit` (docs/cli.md). `adit proxy` has those of AWS's `localproxy` instead.
#![cfg_attr(not(feature = "client"), expect(dead_code, reason = "a device ends for fewer reasons"))]

use crate::out;
use std::process::ExitCode;

/// Why a command ended without doing what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The command was understood and did not work.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The caller may not, or has not proved who he is.
    Denied = 3,
    /// What was named does not exist.
    NotFound = 4,
    /// Something else is in the way, or a limit is reached.
    Conflict = 5,
    /// The device is not connected.
    Offline = 6,
    /// What was waited for did not come in time.
    Timeout = 7,
    /// The server does not answer.
    Unreachable = 8,
}

/// What went wrong, with which code the program ends, and the next thing to type.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    text: String,
    next: Option<String>,
    fault: Option<String>,
}

impl Failure {
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Failure { code, text: text.into(), next: None, fault: None }
    }

    /// 1: the command was understood and did not work.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(Code::Failed, text)
    }

    /// 2: the command line or the configuration is wrong.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Code::Usage, text)
    }

    /// 5: something else is in the way, or a limit is reached.
    pub fn conflict(text: impl Into<String>) -> Self {
        Self::new(Code::Conflict, text)
    }

    /// 6: the device is not connected.
    pub fn offline(text: impl Into<String>) -> Self {
        Self::new(Code::Offline, text)
    }

    /// 7: what was waited for did not come in time.
    pub fn timeout(text: impl Into<String>) -> Self {
        Self::new(Code::Timeout, text)
    }

    /// 8: the server does not answer.
    pub fn unreachable(text: impl Into<String>) -> Self {
        Self::new(Code::Unreachable, text)
    }

    /// Adds the next thing to type, unless there is one already.
    #[must_use]
    pub fn next(mut self, advice: impl Into<String>) -> Self {
        self.next.get_or_insert_with(|| advice.into());
        self
    }

    /// Remembers AWS's code of the fault that it comes from.
    #[must_use]
    pub fn of_fault(mut self, code: &str) -> Self {
        self.fault = Some(code.to_owned());
        self
    }

    pub fn code(&self) -> Code {
        self.code
    }

    /// AWS's code, `ResourceNotFoundException`, if the service said no.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
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
            if let Some(next) = &failure.next {
                out::talk(format_args!("Next: {next}"));
            }
            ExitCode::from(failure.code as u8)
        }
    }
}
