//! The fuzzers' corpora, through the fuzzers' own checks.

#[path = "../../../../fuzz/src/aws.rs"]
mod checks;
#[path = "../../../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn sigv4() {
    replay("sigv4", checks::sigv4);
}

#[test]
fn bind() {
    replay("bind", checks::bind);
}

#[test]
fn form() {
    replay("form", checks::form);
}

#[test]
fn answer() {
    replay("answer", checks::answer);
}

#[test]
fn profile() {
    replay("profile", checks::profile);
}
