//! Which crate may depend on which (ARCHITECTURE.md, "Crates").

use crate::run::{Result, output};
use serde_json::Value;

/// A crate of ours, those of ours it may depend on, and why no others.
const EDGES: &[(&str, &[&str], &str)] = &[
    ("adit-mqtt", &[], "a protocol machine takes bytes and `now`, nothing else"),
    ("adit-tunnel", &[], "a protocol machine takes bytes and `now`, nothing else"),
    ("adit-iot", &[], "records and rules are judged without I/O"),
    ("adit-aws", &[], "the AWS front knows the wire, not what is behind it"),
    (
        "adit-store",
        &["adit-iot"],
        "what is kept are the records of iot; the store decides nothing about the wire",
    ),
    (
        "adit-server",
        &["adit-store", "adit-aws", "adit-iot", "adit-mqtt", "adit-tunnel"],
        "the server joins the parts",
    ),
    (
        "adit-device",
        &["adit-tunnel", "adit-mqtt"],
        "the device build carries no server, store or database code",
    ),
    (
        "adit",
        &["adit-server", "adit-device", "adit-aws"],
        "the command line starts them; aws signs its own calls",
    ),
    ("bench", &["adit-aws", "adit-tunnel"], "the benchmark drives real processes over the wire"),
    ("xtask", &[], "it must build at once"),
];

/// Crates that the pure ones may not reach, and why.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "a pure crate has no sockets and no tasks"),
    ("rustls", "a pure crate has no sockets"),
    ("rusqlite", "a pure crate stores nothing"),
    ("rand", "chance is an argument"),
    ("getrandom", "chance is an argument"),
];

/// Names every edge between our crates that is not in the table.
pub fn check() -> Result<Vec<String>> {
    let printed = output("cargo", &["metadata", "--format-version", "1", "--no-deps", "--locked"])?;
    let metadata: Value =
        serde_json::from_str(&printed).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages =
        metadata.get("packages").and_then(Value::as_array).ok_or("cargo metadata names no packages")?;
    let mut problems = Vec::new();
    for package in packages {
        let name = text(package, "name");
        let Some((_, allowed, reason)) = EDGES.iter().find(|(crate_name, ..)| *crate_name == name) else {
            problems.push(format!("crate {name} is not in the table of xtask/src/edges.rs"));
            continue;
        };
        for dependency in normal_dependencies(package) {
            let ours = EDGES.iter().any(|(crate_name, ..)| *crate_name == dependency);
            if ours && !allowed.contains(&dependency) {
                problems.push(format!("{name} must not depend on {dependency}: {reason}"));
            }
            let pure = matches!(name, "adit-mqtt" | "adit-tunnel" | "adit-iot" | "adit-aws");
            if let Some((_, reason)) = IMPURE.iter().find(|(bad, _)| pure && *bad == dependency) {
                problems.push(format!("{name} must not depend on {dependency}: {reason}"));
            }
        }
    }
    Ok(problems)
}

fn normal_dependencies(package: &Value) -> impl Iterator<Item = &str> {
    let dependencies = package.get("dependencies").and_then(Value::as_array);
    dependencies
        .into_iter()
        .flatten()
        .filter(|dependency| text(dependency, "kind") != "dev")
        .map(|dependency| text(dependency, "name"))
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}
