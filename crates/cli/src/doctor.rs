//! `adit doctor`: checks from outside what users get wrong, each with the fix.

use crate::api::{self, Api};
use crate::data_dir::{Folder, Nearby, nearby};
use crate::exit::{self, Failure, Result};
use crate::http::{self, Client, Proxies, Target};
use crate::{out, status};
use adit_aws::Service;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Response};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Free space in the data folder below which a warning is due, bytes.
const LOW_DISK: u64 = 256 << 20;
/// Clock difference that deserves a word, and the one at which signatures are refused, seconds
/// (spec: control-plane §3).
const SKEW_WORTH_A_WORD: i64 = 60;
const SKEW_REFUSED: i64 = 15 * 60;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    folder: Folder,
    /// Check a server from another machine instead: HOST:PORT of its TLS listener.
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// With --server: PEM file of the server's CA; without it the system's trust store is used.
    #[arg(long, requires = "server", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Grade {
    Ok,
    Warning,
    Failed,
}

struct Finding {
    grade: Grade,
    check: &'static str,
    text: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, grade: Grade, check: &'static str, text: impl Into<String>) {
        self.0.push(Finding { grade, check, text: text.into() });
    }

    fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(Grade::Ok, check, text);
    }

    fn failed(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(Grade::Failed, check, text);
    }
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(crate::block_on(examine(args)))
}

async fn examine(args: &Args) -> Result {
    let mut findings = Findings::default();
    match &args.server {
        Some(server) => from_elsewhere(server, args.ca.as_deref(), &mut findings).await,
        None => on_this_machine(&args.folder.data_dir, &mut findings).await,
    }
    report(&findings, args.json);
    let failed = findings.0.iter().filter(|finding| finding.grade == Grade::Failed).count();
    if failed == 0 {
        Ok(())
    } else {
        Err(Failure::failed(format!("{failed} of {} checks failed", findings.0.len())))
    }
}

fn report(findings: &Findings, json: bool) {
    if json {
        let list: Vec<_> = findings
            .0
            .iter()
            .map(|finding| json!({ "check": finding.check, "grade": word(finding.grade), "text": finding.text }))
            .collect();
        return out::json(
            &json!({ "ok": !findings.0.iter().any(|f| f.grade == Grade::Failed), "checks": list }),
        );
    }
    for finding in &findings.0 {
        let mark = match finding.grade {
            Grade::Ok => out::good("ok     "),
            Grade::Warning => out::attention("warning"),
            Grade::Failed => out::bad("failed "),
        };
        out::data(format_args!("{mark}  {:<12} {}", finding.check, finding.text));
    }
}

fn word(grade: Grade) -> &'static str {
    match grade {
        Grade::Ok => "ok",
        Grade::Warning => "warning",
        Grade::Failed => "failed",
    }
}

async fn on_this_machine(data_dir: &Path, findings: &mut Findings) {
    let client = match nearby(data_dir) {
        Ok(client) => client,
        Err(failure) => return findings.failed("folder", failure.to_string()),
    };
    findings.ok("folder", data_dir.display().to_string());
    modes(data_dir, findings);
    disk(data_dir, findings);
    match status::fetch(&client.admin).await {
        Ok(_) => findings.ok("server", "running"),
        Err(failure) => return findings.failed("server", failure.to_string()),
    }
    if !api(&client, findings).await {
        return;
    }
    keys(&client, findings).await;
}

async fn from_elsewhere(server: &str, ca: Option<&Path>, findings: &mut Findings) {
    let none = PathBuf::new();
    let client = Nearby {
        endpoint: format!("https://{server}"),
        tunnel: Some(server.to_owned()),
        mqtt: None,
        console: None,
        region: String::new(),
        ca: ca.map(Path::to_path_buf),
        credentials: none.clone(),
        settings: none.clone(),
        admin: none,
    };
    match tokio::net::lookup_host(server).await {
        Ok(mut addresses) => match addresses.next() {
            Some(address) => findings.ok("name", format!("{server} is {}", address.ip())),
            None => {
                return findings
                    .failed("name", format!("{server} has no address: add it to DNS or /etc/hosts"));
            }
        },
        Err(error) => {
            return findings.failed("name", format!("{server}: {error}: expected HOST:PORT that resolves"));
        }
    }
    api(&client, findings).await;
}

