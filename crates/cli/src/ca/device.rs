//! `adit ca device`.

use super::files::{self, Output, named};
use super::{DAY, Issuer, KeyType, Subject, days, described, note_of_end, refused, until_day};
use crate::exit::{Failure, Result};
use crate::{api, out};
use adit_server::ids::Ids;
use adit_server::pki::authority::{Authority, Key};
use serde_json::Value;
use std::path::PathBuf;

/// A common name has 64 letters at most (RFC 5280, appendix A.1).
const LONGEST: usize = 64;

#[derive(clap::Args)]
pub struct Args {
    /// Names of the devices: the common names of their certificates, and with the usual templates those of their things.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    issuer: Issuer,
    #[command(flatten)]
    subject: Subject,
    /// Kind of the key.
    #[arg(long, value_enum, default_value = "p256")]
    key: KeyType,
    /// Days the certificate is good for; never longer than that of the CA.
    #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = days())]
    days: i64,
    /// Folder for NAME.key, NAME.pem, and NAME-chain.pem with the CA's certificate behind it.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result {
    args.names.iter().try_for_each(|name| check(name))?;
    let authority = args.issuer.open()?;
    let paths: Vec<PathBuf> = args.names.iter().flat_map(|name| args.paths(name)).collect();
    files::free(paths.iter().map(PathBuf::as_path), args.force)?;
    files::folder(&args.dir)?;
    for name in &args.names {
        let made = args.device(&authority, name)?;
        if args.json {
            out::data(made);
        }
    }
    if let (false, [name, ..]) = (args.json, &*args.names) {
        let [key, _, chain] = args.paths(name);
        out::talk(format_args!(
            "Next, once the CA is registered: the first connection of a new device ends by itself, and makes its thing;\n\
             the second stays.\n  mosquitto_pub --cafile CA_OF_THE_SERVER.pem --cert {} --key {} -h SERVER -p 8883 -q 1 \\\n    \
             -i {name} -t {name}/test -m Hello",
            chain.display(),
            key.display()
        ));
    }
    Ok(())
}

impl Args {
    fn paths(&self, name: &str) -> [PathBuf; 3] {
        [".key", ".pem", "-chain.pem"].map(|end| named(&self.dir, name, end))
    }

    fn device(&self, authority: &Authority, name: &str) -> Result<Value> {
        let subject = self.subject.name(name)?;
        let key = Key::generate(self.key.into()).map_err(refused)?;
        let life = self.days * DAY;
        let signed = authority.device(&subject, &key, life, &Ids::Real, api::now()).map_err(refused)?;
        let [key_path, pem_path, chain_path] = self.paths(name);
        let chain = format!("{}{}", signed.pem, authority.certificate().pem);
        files::save(
            &[
                Output::private(&key_path, &key.pem()),
                Output::public(&pem_path, &signed.pem),
                Output::public(&chain_path, &chain),
            ],
            self.force,
        )?;
        if !self.json {
            out::talk(format_args!(
                "Made a device: {}, valid until {}{}.",
                signed.subject,
                until_day(&signed),
                note_of_end(authority, &signed)
            ));
            [&key_path, &pem_path, &chain_path].iter().for_each(|path| out::data(path.display()));
        }
        let files = [("key", &*key_path), ("certificate", &*pem_path), ("chain", &*chain_path)];
        Ok(described(&signed, &files))
    }
}

/// A name that may be that of a thing. It also names files.
fn check(name: &str) -> Result {
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || b":_-".contains(&letter);
    if (1..=LONGEST).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('-') {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{name:?} cannot be the name of a thing: 1 to {LONGEST} of the characters a-z, A-Z, 0-9, ':', '_' and '-'. \
         For another common name make a request with `openssl req`, and sign it with `adit ca sign`."
    )))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn names_are_those_of_things() {
        for good in ["DemoThing", "a:b_c-1", &"x".repeat(64)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "../a", "a/b", "a.b", "é", "-a", &"x".repeat(65)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
