//! The fuzzers' corpora, through the fuzzers' own checks.

#[path = "../../../../fuzz/src/tunnel.rs"]
mod checks;
#[path = "../../../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn websocket() {
    replay("websocket", checks::websocket);
}

#[test]
fn frame_message() {
    replay("frame_message", checks::frame_message);
}

#[test]
fn relay() {
    replay("relay", checks::relay);
}
