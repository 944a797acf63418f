//! The agent's configuration: one TOML file and the environment, every key optional but `endpoint`.
//!
//! Each key is written down once, in [`keys::KEYS`]: its kind, default and meaning. Loading, the commented default
//! file and `docs/agent-config.md` are all made from that list.

mod keys;
mod load;
mod print;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

pub use keys::{KEYS, Key, Kind};
pub use load::Problem;
pub use print::{default_toml, reference};

use crate::log::Level;
use crate::mapping::{self, Target};
use crate::mqtt::dial::{ALPN_PORT, PORT};
use crate::webproxy::WebProxy;

/// Where the file is looked for without `--config`.
pub const FILE: &str = "/etc/adit/agent.toml";

/// The port of tunnels beside an endpoint that is not AWS's and not on port 443: `adit serve`'s own default.
const TUNNEL_PORT: u16 = 8443;

/// The services every device has, unless they are switched off. (spec: secure-tunneling §6.5)
pub const BUILT_IN: &[(&str, &str)] = &[
    ("FTP", "127.0.0.1:21"),
    ("HTTP", "127.0.0.1:80"),
    ("HTTPS", "127.0.0.1:443"),
    ("SSH", "127.0.0.1:22"),
    ("VNC", "127.0.0.1:5900"),
];

/// The word that switches a service off.
const OFF: &str = "off";

/// Everything the agent runs by. A value that exists is valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The device gateway.
    pub endpoint: Place,
    /// Where tunnels are, as `host[:port]`, perhaps with `{region}` in it; `None` follows from `endpoint`.
    pub tunnel_endpoint: Option<String>,
    /// Certificates that are trusted; `None` for the system's.
    pub ca_file: Option<PathBuf>,
    /// The device's certificate; `None` for the one in `state_dir`.
    pub certificate_file: Option<PathBuf>,
    /// Its key; `None` with `certificate_file`.
    pub private_key_file: Option<PathBuf>,
    /// Name of the thing; `None` for the one the certificate names.
    pub thing_name: Option<String>,
    /// MQTT client id; `None` for the thing's name.
    pub client_id: Option<String>,
    /// Folder of what must survive a restart.
    pub state_dir: PathBuf,
    /// A web proxy on the way to the server.
    pub http_proxy: Option<WebProxy>,
    /// Tunnels at once.
    pub max_tunnels: usize,
    /// Whether the agent reports itself in the thing's shadow.
    pub report: bool,
    /// The least important lines that are logged.
    pub log_level: Level,
    /// What can be reached through a tunnel.
    pub services: Services,
    /// How a device without a certificate of its own gets one.
    pub provisioning: Provisioning,
}

/// `[provisioning]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provisioning {
    /// Name of the fleet provisioning template; `None`: the device has its certificate already.
    pub template: Option<String>,
    /// The claim certificate.
    pub claim_certificate_file: Option<PathBuf>,
    /// Its key.
    pub claim_private_key_file: Option<PathBuf>,
    /// Parameters of the template, and where each value comes from.
    pub parameters: BTreeMap<String, String>,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Lower-case; an IPv6 address without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::mqtt::dial::place(&self.host, self.port))
    }
}

impl Place {
    /// Reads `host`, `host:port`, `[ipv6]:port` or an IPv6 address.
    pub fn parse(text: &str, port: u16) -> Option<Place> {
        crate::input::endpoint(text).ok()?;
        let (host, port) = crate::config::split_endpoint(&text.to_ascii_lowercase(), port)?;
        (port > 0).then_some(Place { host, port })
    }
}

/// What can be reached through a tunnel: service ids and where they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Services(BTreeMap<String, Target>);

impl Services {
    /// Where a service is; `None` when it is not offered.
    pub fn target(&self, id: &str) -> Option<&Target> {
        self.0.get(id)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Target)> {
        self.0.iter().map(|(id, target)| (id.as_str(), target))
    }

