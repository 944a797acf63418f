//! From the options to one checked configuration: precedence, exclusions, defaults, and their messages.
//! (spec: secure-tunneling §5.1–5.4)

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adit_tunnel::endpoint::Wanted;
use adit_tunnel::{Side, Version};
use rustls::ClientConfig;

use crate::input::{self, Rejected};
use crate::log::Log;
use crate::mapping::{self, BadMapping, Mapping, Target};
use crate::options::{self, UsageError, Values};
use crate::settings::{self, Settings};
use crate::webproxy::{self, WebProxy};

/// The port of tunnels.
const PORT: u16 = 443;

/// Reads one variable of the environment.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Everything the proxy runs by.
#[derive(Clone)]
pub struct Config {
    /// Which end this is.
    pub side: Side,
    /// The shape of messages, V3 unless `-y` says otherwise.
    pub shape: Version,
    /// Host of the server, lower-case, IPv6 without brackets.
    pub host: String,
    /// Port of the server.
    pub port: u16,
    /// The client access token. Never logged.
    pub access_token: String,
    /// The client token; made up when the user gave none. Never logged.
    pub client_token: String,
    /// Address to listen on or to connect from, when given.
    pub bind: Option<String>,
    /// Which servers are believed.
    pub trust: Trust,
    /// The mapping of the command line.
    pub mapping: Option<Mapping>,
    /// The mappings of files; empty without files.
    pub files: BTreeMap<String, String>,
    /// A web proxy on the way to the server.
    pub web_proxy: Option<WebProxy>,
    /// Fine-grained settings.
    pub settings: Settings,
}

/// Which servers are believed.
#[derive(Clone)]
pub enum Trust {
    /// The system's certificates and those at `capath`; everyone unless `verify`.
    System {
        /// More trusted certificates.
        capath: Option<PathBuf>,
        /// Whether certificates are checked.
        verify: bool,
    },
    /// What the caller makes: once, and again after a handshake that failed.
    Made(Maker),
}

/// Makes the client side of TLS, or says why it cannot.
pub type Maker = Arc<dyn Fn() -> Result<Arc<ClientConfig>, String> + Send + Sync>;

/// Why the program does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// A command line that contradicts itself or lacks something.
    Usage(UsageError),
    /// A value that is refused.
    Rejected(Rejected),
    /// A file or value that cannot be used.
    Fatal(String),
}

impl From<UsageError> for Stop {
    fn from(error: UsageError) -> Stop {
        Stop::Usage(error)
    }
}

impl From<Rejected> for Stop {
    fn from(rejected: Rejected) -> Stop {
        Stop::Rejected(rejected)
    }
}

impl From<BadMapping> for Stop {
    fn from(bad: BadMapping) -> Stop {
        match bad {
            BadMapping::Rejected(rejected) => Stop::Rejected(rejected),
            BadMapping::Format(text) => Stop::Fatal(text),
        }
    }
}

fn usage<T>(text: &str) -> Result<T, Stop> {
    Err(Stop::Usage(UsageError(text.to_owned())))
}

impl Config {
    /// One end of a tunnel with default settings and no services; a client token is made up.
    ///
    /// # Errors
    /// An endpoint that is not `host`, `host:port` or an IPv6 address; no random numbers.
    pub fn new(side: Side, endpoint: &str, access_token: String, trust: Trust) -> Result<Config, String> {
        let (host, port) = split_endpoint(&endpoint.to_ascii_lowercase(), PORT)
            .ok_or_else(|| format!("not a host, or host and port: {endpoint}"))?;
        Ok(Config {
            side,
            shape: Version::V3,
            host,
            port,
            access_token,
            client_token: automatic_client_token()?,
            bind: None,
            trust,
            mapping: None,
            files: BTreeMap::new(),
            web_proxy: None,
            settings: Settings::default(),
        })
    }

    /// What the user mapped, as the protocol machine wants to know it.
    pub fn wanted(&self) -> Wanted {
        match &self.mapping {
            Some(mapping) if mapping.is_unnamed() => Wanted::Unnamed,
            Some(mapping) => Wanted::Named(mapping.entries.iter().map(|(id, _)| id.clone()).collect()),
            None if self.files.is_empty() => Wanted::Nothing,
            None => Wanted::FromFiles(self.files.keys().cloned().collect()),
        }
    }
}

