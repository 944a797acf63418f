//! The demo's temporary folder, and the programs that work in it.

use crate::exit::{Failure, Result};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::{Child, Command};

/// The folder; removed at the demo's end.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn new() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("adit-demo-{}", std::process::id()));
        let broken = |error: std::io::Error| Failure::failed(format!("{}: {error}", path.display()));
        std::fs::create_dir(&path).map_err(broken)?;
        let folder = Folder { path: path.clone() };
        std::fs::create_dir(path.join("device")).map_err(broken)?;
        Ok(folder)
    }

    /// The server's data.
    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// A file of the device.
    pub fn device(&self, name: &str) -> PathBuf {
        self.path.join("device").join(name)
    }

    /// A configuration of the server with free ports on loopback.
    pub fn config(&self) -> Result<adit_server::config::Config> {
        let file = self.path.join("adit.toml");
        let text = format!(
            "node.data-dir = {:?}\nmetrics.address = \"off\"\nlog.level = \"warn\"\n\n\
             [[listen]]\naddress = \"127.0.0.1:{}\"\n\n\
             [[listen]]\naddress = \"127.0.0.1:{}\"\nserve = [\"mqtt\"]\n",
            self.data().display().to_string(),
            free_port()?,
            free_port()?
        );
        std::fs::write(&file, text)
            .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
        crate::config::load(Some(&file)).map_err(|problems| crate::config::failure(&problems))
    }

    /// Starts this program once more, with what it says in a file; ended when dropped.
    pub fn start(&self, name: &str, with: impl FnOnce(&mut Command)) -> Result<Child> {
        let broken = |error: std::io::Error| Failure::failed(format!("starting the {name}: {error}"));
        let log = std::fs::File::create(self.log(name)).map_err(broken)?;
        let mut command = Command::new(std::env::current_exe().map_err(broken)?);
        with(&mut command);
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(broken)?).stderr(log).kill_on_drop(true);
        command.spawn().map_err(broken)
    }

    /// What a program of the demo has said.
    pub fn said(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.log(name)).unwrap_or_default();
        text.lines().map(|line| format!("  {name}: {line}\n")).collect()
    }

    fn log(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.log"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A port of loopback that nobody listens on.
pub fn free_port() -> Result<u16> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Failure::failed(format!("no free port on loopback: {error}")))
}
