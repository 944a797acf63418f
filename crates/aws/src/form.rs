//! The form of a query request: `Tags.member.1.Key=a&Tags.member.1.Value=b` to one object of lists and structures.
//!
//! Lists are written `name.member.N`, maps `name.entry.N.key` and `.value`, members of structures `name.Member`. The
//! numbers order a list; gaps are closed. An empty text stands for an empty list. What no member asks for is ignored.

use std::collections::btree_map::{BTreeMap, Entry};
use std::ops::Bound;

use serde_json::{Map, Value};

use crate::bind::typed;
use crate::limits::PARAMETERS;
use crate::refusal::{Refusal, echo};
use crate::table::{Check, Operation};
use crate::{Request, uri};

/// The members of an input as they stand in query and body, with their types, under the names of the wire.
///
/// # Errors
/// [`Refusal::Serialization`] for more than [`PARAMETERS`] parameters, one given twice, or what is not encoded UTF-8;
/// [`Refusal::Validation`] for text that is not of its type.
pub(crate) fn members(operation: &Operation, request: &Request<'_>) -> Result<Map<String, Value>, Refusal> {
    let form = Form::read(request)?;
    let mut members = Map::new();
    for member in operation.members {
        if let Some(value) = form.value(member.wire, member.check)? {
            members.insert(member.wire.to_owned(), value);
        }
    }
    Ok(members)
}

struct Form(BTreeMap<String, String>);

impl Form {
    fn read(request: &Request<'_>) -> Result<Self, Refusal> {
        let body = std::str::from_utf8(request.body)
            .map_err(|_| Refusal::Serialization("The form is not UTF-8.".to_owned()))?;
        let mut form = BTreeMap::new();
        for (count, (key, value)) in uri::pairs(request.query).chain(uri::pairs(body)).enumerate() {
            if count >= PARAMETERS {
                let text = format!("The request must have at most {PARAMETERS} parameters.");
                return Err(Refusal::Serialization(text));
            }
            match form.entry(decoded(key)?) {
                Entry::Vacant(free) => free.insert(decoded(value)?),
                Entry::Occupied(taken) => {
                    let text = format!("The parameter '{}' is given twice.", echo(taken.key()));
                    return Err(Refusal::Serialization(text));
                }
            };
        }
        Ok(Self(form))
    }

    /// The value of that name; `None` if nothing is given for it.
    fn value(&self, name: &str, check: &Check) -> Result<Option<Value>, Refusal> {
        match check {
            Check::Structure(members) => {
                if self.below(name).next().is_none() {
                    return Ok(None);
                }
                let mut object = Map::new();
                for member in *members {
                    if let Some(value) = self.value(&format!("{name}.{}", member.wire), member.check)? {
                        object.insert(member.wire.to_owned(), value);
                    }
                }
                Ok(Some(Value::Object(object)))
            }
            Check::List { item, .. } => {
                let numbers = self.numbers(&format!("{name}.member"))?;
                if numbers.is_empty() {
                    let empty = self.0.get(name).is_some_and(String::is_empty);
                    return Ok(empty.then(|| Value::Array(Vec::new())));
                }
                let items = numbers.into_iter().map(|number| {
                    let value = self.value(&format!("{name}.member.{number}"), item)?;
                    Ok(value.unwrap_or(Value::Null))
                });
                items.collect::<Result<Vec<_>, _>>().map(|items| Some(Value::Array(items)))
            }
            Check::Map { key, value, .. } => {
                let numbers = self.numbers(&format!("{name}.entry"))?;
                let mut object = Map::new();
                for number in &numbers {
                    let entry = format!("{name}.entry.{number}");
                    let named = self.value(&format!("{entry}.key"), key)?;
                    let named = named.as_ref().and_then(Value::as_str).unwrap_or_default();
                    let value = self.value(&format!("{entry}.value"), value)?;
                    object.insert(named.to_owned(), value.unwrap_or(Value::Null));
                }
                Ok((!numbers.is_empty()).then_some(Value::Object(object)))
            }
            _ => self.0.get(name).map(|text| typed(text.clone(), check, name)).transpose(),
        }
    }

    /// The names that begin with `name` and a dot, without both.
    fn below<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f str> {
        let prefix = format!("{name}.");
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        let names: Vec<&str> =
            self.0.range::<str, _>(from).map_while(|(key, _)| key.strip_prefix(prefix.as_str())).collect();
        names.into_iter()
    }

    /// The numbers that follow `name` and a dot, in ascending order.
    fn numbers(&self, name: &str) -> Result<Vec<u32>, Refusal> {
        let mut numbers = Vec::new();
        for rest in self.below(name) {
            let digits = rest.split('.').next().unwrap_or_default();
            let number =
                digits.parse::<u32>().ok().filter(|number| *number > 0 && number.to_string() == digits);
            numbers.push(number.ok_or_else(|| {
                Refusal::Serialization(format!(
                    "'{}.{}' must be a number of an entry, counted from 1.",
                    echo(name),
                    echo(digits)
                ))
            })?);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }
}

/// Text of a form: a plus sign is a space.
fn decoded(text: &str) -> Result<String, Refusal> {
    uri::decode_text(&text.replace('+', " ")).ok_or_else(|| {
        Refusal::Serialization(format!("The parameter '{}' is not percent-encoded UTF-8.", echo(text)))
    })
}
