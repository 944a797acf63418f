//! `adit thing group`.

use super::done;
use crate::api::{Api, Listed, members};
use crate::ask::Yes;
use crate::exit::Result;
use crate::noun::{With, see};
use crate::out::{Column, Kind, View};
use crate::watch::{self, ListArgs};
use adit_aws::Service::Iot;
use serde_json::{Value, json};

const VIEW: View = View {
    id: "/thingGroupName",
    columns: &[
        Column::text("group", "/thingGroupName"),
        Column::text("parent", "/thingGroupMetadata/parentGroupName"),
        Column::text("created", "/thingGroupMetadata/creationDate").of(Kind::Seconds),
        Column::text("description", "/thingGroupProperties/thingGroupDescription"),
        Column::text("version", "/version").wide(),
        Column::text("arn", "/thingGroupArn").wide(),
    ],
};

/// A group in a list.
const SUMMARY: View = View {
    id: "/groupName",
    columns: &[Column::text("group", "/groupName"), Column::text("arn", "/groupArn").wide()],
};

const LIST: &str = "adit thing group list";

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List groups.
    List {
        /// Only groups below this one.
        #[arg(long, value_name = "GROUP")]
        parent: Option<String>,
        /// Only groups that a thing is in.
        #[arg(long, value_name = "THING", conflicts_with = "parent")]
        of: Option<String>,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// Show a group.
    #[command(visible_alias = "describe")]
    Get {
        group: String,
        #[command(flatten)]
        with: With,
    },
    /// Make a group.
    Create {
        group: String,
        #[arg(long, value_name = "GROUP")]
        parent: Option<String>,
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[command(flatten)]
        with: With,
    },
    /// Delete a group. Its things stay.
    Delete {
        group: String,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        with: With,
    },
    /// Put things into a group.
    Add {
        group: String,
        #[arg(required = true)]
        things: Vec<String>,
        #[command(flatten)]
        with: With,
    },
    /// Take things out of a group.
    Remove {
        group: String,
        #[arg(required = true)]
        things: Vec<String>,
        #[command(flatten)]
        with: With,
    },
}

pub async fn run(args: &Args) -> Result {
    match &args.command {
        Command::List { parent, of, list, with } => {
            let api = with.open()?;
            let (operation, given) = match of {
                Some(thing) => ("ListThingGroupsForThing", json!({ "thingName": thing })),
                None => ("ListThingGroups", members([("parentGroup", json!(parent))])),
            };
            watch::list(&api, *list, &with.out, &SUMMARY, async || {
                api.list(Iot, operation, given.clone(), "thingGroups", list.limit()).await
            })
            .await
        }
        Command::Get { group, with } => {
            let input = json!({ "thingGroupName": group });
            let answer = with.open()?.call(Iot, "DescribeThingGroup", input).await.map_err(see(LIST))?;
            with.out.one(&VIEW, &answer);
            Ok(())
        }
        Command::Create { group, parent, description, with } => {
            let properties = description.as_ref().map(|text| json!({ "thingGroupDescription": text }));
            let input = members([
                ("thingGroupName", json!(group)),
                ("parentGroupName", json!(parent)),
                ("thingGroupProperties", json!(properties)),
            ]);
            let answer = with.open()?.call(Iot, "CreateThingGroup", input).await.map_err(see(LIST))?;
            with.out.one(&VIEW, &answer);
            Ok(())
        }
        Command::Delete { group, yes, with } => {
            let api = with.open()?;
            yes.sure(&format!("delete the group {group}"))?;
            api.call(Iot, "DeleteThingGroup", json!({ "thingGroupName": group })).await.map_err(see(LIST))?;
            done(&format!("Deleted {group}."))
        }
        Command::Add { group, things, with } => {
            each(with, "AddThingToThingGroup", group, things, "is in").await
        }
        Command::Remove { group, things, with } => {
            each(with, "RemoveThingFromThingGroup", group, things, "is no longer in").await
        }
    }
}

async fn each(with: &With, operation: &str, group: &str, things: &[String], verb: &str) -> Result {
    let api = with.open()?;
    for thing in things {
        let input = json!({ "thingGroupName": group, "thingName": thing });
        api.call(Iot, operation, input).await.map_err(see(LIST))?;
        done(&format!("{thing} {verb} {group}."))?;
    }
    Ok(())
}

/// The things in a group, with their names alone.
pub async fn things(api: &Api, group: &str, limit: usize) -> Result<Listed> {
    let input = json!({ "thingGroupName": group });
    let mut listed =
        api.list(Iot, "ListThingsInThingGroup", input, "things", limit).await.map_err(see(LIST))?;
    listed.rows.iter_mut().for_each(|name| *name = json!({ "thingName": Value::take(name) }));
    Ok(listed)
}
