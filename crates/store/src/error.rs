//! What can go wrong in the store, in words an operator can act on.

use std::path::{Path, PathBuf};

/// A result of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the store refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The disk, the folder or the file does not take part now. Nothing of the refused transaction was kept, and
    /// nothing acknowledged before was lost; the same call can succeed once the cause is removed.
    #[error("{}: {what}; {hint}", path.display())]
    Unavailable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// Another server works in the data folder.
    #[error(
        "{}: another adit server{} uses this data folder; stop it or give this one its own --data-dir",
        path.display(),
        pid.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The data folder.
        path: PathBuf,
        /// The other server's process id, if it wrote one.
        pid: Option<u32>,
    },
    /// A later version of adit wrote the database.
    #[error(
        "{}: the database has schema {found}, this adit knows up to {known}; run the newer adit again, or restore \
         a backup from before the upgrade",
        path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// A migration that was applied has another text than ours.
    #[error(
        "{}: migration {version} was applied with another text than this adit carries; the file comes from a \
         different build, restore a backup or run that build",
        path.display()
    )]
    Altered {
        /// The database file.
        path: PathBuf,
        /// The migration.
        version: i64,
    },
    /// The file is not a database or is damaged.
    #[error("{}: {what}; restore it from a backup", path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What the engine said.
        what: String,
    },
    /// The store was closed or its thread ended.
    #[error("the store is closed")]
    Closed,
    /// A defect: a statement the engine refused, or a record that does not read.
    #[error("the store failed: {0}")]
    Internal(String),
}

impl Error {
    /// An I/O error on `path`.
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Error {
        use std::io::ErrorKind as K;
        let hint = match error.kind() {
            K::StorageFull | K::QuotaExceeded => FULL,
            K::PermissionDenied => "let the user adit runs as write there, or choose another --data-dir",
            K::ReadOnlyFilesystem => "mount it writable, or choose another --data-dir",
            K::NotADirectory | K::AlreadyExists => {
                "a file is in the way; move it, or choose another --data-dir"
            }
            _ => "check the disk and its mount, or choose another --data-dir",
        };
        Error::Unavailable { path: path.to_owned(), what: error.to_string(), hint }
    }
}

pub(crate) const FULL: &str = "free some space on that disk; writing goes on by itself";

impl From<Error> for adit_iot::Error {
    fn from(error: Error) -> adit_iot::Error {
        match error {
            Error::Unavailable { .. } | Error::Closed => adit_iot::Error::new(
                adit_iot::Kind::Unavailable,
                "The server cannot store changes now; its log says why. Nothing was changed; try again later.",
            )
            .with_inside(error.to_string()),
            other => adit_iot::Error::internal(other.to_string()),
        }
    }
}