    /// Their names, for a sentence.
    pub fn names(&self) -> String {
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The built-in services, if wanted, with those that are given laid over them.
    fn of(has_built_in: bool, given: &BTreeMap<String, String>) -> Services {
        let built_in = BUILT_IN.iter().filter(|_| has_built_in).copied();
        let given = given.iter().map(|(id, text)| (id.as_str(), text.as_str()));
        let mut services = BTreeMap::new();
        for (id, text) in built_in.chain(given) {
            match parse_target(text) {
                Some(target) => services.insert(id.to_owned(), target),
                None => services.remove(id),
            };
        }
        Services(services)
    }
}

/// `host:port`, `port`, `unix:/path` or `/path`; `None` for `off` and for what is none of these.
fn parse_target(text: &str) -> Option<Target> {
    mapping::parse_target(text.strip_prefix("unix:").unwrap_or(text)).ok()
}

impl Config {
    /// Where the tunnels of a region are, as `host` or `host:port`.
    ///
    /// A notification names a region only. AWS has one host for the tunnels of each; our server takes them on the host
    /// that devices connect to anyway.
    pub fn tunnels_of(&self, region: &str) -> String {
        if let Some(endpoint) = &self.tunnel_endpoint {
            return endpoint.replace("{region}", region);
        }
        let host = &self.endpoint.host;
        for domain in ["amazonaws.com", "amazonaws.com.cn"] {
            let is_aws =
                host.strip_suffix(domain).is_some_and(|rest| rest.contains(".iot.") && rest.ends_with('.'));
            if is_aws {
                return format!("data.tunneling.iot.{region}.{domain}");
            }
        }
        let port = if self.endpoint.port == ALPN_PORT { ALPN_PORT } else { TUNNEL_PORT };
        crate::mqtt::dial::place(host, port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(lines: &str) -> Config {
        Config::parse(&format!("endpoint = \"iot.example\"\n{lines}")).unwrap()
    }

    fn problem(lines: &str) -> String {
        Config::parse(lines).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn defaults_are_those_of_the_table() {
        let config = with("");
        assert_eq!(config.endpoint, Place { host: "iot.example".into(), port: PORT });
        assert_eq!(config.services.names(), "FTP, HTTP, HTTPS, SSH, VNC");
        assert_eq!((config.max_tunnels, config.report, config.log_level), (10, true, Level::Info));
        assert_eq!(config.state_dir, PathBuf::from("/var/lib/adit-agent"));
        assert_eq!((&config.ca_file, &config.thing_name, &config.http_proxy), (&None, &None, &None));
    }

    #[test]
    fn every_key_takes_effect() {
        let config = with(
            "tunnel-endpoint = \"t.example:1\"\nca-file = \"/ca\"\ncertificate-file = \"/c\"\n\
             private-key-file = \"/k\"\nthing-name = \"lamp\"\nclient-id = \"lamp-1\"\nstate-dir = \"/s\"\n\
             http-proxy = \"http://u:p@proxy:8080\"\nmax-tunnels = 3\nreport = false\nlog-level = \"debug\"\n\
             built-in-services = false\n[services]\nWEB = \"10.0.0.1:8080\"\nDB = \"unix:/run/db.sock\"\n\
             [provisioning]\ntemplate = \"fleet\"\nclaim-certificate-file = \"/cc\"\n\
             claim-private-key-file = \"/ck\"\n[provisioning.parameters]\nSerialNumber = \"file:/etc/machine-id\"\n",
        );
        assert_eq!(config.tunnel_endpoint.as_deref(), Some("t.example:1"));
        assert_eq!(config.ca_file, Some("/ca".into()));
        assert_eq!(config.certificate_file, Some("/c".into()));
        assert_eq!(config.private_key_file, Some("/k".into()));
        assert_eq!(
            (config.thing_name.as_deref(), config.client_id.as_deref()),
            (Some("lamp"), Some("lamp-1"))
        );
        assert_eq!(config.state_dir, PathBuf::from("/s"));
        let proxy = config.http_proxy.unwrap();
        assert_eq!(
            (proxy.host.as_str(), proxy.port, proxy.credentials.as_deref()),
            ("proxy", 8080, Some("u:p"))
        );
        assert_eq!((config.max_tunnels, config.report, config.log_level), (3, false, Level::Debug));
        assert_eq!(config.services.names(), "DB, WEB");
        assert_eq!(config.services.target("DB"), Some(&Target::Unix("/run/db.sock".into())));
        let Provisioning { template, claim_certificate_file, claim_private_key_file, parameters } =
            config.provisioning;
        assert_eq!(template.as_deref(), Some("fleet"));
        assert_eq!(
            (claim_certificate_file, claim_private_key_file),
            (Some("/cc".into()), Some("/ck".into()))
        );
        assert_eq!(parameters.get("SerialNumber").map(String::as_str), Some("file:/etc/machine-id"));
    }

    #[test]
    fn services_lie_over_the_built_in_ones_and_can_be_off() {
        let config = with("[services]\nSSH = \"192.168.1.2:2222\"\nVNC = \"off\"\nHTTP = \"8080\"");
        assert_eq!(config.services.names(), "FTP, HTTP, HTTPS, SSH");
        assert_eq!(config.services.target("SSH"), Some(&Target::Tcp("192.168.1.2".into(), 2222)));
        assert_eq!(config.services.target("HTTP").unwrap().dialed(), "127.0.0.1:8080");
    }

    #[test]
    fn tunnels_are_where_the_endpoint_is() {
        let tunnels = |lines: &str| Config::parse(lines).unwrap().tunnels_of("eu-west-1");
        assert_eq!(tunnels("endpoint = \"iot.example\""), "iot.example:8443");
        assert_eq!(tunnels("endpoint = \"iot.example:443\""), "iot.example:443");
        assert_eq!(tunnels("endpoint = \"[::1]:443\""), "[::1]:443");
        let aws = "data.tunneling.iot.eu-west-1.amazonaws.com";
        assert_eq!(tunnels("endpoint = \"a1b2-ats.iot.us-east-1.amazonaws.com\""), aws);
        let china = format!("{aws}.cn");
        assert_eq!(tunnels("endpoint = \"a1b2.iot.cn-north-1.amazonaws.com.cn\""), china);
        assert_eq!(tunnels("endpoint = \"x.iot.evilamazonaws.com\""), "x.iot.evilamazonaws.com:8443");
        let lines = "endpoint = \"a\"\ntunnel-endpoint = \"t.{region}.example:1\"";
        assert_eq!(tunnels(lines), "t.eu-west-1.example:1");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert_eq!(
            problem(""),
            "endpoint is not set: give the host that devices connect to, such as endpoint = \"iot.example.com\""
        );
        assert_eq!(
            problem("endpoint = \"a\"\nendpiont = \"b\""),
            "agent.toml:2: unknown key endpiont; did you mean endpoint?"
        );
        assert_eq!(
            problem("[service]\nSSH = \"22\"\n"),
            "agent.toml:1: unknown key service; did you mean services?"
        );
        let wrong = |lines: &str| problem(&format!("endpoint = \"a\"\n{lines}"));
        assert_eq!(
            wrong("max-tunnels = 0"),
            "agent.toml:2: max-tunnels must be a whole number from 1 to 100"
        );
        assert_eq!(
            wrong("max-tunnels = \"3\""),
            "agent.toml:2: max-tunnels must be a whole number from 1 to 100"
        );
        assert_eq!(wrong("report = 1"), "agent.toml:2: report must be true or false");
        assert!(wrong("[services]\nSSH = \"nowhere\"").starts_with("agent.toml:3: services.SSH must be"));
        assert!(wrong("[services]\n\"a b\" = \"22\"").contains("1 to 128 letters, digits, hyphens"));
        assert!(wrong("services = 3").contains("services is a section: write [services]"));
        assert!(
            wrong("log-level = \"loud\"").contains("\"error\", \"warning\", \"info\", \"debug\", \"trace\"")
        );
        assert!(wrong("http-proxy = \"socks5://x\"").contains("http-proxy must be"));
        assert!(wrong("thing-name = \"a b\"").contains("thing-name must be"));
        assert!(wrong("x =").starts_with("agent.toml:2: "));
        assert_eq!(
            wrong("certificate-file = \"/c\""),
            "certificate-file and private-key-file belong together: set both or neither"
        );
        assert_eq!(
            wrong("[provisioning]\ntemplate = \"t\""),
            "provisioning.template needs provisioning.claim-certificate-file and provisioning.claim-private-key-file"
        );
        assert_eq!(wrong("report = 1\nmax-tunnels = 0").lines().count(), 2, "all problems are named");
    }

    #[test]
    fn the_environment_wins() {
        let load = |pairs: &[(&str, &str)]| {
            let vars = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Config::load(None, vars)
        };
        let config = load(&[
            ("ADIT_AGENT__ENDPOINT", "b.example"),
            ("ADIT_AGENT__MAX_TUNNELS", "2"),
            ("ADIT_AGENT__REPORT", "false"),
            ("ADIT_AGENT__SERVICES__SSH", "2222"),
            ("ADIT_AGENT__PROVISIONING__TEMPLATE", ""),
            ("ADIT__REGION", "not ours"),
        ])
        .unwrap();
        assert_eq!(
            (config.endpoint.host.as_str(), config.max_tunnels, config.report),
            ("b.example", 2, false)
        );
        assert_eq!(config.services.target("SSH").unwrap().dialed(), "127.0.0.1:2222");
        let wrong = load(&[("ADIT_AGENT__ENDPOINT", "a"), ("ADIT_AGENT__STATEDIR", "/x")]).unwrap_err();
        assert_eq!(
            wrong.first().map(ToString::to_string).as_deref(),
            Some("ADIT_AGENT__STATEDIR: no configuration key statedir; did you mean ADIT_AGENT__STATE_DIR?")
        );
    }

    /// Another value than the default: as TOML and as a variable; and what must be given with it.
    fn other_value(key: &Key) -> (String, String, &'static [(&'static str, &'static str)]) {
        const CERTIFICATE: &[(&str, &str)] = &[("certificate-file", "/c"), ("private-key-file", "/k")];
        const CLAIM: &[(&str, &str)] = &[
            ("provisioning.template", "t"),
            ("provisioning.claim-certificate-file", "/c"),
            ("provisioning.claim-private-key-file", "/k"),
        ];
        let with: &[(&str, &str)] = match key.name {
            "certificate-file" | "private-key-file" => CERTIFICATE,
            name if CLAIM.iter().any(|(claim, _)| *claim == name) => CLAIM,
            _ => &[],
        };
        let text = match key.kind {
            Kind::Bool => (key.default != "true").to_string(),
            Kind::Number(..) => "7".to_owned(),
            Kind::Word(words) => words.iter().find(|word| !key.default.contains(*word)).unwrap().to_string(),
            Kind::Proxy => "http://proxy:3128".to_owned(),
            Kind::Path | Kind::Folder => "/other".to_owned(),
            Kind::Place | Kind::PlaceOfRegion | Kind::Name | Kind::Text => "other".to_owned(),
            Kind::Services | Kind::Texts => unreachable!("sections are tested by their entries"),
        };
        let toml = match key.kind {
            Kind::Bool | Kind::Number(..) => text.clone(),
            _ => format!("{text:?}"),
        };
        (toml, text, with)
    }

    #[test]
    fn every_key_takes_effect_from_the_file_and_from_the_environment() {
        let endpoint = (load::variable_of("endpoint"), "a".to_owned());
        let before = Config::load(None, [endpoint.clone()]).unwrap().to_string();
        for key in KEYS.iter().filter(|key| !matches!(key.kind, Kind::Services | Kind::Texts)) {
            let (toml, text, with) = other_value(key);
            let others = || with.iter().filter(|(name, _)| *name != key.name);
            let mut env = vec![endpoint.clone()];
            env.extend(others().map(|(name, value)| (load::variable_of(name), (*value).to_owned())));
            env.push((load::variable_of(key.name), text));
            let mut file =
                if key.name == "endpoint" { String::new() } else { "endpoint = \"a\"\n".to_owned() };
            others().for_each(|(name, value)| file.push_str(&format!("{name} = {value:?}\n")));
            file.push_str(&format!("{} = {toml}\n", key.name));
            let (from_env, from_file) = (Config::load(None, env), Config::parse(&file));
            let shown = from_env.unwrap_or_else(|p| panic!("{}: {p:?}", key.name)).to_string();
            assert_eq!(shown, from_file.unwrap_or_else(|p| panic!("{}: {p:?}", key.name)).to_string());
            // What is given with a key must not be taken for its effect.
            let of_key = |config: &str| {
                let last = key.name.rsplit('.').next().unwrap();
                let line = config.lines().find(|line| line.starts_with(last));
                if with.is_empty() { config.to_owned() } else { line.unwrap_or_default().to_owned() }
            };
            assert_ne!(of_key(&before), of_key(&shown), "{} had no effect", key.name);
        }
        let other =
            Config::load(None, [endpoint, (load::variable_of("provisioning.parameters.A"), "text:x".into())]);
        assert_eq!(other.unwrap().provisioning.parameters.get("A").map(String::as_str), Some("text:x"));
    }

    #[test]
    fn a_file_is_read_and_a_missing_one_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        std::fs::write(&path, default_toml()).unwrap();
        let env = [("ADIT_AGENT__ENDPOINT".to_owned(), "a".to_owned())];
        assert_eq!(Config::load(Some(&path), env.clone()).unwrap(), Config::load(None, env).unwrap());
        let missing = Config::load(Some(&dir.path().join("none")), []).unwrap_err();
        assert!(missing.first().unwrap().text.starts_with("cannot read the configuration file"));
    }

    #[test]
    fn what_is_in_force_can_be_read_again() {
        let config = with(
            "http-proxy = \"http://user:secret@proxy:1\"\n[services]\nVNC = \"off\"\nHTTP = \"8080\"\nDB = \"unix:/run/db.sock\"\n\
             [provisioning.parameters]\nA = \"text:x\"",
        );
        let shown = config.to_string();
        assert!(!shown.contains("secret") && shown.contains("http://***@proxy:1"), "{shown}");
        let again = Config::parse(&shown.replace("***", "user:secret")).unwrap();
        assert_eq!(again, config);
    }
}
