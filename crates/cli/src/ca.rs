//! `adit ca`: a CA of one's own for devices: made, registered with the server, and signing. What AWS's recipe for
//! just-in-time provisioning does with `openssl`, shorter.

mod device;
mod files;
mod init;
mod register;
mod registered;
mod sign;

use crate::api;
use crate::exit::{self, Failure, Result};
use adit_server::pki::authority::{Authority, Key, KeyKind, Signed};
use adit_server::pki::{Attribute, Name};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a CA: a private key, and a certificate that it signs itself.
    Init(init::Args),
    /// Register the CA with the server, so that devices with its certificates are let in when they first connect.
    ///
    /// Fetches the registration code, signs the verification certificate that proves possession of the CA's key, and calls
    /// RegisterCACertificate. Nothing else leaves this machine: the CA's key does not.
    Register(register::Args),
    /// Sign a certificate request that was made elsewhere, so that the device's key never leaves the device.
    Sign(sign::Args),
    /// Make a private key and a certificate for each device named.
    Device(device::Args),
    /// List the CAs that the server knows.
    List(registered::List),
    /// Show a CA that the server knows.
    #[command(visible_alias = "describe")]
    Get(registered::Get),
    /// Activate or deactivate a CA, change whether and how devices register by it.
    Update(registered::Update),
    /// Delete a CA from the server.
    Delete(registered::Delete),
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(match &args.command {
        Command::Init(args) => init::run(args),
        Command::Register(args) => crate::block_on(register::run(args)),
        Command::Sign(args) => sign::run(args),
        Command::Device(args) => device::run(args),
        Command::List(args) => crate::block_on(registered::list(args)),
        Command::Get(args) => crate::block_on(registered::get(args)),
        Command::Update(args) => crate::block_on(registered::update(args)),
        Command::Delete(args) => crate::block_on(registered::delete(args)),
    })
}

/// Where a CA is looked for.
const CA: &str = "deviceRootCA.pem";

/// The option that names this CA in a command shown to the user, if it must be named.
fn option(ca: &Path) -> String {
    if ca == Path::new(CA) { String::new() } else { format!(" --ca {}", ca.display()) }
}

/// Which CA signs.
#[derive(clap::Args)]
struct Issuer {
    /// Certificate of the CA, PEM.
    #[arg(long, value_name = "FILE", default_value = CA)]
    ca: PathBuf,
    /// Private key of the CA, PEM; by default the file beside the certificate that ends in .key.
    #[arg(long, value_name = "FILE")]
    ca_key: Option<PathBuf>,
}

impl Issuer {
    fn certificate(&self) -> Result<String> {
        read(&self.ca, "make a CA with `adit ca init`, or name the certificate of yours with --ca")
    }

    fn open(&self) -> Result<Authority> {
        let certificate = self.certificate()?;
        let path = self.ca_key.clone().unwrap_or_else(|| self.ca.with_extension("key"));
        let key = read(&path, "name the private key of the CA with --ca-key")?;
        let key = Key::read(&key).map_err(|why| in_file(&path, &why))?;
        Authority::read(&certificate, key, api::now()).map_err(|why| in_file(&self.ca, &why))
    }
}

fn in_file(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("{}: {why}", path.display()))
}

fn read(path: &Path, advice: &str) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::failed(format!("{}: {error}; {advice}", path.display())))
}

/// Kinds of keys, as one types them.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum KeyType {
    P256,
    P384,
    Rsa2048,
    Rsa3072,
    Rsa4096,
}

impl From<KeyType> for KeyKind {
    fn from(key: KeyType) -> Self {
        match key {
            KeyType::P256 => Self::P256,
            KeyType::P384 => Self::P384,
            KeyType::Rsa2048 => Self::Rsa2048,
            KeyType::Rsa3072 => Self::Rsa3072,
            KeyType::Rsa4096 => Self::Rsa4096,
        }
    }
}

/// What a certificate says about its owner, besides the common name.
#[derive(clap::Args)]
struct Subject {
    /// Two capital letters, such as IN. Templates may ask for it as AWS::IoT::Certificate::Country.
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// State or province.
    #[arg(long, value_name = "TEXT")]
    state: Option<String>,
    /// City.
    #[arg(long, value_name = "TEXT")]
    locality: Option<String>,
    /// Company.
    #[arg(long, value_name = "TEXT")]
    organization: Option<String>,
    /// Department.
    #[arg(long, value_name = "TEXT")]
    organizational_unit: Option<String>,
    /// What tells owners of the same name apart.
    #[arg(long, value_name = "TEXT")]
    dn_qualifier: Option<String>,
}

impl Subject {
    fn name(&self, common_name: &str) -> Result<Name> {
        let given = [
            (Attribute::Country, &self.country),
            (Attribute::State, &self.state),
            (Attribute::Locality, &self.locality),
            (Attribute::Organization, &self.organization),
            (Attribute::OrganizationalUnit, &self.organizational_unit),
            (Attribute::DnQualifier, &self.dn_qualifier),
        ];
        let given = given.into_iter().filter_map(|(attribute, value)| Some((attribute, value.as_deref()?)));
        given
            .chain([(Attribute::CommonName, common_name)])
            .try_fold(Name::default(), |name, (attribute, value)| name.with(attribute, value))
            .map_err(|why| Failure::usage(why.to_string()))
    }
}

/// How long a certificate is good for.
fn days() -> clap::builder::RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(1..=36_500)
}

const DAY: i64 = 86_400;

fn refused(why: impl std::fmt::Display) -> Failure {
    Failure::failed(why.to_string())
}

/// What was made, for programs.
fn described(signed: &Signed, files: &[(&str, &Path)]) -> Value {
    let mut value = json!({
        "certificate-id": signed.id.as_str(),
        "subject": signed.subject,
        "valid-until": until(signed),
    });
    if let Some(object) = value.as_object_mut() {
        object
            .extend(files.iter().map(|(name, path)| ((*name).to_owned(), path.display().to_string().into())));
    }
    value
}

fn until(signed: &Signed) -> String {
    jiff::Timestamp::from_second(signed.ends)
        .map_or_else(|_| "-".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The day of it, for people.
fn until_day(signed: &Signed) -> String {
    until(signed).chars().take_while(|letter| *letter != 'T').collect()
}

/// The lower of two ends, when the CA's is the one.
fn note_of_end(authority: &Authority, signed: &Signed) -> &'static str {
    if authority.certificate().ends == signed.ends { ", as long as the CA's own" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        subject: Subject,
    }

    #[test]
    fn a_subject_is_checked_before_anything_is_made() {
        let name = |line: &[&str]| Line::parse_from(line).subject.name("DemoThing");
        assert!(name(&["x", "--country", "IN", "--organization", "Acme"]).is_ok());
        let failure = name(&["x", "--country", "India"]).unwrap_err();
        assert!(failure.to_string().contains("two capital letters"), "{failure}");
    }
}
