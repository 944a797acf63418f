//! `bench agent`: what a device gives for being reachable. Size of the program, memory, CPU.

use crate::api::{Account, Client, Tunnel};
use crate::fail::{Result, fail};
use crate::goals::AGENT;
use crate::load::{self, Target, Way};
use crate::pattern::Pattern;
use crate::probe::{self, Usage};
use crate::process::{Process, Start, free_port};
use crate::record::{Measurement, Record};
use crate::service::{self, Order, Service};
use crate::table::{self, Layout};
use crate::{out, programs};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What `bench agent` takes.
#[derive(clap::Args)]
pub struct Options {
    /// The agent, as `cargo xtask agent` builds it.
    #[arg(long, value_name = "PATH", default_value = "target/agent/adit")]
    agent: PathBuf,
    /// A static one beside it, as `cargo xtask agent --static` builds it.
    #[arg(long, value_name = "PATH")]
    r#static: Option<PathBuf>,
    /// MiB through the tunnel, each way.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=16_384))]
    mib: u64,
    /// Write one JSON object per measurement to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep the temporary folder with the logs.
    #[arg(long)]
    keep: bool,
}

const LAYOUT: Layout = Layout {
    rows: &[
        ("size", "the program, MB"),
        ("idle", "connected and idle, resident MB"),
        ("tunnel", "one idle tunnel, resident MB"),
        ("after", "3 s after the bytes, resident MB"),
        ("peak", "the most it had resident, MB"),
        ("idle-cpu", "CPU while idle, ms a minute"),
        ("up", "towards the device, MiB/s"),
        ("down", "from the device, MiB/s"),
        ("up-cpu", "towards the device, CPU s/GiB of the agent"),
        ("down-cpu", "from the device, CPU s/GiB of the agent"),
    ],
    goals: &AGENT,
    reference: "adit-agent",
    note: "MB are 10^6 bytes; the source is our localproxy",
    parts_of: &[],
    parts: &[],
};

/// Memory and CPU are read after this much silence.
const QUIET: Duration = Duration::from_secs(3);
/// How long CPU is counted while nothing happens.
const STILL: Duration = Duration::from_secs(30);
/// How long a tunnel may take to carry its first byte.
const LONGEST: Duration = Duration::from_secs(20);

const THING: &str = "bench";
const SERVICE: &str = "bench";
const MIB: u64 = 1 << 20;
const MB: f64 = 1e6;

const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;