/// Merges the command line with file and environment and checks everything.
///
/// # Errors
/// The first thing that is wrong, in the order AWS's program looks.
pub fn build(mut values: Values, lookup: Lookup<'_>, log: Log) -> Result<Config, Stop> {
    let is_token_typed = values.get("access-token").is_some();
    if let Some(path) = values.get("config") {
        input::path(path)?;
        let text = fs::read_to_string(path)
            .map_err(|_| UsageError(format!("can not read options configuration file '{path}'")))?;
        values.fill_from(options::parse_config(&text)?);
    }
    values.fill_from(options::from_environment(lookup));
    let settings = read_settings(&values, lookup, log)?;
    let Some(access_token) = values.get("access-token").map(str::to_owned) else {
        return usage("the option '--access-token' is required but missing");
    };
    if values.get("region").is_some() == values.get("proxy-endpoint").is_some() {
        return usage("Must specify one and only one of --region/-r or --proxy-endpoint/-e options");
    }
    if is_token_typed {
        log.warning(
            "Found access token supplied via CLI arg. \
             Consider using environment variable AWSIOT_TUNNEL_ACCESS_TOKEN instead",
        );
    }
    input::access_token(&access_token)?;
    let client_token = values.get("client-token").unwrap_or_default();
    input::client_token(client_token)?;
    let client_token = match client_token {
        "" => automatic_client_token().map_err(Stop::Fatal)?,
        given => given.to_owned(),
    };
    let (host, port) = read_endpoint(&values, &settings)?;
    let web_proxy = read_web_proxy(lookup, log)?;
    let side = read_side(&values)?;
    let shape = read_shape(&values, log);
    check_modes(&values, side)?;
    let mapping = read_mapping(&values, side, log)?;
    let files = read_files(&values, log)?;
    let bind = values.get("local-bind-address").filter(|bind| !bind.is_empty());
    bind.map_or(Ok(()), input::bind_address)?;
    let capath = values.get("capath");
    capath.map_or(Ok(()), input::path)?;
    if side == Side::Source && files.is_empty() && mapping.is_none() {
        log.debug(
            "Local proxy does not detect any port mapping configuration. \
             Will pick up random ports to run in source mode.",
        );
    }
    let verify = !values.is_set("no-ssl-host-verify");
    if !verify {
        warn_unverified(log);
    }
    Ok(Config {
        side,
        shape,
        host,
        port,
        access_token,
        client_token,
        bind: bind.map(str::to_owned),
        trust: Trust::System { capath: capath.map(PathBuf::from), verify },
        mapping,
        files,
        web_proxy,
        settings,
    })
}

fn read_settings(values: &Values, lookup: Lookup<'_>, log: Log) -> Result<Settings, Stop> {
    let from_environment = lookup("ADIT_LOCALPROXY_SETTINGS").filter(|path| !path.is_empty());
    let Some(path) = values.get("settings-json").map(str::to_owned).or(from_environment) else {
        return Ok(Settings::default());
    };
    input::path(&path)?;
    log.info(format_args!("Using settings specified in file: {path}"));
    let text = fs::read_to_string(&path)
        .map_err(|error| Stop::Fatal(format!("Could not read the settings file {path}: {error}")))?;
    settings::parse(&text).map_err(|error| Stop::Fatal(format!("Wrong settings file {path}: {error}")))
}

/// `adit-auto-` and 128 random bits: a dropped link reconnects with it, and the server can tell it from a
/// client token the user chose.
fn automatic_client_token() -> Result<String, String> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|error| format!("No random numbers: {error}"))?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("adit-auto-{digits}"))
}

fn read_endpoint(values: &Values, settings: &Settings) -> Result<(String, u16), Stop> {
    let endpoint = match (values.get("region"), values.get("proxy-endpoint")) {
        (Some(region), _) => {
            input::region(region)?;
            settings.endpoint_of(region).map_err(Stop::Fatal)?
        }
        (None, endpoint) => {
            let endpoint = endpoint.unwrap_or_default();
            input::endpoint(endpoint)?;
            endpoint.to_owned()
        }
    };
    split_endpoint(&endpoint.to_ascii_lowercase(), PORT)
        .ok_or_else(|| Stop::Fatal(format!("Invalid endpoint specified: {}", endpoint.to_ascii_lowercase())))
}

