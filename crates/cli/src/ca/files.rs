//! Files of a command: all of them or none, and none in place of another unless that is asked for.

use crate::exit::{Failure, Result};
use adit_server::files::{self, PRIVATE, PUBLIC};
use std::path::{Path, PathBuf};

/// A file that is to be written.
pub struct Output<'a> {
    pub path: &'a Path,
    pub text: &'a str,
    mode: u32,
}

impl<'a> Output<'a> {
    /// A private key: only its owner may read it.
    pub fn private(path: &'a Path, text: &'a str) -> Self {
        Self { path, text, mode: PRIVATE }
    }

    pub fn public(path: &'a Path, text: &'a str) -> Self {
        Self { path, text, mode: PUBLIC }
    }
}

/// What a certificate and its key are called: `FOLDER/NAME.key`, `FOLDER/NAME.pem`.
pub fn named(folder: &Path, name: &str, end: &str) -> PathBuf {
    let file = format!("{name}{end}");
    if folder == Path::new(".") { file.into() } else { folder.join(file) }
}

/// Makes the folder that files go to, unless it is there.
pub fn folder(path: &Path) -> Result {
    files::folder(path).map_err(|error| Failure::failed(error.what()))
}

/// Says which file is in the way, before any work is done.
pub fn free<'a>(paths: impl IntoIterator<Item = &'a Path>, force: bool) -> Result {
    match paths.into_iter().find(|path| !force && path.symlink_metadata().is_ok()) {
        Some(path) => Err(Failure::failed(format!(
            "{} exists already and is left as it is; --force replaces it",
            path.display()
        ))),
        None => Ok(()),
    }
}

/// Writes all files, or leaves none of them behind. Each is whole or not there.
pub fn save(outputs: &[Output<'_>], force: bool) -> Result {
    free(outputs.iter().map(|output| output.path), force)?;
    let write = if force { files::write } else { files::create };
    for (done, output) in outputs.iter().enumerate() {
        let Err(error) = write(output.path, output.mode, output.text.as_bytes()) else { continue };
        if !force {
            for output in outputs.iter().take(done) {
                let _ = std::fs::remove_file(output.path);
            }
        }
        return Err(Failure::failed(error.what()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn all_files_are_written_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (key, pem, lost) = (at("a.key"), at("a.pem"), at("no/such/folder"));
        let failure = save(&[Output::private(&key, "k"), Output::public(&lost, "p")], false).unwrap_err();
        assert!(failure.to_string().contains("no/such/folder"), "{failure}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        save(&[Output::private(&key, "k"), Output::public(&pem, "p")], false).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&key), mode(&pem)), (0o600, 0o644));
        let failure =
            save(&[Output::public(&at("b"), "b"), Output::private(&key, "new")], false).unwrap_err();
        assert!(failure.to_string().contains("a.key exists already"), "{failure}");
        assert!(!at("b").exists());
        assert_eq!(std::fs::read_to_string(&key).unwrap(), "k");
        save(&[Output::private(&key, "new")], true).unwrap();
        assert_eq!(std::fs::read_to_string(&key).unwrap(), "new");
    }
}
