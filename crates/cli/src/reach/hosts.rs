//! The host keys of things: a known_hosts file of our own for each server, apart from those of hosts in the network.

use std::path::{Path, PathBuf};

use crate::exit::{Failure, Result};

/// The name under which ssh knows a thing's host key, the same as `adit ssh-config` gives it.
pub fn alias(thing: &str) -> String {
    format!("{thing}.adit")
}

/// A name for the server, or for the account at AWS: one thing name may stand for different devices in two of them.
pub fn scope(api: Option<&str>, region: &str, account: &str) -> String {
    let text = match api {
        Some(url) => {
            format!("at-{}", url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/'))
        }
        None => format!("aws-{region}-{account}"),
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    text.chars().map(plain).take(100).collect()
}

/// The file for a scope: `$XDG_DATA_HOME/adit/known_hosts/SCOPE`, with folders that only its owner reads.
pub fn file(scope: &str) -> Result<PathBuf> {
    Ok(folder("XDG_DATA_HOME", ".local/share")?.join("known_hosts").join(scope))
}

/// Our own folder in one of the user's (XDG base directories).
pub fn folder(variable: &str, below_home: &str) -> Result<PathBuf> {
    let given = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = given.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(below_home)));
    base.map(|base| base.join("adit")).ok_or_else(|| {
        Failure::failed(format!("neither {variable} nor HOME is set: where do my files belong?"))
    })
}

/// Makes the folders of a file, readable by their owner only.
pub fn make_room(file: &Path) -> Result {
    use std::os::unix::fs::DirBuilderExt as _;
    let Some(folder) = file.parent() else { return Ok(()) };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_file_name() {
        assert_eq!(scope(Some("https://localhost:8443/"), "us-east-1", "1"), "at-localhost_8443");
        assert_eq!(scope(Some("https://[::1]:8443"), "us-east-1", "1"), "at-___1__8443");
        assert_eq!(scope(None, "eu-west-1", "123456789012"), "aws-eu-west-1-123456789012");
        assert!(!scope(Some("https://../x"), "", "").contains('/'));
    }
}
