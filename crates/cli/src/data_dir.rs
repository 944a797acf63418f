//! What a running server leaves in its data folder for its clients on the same machine.

use crate::exit::{Failure, Result};
use adit_server::nearby::{self, Nearby};
use std::path::{Path, PathBuf};

/// The option by which a command finds a server on this machine.
#[derive(clap::Args)]
pub struct Folder {
    /// Data folder of a server on this machine.
    #[arg(long, env = "ADIT_DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
}

/// How to reach the server whose data folder this is.
pub fn nearby(data_dir: &Path) -> Result<Nearby> {
    let path = data_dir.join(nearby::FILE);
    let text = std::fs::read(&path).map_err(|error| {
        Failure::failed(format!(
            "{}: {error}. Is {} the data folder of a server that was started? \
             Start one with `adit serve --data-dir {}`, or name another folder with --data-dir.",
            path.display(),
            data_dir.display(),
            data_dir.display()
        ))
    })?;
    serde_json::from_slice(&text).map_err(|error| {
        Failure::failed(format!("{}: {error}. Restart the server to have it written again.", path.display()))
    })
}

/// An access key: that of root, from the AWS credentials file that the first start wrote, or another.
pub struct Key {
    pub id: String,
    pub secret: String,
    /// What goes with the key of a session.
    pub session_token: Option<String>,
}

impl Key {
    pub fn read(path: &Path) -> Result<Key> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::failed(format!(
                "{}: {error}. The first start of the server wrote this file; it is readable by that user only.",
                path.display()
            ))
        })?;
        let value = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(key, _)| key.trim() == name)
                .map(|(_, value)| value.trim().to_owned())
                .ok_or_else(|| Failure::failed(format!("{}: names no {name}", path.display())))
        };
        let (id, secret) = (value("aws_access_key_id")?, value("aws_secret_access_key")?);
        Ok(Key { id, secret, session_token: None })
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn the_key_is_read_from_a_credentials_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        std::fs::write(&path, "[default]\naws_access_key_id = A\naws_secret_access_key = b/c+d=\n").unwrap();
        let key = Key::read(&path).unwrap();
        assert_eq!((key.id.as_str(), key.secret.as_str()), ("A", "b/c+d="));
    }

    #[test]
    fn a_credentials_file_without_a_secret_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        std::fs::write(&path, "[default]\naws_access_key_id = A\n").unwrap();
        let Err(failure) = Key::read(&path) else { panic!("accepted") };
        assert!(failure.to_string().contains("aws_secret_access_key"), "{failure}");
    }
}
