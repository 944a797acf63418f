//! File, environment and defaults to one [`Config`]; every problem found is reported, not just the first.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, Key, Kind, find, nearest};
use super::{Config, OFF, PORT, Place, Provisioning, Services, parse_target};
use crate::log::Level;
use crate::{input, webproxy};

/// Bytes of a configuration file at most.
const FILE: u64 = 1024 * 1024;

const PREFIX: &str = "ADIT_AGENT__";

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File and line, or the variable; empty when it is about several keys.
    pub place: String,
    /// What is wrong and what is allowed.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            f.write_str(&self.text)
        } else {
            write!(f, "{}: {}", self.place, self.text)
        }
    }
}

impl Config {
    /// Reads `file` (if any), then lets `ADIT_AGENT__SECTION__KEY` variables override it.
    ///
    /// # Errors
    /// All problems found: an unreadable file, unknown keys, values of the wrong kind, and combinations that make no
    /// sense.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, Vec<Problem>> {
        let mut loader = Loader::default();
        if let Some(path) = file {
            loader.file(path);
        }
        for (name, value) in env {
            if let Some(rest) = name.strip_prefix(PREFIX) {
                loader.variable(&name, rest, value);
            }
        }
        loader.finish()
    }

    /// Reads the text of a file that is called `agent.toml`, and no environment.
    ///
    /// # Errors
    /// See [`Config::load`].
    pub fn parse(text: &str) -> Result<Config, Vec<Problem>> {
        let mut loader = Loader::default();
        loader.toml("agent.toml", text);
        loader.finish()
    }
}

/// The environment variable of a key.
pub fn variable_of(name: &str) -> String {
    format!("{PREFIX}{}", name.replace('.', "__").replace('-', "_").to_ascii_uppercase())
}

/// A value of the right kind for its key.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Number(i64),
    Bool(bool),
    Wrong,
}

#[derive(Default)]
struct Loader {
    values: BTreeMap<&'static str, Value>,
    sections: BTreeMap<&'static str, BTreeMap<String, String>>,
    problems: Vec<Problem>,
}

impl Loader {
    fn refuse(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.problems.push(Problem { place: place.into(), text: text.into() });
    }

    fn file(&mut self, path: &Path) {
        let shown = path.display().to_string();
        let read = std::fs::metadata(path).and_then(|meta| {
            if meta.len() > FILE {
                return Err(std::io::Error::other(format!("it has more than {FILE} bytes")));
            }
            std::fs::read_to_string(path)
        });
        match read {
            Ok(text) => self.toml(&shown, &text),
            Err(error) => self.refuse(shown, format!("cannot read the configuration file: {error}")),
        }
    }

