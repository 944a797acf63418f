//! The AWS front: which operation, who signed it, is the input well formed.
//!
//! A request goes through three doors, and each hands out the key to the next:
//!
//! 1. [`read`] names the operation and the key that signed, and refuses what no model knows;
//! 2. [`Unsigned::verify`] recomputes the signature with the key's secret;
//! 3. [`Call::bind`] gathers path, query, headers and body into one JSON object and checks every constraint.
//!
//! Whoever holds a [`Call`] therefore holds a verified one. A caller who has proved who he is by other means (a device
//! with its TLS certificate) enters by [`name`] instead. Answers are written by [`reply()`] and [`fault`], in the
//! wire form that [`Refused::about`] or the operation's service names. The crate is pure: the caller brings the
//! request, the secret and the time. A client goes the other way: [`build`] makes the request of an operation, [`sign`]
//! signs it, and [`read_answer`] reads what comes back. The rows of all operations come from AWS's models (`tools/gen_aws_tables.py`).

#![warn(missing_docs)]

pub mod json11;
pub mod limits;
pub mod pattern;
pub mod profile;
pub mod query_xml;
pub mod rest_json;
pub mod service;
pub mod sigv4;
pub mod table;

mod answer;
mod bind;
mod form;
mod json;
mod outgoing;
mod refusal;
mod reply;
mod route;
mod time;
mod uri;
mod validate;
mod xml;

pub use answer::{Fault, Unanswered, read_answer};
pub use outgoing::{Outgoing, blob, build};
pub use refusal::{About, Refusal, Refused};
pub use reply::{Failure, Reply, fault, reply};
pub use service::{Protocol, Service};
pub use sigv4::{GATEWAY, Signature, Signer, presign, sign};
pub use table::Operation;
pub use time::extended;
pub use uri::encode as percent_encoded;

use http::{HeaderMap, Method};
use serde_json::Value;
use table::Place;

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
    signature: Signature<'a>,
}

/// A request whose signature is right.
pub struct Call<'a> {
    request: Request<'a>,
    /// The path that the signature covers, if that is not the one on the wire.
    path: Option<String>,
    operation: &'static Operation,
    signature: Signature<'a>,
}

/// A request whose path names its operation. Who asks must be known by other means than a signature.
pub struct Named<'a> {
    request: Request<'a>,
    operation: &'static Operation,
}

/// Finds out which operation of `service` a request asks for that carries no signature.
///
/// # Errors
/// [`Refusal::TooLarge`], [`Refusal::UnknownOperation`].
pub fn name<'a>(request: &Request<'a>, service: Service) -> Result<Named<'a>, Refused> {
    let about = About { protocol: service.protocol(), service: Some(service), operation: None };
    let limit = limits::BODY_BYTES;
    if request.body.len() > limit {
        let why = Refusal::TooLarge { size: request.body.len(), limit };
        return Err(Refused { why, about });
    }
    let operation = route::of_service(service, request).map_err(|why| Refused { why, about })?;
    Ok(Named { request: *request, operation })
}

impl Named<'_> {
    /// The operation asked for.
    #[must_use]
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// What an answer needs to know.
    #[must_use]
    pub fn about(&self) -> About {
        About::operation(self.operation)
    }

    /// The whole input, as [`Call::bind`] gives it.
    ///
    /// # Errors
    /// [`Refusal::Serialization`] for what cannot be read, [`Refusal::Validation`] for what breaks constraints.
    pub fn bind(&self) -> Result<Value, Refused> {
        bind::bind(self.operation, &self.request).map_err(|why| Refused { why, about: self.about() })
    }
}

