//! AWS Signature Version 4: read it, recompute it, make it.
//!
//! Two forms: the `Authorization` header, and a query that carries the signature (presigned). The body is always
//! part of the signature here; `UNSIGNED-PAYLOAD` and streaming bodies are refused.

mod canonical;
mod header;
mod presigned;

use std::borrow::Cow;

use http::header::{AUTHORIZATION, InvalidHeaderValue};
use http::{HeaderName, HeaderValue};
use subtle::ConstantTimeEq as _;

use crate::limits::{PRESIGNED_SECONDS, SIGNED_HEADERS, SKEW_SECONDS};
use crate::refusal::{Refusal, echo};
use crate::{Request, time, uri};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// The service that MQTT over WebSocket is signed for. spec: mqtt-gateway §1.1
pub const GATEWAY: &str = "iotdevicegateway";
const BODY_HASH: &str = "x-amz-content-sha256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// A signature as it came with a request, not yet believed.
pub struct Signature<'a> {
    scope: Scope<'a>,
    session_token: Option<Cow<'a, str>>,
    /// Lower case, ascending.
    signed_headers: Vec<String>,
    signature: String,
    signed_at: i64,
    /// Seconds that the signature lives; `None` in the header form.
    expires: Option<i64>,
}

/// The credential: key id and what its derived key is good for.
#[derive(Clone)]
struct Scope<'a> {
    key_id: Cow<'a, str>,
    date: Cow<'a, str>,
    region: Cow<'a, str>,
    service: Cow<'a, str>,
}

/// The parts of a signature as text, wherever they stood.
struct Parts<'a> {
    credential: Cow<'a, str>,
    signed_headers: Cow<'a, str>,
    signature: Cow<'a, str>,
    signed_at: i64,
    expires: Option<i64>,
    session_token: Option<Cow<'a, str>>,
}

impl<'a> Signature<'a> {
    /// Reads the `Authorization` header, or else the signed query, of a request.
    ///
    /// # Errors
    /// [`Refusal::MissingToken`] if there is neither; [`Refusal::IncompleteSignature`], [`Refusal::WrongScope`],
    /// [`Refusal::WrongRegion`].
    pub fn parse(request: &Request<'a>) -> Result<Self, Refusal> {
        let parts = if let Some(value) = request.headers.get(AUTHORIZATION) {
            header::parse(value, request.headers)?
        } else if presigned::is_signed(request.query) {
            presigned::parse(request.query)?
        } else {
            return Err(Refusal::MissingToken);
        };
        let scope = Scope::parse(parts.credential, parts.signed_at)?;
        let mut signed_headers = signed_headers(&parts.signed_headers)?;
        signed_headers.sort_unstable();
        Ok(Self {
            scope,
            session_token: parts.session_token,
            signed_headers,
            signature: parts.signature.into_owned(),
            signed_at: parts.signed_at,
            expires: parts.expires,
        })
    }

