//! `adit cert`: device certificates.

mod make;

use crate::api::{Api, members};
use crate::ask::Yes;
use crate::exit::{self, Result};
use crate::noun::{With, certificate_id, principal, see, text};
use crate::out::{self, Column, Kind, View};
use crate::watch::{self, ListArgs};
use adit_aws::Service::Iot;
use serde_json::{Value, json};
use std::process::ExitCode;

/// A certificate.
const VIEW: View = View {
    id: "/certificateId",
    columns: &[
        Column::text("certificate", "/certificateId"),
        Column::text("status", "/status"),
        Column::text("created", "/creationDate").of(Kind::Seconds),
        Column::text("changed", "/lastModifiedDate").of(Kind::Seconds).wide(),
        Column::text("valid from", "/validity/notBefore").of(Kind::Seconds).wide(),
        Column::text("valid until", "/validity/notAfter").of(Kind::Seconds).wide(),
        Column::text("ca", "/caCertificateId").wide(),
        Column::text("arn", "/certificateArn").wide(),
    ],
};

const POLICY: View = View {
    id: "/policyName",
    columns: &[Column::text("policy", "/policyName"), Column::text("arn", "/policyArn").wide()],
};

const THING: View = View {
    id: "/thingName",
    columns: &[Column::text("thing", "/thingName"), Column::text("attached as", "/thingPrincipalType")],
};

