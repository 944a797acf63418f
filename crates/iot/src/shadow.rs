//! Device shadows, classic and named: what an update makes of a document, and every answer to it.
//!
//! A shadow has two sections, `desired` and `reported`. An update is merged over them, `null` removes; every leaf
//! remembers in the metadata when it was last sent. The delta is what is desired and not reported. Nothing here
//! waits or reads a clock: [`Kept::updated`] takes what is kept, the update and the time, and says what to keep and
//! what to answer. Codes, texts and the form of the documents are AWS's (developer guide, "Device Shadow service
//! documents" and "error messages"; spec: control-plane §10).

mod merge;
mod request;
mod topic;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::{Error, Kind};
use crate::time::Timestamp;

pub use merge::{delta, merge, stamps};
pub use request::{Request, Section, Update};
pub use topic::{Operation, ShadowName, ShadowTopic};

/// A JSON object.
pub type Object = Map<String, Value>;

/// Most objects and lists inside each other in a section, the section itself not counted (AWS quota: 8).
pub const MAX_DEPTH: usize = 8;

/// Longest client token in bytes (AWS developer guide: 64).
pub const MAX_CLIENT_TOKEN: usize = 64;

/// How long the version of a deleted shadow is remembered, in milliseconds (AWS developer guide: 48 hours).
pub const VERSION_KEPT_MILLIS: i64 = 48 * 3_600_000;

/// `desired` and `reported`, of the state or of its metadata. An empty section is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sections {
    /// What applications ask for.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub desired: Object,
    /// What the device says.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub reported: Object,
}

/// The content of a shadow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    /// The values.
    pub state: Sections,
    /// For every leaf of the state `{"timestamp": seconds}`; lists have one per entry.
    pub metadata: Sections,
}

/// A shadow as it is kept. A deleted one is kept too, for its version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// One more with every update; 0 if there never was one.
    pub version: i64,
    /// The content; `None` if there is none or it was deleted.
    pub document: Option<Document>,
}

/// Why a request was refused, as the device reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// An HTTP status.
    pub code: u16,
    /// AWS's text.
    pub message: String,
    /// The client's token, if the request was understood that far.
    pub client_token: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: u16, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into(), client_token: None }
    }

    /// There is no such shadow.
    pub fn not_found(topic: &ShadowTopic) -> Refusal {
        Refusal::new(404, format!("No shadow exists with name: '{}'", topic.identifier()))
    }

    /// The server failed.
    pub fn internal() -> Refusal {
        Refusal::new(500, "Internal service failure")
    }

    /// The same refusal for the client with this token.
    #[must_use]
    pub fn with_token(self, client_token: Option<String>) -> Refusal {
        Refusal { client_token, ..self }
    }

    /// The payload of `…/rejected`.
    pub fn payload(&self, now: Timestamp) -> Vec<u8> {
        let answer = json!({ "code": self.code, "message": self.message, "timestamp": seconds(now) });
        written(answer, self.client_token.as_deref())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        let kind = match refusal.code {
            404 => Kind::NotFound,
            409 => Kind::VersionConflict,
            413 => Kind::TooLarge,
            415 => Kind::Encoding,
            500 => return Error::internal("the shadow could not be kept"),
            _ => Kind::Invalid,
        };
        Error::new(kind, refusal.message)
    }
}

/// What came of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// What is to be kept now.
    pub kept: Kept,
    /// The payload of `…/update/accepted`, and of the answer over HTTP.
    pub accepted: Vec<u8>,
    /// The payload of `…/update/delta`, if desired and reported differ.
    pub delta: Option<Vec<u8>>,
    /// The payload of `…/update/documents`.
    pub documents: Vec<u8>,
}

impl Kept {
    /// Applies an update. `limit` is the most bytes of state, both sections as compact JSON.
    ///
    /// # Errors
    /// 409 for another version than the client believes; 413 for too large a state.
    pub fn updated(&self, update: &Update, limit: usize, now: Timestamp) -> Result<Updated, Refusal> {
        let token = update.client_token.as_deref();
        let refused = |refusal: Refusal| refusal.with_token(update.client_token.clone());
        if update.version.is_some_and(|version| version != self.version) {
            return Err(refused(Refusal::new(409, "Version conflict")));
        }
        let before = self.document.clone().unwrap_or_default();
        let mut after = before.clone();
        let stamp = seconds(now);
        for (section, state, metadata) in [
            (&update.desired, &mut after.state.desired, &mut after.metadata.desired),
            (&update.reported, &mut after.state.reported, &mut after.metadata.reported),
        ] {
            match section {
                Section::Stays => {}
                Section::Goes => (*state, *metadata) = (Object::new(), Object::new()),
                Section::Gets(patch) => merge(state, metadata, patch, stamp),
            }
        }
        if size(&after.state) > limit {
            return Err(refused(Refusal::new(413, "The payload exceeds the maximum size allowed")));
        }
        let version = self.version.saturating_add(1);
        let difference = after.difference().map(|(state, metadata)| {
            let payload =
                json!({ "version": version, "timestamp": stamp, "state": state, "metadata": metadata });
            written(payload, token)
        });
        let documents = json!({
            "previous": { "state": before.state, "metadata": before.metadata, "version": self.version },
            "current": { "state": after.state, "metadata": after.metadata, "version": version },
            "timestamp": stamp,
        });
        Ok(Updated {
            accepted: update.accepted(version, stamp),
            delta: difference,
            documents: written(documents, token),
            kept: Kept { version, document: Some(after) },
        })
    }

    /// The payload of `…/get/accepted`, and of the answer over HTTP; `None` without a document.
    pub fn shown(&self, client_token: Option<&str>, now: Timestamp) -> Option<Vec<u8>> {
        let document = self.document.as_ref()?;
        let mut state = json!(document.state);
        if let (Some((delta, _)), Value::Object(sections)) = (document.difference(), &mut state) {
            sections.insert("delta".to_owned(), Value::Object(delta));
        }
        let answer = json!({
            "state": state,
            "metadata": document.metadata,
            "version": self.version,
            "timestamp": seconds(now),
        });
        Some(written(answer, client_token))
    }

    /// The payload of `…/delete/accepted`, and of the answer over HTTP.
    pub fn deleted(&self, client_token: Option<&str>, now: Timestamp) -> Vec<u8> {
        written(json!({ "version": self.version, "timestamp": seconds(now) }), client_token)
    }
}

impl Document {
    /// What is desired and not reported, with the metadata of the desired values; `None` if nothing.
    pub fn difference(&self) -> Option<(Object, Object)> {
        delta(&self.state.desired, &self.state.reported, &self.metadata.desired)
    }
}

/// Bytes of a state as compact JSON: what counts towards the limit. Metadata does not.
pub fn size(state: &Sections) -> usize {
    serde_json::to_vec(state).map_or(usize::MAX, |text| text.len())
}

/// Whole seconds since the epoch: the unit of every time in a shadow document.
pub fn seconds(now: Timestamp) -> i64 {
    now.millis().div_euclid(1000)
}

/// The text of an answer, with the client's token if there is one.
pub(crate) fn written(mut answer: Value, client_token: Option<&str>) -> Vec<u8> {
    if let (Some(token), Value::Object(members)) = (client_token, &mut answer) {
        members.insert("clientToken".to_owned(), Value::from(token));
    }
    answer.to_string().into_bytes()
}
