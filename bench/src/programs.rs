//! Where the programs are that the bench starts.

use crate::fail::{Result, fail};
use crate::out;
use crate::process::{first_line, on_path};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What AWS's local proxy prints first, whatever it is asked. Ours says the same, with `adit` in the version.
const BANNER: &str = "Running AWS IoT Secure Tunneling Local Proxy version: v";

/// The programs of one run.
pub struct Programs {
    pub adit: PathBuf,
    pub localproxy: PathBuf,
    pub aws_localproxy: Option<PathBuf>,
}

/// Ours come from `ADIT_BIN_DIR`, or from beside the bench, built there if absent. AWS's local proxy is the one
/// named, or a `localproxy` on PATH that is not ours.
pub fn find(aws: Option<PathBuf>) -> Result<Programs> {
    let own = std::env::current_exe()?;
    let beside = own.parent().map(Path::to_owned).unwrap_or_default();
    let named = std::env::var_os("ADIT_BIN_DIR").map(PathBuf::from);
    let dir = named.clone().unwrap_or(beside);
    let dir = dir.canonicalize().map_err(|error| format!("ADIT_BIN_DIR {}: {error}", dir.display()))?;
    let (adit, localproxy) = (dir.join("adit"), dir.join("localproxy"));
    if !(adit.is_file() && localproxy.is_file()) {
        if named.is_some() {
            return fail(format!("no adit and localproxy in ADIT_BIN_DIR ({})", dir.display()));
        }
        build(&dir)?;
    }
    let aws_localproxy = match aws {
        Some(path) => Some(checked(&path)?),
        None => on_path("localproxy").filter(|path| is_aws(path)),
    };
    Ok(Programs { adit, localproxy, aws_localproxy })
}

fn build(dir: &Path) -> Result<()> {
    out::talk(format_args!("no adit and localproxy in {}: building them", dir.display()));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile: &[&str] = if dir.ends_with("release") { &["--release"] } else { &[] };
    let status = Command::new(cargo).args(["build", "-p", "adit", "--bins"]).args(profile).status()?;
    if !status.success() || !dir.join("adit").is_file() {
        return fail(format!(
            "could not build them. Build them with `cargo build --release -p adit --bins`, or name the folder \
             that has them: ADIT_BIN_DIR=…; looked in {}",
            dir.display()
        ));
    }
    Ok(())
}

fn checked(path: &Path) -> Result<PathBuf> {
    let path =
        path.canonicalize().map_err(|error| format!("--aws-localproxy {}: {error}", path.display()))?;
    if is_aws(&path) {
        return Ok(path);
    }
    fail(format!(
        "--aws-localproxy {}: its --version does not begin with {BANNER:?}, or is ours",
        path.display()
    ))
}

fn is_aws(path: &Path) -> bool {
    first_line(path, "--version").is_some_and(|line| line.starts_with(BANNER) && !line.contains("adit"))
}