    fn toml(&mut self, file: &str, text: &str) {
        let line = |at: usize| text.get(..at).map_or(1, |head| head.matches('\n').count() + 1);
        match DeTable::parse(text) {
            Ok(table) => self.table("", table.get_ref(), &|at| format!("{file}:{}", line(at))),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                self.refuse(format!("{file}:{}", line(at)), error.message().trim().to_owned());
            }
        }
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>, place: &dyn Fn(usize) -> String) {
        for (name, value) in table {
            let here = place(name.span().start);
            let name = name.get_ref();
            let full = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            let is_section = KEYS
                .iter()
                .any(|key| key.name.strip_prefix(full.as_str()).is_some_and(|rest| rest.starts_with('.')));
            match (find(&full), value.get_ref()) {
                (Some(key), DeValue::Table(inner)) if key.kind.is_section() => {
                    self.section(key, inner, place);
                }
                (Some(key), _) if key.kind.is_section() => {
                    self.refuse(here, format!("{full} is a section: write [{full}]"));
                }
                (Some(key), value) => self.value(key, plain(value), &here),
                (None, DeValue::Table(inner)) if is_section => self.table(&full, inner, place),
                (None, _) if is_section => self.refuse(here, format!("{full} is a section: write [{full}]")),
                (None, _) => {
                    let near = nearest(&full).map(|near| format!("; did you mean {near}?"));
                    self.refuse(here, format!("unknown key {full}{}", near.unwrap_or_default()));
                }
            }
        }
    }

    fn section(&mut self, key: &'static Key, table: &DeTable<'_>, place: &dyn Fn(usize) -> String) {
        for (name, value) in table {
            let here = place(name.span().start);
            self.entry(key, name.get_ref(), plain(value.get_ref()), &here);
        }
    }

    fn entry(&mut self, key: &'static Key, name: &str, value: Value, place: &str) {
        match check_entry(key.kind, name, value) {
            Ok(text) => {
                self.sections.entry(key.name).or_default().insert(name.to_owned(), text);
            }
            Err(why) => self.refuse(place, format!("{}.{name} {why}", key.name)),
        }
    }

    fn variable(&mut self, variable: &str, rest: &str, text: String) {
        let of_section = KEYS.iter().filter(|key| key.kind.is_section()).find_map(|key| {
            let prefix = format!("{}__", variable_of(key.name).strip_prefix(PREFIX)?);
            Some((key, rest.strip_prefix(&prefix)?))
        });
        if let Some((key, name)) = of_section {
            return self.entry(key, name, Value::Text(text), variable);
        }
        let wanted = rest.replace("__", ".").replace('_', "-").to_ascii_lowercase();
        match find(&wanted) {
            Some(key) if key.kind.is_section() => {
                self.refuse(variable, format!("name one entry, such as {}__NAME", variable_of(key.name)));
            }
            Some(key) => {
                let value = match key.kind {
                    Kind::Bool => text.parse().map_or(Value::Wrong, Value::Bool),
                    Kind::Number(..) => text.parse().map_or(Value::Wrong, Value::Number),
                    _ => Value::Text(text),
                };
                self.value(key, value, variable);
            }
            None => {
                let near = nearest(&wanted).map(|near| format!("; did you mean {}?", variable_of(near)));
                self.refuse(variable, format!("no configuration key {wanted}{}", near.unwrap_or_default()));
            }
        }
    }

    fn value(&mut self, key: &'static Key, value: Value, place: &str) {
        if fits(key.kind, &value) {
            self.values.insert(key.name, value);
        } else {
            self.refuse(place, format!("{} must be {}", key.name, allowed(key.kind)));
        }
    }

    fn finish(mut self) -> Result<Config, Vec<Problem>> {
        if self.problems.is_empty() {
            self.across();
        }
        let endpoint = self.given("endpoint").and_then(|text| Place::parse(&text, PORT));
        match endpoint {
            Some(endpoint) if self.problems.is_empty() => Ok(self.config(endpoint)),
            _ => Err(self.problems),
        }
    }

    /// Questions across keys.
    fn across(&mut self) {
        if self.given("endpoint").is_none() {
            self.refuse("", "endpoint is not set: give the host that devices connect to, such as endpoint = \"iot.example.com\"");
        }
        for (one, other) in [
            ("certificate-file", "private-key-file"),
            ("provisioning.claim-certificate-file", "provisioning.claim-private-key-file"),
        ] {
            if self.given(one).is_some() != self.given(other).is_some() {
                self.refuse("", format!("{one} and {other} belong together: set both or neither"));
            }
        }
        if self.given("provisioning.template").is_some()
            && self.given("provisioning.claim-certificate-file").is_none()
        {
            self.refuse("", "provisioning.template needs provisioning.claim-certificate-file and provisioning.claim-private-key-file");
        }
    }

    fn config(&self, endpoint: Place) -> Config {
        let path = |name| self.given(name).map(PathBuf::from);
        let section = |name| self.sections.get(name).cloned().unwrap_or_default();
        let number = match self.value_of("max-tunnels") {
            Value::Number(number) => usize::try_from(number).unwrap_or(1),
            _ => 1,
        };
        let is_on = |name| self.value_of(name) == Value::Bool(true);
        Config {
            endpoint,
            tunnel_endpoint: self.given("tunnel-endpoint"),
            ca_file: path("ca-file"),
            certificate_file: path("certificate-file"),
            private_key_file: path("private-key-file"),
            thing_name: self.given("thing-name"),
            client_id: self.given("client-id"),
            state_dir: path("state-dir").unwrap_or_default(),
            http_proxy: self.given("http-proxy").and_then(|url| webproxy::parse(&url).ok()),
            max_tunnels: number,
            report: is_on("report"),
            log_level: self.given("log-level").and_then(|word| Level::of(&word)).unwrap_or(Level::Info),
            services: Services::of(is_on("built-in-services"), &section("services")),
            provisioning: Provisioning {
                template: self.given("provisioning.template"),
                claim_certificate_file: path("provisioning.claim-certificate-file"),
                claim_private_key_file: path("provisioning.claim-private-key-file"),
                parameters: section("provisioning.parameters"),
            },
        }
    }

    /// What was given for a key, or its default.
    fn value_of(&self, name: &str) -> Value {
        let default = || find(name).map_or(Value::Wrong, |key| default_of(key.default));
        self.values.get(name).cloned().unwrap_or_else(default)
    }

    /// The text of a key, unless it is empty.
    fn given(&self, name: &str) -> Option<String> {
        match self.value_of(name) {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

impl Kind {
    /// Whether a key of this kind is a section of entries with free names.
    pub fn is_section(self) -> bool {
        matches!(self, Kind::Services | Kind::Texts)
    }
}

/// A default as the table writes it.
fn default_of(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match text.parse() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::Text(text.trim_matches('"').to_owned()),
        },
    }
}

fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Wrong, Value::Number)
        }
        DeValue::Boolean(yes) => Value::Bool(*yes),
        _ => Value::Wrong,
    }
}

fn fits(kind: Kind, value: &Value) -> bool {
    let text = match value {
        Value::Text(text) => text,
        Value::Number(number) => {
            return matches!(kind, Kind::Number(low, high) if (low..=high).contains(number));
        }
        Value::Bool(_) => return kind == Kind::Bool,
        Value::Wrong => return false,
    };
    match kind {
        Kind::Place => text.is_empty() || Place::parse(text, PORT).is_some(),
        Kind::PlaceOfRegion => {
            text.is_empty() || Place::parse(&text.replace("{region}", "eu-west-1"), PORT).is_some()
        }
        Kind::Path => !text.contains('\0'),
        Kind::Folder => input::path(text).is_ok(),
        Kind::Name => text.is_empty() || is_name(text),
        Kind::Text => text.len() <= 128 && !text.contains('\0'),
        Kind::Proxy => text.is_empty() || webproxy::parse(text).is_ok(),
        Kind::Word(words) => words.contains(&text.as_str()),
        Kind::Bool | Kind::Number(..) | Kind::Services | Kind::Texts => false,
    }
}

/// A thing's name. spec: control-plane, names
fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-".contains(&byte))
}

fn check_entry(kind: Kind, name: &str, value: Value) -> Result<String, String> {
    let Value::Text(text) = value else { return Err("must be a text in quotes".to_owned()) };
    if kind != Kind::Services {
        return Ok(text);
    }
    if name.is_empty() || input::service_id(name).is_err() {
        return Err("is no service id: 1 to 128 letters, digits, hyphens and underscores".to_owned());
    }
    if text != OFF && parse_target(&text).is_none() {
        return Err("must be host:port, a port, unix:/path or \"off\", such as \"127.0.0.1:22\"".to_owned());
    }
    Ok(text)
}

/// What a value may be, in words that follow "must be".
pub fn allowed(kind: Kind) -> String {
    match kind {
        Kind::Place => "a host name or address, perhaps with a port, such as \"iot.example.com:443\"".into(),
        Kind::PlaceOfRegion => {
            "a host name or address, perhaps with a port and {region}, such as \"iot.example.com:443\"".into()
        }
        Kind::Path => "a path".into(),
        Kind::Folder => "a path that is not empty".into(),
        Kind::Name => "1 to 128 letters, digits and :_-".into(),
        Kind::Text => "a text of at most 128 bytes".into(),
        Kind::Proxy => "a URL such as \"http://proxy.example.com:3128\"".into(),
        Kind::Bool => "true or false".into(),
        Kind::Number(low, high) => format!("a whole number from {low} to {high}"),
        Kind::Word(words) => {
            let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            format!("one of {}", quoted.join(", "))
        }
        Kind::Services => "a section of service ids and addresses".into(),
        Kind::Texts => "a section of names and texts".into(),
    }
}
