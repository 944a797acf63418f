//! `adit audit`: who did what to which resource, with what result.

use crate::admin;
use crate::data_dir::{Folder, nearby};
use crate::exit::{self, Result};
use crate::out::{Column, Kind, OutArgs, View};
use std::process::ExitCode;

const VIEW: View = View {
    id: "/resource",
    columns: &[
        Column::text("at", "/at").of(Kind::Seconds),
        Column::text("action", "/action"),
        Column::text("result", "/result"),
        Column::text("resource", "/resource"),
        Column::text("principal", "/principal"),
        Column::text("peer", "/peer"),
        Column::text("detail", "/detail"),
    ],
};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    folder: Folder,
    /// Only on this resource.
    #[arg(long, value_name = "ARN")]
    resource: Option<String>,
    /// Only by this caller.
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
    /// Only of this name, such as OpenTunnel.
    #[arg(long)]
    action: Option<String>,
    /// Only what was refused or did not work.
    #[arg(long)]
    failed: bool,
    /// Rows to show, the newest first.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    out: OutArgs,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(crate::block_on(print(args)))
}

async fn print(args: &Args) -> Result {
    let admin = nearby(&args.folder.data_dir)?.admin;
    let given = [
        ("resource", args.resource.clone()),
        ("principal", args.principal.clone()),
        ("action", args.action.clone()),
        ("failed", args.failed.then(|| true.to_string())),
    ];
    let listed = admin::rows(&admin, "/audit", &given, args.limit).await?;
    args.out.rows(&VIEW, &listed.rows);
    Ok(())
}
