//! `adit clients`: which MQTT clients are connected, what one of them does, and cutting one off.

use crate::admin;
use crate::data_dir::{Folder, nearby};
use crate::exit::{self, Result};
use crate::out::{self, Column, Kind, OutArgs, View};
use crate::status::{plain, time};
use serde_json::Value;
use std::process::ExitCode;

const VIEW: View = View {
    id: "/client-id",
    columns: &[
        Column::text("client", "/client-id"),
        Column::text("thing", "/thing"),
        Column::text("from", "/source"),
        Column::text("connected since", "/connected-since").of(Kind::Seconds),
        Column::text("certificate or caller", "/principal"),
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
    #[command(flatten)]
    out: OutArgs,
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
    #[command(flatten)]
    out: OutArgs,
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
    let given = [
        ("certificate", args.certificate.clone()),
        ("all", Some(args.all.to_string())),
        ("account", args.account.clone()),
        ("region", args.region.clone()),
    ];
    let listed = admin::rows(&admin, "/clients", &given, args.limit).await?;
    args.out.rows(&VIEW, &listed.rows);
    Ok(())
}

async fn show(args: &One) -> Result {
    let admin = nearby(&args.folder.data_dir)?.admin;
    let client = admin::ask(&admin, "/clients/show", &args.which()).await?;
    if args.out.is_for_people(false) {
        out::raw(&page(&client));
    } else {
        args.out.one(&VIEW, &client);
    }
    Ok(())
}

async fn cut(args: &One) -> Result {
    let admin = nearby(&args.folder.data_dir)?.admin;
    let answer = admin::tell(&admin, "/clients/cut", &args.which()).await?;
    if args.out.is_for_people(false) {
        out::talk(format!("{} is cut off.", args.client_id));
    } else {
        args.out.one(&VIEW, &answer);
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
}