    /// The id of the key that is said to have signed. Chosen by the peer: any text.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.scope.key_id
    }

    /// The region in the credential scope: lower-case letters, digits and hyphens.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.scope.region
    }

    /// The service in the credential scope. Chosen by the peer: any text.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.scope.service
    }

    /// The session token that came along.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Whether a header is covered; the name in lower case.
    #[must_use]
    pub fn covers(&self, header: &str) -> bool {
        self.signed_headers.binary_search_by(|name| name.as_str().cmp(header)).is_ok()
    }

    /// Recomputes the signature over `request`, whose path is taken as it stands. `now` is in epoch seconds.
    ///
    /// # Errors
    /// [`Refusal::Expired`], [`Refusal::NotYetCurrent`], [`Refusal::UnsignedHeader`], [`Refusal::BodyHash`],
    /// [`Refusal::SignatureMismatch`].
    pub fn verify(&self, request: &Request<'_>, secret: &str, now: i64) -> Result<(), Refusal> {
        self.is_current(now)?;
        if !self.covers("host") {
            return Err(Refusal::UnsignedHeader("host".to_owned()));
        }
        if request.headers.contains_key(&TOKEN) && self.expires.is_none() && !self.covers(TOKEN.as_str()) {
            return Err(Refusal::UnsignedHeader(TOKEN.to_string()));
        }
        let body_hash = canonical::hex_hash(request.body);
        if let Some(claimed) = request.headers.get(BODY_HASH)
            && claimed.as_bytes() != body_hash.as_bytes()
        {
            return Err(Refusal::BodyHash(format!(
                "The {BODY_HASH} header must be the SHA-256 of the request body in lower-case hex; \
                 unsigned and streamed bodies are not taken."
            )));
        }
        let covers = |without: &[&str]| {
            let canonical = canonical::request(request, &self.signed_headers, without, &body_hash);
            let right = self.scope.signature(secret, self.signed_at, &canonical);
            bool::from(right.as_bytes().ct_eq(self.signature.as_bytes()))
        };
        let right = match self.expires {
            None => covers(&[]),
            // Device SDKs append the token after they have signed; whose token it is, is judged by itself.
            Some(_) if self.service() == GATEWAY && self.session_token.is_some() => {
                covers(&[presigned::SIGNATURE]) || covers(&[presigned::SIGNATURE, presigned::TOKEN])
            }
            Some(_) => covers(&[presigned::SIGNATURE]),
        };
        if right { Ok(()) } else { Err(Refusal::SignatureMismatch) }
    }

    fn is_current(&self, now: i64) -> Result<(), Refusal> {
        let window = SKEW_SECONDS;
        if self.signed_at > now.saturating_add(window) {
            return Err(Refusal::NotYetCurrent { signed: self.signed_at, latest: now + window, now, window });
        }
        let (ended, earliest) = match self.expires {
            None => (self.signed_at, now.saturating_sub(window)),
            Some(lives) => (self.signed_at + lives, now),
        };
        if ended < earliest {
            let window = now.saturating_sub(earliest);
            return Err(Refusal::Expired { ended, earliest, now, window });
        }
        Ok(())
    }
}

impl<'a> Scope<'a> {
    fn parse(credential: Cow<'a, str>, signed_at: i64) -> Result<Self, Refusal> {
        let parts: Vec<&str> = credential.split('/').collect();
        let [key_id, date, region, service, terminator] = *parts else {
            return Err(Refusal::IncompleteSignature(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
                echo(&credential)
            )));
        };
        if terminator != TERMINATOR {
            return Err(Refusal::WrongScope(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'.",
                echo(terminator)
            )));
        }
        let stamp = time::basic(signed_at);
        if stamp.get(..8) != Some(date) {
            return Err(Refusal::WrongScope(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{}' != '{}', from '{stamp}'.",
                echo(date),
                stamp.get(..8).unwrap_or_default()
            )));
        }
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || region.len() > 64 || !region.bytes().all(named) {
            return Err(Refusal::WrongRegion(echo(region)));
        }
        let [key_id, date, region, service] =
            [key_id, date, region, service].map(|part| Cow::Owned(part.to_owned()));
        Ok(Self { key_id, date, region, service })
    }

    fn text(&self) -> String {
        let Self { date, region, service, .. } = self;
        format!("{date}/{region}/{service}/{TERMINATOR}")
    }

    /// The signature in lower-case hex.
    fn signature(&self, secret: &str, signed_at: i64, canonical: &[u8]) -> String {
        let stamp = time::basic(signed_at);
        let to_sign = format!("{ALGORITHM}\n{stamp}\n{}\n{}", self.text(), canonical::hex_hash(canonical));
        canonical::hex_signature(secret, [&self.date, &self.region, &self.service, TERMINATOR], &to_sign)
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
/// The request must have its `host` header and everything else that is to be signed. Whatever it has of the three is
/// to be replaced by these. Headers that proxies change are left out of the signature.
///
/// # Errors
/// [`InvalidHeaderValue`] if a text in `signer` cannot stand in a header.
pub fn sign(
    request: &Request<'_>,
    signer: &Signer<'_>,
) -> Result<Vec<(HeaderName, HeaderValue)>, InvalidHeaderValue> {
    const UNSIGNED: [&str; 10] = [
        "authorization",
        "connection",
        "expect",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amzn-trace-id",
    ];
    let stamp = time::basic(signer.now);
    let mut headers = request.headers.clone();
    let mut made = vec![(DATE, HeaderValue::from_str(&stamp)?)];
    if let Some(token) = signer.session_token {
        let mut token = HeaderValue::from_str(token)?;
        token.set_sensitive(true);
        made.push((TOKEN, token));
    }
    for (name, value) in &made {
        headers.insert(name, value.clone());
    }
    let mut signed: Vec<String> = headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .filter(|name| !UNSIGNED.contains(&name.as_str()))
        .collect();
    signed.sort_unstable();
    let scope = Scope {
        key_id: signer.key_id.into(),
        date: stamp.chars().take(8).collect(),
        region: signer.region.into(),
        service: signer.service.into(),
    };
    let request = Request { headers: &headers, ..*request };
    let canonical = canonical::request(&request, &signed, &[], &canonical::hex_hash(request.body));
    let signature = scope.signature(signer.secret, signer.now, &canonical);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
        scope.key_id,
        scope.text(),
        signed.join(";")
    );
    made.push((AUTHORIZATION, HeaderValue::from_str(&authorization)?));
    Ok(made)
}

