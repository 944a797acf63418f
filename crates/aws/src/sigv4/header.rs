//! The form with an `Authorization` header.

use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderValue};

use super::{ALGORITHM, DATE, Parts, TOKEN, bad_algorithm, bad_date, incomplete};
use crate::refusal::Refusal;
use crate::time;

/// Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…` and the headers that belong to it.
pub(super) fn parse<'a>(value: &'a HeaderValue, headers: &'a HeaderMap) -> Result<Parts<'a>, Refusal> {
    let text = value.to_str().map_err(|_| incomplete("The Authorization header must be ASCII."))?.trim();
    let (algorithm, parameters) = text.split_once(' ').unwrap_or((text, ""));
    if algorithm != ALGORITHM {
        return Err(bad_algorithm(algorithm));
    }
    let find = |name: &str| {
        let mut given = parameters.split(',').filter_map(|part| part.trim().split_once('='));
        given.find(|(key, _)| *key == name).map(|(_, value)| value).filter(|value| !value.is_empty())
    };
    let parts = [find("Credential"), find("SignedHeaders"), find("Signature")];
    let [Some(credential), Some(signed_headers), Some(signature)] = parts else {
        let missing = ["Credential", "SignedHeaders", "Signature"]
            .into_iter()
            .zip(parts)
            .filter(|(_, part)| part.is_none());
        let texts: Vec<String> =
            missing.map(|(name, _)| format!("Authorization header requires '{name}' parameter.")).collect();
        return Err(Refusal::IncompleteSignature(texts.join(" ")));
    };
    Ok(Parts {
        credential: Cow::Borrowed(credential),
        signed_headers: Cow::Borrowed(signed_headers),
        signature: Cow::Borrowed(signature),
        signed_at: signed_at(headers)?,
        expires: None,
        session_token: headers.get(TOKEN).and_then(|token| token.to_str().ok()).map(Cow::Borrowed),
    })
}

/// `X-Amz-Date` counts before `Date`.
fn signed_at(headers: &HeaderMap) -> Result<i64, Refusal> {
    let value = headers.get(DATE).or_else(|| headers.get(header::DATE)).ok_or_else(|| {
        incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    })?;
    let text = value.to_str().map_err(|_| bad_date(""))?.trim();
    time::parse_basic(text).or_else(|| time::parse_http(text)).ok_or_else(|| bad_date(text))
}
