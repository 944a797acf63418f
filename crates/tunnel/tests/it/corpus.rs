//! The fuzzers' corpora, through the fuzzers' own checks.

use std::fs;
use std::path::Path;

#[path = "../../../../fuzz/src/lib.rs"]
mod checks;

#[expect(clippy::disallowed_methods, reason = "the crate reads no files, its tests do")]
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    for file in files {
        check(&fs::read(file).unwrap());
    }
}

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
