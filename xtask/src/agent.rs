//! The agent's small build (docs/building.md).

use crate::run::{Result, output, run_with, target};
use std::path::PathBuf;

/// What the agent is built for when it is to be static: a target of its own keeps build scripts and macros dynamic.
const HERE: &str = "x86_64-unknown-linux-gnu";

/// How to build.
#[derive(Default)]
pub struct Options {
    /// One file that needs no library, also not libc.
    pub is_static: bool,
    /// A target triple, if not this machine.
    pub target: Option<String>,
}

/// Reads `[--static] [--target TRIPLE]`.
pub fn options(words: &[&str]) -> Result<Options> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--static" => options.is_static = true,
            "--target" => {
                let triple =
                    words.next().ok_or("--target wants a triple, such as aarch64-unknown-linux-gnu")?;
                options.target = Some((*triple).to_owned());
            }
            other => return Err(format!("{other}: expected --static or --target TRIPLE")),
        }
    }
    Ok(options)
}

/// Builds the agent and gives the path of the program.
pub fn build(options: &Options) -> Result<PathBuf> {
    let triple = options.target.clone().or_else(|| options.is_static.then(|| HERE.to_owned()));
    let mut args: Vec<&str> =
        "build --locked --package adit --bin adit --no-default-features --profile agent".split(' ').collect();
    let mut folder = target();
    if let Some(triple) = &triple {
        let installed = output("rustc", &["--print", "target-libdir", "--target", triple])?;
        if !PathBuf::from(installed.trim()).exists() {
            return Err(format!(
                "the toolchain has no standard library for {triple}: rustup target add {triple}"
            ));
        }
        args.extend(["--target", triple]);
        folder.push(triple);
    }
    let flags = [("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=static")];
    run_with("cargo", &args, if options.is_static { &flags } else { &[] })?;
    Ok(folder.join("agent/adit"))
}

/// Builds the agent and says where it is and how large.
pub fn agent(options: &Options) -> Result {
    let program = build(options)?;
    let size = std::fs::metadata(&program).map_err(|error| format!("{}: {error}", program.display()))?.len();
    println!("{}: {:.2} MiB", program.display(), size as f64 / f64::from(1 << 20));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::options;

    #[test]
    fn options_are_read() {
        let read = options(&["--static", "--target", "aarch64-unknown-linux-gnu"]).unwrap();
        assert!(read.is_static && read.target.as_deref() == Some("aarch64-unknown-linux-gnu"));
        assert!(options(&["--fast"]).is_err_and(|error| error.contains("--fast")));
        assert!(options(&["--target"]).is_err());
    }
}
