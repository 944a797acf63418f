use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::own::{SERVER_LIFE, names_of};
use super::*;

const NOW: i64 = 1_795_000_000_000;
const DAY: i64 = 86_400_000;

fn config(folder: &Path, names: &[&str]) -> Config {
    let mut config = Config::default();
    config.node.data_dir = folder.to_owned();
    config.names = names.iter().map(|n| (*n).to_owned()).collect();
    config
}

fn leaves(identities: &Identities) -> Vec<CertificateDer<'static>> {
    identities.pairs.iter().map(|pair| pair.chain[0].clone()).collect()
}

#[test]
fn certificates_are_made_once_and_again_when_names_change_or_they_end() {
    let dir = tempfile::tempdir().unwrap();
    let get = |names: &[&str], now| prepare(&config(dir.path(), names), &Ids::Real, now).unwrap();
    let first = get(&[], NOW);
    assert_eq!(first.pairs.iter().map(|p| p.is_ec).collect::<Vec<_>>(), [true, false]);
    let ca = std::fs::read(dir.path().join("pki/ca.pem")).unwrap();
    assert_eq!(leaves(&get(&[], NOW)), leaves(&first));
    let wanted = ["iot.example", "10.0.0.1", "FE80::1"];
    let named = get(&wanted, NOW);
    for (before, leaf) in leaves(&first).iter().zip(leaves(&named)) {
        assert_ne!(*before, leaf);
        let names = names_of(&leaf);
        for name in ["localhost", "127.0.0.1", "::1", "iot.example", "10.0.0.1", "fe80::1"] {
            assert!(names.contains(name), "{name} {names:?}");
        }
    }
    assert_eq!(leaves(&get(&wanted, NOW + DAY)), leaves(&named));
    assert_ne!(leaves(&get(&wanted, NOW + DAY * 380)), leaves(&named));
    assert_eq!(std::fs::read(dir.path().join("pki/ca.pem")).unwrap(), ca);
    for key in ["ca.key", "ca-rsa.key", "server.key", "server-rsa.key"] {
        let mode = std::fs::metadata(dir.path().join("pki").join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}

#[test]
fn a_folder_of_an_earlier_version_keeps_its_ca_and_gains_another() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("pki");
    let first = prepare(&config(dir.path(), &[]), &Ids::Real, NOW).unwrap();
    let both = std::fs::read_to_string(folder.join("ca.pem")).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    let old = &both[..both.find(end).unwrap() + end.len()];
    std::fs::write(folder.join("ca.pem"), old).unwrap();
    for made_since in ["ca-rsa.pem", "ca-rsa.key", "server-rsa.pem", "server-rsa.key"] {
        std::fs::remove_file(folder.join(made_since)).unwrap();
    }
    let upgraded = prepare(&config(dir.path(), &[]), &Ids::Real, NOW).unwrap();
    assert_eq!(leaves(&upgraded)[0], leaves(&first)[0]);
    assert_eq!(upgraded.pairs.len(), 2);
    let now = std::fs::read_to_string(folder.join("ca.pem")).unwrap();
    assert!(now.starts_with(old) && now.matches(end).count() == 2, "{now}");
}

#[test]
fn the_operators_certificates_are_judged() {
    let (made, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    prepare(&config(made.path(), &[]), &Ids::Real, NOW).unwrap();
    let file = |name: &str| Some(made.path().join("pki").join(name));
    let mut config = config(dir.path(), &[]);
    config.tls.certificate_file = file("server-rsa.pem");
    config.tls.key_file = file("server-rsa.key");
    let one = prepare(&config, &Ids::Real, NOW).unwrap();
    assert_eq!((one.pairs.len(), one.ca), (1, None));
    config.tls.alternate_certificate_file = file("server.pem");
    config.tls.alternate_key_file = file("server.key");
    let two = prepare(&config, &Ids::Real, NOW).unwrap();
    assert_eq!(two.pairs.iter().map(|p| p.is_ec).collect::<Vec<_>>(), [true, false]);
    config.tls.alternate_certificate_file = file("server-rsa.pem");
    let same = prepare(&config, &Ids::Real, NOW).unwrap_err();
    assert!(same.to_string().contains("keys of the same kind"), "{same}");
    config.tls.alternate_certificate_file = None;
    let expired = prepare(&config, &Ids::Real, NOW + millis(SERVER_LIFE)).unwrap_err();
    assert!(expired.to_string().contains("has expired"));
    config.tls.key_file = Some(dir.path().join("none.key"));
    assert!(prepare(&config, &Ids::Real, NOW).unwrap_err().to_string().contains("none.key"));
    std::fs::write(dir.path().join("none.key"), "not a key").unwrap();
    let unusable = prepare(&config, &Ids::Real, NOW).unwrap_err();
    assert!(unusable.to_string().contains("holds no usable private key"));
}
