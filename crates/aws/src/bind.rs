//! Path, query, headers and body to one JSON object, keyed by the member names of the API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::limits::PARAMETERS;
use crate::refusal::{Refusal, echo};
use crate::service::Protocol;
use crate::table::{Check, Member, Operation, Place};
use crate::{Request, form, json, route, time, uri, validate};

/// The whole input of a request to `operation`, checked.
pub(crate) fn bind(operation: &'static Operation, request: &Request<'_>) -> Result<Value, Refusal> {
    let mut body = body(operation, request)?;
    let labels = route::labels(operation.path, request.path);
    let mut input = Map::new();
    for member in operation.members {
        let value = match member.place {
            Place::Path => labels
                .iter()
                .find(|(label, _)| *label == member.wire)
                .map(|(_, text)| decoded(text, member).and_then(|text| scalar(text, member)))
                .transpose()?,
            Place::Query => query(request.query, member)?,
            Place::Header => header(request, member)?.map(|text| scalar(text, member)).transpose()?,
            Place::JsonHeader => {
                header(request, member)?.map(|text| json_header(&text, member)).transpose()?
            }
            Place::Body => {
                body.remove(member.wire).map(|value| shaped(value, member.check, member.name)).transpose()?
            }
            Place::Payload => payload(request.body, member)?,
        };
        if let Some(value) = value.filter(|value| !value.is_null()) {
            input.insert(member.name.to_owned(), value);
        }
    }
    validate::check(operation, &input)?;
    Ok(Value::Object(input))
}

/// The members of the form or the JSON body; none if the operation reads none or the body is empty.
fn body(operation: &Operation, request: &Request<'_>) -> Result<Map<String, Value>, Refusal> {
    let reads = match operation.service.protocol() {
        Protocol::Json11 => true,
        Protocol::RestJson => operation.members.iter().any(|member| member.place == Place::Body),
        Protocol::QueryXml => return form::members(operation, request),
    };
    if !reads || request.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match json::parse(request.body).map_err(Refusal::Serialization)? {
        Value::Object(members) => Ok(members),
        other => Err(Refusal::Serialization(format!(
            "The request body must be a JSON object, not {}.",
            kind(&other)
        ))),
    }
}

/// A blob is the body as it came; a structure is the body's JSON.
fn payload(body: &[u8], member: &Member) -> Result<Option<Value>, Refusal> {
    match member.check {
        _ if body.is_empty() => Ok(None),
        Check::Blob { .. } => Ok(Some(Value::from(STANDARD.encode(body)))),
        check => {
            let value = json::parse(body).map_err(Refusal::Serialization)?;
            shaped(value, check, member.name).map(Some)
        }
    }
}

fn query(query: &str, member: &Member) -> Result<Option<Value>, Refusal> {
    let named = |key: &str| key == member.wire || uri::decode(key) == member.wire.as_bytes();
    if uri::pairs(query).nth(PARAMETERS).is_some() {
        return Err(Refusal::Serialization(format!("The query must have at most {PARAMETERS} parameters.")));
    }
    let mut values = uri::pairs(query).filter(|(key, _)| named(key)).map(|(_, value)| value);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::Serialization(format!("The query parameter '{}' is given twice.", member.wire)));
    }
    scalar(decoded(value, member)?, member).map(Some)
}

fn header(request: &Request<'_>, member: &Member) -> Result<Option<String>, Refusal> {
    let mut values = request.headers.get_all(member.wire).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::Serialization(format!("The header '{}' is given twice.", member.wire)));
    }
    let text = std::str::from_utf8(value.as_bytes());
    let text =
        text.map_err(|_| Refusal::Serialization(format!("The header '{}' is not UTF-8.", member.wire)))?;
    Ok(Some(text.to_owned()))
}

/// The JSON text in a header; where a client encoded its text once more as a JSON string, what is in the string.
fn json_header(text: &str, member: &Member) -> Result<Value, Refusal> {
    let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.and_then(|text| json::parse(text.as_bytes()).ok().map(|value| (text, value)));
    match decoded {
        Some((_, Value::String(inner))) => Ok(Value::String(inner)),
        Some((text, _)) => Ok(Value::String(text)),
        None => Err(Refusal::Serialization(format!(
            "The header '{}' must be JSON, encoded as base64.",
            member.wire
        ))),
    }
}

