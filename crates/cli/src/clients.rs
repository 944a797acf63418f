//! `adit clients`: which MQTT clients are connected, what one of them does, and cutting one off.

use crate::data_dir::{Folder, nearby};
use crate::exit::{self, Failure, Result};
use crate::out;
use crate::status::{self, plain, time};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;

/// Clients that are asked for at once.
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
    /// List the connected clients, by client id.
    List(List),
    /// Show one client: who it is, since when, and its subscriptions.
    Show(One),
    /// Cut one client off. It may come back at once; deactivate its certificate to keep it away.
    Cut(One),
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    folder: Folder,
    /// Only clients with certificates whose id begins so.
    #[arg(long, value_name = "ID")]
    certificate: Option<String>,
    /// Show clients that are away with a session that is kept, too.
    #[arg(long)]
    all: bool,
    /// Account they belong to, if not the server's own.
    #[arg(long)]
    account: Option<String>,
    /// Region they belong to, if not the server's own.
    #[arg(long)]
    region: Option<String>,
    /// Clients to show.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct One {
    /// Its MQTT client id.
    client_id: String,
    #[command(flatten)]
    folder: Folder,
    /// Account it belongs to, if not the server's own.
    #[arg(long)]
    account: Option<String>,
    /// Region it belongs to, if not the server's own.
    #[arg(long)]
    region: Option<String>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(match &args.command {
        None => crate::block_on(list(&args.list)),
        Some(Command::List(args)) => crate::block_on(list(args)),
        Some(Command::Show(args)) => crate::block_on(show(args)),
        Some(Command::Cut(args)) => crate::block_on(cut(args)),
    })
}

async fn list(args: &List) -> Result {
    let admin = nearby(&args.folder.data_dir)?.admin;
    let (mut left, mut after) = (args.limit, None);
    if !args.json {
        let (client, thing, from, since) = ("client", "thing", "from", "connected since");
        out::talk(format!("{client:<31} {thing:<17} {from:<23} {since:<19} certificate or caller"));
    }
    while left > 0 {
        let limit = Some(left.min(PAGE).to_string());
        let given = [
            ("certificate", args.certificate.clone()),
            ("all", Some(args.all.to_string())),
            ("account", args.account.clone()),
            ("region", args.region.clone()),
            ("limit", limit),
            ("after", after),
        ];
        let page = ask(&admin, "/clients", &given).await?;
        let rows = page.get("rows").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for row in rows.iter().take(left) {
            out::data(if args.json { row.to_string() } else { line(row) });
        }
        left = left.saturating_sub(rows.len());
        match page.get("next").and_then(Value::as_str) {
            Some(next) if !rows.is_empty() => after = Some(next.to_owned()),
            _ => break,
        }
    }
    Ok(())
}

fn line(row: &Value) -> String {
    let member = |name: &str| row.get(name).map_or_else(|| "-".to_owned(), plain);
    format!(
        "{:<31} {:<17} {:<23} {} {}",
        member("client-id"),
        member("thing"),
        member("source"),
        row.get("connected-since")
            .filter(|at| !at.is_null())
            .map_or_else(|| "away".to_owned(), |at| time(Some(at))),
        member("principal")
    )
}

async fn show(args: &One) -> Result {
    let admin = nearby(&args.folder.data_dir)?.admin;
    let client = ask(&admin, "/clients/show", &args.which()).await?;
    if args.json {
        out::json(&client);
    } else {
        out::raw(&page(&client));
    }
    Ok(())
}

async fn cut(args: &One) -> Result {
    let admin = nearby(&args.folder.data_dir)?.admin;
    let path = with_query("/clients/cut", &args.which());
    let answer = status::post(&admin, &path).await?;
    match answer.get("error") {
        Some(error) => return Err(Failure::failed(plain(error))),
        None if args.json => out::json(&answer),
        None => out::talk(format!("{} is cut off.", args.client_id)),
    }
    Ok(())
}

impl One {
    fn which(&self) -> [(&'static str, Option<String>); 3] {
        [
            ("client-id", Some(self.client_id.clone())),
            ("account", self.account.clone()),
            ("region", self.region.clone()),
        ]
    }
}

/// One client for a person: every member on its line, then the subscriptions.
fn page(client: &Value) -> String {
    let mut page = String::new();
    for (name, value) in client.as_object().into_iter().flatten() {
        let shown = match (name.as_str(), value) {
            (_, Value::Null | Value::Array(_)) => continue,
            ("connected-since" | "disconnected-since", at) => time(Some(at)),
            (_, value) => plain(value),
        };
        page.push_str(&format!("{name:<22} {shown}\n"));
    }
    for subscription in client.get("subscriptions").and_then(Value::as_array).into_iter().flatten() {
        let member = |name: &str| subscription.get(name).map_or_else(|| "-".to_owned(), plain);
        page.push_str(&format!("{:<22} {} (QoS {})\n", "subscription", member("filter"), member("qos")));
    }
    page
}

pub(crate) async fn ask(admin: &Path, path: &str, given: &[(&str, Option<String>)]) -> Result<Value> {
    let answer = status::ask(admin, &with_query(path, given)).await?;
    match answer.get("error") {
        Some(error) => Err(Failure::failed(plain(error))),
        None => Ok(answer),
    }
}

pub(crate) fn with_query(path: &str, given: &[(&str, Option<String>)]) -> String {
    let pair = |(name, value): &(&str, Option<String>)| {
        let value = value.as_deref()?;
        Some(format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
    };
    let pairs: Vec<String> = given.iter().filter_map(pair).collect();
    format!("{path}?{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn listing_is_what_happens_without_a_word() {
        let parsed = |line: &[&str]| Line::try_parse_from(line).map(|line| line.args.command);
        assert!(matches!(parsed(&["clients", "--limit", "3"]), Ok(None)));
        assert!(matches!(parsed(&["clients", "list"]), Ok(Some(Command::List(_)))));
        assert!(matches!(parsed(&["clients", "cut", "dev1"]), Ok(Some(Command::Cut(_)))));
        assert!(parsed(&["clients", "show"]).is_err());
    }

    #[test]
    fn a_client_is_shown_with_its_subscriptions() {
        let client = serde_json::json!({
            "client-id": "dev1", "connected-since": 1.5, "thing": null,
            "subscriptions": [{ "filter": "a/#", "qos": 1 }],
        });
        let page = page(&client);
        assert!(page.contains("client-id              dev1\n"), "{page}");
        assert!(page.contains("connected-since        1970-01-01 00:00:01\n"), "{page}");
        assert!(page.ends_with("subscription           a/# (QoS 1)\n") && !page.contains("thing"), "{page}");
    }

    #[test]
    fn ids_are_encoded() {
        let given = [("client-id", Some("a/b&c".to_owned())), ("region", None)];
        assert_eq!(with_query("/clients/show", &given), "/clients/show?client-id=a%2Fb%26c");
    }
}
