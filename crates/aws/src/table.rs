//! What a row of the generated tables is: an operation, its members, their constraints, its faults.

pub mod iam;
pub mod iot;
pub mod iot_data;
pub mod jobs_data;
pub mod ours;
pub mod sts;
pub mod tunneling;

use crate::pattern::Pattern;
use crate::service::Service;

/// One operation of a service's model.
pub struct Operation {
    /// AWS's name, `OpenTunnel`.
    pub name: &'static str,
    /// The service it belongs to; names are unique only within one.
    pub service: Service,
    /// The HTTP method.
    pub method: Method,
    /// Path with labels in braces; `{name+}` takes the whole rest.
    pub path: &'static str,
    /// HTTP status of success.
    pub status: u16,
    /// The input members.
    pub members: &'static [Member],
    /// The faults that the model lists for it.
    pub faults: &'static [Fault],
}

/// The methods that occur in the models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    /// As it stands in a request line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One member of an input or of a structure inside it.
pub struct Member {
    /// The name in the API and in what [`crate::Call::bind`] returns.
    pub name: &'static str,
    /// The name on the wire: path label, query key, lower-case header name or JSON key.
    pub wire: &'static str,
    /// Where it stands in a request.
    pub place: Place,
    /// Whether it must be given.
    pub required: bool,
    /// What its value must be.
    pub check: &'static Check,
}

/// An optional member of a JSON body.
pub(crate) const fn may(name: &'static str, check: &'static Check) -> Member {
    Member { name, wire: name, place: Place::Body, required: false, check }
}

/// A required member of a JSON body.
pub(crate) const fn need(name: &'static str, check: &'static Check) -> Member {
    Member { required: true, ..may(name, check) }
}

impl Member {
    pub(crate) const fn at(self, place: Place, wire: &'static str) -> Self {
        Self { place, wire, ..self }
    }
}

/// Where a member stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A label of the path.
    Path,
    /// A query parameter.
    Query,
    /// A header.
    Header,
    /// A header whose value is JSON in base64.
    JsonHeader,
    /// A key of the JSON body.
    Body,
    /// The body itself.
    Payload,
}

/// What a value must be. Lengths of text are in characters, of blobs in bytes, of lists and maps in entries.
pub enum Check {
    /// A string.
    Text(Text),
    /// A whole number.
    Integer {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// A number with a fraction.
    Double,
    /// `true` or `false`.
    Boolean,
    /// Epoch seconds, or ISO 8601 in a query.
    Timestamp,
    /// Bytes: base64 inside JSON, raw as a payload.
    Blob {
        /// Least length in bytes.
        min: u32,
        /// Greatest length in bytes.
        max: u32,
    },
    /// A list.
    List {
        /// Least number of entries.
        min: u32,
        /// Greatest number of entries.
        max: u32,
        /// What each entry must be.
        item: &'static Self,
    },
    /// A map with string keys.
    Map {
        /// Least number of entries.
        min: u32,
        /// Greatest number of entries.
        max: u32,
        /// What each key must be.
        key: &'static Self,
        /// What each value must be.
        value: &'static Self,
    },
    /// An object with known members.
    Structure(&'static [Member]),
}

/// The constraints of a string.
pub struct Text {
    /// Least length in characters.
    pub min: u32,
    /// Greatest length in characters; `u32::MAX` where the model has none.
    pub max: u32,
    /// What the whole text must match.
    pub pattern: Option<&'static Pattern>,
    /// The only values allowed, unless empty.
    pub values: &'static [&'static str],
    /// Whether the value must never be repeated in a message.
    pub sensitive: bool,
}

impl Text {
    pub(crate) const fn any() -> Self {
        Self { min: 0, max: u32::MAX, pattern: None, values: &[], sensitive: false }
    }

    pub(crate) const fn sized(min: u32, max: u32) -> Self {
        Self { min, max, ..Self::any() }
    }

    pub(crate) const fn one_of(values: &'static [&'static str]) -> Self {
        Self { values, ..Self::any() }
    }

    pub(crate) const fn like(self, pattern: &'static Pattern) -> Self {
        Self { pattern: Some(pattern), ..self }
    }

    pub(crate) const fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }
}

/// A fault that an operation's model lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// AWS's code, `ResourceNotFoundException`.
    pub name: &'static str,
    /// HTTP status; 400 (500 for the service's own fault) where the model names none.
    pub status: u16,
}
