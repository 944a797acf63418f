//! What a running server leaves in its data folder for its clients on the same machine.

use crate::exit::{Failure, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The file in it that says how to reach the server; `adit serve` writes it at each start.
pub const FILE: &str = "client.json";

/// The option by which a command finds a server on this machine.
#[derive(clap::Args)]
pub struct Folder {
    /// Data folder of a server on this machine.
    #[arg(long, env = "ADIT_DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
}

/// How to reach the server whose data folder it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearby {
    /// URL of the API; empty when no listener serves it.
    pub endpoint: String,
    /// `host:port` of the tunnel endpoint.
    pub tunnel: Option<String>,
    /// `host:port` where devices speak MQTT with their certificates.
    pub mqtt: Option<String>,
    /// URL of the web console.
    pub console: Option<String>,
    pub region: String,
    /// The CA that signed the server's certificate; none when the operator brought a certificate.
    pub ca: Option<PathBuf>,
    /// AWS credentials file with the root access key.
    pub credentials: PathBuf,
    /// Settings file that lets `localproxy -r REGION` find the server.
    pub settings: PathBuf,
    /// The admin socket.
    pub admin: PathBuf,
}

/// How to reach the server whose data folder this is.
pub fn nearby(data_dir: &Path) -> Result<Nearby> {
    let path = data_dir.join(FILE);
    let text = std::fs::read(&path).map_err(|error| {
        Failure::failed(format!(
            "{}: {error}. Is {} the data folder of a server that was started?",
            path.display(),
            data_dir.display(),
        ))
        .next(format!(
            "start one with `adit serve --data-dir {}`, or name another folder with --data-dir",
            data_dir.display()
        ))
    })?;
    read(&text).map_err(|why| {
        Failure::failed(format!("{}: {why}", path.display()))
            .next("restart the server to have it written again")
    })
}

fn read(text: &[u8]) -> std::result::Result<Nearby, String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let may = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let need = |name: &str| may(name).ok_or_else(|| format!("it names no {name}"));
    Ok(Nearby {
        endpoint: need("endpoint")?,
        tunnel: may("tunnel"),
        mqtt: may("mqtt"),
        console: may("console"),
        region: need("region")?,
        ca: may("ca").map(PathBuf::from),
        credentials: need("credentials")?.into(),
        settings: need("settings")?.into(),
        admin: need("admin")?.into(),
    })
}

/// An access key: that of root, from the AWS credentials file that the first start wrote, or another.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    pub id: String,
    pub secret: String,
    /// What goes with the key of a session.
    pub session_token: Option<String>,
    /// When it ends, in epoch seconds.
    pub expires: Option<i64>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id)
    }
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
        Ok(Key { id, secret, session_token: None, expires: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_read_from_a_credentials_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        std::fs::write(&path, "[default]\naws_access_key_id = A\naws_secret_access_key = b/c+d=\n").unwrap();
        let key = Key::read(&path).unwrap();
        assert_eq!((key.id.as_str(), key.secret.as_str()), ("A", "b/c+d="));
        assert_eq!(format!("{key:?}"), "Key(A)");
    }

    #[test]
    fn a_credentials_file_without_a_secret_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        std::fs::write(&path, "[default]\naws_access_key_id = A\n").unwrap();
        let Err(failure) = Key::read(&path) else { panic!("accepted") };
        assert!(failure.to_string().contains("aws_secret_access_key"), "{failure}");
    }

    #[cfg(feature = "server")]
    #[test]
    fn what_the_server_writes_is_read() {
        let written = adit_server::nearby::Nearby {
            endpoint: "https://localhost:8443".into(),
            tunnel: Some("localhost:8443".into()),
            mqtt: None,
            console: Some("https://localhost:8443".into()),
            region: "us-east-1".into(),
            account: "1".into(),
            ca: Some("/d/pki/ca.pem".into()),
            credentials: "/d/credentials".into(),
            settings: "/d/localproxy.json".into(),
            admin: "/d/admin.sock".into(),
        };
        assert_eq!(FILE, adit_server::nearby::FILE);
        let found = read(serde_json::to_string(&written).unwrap().as_bytes()).unwrap();
        assert_eq!((found.endpoint, found.tunnel, found.mqtt), (written.endpoint, written.tunnel, None));
        assert_eq!(found.console, written.console);
        assert_eq!((found.region, found.ca, found.admin), (written.region, written.ca, written.admin));
        assert!(read(b"{}").unwrap_err().contains("endpoint"));
    }
}
