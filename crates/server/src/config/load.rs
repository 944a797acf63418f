//! File, environment and defaults to one [`Config`]; every problem found is reported, not just the first.

use std::fmt;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::check::check;
use super::keys::{KEYS, Key, Kind, find, nearest};
use super::{Config, Secret, Serve};

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File and line, or the variable, or the key; empty when it is about several.
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

const PREFIX: &str = "ADIT__";

impl Default for Config {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the defaults are constants; a test loads them")]
        Self::load(None, []).expect("the defaults are valid")
    }
}

impl Config {
    /// Reads `file` (if any), then lets `ADIT__SECTION__KEY` variables override it.
    ///
    /// # Errors
    /// All problems found: an unreadable file, unknown keys, values of the wrong kind, and combinations
    /// that [`Config::problems`] refuses.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Problem>> {
        let mut loader = Loader { merged: defaults(), problems: Vec::new() };
        if let Some(path) = file {
            loader.file(path);
        }
        for (name, value) in env {
            if let Some(rest) = name.strip_prefix(PREFIX) {
                loader.variable(&name, rest, value);
            }
        }
        if !loader.problems.is_empty() {
            return Err(loader.problems);
        }
        let config: Self = Value::Table(loader.merged).try_into().map_err(|e: toml::de::Error| {
            vec![Problem { place: String::new(), text: e.message().to_owned() }]
        })?;
        let problems = config.problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// The secret of the any-account switch, from its file or the environment.
    ///
    /// # Errors
    /// The file cannot be read, or holds nothing.
    pub fn any_account_secret(&self) -> Result<Option<Secret>, Problem> {
        if !self.test.any_account_secret.is_empty() {
            return Ok(Some(self.test.any_account_secret.clone()));
        }
        let Some(path) = &self.test.any_account_secret_file else { return Ok(None) };
        let place = || format!("test.any-account-secret-file ({})", path.display());
        let text =
            std::fs::read_to_string(path).map_err(|e| Problem { place: place(), text: e.to_string() })?;
        match text.trim() {
            "" => Err(Problem { place: place(), text: "the file is empty; it must hold the secret".into() }),
            secret => Ok(Some(Secret::new(secret.to_owned()))),
        }
    }
}

/// All defaults as one table.
fn defaults() -> Table {
    let mut table = Table::new();
    for key in KEYS.iter().filter(|k| !k.default.is_empty() && !in_listen(k.name)) {
        let value = match key.kind {
            Kind::Listeners => Ok(Value::Array(Vec::new())),
            _ => parse_value(key.default),
        };
        if let Ok(value) = value {
            put(&mut table, key.name, value);
        }
    }
    if let Some(Ok(Value::Array(entries))) = find("listen").map(|k| parse_value(k.default)) {
        let entries = entries.into_iter().map(|e| with_listen_defaults(e, &mut Vec::new(), "")).collect();
        put(&mut table, "listen", Value::Array(entries));
    }
    table
}

fn in_listen(name: &str) -> bool {
    name.starts_with("listen.")
}

fn parse_value(text: &str) -> Result<Value, toml::de::Error> {
    let mut table: Table = toml::from_str(&format!("value = {text}"))?;
    Ok(table.remove("value").unwrap_or(Value::Boolean(false)))
}

fn put(table: &mut Table, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            table.insert(name.to_owned(), value);
        }
        Some((head, rest)) => {
            if let Value::Table(inner) =
                table.entry(head.to_owned()).or_insert_with(|| Value::Table(Table::new()))
            {
                put(inner, rest, value);
            }
        }
    }
}

struct Loader {
    merged: Table,
    problems: Vec<Problem>,
}

impl Loader {
    fn refuse(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.problems.push(Problem { place: place.into(), text: text.into() });
    }

