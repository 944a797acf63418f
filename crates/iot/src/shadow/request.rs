//! What a client asks: a state document, or a body of which only the token matters.

use serde_json::{Value, json};

use super::{MAX_CLIENT_TOKEN, MAX_DEPTH, Object, Refusal, stamps, written};

/// An update of one section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Section {
    /// It was not mentioned.
    #[default]
    Stays,
    /// It was `null`.
    Goes,
    /// This is merged over it.
    Gets(Object),
}

impl Section {
    /// As the client sent it; `None` if it did not.
    fn sent(&self) -> Option<Value> {
        match self {
            Section::Stays => None,
            Section::Goes => Some(Value::Null),
            Section::Gets(patch) => Some(Value::Object(patch.clone())),
        }
    }
}

/// An update that is well formed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// What applications ask for.
    pub desired: Section,
    /// What the device says.
    pub reported: Section,
    /// The version the client believes is kept.
    pub version: Option<i64>,
    /// Echoed in every answer.
    pub client_token: Option<String>,
}

impl Update {
    /// Reads the payload of an update.
    ///
    /// # Errors
    /// 415 if it is not UTF-8; 400 with AWS's text for everything else.
    pub fn parse(payload: &[u8]) -> Result<Update, Refusal> {
        let mut members = object(payload)?;
        let client_token = token(&members)?;
        let refused = |refusal: Refusal| refusal.with_token(client_token.clone());
        let version = version(&members).map_err(refused)?;
        let (desired, reported) = state(members.remove("state")).map_err(refused)?;
        Ok(Update { desired, reported, version, client_token })
    }

    /// The payload of `…/update/accepted`: what was sent, and nothing else of the state.
    pub(super) fn accepted(&self, version: i64, stamp: i64) -> Vec<u8> {
        let (mut state, mut metadata) = (Object::new(), Object::new());
        for (name, section) in [("desired", &self.desired), ("reported", &self.reported)] {
            if let Some(sent) = section.sent() {
                metadata.insert(name.to_owned(), stamps(&sent, stamp));
                state.insert(name.to_owned(), sent);
            }
        }
        let answer = json!({ "state": state, "metadata": metadata, "version": version, "timestamp": stamp });
        written(answer, self.client_token.as_deref())
    }
}

/// The body of a get or a delete. AWS ignores all of it but the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Echoed in every answer.
    pub client_token: Option<String>,
}

impl Request {
    /// Reads the payload of a get or a delete; what is no JSON object counts as empty.
    ///
    /// # Errors
    /// 400 for a client token that is no text or too long.
    pub fn parse(payload: &[u8]) -> Result<Request, Refusal> {
        match serde_json::from_slice::<Object>(payload) {
            Ok(members) => Ok(Request { client_token: token(&members)? }),
            Err(_) => Ok(Request::default()),
        }
    }
}

fn object(payload: &[u8]) -> Result<Object, Refusal> {
    let text = std::str::from_utf8(payload)
        .map_err(|_| Refusal::new(415, "Unsupported documented encoding; supported encoding is UTF-8"))?;
    serde_json::from_str(text).map_err(|_| bad("Invalid JSON"))
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(400, message)
}

fn token(members: &Object) -> Result<Option<String>, Refusal> {
    match members.get("clientToken") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(token)) if token.len() <= MAX_CLIENT_TOKEN => Ok(Some(token.clone())),
        Some(_) => Err(bad("Invalid clientToken")),
    }
}

fn version(members: &Object) -> Result<Option<i64>, Refusal> {
    match members.get("version") {
        None | Some(Value::Null) => Ok(None),
        Some(number) => match number.as_i64().filter(|number| *number >= 0) {
            Some(number) => Ok(Some(number)),
            None => Err(bad("Invalid version")),
        },
    }
}

fn state(state: Option<Value>) -> Result<(Section, Section), Refusal> {
    let mut sections = match state {
        None | Some(Value::Null) => return Err(bad("Missing required node: state")),
        Some(Value::Object(sections)) => sections,
        Some(_) => return Err(bad("State node must be an object")),
    };
    let desired = section(sections.remove("desired"), "Desired node must be an object")?;
    let reported = section(sections.remove("reported"), "Reported node must be an object")?;
    if !sections.is_empty() {
        return Err(bad("State contains an invalid node"));
    }
    Ok((desired, reported))
}

fn section(value: Option<Value>, not_an_object: &str) -> Result<Section, Refusal> {
    match value {
        None => Ok(Section::Stays),
        Some(Value::Null) => Ok(Section::Goes),
        Some(Value::Object(patch)) => {
            patch.values().try_for_each(|value| check(value, MAX_DEPTH))?;
            Ok(Section::Gets(patch))
        }
        Some(_) => Err(bad(not_an_object)),
    }
}

/// Refuses what is nested deeper than `left` more levels, and lists that hold `null`.
fn check(value: &Value, left: usize) -> Result<(), Refusal> {
    let below = || left.checked_sub(1).ok_or_else(too_deep);
    match value {
        Value::Object(members) => {
            let left = below()?;
            members.values().try_for_each(|value| check(value, left))
        }
        Value::Array(items) => {
            let left = below()?;
            items.iter().try_for_each(|item| match item {
                Value::Null => Err(bad("State contains an invalid node")),
                _ => check(item, left),
            })
        }
        _ => Ok(()),
    }
}

fn too_deep() -> Refusal {
    bad(format!("JSON contains too many levels of nesting; maximum is {MAX_DEPTH}"))
}
