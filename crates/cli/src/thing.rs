//! `adit thing`: devices in the registry, their certificates, connection, shadows, types and groups.

mod group;
mod kind;
mod shadow;

use crate::api::{Api, members};
use crate::ask::Yes;
use crate::exit::{self, Failure, Result};
use crate::noun::{With, object, pair, principal, see, text};
use crate::out::{self, Column, Kind, View};
use crate::watch::{self, ListArgs};
use adit_aws::Service::{Iot, IotData};
use serde_json::{Value, json};
use std::process::ExitCode;

/// A thing.
const VIEW: View = View {
    id: "/thingName",
    columns: &[
        Column::text("thing", "/thingName"),
        Column::text("type", "/thingTypeName"),
        Column::text("attributes", "/attributes"),
        Column::text("version", "/version").wide(),
        Column::text("arn", "/thingArn").wide(),
    ],
};

/// What a thing is attached to.
const PRINCIPAL: View = View {
    id: "/principal",
    columns: &[Column::text("principal", "/principal"), Column::text("attached as", "/thingPrincipalType")],
};

/// The MQTT connection of a device.
const CONNECTION: View = View {
    id: "/clientId",
    columns: &[
        Column::text("client", "/clientId"),
        Column::text("thing", "/thingName"),
        Column::text("connected", "/connected"),
        Column::text("since", "/connectedSince").of(Kind::Milliseconds),
        Column::text("away since", "/disconnectedSince").of(Kind::Milliseconds),
        Column::text("from", "/sourceIp"),
    ],
};

/// What happened to a device.
const EVENT: View = View {
    id: "/sequence",
    columns: &[
        Column::text("at", "/at").of(Kind::Seconds),
        Column::text("what", "/kind"),
        Column::text("times", "/count"),
        Column::text("reason", "/reason"),
        Column::text("detail", "/detail"),
        Column::text("first", "/firstAt").of(Kind::Seconds).wide(),
        Column::text("stage", "/stage").wide(),
        Column::text("client", "/clientId").wide(),
        Column::text("from", "/ipAddress").wide(),
        Column::text("certificate", "/certificateId").wide(),
    ],
};

