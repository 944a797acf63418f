//! The constraints of the models, and AWS's one message for everything that breaks them.
//!
//! `2 validation errors detected: Value '9999' at 'a.b' failed to satisfy constraint: Member must …; Value null at …`.
//! Secure tunneling quotes the value, AWS IoT does not (spec: secure-tunneling §1.3, control-plane §4). A value that
//! the model calls sensitive is never repeated.

use serde_json::{Map, Value};

use crate::limits::{ECHO_CHARS, VIOLATIONS};
use crate::refusal::{Refusal, echo};
use crate::table::{Check, Member, Operation, Text};

/// Checks the input of an operation.
///
/// # Errors
/// [`Refusal::Validation`] with every violation, up to [`VIOLATIONS`].
pub(crate) fn check(operation: &Operation, input: &Map<String, Value>) -> Result<(), Refusal> {
    let mut found = Found { quotes: operation.service.quotes_values(), texts: Vec::new() };
    found.members(operation.members, input, "");
    match found.texts.len() {
        0 => Ok(()),
        1 => Err(Refusal::Validation(format!("1 validation error detected: {}", found.texts.concat()))),
        count => Err(Refusal::Validation(format!(
            "{count} validation errors detected: {}",
            found.texts.join("; ")
        ))),
    }
}

struct Found {
    quotes: bool,
    texts: Vec<String>,
}

impl Found {
    fn members(&mut self, members: &[Member], given: &Map<String, Value>, under: &str) {
        for member in members {
            match given.get(member.name) {
                Some(value) => self.value(value, member.check, &path(under, member.name)),
                None if member.required => {
                    let value = if self.quotes { "Value null" } else { "Value" };
                    self.add(value, &path(under, member.name), "Member must not be null");
                }
                None => {}
            }
        }
    }

    fn value(&mut self, value: &Value, check: &Check, at: &str) {
        if self.texts.len() >= VIOLATIONS {
            return;
        }
        let broken = broken(value, check);
        if !broken.is_empty() {
            let shown = self.shown(value, check);
            broken.iter().for_each(|constraint| self.add(&shown, at, constraint));
        }
        match (check, value) {
            (Check::Structure(members), Value::Object(given)) => self.members(members, given, at),
            (Check::List { item, .. }, Value::Array(items)) => self.items(value, check, item, items, at),
            (Check::Map { key, value: inner, .. }, Value::Object(entries)) => {
                let bad = |text: &String| !broken_text(text, key).is_empty();
                if entries.keys().any(bad) {
                    let must = format!("Map keys must satisfy constraint: [{}]", all(key).join(", "));
                    self.add(&self.shown(value, check), at, &must);
                }
                self.entries(value, check, inner, entries, at);
            }
            _ => {}
        }
    }

    /// Entries that are plain values are named together, others each by its number.
    fn items(&mut self, list: &Value, check: &Check, item: &Check, items: &[Value], at: &str) {
        if is_plain(item) {
            if items.iter().any(|value| value.is_null() || !broken(value, item).is_empty()) {
                let must = format!("Member must satisfy constraint: [{}]", all(item).join(", "));
                self.add(&self.shown(list, check), at, &must);
            }
        } else {
            for (number, value) in (1..).zip(items) {
                self.inner(value, item, &format!("{at}.{number}.member"));
            }
        }
    }

    fn entries(&mut self, map: &Value, check: &Check, inner: &Check, entries: &Map<String, Value>, at: &str) {
        if is_plain(inner) {
            if entries.values().any(|value| value.is_null() || !broken(value, inner).is_empty()) {
                let must = format!("Map value must satisfy constraint: [{}]", all(inner).join(", "));
                self.add(&self.shown(map, check), at, &must);
            }
        } else {
            for (key, value) in entries {
                self.inner(value, inner, &format!("{at}.{}.member", echo(key)));
            }
        }
    }

    fn inner(&mut self, value: &Value, check: &Check, at: &str) {
        if value.is_null() {
            let value = if self.quotes { "Value null" } else { "Value" };
            self.add(value, at, "Member must not be null");
        } else {
            self.value(value, check, at);
        }
    }

    fn shown(&self, value: &Value, check: &Check) -> String {
        let mut text = String::new();
        if self.quotes && show(value, check, &mut text) {
            let more = if text.chars().nth(ECHO_CHARS).is_some() { "…" } else { "" };
            format!("Value '{}{more}'", echo(&text))
        } else {
            "Value".to_owned()
        }
    }

    fn add(&mut self, value: &str, at: &str, constraint: &str) {
        if self.texts.len() < VIOLATIONS {
            self.texts.push(format!("{value} at '{at}' failed to satisfy constraint: {constraint}"));
        }
    }
}

fn path(under: &str, name: &str) -> String {
    if under.is_empty() { name.to_owned() } else { format!("{under}.{name}") }
}

/// Whether violations inside are told as one about the whole list or map.
fn is_plain(check: &Check) -> bool {
    !matches!(check, Check::List { .. } | Check::Map { .. } | Check::Structure(_))
}

