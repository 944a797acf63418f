//! `adit thing shadow`.

use super::done;
use crate::api::{Api, members};
use crate::ask::Yes;
use crate::exit::{Failure, Result};
use crate::noun::{With, see, text_of};
use crate::out::{Column, Kind, View};
use crate::watch::{self, ListArgs};
use adit_aws::Service::IotData;
use serde_json::{Value, json};
use std::path::PathBuf;

const VIEW: View = View {
    id: "/version",
    columns: &[
        Column::text("desired", "/state/desired"),
        Column::text("reported", "/state/reported"),
        Column::text("delta", "/state/delta"),
        Column::text("version", "/version"),
        Column::text("at", "/timestamp").of(Kind::Seconds),
    ],
};

const NAME: View = View { id: "/shadowName", columns: &[Column::text("shadow", "/shadowName")] };

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the named shadows of a thing.
    List {
        thing: String,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// Show a shadow; -o json is the whole document.
    Get {
        thing: String,
        /// A named shadow instead of the classic one.
        #[arg(long)]
        name: Option<String>,
        /// Go on showing what changes, until Ctrl-C or --timeout.
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        with: With,
    },
    /// Change a shadow.
    Update {
        thing: String,
        /// The document, such as {"state":{"desired":{"on":true}}}.
        #[arg(required_unless_present = "file")]
        document: Option<String>,
        /// Read the document from a file, or from stdin for -.
        #[arg(long, value_name = "FILE", conflicts_with = "document")]
        file: Option<PathBuf>,
        /// A named shadow instead of the classic one.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        with: With,
    },
    /// Delete a shadow.
    Delete {
        thing: String,
        /// A named shadow instead of the classic one.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        with: With,
    },
}

pub async fn run(args: &Args) -> Result {
    match &args.command {
        Command::List { thing, list, with } => {
            let api = with.open()?;
            watch::list(&api, *list, &with.out, &NAME, async || names(&api, thing, list.limit()).await).await
        }
        Command::Get { thing, name, watch, with } => {
            let api = with.open()?;
            watch::one(&api, *watch, &with.out, &VIEW, async || {
                api.call(IotData, "GetThingShadow", input(thing, name, Value::Null))
                    .await
                    .map_err(see("adit thing shadow list"))
            })
            .await
        }
        Command::Update { thing, document, file, name, with } => {
            let text = match (document, file) {
                (Some(text), _) => text.clone(),
                (None, Some(path)) => text_of(path)?,
                (None, None) => String::new(),
            };
            if let Err(error) = serde_json::from_str::<Value>(&text) {
                return Err(Failure::usage(format!("the document is not JSON: {error}"))
                    .next(r#"write it as {"state":{"desired":{"on":true}}}"#));
            }
            let input = input(thing, name, adit_aws::blob(text.as_bytes()));
            let answer = with.open()?.call(IotData, "UpdateThingShadow", input).await?;
            with.out.one(&VIEW, &answer);
            Ok(())
        }
        Command::Delete { thing, name, yes, with } => {
            let api = with.open()?;
            let said = name
                .as_ref()
                .map_or_else(|| "the classic shadow".to_owned(), |name| format!("the shadow {name}"));
            yes.sure(&format!("delete {said} of {thing}"))?;
            api.call(IotData, "DeleteThingShadow", input(thing, name, Value::Null))
                .await
                .map_err(see("adit thing shadow list"))?;
            done(&format!("Deleted {said} of {thing}."))
        }
    }
}

fn input(thing: &str, name: &Option<String>, payload: Value) -> Value {
    members([("thingName", json!(thing)), ("shadowName", json!(name)), ("payload", payload)])
}

async fn names(api: &Api, thing: &str, limit: usize) -> Result<crate::api::Listed> {
    let input = json!({ "thingName": thing });
    let mut listed = api.list(IotData, "ListNamedShadowsForThing", input, "results", limit).await?;
    listed.rows.iter_mut().for_each(|name| *name = json!({ "shadowName": Value::take(name) }));
    Ok(listed)
}
