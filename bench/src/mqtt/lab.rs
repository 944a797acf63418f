//! What the three suites share: the programs, the devices, who is measured, and how a run is set up.

use super::brokers::{Broker, Kind, Setup};
use super::fleet::Fleet;
use crate::fail::Result;
use crate::record::{Measurement, Record};
use crate::{out, process, programs};
use rustls_pki_types::ServerName;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::TempDir;

/// Where a broker takes TLS connections, and what proves that it is the right one.
pub struct Endpoint {
    pub address: SocketAddr,
    pub name: ServerName<'static>,
    pub ca: PathBuf,
}

/// What every suite takes.
#[derive(clap::Args)]
pub struct Common {
    /// Write one JSON object per measurement to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Which brokers to measure.
    #[arg(long, value_delimiter = ',', default_values = ["adit", "mosquitto"])]
    systems: Vec<Kind>,
    /// Keep the temporary folder with the logs.
    #[arg(long)]
    keep: bool,
}

/// Programs, files and devices of a run.
pub struct Lab {
    pub dir: PathBuf,
    pub fleet: Fleet,
    pub adit: Option<PathBuf>,
    pub systems: Vec<Kind>,
}

impl Lab {
    /// Sets a run up with that many devices, and says who is measured. The folder goes with its guard.
    pub fn make(
        suite: &'static str,
        common: &Common,
        ecdsa: usize,
        rsa: usize,
    ) -> Result<(Self, Record, TempDir)> {
        let mut dir = tempfile::Builder::new().prefix("adit-bench-").tempdir()?;
        dir.disable_cleanup(common.keep);
        let files = process::raise_open_files();
        out::talk(format_args!("logs in {}; at most {files} open files", dir.path().display()));
        let adit = match common.systems.contains(&Kind::Adit) {
            true => Some(programs::find(None)?.adit),
            false => None,
        };
        let fleet = Fleet::make(dir.path(), ecdsa, rsa)?;
        let mut lab = Self { dir: dir.path().to_owned(), fleet, adit, systems: Vec::new() };
        let mut record = Record::new(suite, common.json.as_deref())?;
        for kind in Kind::ALL.into_iter().filter(|kind| common.systems.contains(kind)) {
            let about = match kind.look_for(&lab) {
                Ok(version) => {
                    lab.systems.push(kind);
                    record.version(kind.name(), version.clone());
                    version
                }
                Err(why) => format!("absent: {why}"),
            };
            out::data(format_args!("{:<13}{about}", kind.name()));
        }
        Ok((lab, record, dir))
    }

    /// The systems in the order of a round: it changes, so that nobody is always first.
    pub fn order(&self, round: u32) -> Vec<Kind> {
        let mut order = self.systems.clone();
        let shift = round as usize % order.len().max(1);
        order.rotate_left(shift);
        order
    }

    /// Starts brokers. One that does not start is a failure of the record, not of the run.
    pub fn start(&self, record: &mut Record, kinds: &[Kind], label: &str, setup: Setup) -> Vec<Broker> {
        let mut started = Vec::new();
        for kind in kinds {
            match Broker::start(self, *kind, label, setup) {
                Ok(broker) => started.push(broker),
                Err(error) => record.failure(format!("{}: start ({label}): {error}", kind.name())),
            }
        }
        started
    }

    /// Names of the systems, for the table.
    pub fn names(&self) -> Vec<&'static str> {
        self.systems.iter().map(|kind| kind.name()).collect()
    }
}

/// A number without CPU or memory beside it.
pub fn plain(
    case: &'static str,
    system: &'static str,
    round: u32,
    value: f64,
    unit: &'static str,
) -> Measurement {
    let (cpu, rss) = (BTreeMap::new(), BTreeMap::new());
    Measurement { case, system, round, value, unit, cpu, rss, generator_bound: false }
}
