//! The command line, as AWS's local proxy reads it: option names, spellings and complaints.
//!
//! Pure: text in, values out. What the values mean is decided in `config.rs`. (spec: secure-tunneling §5.1, §5.3)

use std::collections::BTreeMap;
use std::fmt;

/// One option: its long name, its short letter, whether it takes a value, and its line in the help text.
struct Row {
    long: &'static str,
    short: Option<char>,
    takes_value: bool,
    help: &'static str,
}

const fn row(long: &'static str, short: char, help: &'static str) -> Row {
    Row { long, short: Some(short), takes_value: true, help }
}

const fn long(long: &'static str, help: &'static str) -> Row {
    Row { long, short: None, takes_value: true, help }
}

const fn flag(long: &'static str, short: char, help: &'static str) -> Row {
    Row { long, short: Some(short), takes_value: false, help }
}

const TABLE: &[Row] = &[
    flag("help", 'h', "Print this list and stop"),
    flag("version", 'V', "Print the version and stop"),
    row("access-token", 't', "Client access token (better: AWSIOT_TUNNEL_ACCESS_TOKEN)"),
    row("client-token", 'i', "Client token, 32 to 128 characters; made up when absent"),
    row("proxy-endpoint", 'e', "Server as host[:port], port 443 unless given; excludes --region"),
    row("region", 'r', "Region of the tunnel; excludes --proxy-endpoint"),
    row("source-listen-port", 's', "Source mode: ports to listen on. Example: SSH1=5555,HTTP1=8080 or 5555"),
    row(
        "destination-app",
        'd',
        "Destination mode: where to connect. Example: SSH1=127.0.0.1:22 or 22 or /run/app.sock",
    ),
    row("local-bind-address", 'b', "Address to listen on (source) or to connect from (destination)"),
    row("capath", 'c', "More trusted certificates: a PEM file, or a directory of PEM files"),
    flag("no-ssl-host-verify", 'k', "INSECURE, for tests only: check neither certificate nor host name"),
    long("export-default-settings", "Write the default settings to this file as JSON and stop"),
    long("settings-json", "Read fine-grained settings from this JSON file"),
    long("config", "Read options from this file of 'name = value' lines; the command line wins"),
    row("verbose", 'v', "0 off, 1 fatal, 2 error, 3 warning, 4 info (default), 5 debug, 6 and more trace"),
    row("mode", 'm', "src, source, dst or destination: lets the mappings come from files"),
    row("destination-client-type", 'y', "V1 or V2: the other end is an older client"),
    long("config-dir", "Directory of mapping files; ./config or ./Config unless given"),
];

/// A command line that cannot be understood; printed bare on standard error, followed by [`HINT`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The line under every usage error.
pub const HINT: &str = "Try 'localproxy --help' for a list of options.";

/// The options that were given, by long name. A flag holds `true`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<&'static str, String>);

impl Values {
    /// The value of an option, if it was given anywhere.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether a flag was given.
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// Adds the values of a source of lower precedence.
    pub fn fill_from(&mut self, lower: Values) {
        for (name, value) in lower.0 {
            self.0.entry(name).or_insert(value);
        }
    }

    fn put(&mut self, row: &'static Row, value: String) -> Result<(), UsageError> {
        if self.0.insert(row.long, value).is_some() {
            return Err(UsageError(format!("option '--{}' cannot be specified more than once", row.long)));
        }
        Ok(())
    }
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// An unknown or ambiguous option, a missing or superfluous value, a repeated option.
pub fn parse(args: &[String]) -> Result<Values, UsageError> {
    let mut values = Values::default();
    let mut rest = args.iter().peekable();
    while let Some(arg) = rest.next() {
        let mut next = || rest.next_if(|word| !is_an_option(word)).cloned();
        if let Some(body) = arg.strip_prefix("--").filter(|body| !body.is_empty()) {
            read_long(body, &mut next, &mut values)?;
        } else if let Some(body) = arg.strip_prefix('-').filter(|body| !body.is_empty() && *body != "-") {
            read_short(body, &mut next, &mut values)?;
        } else if arg == "--" {
            if rest.next().is_some() {
                return Err(stray());
            }
        } else {
            return Err(stray());
        }
    }
    check_verbose(&values)?;
    Ok(values)
}

fn stray() -> UsageError {
    UsageError("too many positional options have been specified on the command line".to_owned())
}

fn read_long(
    body: &str,
    next: &mut dyn FnMut() -> Option<String>,
    values: &mut Values,
) -> Result<(), UsageError> {
    let (name, attached) = match body.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (body, None),
    };
    let row = find_long(name)?;
    match (row.takes_value, attached) {
        (false, None) => values.put(row, "true".to_owned()),
        (false, Some(_)) => Err(UsageError(format!("option '--{}' does not take any arguments", row.long))),
        (true, Some("")) => Err(UsageError(format!(
            "the argument for option '--{}' should follow immediately after the equal sign",
            row.long
        ))),
        (true, Some(value)) => values.put(row, value.to_owned()),
        (true, None) => values.put(row, next().ok_or_else(|| missing(row))?),
    }
}

