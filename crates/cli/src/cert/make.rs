//! `adit cert create` and `adit cert register`.

use super::{VIEW, tie};
use crate::api::{Api, members};
use crate::exit::{Failure, Result};
use crate::noun::{With, text, text_of};
use crate::private;
use adit_aws::Service::Iot;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Create {
    /// The files are called NAME.pem and NAME.key.
    name: String,
    /// Folder for the files.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// Certificate request (PEM) of a key that stays where it is; no key is made.
    #[arg(long, value_name = "FILE")]
    csr: Option<PathBuf>,
    #[command(flatten)]
    ties: TieArgs,
    #[command(flatten)]
    with: With,
}

#[derive(clap::Args)]
pub struct Register {
    /// The certificate, PEM.
    certificate: PathBuf,
    /// Certificate of the registered CA that signed it; without one, that need not be known.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    ties: TieArgs,
    #[command(flatten)]
    with: With,
}

#[derive(clap::Args)]
struct TieArgs {
    /// Let it be INACTIVE at first.
    #[arg(long)]
    inactive: bool,
    /// Attach a policy.
    #[arg(long, value_name = "NAME")]
    policy: Vec<String>,
    /// Attach it to a thing.
    #[arg(long, value_name = "NAME")]
    thing: Vec<String>,
}

pub async fn create(args: &Create) -> Result {
    let api = args.with.open()?;
    let at = |end: &str| args.dir.join(format!("{}{end}", args.name));
    let (pem_path, key_path) = (at(".pem"), args.csr.is_none().then(|| at(".key")));
    if args.name.is_empty() || args.name.contains('/') || args.name.starts_with('.') {
        return Err(Failure::usage(format!("{:?} cannot be the name of a file", args.name))
            .next("name the folder with --dir"));
    }
    if !args.dir.is_dir() {
        return Err(Failure::usage(format!("{} is not a folder", args.dir.display())));
    }
    private::free(&pem_path)?;
    key_path.as_deref().map_or(Ok(()), private::free)?;
    let (operation, request) = match &args.csr {
        None => ("CreateKeysAndCertificate", None),
        Some(csr) => ("CreateCertificateFromCsr", Some(text_of(csr)?)),
    };
    let input =
        members([("setAsActive", json!(!args.ties.inactive)), ("certificateSigningRequest", json!(request))]);
    let made = api.call(Iot, operation, input).await?;
    let id = text(&made, "certificateId");
    keep(&made, &pem_path, key_path.as_deref()).map_err(|failure| {
        failure.next(format!("the certificate is useless now: `adit cert delete {id} --yes`"))
    })?;
    let shown = members([
        ("certificateId", json!(id)),
        ("certificateArn", made.get("certificateArn").cloned().unwrap_or_default()),
        ("status", json!(args.ties.status())),
        ("certificateFile", json!(pem_path)),
        ("privateKeyFile", json!(key_path)),
    ]);
    finish(&api, args.with.clone(), &args.ties, &shown).await
}

/// Writes the files: the key first, for it cannot be had again.
fn keep(made: &Value, pem: &Path, key: Option<&Path>) -> Result {
    if let Some(key) = key {
        let secret = made.pointer("/keyPair/PrivateKey").and_then(Value::as_str);
        let secret = secret.ok_or_else(|| Failure::failed("the answer has no private key in it"))?;
        private::create(key, secret.as_bytes())?;
    }
    private::create_public(pem, text(made, "certificatePem").as_bytes())
}

pub async fn register(args: &Register) -> Result {
    let certificate = text_of(&args.certificate)?;
    let ca = args.ca.as_deref().map(text_of).transpose()?;
    let api = args.with.open()?;
    let operation = if ca.is_some() { "RegisterCertificate" } else { "RegisterCertificateWithoutCA" };
    let input = members([
        ("certificatePem", json!(certificate)),
        ("caCertificatePem", json!(ca)),
        ("status", json!(args.ties.status())),
    ]);
    let mut made = api.call(Iot, operation, input).await?;
    if let Some(members) = made.as_object_mut() {
        members.insert("status".to_owned(), args.ties.status().into());
    }
    finish(&api, args.with.clone(), &args.ties, &made).await
}

impl TieArgs {
    fn status(&self) -> &'static str {
        if self.inactive { "INACTIVE" } else { "ACTIVE" }
    }
}

async fn finish(api: &Api, with: With, ties: &TieArgs, shown: &Value) -> Result {
    with.out.one(&VIEW, shown);
    tie(api, text(shown, "certificateArn"), &ties.policy, &ties.thing, true).await
}