const LIST: &str = "adit cert list";

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List certificates, the newest first.
    List {
        /// Only certificates of this CA.
        #[arg(long, value_name = "ID")]
        ca: Option<String>,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// Show a certificate.
    #[command(visible_alias = "describe")]
    Get {
        /// Its id or ARN.
        certificate: String,
        /// Print the certificate itself, PEM.
        #[arg(long, conflicts_with = "output")]
        pem: bool,
        #[command(flatten)]
        with: With,
    },
    /// Make a certificate, with a key from the server or for a request; files NAME.pem and NAME.key.
    Create(make::Create),
    /// Register a certificate that was made elsewhere.
    Register(make::Register),
    /// Let devices in with these certificates.
    Activate(Change),
    /// Keep devices out until the certificates are activated again.
    Deactivate(Change),
    /// Keep devices out for good.
    Revoke(Destroy),
    /// Deactivate certificates, detach them from things and policies, and delete them.
    Delete(Destroy),
    /// Attach a certificate to a policy or a thing.
    Attach(Attach),
    /// Detach a certificate from a policy or a thing.
    Detach(Attach),
    /// List the policies of a certificate.
    Policies {
        /// Its id or ARN.
        certificate: String,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
    /// List the things of a certificate.
    Things {
        /// Its id or ARN.
        certificate: String,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        with: With,
    },
}

#[derive(clap::Args)]
struct Change {
    /// Ids or ARNs.
    #[arg(required = true)]
    certificates: Vec<String>,
    #[command(flatten)]
    with: With,
}

#[derive(clap::Args)]
struct Destroy {
    /// Ids or ARNs.
    #[arg(required = true)]
    certificates: Vec<String>,
    #[command(flatten)]
    yes: Yes,
    #[command(flatten)]
    with: With,
}

#[derive(clap::Args)]
struct Attach {
    /// Its id or ARN.
    certificate: String,
    #[arg(long, value_name = "NAME", required_unless_present = "thing")]
    policy: Vec<String>,
    #[arg(long, value_name = "NAME")]
    thing: Vec<String>,
    #[command(flatten)]
    with: With,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(match &args.command {
        Command::Create(args) => crate::block_on(make::create(args)),
        Command::Register(args) => crate::block_on(make::register(args)),
        Command::Activate(args) => crate::block_on(change(args, "ACTIVE")),
        Command::Deactivate(args) => crate::block_on(change(args, "INACTIVE")),
        Command::Revoke(args) => crate::block_on(revoke(args)),
        Command::Delete(args) => crate::block_on(delete(args)),
        Command::Attach(args) => crate::block_on(attach(args, true)),
        Command::Detach(args) => crate::block_on(attach(args, false)),
        command => crate::block_on(look(command)),
    })
}

async fn look(command: &Command) -> Result {
    match command {
        Command::List { ca, list, with } => {
            let api = with.open()?;
            let (operation, given) = match ca {
                Some(ca) => ("ListCertificatesByCA", json!({ "caCertificateId": certificate_id(ca) })),
                None => ("ListCertificates", json!({})),
            };
            watch::list(&api, *list, &with.out, &VIEW, async || {
                api.list(Iot, operation, given.clone(), "certificates", list.limit()).await
            })
            .await
        }
        Command::Get { certificate, pem, with } => {
            let found = described(&with.open()?, certificate).await?;
            if *pem {
                out::raw(text(&found, "certificatePem"));
            } else {
                with.out.one(&VIEW, &found);
            }
            Ok(())
        }
        Command::Policies { certificate, list, with } => {
            let api = with.open()?;
            let arn = principal(&api, certificate).await?;
            watch::list(&api, *list, &with.out, &POLICY, async || policies(&api, &arn, list.limit()).await)
                .await
        }
        Command::Things { certificate, list, with } => {
            let api = with.open()?;
            let arn = principal(&api, certificate).await?;
            watch::list(&api, *list, &with.out, &THING, async || things(&api, &arn, list.limit()).await).await
        }
        _ => Ok(()),
    }
}

async fn described(api: &Api, certificate: &str) -> Result<Value> {
    let input = json!({ "certificateId": certificate_id(certificate) });
    let mut answer = api.call(Iot, "DescribeCertificate", input).await.map_err(see(LIST))?;
    Ok(answer.get_mut("certificateDescription").map(Value::take).unwrap_or_default())
}

async fn policies(api: &Api, arn: &str, limit: usize) -> Result<crate::api::Listed> {
    api.list(Iot, "ListAttachedPolicies", json!({ "target": arn }), "policies", limit)
        .await
        .map_err(see(LIST))
}

async fn things(api: &Api, arn: &str, limit: usize) -> Result<crate::api::Listed> {
    let input = json!({ "principal": arn });
    api.list(Iot, "ListPrincipalThingsV2", input, "principalThingObjects", limit).await.map_err(see(LIST))
}

async fn update(api: &Api, certificate: &str, status: &str) -> Result {
    let input = json!({ "certificateId": certificate_id(certificate), "newStatus": status });
    api.call(Iot, "UpdateCertificate", input).await.map_err(see(LIST))?;
    Ok(())
}

async fn change(args: &Change, status: &str) -> Result {
    let api = args.with.open()?;
    for certificate in &args.certificates {
        update(&api, certificate, status).await?;
        out::talk(format_args!("{} is {status}.", out::clean(certificate_id(certificate))));
    }
    Ok(())
}

async fn revoke(args: &Destroy) -> Result {
    let api = args.with.open()?;
    args.yes.sure(&format!("revoke {}, for good", args.certificates.join(", ")))?;
    for certificate in &args.certificates {
        update(&api, certificate, "REVOKED").await?;
        out::talk(format_args!("{} is REVOKED.", out::clean(certificate_id(certificate))));
    }
    Ok(())
}

/// What stands between a certificate and its end.
struct Ties {
    id: String,
    arn: String,
    status: String,
    policies: Vec<Value>,
    things: Vec<Value>,
}

impl Ties {
    async fn find(api: &Api, certificate: &str) -> Result<Ties> {
        let found = described(api, certificate).await?;
        let arn = text(&found, "certificateArn").to_owned();
        Ok(Ties {
            id: text(&found, "certificateId").to_owned(),
            status: text(&found, "status").to_owned(),
            policies: policies(api, &arn, 1_000).await?.rows,
            things: things(api, &arn, 1_000).await?.rows,
            arn,
        })
    }

    fn said(&self) -> String {
        let names = |rows: &[Value], name: &str| {
            rows.iter().map(|row| text(row, name).to_owned()).collect::<Vec<_>>()
        };
        let mut ties = names(&self.things, "thingName");
        ties.extend(names(&self.policies, "policyName"));
        let ties = if ties.is_empty() {
            String::new()
        } else {
            format!(", after detaching it from {}", ties.join(", "))
        };
        format!("the certificate {} ({}){ties}", self.id, self.status)
    }

    async fn cut(&self, api: &Api) -> Result {
        if self.status == "ACTIVE" {
            update(api, &self.id, "INACTIVE").await?;
        }
        for thing in &self.things {
            let input = json!({ "thingName": text(thing, "thingName"), "principal": self.arn });
            api.call(Iot, "DetachThingPrincipal", input).await?;
        }
        for policy in &self.policies {
            let input = json!({ "policyName": text(policy, "policyName"), "target": self.arn });
            api.call(Iot, "DetachPolicy", input).await?;
        }
        api.call(Iot, "DeleteCertificate", json!({ "certificateId": self.id })).await?;
        Ok(())
    }
}

async fn delete(args: &Destroy) -> Result {
    let api = args.with.open()?;
    let mut all = Vec::new();
    for certificate in &args.certificates {
        all.push(Ties::find(&api, certificate).await?);
    }
    let said: Vec<String> = all.iter().map(Ties::said).collect();
    args.yes.sure(&format!("delete {}", said.join("; ")))?;
    for ties in all {
        ties.cut(&api).await?;
        out::talk(format_args!("Deleted {}.", ties.id));
    }
    Ok(())
}

async fn attach(args: &Attach, is_on: bool) -> Result {
    let api = args.with.open()?;
    let arn = principal(&api, &args.certificate).await?;
    tie(&api, &arn, &args.policy, &args.thing, is_on).await
}

/// Attaches a certificate to policies and things, or detaches it.
async fn tie(api: &Api, arn: &str, policies: &[String], things: &[String], is_on: bool) -> Result {
    let (verb, word) = if is_on { ("Attach", "Attached to") } else { ("Detach", "Detached from") };
    for policy in policies {
        let input = json!({ "policyName": policy, "target": arn });
        api.call(Iot, &format!("{verb}Policy"), input).await.map_err(see("adit policy list"))?;
        out::talk(format_args!("{word} the policy {}.", out::clean(policy)));
    }
    for thing in things {
        let input = members([("thingName", json!(thing)), ("principal", json!(arn))]);
        api.call(Iot, &format!("{verb}ThingPrincipal"), input).await.map_err(see("adit thing list"))?;
        out::talk(format_args!("{word} the thing {}.", out::clean(thing)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_detached_first_is_said() {
        let mut ties = Ties {
            id: "ab".into(),
            arn: "a".into(),
            status: "ACTIVE".into(),
            policies: vec![json!({ "policyName": "All" })],
            things: vec![json!({ "thingName": "lamp" })],
        };
        assert_eq!(ties.said(), "the certificate ab (ACTIVE), after detaching it from lamp, All");
        (ties.policies, ties.things) = (Vec::new(), Vec::new());
        assert_eq!(ties.said(), "the certificate ab (ACTIVE)");
    }
}