fn read_short(
    body: &str,
    next: &mut dyn FnMut() -> Option<String>,
    values: &mut Values,
) -> Result<(), UsageError> {
    let mut letters = body.chars();
    while let Some(letter) = letters.next() {
        let row = TABLE
            .iter()
            .find(|row| row.short == Some(letter))
            .ok_or_else(|| UsageError(format!("unrecognised option '-{letter}'")))?;
        if !row.takes_value {
            values.put(row, "true".to_owned())?;
            continue;
        }
        let attached = letters.as_str();
        let value = if attached.is_empty() { next() } else { Some(attached.to_owned()) };
        return values.put(row, value.ok_or_else(|| missing(row))?);
    }
    Ok(())
}

fn missing(row: &Row) -> UsageError {
    UsageError(format!("the required argument for option '--{}' is missing", row.long))
}

/// A word that is certainly an option and therefore not the value of the one before it. Tokens may begin with `-`.
fn is_an_option(word: &str) -> bool {
    if let Some(name) = word.strip_prefix("--") {
        return TABLE.iter().any(|row| row.long == name.split('=').next().unwrap_or(name));
    }
    let mut letters = word.chars();
    letters.next() == Some('-')
        && letters.next().is_some_and(|letter| TABLE.iter().any(|row| row.short == Some(letter)))
        && letters.next().is_none()
}

fn find_long(name: &str) -> Result<&'static Row, UsageError> {
    if let Some(row) = TABLE.iter().find(|row| row.long == name) {
        return Ok(row);
    }
    let mut matches = TABLE.iter().filter(|row| row.long.starts_with(name));
    match (matches.next(), matches.next()) {
        (Some(row), None) => Ok(row),
        (None, _) => Err(UsageError(format!("unrecognised option '--{name}'"))),
        (Some(first), Some(second)) => {
            let mut names: Vec<&str> = vec![first.long, second.long];
            names.extend(matches.map(|row| row.long));
            let last = names.pop().unwrap_or_default();
            let firsts: String = names.iter().map(|name| format!("'--{name}', ")).collect();
            Err(UsageError(format!("option '--{name}' is ambiguous and matches {firsts}and '--{last}'")))
        }
    }
}

fn check_verbose(values: &Values) -> Result<(), UsageError> {
    match values.get("verbose") {
        Some(text) if text.parse::<u16>().is_err() => {
            Err(UsageError(format!("the argument ('{text}') for option '--verbose' is invalid")))
        }
        _ => Ok(()),
    }
}

/// Reads a `--config` file: `name = value` lines, `#` begins a comment.
///
/// # Errors
/// A line that is not `name = value`, an unknown name, a repeated one.
pub fn parse_config(text: &str) -> Result<Values, UsageError> {
    let mut values = Values::default();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| {
            UsageError(format!("the options configuration file contains an invalid line '{line}'"))
        })?;
        let (name, value) = (name.trim(), value.trim());
        let row = TABLE
            .iter()
            .find(|row| row.long == name)
            .ok_or_else(|| UsageError(format!("unrecognised option '{name}'")))?;
        if row.takes_value {
            values.put(row, value.to_owned())?;
        } else {
            values.put(row, read_switch(row, value)?.to_string())?;
        }
    }
    check_verbose(&values)?;
    Ok(values)
}

fn read_switch(row: &Row, value: &str) -> Result<bool, UsageError> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "yes" | "1" | "true" | "" => Ok(true),
        "off" | "no" | "0" | "false" => Ok(false),
        _ => Err(UsageError(format!("the argument ('{value}') for option '--{}' is invalid", row.long))),
    }
}

/// The options that the environment gives. `lookup` reads one variable.
pub fn from_environment(lookup: &dyn Fn(&str) -> Option<String>) -> Values {
    const NAMES: [(&str, &str); 4] = [
        ("AWSIOT_TUNNEL_ACCESS_TOKEN", "access-token"),
        ("AWSIOT_TUNNEL_CLIENT_TOKEN", "client-token"),
        ("AWSIOT_TUNNEL_ENDPOINT", "proxy-endpoint"),
        ("AWSIOT_TUNNEL_REGION", "region"),
    ];
    let mut values = Values::default();
    for (variable, option) in NAMES {
        if let Some(value) = lookup(variable) {
            values.0.insert(option, value);
        }
    }
    values
}