/// `host`, `host:port`, `[ipv6]`, `[ipv6]:port` or a bare IPv6 address.
pub(crate) fn split_endpoint(endpoint: &str, default_port: u16) -> Option<(String, u16)> {
    if endpoint.parse::<Ipv6Addr>().is_ok() {
        return Some((endpoint.to_owned(), default_port));
    }
    if let Some(rest) = endpoint.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        let port = if rest.is_empty() { default_port } else { rest.strip_prefix(':')?.parse().ok()? };
        return Some((host.to_owned(), port));
    }
    let (host, port) = match endpoint.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (endpoint, default_port),
    };
    (!host.is_empty() && !host.contains(['[', ']'])).then(|| (host.to_owned(), port))
}

fn read_web_proxy(lookup: Lookup<'_>, log: Log) -> Result<Option<WebProxy>, Stop> {
    let found = ["https_proxy", "HTTPS_PROXY"]
        .into_iter()
        .find_map(|name| lookup(name).map(|value| (name, value)))
        .filter(|(_, value)| !value.is_empty());
    let Some((name, url)) = found else { return Ok(None) };
    let proxy = webproxy::parse(&url).map_err(|why| {
        log.fatal(format_args!("Failed to parse the value of environment variable {name}"));
        Stop::Fatal(why.to_owned())
    })?;
    if proxy.credentials.is_some() {
        log.debug("Parsed basic auth credentials for the URL");
    }
    if !proxy.has_port {
        log.warning(format_args!(
            "No port was was provided for the web proxy, using default: {}",
            proxy.port
        ));
    }
    log.info(
        "Found Web proxy information in the environment variables, will use it to connect via the proxy.",
    );
    Ok(Some(proxy))
}

fn read_side(values: &Values) -> Result<Side, Stop> {
    match values.get("mode") {
        Some("src" | "source") => Ok(Side::Source),
        Some("dst" | "destination") => Ok(Side::Destination),
        Some(_) => usage("Mode value is wrong! Allowed values are: src, dst, source, destination"),
        None if values.get("destination-app").is_some() => Ok(Side::Destination),
        None => Ok(Side::Source),
    }
}

fn read_shape(values: &Values, log: Log) -> Version {
    match values.get("destination-client-type") {
        Some("V1") => {
            log.info("setting source protocol to V1");
            Version::V1
        }
        Some("V2") => {
            log.info("setting source protocol to V2");
            Version::V2
        }
        Some(_) => {
            log.warning("unknown value for destination-client-type, assuming default protocol V3.");
            Version::V3
        }
        None => Version::V3,
    }
}

fn check_modes(values: &Values, side: Side) -> Result<(), Stop> {
    let source = values.get("source-listen-port").is_some();
    let destination = values.get("destination-app").is_some();
    let mode = values.get("mode").is_some();
    match (source, destination) {
        (true, true) => {
            usage("Must specify one and only one of --source-listen-port/-s or --destination-app/-d")
        }
        (false, false) if !mode => {
            usage("Must specify one of --source-listen-port/-s or --destination-app/-d or --mode")
        }
        (true, false) if side == Side::Destination => {
            usage("-s and --mode have mismatched mode. Mode is set to destination!")
        }
        (false, true) if side == Side::Source => {
            usage("-s and --mode have mismatched mode. Mode is set to source!")
        }
        _ => Ok(()),
    }
}

fn read_mapping(values: &Values, side: Side, log: Log) -> Result<Option<Mapping>, Stop> {
    let text = values.get("source-listen-port").or_else(|| values.get("destination-app"));
    let Some(text) = text else { return Ok(None) };
    let mapping = mapping::parse(text)?;
    for id in &mapping.ignored {
        log.warning(format_args!("Duplicate mappings, ignore. This mapping already exists: {id}"));
    }
    let unix = mapping.entries.iter().find(|(_, target)| matches!(target, Target::Unix(_)));
    if let (Side::Source, Some((_, target))) = (side, unix) {
        return Err(Stop::Fatal(format!("A source listens on a port, not on {target}")));
    }
    if !mapping.is_unnamed() {
        log.debug(format_args!("Detect port mapping configuration provided through CLI in {side} mode:"));
        for (id, target) in &mapping.entries {
            log.debug(format_args!("{id} = {target}"));
        }
    }
    Ok(Some(mapping))
}

