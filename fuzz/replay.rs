//! The replay of a corpus, for the tests of the crates in `crates/`.

use std::fs;
use std::path::Path;

#[expect(clippy::disallowed_methods, reason = "the crate reads no files, its tests do")]
pub fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    for file in files {
        check(&fs::read(file).unwrap());
    }
}
