//! The program as a process of its own: this test binary, started again.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

const ARGS: &str = "ADIT_TEST_LOCALPROXY_ARGS";
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
#[ignore = "the program itself; the other tests start it"]
fn localproxy() {
    if let Ok(args) = std::env::var(ARGS) {
        let args: Vec<String> = args.lines().map(str::to_owned).collect();
        let status = adit_device::localproxy::main(&args, &|name| std::env::var(name).ok());
        std::process::exit(i32::from(status));
    }
}

pub struct Program {
    child: Child,
    errors: Lines<BufReader<ChildStderr>>,
    seen: Vec<String>,
}

impl Program {
    pub fn start(args: &[&str], environment: &[(&str, &str)]) -> Program {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", "program::localproxy"]);
        for name in ["https_proxy", "HTTPS_PROXY", "SSL_CERT_DIR", "ADIT_LOCALPROXY_SETTINGS"] {
            command.env_remove(name);
        }
        command.env("SSL_CERT_FILE", "/nonexistent").env(ARGS, args.join("\n"));
        command.envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap()).lines();
        Program { child, errors, seen: Vec::new() }
    }

    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Waits for a line on standard error that holds a text.
    pub async fn says(&mut self, text: &str) -> String {
        loop {
            let line = timeout(PATIENCE, self.errors.next_line())
                .await
                .unwrap_or_else(|_| panic!("waited for {text:?} after {:#?}", self.seen))
                .unwrap();
            let Some(line) = line else { panic!("ended before {text:?}: {:#?}", self.seen) };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The port a source listens on, once it does.
    pub async fn port(&mut self) -> u16 {
        let line = self.says("Listening for new connection on port ").await;
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Waits for the end: status (`None` after a signal), standard output, standard error.
    pub async fn end(mut self) -> (Option<i32>, String, Vec<String>) {
        let mut out = String::new();
        let mut stdout = self.child.stdout.take().unwrap();
        let all = async {
            while let Some(line) = self.errors.next_line().await.unwrap() {
                self.seen.push(line);
            }
            tokio::io::AsyncReadExt::read_to_string(&mut stdout, &mut out).await.unwrap();
            self.child.wait().await.unwrap().code()
        };
        let status = timeout(PATIENCE, all).await.expect("the program does not end");
        (status, out, self.seen)
    }
}

/// The messages of log lines, without time, thread and level.
pub fn messages(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| {
            line.split_once("] (")
                .and_then(|(_, rest)| rest.split_once("] "))
                .map_or(line.as_str(), |(_, text)| text)
        })
        .collect()
}

#[tokio::test]
async fn usage_errors_are_bare_and_point_to_help() {
    let (status, out, errors) = Program::start(&["-Z"], &[]).end().await;
    assert_eq!(status, Some(1));
    assert!(out.contains("Running AWS IoT Secure Tunneling Local Proxy version: v3.3.1+adit-"));
    assert_eq!(errors, ["unrecognised option '-Z'", "Try 'localproxy --help' for a list of options."]);
}

#[tokio::test]
async fn help_version_and_export_end_at_once() {
    let (status, _, errors) = Program::start(&["-h"], &[]).end().await;
    assert_eq!((status, errors[0].as_str()), (Some(0), "Allowed options:"));
    let (status, _, errors) = Program::start(&["-V", "-v", "0"], &[]).end().await;
    assert_eq!((status, errors.len()), (Some(0), 0));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("settings.json");
    let args = ["--export-default-settings", path.to_str().unwrap()];
    assert_eq!(Program::start(&args, &[]).end().await.0, Some(0));
    assert!(std::fs::read_to_string(&path).unwrap().contains("\"ping_period_ms\": \"20000\""));
}

#[tokio::test]
async fn refused_input_is_logged_for_security() {
    let args = ["-r", "home-1", "-s", "70000", "-t", "token"];
    let (status, _, errors) = Program::start(&args, &[]).end().await;
    assert_eq!(status, Some(1));
    assert_eq!(
        messages(&errors),
        [
            "Found access token supplied via CLI arg. \
             Consider using environment variable AWSIOT_TUNNEL_ACCESS_TOKEN instead",
            "SECURITY: Rejected input for 'port': out of valid range",
            "Port must be between 1 and 65535",
        ]
    );
}
