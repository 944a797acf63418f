//! What keeps the server from starting: what failed, where, and what to do.

use std::fmt;
use std::io;
use std::path::Path;

/// Why the server did not start, or why a reload changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    what: String,
    advice: String,
}

impl StartError {
    /// What failed and what the operator can do about it.
    #[must_use]
    pub fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }

    /// What failed, without the advice for an operator.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// A file operation that failed. `doing` continues "cannot", such as "write".
    #[must_use]
    pub fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "give the user that runs adit the right to read and write there, or set node.data-dir to another folder"
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space on that disk, or set node.data-dir to a folder on another one"
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                "set node.data-dir to a folder on a disk that can be written"
            }
            io::ErrorKind::NotFound => "check the path; its parent folder must exist",
            _ => "check the disk and the path",
        };
        Self::new(format!("cannot {doing} {}: {error}", path.display()), advice)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.advice)
    }
}

impl std::error::Error for StartError {}