/// The query that signs a request for as long as it says: that of `request` with the parameters of the signature.
///
/// Only `host` is signed, which the request must have. `lives` is in seconds, at most [`PRESIGNED_SECONDS`]. A session token
/// comes behind the signature where the service is [`GATEWAY`], as device SDKs send it, and is signed elsewhere.
#[must_use]
pub fn presign(request: &Request<'_>, signer: &Signer<'_>, lives: i64) -> String {
    let stamp = time::basic(signer.now);
    let scope = Scope {
        key_id: signer.key_id.into(),
        date: stamp.chars().take(8).collect(),
        region: signer.region.into(),
        service: signer.service.into(),
    };
    let pair = |name: &str, value: &str| format!("{name}={}", uri::encode(value.as_bytes()));
    let token = signer.session_token.map(|token| pair(presigned::TOKEN, token));
    let mut pairs: Vec<String> =
        (!request.query.is_empty()).then(|| request.query.to_owned()).into_iter().collect();
    pairs.extend([
        pair("X-Amz-Algorithm", ALGORITHM),
        pair("X-Amz-Credential", &format!("{}/{}", scope.key_id, scope.text())),
        pair("X-Amz-Date", &stamp),
        pair("X-Amz-Expires", &lives.to_string()),
        pair("X-Amz-SignedHeaders", "host"),
    ]);
    let is_last = signer.service == GATEWAY;
    pairs.extend(token.clone().filter(|_| !is_last));
    let query = pairs.join("&");
    let unsigned = Request { query: &query, ..*request };
    let canonical =
        canonical::request(&unsigned, &["host".to_owned()], &[], &canonical::hex_hash(request.body));
    let signature = scope.signature(signer.secret, signer.now, &canonical);
    let last = token.filter(|_| is_last).map_or_else(String::new, |token| format!("&{token}"));
    format!("{query}&{}={signature}{last}", presigned::SIGNATURE)
}

/// Names in lower case, in the order given.
fn signed_headers(list: &str) -> Result<Vec<String>, Refusal> {
    let names = list.split(';').map(|name| HeaderName::from_bytes(name.as_bytes()));
    let names: Result<Vec<String>, _> =
        names.take(SIGNED_HEADERS + 1).map(|name| Ok(name?.to_string())).collect();
    let names = names.map_err(|_: http::header::InvalidHeaderName| {
        Refusal::IncompleteSignature(format!(
            "SignedHeaders must be header names with ';' between, got '{}'.",
            echo(list)
        ))
    })?;
    if names.len() > SIGNED_HEADERS {
        let text = format!("SignedHeaders must name at most {SIGNED_HEADERS} headers.");
        return Err(Refusal::IncompleteSignature(text));
    }
    Ok(names)
}

fn incomplete(text: &str) -> Refusal {
    Refusal::IncompleteSignature(text.to_owned())
}

fn bad_algorithm(name: &str) -> Refusal {
    Refusal::IncompleteSignature(format!("Unsupported AWS 'algorithm': '{}'.", echo(name)))
}

fn bad_date(text: &str) -> Refusal {
    Refusal::IncompleteSignature(format!("Date must be in ISO-8601 'basic format'. Got '{}'.", echo(text)))
}
