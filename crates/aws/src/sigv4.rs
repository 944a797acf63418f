//! AWS Signature Version 4: read it, recompute it, make it.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue};

use crate::Request;
use crate::refusal::Refusal;

/// A signature as it came with a request, not yet believed.
pub struct Signature<'a> {
    pub(crate) key_id: Cow<'a, str>,
    pub(crate) region: Cow<'a, str>,
    pub(crate) session_token: Option<Cow<'a, str>>,
}

impl<'a> Signature<'a> {
    /// Reads the `Authorization` header or the signed query of a request.
    ///
    /// # Errors
    /// [`Refusal::MissingToken`] or [`Refusal::IncompleteSignature`].
    pub fn parse(_request: &Request<'a>) -> Result<Self, Refusal> {
        Err(Refusal::MissingToken)
    }

    /// Recomputes the signature. `now` is in epoch seconds.
    ///
    /// # Errors
    /// [`Refusal::Expired`], [`Refusal::NotYetCurrent`], [`Refusal::UnsignedHeader`], [`Refusal::BodyHash`],
    /// [`Refusal::SignatureMismatch`].
    pub fn verify(&self, _request: &Request<'a>, _secret: &str, _now: i64) -> Result<(), Refusal> {
        Err(Refusal::SignatureMismatch)
    }
}

/// Who signs, for what, and when.
pub struct Signer<'a> {
    /// The key's id.
    pub key_id: &'a str,
    /// The key's secret.
    pub secret: &'a str,
    /// The token of temporary credentials.
    pub session_token: Option<&'a str>,
    /// The region to sign for.
    pub region: &'a str,
    /// The service to sign for, [`crate::Service::signing_name`].
    pub service: &'a str,
    /// The time of signing in epoch seconds.
    pub now: i64,
}

/// The headers that sign a request: `x-amz-date`, `x-amz-security-token` if there is a token, `authorization`.
///
/// The request must have its `host` header and everything else that is to be signed; the three must not be in it.
///
/// # Errors
/// [`http::header::InvalidHeaderValue`] if a name in `signer` cannot stand in a header.
pub fn sign(
    _request: &Request<'_>,
    _signer: &Signer<'_>,
) -> Result<Vec<(HeaderName, HeaderValue)>, http::header::InvalidHeaderValue> {
    Ok(Vec::new())
}
