//! `adit tunnel open`.

use super::{TokenArgs, wait};
use crate::api::{self, Api, ApiArgs};
use crate::exit::{Failure, Result};
use crate::out::{self, OutArgs};
use crate::span;
use adit_aws::Service::Tunneling;
use serde_json::{Value, json};
use std::time::Duration;

/// Time for the device to connect, unless `--timeout` says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub struct Args {
    /// Thing of the device, which is told by MQTT. Without one nobody is told.
    thing: Option<String>,
    /// Services that the tunnel carries, as the device calls them; several with commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "SSH")]
    service: Vec<String>,
    /// How long the tunnel may last, 1m to 12h.
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    lifetime: Option<Duration>,
    /// Free text that lists show.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Tags of the tunnel.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    tag: Vec<(String, String)>,
    /// Wait until the device has connected; exit code 6 if it is offline, 7 if it does not connect in time.
    #[arg(long, requires = "thing")]
    wait: bool,
    #[command(flatten)]
    tokens: TokenArgs,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    api: ApiArgs,
}

/// Reads `KEY=VALUE`.
fn tag(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

pub async fn run(args: &Args) -> Result {
    let api = Api::open(&args.api)?;
    args.tokens.check()?;
    let answer =
        api.call(Tunneling, "OpenTunnel", args.input()).await.map_err(|failure| match failure.fault() {
            Some("LimitExceededException") => {
                failure.next("`adit tunnel list` shows the tunnels; close some of them")
            }
            _ => failure,
        })?;
    let id = answer.get("tunnelId").and_then(Value::as_str).map(str::to_owned);
    args.tokens.show(&args.out, answer)?;
    match (args.wait, id, &args.thing) {
        (false, ..) => {
            if out::is_terminal() {
                out::talk(next(&api.settings().tunnel_endpoint()?, &args.service));
            }
            Ok(())
        }
        (true, Some(id), Some(thing)) => wait::for_device(&api, &id, thing, api.patience(PATIENCE)).await,
        _ => Err(Failure::failed("the answer to OpenTunnel has no tunnel in it")),
    }
}

/// What to type now.
fn next(endpoint: &str, services: &[String]) -> String {
    let mapping: Vec<String> =
        (5555..).zip(services).map(|(port, service)| format!("{service}={port}")).collect();
    format!(
        "Next: localproxy -e {endpoint} -s {} with the source token in AWSIOT_TUNNEL_ACCESS_TOKEN",
        mapping.join(",")
    )
}

impl Args {
    fn input(&self) -> Value {
        let destination = api::members([("thingName", json!(self.thing)), ("services", json!(self.service))]);
        let minutes = self.lifetime.map(|time| time.as_secs().div_ceil(60));
        let tags: Vec<Value> =
            self.tag.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        api::members([
            ("destinationConfig", destination),
            ("description", json!(self.description)),
            (
                "timeoutConfig",
                minutes.map_or(Value::Null, |minutes| json!({ "maxLifetimeTimeoutMinutes": minutes })),
            ),
            ("tags", if tags.is_empty() { Value::Null } else { tags.into() }),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn options_become_members() {
        let input = |line: &[&str]| Line::parse_from([&["x"], line].concat()).args.input();
        assert_eq!(
            input(&["lamp"]),
            json!({ "destinationConfig": { "thingName": "lamp", "services": ["SSH"] } })
        );
        let line =
            ["lamp", "--service", "SSH,VNC", "--lifetime", "90s", "--description", "d", "--tag", "a=b=c"];
        assert_eq!(
            input(&line),
            json!({
                "destinationConfig": { "thingName": "lamp", "services": ["SSH", "VNC"] },
                "timeoutConfig": { "maxLifetimeTimeoutMinutes": 2 },
                "description": "d", "tags": [{ "key": "a", "value": "b=c" }],
            })
        );
        assert!(Line::try_parse_from(["x", "--wait"]).is_err());
    }

    #[test]
    fn the_next_thing_to_type_names_every_service() {
        let services = ["SSH", "VNC"].map(str::to_owned);
        assert!(next("h:1", &services).starts_with("Next: localproxy -e h:1 -s SSH=5555,VNC=5556 "));
    }
}
