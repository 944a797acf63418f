//! `adit console`: a one-time link that signs in to the web console.

use crate::data_dir::{Folder, nearby};
use crate::exit::{self, Failure, Result};
use crate::{out, private, status};
use serde_json::json;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    folder: Folder,
    /// Print the link only; open no browser.
    #[arg(long)]
    no_open: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(crate::block_on(console(args)))
}

async fn console(args: &Args) -> Result {
    let nearby = nearby(&args.folder.data_dir)?;
    let Some(url) = &nearby.console else {
        return Err(Failure::failed("no listener of this server serves the console").next(
            "add \"console\" to `serve` of the [[listen]] entry that serves \"api\" over TLS, and restart the server",
        ));
    };
    let answer = status::post(&nearby.admin, "/console").await?;
    let code = answer.get("code").and_then(serde_json::Value::as_str).ok_or_else(|| {
        Failure::failed("the server made no sign-in link; it is older than this program")
            .next("restart the server with this version and try again")
    })?;
    let link = link(url, code);
    if args.json {
        out::json(&json!({ "url": link, "seconds": answer.get("seconds") }));
    } else {
        out::data(&link);
    }
    out::talk("The link signs in as root, once, within 5 minutes.");
    if !args.no_open && !args.json && has_display() {
        open(&args.folder.data_dir, &link)?;
    }
    Ok(())
}

/// The code is in the fragment, which browsers send to nobody.
pub fn link(url: &str, code: &str) -> String {
    format!("{url}/#/sign-in?code={code}")
}

fn has_display() -> bool {
    cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some())
}

/// Opens the browser on a file that leads to the link: the command line of a program is for everybody to see.
fn open(data_dir: &Path, link: &str) -> Result {
    let page =
        std::path::absolute(data_dir.join("console.html")).unwrap_or_else(|_| data_dir.join("console.html"));
    let text = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0;url={link}\"><a href=\"{link}\">To the console</a>\n"
    );
    // That of an earlier link, which was used or is too old.
    let _ = std::fs::remove_file(&page);
    private::create(&page, text.as_bytes())?;
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started = Command::new(program)
        .arg(&page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        out::talk(format_args!("No browser was opened ({program}: {error}); open the link yourself."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::link;

    #[test]
    fn the_code_stays_in_the_fragment() {
        assert_eq!(link("https://localhost:8443", "c0de"), "https://localhost:8443/#/sign-in?code=c0de");
    }
}
