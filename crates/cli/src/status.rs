//! `adit status`: what the server of a data folder is doing.

use crate::data_dir::{Folder, nearby};
use crate::exit::{self, Failure, Result};
use crate::{http, out};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    folder: Folder,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(crate::block_on(print(args)))
}

async fn print(args: &Args) -> Result {
    let status = fetch(&nearby(&args.folder.data_dir)?.admin).await?;
    if args.json {
        out::json(&status);
    } else {
        out::raw(&page(&status));
    }
    Ok(())
}

/// The status for a person.
fn page(status: &Value) -> String {
    let text = |pointer: &str| status.pointer(pointer).map_or_else(String::new, plain);
    let mut page = format!(
        "adit {} (pid {}) is {} for {}, region {}, account {}\n\n",
        text("/version"),
        text("/pid"),
        text("/phase"),
        duration(status.pointer("/uptime-seconds").and_then(Value::as_u64).unwrap_or(0)),
        text("/region"),
        text("/account")
    );
    for listener in list(status, "/listeners") {
        let scheme = if listener.get("tls") == Some(&Value::Bool(true)) { "https" } else { "http" };
        let serve: Vec<String> = list(listener, "/serve").iter().map(plain).collect();
        let address = listener.get("address").map_or_else(String::new, plain);
        let _ = writeln!(page, "  {:<32} {}", format!("{scheme}://{address}"), serve.join(", "));
    }
    let _ = writeln!(
        page,
        "\n  connections {}, tunnels open {}, sources connected {}, destinations connected {}",
        text("/connections"),
        text("/tunnels/open"),
        text("/tunnels/sources-connected"),
        text("/tunnels/destinations-connected")
    );
    match status.pointer("/store/ok") {
        Some(Value::Bool(true)) => page.push_str("  store ok\n"),
        _ => {
            let _ = writeln!(page, "  store FAILED: {}", text("/store/error"));
        }
    }
    let refusals = list(status, "/refusals");
    if !refusals.is_empty() {
        page.push_str("\nRefused lately (newest first):\n");
    }
    for refusal in refusals {
        let member = |name: &str| refusal.get(name).map_or_else(|| "-".to_owned(), plain);
        let _ = writeln!(
            page,
            "  {}  {:<15} tunnel {}  {}  {} (×{})",
            time(refusal.get("at")),
            member("peer"),
            member("tunnel"),
            member("side"),
            member("reason"),
            member("count")
        );
    }
    page
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A value without the quotes of JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// Epoch seconds, as the API gives them, in UTC for people.
pub fn time(value: Option<&Value>) -> String {
    let seconds = value.and_then(Value::as_f64).unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "times of this century fit")]
    let at = jiff::Timestamp::from_second(seconds as i64);
    at.map_or_else(|_| "-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// Whole days, hours, minutes or seconds, the two largest units.
fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// The status over the admin socket.
pub async fn fetch(socket: &Path) -> Result<Value> {
    ask(socket, "/status").await
}

/// Asks the server over its admin socket.
pub async fn ask(socket: &Path, path: &str) -> Result<Value> {
    exchange(socket, Method::GET, path).await
}

/// Tells the server something over its admin socket.
pub async fn post(socket: &Path, path: &str) -> Result<Value> {
    exchange(socket, Method::POST, path).await
}

async fn exchange(socket: &Path, method: Method, path: &str) -> Result<Value> {
    let wire = tokio::net::UnixStream::connect(socket).await.map_err(|error| {
        Failure::unreachable(format!("{}: {error}. Is the server running?", socket.display()))
    })?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "adit")
        .body(Full::new(Bytes::new()))
        .map_err(|error| Failure::failed(format!("request: {error}")))?;
    let answer = http::exchange(wire, request).await?;
    serde_json::from_slice(answer.body()).map_err(|error| Failure::failed(format!("{path}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::{duration, page};

    #[test]
    fn durations_show_their_two_largest_units() {
        let shown = [5, 65, 3_700, 90_000].map(duration);
        assert_eq!(shown, ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
    }

    #[test]
    fn a_refusal_is_shown_with_its_reason() {
        let status = serde_json::json!({
            "version": "1", "phase": "serving", "uptime-seconds": 61, "store": { "ok": true },
            "refusals": [{ "at": 1.5, "peer": "192.0.2.1", "tunnel": "t", "side": "source", "reason": "used" }],
        });
        let page = page(&status);
        assert!(page.contains("1970-01-01 00:00:01  192.0.2.1"), "{page}");
        assert!(page.contains("source  used"), "{page}");
    }
}
