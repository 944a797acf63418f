//! Which server, region and key: options, environment, AWS's files, and the data folder of a server on this machine.
//!
//! In the order of AWS's programs: an option counts more than the environment, and the environment more than a file.

use super::ApiArgs;
use super::credentials::Secret;
use crate::data_dir::{self, Key, Nearby, nearby};
use crate::exit::{Failure, Result};
use crate::http::Target;
use adit_aws::Service;
use adit_aws::profile::{FILE_BYTES, Kind, Sections, command_words};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The data folder that is looked for when nothing of AWS is set.
const DATA: &str = "./data";
/// Profiles that may stand behind one another by `source_profile`.
const CHAIN: usize = 5;

/// Reads a variable of the environment that is not empty.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// URLs for single services.
type Endpoints = Vec<(Service, String)>;

/// What was found.
#[derive(Debug)]
pub struct Settings {
    pub region: String,
    /// The URL for all services, if it is not AWS's.
    endpoint: Option<String>,
    endpoints: Endpoints,
    /// CAs to believe instead of the system's.
    pub ca: Option<PathBuf>,
    /// The server on this machine that is meant, if one is.
    pub nearby: Option<Nearby>,
    pub(super) secret: Secret,
    origin: String,
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.endpoint(Service::Iot);
        write!(f, "Using {url}, region {}, {} ({})", self.region, self.secret, self.origin)
    }
}

impl Settings {
    pub fn find(args: &ApiArgs, variable: Variable<'_>) -> Result<Settings> {
        let finder = Finder { args, variable, files: Files::read(variable)? };
        finder.find()
    }

    /// A server on this machine, with its root key.
    pub fn nearby(server: &Nearby) -> Result<Settings> {
        if server.endpoint.is_empty() {
            return Err(Failure::failed("no listener of that server serves the API")
                .next("add \"api\" to `serve` of a listener in its configuration, and restart it"));
        }
        Ok(Settings {
            region: server.region.clone(),
            endpoint: Some(server.endpoint.clone()),
            endpoints: Vec::new(),
            ca: server.ca.clone(),
            nearby: Some(server.clone()),
            secret: Secret::File(server.credentials.clone()),
            origin: "the server of a data folder".to_owned(),
        })
    }

    /// The URL of a service.
    pub fn endpoint(&self, service: Service) -> String {
        let own = self.endpoints.iter().find(|(of, _)| *of == service).map(|(_, url)| url);
        own.or(self.endpoint.as_ref()).cloned().unwrap_or_else(|| service.endpoint(&self.region))
    }

    /// `host:port` where both sides of tunnels connect: that of the API where it is not AWS's, for adit serves both.
    pub fn tunnel_endpoint(&self) -> Result<String> {
        if let Some(nearby) = &self.nearby {
            let tunnel = nearby.tunnel.clone();
            return tunnel.ok_or_else(|| Failure::failed("no listener of that server serves tunnels"));
        }
        if self.is_aws(Service::Tunneling) {
            let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            return Ok(format!("data.tunneling.iot.{}.{domain}:443", self.region));
        }
        let target = Target::parse(&self.endpoint(Service::Tunneling))?;
        let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host };
        Ok(format!("{host}:{}", target.port))
    }

    /// Whether calls of a service go to AWS itself.
    pub fn is_aws(&self, service: Service) -> bool {
        self.endpoint.is_none() && self.endpoints.iter().all(|(of, _)| *of != service)
    }

    /// The region that calls of a service are signed for.
    pub fn signing_region(&self, service: Service) -> &str {
        if self.is_aws(service) { service.signing_region(&self.region) } else { &self.region }
    }
}

/// AWS's two files.
#[derive(Default)]
struct Files {
    config: Sections,
    credentials: Sections,
}

