//! A policy document: read, checked and compiled (spec: policies §2 and §8).

use std::fmt;

use super::condition::{Condition, Operator};
use super::syntax::Json;
use super::variables::Context;
use super::wildcard::{ArnPattern, Case, Glob};

/// Characters a document may have, not counting whitespace (spec: policies §8).
pub const MAX_CHARACTERS: usize = 2048;
/// Characters of a document's own text that a message repeats.
const ECHO: usize = 120;

/// A policy document, ready to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub(super) statements: Box<[Statement]>,
}

/// Why a text is no policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It breaks the grammar; the text says where and what is allowed.
    Syntax(String),
    /// This resource is neither `*` nor an ARN of six parts.
    Resource(String),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Syntax(what) => {
                write!(f, "Policy document is Malformed: Invalid policy syntax. {what}")
            }
            Malformed::Resource(resource) => write!(
                f,
                "Policy document is Malformed: The following resources are invalid : {resource}. A resource is '*' \
                 or an ARN of six parts, such as arn:aws:iot:us-east-1:123456789012:topic/a."
            ),
        }
    }
}

impl std::error::Error for Malformed {}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sid: Option<Box<str>>,
    pub(super) effect: Effect,
    pub(super) actions: Listed<Glob>,
    pub(super) resources: Listed<ArnPattern>,
    pub(super) conditions: Box<[Condition]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// Everything that one of the list matches, or everything that none matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed<T> {
    pub(super) not: bool,
    pub(super) patterns: Box<[T]>,
}

impl Statement {
    pub(super) fn is_about(&self, action: &str, context: &Context<'_>) -> bool {
        let listed =
            self.actions.patterns.iter().any(|pattern| pattern.matches(action, Case::Ignored, context));
        listed != self.actions.not
    }

    pub(super) fn covers(&self, resource: &str, context: &Context<'_>) -> bool {
        let listed = self.resources.patterns.iter().any(|pattern| pattern.matches(resource, context));
        listed != self.resources.not
    }

    pub(super) fn holds(&self, context: &Context<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(context))
    }
}

pub(super) type Members = Vec<(String, Json)>;

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// The text breaks a rule of spec: policies §8.
    pub fn parse(text: &str) -> Result<Document, Malformed> {
        let statements = statements(text, MAX_CHARACTERS)?;
        let statements = statements.iter().zip(1..).map(|(json, number)| statement(json, number));
        Ok(Document { statements: statements.collect::<Result<_, _>>()? })
    }
}

/// The statements of a text, with everything around them checked; at least one.
pub(super) fn statements(text: &str, most: usize) -> Result<Vec<Json>, Malformed> {
    let characters = characters(text);
    if characters > most {
        return Err(wrong(format!(
            "It has {characters} characters besides whitespace; at most {most} are allowed."
        )));
    }
    let json = Json::parse(text).map_err(|error| wrong(format!("It is not JSON: {error}.")))?;
    let Json::Object(members) = json else {
        return Err(wrong("It must be a JSON object with a Statement."));
    };
    known(&members, &["Version", "Id", "Statement"], "The document")?;
    match last(&members, "Version") {
        None => {}
        Some(Json::Text(version)) if version == "2012-10-17" || version == "2008-10-17" => {}
        Some(_) => return Err(wrong("Version must be \"2012-10-17\" or \"2008-10-17\".")),
    }
    optional_text(&members, "Id", "The document's")?;
    match members.into_iter().rev().find(|(name, _)| name == "Statement") {
        Some((_, Json::List(list))) if !list.is_empty() => Ok(list),
        Some((_, one @ Json::Object(_))) => Ok(vec![one]),
        _ => Err(wrong("Statement must be a statement or a list of at least one.")),
    }
}

/// A statement as the text of a document has it; counted from 1.
#[must_use]
pub fn statement_of(text: &str, number: usize) -> Option<serde_json::Value> {
    let document: serde_json::Value = serde_json::from_str(text).ok()?;
    match document.get("Statement")? {
        serde_json::Value::Array(list) => list.get(number.checked_sub(1)?).cloned(),
        one => Some(one.clone()).filter(|_| number == 1),
    }
}

/// The length of a document as AWS counts it: characters besides whitespace (spec: policies §8).
#[must_use]
pub fn characters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

fn statement(json: &Json, number: usize) -> Result<Statement, Malformed> {
    let here = format!("Statement {number}");
    let members = members(json, &here)?;
    let names = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    known(members, &names, &here)?;
    Ok(Statement {
        sid: sid(members, &here)?,
        effect: effect(members, &here)?,
        actions: actions(members, &here)?,
        resources: resources(members, &here)?,
        conditions: condition(members, &here)?,
    })
}

pub(super) fn members<'j>(json: &'j Json, here: &str) -> Result<&'j Members, Malformed> {
    if let Json::Object(members) = json {
        Ok(members)
    } else {
        Err(wrong(format!("{here} must be a JSON object.")))
    }
}

pub(super) fn sid(members: &Members, here: &str) -> Result<Option<Box<str>>, Malformed> {
    optional_text(members, "Sid", &format!("{here}'s"))
}