fn read_files(values: &Values, log: Log) -> Result<BTreeMap<String, String>, Stop> {
    let paths = match values.get("config-dir") {
        Some(dir) => {
            input::path(dir)?;
            files_below(Path::new(dir))
                .filter(|files| !files.is_empty())
                .ok_or_else(|| Stop::Fatal(format!("Invalid configuration directory: {dir}")))?
        }
        None => ["config", "Config"]
            .into_iter()
            .filter_map(|dir| files_below(Path::new(dir)))
            .find(|files| !files.is_empty())
            .unwrap_or_default(),
    };
    let mut files = Vec::new();
    for path in paths {
        log.info(format_args!("Detect configuration files: {}", path.display()));
        match fs::read_to_string(&path)
            .map_err(|error| error.to_string())
            .and_then(|text| mapping::parse_file(&text).map_err(|line| format!("not a mapping: {line}")))
        {
            Ok(entries) => files.push(entries),
            Err(why) => log.warning(format_args!(
                "Fail to parse {} .Please make sure your file is in .ini format: {why}",
                path.display()
            )),
        }
    }
    Ok(mapping::merge(files))
}

/// All regular files below a directory in the order of their names; `None` when it is no directory.
fn files_below(dir: &Path) -> Option<Vec<PathBuf>> {
    const DEPTH: usize = 16;
    let mut files = Vec::new();
    let mut open = vec![(dir.to_owned(), 0)];
    fs::read_dir(dir).ok()?;
    while let Some((dir, depth)) = open.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_file() {
                files.push(path);
            } else if path.is_dir() && !path.is_symlink() && depth < DEPTH {
                open.push((path, depth + 1));
            }
        }
    }
    files.sort();
    Some(files)
}