/// Runs the suite. Whether every goal passed.
pub fn run(options: &Options) -> Result<bool> {
    let mut dir = tempfile::Builder::new().prefix("adit-bench-").tempdir()?;
    dir.disable_cleanup(options.keep);
    out::talk(format_args!("logs in {}", dir.path().display()));
    let programs = programs::find(None)?;
    let mut record = Record::new("agent", options.json.as_deref())?;
    let pattern = Arc::new(Pattern::new());
    let service = Service::start(Arc::clone(&pattern))?;
    let mut systems = vec![("adit-agent", options.agent.clone())];
    systems.extend(options.r#static.clone().map(|path| ("static", path)));
    for (name, program) in &systems {
        let program = program
            .canonicalize()
            .map_err(|error| format!("{}: {error}: cargo xtask agent", program.display()))?;
        let dir = dir.path().join(name);
        fs::create_dir_all(&dir)?;
        let lab = Lab::start(&programs.adit, &programs.localproxy, &program, &dir, service.address)?;
        lab.measure(name, &program, options.mib * MIB, &pattern, &mut record)?;
    }
    let names: Vec<&str> = systems.iter().map(|(name, _)| *name).collect();
    Ok(table::print(&record, &names, &LAYOUT))
}

/// A server, and an agent that is connected to it.
struct Lab {
    _server: Process,
    account: Account,
    agent: Process,
    localproxy: PathBuf,
    dir: PathBuf,
    ca: PathBuf,
    tunnels: String,
}

impl Lab {
    fn start(adit: &Path, localproxy: &Path, agent: &Path, dir: &Path, service: SocketAddr) -> Result<Self> {
        let (tunnels, mqtt) = (free_port()?, free_port()?);
        let (config, data) = (dir.join("adit.toml"), dir.join("data"));
        fs::write(
            &config,
            format!(
                "listen = [\n  {{ address = \"127.0.0.1:0\", tls = false, serve = [\"api\"] }},\n  \
                 {{ address = \"127.0.0.1:{tunnels}\", serve = [\"tunnel\"] }},\n  \
                 {{ address = \"127.0.0.1:{mqtt}\", serve = [\"mqtt\"] }},\n]\n\n[metrics]\naddress = \"off\"\n\n\
                 [log]\nlevel = \"warn\"\n\n[tunnel]\npace = 0\npace-own = 0\n"
            ),
        )?;
        let command = Start::new(adit).args(["serve", "--config"]).args([&config]);
        let mut server = Process::start("relay", dir, command.args(["--data-dir"]).args([&data]))?;
        let client = Client::read(&mut server, &data)?;
        let (account, ca) = (client.account(&data)?, client.ca(&data)?);
        register(&account, dir)?;
        let file = dir.join("agent.toml");
        let tunnels = format!("localhost:{tunnels}");
        fs::write(
            &file,
            format!(
                "endpoint = \"localhost:{mqtt}\"\ntunnel-endpoint = \"{tunnels}\"\nca-file = \"{}\"\n\
                 certificate-file = \"device.pem\"\nprivate-key-file = \"device.key\"\nthing-name = \"{THING}\"\n\
                 state-dir = \"state\"\nbuilt-in-services = false\n[services]\n{SERVICE} = \"{service}\"\n",
                ca.display()
            ),
        )?;
        let command = Start::new(agent).args(["agent", "--config"]).args([&file]);
        let mut agent = Process::start("agent", dir, command)?;
        agent.wait_for("that it is connected", |text| text.contains("connected to").then_some(()))?;
        let localproxy = localproxy.to_owned();
        Ok(Self { _server: server, account, agent, localproxy, dir: dir.to_owned(), ca, tunnels })
    }

    fn measure(
        self,
        system: &'static str,
        program: &Path,
        bytes: u64,
        pattern: &Arc<Pattern>,
        record: &mut Record,
    ) -> Result<()> {
        let pid = self.agent.pid();
        let mut add = |case, value, unit| add(record, case, system, value, unit);
        add("size", fs::metadata(program)?.len() as f64 / MB, "MB")?;
        let resident = || {
            std::thread::sleep(QUIET);
            probe::resident(pid) as f64 / MB
        };
        add("idle", resident(), "MB")?;
        let before = Usage::of(pid);
        std::thread::sleep(STILL);
        let spent = Usage::of(pid).since(&before).as_secs_f64();
        add("idle-cpu", spent * 1000.0 * 60.0 / STILL.as_secs_f64(), "ms/min")?;
        let (entry, _source) = self.tunnel()?;
        let target = Target { entry, pattern: Arc::clone(pattern) };
        add("tunnel", resident(), "MB")?;
        for (way, rate, cpu) in [(Way::Up, "up", "up-cpu"), (Way::Down, "down", "down-cpu")] {
            let before = Usage::of(pid);
            let time = load::one(&target, way, bytes)?;
            let spent = Usage::of(pid).since(&before).as_secs_f64();
            let mib = bytes as f64 / MIB as f64;
            add(rate, mib / time.as_secs_f64(), "MiB/s")?;
            add(cpu, spent * 1024.0 / mib, "s/GiB")?;
        }
        add("after", resident(), "MB")?;
        add("peak", probe::peak(pid) as f64 / MB, "MB")
    }

    /// Opens a tunnel to the agent, and a source that carries bytes through it.
    fn tunnel(&self) -> Result<(SocketAddr, Process)> {
        let Tunnel { source, .. } = self.account.connect()?.open_tunnel_to(THING, SERVICE)?;
        let entry = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mapping = format!("{SERVICE}={}", entry.port());
        let command = Start::new(&self.localproxy)
            .args(["-e", &self.tunnels, "-s", &mapping, "-b", "127.0.0.1", "-v", "3"])
            .env("SSL_CERT_FILE", &self.ca)
            .env("AWSIOT_TUNNEL_ACCESS_TOKEN", source);
        let process = Process::start("source", &self.dir, command)?;
        let deadline = Instant::now() + LONGEST;
        while let Err(error) = service::open_within(entry, Order::Hello, Duration::from_secs(2)) {
            if Instant::now() > deadline {
                return fail(format!("the tunnel carries nothing: {error}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok((entry, process))
    }
}

/// A thing, a certificate and a policy, as an operator makes them.
fn register(account: &Account, dir: &Path) -> Result<()> {
    let mut api = account.connect()?;
    api.registry(&Method::POST, "/policies/bench", &json!({ "policyDocument": POLICY }))?;
    api.registry(&Method::POST, &format!("/things/{THING}"), &json!({}))?;
    let made = api.registry_with(&Method::POST, "/keys-and-certificate", "setAsActive=true", &Value::Null)?;
    let text = |pointer: &str| {
        let value = made.pointer(pointer).and_then(Value::as_str);
        value.ok_or_else(|| format!("CreateKeysAndCertificate gave no {pointer}"))
    };
    fs::write(dir.join("device.pem"), text("/certificatePem")?)?;
    fs::write(dir.join("device.key"), text("/keyPair/PrivateKey")?)?;
    let target = json!({ "target": text("/certificateArn")? });
    api.registry(&Method::PUT, "/target-policies/bench", &target)?;
    Ok(())
}

fn add(
    record: &mut Record,
    case: &'static str,
    system: &'static str,
    value: f64,
    unit: &'static str,
) -> Result<()> {
    let (cpu, rss) = (BTreeMap::new(), BTreeMap::new());
    record.add(Measurement { case, system, round: 0, value, unit, cpu, rss, generator_bound: false })
}
