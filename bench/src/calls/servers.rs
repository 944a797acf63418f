//! Who answers: our server, axum alone, and moto.

use crate::api::{Account, Client};
use crate::fail::{Result, fail};
use crate::process::{Process, Start, free_port, on_path};
use http::Method;
use serde_json::json;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

/// Plain HTTP, and no quota is in the way; all else is the default.
const CONFIG: &str = r#"
listen = [{ address = "127.0.0.1:0", tls = false, serve = ["api"] }]

[metrics]
address = "off"

[log]
level = "warn"

[tunnel]
max-open-tunnels = 1000000

[limits]
max-connections = 1000000
connections-per-address = 1000000
"#;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    #[value(skip)]
    Hello,
    Adit,
    Moto,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Adit => "adit",
            Self::Moto => "moto",
        }
    }

    /// The version, or why it is absent.
    pub fn look_for(self, adit: &Path) -> std::result::Result<String, &'static str> {
        match self {
            Self::Hello => Ok(String::new()),
            Self::Adit => Ok(crate::process::first_line(adit, "--version").unwrap_or_default()),
            Self::Moto if on_path("moto_server").is_none() => Err("moto_server is not on PATH"),
            Self::Moto => Ok(version_of_moto()),
        }
    }
}

fn version_of_moto() -> String {
    let asked = Command::new("python3").args(["-c", "import moto; print(moto.__version__)"]).output();
    let text = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

/// One that runs, with things to be described.
pub struct Server {
    pub kind: Kind,
    pub account: Account,
    pub address: SocketAddr,
    process: Process,
}

impl Server {
    /// Starts one on an empty folder and makes `things` things there. The account is that of our own server, or one of the
    /// same shape: the others do not look.
    pub fn start(kind: Kind, adit: &Path, dir: &Path, things: usize) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let server = match kind {
            Kind::Hello => {
                let own = Start::new(std::env::current_exe()?).args(["hello"]);
                let mut process = Process::start("server", dir, own)?;
                let address = process.wait_for("its address", |text| {
                    text.lines().find_map(|line| line.strip_prefix("listening ")?.parse().ok())
                })?;
                Self::stranger(kind, address, process)
            }
            Kind::Moto => {
                let Some(program) = on_path("moto_server") else { return fail("moto_server is not on PATH") };
                let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
                let port = address.port().to_string();
                let mut process = Process::start(
                    "server",
                    dir,
                    Start::new(program).args(["-H", "127.0.0.1", "-p", &port]),
                )?;
                process.wait_for("its listener", |_| TcpStream::connect(address).ok().map(drop))?;
                Self::stranger(kind, address, process)
            }
            Kind::Adit => {
                let (config, data) = (dir.join("adit.toml"), dir.join("data"));
                fs::write(&config, CONFIG)?;
                let command = Start::new(adit).args(["serve", "--config"]).args([&config]);
                let mut process = Process::start("server", dir, command.args(["--data-dir"]).args([&data]))?;
                let account = Client::read(&mut process, &data)?.account(&data)?;
                let at = account.authority().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
                let port: u16 = at.ok_or("the API has no port")?;
                let address = SocketAddr::from(([127, 0, 0, 1], port));
                process.wait_for("its listener", |_| TcpStream::connect(address).ok().map(drop))?;
                Self { kind, account, address, process }
            }
        };
        if kind != Kind::Hello {
            server.fill(things)?;
        }
        Ok(server)
    }

    fn stranger(kind: Kind, address: SocketAddr, process: Process) -> Self {
        Self { kind, account: Account::any(&address.to_string()), address, process }
    }

    fn fill(&self, things: usize) -> Result<()> {
        let body = json!({ "attributePayload": { "attributes": { "version": "v1", "country": "IN" } } });
        for number in 0..things {
            // moto ends every connection after one answer.
            self.account.connect()?.registry(&Method::POST, &format!("/things/bench-{number}"), &body)?;
        }
        Ok(())
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}
