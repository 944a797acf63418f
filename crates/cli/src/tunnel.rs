//! `adit tunnel`: tunnels, by the operations of AWS IoT secure tunneling.

mod open;
mod rotate;
pub mod wait;

use crate::api::{Api, ApiArgs};
use crate::ask::Yes;
use crate::exit::{self, Failure, Result};
use crate::out::{Column, Kind, OutArgs, View};
use crate::watch::{self, ListArgs};
use crate::{out, private};
use adit_aws::Service::Tunneling;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::Instant;

/// How often `watch` looks.
const LOOK: Duration = Duration::from_secs(1);

/// One tunnel.
pub const VIEW: View = View {
    id: "/tunnelId",
    columns: &[
        Column::text("tunnel", "/tunnelId"),
        Column::text("status", "/status"),
        Column::text("thing", "/destinationConfig/thingName"),
        Column::text("services", "/destinationConfig/services"),
        Column::text("source", "/sourceConnectionState/status"),
        Column::text("destination", "/destinationConnectionState/status"),
        Column::text("created", "/createdAt").of(Kind::Seconds),
        Column::text("description", "/description"),
        Column::text("updated", "/lastUpdatedAt").of(Kind::Seconds).wide(),
        Column::text("arn", "/tunnelArn").wide(),
    ],
};

/// A tunnel in a list, which says less.
const SUMMARY: View = View {
    id: "/tunnelId",
    columns: &[
        Column::text("tunnel", "/tunnelId"),
        Column::text("status", "/status"),
        Column::text("created", "/createdAt").of(Kind::Seconds),
        Column::text("description", "/description"),
        Column::text("updated", "/lastUpdatedAt").of(Kind::Seconds).wide(),
        Column::text("arn", "/tunnelArn").wide(),
    ],
};

/// What opening and rotating give.
const TOKENS: View = View {
    id: "/tunnelId",
    columns: &[
        Column::text("tunnel", "/tunnelId"),
        Column::text("arn", "/tunnelArn"),
        Column::text("source token", "/sourceAccessToken"),
        Column::text("destination token", "/destinationAccessToken"),
    ],
};

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Open a tunnel to a device, and print its id and the tokens of both sides.
    Open(open::Args),
    /// List tunnels, the newest first.
    List(List),
    /// Show a tunnel: status, both sides, services.
    Describe(Describe),
    /// Close tunnels: both sides are cut off.
    Close(Close),
    /// Make new tokens for a tunnel; the old ones end.
    Rotate(rotate::Args),
    /// Print each change of a tunnel until it is closed.
    Watch(Watch),
}

#[derive(clap::Args)]
struct List {
    /// Only tunnels to this thing.
    #[arg(long, value_name = "THING")]
    thing: Option<String>,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(clap::Args)]
struct Describe {
    /// Id of the tunnel.
    tunnel: String,
    /// Go on showing what changes, until Ctrl-C or --timeout.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(clap::Args)]
struct Close {
    /// Ids of the tunnels.
    #[arg(required = true)]
    tunnels: Vec<String>,
    /// Forget the tunnels as well. Otherwise they stay listed as CLOSED for a while.
    #[arg(long)]
    delete: bool,
    #[command(flatten)]
    yes: Yes,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(clap::Args)]
struct Watch {
    /// Id of the tunnel.
    tunnel: String,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    api: ApiArgs,
}

/// Where tokens go.
#[derive(clap::Args)]
struct TokenArgs {
    /// Write the tokens to this new file as JSON, readable by its owner only, instead of to stdout.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl TokenArgs {
    /// Refuses a file that is there, before anything is done.
    fn check(&self) -> Result {
        self.token_file.as_deref().map_or(Ok(()), private::free)
    }