const LIST: &str = "adit thing list";

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List things.
    List {
        /// Only things of this type.
        #[arg(long, value_name = "NAME")]
        r#type: Option<String>,
        /// Only things with this attribute.
        #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
        attribute: Option<(String, String)>,
        /// Only things in this group, by name alone.
        #[arg(long, value_name = "NAME", conflicts_with_all = ["type", "attribute"])]
        group: Option<String>,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// Show a thing.
    #[command(visible_alias = "describe")]
    Get {
        thing: String,
        /// Go on showing what changes, until Ctrl-C or --timeout.
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        with: With,
    },
    /// Make a thing.
    Create {
        thing: String,
        #[arg(long, value_name = "NAME")]
        r#type: Option<String>,
        /// Up to 3, or 50 with a type.
        #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
        attribute: Vec<(String, String)>,
        #[command(flatten)]
        with: With,
    },
    /// Change the type or attributes of a thing.
    Update {
        thing: String,
        #[arg(long, value_name = "NAME", conflicts_with = "no_type")]
        r#type: Option<String>,
        /// Take its type away.
        #[arg(long)]
        no_type: bool,
        /// Attributes to set; KEY= takes one away.
        #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
        attribute: Vec<(String, String)>,
        /// Let those attributes be all it has.
        #[arg(long, requires = "attribute")]
        replace: bool,
        #[command(flatten)]
        with: With,
    },
    /// Delete things, after their certificates are detached.
    Delete {
        #[arg(required = true)]
        things: Vec<String>,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        with: With,
    },
    /// Attach a certificate to a thing.
    Attach {
        thing: String,
        /// Id or ARN of a certificate, or another principal.
        principal: String,
        /// Let the certificate belong to this thing alone.
        #[arg(long)]
        exclusive: bool,
        #[command(flatten)]
        with: With,
    },
    /// Detach a certificate from a thing.
    Detach {
        thing: String,
        /// Id or ARN of a certificate, or another principal.
        principal: String,
        #[command(flatten)]
        with: With,
    },
    /// List the certificates of a thing.
    Principals {
        thing: String,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// Show whether the device is connected over MQTT, since when and from where.
    Connection {
        thing: String,
        /// Its MQTT client id, if that is not the thing's name.
        #[arg(long, value_name = "ID")]
        client_id: Option<String>,
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        with: With,
    },
    /// List what happened to the device, the newest first: connected, disconnected and why, refused and why, provisioned.
    /// Only adit keeps that; AWS does not.
    Events {
        thing: String,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// Read and write the shadows of a thing.
    Shadow(shadow::Args),
    /// Types of things.
    Type(kind::Args),
    /// Groups of things.
    Group(group::Args),
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(match &args.command {
        Command::Shadow(args) => crate::block_on(shadow::run(args)),
        Command::Type(args) => crate::block_on(kind::run(args)),
        Command::Group(args) => crate::block_on(group::run(args)),
        command => crate::block_on(thing(command)),
    })
}

async fn thing(command: &Command) -> Result {
    match command {
        Command::List { r#type, attribute, group, list, with } => {
            let api = with.open()?;
            let given = members([
                ("thingTypeName", json!(r#type)),
                ("attributeName", json!(attribute.as_ref().map(|(key, _)| key))),
                ("attributeValue", json!(attribute.as_ref().map(|(_, value)| value))),
            ]);
            watch::list(&api, *list, &with.out, &VIEW, async || match group {
                Some(group) => group::things(&api, group, list.limit()).await,
                None => api.list(Iot, "ListThings", given.clone(), "things", list.limit()).await,
            })
            .await
        }
        Command::Get { thing, watch, with } => {
            let api = with.open()?;
            let input = json!({ "thingName": thing });
            watch::one(&api, *watch, &with.out, &VIEW, async || {
                api.call(Iot, "DescribeThing", input.clone()).await.map_err(see(LIST))
            })
            .await
        }
        Command::Create { thing, r#type, attribute, with } => {
            let payload = attributes(attribute, true);
            let input = members([
                ("thingName", json!(thing)),
                ("thingTypeName", json!(r#type)),
                ("attributePayload", payload),
            ]);
            let answer =
                with.open()?.call(Iot, "CreateThing", input).await.map_err(see("adit thing type list"))?;
            with.out.one(&VIEW, &answer);
            Ok(())
        }
        Command::Update { thing, r#type, no_type, attribute, replace, with } => {
            let input = members([
                ("thingName", json!(thing)),
                ("thingTypeName", json!(r#type)),
                ("removeThingType", json!(no_type.then_some(true))),
                ("attributePayload", attributes(attribute, *replace)),
            ]);
            with.open()?.call(Iot, "UpdateThing", input).await.map_err(see(LIST))?;
            done(&format!("Updated {thing}."))
        }
        Command::Delete { things, yes, with } => delete(&with.open()?, things, *yes).await,
        Command::Attach { thing, principal: name, exclusive, with } => {
            let api = with.open()?;
            let input = members([
                ("thingName", json!(thing)),
                ("principal", json!(principal(&api, name).await?)),
                ("thingPrincipalType", json!(exclusive.then_some("EXCLUSIVE_THING"))),
            ]);
            api.call(Iot, "AttachThingPrincipal", input).await.map_err(see(LIST))?;
            done(&format!("Attached {name} to {thing}."))
        }
        Command::Detach { thing, principal: name, with } => {
            let api = with.open()?;
            detach(&api, thing, &principal(&api, name).await?).await?;
            done(&format!("Detached {name} from {thing}."))
        }
        Command::Principals { thing, list, with } => {
            let api = with.open()?;
            watch::list(&api, *list, &with.out, &PRINCIPAL, async || {
                principals(&api, thing, list.limit()).await
            })
            .await
        }
        Command::Connection { thing, client_id, watch, with } => {
            let api = with.open()?;
            let input = json!({ "clientId": client_id.as_ref().unwrap_or(thing) });
            watch::one(&api, *watch, &with.out, &CONNECTION, async || {
                let answer = api.call(IotData, "GetConnection", input.clone()).await;
                answer.map_err(|failure| match failure.code() {
                    exit::Code::NotFound => failure.next(format!(
                        "no device of that client id is connected; `adit why --thing {thing}` shows refusals"
                    )),
                    _ => failure,
                })
            })
            .await
        }
        Command::Events { thing, list, with } => {
            let api = with.open()?;
            if api.settings().is_aws(Iot) {
                return Err(Failure::usage("AWS IoT keeps no events of a thing; only a server of adit does")
                    .next("name the server with --endpoint-url or --data-dir"));
            }
            let input = json!({ "thingName": thing });
            watch::list(&api, *list, &with.out, &EVENT, async || {
                let listed = api.list(Iot, "ListThingEvents", input.clone(), "events", list.limit()).await;
                listed.map_err(see(LIST))
            })
            .await
        }
        Command::Shadow(_) | Command::Type(_) | Command::Group(_) => Ok(()),
    }
}

fn done(line: &str) -> Result {
    out::talk(out::clean(line));
    Ok(())
}

/// The payload that sets attributes; null for none.
fn attributes(given: &[(String, String)], is_whole: bool) -> Value {
    match object(given) {
        Value::Null => Value::Null,
        attributes => json!({ "attributes": attributes, "merge": !is_whole }),
    }
}

async fn principals(api: &Api, thing: &str, limit: usize) -> Result<crate::api::Listed> {
    let input = json!({ "thingName": thing });
    let listed = api.list(Iot, "ListThingPrincipalsV2", input, "thingPrincipalObjects", limit).await;
    listed.map_err(see(LIST))
}

async fn detach(api: &Api, thing: &str, principal: &str) -> Result {
    let input = json!({ "thingName": thing, "principal": principal });
    api.call(Iot, "DetachThingPrincipal", input).await.map_err(see(LIST))?;
    Ok(())
}

async fn delete(api: &Api, things: &[String], yes: Yes) -> Result {
    let mut all = Vec::new();
    for thing in things {
        all.push((thing, principals(api, thing, 1_000).await?.rows));
    }
    let said: Vec<String> = all
        .iter()
        .map(|(thing, attached)| match attached.len() {
            0 => format!("the thing {thing}"),
            count => format!("the thing {thing}, after detaching {count} of its certificates"),
        })
        .collect();
    yes.sure(&format!("delete {}", said.join("; ")))?;
    for (thing, attached) in all {
        for row in &attached {
            detach(api, thing, text(row, "principal")).await?;
        }
        api.call(Iot, "DeleteThing", json!({ "thingName": thing })).await.map_err(see(LIST))?;
        done(&format!("Deleted {thing}."))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_merged_or_are_all_there_is() {
        let given = [("a".to_owned(), "1".to_owned())];
        assert_eq!(attributes(&given, false), json!({ "attributes": { "a": "1" }, "merge": true }));
        assert_eq!(attributes(&given, true), json!({ "attributes": { "a": "1" }, "merge": false }));
        assert_eq!(attributes(&[], true), Value::Null);
    }
}
