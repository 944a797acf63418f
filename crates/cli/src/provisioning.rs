//! `adit provisioning`: what came of provisioning devices on their first connection, and trying again.

use crate::clients::{ask, with_query};
use crate::data_dir::{Folder, nearby};
use crate::exit::{self, Failure, Result};
use crate::out;
use crate::status::{self, plain, time};
use serde_json::Value;
use std::process::ExitCode;

/// Tries that are asked for at once.
const PAGE: usize = 250;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the last try of each device, the newest device first.
    List(List),
    /// Try again to provision a device, without touching it.
    Retry(Retry),
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    folder: Folder,
    /// Only the device with this certificate.
    #[arg(long, value_name = "ID")]
    certificate: Option<String>,
    /// Only devices of this CA.
    #[arg(long, value_name = "ID")]
    ca: Option<String>,
    /// Only devices that could not be provisioned.
    #[arg(long)]
    failed: bool,
    /// Account they belong to, if not the server's own.
    #[arg(long)]
    account: Option<String>,
    /// Region they belong to, if not the server's own.
    #[arg(long)]
    region: Option<String>,
    /// Tries to show.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Retry {
    /// Id of the device's certificate.
    certificate: String,
    #[command(flatten)]
    folder: Folder,
    /// Account it belongs to, if not the server's own.
    #[arg(long)]
    account: Option<String>,
    /// Region it belongs to, if not the server's own.
    #[arg(long)]
    region: Option<String>,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(match &args.command {
        None => crate::block_on(list(&args.list)),
        Some(Command::List(args)) => crate::block_on(list(args)),
        Some(Command::Retry(args)) => crate::block_on(retry(args)),
    })
}

async fn list(args: &List) -> Result {
    let admin = nearby(&args.folder.data_dir)?.admin;
    let (mut left, mut after) = (args.limit, None);
    if !args.json {
        let (at, tries, thing, certificate) = ("last try", "tries", "thing", "certificate");
        out::talk(format!("{at:<19} {tries:<5} {thing:<20} {certificate:<64} result"));
    }
    while left > 0 {
        let given = [
            ("certificate", args.certificate.clone()),
            ("ca", args.ca.clone()),
            ("failed", args.failed.then(|| "true".to_owned())),
            ("account", args.account.clone()),
            ("region", args.region.clone()),
            ("limit", Some(left.min(PAGE).to_string())),
            ("after", after),
        ];
        let page = ask(&admin, "/provisioning", &given).await?;
        let rows = page.get("rows").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for row in rows.iter().take(left) {
            out::data(if args.json { row.to_string() } else { line(row) });
        }
        left = left.saturating_sub(rows.len());
        match page.get("next").and_then(Value::as_i64) {
            Some(next) if !rows.is_empty() => after = Some(next.to_string()),
            _ => break,
        }
    }
    Ok(())
}

fn line(row: &Value) -> String {
    let member =
        |name: &str| row.get(name).filter(|value| !value.is_null()).map_or_else(|| "-".to_owned(), plain);
    let result = match row.get("step").filter(|step| !step.is_null()) {
        None => "provisioned".to_owned(),
        Some(step) => format!("failed at {}: {}", plain(step), member("reason")),
    };
    format!(
        "{:<19} {:<5} {:<20} {:<64} {result}",
        time(row.get("at")),
        member("tries"),
        member("thing"),
        member("certificate"),
    )
}

async fn retry(args: &Retry) -> Result {
    let admin = nearby(&args.folder.data_dir)?.admin;
    let given = [
        ("certificate", Some(args.certificate.clone())),
        ("account", args.account.clone()),
        ("region", args.region.clone()),
    ];
    let answer = status::post(&admin, &with_query("/provisioning/retry", &given)).await?;
    match answer.get("error") {
        Some(error) => Err(Failure::failed(plain(error))),
        None => {
            out::data("provisioned; the device's next connection is let in".to_owned());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_came_of_it() {
        let mut row = serde_json::json!({
            "at": 1.5, "tries": 3, "certificate": "ab", "ca": "cd", "template": null, "thing": null,
            "step": "parameters", "reason": "no Country",
        });
        let failed = line(&row);
        assert!(failed.starts_with("1970-01-01 00:00:01 3     - "), "{failed}");
        assert!(failed.ends_with(" failed at parameters: no Country"), "{failed}");
        row["step"] = Value::Null;
        row["thing"] = "DemoThing".into();
        assert!(line(&row).contains(" DemoThing ") && line(&row).ends_with(" provisioned"), "{row}");
    }
}
