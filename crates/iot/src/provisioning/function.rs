//! Values of a template and the functions in them (spec: provisioning §3). Strings are never interpolated outside
//! `Fn::Sub`: `${iot:…}` in a policy document is a policy variable.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::failure::Failure;

/// Most bytes all functions of one template may make together: `Fn::Sub` inside `Fn::Sub` grows by powers.
const MOST_MADE: usize = 256 * 1024;

/// `Mappings`: map, key and name to a literal.
pub(super) type Mappings = BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>;

/// A value that may hold functions.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// A text, number, boolean or `null`.
    Literal(Value),
    List(Vec<Expression>),
    Object(Vec<(String, Expression)>),
    Ref(String),
    Join(Box<Expression>, Box<Expression>),
    Select(Box<Expression>, Box<Expression>),
    Split(Box<Expression>, Box<Expression>),
    FindInMap(Box<[Expression; 3]>),
    Sub(Vec<Piece>, BTreeMap<String, Expression>),
}

/// A part of the text of `Fn::Sub`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Variable(String),
}

impl Expression {
    /// Reads a value.
    ///
    /// # Errors
    /// What is wrong with a function in it.
    pub(super) fn read(value: &Value) -> Result<Expression, String> {
        match value {
            Value::Array(items) => {
                Ok(Expression::List(items.iter().map(Expression::read).collect::<Result<_, _>>()?))
            }
            Value::Object(members) => match members.iter().next() {
                Some((name, argument))
                    if members.len() == 1 && (name == "Ref" || name.starts_with("Fn::")) =>
                {
                    function(name, argument)
                }
                _ => {
                    let read =
                        |(name, value): (&String, &Value)| Ok((name.clone(), Expression::read(value)?));
                    Ok(Expression::Object(members.iter().map(read).collect::<Result<_, String>>()?))
                }
            },
            literal => Ok(Expression::Literal(literal.clone())),
        }
    }

