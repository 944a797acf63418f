//! `adit ca list`, `get`, `update` and `delete`: CAs that the server knows.

use crate::api::members;
use crate::ask::Yes;
use crate::exit::Result;
use crate::noun::{With, certificate_id, see, text};
use crate::out::{self, Column, Kind, View};
use crate::watch::{self, ListArgs};
use adit_aws::Service::Iot;
use serde_json::{Value, json};

const VIEW: View = View {
    id: "/certificateId",
    columns: &[
        Column::text("ca", "/certificateId"),
        Column::text("status", "/status"),
        Column::text("auto registration", "/autoRegistrationStatus").wide(),
        Column::text("mode", "/certificateMode").wide(),
        Column::text("created", "/creationDate").of(Kind::Seconds),
        Column::text("changed", "/lastModifiedDate").of(Kind::Seconds).wide(),
        Column::text("valid until", "/validity/notAfter").of(Kind::Seconds).wide(),
        Column::text("arn", "/certificateArn").wide(),
    ],
};

const LIST: &str = "adit ca list";

#[derive(clap::Args)]
pub struct List {
    /// Only CAs with this provisioning template.
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    with: With,
}

#[derive(clap::Args)]
pub struct Get {
    /// Its id or ARN.
    ca: String,
    /// Print the certificate itself, PEM.
    #[arg(long, conflicts_with = "output")]
    pem: bool,
    #[command(flatten)]
    with: With,
}

#[derive(clap::Args)]
#[group(id = "changes", required = true, multiple = true, args = ["status", "auto_registration", "template_name"])]
pub struct Update {
    /// Its id or ARN.
    ca: String,
    /// Whether certificates of it are let in and registered at all.
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Whether certificates of it are registered when their devices first connect.
    #[arg(long, value_enum)]
    auto_registration: Option<Switch>,
    /// Provisioning template of type JITP for its devices.
    #[arg(long, value_name = "NAME")]
    template_name: Option<String>,
    #[command(flatten)]
    with: With,
}

#[derive(clap::Args)]
pub struct Delete {
    /// Its id or ARN. It must be INACTIVE.
    ca: String,
    #[command(flatten)]
    yes: Yes,
    #[command(flatten)]
    with: With,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Status {
    Active,
    Inactive,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Switch {
    Enable,
    Disable,
}

pub async fn list(args: &List) -> Result {
    let api = args.with.open()?;
    watch::list(&api, args.list, &args.with.out, &VIEW, async || {
        let input = members([("templateName", json!(args.template))]);
        api.list(Iot, "ListCACertificates", input, "certificates", args.list.limit()).await
    })
    .await
}

pub async fn get(args: &Get) -> Result {
    let input = json!({ "certificateId": certificate_id(&args.ca) });
    let answer = args.with.open()?.call(Iot, "DescribeCACertificate", input).await.map_err(see(LIST))?;
    let mut found = answer.get("certificateDescription").cloned().unwrap_or_default();
    if args.pem {
        out::raw(text(&found, "certificatePem"));
        return Ok(());
    }
    if let (Some(members), Some(config)) = (found.as_object_mut(), answer.get("registrationConfig")) {
        members.insert("registrationConfig".to_owned(), config.clone());
    }
    args.with.out.one(&VIEW, &found);
    Ok(())
}

pub async fn update(args: &Update) -> Result {
    let word = |word: Option<String>| word.map_or(Value::Null, |word| word.to_uppercase().into());
    let input = members([
        ("certificateId", json!(certificate_id(&args.ca))),
        ("newStatus", word(args.status.map(|status| format!("{status:?}")))),
        ("newAutoRegistrationStatus", word(args.auto_registration.map(|switch| format!("{switch:?}")))),
        (
            "registrationConfig",
            args.template_name.as_ref().map_or(Value::Null, |name| json!({ "templateName": name })),
        ),
    ]);
    args.with.open()?.call(Iot, "UpdateCACertificate", input).await.map_err(see(LIST))?;
    out::talk(format_args!("Updated {}.", out::clean(certificate_id(&args.ca))));
    Ok(())
}

pub async fn delete(args: &Delete) -> Result {
    let (api, id) = (args.with.open()?, certificate_id(&args.ca));
    args.yes.sure(&format!("delete the CA {id}; its devices are let in no longer"))?;
    api.call(Iot, "DeleteCACertificate", json!({ "certificateId": id })).await.map_err(|failure| {
        match failure.fault() {
            Some("CertificateStateException") => {
                failure.next(format!("first: adit ca update {id} --status inactive"))
            }
            _ => see(LIST)(failure),
        }
    })?;
    out::talk(format_args!("Deleted {}.", out::clean(id)));
    Ok(())
}
