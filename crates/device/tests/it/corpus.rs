//! The fuzzers' corpora, through the fuzzers' own checks.

#[path = "../../../../fuzz/src/device.rs"]
mod checks;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    assert!(files.map(|file| check(&std::fs::read(file).unwrap())).count() > 0);
}

#[test]
fn device_x509() {
    replay("device_x509", checks::device_x509);
}

#[test]
fn agent_notify() {
    replay("agent_notify", checks::agent_notify);
}

#[test]
fn agent_config() {
    replay("agent_config", checks::agent_config);
}

#[test]
fn provision_answer() {
    replay("provision_answer", checks::provision_answer);
}
