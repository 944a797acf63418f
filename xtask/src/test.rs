//! Everything that must pass, in order, on one machine; `.ci/run` and the README call it.

use crate::run::{Result, cache, run, run_with, target, works};
use crate::{agent, node, python};
use std::path::PathBuf;

/// Debian packages the tests need: a program that shows one is there, and the package.
const PACKAGES: &[(&str, &str)] = &[
    ("/usr/sbin/sshd", "openssh-server"),
    ("/usr/bin/ssh", "openssh-client"),
    ("/usr/bin/sftp", "openssh-sftp-server"),
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/bin/curl", "curl"),
    ("/usr/bin/strace", "strace"),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "libfaketime"),
    ("/usr/bin/python3", "python3-venv"),
    ("/usr/sbin/mosquitto", "mosquitto"),
    ("/usr/bin/mosquitto_pub", "mosquitto-clients"),
    ("/usr/bin/node", "nodejs"),
    ("/usr/bin/npm", "npm"),
    ("/usr/bin/chromium", "chromium"),
    ("/usr/sbin/nft", "nftables"),
    ("/usr/sbin/tc", "iproute2"),
    ("/usr/bin/rsync", "rsync"),
    ("/usr/sbin/vsftpd", "vsftpd"),
    ("/usr/bin/Xtigervnc", "tigervnc-standalone-server"),
    ("/usr/bin/vncsnapshot", "vncsnapshot"),
    ("/usr/bin/faketime", "faketime"),
];

/// `cargo deny` needs no network for these; its advisories need one and are left to `cargo deny check` by hand.
const DENY: &str = "0.20.2";

pub fn test(fast: bool) -> Result {
    packages()?;
    let tables = python::interpreter("tables", "tools/requirements.txt")?;
    run("cargo", &["fmt", "--all", "--check"])?;
    run("cargo", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    run(
        "cargo",
        &["clippy", "--package", "adit", "--no-default-features", "--locked", "--", "-D", "warnings"],
    )?;
    crate::check::check()?;
    run(&tables, &["tools/gen_aws_tables.py", "--check"])?;
    unit_tests()?;
    run_with("cargo", &["doc", "--workspace", "--no-deps", "--locked"], &[("RUSTDOCFLAGS", "-D warnings")])?;
    if fast {
        return Ok(());
    }
    deny()?;
    node::console()?;
    run("cargo", &["build", "--release", "--workspace", "--locked"])?;
    companions()?;
    end_to_end()
}

fn packages() -> Result {
    let mut missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(file, _)| !PathBuf::from(file).exists())
        .map(|(_, package)| *package)
        .collect();
    if !works("python3", &["-c", "import venv, ensurepip"]) && !missing.contains(&"python3-venv") {
        missing.push("python3-venv");
    }
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing from Debian: {}", missing.join(" "));
    let (program, first): (&str, &[&str]) =
        if works("sh", &["-c", "test $(id -u) = 0"]) { ("apt-get", &[]) } else { ("sudo", &["apt-get"]) };
    run(program, &[first, &["update", "-q"]].concat())?;
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    run_with(
        program,
        &[first, &["install", "-q", "-y", "--no-install-recommends"], &missing].concat(),
        &quiet,
    )
}

fn unit_tests() -> Result {
    if works("cargo", &["nextest", "--version"]) {
        run("cargo", &["nextest", "run", "--workspace", "--locked"])?;
        return run("cargo", &["test", "--workspace", "--doc", "--locked"]);
    }
    run("cargo", &["test", "--workspace", "--locked"])
}

fn deny() -> Result {
    let tools = cache().join("tools");
    let program = tools.join("bin/cargo-deny").display().to_string();
    if !works(&program, &["--version"]) {
        let root = tools.display().to_string();
        let build = cache().join("tools-build").display().to_string();
        let args = [
            "install",
            "cargo-deny",
            "--version",
            DENY,
            "--locked",
            "--root",
            &root,
            "--no-default-features",
        ];
        run_with("cargo", &args, &[("CARGO_TARGET_DIR", &build)])?;
    }
    run(&program, &["--locked", "check", "bans", "licenses", "sources"])
}

fn companions() -> Result {
    run(&target().join("release/bench").display().to_string(), &["companions"])
}

fn end_to_end() -> Result {
    let interpreter = python::interpreter("e2e", "e2e/requirements.txt")?;
    let modules = node::modules("mqttjs", "e2e/mqttjs")?;
    let bin = target().join("release").display().to_string();
    let agent = agent::build(&agent::Options { is_static: true, target: None })?.display().to_string();
    let env = [("ADIT_BIN_DIR", &*bin), ("ADIT_NODE_MODULES", &*modules), ("ADIT_STATIC_AGENT", &*agent)];
    run_with(&interpreter, &["-m", "pytest", "-q", "-n", "2", "e2e"], &env)
}
