//! What the machine can do just now, without any broker: measured at the start of every round.

use super::fleet::{Fleet, Keys, client};
use super::lab::Endpoint;
use crate::fail::{Result, fail};
use crate::pki;
use rustls::client::Resumption;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const HANDSHAKES: u32 = 200;
const BLOCK: usize = 4096;

/// Time of the server's side of a mutual TLS handshake in memory, ECDSA on both sides, mean of some hundred.
pub fn handshake(fleet: &Fleet) -> Result<Duration> {
    let Some(device) = fleet.of(Keys::Ecdsa).next() else { return fail("no device") };
    let Ok(name) = ServerName::try_from("localhost") else { return fail("not a name: localhost") };
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let endpoint = Endpoint { address, name: name.clone(), ca: fleet.ca.clone() };
    let client = client(device, &endpoint, Resumption::disabled())?;
    let server = server(fleet)?;
    let mut spent = Duration::ZERO;
    for _ in 0..HANDSHAKES {
        let mut near = ClientConnection::new(Arc::clone(&client), name.clone())?;
        let mut wire = Vec::new();
        let start = Instant::now();
        let mut far = ServerConnection::new(Arc::clone(&server))?;
        spent += start.elapsed();
        while near.is_handshaking() || far.is_handshaking() {
            while near.wants_write() {
                near.write_tls(&mut wire)?;
            }
            let start = Instant::now();
            let mut bytes = wire.as_slice();
            while !bytes.is_empty() {
                far.read_tls(&mut bytes)?;
                far.process_new_packets()?;
            }
            wire.clear();
            while far.wants_write() {
                far.write_tls(&mut wire)?;
            }
            spent += start.elapsed();
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

fn server(fleet: &Fleet) -> Result<Arc<ServerConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&fleet.ca)? {
        roots.add(certificate?)?;
    }
    let provider = pki::provider();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let files = &fleet.ecdsa;
    let chain =
        CertificateDer::pem_file_iter(&files.certificate)?.collect::<std::result::Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(&files.key)?)?;
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Appends of 4 KiB to a file in `dir`, each made durable by fdatasync, in a second.
pub fn fdatasync(dir: &Path, time: Duration) -> Result<f64> {
    let path = dir.join("fdatasync");
    let mut file = File::create(&path)?;
    let block = [0x5a; BLOCK];
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(rate)
}