    fn file(&mut self, path: &Path) {
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) => return self.refuse(shown, format!("cannot read the configuration file: {e}")),
        };
        let line = |at: usize| text.get(..at).map_or(1, |head| head.matches('\n').count() + 1);
        match DeTable::parse(&text) {
            Ok(table) => self.table("", table.get_ref(), &|at| format!("{shown}:{}", line(at))),
            Err(e) => {
                let at = e.span().map_or(0, |s| s.start);
                self.refuse(format!("{shown}:{}", line(at)), e.message().trim().to_owned());
            }
        }
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>, place: &dyn Fn(usize) -> String) {
        for (name, value) in table {
            let here = place(name.span().start);
            let full = if prefix.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{prefix}.{}", name.get_ref())
            };
            let section = KEYS.iter().any(|k| k.name.strip_prefix(&full).is_some_and(|r| r.starts_with('.')));
            match (find(&full), value.get_ref()) {
                (Some(key), _) if in_listen(key.name) => self.refuse(here, unknown(&full)),
                (Some(key), DeValue::String(_)) if key.kind == Kind::Secret => self.refuse(
                    here,
                    format!(
                        "{full} is a secret and is not taken from this file; use {full}-file or {}",
                        variable_of(&full)
                    ),
                ),
                (Some(key), value) => self.value(key, plain(value), &here),
                (None, DeValue::Table(inner)) if section => self.table(&full, inner, place),
                (None, _) if section => self.refuse(here, format!("{full} is a section: write [{full}]")),
                (None, _) => self.refuse(here, unknown(&full)),
            }
        }
    }

    fn variable(&mut self, name: &str, rest: &str, text: String) {
        let wanted = rest.replace("__", ".").replace('_', "-").to_ascii_lowercase();
        match find(&wanted) {
            Some(key) if in_listen(key.name) => self.refuse(
                name,
                "entries of the listen list have no variables of their own; set ADIT__LISTEN to a TOML list such as [{ address = \"0.0.0.0:443\" }]",
            ),
            Some(key) => match from_text(key.kind, text) {
                Ok(value) => self.value(key, value, name),
                Err(why) => self.refuse(name, why),
            },
            None => {
                let near = nearest(&wanted).map(|n| format!("; did you mean {}?", variable_of(n))).unwrap_or_default();
                self.refuse(name, format!("no configuration key {wanted}{near}"));
            }
        }
    }

    fn value(&mut self, key: &Key, value: Value, place: &str) {
        let value = match (key.kind, value) {
            (Kind::Listeners, Value::Array(entries)) => Value::Array(
                entries.into_iter().map(|e| with_listen_defaults(e, &mut self.problems, place)).collect(),
            ),
            (_, value) => value,
        };
        match check(key.kind, &value) {
            Ok(()) => put(&mut self.merged, key.name, value),
            Err(why) => self.refuse(place, format!("{} {why}", key.name)),
        }
    }
}

fn unknown(name: &str) -> String {
    let near = nearest(name).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
    format!("unknown key {name}{near}")
}

/// The environment variable of a key.
pub fn variable_of(name: &str) -> String {
    format!("{PREFIX}{}", name.replace('.', "__").replace('-', "_").to_ascii_uppercase())
}

/// Fills in one `[[listen]]` entry and reports what is wrong in it.
fn with_listen_defaults(entry: Value, problems: &mut Vec<Problem>, place: &str) -> Value {
    let Value::Table(mut entry) = entry else { return entry };
    for (name, value) in &entry {
        let full = format!("listen.{name}");
        let wrong = match find(&full) {
            None => Some(unknown(&full)),
            Some(key) => check(key.kind, value).err().map(|why| format!("{full} {why}")),
        };
        problems.extend(wrong.map(|text| Problem { place: place.to_owned(), text }));
    }
    if !entry.contains_key("address") {
        let text = "a [[listen]] needs an address, such as address = \"0.0.0.0:443\"".to_owned();
        problems.push(Problem { place: place.to_owned(), text });
    }
    for key in KEYS.iter().filter(|k| in_listen(k.name) && !k.default.is_empty()) {
        let name = key.name.trim_start_matches("listen.");
        if !entry.contains_key(name)
            && let Ok(mut value) = parse_value(key.default)
        {
            if let ("serve", Value::Array(words)) = (name, &mut value)
                && entry.get("tls") == Some(&Value::Boolean(false))
            {
                // Without TLS there is no client certificate, and without that no MQTT.
                words.retain(|word| word.as_str() != Some(Serve::Mqtt.as_str()));
            }
            entry.insert(name.to_owned(), value);
        }
    }
    Value::Table(entry)
}

/// The text of a variable as a value of that kind.
fn from_text(kind: Kind, text: String) -> Result<Value, String> {
    match kind {
        Kind::Bool => text.parse().map(Value::Boolean).map_err(|_| "must be true or false".to_owned()),
        Kind::Number(low, high) => text
            .parse()
            .map(Value::Integer)
            .map_err(|_| format!("must be a whole number from {low} to {high}")),
        Kind::Texts | Kind::Words(_) | Kind::Routes if !text.trim_start().starts_with('[') => {
            let items = text.split(',').map(str::trim).filter(|t| !t.is_empty());
            Ok(Value::Array(items.map(|t| Value::String(t.to_owned())).collect()))
        }
        Kind::Texts | Kind::Words(_) | Kind::Routes | Kind::Listeners => {
            parse_value(&text).map_err(|e| format!("must be a TOML list: {}", e.message().trim()))
        }
        _ => Ok(Value::String(text)),
    }
}

/// A parsed value without its places in the file.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(s) => Value::String(s.to_string()),
        DeValue::Integer(i) => {
            i64::from_str_radix(i.as_str(), i.radix()).map_or(Value::Boolean(false), Value::Integer)
        }
        DeValue::Float(f) => f.as_str().parse().map_or(Value::Boolean(false), Value::Float),
        DeValue::Boolean(b) => Value::Boolean(*b),
        DeValue::Datetime(d) => Value::Datetime(*d),
        DeValue::Array(items) => Value::Array(items.iter().map(|v| plain(v.get_ref())).collect()),
        DeValue::Table(t) => {
            Value::Table(t.iter().map(|(k, v)| (k.get_ref().to_string(), plain(v.get_ref()))).collect())
        }
    }
}