fn warn_unverified(log: Log) {
    let bar = "*".repeat(70);
    log.warning(&bar);
    log.warning("* SECURITY WARNING: SSL host verification is DISABLED (-k flag)     *");
    log.warning("* Anybody between here and the server can read and change all data. *");
    log.warning("* Use this for tests only; -c FILE trusts a certificate of your own. *");
    log.warning(&bar);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "-t token -r eu-west-1";

    fn try_with(line: &str, env: &[(&str, &str)]) -> Result<Config, Stop> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let lookup =
            |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        build(options::parse(&args)?, &lookup, Log::new(0))
    }

    fn usage_of(line: &str) -> String {
        match try_with(line, &[]) {
            Err(Stop::Usage(error)) => error.0,
            other => panic!("{:?}", other.err()),
        }
    }

    fn fatal_of(line: &str) -> String {
        match try_with(line, &[]) {
            Err(Stop::Fatal(text)) => text,
            other => panic!("{:?}", other.err()),
        }
    }

    #[test]
    fn usage_errors_have_the_known_words() {
        assert_eq!(usage_of("-r x -s 1"), "the option '--access-token' is required but missing");
        let one_place = "Must specify one and only one of --region/-r or --proxy-endpoint/-e options";
        assert_eq!(usage_of("-t token -s 1"), one_place);
        assert_eq!(usage_of("-t token -s 1 -r x -e y"), one_place);
        assert_eq!(
            usage_of(&format!("{TOKEN} -s 1 -d 2")),
            "Must specify one and only one of --source-listen-port/-s or --destination-app/-d"
        );
        assert_eq!(
            usage_of(TOKEN),
            "Must specify one of --source-listen-port/-s or --destination-app/-d or --mode"
        );
        assert_eq!(
            usage_of(&format!("{TOKEN} -m both")),
            "Mode value is wrong! Allowed values are: src, dst, source, destination"
        );
        assert_eq!(
            usage_of(&format!("{TOKEN} -s 1 -m dst")),
            "-s and --mode have mismatched mode. Mode is set to destination!"
        );
        assert_eq!(
            usage_of(&format!("{TOKEN} -d 1 -m src")),
            "-s and --mode have mismatched mode. Mode is set to source!"
        );
    }

    #[test]
    fn exclusion_is_checked_after_the_environment() {
        let env = [("AWSIOT_TUNNEL_ENDPOINT", "localhost")];
        assert!(matches!(try_with("-t token -r x -s 1", &env), Err(Stop::Usage(_))));
        let env = [("AWSIOT_TUNNEL_ACCESS_TOKEN", "token"), ("AWSIOT_TUNNEL_REGION", "home-1")];
        let config = try_with("-s 1", &env).unwrap();
        assert_eq!(config.host, "data.tunneling.iot.home-1.amazonaws.com");
        assert_eq!(config.port, 443);
    }

    #[test]
    fn endpoints_may_be_ipv6() {
        let place = |endpoint: &str| {
            let config = try_with(&format!("-t token -s 1 -e {endpoint}"), &[]).unwrap();
            (config.host, config.port)
        };
        assert_eq!(place("LocalHost:8443"), ("localhost".into(), 8443));
        assert_eq!(place("[::1]:8443"), ("::1".into(), 8443));
        assert_eq!(place("[::1]"), ("::1".into(), 443));
        assert_eq!(place("::1"), ("::1".into(), 443));
        for wrong in ["host:", "host:70000", "host:1:2", "[::1]x", "[host]:1", ":1"] {
            assert_eq!(
                fatal_of(&format!("-t token -s 1 -e {wrong}")),
                format!("Invalid endpoint specified: {wrong}")
            );
        }
    }

    #[test]
    fn a_source_needs_ports() {
        assert_eq!(
            fatal_of(&format!("{TOKEN} -s SSH=/run/ssh.sock")),
            "A source listens on a port, not on /run/ssh.sock"
        );
    }

    #[test]
    fn a_client_token_is_made_up_only_when_absent() {
        let config = try_with(&format!("{TOKEN} -s 1"), &[]).unwrap();
        let digits = config.client_token.strip_prefix("adit-auto-").unwrap();
        assert!(digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()));
        let chosen = "c".repeat(32);
        assert_eq!(try_with(&format!("{TOKEN} -s 1 -i {chosen}"), &[]).unwrap().client_token, chosen);
    }

    #[test]
    fn settings_may_come_from_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        fs::write(
            &path,
            r#"{"tunneling":{"proxy":{"region_endpoint_overrides":{"home-1":"localhost:8443"}}}}"#,
        )
        .unwrap();
        let env = [("ADIT_LOCALPROXY_SETTINGS", path.to_str().unwrap())];
        let config = try_with("-t token -r home-1 -s 1", &env).unwrap();
        assert_eq!((config.host.as_str(), config.port), ("localhost", 8443));
        let other = [("ADIT_LOCALPROXY_SETTINGS", "/nowhere")];
        let line = format!("-t token -r home-1 -s 1 --settings-json {}", path.display());
        assert_eq!(try_with(&line, &other).unwrap().port, 8443);
    }

    #[test]
    fn mapping_files_are_read_from_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            fatal_of(&format!("{TOKEN} -m dst --config-dir {}", dir.path().display())),
            format!("Invalid configuration directory: {}", dir.path().display())
        );
        fs::create_dir(dir.path().join("more")).unwrap();
        fs::write(dir.path().join("a.ini"), "SSH=22\n").unwrap();
        fs::write(dir.path().join("bad.ini"), "nonsense\n").unwrap();
        fs::write(dir.path().join("more/b.ini"), "SSH=23\nWEB=80\n").unwrap();
        let line = format!("{TOKEN} -m dst --config-dir {}", dir.path().display());
        let config = try_with(&line, &[]).unwrap();
        assert_eq!(config.wanted(), Wanted::FromFiles(vec!["SSH".into(), "WEB".into()]));
        assert_eq!(config.files.get("SSH").map(String::as_str), Some("22"));
    }

    #[test]
    fn the_lower_case_proxy_variable_wins() {
        let env = [("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:2")];
        let proxy = try_with(&format!("{TOKEN} -s 1"), &env).unwrap().web_proxy.unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("lower", 2));
        let env = [("HTTPS_PROXY", "gopher://x")];
        assert_eq!(
            try_with(&format!("{TOKEN} -s 1"), &env).err(),
            Some(Stop::Fatal("Unsupported protocol".into()))
        );
    }
}
