//! Tunnels that were left open on purpose: for each server and thing the id of the last one. No token is kept; whoever
//! uses such a tunnel again rotates it.

use std::fs;
use std::path::{Path, PathBuf};

use super::hosts;
use crate::exit::{Failure, Result};

/// Bytes of an id at most. spec: secure-tunneling §1.2
const ID: usize = 128;

/// `$XDG_STATE_HOME/adit/tunnels/PLACE`.
fn folder(place: &str) -> Result<PathBuf> {
    Ok(hosts::folder("XDG_STATE_HOME", ".local/state")?.join("tunnels").join(place))
}

/// The tunnel that was kept for a thing.
pub fn find(place: &str, thing: &str) -> Option<String> {
    read(&folder(place).ok()?, thing)
}

/// Remembers a tunnel in place of the one before.
pub fn keep(place: &str, thing: &str, id: &str) -> Result {
    let file = folder(place)?.join(thing);
    hosts::make_room(&file)?;
    write(&file, id).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))
}

/// Forgets it.
pub fn forget(place: &str, thing: &str) {
    if let Ok(folder) = folder(place) {
        let _ = fs::remove_file(folder.join(thing));
    }
}

fn read(folder: &Path, thing: &str) -> Option<String> {
    let text = fs::read_to_string(folder.join(thing)).ok()?;
    let id = text.trim();
    let is_one = (1..=ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-+=:".contains(&byte));
    is_one.then(|| id.to_owned())
}

/// Writes the file whole or not at all.
fn write(file: &Path, id: &str) -> std::io::Result<()> {
    let other = file.with_file_name(format!(".{}", std::process::id()));
    fs::write(&other, format!("{id}\n"))?;
    fs::rename(&other, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_is_remembered_and_nonsense_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lamp:1");
        assert_eq!(read(dir.path(), "lamp:1"), None);
        write(&file, "one").unwrap();
        write(&file, "two").unwrap();
        assert_eq!(read(dir.path(), "lamp:1").as_deref(), Some("two"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        fs::write(&file, "../x\n").unwrap();
        assert_eq!(read(dir.path(), "lamp:1"), None);
    }
}
