//! Files that are whole or not there at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::trouble::StartError;

/// Readable by the server's user only.
pub const PRIVATE: u32 = 0o600;
/// Readable by everybody on this machine.
pub const PUBLIC: u32 = 0o644;

/// Writes a file beside its place, forces it to disk and moves it there, so that a crash leaves the old file
/// or the new one.
///
/// # Errors
/// Whatever the file system says; the text names the path.
pub fn write(path: &Path, mode: u32, content: &[u8]) -> Result<(), StartError> {
    write_io(path, mode, content).map_err(|e| StartError::file("write", path, &e))
}

/// Like [`write()`], but never in place of a file that is there.
///
/// # Errors
/// A file of that name, and whatever the file system says; the text names the path.
pub fn create(path: &Path, mode: u32, content: &[u8]) -> Result<(), StartError> {
    let created = prepare(path, mode, content).and_then(|new| {
        // Unlike a move, a link fails where something is.
        let linked = fs::hard_link(&new, path);
        fs::remove_file(&new)?;
        linked?;
        sync_folder(path)
    });
    created.map_err(|e| StartError::file("create", path, &e))
}

fn write_io(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let new = prepare(path, mode, content)?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// Writes the content to a file beside `path`, forces it to disk, and gives its name.
fn prepare(path: &Path, mode: u32, content: &[u8]) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // A leftover of a crash may have another mode.
    if let Err(e) = fs::remove_file(&new)
        && e.kind() != io::ErrorKind::NotFound
    {
        return Err(e);
    }
    let written =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&new).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
    if let Err(e) = written {
        let _ = fs::remove_file(&new);
        return Err(e);
    }
    Ok(new)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Reads a file that may be absent.
///
/// # Errors
/// Anything but its absence.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, StartError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StartError::file("read", path, &e)),
    }
}

/// Makes a folder, and those above it, unless it is there; only the server's user may enter a new one.
///
/// # Errors
/// Whatever the file system says; the text names the path.
pub fn folder(path: &Path) -> Result<(), StartError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| StartError::file("make the folder", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_written_whole_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(dir.path().join("key.new"), "left by a crash").unwrap();
        write(&path, PRIVATE, b"one").unwrap();
        write(&path, PRIVATE, b"two").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(read(&dir.path().join("none")).unwrap(), None);
    }

    #[test]
    fn a_file_that_is_there_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create(&path, PRIVATE, b"one").unwrap();
        let error = create(&path, PUBLIC, b"two").unwrap_err().to_string();
        assert!(error.starts_with("cannot create ") && error.contains("exists"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_names_the_path_and_the_remedy() {
        let error = write(Path::new("/proc/nothing/here"), PRIVATE, b"").unwrap_err().to_string();
        assert!(error.starts_with("cannot write /proc/nothing/here: "), "{error}");
        assert!(error.contains("; "), "{error}");
    }
}
