//! Our server, with every device registered by its certificate and one policy attached to each.

use super::{Broker, Kind, Setup, endpoint, listening};
use crate::api::{Account, Client};
use crate::fail::Result;
use crate::mqtt::lab::Lab;
use crate::process::{Process, Start, free_port};
use http::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const FILE: &str = "adit.toml";

/// What one device may do; every connect, publish, subscription and delivery is judged by it.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:*:*:client/bench-*"},
{"Effect":"Allow","Action":["iot:Publish","iot:Receive"],"Resource":"arn:aws:iot:*:*:topic/bench/*"},
{"Effect":"Allow","Action":"iot:Subscribe","Resource":"arn:aws:iot:*:*:topicfilter/bench/*"},
{"Effect":"Deny","Action":"iot:Publish","Resource":"arn:aws:iot:*:*:topic/bench/forbidden/${iot:ClientId}"}]}"#;

pub fn start(lab: &Lab, dir: PathBuf, setup: Setup) -> Result<Broker> {
    let program = lab.adit.clone().ok_or("adit is absent")?;
    let (broker, account) = start_empty(program, dir, setup)?;
    register(&account, lab)?;
    Ok(broker)
}

/// One that knows no device yet, and who may call its API.
pub fn start_empty(program: PathBuf, dir: PathBuf, setup: Setup) -> Result<(Broker, Account)> {
    let port = free_port()?;
    let resumption = if setup.resumption { "tickets" } else { "off" };
    let text = format!(
        "listen = [\n  {{ address = \"127.0.0.1:0\", tls = false, serve = [\"api\"] }},\n  \
         {{ address = \"127.0.0.1:{port}\", serve = [\"mqtt\"] }},\n]\n\n[metrics]\naddress = \"off\"\n\n\
         [log]\nlevel = \"warn\"\n\n[tls]\nresumption = \"{resumption}\"\n\n\
         [mqtt]\nqueue-messages = 1000000\nqueue-bytes = \"1GiB\"\n\n\
         [limits]\nmax-connections = 1000000\nconnections-per-address = 1000000\n"
    );
    fs::write(dir.join(FILE), text)?;
    let mut process = run(&program, &dir)?;
    let data = dir.join("data");
    let client = Client::read(&mut process, &data)?;
    let account = client.account(&data)?;
    let ca = client.ca(&data)?;
    let (ecdsa, rsa) = (endpoint(port, &ca)?, endpoint(port, &ca)?);
    listening(&mut process, ecdsa.address)?;
    Ok((Broker { kind: Kind::Adit, dir, program, ecdsa, rsa, process: Some(process) }, account))
}

pub fn run(program: &Path, dir: &Path) -> Result<Process> {
    let command = Start::new(program).args(["serve", "--config"]).args([dir.join(FILE)]);
    Process::start("broker", dir, command.args(["--data-dir"]).args([dir.join("data")]))
}

fn register(account: &Account, lab: &Lab) -> Result<()> {
    let mut api = account.connect()?;
    let policy = json!({ "policyDocument": POLICY.replace('\n', "") });
    api.registry(&Method::POST, "/policies/bench", &policy)?;
    for device in &lab.fleet.devices {
        let body = json!({ "certificatePem": device.pem, "status": "ACTIVE" });
        let answer = api.registry(&Method::POST, "/certificate/register-no-ca", &body)?;
        let target = answer.get("certificateArn").and_then(Value::as_str).unwrap_or_default();
        api.registry(&Method::PUT, "/target-policies/bench", &json!({ "target": target }))?;
    }
    Ok(())
}