fn decoded(text: &str, member: &Member) -> Result<String, Refusal> {
    uri::decode_text(text).ok_or_else(|| {
        Refusal::Serialization(format!("'{}' in the request line is not percent-encoded UTF-8.", member.wire))
    })
}

/// Text of a path, query or header to a value of the member's type.
fn scalar(text: String, member: &Member) -> Result<Value, Refusal> {
    typed(text, member.check, member.name)
}

/// Text to a value of the type of its check. `path` is where it stands, as the message names it.
pub(crate) fn typed(text: String, check: &Check, path: &str) -> Result<Value, Refusal> {
    let value = match check {
        Check::Boolean => match text.as_str() {
            "true" | "TRUE" => Some(Value::Bool(true)),
            "false" | "FALSE" => Some(Value::Bool(false)),
            _ => None,
        },
        Check::Integer { .. } => text.parse::<i64>().ok().map(Value::from),
        Check::Double => text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number),
        Check::Timestamp => time::parse_extended(&text).or_else(|| text.parse().ok()).map(Value::from),
        _ => Some(Value::String(text)),
    };
    value.ok_or_else(|| {
        let must = format!("Member must be {}", wanted(check));
        Refusal::Validation(format!(
            "1 validation error detected: Value at '{path}' failed to satisfy constraint: {must}"
        ))
    })
}

/// Takes a JSON value into the shape of its check: unknown and null members fall away, wrong types are refused.
/// `path` is where the value stands, as the message names it.
fn shaped(value: Value, check: &Check, path: &str) -> Result<Value, Refusal> {
    match (check, value) {
        (_, Value::Null) => Ok(Value::Null),
        (Check::Structure(members), Value::Object(mut given)) => {
            let mut object = Map::new();
            for member in *members {
                if let Some(value) = given.remove(member.wire).filter(|value| !value.is_null()) {
                    let value = shaped(value, member.check, &format!("{path}.{}", member.name))?;
                    object.insert(member.name.to_owned(), value);
                }
            }
            Ok(Value::Object(object))
        }
        (Check::List { item, .. }, Value::Array(items)) => {
            let items =
                (1..).zip(items).map(|(at, value)| shaped(value, item, &format!("{path}.{at}.member")));
            items.collect()
        }
        (Check::Map { value: check, .. }, Value::Object(entries)) => {
            let entries = entries.into_iter().map(|(key, value)| {
                let value = shaped(value, check, &format!("{path}.{}.member", echo(&key)))?;
                Ok((key, value))
            });
            entries.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        (Check::Integer { .. }, Value::Number(number)) => match whole(&number) {
            Some(whole) => Ok(Value::from(whole)),
            None => Err(wrong(path, check, "a number with a fraction or out of range")),
        },
        (Check::Blob { .. }, Value::String(text)) if STANDARD.decode(&text).is_err() => {
            Err(wrong(path, check, "other text"))
        }
        (Check::Text(_) | Check::Blob { .. }, value @ Value::String(_))
        | (Check::Double | Check::Timestamp, value @ Value::Number(_))
        | (Check::Boolean, value @ Value::Bool(_)) => Ok(value),
        (_, value) => Err(wrong(path, check, kind(&value))),
    }
}

/// A JSON number without a fraction; `5.0` is 5.
fn whole(number: &serde_json::Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let fraction = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() <= EXACT);
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    number.as_i64().or_else(|| fraction.map(|value| value as i64))
}

fn wrong(path: &str, check: &Check, given: &str) -> Refusal {
    Refusal::Serialization(format!("Member '{path}' must be {}, not {given}.", wanted(check)))
}

fn wanted(check: &Check) -> &'static str {
    match check {
        Check::Text(_) => "a string",
        Check::Integer { .. } => "a whole number",
        Check::Double => "a number",
        Check::Boolean => "true or false",
        Check::Timestamp => "a time in epoch seconds",
        Check::Blob { .. } => "base64 text",
        Check::List { .. } => "a list",
        Check::Map { .. } | Check::Structure(_) => "an object",
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
