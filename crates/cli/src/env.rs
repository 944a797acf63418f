//! `adit env`: the environment that points AWS's programs at the server.

use crate::data_dir::{Folder, Key, Nearby, nearby};
use crate::exit::{self, Result};
use crate::out;
use crate::shell::quoted;
use serde_json::{Map, Value};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    folder: Folder,
    /// Print a JSON object instead of shell commands.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> ExitCode {
    exit::code(print(args))
}

fn print(args: &Args) -> Result {
    let variables = variables(&nearby(&args.folder.data_dir)?)?;
    if args.json {
        let object: Map<String, Value> =
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        out::json(&object.into());
        return Ok(());
    }
    for (name, value) in variables {
        out::data(format_args!("export {name}={}", quoted(&value)));
    }
    Ok(())
}

fn variables(client: &Nearby) -> Result<Vec<(&'static str, String)>> {
    let key = Key::read(&client.credentials)?;
    let mut variables = vec![
        ("AWS_ENDPOINT_URL", client.endpoint.clone()),
        ("AWS_ACCESS_KEY_ID", key.id),
        ("AWS_SECRET_ACCESS_KEY", key.secret),
        ("AWS_REGION", client.region.clone()),
        ("AWS_DEFAULT_REGION", client.region.clone()),
    ];
    if let Some(ca) = &client.ca {
        variables.push(("AWS_CA_BUNDLE", ca.display().to_string()));
    }
    variables.push(("ADIT_LOCALPROXY_SETTINGS", client.settings.display().to_string()));
    Ok(variables)
}