impl Files {
    fn read(variable: Variable<'_>) -> Result<Files> {
        let path = |name: &str, usual: &str| {
            let home = || variable("HOME").map(|home| Path::new(&home).join(usual));
            variable(name).map(|path| expanded(&path, variable)).or_else(home)
        };
        Ok(Files {
            config: sections(path("AWS_CONFIG_FILE", ".aws/config"))?,
            credentials: sections(path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"))?,
        })
    }

    /// The entries of a profile from both files; those of the credentials file count more.
    fn profile(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let found =
            [self.config.profile(Kind::Config, name), self.credentials.profile(Kind::Credentials, name)];
        let entries: Vec<_> = found.into_iter().flatten().collect();
        let all = || entries.iter().flat_map(|entries| entries.iter());
        (!entries.is_empty()).then(|| all().map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn names(&self) -> String {
        let mut names: Vec<&str> = self.config.profiles(Kind::Config).collect();
        names.extend(self.credentials.profiles(Kind::Credentials));
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            "there are none".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        }
    }
}

/// A tilde in front is the home folder.
fn expanded(path: &str, variable: Variable<'_>) -> PathBuf {
    match path.strip_prefix("~/").zip(variable("HOME")) {
        Some((rest, home)) => Path::new(&home).join(rest),
        None => PathBuf::from(path),
    }
}

/// The sections of a file; none if it is not there.
fn sections(path: Option<PathBuf>) -> Result<Sections> {
    let Some(path) = path else { return Ok(Sections::default()) };
    let broken = |why: &dyn fmt::Display| Failure::usage(format!("{}: {why}", path.display()));
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Sections::default());
        }
        Err(error) => return Err(broken(&error)),
    };
    let mut text = String::new();
    let limit = u64::try_from(FILE_BYTES).unwrap_or(u64::MAX);
    file.take(limit + 1).read_to_string(&mut text).map_err(|error| broken(&error))?;
    if text.len() > FILE_BYTES {
        return Err(broken(&format_args!("longer than {FILE_BYTES} bytes")));
    }
    Sections::parse(&text).map_err(|why| broken(&why))
}

struct Finder<'a> {
    args: &'a ApiArgs,
    variable: Variable<'a>,
    files: Files,
}

