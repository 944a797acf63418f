//! Starting, and why a server does not start.

use std::os::unix::fs::PermissionsExt as _;

use adit_server::{Config, Server};

use crate::bed::{Bed, config};

async fn refused(config: Config) -> String {
    match Server::start(config).await {
        Ok(_) => panic!("started"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_first_start_leaves_what_clients_need_and_keeps_secrets_private() {
    let bed = Bed::new().await;
    let mode = |name: &str| {
        std::fs::metadata(bed.config.node.data_dir.join(name)).unwrap().permissions().mode() & 0o777
    };
    for name in ["credentials", "secret.key", "pki/ca.key", "pki/server.key", "admin.sock"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    for name in ["pki/ca.pem", "localproxy.json"] {
        assert_eq!(mode(name), 0o644, "{name}");
    }
    let (id, secret) = bed.key();
    assert_eq!((id.len(), secret.len()), (20, 40));
    let database = std::fs::read(bed.config.node.data_dir.join("adit.db")).unwrap();
    assert!(!database.windows(secret.len()).any(|w| w == secret.as_bytes()), "secrets are sealed");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let bed = Bed::new().await;
    let dir = tempfile::tempdir().unwrap();
    let mut other = config(dir.path());
    other.listen[0].address = bed.plain();
    let error = refused(other).await;
    assert!(error.starts_with(&format!("cannot listen on {}: ", bed.plain())), "{error}");
    assert!(
        error.ends_with("another program (or another adit) listens there; stop it or choose another port"),
        "{error}"
    );
}

#[tokio::test]
async fn a_folder_has_one_server() {
    let bed = Bed::new().await;
    let error = refused(config(bed.dir.path())).await;
    assert!(error.contains("another adit server"), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let error = refused(config(&dir.path().join("file/data"))).await;
    assert!(error.contains("file/data"), "{error}");
}

#[tokio::test]
async fn a_bad_certificate_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.tls.certificate_file = Some(dir.path().join("none.pem"));
    config.tls.key_file = Some(dir.path().join("none.key"));
    let error = refused(config).await;
    assert!(error.contains("none.pem"), "{error}");
}

#[tokio::test]
async fn plain_http_for_others_needs_a_switch() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.listen[0].address = "0.0.0.0:0".parse().unwrap();
    let error = refused(config.clone()).await;
    assert!(error.contains("0.0.0.0:0 is plain HTTP on an address other machines can reach"), "{error}");
    config.listen[0].allow_plain_remote = true;
    Server::start(config).await.unwrap();
}

#[tokio::test]
async fn a_missing_shared_secret_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.test.any_account_secret_file = Some(dir.path().join("none"));
    assert!(refused(config).await.starts_with("test.any-account-secret-file ("));
}
