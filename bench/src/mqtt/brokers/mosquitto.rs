//! Debian's mosquitto. It checks no topic, only certificates: what is left out is left out in its favour.

use super::{Broker, Kind, Setup, endpoint, listening};
use crate::fail::Result;
use crate::mqtt::fleet::ServerFiles;
use crate::mqtt::lab::Lab;
use crate::process::{Process, Start, free_port};
use std::fs;
use std::path::{Path, PathBuf};

const FILE: &str = "mosquitto.conf";

pub fn start(lab: &Lab, kind: Kind, dir: PathBuf, setup: Setup) -> Result<Broker> {
    let (ecdsa, rsa) = (free_port()?, free_port()?);
    let fleet = &lab.fleet;
    let text = format!(
        "user root\nlog_dest stderr\nlog_type error\nlog_type warning\nconnection_messages false\n\
         persistence {}\npersistence_location {}/\nmax_inflight_messages 1000\nmax_queued_messages 0\n\
         set_tcp_nodelay true\nallow_anonymous false\n{}{}",
        setup.persistence,
        dir.display(),
        listener(ecdsa, &fleet.ca, &fleet.ecdsa),
        listener(rsa, &fleet.ca, &fleet.rsa),
    );
    fs::write(dir.join(FILE), text)?;
    let program = super::mosquitto().ok_or("mosquitto is absent")?;
    let mut process = run(&program, &dir)?;
    let (ecdsa, rsa) = (endpoint(ecdsa, &fleet.ca)?, endpoint(rsa, &fleet.ca)?);
    listening(&mut process, ecdsa.address)?;
    listening(&mut process, rsa.address)?;
    Ok(Broker { kind, dir, program, ecdsa, rsa, process: Some(process) })
}

fn listener(port: u16, ca: &Path, files: &ServerFiles) -> String {
    format!(
        "listener {port} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n\
         use_identity_as_username true\ntls_version tlsv1.3\n",
        ca.display(),
        files.certificate.display(),
        files.key.display()
    )
}

pub fn run(program: &Path, dir: &Path) -> Result<Process> {
    Process::start("broker", dir, Start::new(program).args(["-c"]).args([dir.join(FILE)]))
}
