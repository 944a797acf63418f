//! The fuzzers' corpora, through the fuzzers' own checks.

#[path = "../../../../fuzz/src/iot.rs"]
mod checks;
#[path = "../../../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn policy_document() {
    replay("policy_document", checks::policy_document);
}

#[test]
fn policy_decide() {
    replay("policy_decide", checks::policy_decide);
}
