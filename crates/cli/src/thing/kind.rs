//! `adit thing type`.

use super::done;
use crate::api::members;
use crate::ask::Yes;
use crate::exit::Result;
use crate::noun::{With, see};
use crate::out::{Column, Kind, View};
use crate::watch::{self, ListArgs};
use adit_aws::Service::Iot;
use serde_json::json;

const VIEW: View = View {
    id: "/thingTypeName",
    columns: &[
        Column::text("type", "/thingTypeName"),
        Column::text("deprecated", "/thingTypeMetadata/deprecated"),
        Column::text("searchable", "/thingTypeProperties/searchableAttributes"),
        Column::text("created", "/thingTypeMetadata/creationDate").of(Kind::Seconds),
        Column::text("description", "/thingTypeProperties/thingTypeDescription"),
        Column::text("arn", "/thingTypeArn").wide(),
    ],
};

const LIST: &str = "adit thing type list";

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the types of things.
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// Show a type.
    #[command(visible_alias = "describe")]
    Get {
        name: String,
        #[command(flatten)]
        with: With,
    },
    /// Make a type.
    Create {
        name: String,
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Attributes to search by; up to 3.
        #[arg(long, value_name = "NAME")]
        searchable: Vec<String>,
        #[command(flatten)]
        with: With,
    },
    /// Let no more things have a type. It can be deleted five minutes later.
    Deprecate {
        name: String,
        /// Let things have it again.
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        with: With,
    },
    /// Delete a type that is deprecated.
    Delete {
        name: String,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        with: With,
    },
}

pub async fn run(args: &Args) -> Result {
    match &args.command {
        Command::List { list, with } => {
            let api = with.open()?;
            watch::list(&api, *list, &with.out, &VIEW, async || {
                api.list(Iot, "ListThingTypes", json!({}), "thingTypes", list.limit()).await
            })
            .await
        }
        Command::Get { name, with } => {
            let input = json!({ "thingTypeName": name });
            let answer = with.open()?.call(Iot, "DescribeThingType", input).await.map_err(see(LIST))?;
            with.out.one(&VIEW, &answer);
            Ok(())
        }
        Command::Create { name, description, searchable, with } => {
            let properties = members([
                ("thingTypeDescription", json!(description)),
                ("searchableAttributes", json!((!searchable.is_empty()).then_some(searchable))),
            ]);
            let input = json!({ "thingTypeName": name, "thingTypeProperties": properties });
            let answer = with.open()?.call(Iot, "CreateThingType", input).await?;
            with.out.one(&VIEW, &answer);
            Ok(())
        }
        Command::Deprecate { name, undo, with } => {
            let input = json!({ "thingTypeName": name, "undoDeprecate": undo });
            with.open()?.call(Iot, "DeprecateThingType", input).await.map_err(see(LIST))?;
            done(&format!("{name} is {}deprecated.", if *undo { "no longer " } else { "" }))
        }
        Command::Delete { name, yes, with } => {
            let api = with.open()?;
            yes.sure(&format!("delete the type {name}"))?;
            api.call(Iot, "DeleteThingType", json!({ "thingTypeName": name })).await.map_err(see(LIST))?;
            done(&format!("Deleted {name}."))
        }
    }
}