/// The constraints that a value itself breaks, not those of what is inside it.
fn broken(value: &Value, check: &Check) -> Vec<String> {
    let outside = |length: usize, (min, max): (u32, u32)| {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        [(length > max).then(|| at_most(max)), (length < min).then(|| at_least(min))]
            .into_iter()
            .flatten()
            .collect()
    };
    match (check, value) {
        (Check::Text(_), Value::String(text)) => broken_text(text, check),
        (Check::Blob { min, max }, Value::String(text)) => outside(decoded_length(text), (*min, *max)),
        (Check::List { min, max, .. }, Value::Array(items)) => outside(items.len(), (*min, *max)),
        (Check::Map { min, max, .. }, Value::Object(entries)) => outside(entries.len(), (*min, *max)),
        (Check::Integer { min, max }, Value::Number(number)) => {
            let number = number.as_i64().unwrap_or_default();
            let over = (number > *max).then(|| format!("Member must have value less than or equal to {max}"));
            let under =
                (number < *min).then(|| format!("Member must have value greater than or equal to {min}"));
            over.into_iter().chain(under).collect()
        }
        _ => Vec::new(),
    }
}

fn broken_text(text: &str, check: &Check) -> Vec<String> {
    let Check::Text(rule) = check else { return Vec::new() };
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let pattern = rule.pattern.filter(|pattern| !pattern.matches(text));
    [
        (length > rule.max).then(|| at_most(rule.max)),
        (length < rule.min).then(|| at_least(rule.min)),
        pattern.map(|pattern| like(pattern.regex)),
        (!rule.values.is_empty() && !rule.values.contains(&text)).then(|| one_of(rule.values)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// All constraints of a plain value, as the message about a list or map repeats them.
fn all(check: &Check) -> Vec<String> {
    let mut texts = Vec::new();
    match check {
        Check::Text(Text { min, max, pattern, values, .. }) => {
            if *max != u32::MAX {
                texts.push(at_most(*max));
                texts.push(at_least(*min));
            }
            texts.extend(pattern.map(|pattern| like(pattern.regex)));
            texts.extend((!values.is_empty()).then(|| one_of(values)));
        }
        Check::Integer { min, max } => {
            texts.push(format!("Member must have value less than or equal to {max}"));
            texts.push(format!("Member must have value greater than or equal to {min}"));
        }
        Check::Blob { min, max } => texts.extend([at_most(*max), at_least(*min)]),
        _ => {}
    }
    texts.push("Member must not be null".to_owned());
    texts
}

fn at_most(max: u32) -> String {
    format!("Member must have length less than or equal to {max}")
}

fn at_least(min: u32) -> String {
    format!("Member must have length greater than or equal to {min}")
}

fn like(regex: &str) -> String {
    format!("Member must satisfy regular expression pattern: {regex}")
}

fn one_of(values: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", values.join(", "))
}

/// The bytes that base64 text stands for.
fn decoded_length(text: &str) -> usize {
    let symbols = text.trim_end_matches('=').len();
    symbols / 4 * 3 + (symbols % 4).saturating_sub(1)
}

/// Writes a value the way AWS does, `[a, b]` and `{k=v}`; false if something sensitive is in it. Stops once there is
/// more text than a message takes.
fn show(value: &Value, check: &Check, text: &mut String) -> bool {
    if matches!(check, Check::Text(Text { sensitive: true, .. })) {
        return false;
    }
    if text.len() > 4 * ECHO_CHARS {
        return true;
    }
    match (check, value) {
        (Check::List { item, .. }, Value::Array(items)) => {
            let items = items.iter().map(|value| ("", value, *item));
            surrounded(['[', ']'], items, text)
        }
        (Check::Map { value: check, .. }, Value::Object(entries)) => {
            let entries = entries.iter().map(|(key, value)| (key.as_str(), value, *check));
            surrounded(['{', '}'], entries, text)
        }
        (Check::Structure(members), Value::Object(given)) => {
            let given = members
                .iter()
                .filter_map(|member| given.get(member.name).map(|value| (member.name, value, member.check)));
            surrounded(['{', '}'], given, text)
        }
        (_, Value::String(value)) => {
            text.extend(value.chars().take(ECHO_CHARS + 1));
            true
        }
        (_, value) => {
            text.push_str(&value.to_string());
            true
        }
    }
}

fn surrounded<'v>(
    [open, close]: [char; 2],
    entries: impl Iterator<Item = (&'v str, &'v Value, &'v Check)>,
    text: &mut String,
) -> bool {
    text.push(open);
    let mut may = true;
    for (at, (key, value, check)) in entries.enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        if !key.is_empty() {
            text.extend(key.chars().take(ECHO_CHARS));
            text.push('=');
        }
        may &= show(value, check, text);
    }
    text.push(close);
    may
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::service::Service;
    use crate::table::{Method, need};

    static TOKEN: Check = Check::Text(Text::sized(1, 3).sensitive());
    static LIST: Check = Check::List { min: 0, max: 1, item: &TOKEN };
    static OPERATION: Operation = Operation {
        name: "Hide",
        service: Service::Tunneling,
        method: Method::Post,
        path: "/",
        status: 200,
        members: &[need("token", &TOKEN), need("tokens", &LIST)],
        faults: &[],
    };

    #[test]
    fn a_sensitive_value_is_never_repeated() {
        let input = json!({"token": "hidden", "tokens": ["hidden", "x"]});
        let Err(Refusal::Validation(text)) = check(&OPERATION, input.as_object().unwrap()) else { panic!() };
        insta::assert_snapshot!(text.replace("; ", "\n"), @"
        3 validation errors detected: Value at 'token' failed to satisfy constraint: Member must have length less than or equal to 3
        Value at 'tokens' failed to satisfy constraint: Member must have length less than or equal to 1
        Value at 'tokens' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 3, Member must have length greater than or equal to 1, Member must not be null]
        ");
    }
}