/// Finds out which operation is asked for and which key signed.
///
/// # Errors
/// [`Refusal::MissingToken`] if nothing is signed, before anything else is looked at; then
/// [`Refusal::TooLarge`], [`Refusal::IncompleteSignature`], [`Refusal::WrongScope`], [`Refusal::WrongRegion`],
/// [`Refusal::WrongService`] and [`Refusal::UnknownOperation`].
pub fn read<'a>(request: &Request<'a>) -> Result<Unsigned<'a>, Refused> {
    let unknown = About { protocol: route::protocol(request), service: None, operation: None };
    let signature = Signature::parse(request).map_err(|why| Refused { why, about: unknown })?;
    let limit = limits::BODY_BYTES;
    if request.body.len() > limit {
        let why = Refusal::TooLarge { size: request.body.len(), limit };
        return Err(Refused { why, about: unknown });
    }
    let operation = route::operation(request, signature.service()).map_err(|(why, service)| {
        let protocol = service.map_or(unknown.protocol, Service::protocol);
        Refused { why, about: About { protocol, service, operation: None } }
    })?;
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
        self.signature.key_id()
    }

    /// The region in the credential scope: 1 to 64 lower-case letters, digits and hyphens.
    #[must_use]
    pub fn region(&self) -> &str {
        self.signature.region()
    }

    /// The session token that came along. Whether it belongs to the key is for the caller to say.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.signature.session_token()
    }

    /// What an answer needs to know, should the caller refuse (an unknown key, for instance).
    #[must_use]
    pub fn about(&self) -> About {
        About::operation(self.operation)
    }

    /// Recomputes the signature. `now` is in epoch seconds.
    ///
    /// A path with dot segments or repeated slashes counts as signed as it stands or without them, for both are
    /// done; in the second case the call goes on with the path that was signed, to the same operation.
    ///
    /// # Errors
    /// [`Refusal::Expired`], [`Refusal::NotYetCurrent`], [`Refusal::UnsignedHeader`], [`Refusal::BodyHash`],
    /// [`Refusal::SignatureMismatch`].
    pub fn verify(self, secret: &str, now: i64) -> Result<Call<'a>, Refused> {
        match self.signed_path(secret, now) {
            Ok(path) => {
                let Self { request, operation, signature } = self;
                Ok(Call { request, path, operation, signature })
            }
            Err(why) => Err(Refused { why, about: self.about() }),
        }
    }

    fn signed_path(&self, secret: &str, now: i64) -> Result<Option<String>, Refusal> {
        let uncovered = |name: &str| self.request.headers.contains_key(name) && !self.signature.covers(name);
        let inputs = self.operation.members.iter();
        let mut inputs = inputs.filter(|member| matches!(member.place, Place::Header | Place::JsonHeader));
        if uncovered(route::TARGET) {
            return Err(Refusal::UnsignedHeader(route::TARGET.to_owned()));
        }
        if let Some(member) = inputs.find(|member| uncovered(member.wire)) {
            return Err(Refusal::UnsignedHeader(member.wire.to_owned()));
        }
        match self.signature.verify(&self.request, secret, now) {
            Ok(()) => Ok(None),
            Err(Refusal::SignatureMismatch) => {
                let path = uri::normalized(self.request.path);
                let request = Request { path: &path, ..self.request };
                if path == self.request.path || !route::leads_to(self.operation, &request) {
                    return Err(Refusal::SignatureMismatch);
                }
                self.signature.verify(&request, secret, now).map(|()| Some(path))
            }
            Err(why) => Err(why),
        }
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
        self.signature.key_id()
    }

    /// The region that records of this call belong to.
    #[must_use]
    pub fn region(&self) -> &str {
        self.signature.region()
    }

    /// The session token that came along.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.signature.session_token()
    }

    /// What an answer needs to know.
    #[must_use]
    pub fn about(&self) -> About {
        About::operation(self.operation)
    }

    /// The whole input as one object, keyed by the member names of the API. Members that are absent or null are not
    /// in it; unknown ones neither. A payload of bytes is base64 text.
    ///
    /// # Errors
    /// [`Refusal::Serialization`] for what cannot be read, [`Refusal::Validation`] for what breaks constraints.
    pub fn bind(&self) -> Result<Value, Refused> {
        let path = self.path.as_deref().unwrap_or(self.request.path);
        let request = Request { path, ..self.request };
        bind::bind(self.operation, &request).map_err(|why| Refused { why, about: self.about() })
    }
}
