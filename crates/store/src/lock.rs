//! One server per data folder.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::error::{Error, Result};

/// Holds the data folder until dropped, or until the process ends in whatever way.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Makes the folder (mode 0700) if absent and takes its lock.
    pub(crate) fn take(dir: &Path) -> Result<Lock> {
        if !fs::metadata(dir).is_ok_and(|meta| meta.is_dir()) {
            DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| Error::io(dir, &e))?;
        }
        let path = dir.join("adit.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| Error::io(&path, &e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(Error::InUse { path: dir.to_owned(), pid });
            }
            Err(TryLockError::Error(e)) => return Err(Error::io(&path, &e)),
        }
        // The process id only serves the message of the next server; without room for it we go on.
        let _: std::io::Result<()> = (|| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        })();
        Ok(Lock { _file: file })
    }
}
