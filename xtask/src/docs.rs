//! Every path that a document names exists, and every relative link leads somewhere.

use crate::run::{Result, output, root};
use std::path::Path;

/// The first folder of a path, by which a word in backticks is known to be one.
const ROOTS: &[&str] = &[
    "crates/",
    "docs/",
    "e2e/",
    "bench/",
    "fuzz/",
    "tools/",
    "xtask/",
    "changes/",
    ".ci/",
    ".cargo/",
    ".config/",
    "packaging/",
];

/// Names each path in a tracked Markdown file that does not exist.
pub fn check() -> Result<Vec<String>> {
    let files = output("git", &["ls-files", "--cached", "--others", "--exclude-standard", "*.md"])?;
    let mut problems = Vec::new();
    for file in files.lines() {
        let Ok(text) = std::fs::read_to_string(root().join(file)) else { continue };
        for (number, line) in text.lines().enumerate() {
            for path in named(line).filter(|path| !root().join(path).exists()) {
                problems.push(format!("{file}:{}: names `{path}`, which does not exist", number + 1));
            }
            let folder = Path::new(file).parent().unwrap_or(Path::new(""));
            for link in links(line).filter(|link| !root().join(folder).join(link).exists()) {
                problems.push(format!("{file}:{}: links to {link}, which does not exist", number + 1));
            }
        }
    }
    Ok(problems)
}

/// Paths in backticks; a pattern (`*`, `<`, `…`, `{`) names no single file and is passed over.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| ROOTS.iter().any(|root| word.starts_with(root)))
        .filter(|word| !word.contains(['*', '<', '…', '{', ' ']))
        .map(|word| word.split(':').next().unwrap_or(word))
}

/// Relative targets of `[text](target)`, without their anchors.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| {
            !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:")
        })
        .map(|target| target.split('#').next().unwrap_or(target))
        .filter(|target| !target.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{links, named};

    #[test]
    fn words_in_backticks_that_begin_like_a_path_are_paths() {
        let line = "see `crates/iot/src/arn.rs:12`, `cargo test`, `crates/*/src` and `docs/config.md`";
        assert_eq!(named(line).collect::<Vec<_>>(), ["crates/iot/src/arn.rs", "docs/config.md"]);
    }

    #[test]
    fn only_relative_links_are_followed() {
        let line = "[a](docs/a.md#part) [b](https://example.com) [c](#here)";
        assert_eq!(links(line).collect::<Vec<_>>(), ["docs/a.md"]);
    }
}