impl Finder<'_> {
    fn find(&self) -> Result<Settings> {
        let named = self.args.profile.clone().or_else(|| self.either(["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]));
        let name = named.clone().unwrap_or_else(|| "default".to_owned());
        let profile = self.files.profile(&name);
        if let (Some(name), None) = (&named, &profile) {
            return Err(Failure::usage(format!("no profile is called {name}; {}", self.files.names()))
                .next("write it with `aws configure --profile NAME`, or choose another with --profile"));
        }
        let profile = profile.unwrap_or_default();
        if let Some(folder) = self.folder(&profile) {
            return self.on_this_machine(&folder, &name, &profile);
        }
        let region = self.region(&profile).ok_or_else(|| {
            Failure::usage("no region is set")
                .next("name one with --region or AWS_REGION, or `region` in the profile")
        })?;
        let (endpoint, endpoints) = self.endpoints(&profile)?;
        Ok(Settings {
            region,
            endpoint,
            endpoints,
            ca: self.ca(&profile),
            nearby: None,
            secret: self.secret(&name, &profile)?,
            origin: if profile.is_empty() {
                "environment and options".to_owned()
            } else {
                format!("profile {name}")
            },
        })
    }

    fn either(&self, names: [&str; 2]) -> Option<String> {
        names.into_iter().find_map(self.variable)
    }

    fn region(&self, profile: &BTreeMap<String, String>) -> Option<String> {
        let set = || self.either(["AWS_REGION", "AWS_DEFAULT_REGION"]);
        self.args.region.clone().or_else(set).or_else(|| profile.get("region").cloned())
    }

    fn ca(&self, profile: &BTreeMap<String, String>) -> Option<PathBuf> {
        let set = || (self.variable)("AWS_CA_BUNDLE").or_else(|| profile.get("ca_bundle").cloned());
        self.args.ca_bundle.clone().or_else(|| set().map(|path| expanded(&path, self.variable)))
    }

    /// The data folder that is meant: by the option, by ADIT_DATA_DIR, or because nothing of AWS is set.
    fn folder(&self, profile: &BTreeMap<String, String>) -> Option<PathBuf> {
        let ApiArgs { data_dir, endpoint_url, profile: named, .. } = self.args;
        if data_dir.is_some() {
            return data_dir.clone();
        }
        if endpoint_url.is_some() || named.is_some() {
            return None;
        }
        if let Some(folder) = (self.variable)("ADIT_DATA_DIR") {
            return Some(folder.into());
        }
        let keys = [
            "aws_access_key_id",
            "role_arn",
            "credential_process",
            "endpoint_url",
            "sso_session",
            "sso_start_url",
        ];
        let in_files = keys.iter().any(|key| profile.contains_key(*key));
        let names = [
            "AWS_PROFILE",
            "AWS_DEFAULT_PROFILE",
            "AWS_ACCESS_KEY_ID",
            "AWS_ENDPOINT_URL",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
        ];
        let own = Service::ALL.map(variable_of);
        let in_environment = names
            .into_iter()
            .chain(own.iter().map(String::as_str))
            .any(|name| (self.variable)(name).is_some());
        let folder = Path::new(DATA);
        (!in_files && !in_environment && folder.join(data_dir::FILE).is_file()).then(|| folder.to_owned())
    }

    /// The server of a data folder: with its root key, or with that of a profile that is named.
    fn on_this_machine(
        &self,
        folder: &Path,
        name: &str,
        profile: &BTreeMap<String, String>,
    ) -> Result<Settings> {
        let mut settings = Settings::nearby(&nearby(folder)?)?;
        settings.origin = format!("the server of {}", folder.display());
        if let Some(region) = &self.args.region {
            settings.region.clone_from(region);
        }
        if let Some(ca) = &self.args.ca_bundle {
            settings.ca = Some(ca.clone());
        }
        if self.args.profile.is_some() {
            settings.secret = self.secret(name, profile)?;
        }
        Ok(settings)
    }

    fn endpoints(&self, profile: &BTreeMap<String, String>) -> Result<(Option<String>, Endpoints)> {
        if let Some(url) = &self.args.endpoint_url {
            return Ok((Some(url.clone()), Vec::new()));
        }
        let flag = (self.variable)("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        let flag = flag.or_else(|| profile.get("ignore_configured_endpoint_urls").cloned());
        if flag.is_some_and(|flag| flag.eq_ignore_ascii_case("true")) {
            return Ok((None, Vec::new()));
        }
        let services = match profile.get("services") {
            None => None,
            Some(name) => Some(self.files.config.services(name).ok_or_else(|| {
                Failure::usage(format!(
                    "the profile names the services section {name}, which is not in the file"
                ))
                .next(format!("add [services {name}] to ~/.aws/config"))
            })?),
        };
        let everywhere = (self.variable)("AWS_ENDPOINT_URL");
        let own = |service: Service| {
            let key = format!("{}.endpoint_url", service.configuration_name());
            // The environment's URL for all services counts more than any in a file.
            let in_file =
                || services.filter(|_| everywhere.is_none()).and_then(|section| section.get(&key).cloned());
            Some((service, (self.variable)(&variable_of(service)).or_else(in_file)?))
        };
        let endpoints = Service::ALL.into_iter().filter_map(own).collect();
        Ok((everywhere.clone().or_else(|| profile.get("endpoint_url").cloned()), endpoints))
    }

    fn secret(&self, name: &str, profile: &BTreeMap<String, String>) -> Result<Secret> {
        if self.args.profile.is_none()
            && let Some(key) = self.in_environment()?
        {
            return Ok(Secret::Key(key));
        }
        self.of_profile(name, profile, CHAIN)
    }

    fn in_environment(&self) -> Result<Option<Key>> {
        let Some(id) = (self.variable)("AWS_ACCESS_KEY_ID") else { return Ok(None) };
        let secret = (self.variable)("AWS_SECRET_ACCESS_KEY").ok_or_else(|| {
            Failure::usage("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not")
                .next("set both, or none and a profile")
        })?;
        let session_token = self.either(["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"]);
        Ok(Some(Key { id, secret, session_token, expires: None }))
    }

    /// The key of a profile, in the order in which AWS's programs look.
    fn of_profile(&self, name: &str, profile: &BTreeMap<String, String>, left: usize) -> Result<Secret> {
        let has = |key: &str| profile.contains_key(key);
        if has("role_arn") && !has("web_identity_token_file") {
            return self.role(name, profile, left);
        }
        if has("web_identity_token_file") || (self.variable)("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() {
            return Err(unsupported("web identity (web_identity_token_file)"));
        }
        if let Some(key) = static_key(name, profile)? {
            return Ok(Secret::Key(key));
        }
        if has("sso_session") || has("sso_start_url") {
            return Err(unsupported("IAM Identity Center (sso_session, sso_start_url)"));
        }
        if let Some(command) = profile.get("credential_process") {
            let words = command_words(command);
            let words =
                words.map_err(|why| Failure::usage(format!("profile {name}: credential_process: {why}")))?;
            return Ok(Secret::Process(words));
        }
        if self
            .either(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"])
            .is_some()
        {
            return Err(unsupported("container credentials (AWS_CONTAINER_CREDENTIALS_…)"));
        }
        Ok(Secret::None(Box::new(|| {
            Failure::usage("no access key was found in the environment or in AWS's files").next(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a profile with --profile, or name the data folder of \
                 a server on this machine with --data-dir; keys of an EC2 instance are not looked for: \
                 eval \"$(aws configure export-credentials --format env)\"",
            )
        })))
    }

    fn role(&self, name: &str, profile: &BTreeMap<String, String>, left: usize) -> Result<Secret> {
        let wrong = |why: &str| Failure::usage(format!("profile {name}: {why}"));
        if profile.contains_key("mfa_serial") {
            return Err(unsupported("a role with a second factor (mfa_serial)"));
        }
        let left =
            left.checked_sub(1).ok_or_else(|| wrong("its source_profile leads through too many profiles"))?;
        let source = match (profile.get("source_profile"), profile.get("credential_source")) {
            (Some(source), None) if source == name => {
                let key = static_key(name, profile)?;
                Secret::Key(key.ok_or_else(|| wrong("it is its own source_profile and holds no access key"))?)
            }
            (Some(source), None) => {
                let entries = self.files.profile(source);
                let entries =
                    entries.ok_or_else(|| wrong(&format!("its source_profile {source} does not exist")))?;
                self.of_profile(source, &entries, left)?
            }
            (None, Some(source)) if source == "Environment" => {
                let key = self.in_environment()?;
                Secret::Key(key.ok_or_else(|| {
                    wrong("credential_source is Environment and AWS_ACCESS_KEY_ID is not set")
                })?)
            }
            (None, Some(source)) => return Err(unsupported(&format!("credential_source = {source}"))),
            _ => return Err(wrong("role_arn needs one of source_profile and credential_source")),
        };
        let seconds = profile.get("duration_seconds").map(|seconds| seconds.parse::<i64>());
        let seconds = seconds.transpose().map_err(|_| wrong("duration_seconds is no number"))?;
        let session = profile.get("role_session_name").cloned();
        let input = super::members([
            ("RoleArn", profile.get("role_arn").map_or(Value::Null, |arn| json!(arn))),
            ("RoleSessionName", json!(session.unwrap_or_else(|| format!("adit-{}", super::now())))),
            ("ExternalId", json!(profile.get("external_id"))),
            ("DurationSeconds", json!(seconds)),
        ]);
        Ok(Secret::Role { input, source: Box::new(source) })
    }
}

fn static_key(name: &str, profile: &BTreeMap<String, String>) -> Result<Option<Key>> {
    let Some(id) = profile.get("aws_access_key_id") else { return Ok(None) };
    let secret = profile.get("aws_secret_access_key").ok_or_else(|| {
        Failure::usage(format!("profile {name}: it has an aws_access_key_id and no aws_secret_access_key"))
    })?;
    let session_token = profile.get("aws_session_token").cloned();
    Ok(Some(Key { id: id.clone(), secret: secret.clone(), session_token, expires: None }))
}

fn variable_of(service: Service) -> String {
    format!("AWS_ENDPOINT_URL_{}", service.configuration_name().to_ascii_uppercase())
}

fn unsupported(what: &str) -> Failure {
    Failure::usage(format!("{what} is not supported"))
        .next("let AWS's program get the key: eval \"$(aws configure export-credentials --format env)\"")
}

#[cfg(test)]
mod tests;
