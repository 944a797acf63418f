//! `adit why`: why devices were refused lately.

use crate::data_dir::{Folder, nearby};
use crate::exit::{self, Failure, Result};
use crate::out::{self, Column, Kind, OutArgs, View};
use crate::status::{self, plain, time};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

/// For the forms that are not for people, who get lines instead.
const VIEW: View = View {
    id: "/seq",
    columns: &[Column::text("at", "/at").of(Kind::Seconds), Column::text("text", "/text")],
};

/// How often `--follow` looks again.
const LOOK: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    folder: Folder,
    /// Only of this thing, or of a client of that name.
    #[arg(long)]
    thing: Option<String>,
    /// Only of certificates whose id begins so.
    #[arg(long, value_name = "ID")]
    certificate: Option<String>,
    /// Only of this MQTT client.
    #[arg(long)]
    client_id: Option<String>,
    /// Only from this address.
    #[arg(long)]
    address: Option<IpAddr>,
    /// Refusals to show, the newest first.
    #[arg(long, default_value_t = 20)]
    limit: u16,
    /// Go on showing refusals as they happen; those before are shown oldest first.
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    out: OutArgs,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(crate::block_on(print(args)))
}

async fn print(args: &Args) -> Result {
    let admin = nearby(&args.folder.data_dir)?.admin;
    let ask = async |more: String| {
        let page = status::ask(&admin, &(path(args) + &more)).await?;
        match page.get("error") {
            Some(error) => Err(Failure::failed(plain(error))),
            None => Ok(page),
        }
    };
    let mut page = ask(format!("&limit={}", args.limit)).await?;
    if !args.follow {
        if args.out.is_for_people(true) {
            show(args, rows(&page));
        } else {
            args.out.rows(&VIEW, rows(&page));
        }
        if rows(&page).is_empty() && args.out.is_for_people(true) {
            out::talk("Nothing was refused lately that fits; the server forgets refusals when it ends.");
        }
        return Ok(());
    }
    if let Some(rows) = page.get_mut("rows").and_then(Value::as_array_mut) {
        rows.reverse();
    }
    let mut last = number(&page, "last");
    loop {
        show(args, rows(&page));
        last = rows(&page).last().map_or(last, |row| number(row, "seq").max(last));
        tokio::time::sleep(LOOK).await;
        page = ask(format!("&after={last}&limit=1000")).await?;
    }
}

fn path(args: &Args) -> String {
    let address = args.address.map(|address| address.to_string());
    let given = [
        ("thing", &args.thing),
        ("certificate", &args.certificate),
        ("client-id", &args.client_id),
        ("address", &address),
    ];
    let pair = |(name, value): (&str, &Option<String>)| {
        value.as_deref().map(|value| format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
    };
    let pairs: String = given.into_iter().filter_map(pair).collect();
    format!("/refusals?{}", pairs.trim_start_matches('&'))
}

fn rows(page: &Value) -> &[Value] {
    page.get("rows").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn show(args: &Args, rows: &[Value]) {
    for row in rows {
        out::data(if args.out.is_for_people(true) { lines(row) } else { row.to_string() });
    }
}

/// A refusal for a person: what and why, then who.
fn lines(row: &Value) -> String {
    let member = |name: &str| row.get(name).filter(|value| !value.is_null()).map(plain);
    let times =
        if number(row, "count") > 1 { format!(" (×{})", number(row, "count")) } else { String::new() };
    let who = [
        ("thing", "thing"),
        ("client", "client-id"),
        ("certificate", "certificate"),
        ("caller", "principal"),
        ("from", "address"),
    ];
    let who = who.into_iter().filter_map(|(label, name)| Some(format!("{label} {}", member(name)?)));
    let who: Vec<String> = who.collect();
    let text = member("text").unwrap_or_default();
    format!("{}  {text}{times}\n                     {}", time(row.get("at")), who.join(", "))
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
    fn what_is_asked_for_is_encoded() {
        let line = ["why", "--thing", "a&b", "--client-id", "c d", "--address", "::1"];
        let args = Line::parse_from(line).args;
        assert_eq!(
            path(&args),
            "/refusals?thing=a%26b&client%2Did=c%20d&address=%3A%3A1".replace("%2D", "-")
        );
        assert_eq!(path(&Line::parse_from(["why"]).args), "/refusals?");
    }

    #[test]
    fn a_refusal_is_shown_with_who_and_why() {
        let row = serde_json::json!({
            "seq": 4, "at": 1.5, "count": 3, "text": "publish to a refused: no policy", "thing": "t", "client-id": null,
            "address": "192.0.2.1",
        });
        assert_eq!(
            lines(&row),
            "1970-01-01 00:00:01  publish to a refused: no policy (×3)\n                     thing t, from 192.0.2.1"
        );
    }
}
