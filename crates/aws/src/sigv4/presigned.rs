//! The form with the signature in the query.

use std::borrow::Cow;

use super::{ALGORITHM, PRESIGNED_SECONDS, Parts, SKEW_SECONDS, bad_algorithm, bad_date, uri};
use crate::refusal::Refusal;
use crate::time;

/// The parameter with the signature itself, which no signature covers.
pub(super) const SIGNATURE: &str = "X-Amz-Signature";
/// The parameter with the token of temporary credentials.
pub(super) const TOKEN: &str = "X-Amz-Security-Token";

/// Whether a query is meant to carry a signature.
pub(super) fn is_signed(query: &str) -> bool {
    uri::pairs(query).any(|(key, _)| matches!(key, "X-Amz-Algorithm" | SIGNATURE | "X-Amz-Credential"))
}

/// Reads the `X-Amz-…` parameters. `X-Amz-Expires` may be missing, as device SDKs leave it out; the signature then
/// lives as long as one in a header.
pub(super) fn parse(query: &str) -> Result<Parts<'static>, Refusal> {
    let find = |name: &str| -> Result<Option<String>, Refusal> {
        let mut values = uri::pairs(query).filter(|(key, _)| *key == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => match uri::decode_text(value) {
                Some(text) if !text.is_empty() => Ok(Some(text)),
                _ => Err(Refusal::IncompleteSignature(format!("The value of '{name}' cannot be read."))),
            },
            (Some(_), Some(_)) => Err(Refusal::IncompleteSignature(format!(
                "AWS query-string parameters must have one '{name}'."
            ))),
        }
    };
    let need = |name: &str| {
        find(name)?.ok_or_else(|| {
            Refusal::IncompleteSignature(format!("AWS query-string parameters must include '{name}'."))
        })
    };
    let algorithm = need("X-Amz-Algorithm")?;
    if algorithm != ALGORITHM {
        return Err(bad_algorithm(&algorithm));
    }
    let date = need("X-Amz-Date")?;
    Ok(Parts {
        credential: Cow::Owned(need("X-Amz-Credential")?),
        signed_headers: Cow::Owned(need("X-Amz-SignedHeaders")?),
        signature: Cow::Owned(need(SIGNATURE)?),
        signed_at: time::parse_basic(&date).ok_or_else(|| bad_date(&date))?,
        expires: Some(expires(find("X-Amz-Expires")?.as_deref())?),
        session_token: find(TOKEN)?.map(Cow::Owned),
    })
}

fn expires(text: Option<&str>) -> Result<i64, Refusal> {
    let Some(text) = text else { return Ok(SKEW_SECONDS) };
    text.parse().ok().filter(|seconds| (1..=PRESIGNED_SECONDS).contains(seconds)).ok_or_else(|| {
        Refusal::IncompleteSignature(format!(
            "X-Amz-Expires must be a number from 1 to {PRESIGNED_SECONDS} (seconds)."
        ))
    })
}
