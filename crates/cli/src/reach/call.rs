//! The calls of the API that a way to a device needs.

use adit_aws::Service;
use adit_device::webproxy::WebProxy;
use serde_json::{Value, json};
use std::path::Path;

use super::{endpoint, hosts};
use crate::api::{Api, members};
use crate::exit::{Code, Failure, Result};
use crate::http::{Proxies, Target};

/// The API, as far as it is about tunnels.
pub struct Calls {
    api: Api,
}

/// A tunnel that has just been opened.
pub struct Opened {
    pub id: String,
    pub arn: String,
    /// The source's token. Never shown.
    pub token: String,
}

/// What DescribeTunnel says of a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub id: String,
    pub arn: String,
    pub is_open: bool,
    pub is_source_connected: bool,
    pub is_destination_connected: bool,
    pub thing: Option<String>,
    /// Empty for a tunnel without names for its streams.
    pub services: Vec<String>,
}

impl Described {
    /// Whether a connection to each of these services can go through it.
    pub fn has(&self, services: &[String]) -> bool {
        match self.services.as_slice() {
            [] => services.len() == 1,
            names => services.iter().all(|service| names.contains(service)),
        }
    }

    fn read(output: &Value) -> Option<Described> {
        let tunnel = output.get("tunnel")?;
        let text = |name: &str| tunnel.get(name).and_then(Value::as_str);
        let connected = |side: &str| {
            tunnel.get(side).and_then(|side| side.get("status")).and_then(Value::as_str) == Some("CONNECTED")
        };
        let destination = tunnel.get("destinationConfig");
        let list = destination.and_then(|config| config.get("services")).and_then(Value::as_array);
        let names = list.into_iter().flatten().filter_map(Value::as_str);
        Some(Described {
            id: text("tunnelId")?.to_owned(),
            arn: text("tunnelArn")?.to_owned(),
            is_open: text("status") == Some("OPEN"),
            is_source_connected: connected("sourceConnectionState"),
            is_destination_connected: connected("destinationConnectionState"),
            thing: destination
                .and_then(|config| config.get("thingName"))
                .and_then(Value::as_str)
                .map(str::to_owned),
            services: names.map(str::to_owned).collect(),
        })
    }
}

impl Calls {
    pub fn new(api: Api) -> Calls {
        Calls { api }
    }

    async fn tunneling(&self, operation: &str, input: Value) -> Result<Value> {
        self.api.call(Service::Tunneling, operation, input).await
    }

    /// Opens a tunnel to a thing, whose device is told of it.
    pub async fn open(&self, thing: &str, services: &[String], minutes: Option<u32>) -> Result<Opened> {
        let lifetime = minutes.map_or(Value::Null, |minutes| json!({ "maxLifetimeTimeoutMinutes": minutes }));
        let input = members([
            ("description", json!(description())),
            ("destinationConfig", json!({ "thingName": thing, "services": services })),
            ("timeoutConfig", lifetime),
        ]);
        let output = self.tunneling("OpenTunnel", input).await?;
        let text = |name: &str| output.get(name).and_then(Value::as_str).map(str::to_owned);
        match (text("tunnelId"), text("tunnelArn"), text("sourceAccessToken")) {
            (Some(id), Some(arn), Some(token)) => Ok(Opened { id, arn, token }),
            _ => Err(Failure::failed("OpenTunnel was answered without an id, an ARN and a source token")),
        }
    }

    pub async fn describe(&self, id: &str) -> Result<Described> {
        let output = self.tunneling("DescribeTunnel", json!({ "tunnelId": id })).await?;
        Described::read(&output)
            .ok_or_else(|| Failure::failed("DescribeTunnel was answered without a tunnel"))
    }

    /// Gives a tunnel a new source token, and its device a new notification if it is not connected.
    pub async fn rotate(&self, tunnel: &Described) -> Result<String> {
        let wakes = !tunnel.is_destination_connected && tunnel.thing.is_some();
        let destination = match &tunnel.thing {
            Some(thing) if wakes => json!({ "thingName": thing, "services": tunnel.services }),
            _ => Value::Null,
        };
        let input = members([
            ("tunnelId", json!(tunnel.id)),
            ("clientMode", json!(if wakes { "ALL" } else { "SOURCE" })),
            ("destinationConfig", destination),
        ]);
        let output = self.tunneling("RotateTunnelAccessToken", input).await?;
        let token = output.get("sourceAccessToken").and_then(Value::as_str).map(str::to_owned);
        token.ok_or_else(|| Failure::failed("RotateTunnelAccessToken was answered without a source token"))
    }

