//! `adit ca sign`.

use super::files::{self, Output};
use super::{DAY, Issuer, days, described, note_of_end, read, until_day};
use crate::exit::{Failure, Result};
use crate::{api, out};
use adit_server::ids::Ids;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// The certificate request (PKCS#10, PEM). Its subject and key are taken; its signature must be by that key.
    #[arg(value_name = "CSR")]
    request: PathBuf,
    #[command(flatten)]
    issuer: Issuer,
    /// Days the certificate is good for; never longer than that of the CA.
    #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = days())]
    days: i64,
    /// File for the certificate; by default the request's name with .pem. A second file, -chain.pem, has the CA's
    /// certificate behind it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result {
    let pem_path = args.out.clone().unwrap_or_else(|| args.request.with_extension("pem"));
    let chain_path = chain_of(&pem_path)?;
    if pem_path == args.request {
        return Err(Failure::usage(format!(
            "the certificate would replace the request {}; name another file with --out",
            args.request.display()
        )));
    }
    files::free([&*pem_path, &*chain_path], args.force)?;
    let request = read(&args.request, "name a file that holds a certificate request in PEM")?;
    let authority = args.issuer.open()?;
    let signed = authority
        .sign(&request, args.days * DAY, &Ids::Real, api::now())
        .map_err(|why| super::in_file(&args.request, &why))?;
    let chain = format!("{}{}", signed.pem, authority.certificate().pem);
    files::save(&[Output::public(&pem_path, &signed.pem), Output::public(&chain_path, &chain)], args.force)?;
    if args.json {
        out::json(&described(&signed, &[("certificate", &pem_path), ("chain", &chain_path)]));
        return Ok(());
    }
    out::talk(format_args!(
        "Signed: {}, valid until {}{}.",
        signed.subject,
        until_day(&signed),
        note_of_end(&authority, &signed)
    ));
    out::data(pem_path.display());
    out::data(chain_path.display());
    out::talk("Next: bring one of them to the device. Its key is there already.");
    Ok(())
}

fn chain_of(pem: &Path) -> Result<PathBuf> {
    let stem =
        pem.file_stem().ok_or_else(|| Failure::usage(format!("{}: not a file name", pem.display())))?;
    let mut name = stem.to_owned();
    name.push("-chain.pem");
    Ok(pem.with_file_name(name))
}
