//! `adit template`: provisioning templates, their versions, claims, and things made from a template by hand.

use crate::api::members;
use crate::ask::Yes;
use crate::exit::{self, Failure, Result};
use crate::noun::{With, object, pair, see, text, text_of};
use crate::out::{self, Column, Kind, View};
use crate::private;
use crate::watch::{self, ListArgs};
use adit_aws::Service::Iot;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const VIEW: View = View {
    id: "/templateName",
    columns: &[
        Column::text("template", "/templateName"),
        Column::text("type", "/type"),
        Column::text("enabled", "/enabled"),
        Column::text("version", "/defaultVersionId").wide(),
        Column::text("created", "/creationDate").of(Kind::Seconds),
        Column::text("changed", "/lastModifiedDate").of(Kind::Seconds).wide(),
        Column::text("description", "/description"),
        Column::text("role", "/provisioningRoleArn").wide(),
        Column::text("arn", "/templateArn").wide(),
    ],
};

const VERSION: View = View {
    id: "/versionId",
    columns: &[
        Column::text("version", "/versionId"),
        Column::text("default", "/isDefaultVersion"),
        Column::text("created", "/creationDate").of(Kind::Seconds),
    ],
};

const CLAIM: View = View {
    id: "/certificateId",
    columns: &[
        Column::text("certificate", "/certificateId"),
        Column::text("expires", "/expiration").of(Kind::Seconds),
        Column::text("certificate file", "/certificateFile"),
        Column::text("private key file", "/privateKeyFile"),
    ],
};

const MADE: View = View { id: "/resourceArns/thing", columns: &[Column::text("made", "/resourceArns")] };

