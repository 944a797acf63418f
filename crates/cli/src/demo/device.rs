//! The demo's device: registered as any device is, with an agent of its own.

use super::folder::Folder;
use crate::agent;
use crate::api::Api;
use crate::data_dir::Nearby;
use crate::exit::{Failure, Result};
use crate::private;
use adit_aws::Service;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::process::Child;
use tokio::time::{Duration, Instant, sleep};

/// The device's name, and the name of its policy.
pub const THING: &str = "demo";
const POLICY: &str = "demo-agent";

/// Registers the thing and its certificate, with what an agent needs and no more. The certificate and its key are
/// written to the folder.
pub async fn register(api: &Api, folder: &Folder) -> Result {
    api.call(Service::Iot, "CreateThing", json!({ "thingName": THING })).await?;
    let made = api.call(Service::Iot, "CreateKeysAndCertificate", json!({ "setAsActive": true })).await?;
    let text = |at: &str| {
        let found = made.pointer(at).and_then(Value::as_str);
        found
            .ok_or_else(|| Failure::failed("the answer to CreateKeysAndCertificate has no certificate in it"))
    };
    let certificate = text("/certificateArn")?;
    private::create(&folder.device("demo.pem"), text("/certificatePem")?.as_bytes())?;
    private::create(&folder.device("demo.key"), text("/keyPair/PrivateKey")?.as_bytes())?;
    let policy = json!({ "policyName": POLICY, "policyDocument": agent::POLICY });
    api.call(Service::Iot, "CreatePolicy", policy).await?;
    api.call(Service::Iot, "AttachPolicy", json!({ "policyName": POLICY, "target": certificate })).await?;
    let bond = json!({ "thingName": THING, "principal": certificate });
    api.call(Service::Iot, "AttachThingPrincipal", bond).await?;
    Ok(())
}

/// Starts the agent with `page` as its service HTTP; gives its configuration file, too.
pub fn start(folder: &Folder, server: &Nearby, page: SocketAddr) -> Result<(Child, PathBuf)> {
    let missing = |what: &str| Failure::failed(format!("the server serves no {what}"));
    let quoted = |path: PathBuf| format!("{:?}", path.display().to_string());
    let mut text = format!(
        "thing-name = \"{THING}\"\nendpoint = {:?}\ntunnel-endpoint = {:?}\ncertificate-file = {}\nprivate-key-file = {}\nstate-dir = {}\n",
        server.mqtt.as_deref().ok_or_else(|| missing("MQTT"))?,
        server.tunnel.as_deref().ok_or_else(|| missing("tunnels"))?,
        quoted(folder.device("demo.pem")),
        quoted(folder.device("demo.key")),
        quoted(folder.device("state")),
    );
    if let Some(ca) = &server.ca {
        text.push_str(&format!("ca-file = {}\n", quoted(ca.clone())));
    }
    text.push_str(&format!("\n[services]\nHTTP = \"{page}\"\n"));
    let config = folder.device("agent.toml");
    private::create(&config, text.as_bytes())?;
    let child = folder.start("agent", |command| {
        command.arg("agent").arg("--config").arg(&config);
    })?;
    Ok((child, config))
}

/// Waits until the server has the device's connection.
pub async fn arrived(api: &Api, folder: &Folder, patience: Duration) -> Result {
    let deadline = Instant::now() + patience;
    loop {
        let input = json!({ "thingName": THING });
        let seen = api.call(Service::Iot, "GetThingConnectivityData", input).await?;
        if seen.get("connected").and_then(Value::as_bool) == Some(true) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let text = format!("the agent did not connect in {} s", patience.as_secs());
            return Err(Failure::failed(format!("{text}. What it said:\n{}", folder.said("agent"))));
        }
        sleep(Duration::from_millis(50)).await;
    }
}
