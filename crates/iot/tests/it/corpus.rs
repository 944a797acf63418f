//! The fuzzers' corpora, through the fuzzers' own checks.

#[path = "../../../../fuzz/src/iot.rs"]
mod checks;
#[path = "../../../../fuzz/src/provisioning.rs"]
mod provisioning;
#[path = "../../../../fuzz/replay.rs"]
mod replay;
#[path = "../../../../fuzz/src/shadow.rs"]
mod shadows;

use replay::replay;

#[test]
fn policy_document() {
    replay("policy_document", checks::policy_document);
}

#[test]
fn policy_decide() {
    replay("policy_decide", checks::policy_decide);
}

#[test]
fn iam_document() {
    replay("iam_document", checks::iam_document);
}

#[test]
fn shadow_update() {
    replay("shadow_update", shadows::shadow_update);
}

#[test]
fn provisioning_template() {
    replay("provisioning_template", provisioning::provisioning_template);
}

#[test]
fn cbor() {
    replay("cbor", provisioning::cbor);
}
