//! Other programs that do a like thing. Each runs from files in a temporary folder, on the loopback address.

use super::Lab;
use crate::fail::{Result, fail};
use crate::process::{Process, Start, free_port, on_path};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

type Started = Result<(SocketAddr, Vec<Process>)>;

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn program(name: &str) -> Result<PathBuf> {
    on_path(name).ok_or_else(|| format!("{name} is not on PATH").into())
}

fn listening(process: &mut Process, at: SocketAddr) -> Result<()> {
    process.wait_for("its listener", |_| std::net::TcpStream::connect(at).ok().map(drop))
}

/// Runs a program that makes a file, to its end.
fn make(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    fail(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// One server; the device asks it to listen and to hand connections back (`-R`), the user reaches that (`-L`).
pub fn wstunnel(lab: &Lab, dir: &Path) -> Started {
    let wstunnel = program("wstunnel")?;
    let (server, middle, entry) = (local(free_port()?), local(free_port()?), local(free_port()?));
    let url = format!("wss://{server}");
    let relay = Start::new(&wstunnel).args(["server", &url, "--tls-certificate"]);
    let relay = relay.args([&lab.pki.certificate]).args(["--tls-private-key"]).args([&lab.pki.key]);
    let mut relay = Process::start("relay", dir, relay)?;
    listening(&mut relay, server)?;
    let client = |role, way: &str, from: SocketAddr, to: SocketAddr| {
        let mapping = format!("tcp://{from}:{to}");
        Process::start(role, dir, Start::new(&wstunnel).args(["client", way, mapping.as_str(), url.as_str()]))
    };
    let destination = client("destination", "-R", middle, lab.service)?;
    let source = client("source", "-L", entry, middle)?;
    Ok((entry, vec![source, relay, destination]))
}

/// One TLS hop: the server is the entry, the client the far end.
pub fn rathole(lab: &Lab, dir: &Path) -> Started {
    let rathole = program("rathole")?;
    let (control, entry) = (local(free_port()?), local(free_port()?));
    let identity = dir.join("identity.p12");
    make(
        Command::new("openssl")
            .args(["pkcs12", "-export", "-legacy", "-passout", "pass:bench", "-out"])
            .args([&identity, Path::new("-inkey"), &lab.pki.key])
            .args([Path::new("-in"), &lab.pki.certificate]),
    )?;
    let transport = "type = \"tls\"\n[SIDE.transport.tcp]\nnodelay = true\n[SIDE.transport.tls]\n";
    let write = |side: &str, head: String, tls: String, service: String| -> Result<PathBuf> {
        let file = dir.join(format!("{side}.toml"));
        let transport = transport.replace("SIDE", side);
        let text = format!(
            "[{side}]\n{head}\ndefault_token = \"bench\"\n[{side}.transport]\n{transport}{tls}\n[{side}.services.bench]\n{service}\nnodelay = true\n"
        );
        fs::write(&file, text)?;
        Ok(file)
    };
    let server = write(
        "server",
        format!("bind_addr = \"{control}\""),
        format!("pkcs12 = \"{}\"\npkcs12_password = \"bench\"", identity.display()),
        format!("bind_addr = \"{entry}\""),
    )?;
    let client = write(
        "client",
        format!("remote_addr = \"{control}\""),
        format!("trusted_root = \"{}\"\nhostname = \"localhost\"", lab.pki.ca.display()),
        format!("local_addr = \"{}\"", lab.service),
    )?;
    let mut relay = Process::start("relay", dir, Start::new(&rathole).args(["--server"]).args([server]))?;
    listening(&mut relay, control)?;
    let destination =
        Process::start("destination", dir, Start::new(&rathole).args(["--client"]).args([client]))?;
    Ok((entry, vec![relay, destination]))
}

pub fn sshd() -> Option<PathBuf> {
    on_path("sshd").or_else(|| Some(PathBuf::from("/usr/sbin/sshd")).filter(|file| file.is_file()))
}

/// One sshd; the device hands connections back (`-R`), the user reaches that (`-L`).
pub fn ssh(lab: &Lab, dir: &Path) -> Started {
    let (ssh, sshd) = (program("ssh")?, sshd().ok_or("sshd is absent")?);
    let key = dir.join("key");
    make(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
    let allowed = dir.join("allowed");
    fs::copy(key.with_extension("pub"), &allowed)?;
    fs::set_permissions(&allowed, fs::Permissions::from_mode(0o600))?;
    let (server, middle, entry) = (local(free_port()?), local(free_port()?), local(free_port()?));
    let config = dir.join("sshd_config");
    fs::write(
        &config,
        format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
             StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nMaxSessions 100\nMaxStartups 100\n",
            server.port(),
            key.display(),
            allowed.display()
        ),
    )?;
    let command = Start::new(sshd).args(["-D", "-e", "-f"]).args([&config]);
    let mut relay = Process::start("relay", dir, command)?;
    listening(&mut relay, server)?;
    let client = |role, way: &str, mapping: String| {
        let command = Start::new(&ssh)
            .args([
                "-N",
                "-F",
                "none",
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ])
            .args(["-o", "IdentitiesOnly=yes", "-o", "ExitOnForwardFailure=yes", "-o", "LogLevel=ERROR"])
            .args(["-c", "aes128-gcm@openssh.com", "-p", &server.port().to_string(), "-i"])
            .args([&key])
            .args([way, mapping.as_str(), "127.0.0.1"]);
        Process::start(role, dir, command)
    };
    let destination = client("destination", "-R", format!("{middle}:{}", lab.service))?;
    let source = client("source", "-L", format!("{entry}:{middle}"))?;
    Ok((entry, vec![source, relay, destination]))
}
