//! Files with secrets: whole or not there, readable by their owner only, never in place of another.

use crate::exit::{Failure, Result};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Says that a file is in the way, before any work is done.
pub fn free(path: &Path) -> Result {
    match path.symlink_metadata() {
        Ok(_) => Err(Failure::conflict(format!("{} exists already and is left as it is", path.display()))
            .next("name another file, or remove it")),
        Err(_) => Ok(()),
    }
}

/// Writes a new file that only its owner may read.
pub fn create(path: &Path, content: &[u8]) -> Result {
    write_new(path, 0o600, content)
}

/// Writes a new file that everybody may read, such as a certificate.
pub fn create_public(path: &Path, content: &[u8]) -> Result {
    write_new(path, 0o644, content)
}

fn write_new(path: &Path, mode: u32, content: &[u8]) -> Result {
    free(path)?;
    let failed = |error: std::io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let write = || {
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        // A link, unlike a rename, never replaces what came meanwhile.
        std::fs::hard_link(&temporary, path)
    };
    let written = write();
    let _ = std::fs::remove_file(&temporary);
    written.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Code;

    #[test]
    fn a_file_that_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        create(&path, b"one").unwrap();
        assert_eq!(create(&path, b"two").unwrap_err().code(), Code::Conflict);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(create(&folder.path().join("no/f"), b"x").unwrap_err().to_string().contains("no/f"));
    }
}