const LIST: &str = "adit template list";

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kinds {
    Fleet,
    Jitp,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List provisioning templates.
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// Show a template.
    #[command(visible_alias = "describe")]
    Get {
        template: String,
        /// A version instead of the default.
        #[arg(long, value_name = "NUMBER")]
        version: Option<i64>,
        /// Print the body alone.
        #[arg(long, conflicts_with = "output")]
        body: bool,
        #[command(flatten)]
        with: With,
    },
    /// Make a template.
    Create {
        template: String,
        /// File with the body; - is stdin.
        body: PathBuf,
        /// The role that provisioning acts in.
        #[arg(long, value_name = "ARN")]
        role_arn: String,
        #[arg(long, value_enum, default_value = "fleet")]
        r#type: Kinds,
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Make it, but let nothing be provisioned by it yet.
        #[arg(long)]
        disabled: bool,
        #[command(flatten)]
        with: With,
    },
    /// Change a template; with --body, give it a new version and make that the default.
    Update {
        template: String,
        /// File with a new body; - is stdin.
        #[arg(long, value_name = "FILE")]
        body: Option<PathBuf>,
        /// Make this version the default.
        #[arg(long, value_name = "NUMBER", conflicts_with = "body")]
        default_version: Option<i64>,
        #[arg(long, value_name = "ARN")]
        role_arn: Option<String>,
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[arg(long, conflicts_with = "disable")]
        enable: bool,
        #[arg(long)]
        disable: bool,
        #[command(flatten)]
        with: With,
    },
    /// List the versions of a template.
    Versions {
        template: String,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// Delete a template with all its versions, or one version.
    Delete {
        template: String,
        /// Only this version.
        #[arg(long, value_name = "NUMBER")]
        version: Option<i64>,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        with: With,
    },
    /// Make a claim certificate that lives minutes, for a device to provision itself with; files NAME.pem and NAME.key.
    Claim {
        template: String,
        /// Names the files, with their folder.
        #[arg(long, value_name = "NAME", default_value = "claim")]
        out: PathBuf,
        #[command(flatten)]
        with: With,
    },
    /// Make a thing by a body and its parameters, as provisioning would.
    Register {
        /// File with the body; - is stdin.
        body: PathBuf,
        #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
        parameter: Vec<(String, String)>,
        #[command(flatten)]
        with: With,
    },
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(match &args.command {
        command @ (Command::List { .. } | Command::Get { .. } | Command::Versions { .. }) => {
            crate::block_on(look(command))
        }
        command => crate::block_on(change(command)),
    })
}

async fn look(command: &Command) -> Result {
    match command {
        Command::List { list, with } => {
            let api = with.open()?;
            watch::list(&api, *list, &with.out, &VIEW, async || {
                api.list(Iot, "ListProvisioningTemplates", json!({}), "templates", list.limit()).await
            })
            .await
        }
        Command::Get { template, version, body, with } => {
            let (operation, input) = match version {
                None => ("DescribeProvisioningTemplate", json!({ "templateName": template })),
                Some(version) => (
                    "DescribeProvisioningTemplateVersion",
                    json!({ "templateName": template, "versionId": version }),
                ),
            };
            let found = with.open()?.call(Iot, operation, input).await.map_err(see(LIST))?;
            match (body, version) {
                (true, _) => out::data(text(&found, "templateBody")),
                (false, None) => with.out.one(&VIEW, &found),
                (false, Some(_)) => with.out.one(&VERSION, &found),
            }
            Ok(())
        }
        Command::Versions { template, list, with } => {
            let api = with.open()?;
            watch::list(&api, *list, &with.out, &VERSION, async || {
                let input = json!({ "templateName": template });
                let listed =
                    api.list(Iot, "ListProvisioningTemplateVersions", input, "versions", list.limit()).await;
                listed.map_err(see(LIST))
            })
            .await
        }
        _ => Ok(()),
    }
}

async fn change(command: &Command) -> Result {
    match command {
        Command::Create { template, body, role_arn, r#type, description, disabled, with } => {
            let kind = match r#type {
                Kinds::Fleet => "FLEET_PROVISIONING",
                Kinds::Jitp => "JITP",
            };
            let input = members([
                ("templateName", json!(template)),
                ("templateBody", json!(body_of(body)?)),
                ("provisioningRoleArn", json!(role_arn)),
                ("type", json!(kind)),
                ("description", json!(description)),
                ("enabled", json!(!disabled)),
            ]);
            let answer = with.open()?.call(Iot, "CreateProvisioningTemplate", input).await?;
            with.out.one(&VIEW, &answer);
            Ok(())
        }
        Command::Update { template, body, default_version, role_arn, description, enable, disable, with } => {
            let api = with.open()?;
            if let Some(body) = body {
                let input =
                    json!({ "templateName": template, "templateBody": body_of(body)?, "setAsDefault": true });
                api.call(Iot, "CreateProvisioningTemplateVersion", input).await.map_err(see(LIST))?;
            }
            let enabled = (*enable || *disable).then_some(*enable);
            let input = members([
                ("templateName", json!(template)),
                ("defaultVersionId", json!(default_version)),
                ("provisioningRoleArn", json!(role_arn)),
                ("description", json!(description)),
                ("enabled", json!(enabled)),
            ]);
            let is_more = input.as_object().is_some_and(|members| members.len() > 1);
            if !is_more && body.is_none() {
                return Err(Failure::usage("nothing to change is named")
                    .next("`adit template update --help` lists what can be"));
            }
            if is_more {
                api.call(Iot, "UpdateProvisioningTemplate", input).await.map_err(see(LIST))?;
            }
            done(&format!("Updated {template}."))
        }
        Command::Delete { template, version, yes, with } => {
            let api = with.open()?;
            let (operation, input, what) = match version {
                None => (
                    "DeleteProvisioningTemplate",
                    json!({ "templateName": template }),
                    format!("the template {template}"),
                ),
                Some(version) => (
                    "DeleteProvisioningTemplateVersion",
                    json!({ "templateName": template, "versionId": version }),
                    format!("version {version} of the template {template}"),
                ),
            };
            yes.sure(&format!("delete {what}"))?;
            api.call(Iot, operation, input).await.map_err(see(LIST))?;
            done(&format!("Deleted {what}."))
        }
        Command::Claim { template, out, with } => {
            let (pem, key) = (with_end(out, ".pem"), with_end(out, ".key"));
            private::free(&pem)?;
            private::free(&key)?;
            let made =
                with.open()?.call(Iot, "CreateProvisioningClaim", json!({ "templateName": template })).await;
            let made = made.map_err(see(LIST))?;
            let secret = made.pointer("/keyPair/PrivateKey").and_then(Value::as_str).unwrap_or_default();
            private::create(&key, secret.as_bytes())?;
            private::create_public(&pem, text(&made, "certificatePem").as_bytes())?;
            let shown = members([
                ("certificateId", made.get("certificateId").cloned().unwrap_or_default()),
                ("expiration", made.get("expiration").cloned().unwrap_or_default()),
                ("certificateFile", json!(pem)),
                ("privateKeyFile", json!(key)),
            ]);
            with.out.one(&CLAIM, &shown);
            Ok(())
        }
        Command::Register { body, parameter, with } => {
            let input = members([("templateBody", json!(body_of(body)?)), ("parameters", object(parameter))]);
            let answer = with.open()?.call(Iot, "RegisterThing", input).await?;
            with.out.one(&MADE, &answer);
            Ok(())
        }
        Command::List { .. } | Command::Get { .. } | Command::Versions { .. } => Ok(()),
    }
}

fn done(line: &str) -> Result {
    out::talk(out::clean(line));
    Ok(())
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The text of a template, which must be JSON; it is sent as it was written.
fn body_of(path: &Path) -> Result<String> {
    let text = text_of(path)?;
    match serde_json::from_str::<Value>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::usage(format!("{}: not JSON: {error}", path.display()))),
    }
}