    /// Prints what an operation gave, or keeps its tokens in the file.
    fn show(&self, out: &OutArgs, mut answer: Value) -> Result {
        if let Some(path) = &self.token_file {
            private::create(path, format!("{answer:#}\n").as_bytes())?;
            if let Some(members) = answer.as_object_mut() {
                members.retain(|name, _| !name.ends_with("AccessToken"));
            }
        }
        out.one(&TOKENS, &answer);
        Ok(())
    }
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(match &args.command {
        Command::Open(args) => crate::block_on(open::run(args)),
        Command::List(args) => crate::block_on(list(args)),
        Command::Describe(args) => crate::block_on(describe(args)),
        Command::Close(args) => crate::block_on(close(args)),
        Command::Rotate(args) => crate::block_on(rotate::run(args)),
        Command::Watch(args) => crate::block_on(watch(args)),
    })
}

async fn list(args: &List) -> Result {
    let api = Api::open(&args.api)?;
    watch::list(&api, args.list, &args.out, &SUMMARY, async || {
        let input = crate::api::members([("thingName", json!(args.thing))]);
        api.list(Tunneling, "ListTunnels", input, "tunnelSummaries", args.list.limit()).await
    })
    .await
}

async fn describe(args: &Describe) -> Result {
    let api = Api::open(&args.api)?;
    watch::one(&api, args.watch, &args.out, &VIEW, async || get(&api, &args.tunnel).await).await
}

/// A tunnel as DescribeTunnel gives it.
///
/// # Errors
/// [`exit::Code::NotFound`], and what any call may end with.
pub async fn get(api: &Api, id: &str) -> Result<Value> {
    let answer = api.call(Tunneling, "DescribeTunnel", json!({ "tunnelId": id })).await.map_err(no_tunnel)?;
    answer
        .get("tunnel")
        .cloned()
        .ok_or_else(|| Failure::failed("the answer to DescribeTunnel has no tunnel in it"))
}

fn no_tunnel(failure: Failure) -> Failure {
    if failure.code() == exit::Code::NotFound {
        failure.next("`adit tunnel list` shows the tunnels")
    } else {
        failure
    }
}

async fn close(args: &Close) -> Result {
    let api = Api::open(&args.api)?;
    if args.delete {
        args.yes.sure(&format!("close and forget {}", args.tunnels.join(", ")))?;
    }
    for id in &args.tunnels {
        let input = json!({ "tunnelId": id, "delete": args.delete });
        api.call(Tunneling, "CloseTunnel", input).await.map_err(no_tunnel)?;
        out::talk(format_args!(
            "{} {}.",
            if args.delete { "Closed and forgot" } else { "Closed" },
            out::clean(id)
        ));
    }
    Ok(())
}

async fn watch(args: &Watch) -> Result {
    let api = Api::open(&args.api)?;
    let mut before = Value::Null;
    loop {
        let tunnel = get(&api, &args.tunnel).await?;
        if tunnel != before {
            if args.out.is_for_people(true) {
                out::data(line(&tunnel));
            } else {
                out::data(&tunnel);
            }
        }
        if tunnel.get("status").and_then(Value::as_str) != Some("OPEN") {
            return Ok(());
        }
        before = tunnel;
        let next = Instant::now() + LOOK;
        if let Some(end) = api.deadline().filter(|end| *end <= next) {
            tokio::time::sleep_until(end).await;
            return Err(Failure::timeout(format!("{} is still open", args.tunnel)));
        }
        tokio::time::sleep_until(next).await;
    }
}

/// The state of a tunnel on one line.
fn line(tunnel: &Value) -> String {
    let at = |pointer: &str, kind| {
        tunnel.pointer(pointer).map_or_else(|| "-".to_owned(), |value| out::cell(value, kind))
    };
    format!(
        "{}  {:<6}  source {:<12}  destination {}",
        at("/lastUpdatedAt", Kind::Seconds),
        at("/status", Kind::Text),
        at("/sourceConnectionState/status", Kind::Text),
        at("/destinationConnectionState/status", Kind::Text)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_one_line() {
        let tunnel = json!({ "lastUpdatedAt": 1.5, "status": "OPEN", "sourceConnectionState": { "status": "CONNECTED" } });
        assert_eq!(line(&tunnel), "1970-01-01 00:00:01  OPEN    source CONNECTED     destination -");
    }

    #[test]
    fn tokens_in_a_file_are_not_printed_and_readable_by_the_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let tokens = TokenArgs { token_file: Some(path.clone()) };
        tokens.check().unwrap();
        tokens.show(&OutArgs::default(), json!({ "tunnelId": "t", "sourceAccessToken": "s" })).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(std::fs::read_to_string(&path).unwrap().contains(r#""sourceAccessToken": "s""#));
        let failure = tokens.check().unwrap_err();
        assert_eq!(failure.code(), exit::Code::Conflict);
    }
}
