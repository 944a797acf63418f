//! Starting the limit: three times this very program.

use super::Lab;
use crate::fail::Result;
use crate::process::{Process, Start};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

pub fn start(lab: &Lab, dir: &Path) -> Result<(SocketAddr, Vec<Process>)> {
    let part =
        |role: &'static str, to: SocketAddr, files: &[(&str, &Path)]| -> Result<(SocketAddr, Process)> {
            let mut args: Vec<OsString> =
                vec!["chain".into(), role.into(), "--to".into(), to.to_string().into()];
            for (option, file) in files {
                args.push(option.into());
                args.push(file.into());
            }
            let mut process = Process::start(role, dir, Start::new(std::env::current_exe()?).args(args))?;
            let address = process.wait_for("its address", |log| {
                log.lines().find_map(|line| line.strip_prefix("listening "))?.parse().ok()
            })?;
            Ok((address, process))
        };
    let (ca, certificate, key) = (&lab.pki.ca, &lab.pki.certificate, &lab.pki.key);
    let (to, destination) =
        part("destination", lab.service, &[("--certificate", certificate), ("--key", key)])?;
    let (to, relay) = part("relay", to, &[("--ca", ca), ("--certificate", certificate), ("--key", key)])?;
    let (entry, source) = part("source", to, &[("--ca", ca)])?;
    Ok((entry, vec![source, relay, destination]))
}
