//! Files of the agent that are whole or not there at all, also after a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Files set aside at most, per name; a further one needs somebody to look.
const ASIDE: usize = 9;

/// What happens to a file, in this order. A power cut may fall before each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// An empty file beside the place, readable by its owner only.
    Create,
    /// The content goes into it.
    Fill,
    /// The content is forced to disk.
    Sync,
    /// It takes its place.
    Rename,
    /// The new name is forced to disk.
    SyncFolder,
}

/// Writes a private file (mode 0600) so that a power cut leaves the old content or the new one, and makes its folder
/// (0700) if there is none.
///
/// # Errors
/// Whatever the file system says; the text names the path.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    write_until(path, content, &mut |_| Ok(())).map_err(|error| named("cannot write", path, &error))
}

/// [`write()`], asking before each step; the first refusal is where the power is cut.
///
/// # Errors
/// The refusal, or whatever the file system says.
pub fn write_until(
    path: &Path,
    content: &[u8],
    go: &mut dyn FnMut(Step) -> io::Result<()>,
) -> io::Result<()> {
    let folder = folder_of(path);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = beside(path, "new");
    go(Step::Create)?;
    // One that was left by a power cut may have another mode.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    go(Step::Fill)?;
    file.write_all(content)?;
    go(Step::Sync)?;
    file.sync_all()?;
    go(Step::Rename)?;
    fs::rename(&new, path)?;
    go(Step::SyncFolder)?;
    File::open(folder)?.sync_all()
}

/// Takes a file away for good. One that is not there is no error.
///
/// # Errors
/// Whatever the file system says; the text names the path.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => File::open(folder_of(path))?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(named("cannot remove", path, &error)),
    }
}

/// Moves a file that cannot be used out of the way, to `NAME.broken-N`, and gives its new name. Nothing is deleted:
/// it may hold a key.
///
/// # Errors
/// Whatever the file system says, or that nine are there already; the text names the path.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    for number in 1..=ASIDE {
        let aside = beside(path, &format!("broken-{number}"));
        // Unlike a move, a link fails where something is.
        match fs::hard_link(path, &aside) {
            Ok(()) => {
                fs::remove_file(path)?;
                File::open(folder_of(path))?.sync_all()?;
                return Ok(aside);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(named("cannot set aside", path, &error)),
        }
    }
    let text =
        format!("{ASIDE} files like it were set aside before: look at them, and remove what nobody needs");
    Err(named("cannot set aside", path, &io::Error::other(text)))
}

/// Whether a file could be written to this folder, tried with an empty one.
///
/// # Errors
/// Whatever the file system says; the text names the folder.
pub fn try_folder(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&probe))
        .and_then(|_| fs::remove_file(&probe))
        .map_err(|error| named("cannot write to", folder, &error))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn named(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {}: {}", path.display(), crate::tls::plain(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const STEPS: [Step; 5] = [Step::Create, Step::Fill, Step::Sync, Step::Rename, Step::SyncFolder];

    /// Writes until the power is cut before `step`.
    fn cut(path: &Path, content: &[u8], step: Step) {
        let mut go = |next| if next == step { Err(io::Error::other("power cut")) } else { Ok(()) };
        assert_eq!(write_until(path, content, &mut go).unwrap_err().to_string(), "power cut");
    }

    #[test]
    fn a_power_cut_leaves_the_old_content_or_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        for step in STEPS {
            let path = dir.path().join(format!("{step:?}"));
            cut(&path, b"first", step);
            let there = path.exists();
            assert_eq!(there, step == Step::SyncFolder, "{step:?}");
            write(&path, b"old").unwrap();
            cut(&path, b"new, and longer", step);
            let content = fs::read(&path).unwrap();
            assert_eq!(
                content,
                if step == Step::SyncFolder { &b"new, and longer"[..] } else { b"old" },
                "{step:?}"
            );
            write(&path, b"after").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"after", "{step:?}");
            assert!(!beside(&path, "new").exists());
        }
    }

    #[test]
    fn the_steps_come_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut seen = Vec::new();
        write_until(&dir.path().join("key"), b"x", &mut |step| {
            seen.push(step);
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, STEPS);
    }

    #[test]
    fn file_and_folder_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/identity.pem");
        write(&path, b"key").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        // What a power cut left does not lend its rights.
        fs::write(beside(&path, "new"), "half").unwrap();
        fs::set_permissions(beside(&path, "new"), fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, b"key").unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn what_is_set_aside_is_kept_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity.pem");
        for number in 1..=ASIDE {
            fs::write(&path, number.to_string()).unwrap();
            let aside = set_aside(&path).unwrap();
            assert!(aside.ends_with(format!("identity.pem.broken-{number}")));
            assert_eq!(fs::read_to_string(aside).unwrap(), number.to_string());
            assert!(!path.exists());
        }
        fs::write(&path, "one more").unwrap();
        let error = set_aside(&path).unwrap_err().to_string();
        assert!(error.contains("remove what nobody needs"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one more");
    }

    #[test]
    fn errors_name_the_path() {
        let error = write(Path::new("/proc/nothing/here"), b"").unwrap_err().to_string();
        assert!(error.starts_with("cannot write /proc/nothing/here: "), "{error}");
        assert!(try_folder(Path::new("/proc/nothing")).unwrap_err().to_string().contains("/proc/nothing"));
        let dir = tempfile::tempdir().unwrap();
        try_folder(&dir.path().join("new")).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 0);
        remove(&dir.path().join("none")).unwrap();
    }
}