pub(super) fn effect(members: &Members, here: &str) -> Result<Effect, Malformed> {
    if members.iter().filter(|(name, _)| name == "Effect").count() > 1 {
        return Err(wrong(format!("{here} has Effect more than once.")));
    }
    match last(members, "Effect") {
        Some(Json::Text(effect)) if effect == "Allow" => Ok(Effect::Allow),
        Some(Json::Text(effect)) if effect == "Deny" => Ok(Effect::Deny),
        _ => Err(wrong(format!("{here} must have the Effect \"Allow\" or \"Deny\"."))),
    }
}

pub(super) fn actions(members: &Members, here: &str) -> Result<Listed<Glob>, Malformed> {
    let (not, actions) = one_of(members, "Action", "NotAction", here)?;
    if let Some(bad) = actions.iter().find(|action| !is_action(action)) {
        let bad = echo(bad);
        return Err(wrong(format!("{here}: action \"{bad}\" must be \"*\" or such as \"iot:Publish\".")));
    }
    Ok(Listed { not, patterns: actions.iter().map(|action| Glob::plain(action)).collect() })
}

pub(super) fn resources(members: &Members, here: &str) -> Result<Listed<ArnPattern>, Malformed> {
    let (not, resources) = one_of(members, "Resource", "NotResource", here)?;
    Ok(Listed { not, patterns: resources.iter().map(|r| resource(r)).collect::<Result<_, _>>()? })
}

pub(super) fn condition(members: &Members, here: &str) -> Result<Box<[Condition]>, Malformed> {
    last(members, "Condition").map_or(Ok(Box::default()), |json| Ok(conditions(json, here)?.into()))
}

fn conditions(json: &Json, here: &str) -> Result<Vec<Condition>, Malformed> {
    let not_objects =
        || wrong(format!("{here}: Condition must be {{operator: {{key: value or [values]}}}}."));
    let Json::Object(operators) = json else { return Err(not_objects()) };
    let mut conditions = Vec::new();
    for (name, keys) in operators {
        let operator = Operator::parse(name).ok_or_else(|| {
            wrong(format!("{here}: \"{}\" is not a condition operator such as \"StringEquals\".", echo(name)))
        })?;
        let Json::Object(keys) = keys else { return Err(not_objects()) };
        for (key, values) in keys {
            let values = match values {
                Json::List(values) => values.iter().map(value).collect::<Option<Vec<_>>>(),
                one => value(one).map(|value| vec![value]),
            };
            conditions.push(Condition::new(operator, key, &values.ok_or_else(not_objects)?));
        }
    }
    Ok(conditions)
}

/// A condition's value as text.
fn value(json: &Json) -> Option<String> {
    match json {
        Json::Text(text) | Json::Number(text) => Some(text.clone()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Null | Json::List(_) | Json::Object(_) => None,
    }
}

/// The texts of `Action` or `NotAction` (or the like), and whether it was the second.
pub(super) fn one_of(
    members: &Members,
    plain: &str,
    not: &str,
    here: &str,
) -> Result<(bool, Vec<String>), Malformed> {
    let (is_not, json) = match (last(members, plain), last(members, not)) {
        (Some(json), None) => (false, json),
        (None, Some(json)) => (true, json),
        _ => return Err(wrong(format!("{here} must have exactly one of {plain} and {not}."))),
    };
    let texts = match json {
        Json::Text(text) => Some(vec![text.clone()]),
        Json::List(list) if !list.is_empty() => list
            .iter()
            .map(|item| if let Json::Text(text) = item { Some(text.clone()) } else { None })
            .collect(),
        _ => None,
    };
    let name = if is_not { not } else { plain };
    Ok((
        is_not,
        texts.ok_or_else(|| wrong(format!("{here}: {name} must be a text or a list of at least one.")))?,
    ))
}

/// `*`, or a service and a name with a colon between, of letters, digits, `*` and `?`; hyphens in the service.
fn is_action(text: &str) -> bool {
    let wild = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'?');
    let Some((service, name)) = text.split_once(':') else { return text == "*" };
    let service_ok = !service.is_empty() && service.bytes().all(|b| wild(b) || b == b'-');
    service_ok && !name.is_empty() && name.bytes().all(wild)
}

fn resource(text: &str) -> Result<ArnPattern, Malformed> {
    let pattern = ArnPattern::parse(text);
    let fits = match &pattern {
        ArnPattern::All => true,
        ArnPattern::Parts(_) => text.starts_with("arn:"),
        ArnPattern::Short(_) => false,
    };
    if fits { Ok(pattern) } else { Err(Malformed::Resource(echo(text))) }
}

/// The last member of that name: the one that counts when it is given twice.
pub(super) fn last<'m>(members: &'m Members, name: &str) -> Option<&'m Json> {
    members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
}

pub(super) fn known(members: &Members, names: &[&str], here: &str) -> Result<(), Malformed> {
    match members.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, _)) => {
            let names = names.join(", ");
            Err(wrong(format!("{here} has a member \"{}\"; allowed are {names}.", echo(name))))
        }
    }
}

fn optional_text(members: &Members, name: &str, whose: &str) -> Result<Option<Box<str>>, Malformed> {
    match last(members, name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text.as_str().into())),
        Some(_) => Err(wrong(format!("{whose} {name} must be a text."))),
    }
}

pub(super) fn wrong(what: impl Into<String>) -> Malformed {
    Malformed::Syntax(what.into())
}

pub(super) fn echo(text: &str) -> String {
    let mut shown: String = text.chars().take(ECHO).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