    /// Closes a tunnel and takes it off the list, as far as the caller may.
    pub async fn close(&self, id: &str) -> Result {
        let deleted = self.tunneling("CloseTunnel", json!({ "tunnelId": id, "delete": true })).await;
        match deleted {
            Err(failure) if failure.code() == Code::Denied => {
                self.tunneling("CloseTunnel", json!({ "tunnelId": id })).await.map(|_| ())
            }
            Err(failure) if failure.code() == Code::NotFound => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Fails when there is no such thing. Whoever may not look is believed.
    pub async fn must_exist(&self, thing: &str) -> Result {
        match self.api.call(Service::Iot, "DescribeThing", json!({ "thingName": thing })).await {
            Err(failure) if failure.code() == Code::NotFound => {
                Err(Failure::new(Code::NotFound, format!("there is no thing {thing}"))
                    .next("`adit thing list` shows them"))
            }
            Err(failure) if failure.code() == Code::Denied && is_about_rights(&failure) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Whether the device is connected to the gateway, and since when, if the server tells: of the thing, or of the client
    /// with its name.
    pub async fn connectivity(&self, thing: &str) -> Option<Value> {
        let of_thing =
            self.api.call(Service::Iot, "GetThingConnectivityData", json!({ "thingName": thing })).await;
        if of_thing.is_ok() {
            return of_thing.ok();
        }
        match self.api.call(Service::IotData, "GetConnection", json!({ "clientId": thing })).await {
            Err(failure) if failure.code() == Code::NotFound => Some(json!({ "connected": false })),
            of_client => of_client.ok(),
        }
    }

    /// What the agent has reported of itself, if it has and the caller may read it.
    pub async fn report(&self, thing: &str) -> Option<Value> {
        let input = json!({ "thingName": thing, "shadowName": "adit-agent" });
        self.api.call(Service::IotData, "GetThingShadow", input).await.ok()
    }

    /// Where the tunnels are.
    pub fn tunnel_endpoint(&self, given: Option<&str>) -> Result<String> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let given = given.map(str::to_owned).or_else(|| variable("AWSIOT_TUNNEL_ENDPOINT"));
        let settings = match variable("ADIT_LOCALPROXY_SETTINGS") {
            Some(path) if self.api.settings().nearby.is_none() => Some(
                std::fs::read_to_string(&path)
                    .map_err(|error| Failure::usage(format!("ADIT_LOCALPROXY_SETTINGS: {path}: {error}")))?,
            ),
            _ => None,
        };
        let found = endpoint::find(given.as_deref(), settings.as_deref(), self.region());
        match (found.map_err(Failure::usage)?, self.custom()) {
            (Some(endpoint), _) => Ok(endpoint),
            (None, Some(url)) if url.starts_with("http:") => {
                let text = format!("{url} has no TLS, so the tunnels are elsewhere");
                Err(Failure::usage(text).next("name their place with --tunnel-endpoint HOST:PORT"))
            }
            (None, _) => self.api.settings().tunnel_endpoint(),
        }
    }

    /// The URL of the API when it is not AWS's.
    fn custom(&self) -> Option<String> {
        let settings = self.api.settings();
        (!settings.is_aws(Service::Tunneling)).then(|| settings.endpoint(Service::Tunneling))
    }

    fn region(&self) -> &str {
        &self.api.settings().region
    }

    /// The CA file to believe.
    pub fn ca(&self) -> Option<&Path> {
        self.api.settings().ca.as_deref()
    }

    /// The web proxy on the way to the tunnels.
    pub fn web_proxy(&self, host: &str, port: u16) -> Result<Option<WebProxy>> {
        let proxies = Proxies::of(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
        Ok(proxies.on_the_way(&Target { tls: true, host: host.to_owned(), port }).cloned())
    }

    /// A name for the server before anything was asked.
    pub fn place(&self) -> String {
        hosts::scope(self.custom().as_deref(), self.region(), "any")
    }

    /// A name for the server and, at AWS, the account of an ARN.
    pub fn scope(&self, arn: &str) -> String {
        hosts::scope(self.custom().as_deref(), self.region(), arn.split(':').nth(4).unwrap_or_default())
    }

    /// The same, for a caller who has no ARN yet.
    pub async fn scope_of_caller(&self) -> Result<String> {
        if self.custom().is_some() {
            return Ok(self.scope(""));
        }
        let output = self.api.call(Service::Sts, "GetCallerIdentity", json!({})).await?;
        let account = output.get("Account").and_then(Value::as_str).unwrap_or_default();
        Ok(hosts::scope(None, self.region(), account))
    }
}

/// Whether the caller is known and only lacks a right.
fn is_about_rights(failure: &Failure) -> bool {
    failure.fault().is_some_and(|fault| fault.contains("AccessDenied"))
}

/// Who opened a tunnel, for whoever lists them.
fn description() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let text = if user.is_empty() { format!("adit on {host}") } else { format!("adit, {user} on {host}") };
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read() {
        let described = Described::read(&json!({ "tunnel": {
            "tunnelId": "i", "tunnelArn": "arn:aws:iot:us-east-1:123456789012:tunnel/i", "status": "OPEN",
            "sourceConnectionState": { "status": "DISCONNECTED" },
            "destinationConnectionState": { "status": "CONNECTED", "lastUpdatedAt": 1.5 },
            "destinationConfig": { "thingName": "lamp1", "services": ["SSH", "VNC"] },
        }}))
        .unwrap();
        assert!(described.is_open && described.is_destination_connected && !described.is_source_connected);
        assert_eq!(described.thing.as_deref(), Some("lamp1"));
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(described.has(&names(&["VNC"])) && described.has(&names(&["SSH", "VNC"])));
        assert!(!described.has(&names(&["SSH", "HTTP"])));
        let nameless = Described { services: Vec::new(), ..described };
        assert!(nameless.has(&names(&["SSH"])) && !nameless.has(&names(&["SSH", "VNC"])));
        assert_eq!(Described::read(&json!({})), None);
    }
}
