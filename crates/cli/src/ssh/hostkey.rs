//! The host key of a thing: pinned on first sight, refused when it is another one, forgotten on demand.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::time::timeout;

use super::{Line, start};
use crate::exit::{Code, Failure, Result};
use crate::out;
use crate::reach::hosts;

/// Time for a second look at the host key.
const LOOK: Duration = Duration::from_secs(8);

/// Bytes of ssh's words that are read.
const WORDS: u64 = 64 * 1024;

/// Whether ssh failed because the device has another host key than before. ssh does not say so in its status; a second
/// ssh, which is told to log in by no means, says it in its words.
pub async fn has_changed(line: &Line<'_>) -> bool {
    if !is_pinned(line.known_hosts, &line.words.thing) {
        return false;
    }
    timeout(LOOK, probe(line))
        .await
        .ok()
        .flatten()
        .is_some_and(|words| words.contains("IDENTIFICATION HAS CHANGED"))
}

async fn probe(line: &Line<'_>) -> Option<String> {
    use tokio::io::AsyncReadExt as _;
    let mut command = line.command(Some(())).ok()?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = start(command).ok()?;
    let mut words = Vec::new();
    child.stderr.take()?.take(WORDS).read_to_end(&mut words).await.ok()?;
    let _ = child.wait().await;
    Some(String::from_utf8_lossy(&words).into_owned())
}

/// What a changed host key may mean, and what to do.
pub fn warning(thing: &str) -> String {
    format!(
        "the host key of {thing} is not the one it had before. Either the device was replaced or installed anew, or somebody \
         is in between. If you know that it is the former: adit ssh --forget-host-key {thing}"
    )
}

fn is_pinned(file: &Path, thing: &str) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().any(|line| names(line, thing))
}

/// Whether a line of known_hosts is about a thing. The file is our own, its names are not hashed.
fn names(line: &str, thing: &str) -> bool {
    let alias = hosts::alias(thing);
    line.split(' ').next().is_some_and(|names| names.split(',').any(|name| name.eq_ignore_ascii_case(&alias)))
}

/// Forgets the host key of a thing.
pub fn forget(file: &Path, thing: &str) -> Result {
    let failed = |error: std::io::Error| Failure::failed(format!("{}: {error}", file.display()));
    let none =
        || Failure::new(Code::NotFound, format!("no host key of {thing} is known in {}", file.display()));
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(none()),
        text => text.map_err(failed)?,
    };
    let left: String = text.split_inclusive('\n').filter(|line| !names(line, thing)).collect();
    if left.len() == text.len() {
        return Err(none());
    }
    let other = file.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&other, left).and_then(|()| std::fs::rename(&other, file)).map_err(failed)?;
    out::talk(format_args!(
        "The host key of {thing} is forgotten; the next connection accepts the one it finds."
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_of_the_thing_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("at-localhost_8443");
        assert!(forget(&file, "lamp1").is_err());
        std::fs::write(&file, "lamp1.adit ssh-ed25519 A\nlamp10.adit ssh-ed25519 B\nlamp1.adit ssh-rsa C\n")
            .unwrap();
        assert!(is_pinned(&file, "lamp1") && !is_pinned(&file, "lamp"));
        forget(&file, "lamp1").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "lamp10.adit ssh-ed25519 B\n");
        assert!(!is_pinned(&file, "lamp1"));
        assert!(forget(&file, "lamp1").is_err());
    }
}
