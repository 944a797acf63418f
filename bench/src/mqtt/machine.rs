//! What the machine can do just now, without any broker: measured at the start of every round.

use super::fleet::{Fleet, Keys, client};
use super::lab::Endpoint;
use crate::fail::{Result, fail};
use crate::{pki, probe};
use rustls::client::Resumption;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::fs::File;
use std::io::{Seek, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const HANDSHAKES: u32 = 200;
const BLOCK: usize = 4096;
/// Blocks of the file that is written over and over.
const BLOCKS: u32 = 50;

/// CPU time of the server's side of a mutual TLS handshake in memory, the same keys on both sides, mean of some hundred.
pub fn handshake(fleet: &Fleet, keys: Keys) -> Result<Duration> {
    let Some(device) = fleet.of(keys).next() else { return fail("no device") };
    let Ok(name) = ServerName::try_from("localhost") else { return fail("not a name: localhost") };
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let endpoint = Endpoint { address, name: name.clone(), ca: fleet.ca.clone() };
    let client = client(device, &endpoint, Resumption::disabled())?;
    let server = server(fleet, keys)?;
    let mut spent = Duration::ZERO;
    for _ in 0..HANDSHAKES {
        let mut near = ClientConnection::new(Arc::clone(&client), name.clone())?;
        let mut wire = Vec::new();
        let start = probe::own_thread();
        let mut far = ServerConnection::new(Arc::clone(&server))?;
        spent += probe::own_thread() - start;
        while near.is_handshaking() || far.is_handshaking() {
            while near.wants_write() {
                near.write_tls(&mut wire)?;
            }
            let start = probe::own_thread();
            let mut bytes = wire.as_slice();
            while !bytes.is_empty() {
                far.read_tls(&mut bytes)?;
                far.process_new_packets()?;
            }
            wire.clear();
            while far.wants_write() {
                far.write_tls(&mut wire)?;
            }
            spent += probe::own_thread() - start;
            let mut bytes = wire.as_slice();
            while !bytes.is_empty() {
                near.read_tls(&mut bytes)?;
                near.process_new_packets()?;
            }
            wire.clear();
        }
    }
    Ok(spent / HANDSHAKES)
}

fn server(fleet: &Fleet, keys: Keys) -> Result<Arc<ServerConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&fleet.ca)? {
        roots.add(certificate?)?;
    }
    let provider = pki::provider();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let files = match keys {
        Keys::Ecdsa => &fleet.ecdsa,
        Keys::Rsa => &fleet.rsa,
    };
    let chain =
        CertificateDer::pem_file_iter(&files.certificate)?.collect::<std::result::Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(&files.key)?)?;
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// What a disk does in a second.
pub struct Disk {
    /// Appends of 4 KiB, each made durable by fdatasync: the file grows, so its size is written too.
    pub append: f64,
    /// The same over what is there already, as a database does with its log.
    pub in_place: f64,
}

/// Measures the disk of `dir`, `time` for each number.
pub fn disk(dir: &Path, time: Duration) -> Result<Disk> {
    let path = dir.join("fdatasync");
    let mut file = File::create(&path)?;
    let append = synced(&mut file, u32::MAX, time)?;
    let in_place = synced(&mut file, BLOCKS, time)?;
    std::fs::remove_file(&path)?;
    Ok(Disk { append, in_place })
}

/// Blocks written and made durable in a second; after `blocks` it begins at the front again.
fn synced(file: &mut File, blocks: u32, time: Duration) -> Result<f64> {
    let block = [0x5a; BLOCK];
    file.rewind()?;
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        if count % blocks == 0 {
            file.rewind()?;
        }
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