    /// The text, if it is one without a function.
    pub(super) fn literal(&self) -> Option<&str> {
        match self {
            Expression::Literal(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Hands every parameter that is referred to to `each`.
    pub(super) fn references<'a>(&'a self, each: &mut impl FnMut(&'a str)) {
        match self {
            Expression::Literal(_) => {}
            Expression::Ref(name) => each(name),
            Expression::List(items) => items.iter().for_each(|item| item.references(each)),
            Expression::Object(members) => members.iter().for_each(|(_, value)| value.references(each)),
            Expression::Join(a, b) | Expression::Select(a, b) | Expression::Split(a, b) => {
                a.references(each);
                b.references(each);
            }
            Expression::FindInMap(arguments) => {
                arguments.iter().for_each(|argument| argument.references(each))
            }
            Expression::Sub(pieces, locals) => {
                for piece in pieces {
                    if let Piece::Variable(name) = piece
                        && !locals.contains_key(name)
                    {
                        each(name);
                    }
                }
                locals.values().for_each(|value| value.references(each));
            }
        }
    }
}

fn function(name: &str, argument: &Value) -> Result<Expression, String> {
    let two = || match argument.as_array().map(Vec::as_slice) {
        Some([a, b]) => Ok((Box::new(Expression::read(a)?), Box::new(Expression::read(b)?))),
        _ => Err(format!("{name} takes a list of two")),
    };
    match name {
        "Ref" => match argument {
            Value::String(name) => Ok(Expression::Ref(name.clone())),
            _ => Err("Ref takes the name of a parameter".to_owned()),
        },
        "Fn::Join" => two().map(|(delimiter, items)| Expression::Join(delimiter, items)),
        "Fn::Select" => two().map(|(index, items)| Expression::Select(index, items)),
        "Fn::Split" => two().map(|(delimiter, text)| Expression::Split(delimiter, text)),
        "Fn::FindInMap" => match argument.as_array().map(Vec::as_slice) {
            Some([map, key, name]) => {
                let read = [Expression::read(map)?, Expression::read(key)?, Expression::read(name)?];
                Ok(Expression::FindInMap(Box::new(read)))
            }
            _ => Err("Fn::FindInMap takes a list of three".to_owned()),
        },
        "Fn::Sub" => substitution(argument),
        _ => Err(format!("{name} is not a function of provisioning templates")),
    }
}

fn substitution(argument: &Value) -> Result<Expression, String> {
    let wrong = || "Fn::Sub takes a text, or a list of a text and an object of variables".to_owned();
    let (text, locals) = match argument {
        Value::String(text) => (text, BTreeMap::new()),
        Value::Array(items) => match items.as_slice() {
            [Value::String(text), Value::Object(members)] => {
                let read = |(name, value): (&String, &Value)| Ok((name.clone(), Expression::read(value)?));
                (text, members.iter().map(read).collect::<Result<_, String>>()?)
            }
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    Ok(Expression::Sub(pieces(text)?, locals))
}

/// Takes `${name}` and `${!literal}` apart.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            return Err("Fn::Sub has a ${ without its }".to_owned());
        };
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(match name.strip_prefix('!') {
            Some(literal) => Piece::Text(format!("${{{literal}}}")),
            None => Piece::Variable(name.to_owned()),
        });
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

/// What functions look values up in.
pub(super) struct Values<'a> {
    parameters: &'a BTreeMap<String, String>,
    mappings: &'a Mappings,
    /// Bytes that may still be made.
    left: Cell<usize>,
}

impl<'a> Values<'a> {
    pub(super) fn new(parameters: &'a BTreeMap<String, String>, mappings: &'a Mappings) -> Values<'a> {
        Values { parameters, mappings, left: Cell::new(MOST_MADE) }
    }

    /// What an expression comes to.
    ///
    /// # Errors
    /// A parameter without a value, or a function whose arguments do not fit.
    pub(super) fn value(&self, expression: &Expression) -> Result<Value, Failure> {
        match expression {
            Expression::Literal(value) => Ok(value.clone()),
            Expression::List(items) => {
                Ok(Value::Array(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?))
            }
            Expression::Object(members) => {
                let resolved = |(name, value): &(String, Expression)| Ok((name.clone(), self.value(value)?));
                Ok(Value::Object(members.iter().map(resolved).collect::<Result<Map<_, _>, Failure>>()?))
            }
            Expression::Ref(name) => Ok(Value::String(self.parameter(name)?.to_owned())),
            Expression::Join(delimiter, items) => self.join(delimiter, items),
            Expression::Select(index, items) => self.select(index, items),
            Expression::Split(delimiter, text) => self.split(delimiter, text),
            Expression::FindInMap(arguments) => self.find(arguments),
            Expression::Sub(pieces, locals) => self.substitute(pieces, locals),
        }
    }

    /// The same where a text is needed; a number or a boolean is written out.
    ///
    /// # Errors
    /// As of [`Values::value`]; `what` names a value that is no text.
    pub(super) fn text(&self, expression: &Expression, what: &str) -> Result<String, Failure> {
        scalar(self.value(expression)?).ok_or_else(|| Failure::template(format!("{what} must be a text")))
    }

    /// The same where a list of texts is needed.
    ///
    /// # Errors
    /// As of [`Values::value`]; `what` names a value that is no list of texts.
    pub(super) fn texts(&self, expression: &Expression, what: &str) -> Result<Vec<String>, Failure> {
        let wrong = || Failure::template(format!("{what} must be a list of texts"));
        let Value::Array(items) = self.value(expression)? else { return Err(wrong()) };
        items.into_iter().map(|item| scalar(item).ok_or_else(wrong)).collect()
    }

    fn parameter(&self, name: &str) -> Result<&'a str, Failure> {
        let value = self.parameters.get(name).ok_or_else(|| Failure::no_value(name))?;
        self.charge(value.len())?;
        Ok(value)
    }

    fn charge(&self, bytes: usize) -> Result<(), Failure> {
        let left = self.left.get().checked_sub(bytes).ok_or_else(|| {
            Failure::template(format!("The functions of the template make more than {MOST_MADE} bytes"))
        })?;
        self.left.set(left);
        Ok(())
    }

    fn join(&self, delimiter: &Expression, items: &Expression) -> Result<Value, Failure> {
        let delimiter = self.text(delimiter, "The delimiter of Fn::Join")?;
        let items = self.texts(items, "The second argument of Fn::Join")?;
        let delimiters = items.len().saturating_sub(1).saturating_mul(delimiter.len());
        self.charge(items.iter().map(String::len).sum::<usize>().saturating_add(delimiters))?;
        Ok(Value::String(items.join(&delimiter)))
    }

    fn select(&self, index: &Expression, items: &Expression) -> Result<Value, Failure> {
        let index = self.text(index, "The index of Fn::Select")?;
        let Value::Array(mut items) = self.value(items)? else {
            return Err(Failure::template("The second argument of Fn::Select must be a list"));
        };
        let at = index.parse::<usize>().ok().filter(|at| *at < items.len()).ok_or_else(|| {
            let count = items.len();
            Failure::template(format!(
                "Fn::Select has no element {index} in a list of {count}, counted from 0"
            ))
        })?;
        match items.swap_remove(at) {
            Value::Null => Err(Failure::template(format!("Element {index} of Fn::Select is null"))),
            found => Ok(found),
        }
    }

    fn split(&self, delimiter: &Expression, text: &Expression) -> Result<Value, Failure> {
        let delimiter = self.text(delimiter, "The delimiter of Fn::Split")?;
        let text = self.text(text, "The second argument of Fn::Split")?;
        if delimiter.is_empty() {
            return Err(Failure::template("The delimiter of Fn::Split must not be empty"));
        }
        self.charge(text.len())?;
        Ok(text.split(&delimiter).map(Value::from).collect())
    }

    fn find(&self, [map, key, name]: &[Expression; 3]) -> Result<Value, Failure> {
        let what = "An argument of Fn::FindInMap";
        let (map, key, name) = (self.text(map, what)?, self.text(key, what)?, self.text(name, what)?);
        let found =
            self.mappings.get(&map).and_then(|keys| keys.get(&key)).and_then(|names| names.get(&name));
        let found =
            found.ok_or_else(|| Failure::template(format!("Mappings have no {name} in {key} of {map}")))?;
        self.charge(size(found))?;
        Ok(found.clone())
    }

    fn substitute(&self, pieces: &[Piece], locals: &BTreeMap<String, Expression>) -> Result<Value, Failure> {
        let mut known = BTreeMap::new();
        for (name, value) in locals {
            known.insert(name.as_str(), self.text(value, "A variable of Fn::Sub")?);
        }
        let mut made = String::new();
        for piece in pieces {
            let text = match piece {
                Piece::Text(text) => text,
                Piece::Variable(name) => match known.get(name.as_str()) {
                    Some(value) => value.as_str(),
                    None => self.parameter(name)?,
                },
            };
            self.charge(text.len())?;
            made.push_str(text);
        }
        Ok(Value::String(made))
    }
}

fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        _ => 8,
    }
}
