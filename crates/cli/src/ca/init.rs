//! `adit ca init`.

use super::files::{self, Output, named};
use super::{DAY, KeyType, Subject, days, described, option, refused, until_day};
use crate::exit::Result;
use crate::{api, out};
use adit_server::ids::Ids;
use adit_server::pki::authority::{Authority, Key};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// Folder for the files.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// The files are called NAME.key and NAME.pem.
    #[arg(long, value_name = "NAME", default_value = "deviceRootCA")]
    name: String,
    /// Common name of the CA.
    #[arg(long, value_name = "TEXT", default_value = "Device Root CA")]
    common_name: String,
    #[command(flatten)]
    subject: Subject,
    /// Kind of the key.
    #[arg(long, value_enum, default_value = "p256")]
    key: KeyType,
    /// Days the certificate is good for. No certificate that it signs is good for longer.
    #[arg(long, value_name = "DAYS", default_value_t = 7300, value_parser = days())]
    days: i64,
    /// Replace files that are there. Devices of a CA whose key is replaced need new certificates.
    #[arg(long)]
    force: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result {
    let (key_path, pem_path) = (named(&args.dir, &args.name, ".key"), named(&args.dir, &args.name, ".pem"));
    files::free([&*key_path, &*pem_path], args.force)?;
    let name = args.subject.name(&args.common_name)?;
    let key = Key::generate(args.key.into()).map_err(refused)?;
    let made = Authority::make(key, &name, args.days * DAY, &Ids::Real, api::now()).map_err(refused)?;
    files::folder(&args.dir)?;
    let (key, certificate) = (made.key().pem(), made.certificate());
    files::save(
        &[Output::private(&key_path, &key), Output::public(&pem_path, &certificate.pem)],
        args.force,
    )?;
    if args.json {
        out::json(&described(certificate, &[("certificate", &pem_path), ("key", &key_path)]));
        return Ok(());
    }
    out::talk(format_args!("Made a CA: {}, valid until {}.", certificate.subject, until_day(certificate)));
    out::data(key_path.display());
    out::data(pem_path.display());
    let ca = option(&pem_path);
    out::talk(format_args!(
        "{} Whoever has {} can make devices: keep it off the server, and keep a copy.\n\
         Next:\n  adit ca register{ca} --template jitp_template.json\n  adit ca device{ca} DemoThing --country IN",
        out::attention("Note:"),
        key_path.display()
    ));
    Ok(())
}
