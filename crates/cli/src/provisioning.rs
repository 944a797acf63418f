//! `adit provisioning`: what came of provisioning devices on their first connection, and trying again.

use crate::admin;
use crate::data_dir::{Folder, nearby};
use crate::exit::{self, Result};
use crate::out::{self, Column, Kind, OutArgs, View};
use crate::status::plain;
use serde_json::Value;
use std::process::ExitCode;

const VIEW: View = View {
    id: "/certificate",
    columns: &[
        Column::text("last try", "/at").of(Kind::Seconds),
        Column::text("tries", "/tries"),
        Column::text("thing", "/thing"),
        Column::text("certificate", "/certificate"),
        Column::text("result", "/result"),
    ],
};

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
    #[command(flatten)]
    out: OutArgs,
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
    let given = [
        ("certificate", args.certificate.clone()),
        ("ca", args.ca.clone()),
        ("failed", args.failed.then(|| "true".to_owned())),
        ("account", args.account.clone()),
        ("region", args.region.clone()),
    ];
    let mut listed = admin::rows(&admin, "/provisioning", &given, args.limit).await?;
    if args.out.is_for_people(true) {
        listed.rows.iter_mut().for_each(add_result);
    }
    args.out.rows(&VIEW, &listed.rows);
    Ok(())
}

/// For people: what came of it, in a member of its own.
fn add_result(row: &mut Value) {
    let member =
        |name: &str| row.get(name).filter(|value| !value.is_null()).map_or_else(|| "-".to_owned(), plain);
    let result = match row.get("step").filter(|step| !step.is_null()) {
        None => "provisioned".to_owned(),
        Some(step) => format!("failed at {}: {}", plain(step), member("reason")),
    };
    if let Some(members) = row.as_object_mut() {
        members.insert("result".to_owned(), result.into());
    }
}

async fn retry(args: &Retry) -> Result {
    let admin = nearby(&args.folder.data_dir)?.admin;
    let given = [
        ("certificate", Some(args.certificate.clone())),
        ("account", args.account.clone()),
        ("region", args.region.clone()),
    ];
    admin::tell(&admin, "/provisioning/retry", &given).await?;
    out::data("provisioned; the device's next connection is let in");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_came_of_it() {
        let mut row = serde_json::json!({
            "at": 1.5, "tries": 3, "certificate": "ab", "ca": "cd", "template": null, "thing": null,
            "step": "parameters", "reason": "no Country",
        });
        add_result(&mut row);
        assert_eq!(row["result"], "failed at parameters: no Country");
        row["step"] = Value::Null;
        add_result(&mut row);
        assert_eq!(row["result"], "provisioned");
    }
}
