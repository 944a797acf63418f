//! Where the key that signs comes from.

use crate::data_dir::Key;
use crate::exit::{Failure, Result};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Time for a program of `credential_process`, and bytes of its output that are read at most.
const PROCESS: Duration = Duration::from_secs(60);
const PROCESS_BYTES: u64 = 64 * 1024;
/// Seconds before its end at which a key counts as ended.
const EARLY: i64 = 60;

/// How to get at the key.
pub enum Secret {
    Key(Key),
    /// A file of adit's first start with the root key.
    File(PathBuf),
    /// What a program prints.
    Process(Vec<String>),
    /// A session of a role, which the key of another source asks for.
    Role {
        input: Value,
        source: Box<Secret>,
    },
    /// There is none; why.
    None(Box<dyn Fn() -> Failure + Send + Sync>),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Secret::Key(key) => write!(f, "access key {}", key.id),
            Secret::File(path) => write!(f, "the key in {}", path.display()),
            Secret::Process(words) => {
                write!(f, "the key that {} prints", words.first().map_or("", |word| word))
            }
            Secret::Role { input, source } => {
                write!(
                    f,
                    "role {} by {source}",
                    input.get("RoleArn").and_then(Value::as_str).unwrap_or_default()
                )
            }
            Secret::None(_) => f.write_str("no key"),
        }
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
}

/// Whether a key is good for another call.
pub fn lasts(key: &Key) -> bool {
    key.expires.is_none_or(|end| now() < end - EARLY)
}

/// The session that AssumeRole gave.
pub fn of_role(answer: &Value) -> Result<Key> {
    let given = answer.get("Credentials").unwrap_or(&Value::Null);
    key_of(given).ok_or_else(|| Failure::failed("the answer to AssumeRole has no credentials in it"))
}

/// Runs a program of `credential_process`, without a shell, and reads the key that it prints.
pub async fn of_process(words: &[String]) -> Result<Key> {
    let failed = |why: &dyn std::fmt::Display| {
        let name = words.first().map_or("", |word| word);
        Failure::failed(format!("credential_process {name}: {why}"))
            .next("run the program by hand and look at what it prints")
    };
    let (program, args) = words.split_first().ok_or_else(|| failed(&"it names no program"))?;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(&error))?;
    let mut output = Vec::new();
    let run = async {
        if let Some(stdout) = child.stdout.take() {
            stdout.take(PROCESS_BYTES).read_to_end(&mut output).await?;
        }
        child.wait().await
    };
    let ended =
        tokio::time::timeout(PROCESS, run).await.map_err(|_| failed(&"it did not end in a minute"))?;
    let status = ended.map_err(|error| failed(&error))?;
    if !status.success() {
        return Err(failed(&status));
    }
    let printed: Value = serde_json::from_slice(&output).map_err(|_| failed(&"it printed no JSON"))?;
    if printed.get("Version").and_then(Value::as_i64) != Some(1) {
        return Err(failed(&"what it printed has no \"Version\": 1"));
    }
    key_of(&printed).ok_or_else(|| failed(&"what it printed has no AccessKeyId and SecretAccessKey"))
}

fn key_of(given: &Value) -> Option<Key> {
    let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Key {
        id: text("AccessKeyId")?,
        secret: text("SecretAccessKey")?,
        session_token: text("SessionToken"),
        expires: text("Expiration")
            .and_then(|end| end.parse::<jiff::Timestamp>().ok())
            .map(jiff::Timestamp::as_second),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(script: &str) -> Result<Key> {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(of_process(&words))
    }

    #[test]
    fn a_program_prints_a_key() {
        let printed = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","SessionToken":"t","Expiration":"2020-01-01T00:00:00Z"}"#;
        let key = process(&format!("echo '{printed}'")).unwrap();
        assert_eq!(
            (key.id.as_str(), key.secret.as_str(), key.session_token.as_deref()),
            ("A", "s", Some("t"))
        );
        assert_eq!(key.expires, Some(1_577_836_800));
        assert!(!lasts(&key) && lasts(&Key { expires: None, ..key }));
    }

    #[test]
    fn a_program_that_prints_none_is_named() {
        for (script, why) in [
            ("exit 3", "exit status: 3"),
            ("echo no", "no JSON"),
            ("echo '{}'", "Version"),
            ("echo '{\"Version\":1}'", "AccessKeyId"),
        ] {
            let failure = process(script).unwrap_err();
            assert!(
                failure.to_string().contains(why) && failure.to_string().contains("/bin/sh"),
                "{failure}"
            );
        }
    }
}
