//! AWS IoT policies: what a document may say, and what a set of them decides (spec: policies).
//!
//! A [`Document`] is read and compiled once. A [`PolicySet`] is the documents that count for one principal; it answers
//! a [`Request`] with a [`Decision`] that names the policy and the statement behind it. The gateway, TestAuthorization
//! and the record of refusals all read that same value.
//!
//! IAM's documents are the same language: [`Document::identity`] reads them under IAM's rules, [`Rights`] are what a signed
//! caller may do by all of its sets, and a [`TrustPolicy`] says who may assume a role.

mod condition;
mod cover;
mod date;
mod document;
mod evaluate;
mod facts;
mod identity;
mod keys;
mod rights;
mod syntax;
mod trust;
mod variables;
mod wildcard;

pub use document::{Document, MAX_CHARACTERS, Malformed, characters, statement_of};
pub use evaluate::{Decision, Explanation, Place, PolicySet, Reason, Refused, Request};
pub use facts::{AlternativeName, CertificateFacts, CertificateField, NameField, ThingFacts};
pub use identity::{MAX_IAM_CHARACTERS, MalformedDocument};
pub use keys::Keys;
pub use rights::{Layer, Rights, Verdict};
pub use trust::{ASSUME_ROLE, Assumer, Trust, TrustPolicy};
pub use variables::{ConnectFacts, Context, Will};

use crate::arn::partition;
use crate::ids::Scope;

/// The actions this server asks about, as they stand in documents and reports (spec: policies §3).
pub mod action {
    /// A CONNECT, on `client/<client id>`.
    pub const CONNECT: &str = "iot:Connect";
    /// A PUBLISH or a will, on `topic/<topic>`.
    pub const PUBLISH: &str = "iot:Publish";
    /// A PUBLISH or a will with RETAIN, on `topic/<topic>`, besides [`PUBLISH`].
    pub const RETAIN_PUBLISH: &str = "iot:RetainPublish";
    /// A filter of a SUBSCRIBE, on `topicfilter/<filter>`.
    pub const SUBSCRIBE: &str = "iot:Subscribe";
    /// A delivery, on `topic/<topic>`.
    pub const RECEIVE: &str = "iot:Receive";
    /// Reading a retained message over HTTPS, on `topic/<topic>`.
    pub const GET_RETAINED_MESSAGE: &str = "iot:GetRetainedMessage";
    /// Listing retained messages over HTTPS, on `*`.
    pub const LIST_RETAINED_MESSAGES: &str = "iot:ListRetainedMessages";
    /// Listing a thing's named shadows over HTTPS, on `*`.
    pub const LIST_NAMED_SHADOWS: &str = "iot:ListNamedShadowsForThing";
    /// Reading a shadow over HTTPS, on `thing/<name>` or `thing/<name>/<shadow>`.
    pub const GET_THING_SHADOW: &str = "iot:GetThingShadow";
    /// Writing a shadow over HTTPS, on `thing/<name>` or `thing/<name>/<shadow>`.
    pub const UPDATE_THING_SHADOW: &str = "iot:UpdateThingShadow";
    /// Deleting a shadow over HTTPS, on `thing/<name>` or `thing/<name>/<shadow>`.
    pub const DELETE_THING_SHADOW: &str = "iot:DeleteThingShadow";
}

/// The ARN of the client id a connection asks for.
#[must_use]
pub fn client(scope: &Scope, client_id: &str) -> String {
    resource(scope, "client", client_id)
}

/// The ARN of a topic.
#[must_use]
pub fn topic(scope: &Scope, topic: &str) -> String {
    resource(scope, "topic", topic)
}

/// The ARN of a subscription's filter.
#[must_use]
pub fn topic_filter(scope: &Scope, filter: &str) -> String {
    resource(scope, "topicfilter", filter)
}

/// The ARN of a thing's shadow: the classic one, or the one of that name.
#[must_use]
pub fn shadow(scope: &Scope, thing: &str, name: Option<&str>) -> String {
    match name {
        None => resource(scope, "thing", thing),
        Some(name) => resource(scope, "thing", &format!("{thing}/{name}")),
    }
}

fn resource(scope: &Scope, kind: &str, name: &str) -> String {
    format!("arn:{}:iot:{}:{}:{kind}/{name}", partition(scope.region()), scope.region(), scope.account())
}
