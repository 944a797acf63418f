//! Whether a value is of its key's kind, and the words for what is allowed.

use std::net::SocketAddr;
use std::time::Duration;

use toml::Value;

use super::keys::Kind;
use super::units::{ByteSize, HookRoute, parse_duration, show_duration};

/// Checks a value. The text of a refusal continues the name of the key.
pub fn check(kind: Kind, value: &Value) -> Result<(), String> {
    if fits(kind, value) { Ok(()) } else { Err(format!("must be {}", allowed(kind))) }
}

fn fits(kind: Kind, value: &Value) -> bool {
    let text = |good: &dyn Fn(&str) -> bool| value.as_str().is_some_and(good);
    let texts = |good: &dyn Fn(&str) -> bool| {
        value.as_array().is_some_and(|items| items.iter().all(|item| item.as_str().is_some_and(good)))
    };
    let filled = value.as_array().is_some_and(|items| !items.is_empty());
    match kind {
        Kind::Text => text(&|t| !t.trim().is_empty()),
        Kind::Path | Kind::Secret => text(&|_| true),
        Kind::Host => text(&|t| t.is_empty() || is_host(t)),
        Kind::Account => text(&|t| t.len() == 12 && t.bytes().all(|b| b.is_ascii_digit())),
        Kind::Region => text(&is_region),
        Kind::Bool => value.is_bool(),
        Kind::Number(low, high) => {
            value.as_integer().is_some_and(|n| (i64::from(low)..=i64::from(high)).contains(&n))
        }
        Kind::Duration(low, high) => {
            let range = Duration::from_secs(low)..=Duration::from_secs(high);
            text(&|t| parse_duration(t).is_some_and(|d| range.contains(&d)))
        }
        Kind::Bytes(low, high) => bytes(value).is_some_and(|size| (low..=high).contains(&size.0)),
        Kind::Address => text(&is_address),
        Kind::AddressOrOff => text(&|t| t == "off" || is_address(t)),
        Kind::Word(words) => text(&|t| words.contains(&t)),
        Kind::Texts => texts(&|t| !t.is_empty()),
        Kind::Routes => texts(&|t| HookRoute::parse(t).is_some()),
        Kind::Words(words) => filled && texts(&|t| words.contains(&t)),
        Kind::Listeners => {
            filled && value.as_array().is_some_and(|entries| entries.iter().all(Value::is_table))
        }
    }
}

/// What a value may be, in words that follow "must be".
pub fn allowed(kind: Kind) -> String {
    let seconds = |s| show_duration(Duration::from_secs(s));
    match kind {
        Kind::Text => "a text that is not empty".into(),
        Kind::Path | Kind::Secret => "a text".into(),
        Kind::Host => "a host name without a port, such as \"iot.example\", or empty".into(),
        Kind::Account => "12 digits in quotes".into(),
        Kind::Region => "1 to 64 lower-case letters, digits and hyphens".into(),
        Kind::Bool => "true or false".into(),
        Kind::Number(low, high) => format!("a whole number from {low} to {high}"),
        Kind::Duration(low, high) => {
            format!("a duration from {} to {}, such as \"90s\" or \"1h30m\"", seconds(low), seconds(high))
        }
        Kind::Bytes(low, high) => {
            format!("a number of bytes from {low} to {high}, such as 65536 or \"64KiB\"")
        }
        Kind::Address => "an address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"".into(),
        Kind::AddressOrOff => "an address and a port, such as \"127.0.0.1:9464\", or \"off\"".into(),
        Kind::Word(words) => format!("one of {}", quoted(words)),
        Kind::Texts => "a list of texts".into(),
        Kind::Routes => "a list of texts \"ARN=URL\", with a URL of http or https".into(),
        Kind::Words(words) => format!("a list of one or more of {}", quoted(words)),
        Kind::Listeners => "a list of at least one table: [[listen]] address = …".into(),
    }
}

fn bytes(value: &Value) -> Option<ByteSize> {
    match value {
        Value::Integer(n) => u64::try_from(*n).ok().map(ByteSize),
        other => other.as_str().and_then(ByteSize::parse),
    }
}

/// A region as record scopes and signatures take it.
fn is_region(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Letters, digits and hyphens between dots; an IPv4 address is of that form too.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.len() <= 200 && text.split('.').all(label)
}

fn is_address(text: &str) -> bool {
    text.parse::<SocketAddr>().is_ok()
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ")
}
