//! Which service is which local endpoint: the syntax of `-s`, `-d` and of mapping files.
//! (spec: secure-tunneling §5.2)

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::input::{self, Rejected};

/// Where a local connection comes from or goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A host and a port. A source listens on the port alone; 0 lets the system choose.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Target {
    /// As a destination names it in its log: a mapping of a port alone means this machine. (spec: secure-tunneling §5.2)
    pub fn dialed(&self) -> String {
        match self {
            Target::Tcp(host, port) if host.is_empty() => format!("127.0.0.1:{port}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp(host, port) if host.is_empty() => write!(f, "{port}"),
            Target::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Target::Tcp(host, port) => write!(f, "{host}:{port}"),
            Target::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Why a mapping is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadMapping {
    /// A part of it breaks a rule of its own.
    Rejected(Rejected),
    /// It is not written as a mapping.
    Format(String),
}

impl From<Rejected> for BadMapping {
    fn from(rejected: Rejected) -> BadMapping {
        BadMapping::Rejected(rejected)
    }
}

/// A mapping from the command line, in the order given; the unnamed one has an empty service id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Service ids and their endpoints.
    pub entries: Vec<(String, Target)>,
    /// Service ids that came again and were ignored.
    pub ignored: Vec<String>,
}

impl Mapping {
    /// Whether this is one endpoint without a service id.
    pub fn is_unnamed(&self) -> bool {
        matches!(self.entries.as_slice(), [(id, _)] if id.is_empty())
    }
}

/// Reads `SSH1=5555,HTTP1=127.0.0.1:80` or `5555`.
///
/// # Errors
/// Two unnamed endpoints, an empty side of `=`, or an id or endpoint that is refused.
pub fn parse(text: &str) -> Result<Mapping, BadMapping> {
    let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    let mut mapping = Mapping::default();
    for item in &items {
        let Some((id, endpoint)) = item.split_once('=') else {
            if items.len() > 1 {
                return Err(wrong_format());
            }
            mapping.entries.push((String::new(), parse_target(item)?));
            continue;
        };
        let (id, endpoint) = (id.trim(), endpoint.trim().trim_start_matches('='));
        if endpoint.contains('=') {
            return Err(wrong_format());
        }
        if id.is_empty() || endpoint.is_empty() {
            let text = format!("Wrong format for the port mappings: {item} .Example: SSH1=5555");
            return Err(BadMapping::Format(text));
        }
        input::service_id(id)?;
        let target = parse_target(endpoint)?;
        if mapping.entries.iter().any(|(known, _)| known == id) {
            mapping.ignored.push(id.to_owned());
        } else {
            mapping.entries.push((id.to_owned(), target));
        }
    }
    if mapping.entries.is_empty() { Err(wrong_format()) } else { Ok(mapping) }
}

fn wrong_format() -> BadMapping {
    BadMapping::Format("Wrong format for the port mappings! Example: SSH1=5555,SSH2=6666.".to_owned())
}

/// Reads `5555`, `host:22`, `[::1]:22` or `/run/app.sock`.
///
/// # Errors
/// A port that is missing or out of range, a host with other characters, an empty path.
pub fn parse_target(text: &str) -> Result<Target, BadMapping> {
    if text.contains('/') {
        input::path(text)?;
        return Ok(Target::Unix(PathBuf::from(text)));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Target::Tcp(String::new(), input::port(text)?));
    }
    input::bind_address(text)?;
    match text.rsplit_once(':') {
        Some((host, port)) => {
            let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            Ok(Target::Tcp(host.to_owned(), input::port(port)?))
        }
        None => Err(input::port(text).err().map_or_else(wrong_format, BadMapping::Rejected)),
    }
}

/// Reads one mapping file: lines `SSH1=3333`; `;` and `#` begin comments, a section begins with `[`.
///
/// # Errors
/// The text of the first line that is neither.
pub fn parse_file(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut entries = Vec::new();
    let mut in_section = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if line.starts_with('[') && line.ends_with(']') {
            in_section = true;
            continue;
        }
        let (id, endpoint) = line.split_once('=').ok_or_else(|| line.to_owned())?;
        if !in_section {
            entries.push((id.trim().to_owned(), endpoint.trim().to_owned()));
        }
    }
    Ok(entries)
}

/// The services of several files: the first file that defines one wins.
pub fn merge(files: impl IntoIterator<Item = Vec<(String, String)>>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (id, endpoint) in files.into_iter().flatten() {
        all.entry(id).or_insert(endpoint);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Target {
        Target::Tcp(host.to_owned(), port)
    }

    #[test]
    fn one_endpoint_without_a_name() {
        for (text, target) in [
            ("5555", tcp("", 5555)),
            ("localhost:22", tcp("localhost", 22)),
            ("[::1]:22", tcp("::1", 22)),
            ("::1:22", tcp("::1", 22)),
            ("/run/app.sock", Target::Unix("/run/app.sock".into())),
            ("./app.sock", Target::Unix("./app.sock".into())),
        ] {
            let mapping = parse(text).unwrap();
            assert!(mapping.is_unnamed());
            assert_eq!(mapping.entries[0].1, target);
        }
    }

    #[test]
    fn names_are_trimmed_and_the_first_of_two_wins() {
        let mapping = parse(" SSH1 = 5555 ,, HTTP1=127.0.0.1:80, SSH1=7777,").unwrap();
        assert_eq!(
            mapping.entries,
            [("SSH1".to_owned(), tcp("", 5555)), ("HTTP1".to_owned(), tcp("127.0.0.1", 80))]
        );
        assert_eq!(mapping.ignored, ["SSH1"]);
        assert!(!mapping.is_unnamed());
    }

    #[test]
    fn wrong_mappings_have_their_texts() {
        let format = |text: &str| match parse(text) {
            Err(BadMapping::Format(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(format("SSH= "), "Wrong format for the port mappings: SSH= .Example: SSH1=5555");
        for text in ["5555,6666", "SSH=1,2", "a=b=c", ""] {
            assert_eq!(format(text), "Wrong format for the port mappings! Example: SSH1=5555,SSH2=6666.");
        }
        let rejected = |text: &str| match parse(text) {
            Err(BadMapping::Rejected(rejected)) => rejected.message,
            other => panic!("{other:?}"),
        };
        assert_eq!(rejected("0"), "Port must be between 1 and 65535");
        assert_eq!(rejected("SSH=70000"), "Port must be between 1 and 65535");
        assert_eq!(rejected("localhost"), "Port must contain only digits");
        assert_eq!(
            rejected("a:b=1"),
            "Service ID must contain only alphanumeric characters, hyphens, and underscores"
        );
    }

    #[test]
    fn files_are_ini_and_the_first_one_wins() {
        let first = parse_file("; mine\nSSH1 = 3333\n[other]\nSSH9=1\n").unwrap();
        let second = parse_file("SSH1=4444\nHTTP1=localhost:80\n").unwrap();
        let all = merge([first, second]);
        assert_eq!(all.get("SSH1").map(String::as_str), Some("3333"));
        assert_eq!(all.get("HTTP1").map(String::as_str), Some("localhost:80"));
        assert_eq!(all.len(), 2);
        assert_eq!(parse_file("not a mapping").unwrap_err(), "not a mapping");
    }

    #[test]
    fn targets_print_as_they_are_written() {
        for text in ["5555", "localhost:22", "[::1]:22", "/run/app.sock"] {
            assert_eq!(parse_target(text).unwrap().to_string(), text);
        }
    }
}
