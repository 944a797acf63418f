//! `adit policy`: AWS IoT policies, their versions, what they are attached to and what they decide.

mod diff;
mod trial;

use crate::api::{Api, members};
use crate::ask::Yes;
use crate::exit::{self, Code, Failure, Result};
use crate::noun::{With, principal, see, text, text_of};
use crate::out::{self, Column, Kind, View};
use crate::watch::{self, ListArgs};
use adit_aws::Service::Iot;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const VIEW: View = View {
    id: "/policyName",
    columns: &[
        Column::text("policy", "/policyName"),
        Column::text("default version", "/defaultVersionId").wide(),
        Column::text("version", "/policyVersionId").wide(),
        Column::text("created", "/creationDate").of(Kind::Seconds).wide(),
        Column::text("changed", "/lastModifiedDate").of(Kind::Seconds).wide(),
        Column::text("arn", "/policyArn"),
    ],
};

const VERSION: View = View {
    id: "/versionId",
    columns: &[
        Column::text("version", "/versionId"),
        Column::text("default", "/isDefaultVersion"),
        Column::text("created", "/createDate").of(Kind::Seconds),
    ],
};

const TARGET: View = View { id: "/target", columns: &[Column::text("target", "/target")] };

const LIST: &str = "adit policy list";

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List policies.
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// Show a policy.
    #[command(visible_alias = "describe")]
    Get {
        policy: String,
        /// A version instead of the default.
        #[arg(long, value_name = "NUMBER")]
        version: Option<String>,
        /// Print the document alone, as it was written.
        #[arg(long, conflicts_with = "output")]
        document: bool,
        #[command(flatten)]
        with: With,
    },
    /// Make a policy.
    Create {
        policy: String,
        /// File with the document; - is stdin.
        document: PathBuf,
        #[command(flatten)]
        with: With,
    },
    /// Give a policy a new version and make it the default.
    Update {
        policy: String,
        /// File with the document; - is stdin.
        document: PathBuf,
        /// Leave the default as it is.
        #[arg(long)]
        no_default: bool,
        #[command(flatten)]
        with: With,
    },
    /// List the versions of a policy.
    Versions {
        policy: String,
        #[command(flatten)]
        with: With,
    },
    /// Show what differs between two versions, or between the default and a file.
    Diff {
        policy: String,
        /// A version; without one the default.
        #[arg(long, value_name = "NUMBER")]
        from: Option<String>,
        /// The other version.
        #[arg(long, value_name = "NUMBER", required_unless_present = "file")]
        to: Option<String>,
        /// A file with a document instead of another version; - is stdin.
        #[arg(long, value_name = "FILE", conflicts_with = "to")]
        file: Option<PathBuf>,
        #[command(flatten)]
        with: With,
    },
    /// Make a version the default, which decides.
    SetDefault {
        policy: String,
        version: String,
        #[command(flatten)]
        with: With,
    },
    /// Delete a policy with all its versions, or one version.
    Delete {
        policy: String,
        /// Only this version.
        #[arg(long, value_name = "NUMBER")]
        version: Option<String>,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        with: With,
    },
    /// Attach a policy to a certificate or a thing group.
    Attach {
        policy: String,
        /// Id or ARN of a certificate, or ARN of a thing group.
        target: String,
        #[command(flatten)]
        with: With,
    },
    /// Detach a policy.
    Detach {
        policy: String,
        /// Id or ARN of a certificate, or ARN of a thing group.
        target: String,
        #[command(flatten)]
        with: With,
    },
    /// List what a policy is attached to.
    Targets {
        policy: String,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// Ask what a certificate may do; exit code 3 if it may not.
    Test(trial::Args),
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(match &args.command {
        Command::Test(args) => crate::block_on(trial::run(args)),
        command => crate::block_on(policy(command)),
    })
}