/// The option list and the facts a script needs, for `--help`.
pub fn help() -> String {
    let mut text = String::from("Allowed options:\n");
    for row in TABLE {
        let mut names = match row.short {
            Some(letter) => format!("  -{letter} [ --{} ]", row.long),
            None => format!("  --{}", row.long),
        };
        if row.takes_value {
            names.push_str(" arg");
        }
        if names.len() > 38 {
            text.push_str(&format!("{names}\n{:40}{}\n", "", row.help));
        } else {
            text.push_str(&format!("{names:<40}{}\n", row.help));
        }
    }
    text.push_str(
        "\nEnvironment:\n  \
         AWSIOT_TUNNEL_ACCESS_TOKEN, AWSIOT_TUNNEL_CLIENT_TOKEN, AWSIOT_TUNNEL_ENDPOINT, AWSIOT_TUNNEL_REGION\n  \
         https_proxy or HTTPS_PROXY      web proxy as http(s)://[user:password@]host[:port]\n  \
         SSL_CERT_FILE, SSL_CERT_DIR     trusted certificates instead of the system's\n  \
         ADIT_LOCALPROXY_SETTINGS        settings JSON to read when --settings-json is absent\n\
         \nExit status:\n  \
         0    the server closed the tunnel; or the program was asked to stop after --help and the like\n  \
         1    wrong usage or configuration, no port to listen on, or the server refused with a 4xx answer\n  \
         128+n    killed by signal n\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Values, UsageError> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn complaint(line: &str) -> String {
        read(line).unwrap_err().0
    }

    #[test]
    fn spellings_of_one_option_are_the_same() {
        for line in [
            "-s5555",
            "-s 5555",
            "--source-listen-port=5555",
            "--source-listen-port 5555",
            "--source 5555",
            "--so=5555",
        ] {
            assert_eq!(read(line).unwrap().get("source-listen-port"), Some("5555"), "{line}");
        }
    }

    #[test]
    fn flags_stick_together_and_to_a_last_value() {
        let values = read("-kv6 -h").unwrap();
        assert!(values.is_set("no-ssl-host-verify") && values.is_set("help"));
        assert_eq!(values.get("verbose"), Some("6"));
    }

    #[test]
    fn an_exact_name_wins_over_longer_ones() {
        assert_eq!(read("--config f").unwrap().get("config"), Some("f"));
        assert_eq!(read("--config-d d").unwrap().get("config-dir"), Some("d"));
    }

    #[test]
    fn a_token_may_begin_with_a_dash() {
        assert_eq!(read("-t -abc -r x").unwrap().get("access-token"), Some("-abc"));
        assert_eq!(complaint("-t -r x"), "the required argument for option '--access-token' is missing");
    }

    #[test]
    fn complaints_are_the_known_ones() {
        assert_eq!(complaint("-Z"), "unrecognised option '-Z'");
        assert_eq!(complaint("--frobnicate"), "unrecognised option '--frobnicate'");
        assert_eq!(complaint("-v"), "the required argument for option '--verbose' is missing");
        assert_eq!(complaint("-v loud"), "the argument ('loud') for option '--verbose' is invalid");
        assert_eq!(complaint("-v 70000"), "the argument ('70000') for option '--verbose' is invalid");
        assert_eq!(complaint("--help=3"), "option '--help' does not take any arguments");
        assert_eq!(complaint("-r a -r b"), "option '--region' cannot be specified more than once");
        assert_eq!(
            complaint("--ver"),
            "option '--ver' is ambiguous and matches '--version', and '--verbose'"
        );
        assert_eq!(complaint("5555"), "too many positional options have been specified on the command line");
        assert_eq!(
            complaint("--region="),
            "the argument for option '--region' should follow immediately after the equal sign"
        );
    }

    #[test]
    fn a_config_file_gives_long_names() {
        let values = parse_config("# device\nregion = eu-west-1 # here\n\nno-ssl-host-verify=yes\n").unwrap();
        assert_eq!(values.get("region"), Some("eu-west-1"));
        assert!(values.is_set("no-ssl-host-verify"));
        assert_eq!(parse_config("colour = red").unwrap_err().0, "unrecognised option 'colour'");
        assert!(parse_config("region").is_err());
    }

    #[test]
    fn the_command_line_wins_over_file_and_environment() {
        let mut values = read("-r cli").unwrap();
        values.fill_from(parse_config("region = file\naccess-token = file").unwrap());
        values.fill_from(from_environment(&|name| Some(name.to_owned())));
        assert_eq!(values.get("region"), Some("cli"));
        assert_eq!(values.get("access-token"), Some("file"));
        assert_eq!(values.get("client-token"), Some("AWSIOT_TUNNEL_CLIENT_TOKEN"));
    }

    #[test]
    fn every_option_is_in_the_help_text() {
        let text = help();
        assert!(TABLE.iter().all(|row| text.contains(row.long)));
        assert!(text.contains("-s [ --source-listen-port ] arg"));
    }
}