fn modes(data_dir: &Path, findings: &mut Findings) {
    let open: Vec<String> = ["credentials", "secret.key", "adit.db", "pki/ca.key", "pki/server.key"]
        .iter()
        .map(|name| data_dir.join(name))
        .filter(|path| std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0))
        .map(|path| path.display().to_string())
        .collect();
    if open.is_empty() {
        return findings.ok("secrets", "readable by their owner only");
    }
    findings.failed("secrets", format!("others may read {0}: chmod 600 {0}", open.join(" ")));
}

fn disk(data_dir: &Path, findings: &mut Findings) {
    match rustix::fs::statvfs(data_dir) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let grade = if free < LOW_DISK { Grade::Warning } else { Grade::Ok };
            findings.add(grade, "disk", format!("{} MiB free", free >> 20));
        }
        Err(error) => findings.failed("disk", format!("{}: {error}", data_dir.display())),
    }
}

/// Certificate, readiness, clock and tunnel endpoint; false when nothing answers.
async fn api(client: &Nearby, findings: &mut Findings) -> bool {
    let ready = match get(client, "/readyz").await {
        Ok(answer) => answer,
        Err(failure) => {
            let text = failure.to_string();
            findings.failed("endpoint", format!("{text}: {}", http::advice(&text)));
            return false;
        }
    };
    findings.ok("endpoint", format!("{} answers, its certificate is trusted", client.endpoint));
    if ready.status().is_success() {
        findings.ok("ready", "takes work");
    } else {
        findings.failed("ready", format!("{}: {}", ready.status(), String::from_utf8_lossy(ready.body())));
    }
    clock(&ready, findings);
    match get(client, "/tunnel").await {
        Ok(answer) if answer.headers().contains_key("channel-id") => findings.ok("tunnels", "served here"),
        Ok(answer) => findings.failed(
            "tunnels",
            format!("{} answers /tunnel with {}: add \"tunnel\" to `serve` of this listener, or look for a proxy in between", client.endpoint, answer.status()),
        ),
        Err(failure) => findings.failed("tunnels", failure.to_string()),
    }
    true
}

fn clock(answer: &Response<Bytes>, findings: &mut Findings) {
    let date = answer.headers().get("date").and_then(|value| value.to_str().ok());
    let theirs =
        date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp().as_second());
    let Some(theirs) = theirs else {
        return findings.failed("clock", "the answer carries no date: is a proxy in between?");
    };
    let skew = api::now() - theirs;
    let grade = match skew.abs() {
        skew if skew >= SKEW_REFUSED => Grade::Failed,
        skew if skew >= SKEW_WORTH_A_WORD => Grade::Warning,
        _ => Grade::Ok,
    };
    let fix =
        if grade == Grade::Ok { "" } else { ": set both by NTP, signatures are refused beyond 15 minutes" };
    findings.add(grade, "clock", format!("{} s from the server's{fix}", skew.abs()));
}

async fn keys(client: &Nearby, findings: &mut Findings) {
    let asked = async {
        let api = Api::nearby(client)?;
        api.call(Service::Sts, "GetCallerIdentity", json!({})).await?;
        api.key().await
    };
    match asked.await {
        Ok(key) => findings.ok("keys", format!("{} is accepted", key.id)),
        Err(failure) => findings.failed("keys", failure.to_string()),
    }
}

async fn get(client: &Nearby, path: &str) -> Result<Response<Bytes>> {
    let target = Target::parse(&client.endpoint)?;
    let wire = Client::new(client.ca.clone(), Proxies::default()).connect(&target).await?;
    let request = Request::get(path)
        .header("host", target.authority())
        .body(Full::new(Bytes::new()))
        .map_err(|error| Failure::failed(format!("request: {error}")))?;
    http::exchange(wire, request).await
}
