//! `adit audit`: who did what to which resource, with what result.

use crate::data_dir::{Folder, nearby};
use crate::exit::{self, Failure, Result};
use crate::out;
use crate::status::{self, plain, time};
use serde_json::Value;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    folder: Folder,
    /// Rows to show, the newest first.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(crate::block_on(print(args)))
}

async fn print(args: &Args) -> Result {
    let admin = nearby(&args.folder.data_dir)?.admin;
    let (mut left, mut path) = (args.limit, "/audit".to_owned());
    loop {
        let page = status::ask(&admin, &path).await?;
        if let Some(error) = page.get("error") {
            return Err(Failure::failed(plain(error)));
        }
        for row in page.get("rows").and_then(Value::as_array).into_iter().flatten().take(left) {
            out::data(if args.json { row.to_string() } else { line(row) });
            left -= 1;
        }
        match page.get("next").filter(|next| !next.is_null() && left > 0) {
            Some(next) => path = format!("/audit?after={}", plain(next)),
            None => return Ok(()),
        }
    }
}

fn line(row: &Value) -> String {
    let member = |name: &str| row.get(name).map_or_else(|| "-".to_owned(), plain);
    format!(
        "{}  {:<24} {:<28} {}  {}  {}  {}",
        time(row.get("at")),
        member("action"),
        member("result"),
        member("resource"),
        member("principal"),
        member("peer"),
        member("detail")
    )
}