async fn policy(command: &Command) -> Result {
    match command {
        Command::List { list, with } => {
            let api = with.open()?;
            watch::list(&api, *list, &with.out, &VIEW, async || {
                api.list(Iot, "ListPolicies", json!({}), "policies", list.limit()).await
            })
            .await
        }
        Command::Get { policy, version, document, with } => {
            let found = get(&with.open()?, policy, version.as_deref()).await?;
            if *document {
                out::data(text(&found, "policyDocument"));
            } else {
                with.out.one(&VIEW, &found);
            }
            Ok(())
        }
        Command::Create { policy, document, with } => {
            let input = json!({ "policyName": policy, "policyDocument": document_of(document)? });
            let answer =
                with.open()?.call(Iot, "CreatePolicy", input).await.map_err(|failure| {
                    match failure.fault() {
                        Some("ResourceAlreadyExistsException") => {
                            failure.next(format!("`adit policy update {policy}` gives it a new version"))
                        }
                        _ => failure,
                    }
                })?;
            with.out.one(&VIEW, &answer);
            Ok(())
        }
        Command::Update { policy, document, no_default, with } => {
            let input = json!({ "policyName": policy, "policyDocument": document_of(document)?, "setAsDefault": !no_default });
            let answer =
                with.open()?.call(Iot, "CreatePolicyVersion", input).await.map_err(
                    |failure| {
                        match failure.fault() {
                    Some("VersionsLimitExceededException") => failure.next(format!(
                        "`adit policy versions {policy}`, then `adit policy delete {policy} --version NUMBER`"
                    )),
                    _ => see(LIST)(failure),
                }
                    },
                )?;
            with.out.one(&VIEW, &answer);
            Ok(())
        }
        Command::Versions { policy, with } => {
            let rows = versions(&with.open()?, policy).await?;
            with.out.rows(&VERSION, &rows);
            Ok(())
        }
        Command::Diff { policy, from, to, file, with } => {
            let api = with.open()?;
            let one = get(&api, policy, from.as_deref()).await?;
            let other = match file {
                Some(path) => text_of(path)?,
                None => text(&get(&api, policy, to.as_deref()).await?, "policyDocument").to_owned(),
            };
            out::raw(&diff::diff(&pretty(text(&one, "policyDocument")), &pretty(&other)));
            Ok(())
        }
        Command::SetDefault { policy, version, with } => {
            let input = json!({ "policyName": policy, "policyVersionId": version });
            with.open()?.call(Iot, "SetDefaultPolicyVersion", input).await.map_err(see(LIST))?;
            done(&format!("{version} is the default version of {policy}."))
        }
        Command::Delete { policy, version, yes, with } => {
            delete(&with.open()?, policy, version.as_deref(), *yes).await
        }
        Command::Attach { policy, target, with } => {
            attach(with, policy, target, "AttachPolicy", "Attached").await
        }
        Command::Detach { policy, target, with } => {
            attach(with, policy, target, "DetachPolicy", "Detached").await
        }
        Command::Targets { policy, list, with } => {
            let api = with.open()?;
            watch::list(&api, *list, &with.out, &TARGET, async || {
                let input = json!({ "policyName": policy });
                let mut listed = api
                    .list(Iot, "ListTargetsForPolicy", input, "targets", list.limit())
                    .await
                    .map_err(see(LIST))?;
                listed.rows.iter_mut().for_each(|target| *target = json!({ "target": Value::take(target) }));
                Ok(listed)
            })
            .await
        }
        Command::Test(_) => Ok(()),
    }
}

fn done(line: &str) -> Result {
    out::talk(out::clean(line));
    Ok(())
}

async fn get(api: &Api, policy: &str, version: Option<&str>) -> Result<Value> {
    let (operation, input) = match version {
        None => ("GetPolicy", members([("policyName", json!(policy))])),
        Some(version) => (
            "GetPolicyVersion",
            members([("policyName", json!(policy)), ("policyVersionId", json!(version))]),
        ),
    };
    api.call(Iot, operation, input).await.map_err(see(LIST))
}

async fn versions(api: &Api, policy: &str) -> Result<Vec<Value>> {
    let answer =
        api.call(Iot, "ListPolicyVersions", json!({ "policyName": policy })).await.map_err(see(LIST))?;
    Ok(answer.get("policyVersions").and_then(Value::as_array).cloned().unwrap_or_default())
}

/// The text of a document, which must be JSON; it is sent as it was written.
fn document_of(path: &Path) -> Result<String> {
    let text = text_of(path)?;
    match serde_json::from_str::<Value>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::usage(format!("{}: not JSON: {error}", path.display()))),
    }
}

fn pretty(document: &str) -> String {
    serde_json::from_str::<Value>(document).map_or_else(|_| document.to_owned(), |value| format!("{value:#}"))
}

async fn delete(api: &Api, policy: &str, version: Option<&str>, yes: Yes) -> Result {
    let all = match version {
        Some(version) => vec![version.to_owned()],
        None => {
            let versions = versions(api, policy).await?;
            let others =
                versions.iter().filter(|row| row.get("isDefaultVersion") != Some(&Value::Bool(true)));
            others.map(|row| text(row, "versionId").to_owned()).collect()
        }
    };
    let what = version.map_or_else(
        || format!("the policy {policy}"),
        |version| format!("version {version} of the policy {policy}"),
    );
    yes.sure(&format!("delete {what}"))?;
    for version in &all {
        let input = json!({ "policyName": policy, "policyVersionId": version });
        api.call(Iot, "DeletePolicyVersion", input).await.map_err(see(LIST))?;
    }
    if version.is_none() {
        api.call(Iot, "DeletePolicy", json!({ "policyName": policy })).await.map_err(
            |failure| match failure.code() {
                Code::Conflict => failure.next(format!(
                    "`adit policy targets {policy}` shows what it is attached to; detach it there"
                )),
                _ => see(LIST)(failure),
            },
        )?;
    }
    done(&format!("Deleted {what}."))
}

async fn attach(with: &With, policy: &str, target: &str, operation: &str, word: &str) -> Result {
    let api = with.open()?;
    let input = json!({ "policyName": policy, "target": principal(&api, target).await? });
    api.call(Iot, operation, input).await.map_err(see(LIST))?;
    done(&format!("{word} {policy}: {target}."))
}
