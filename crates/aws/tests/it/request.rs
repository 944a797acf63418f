//! Requests that own their parts, signed or not.

use adit_aws::{Call, Refusal, Refused, Request, Signer, read, sign};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const NOW: i64 = 1_440_938_160;

#[derive(Clone, Debug)]
pub struct Owned {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Owned {
    pub fn new(method: &str, target: &str, body: &[u8]) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers =
            HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("localhost:8443"))]);
        Self {
            method: method.parse().unwrap(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.to_vec(),
        }
    }

    /// A call to secure tunneling.
    pub fn tunneling(operation: &str, body: &str) -> Self {
        let target = format!("IoTSecuredTunneling.{operation}");
        Self::new("POST", "/", body.as_bytes()).header("x-amz-target", &target).signed("IoTSecuredTunneling")
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    pub fn signed(self, service: &str) -> Self {
        self.signed_by(&signer(service))
    }

    pub fn signed_by(mut self, signer: &Signer<'_>) -> Self {
        for (name, value) in sign(&self.borrowed(), signer).unwrap() {
            self.headers.insert(name, value);
        }
        self
    }

    pub fn borrowed(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }

    pub fn call(&self) -> Result<Call<'_>, Refused> {
        read(&self.borrowed())?.verify(SECRET, NOW)
    }

    /// The name of the operation and its input.
    pub fn bound(&self) -> Result<(&'static str, Value), Refusal> {
        let call = self.call().map_err(|refused| refused.why)?;
        Ok((call.operation().name, call.bind().map_err(|refused| refused.why)?))
    }

    pub fn refusal(&self) -> Refusal {
        self.bound().expect_err("a refusal")
    }
}

pub fn signer(service: &str) -> Signer<'_> {
    Signer {
        key_id: "AKIDEXAMPLE",
        secret: SECRET,
        session_token: None,
        region: "eu-central-1",
        service,
        now: NOW,
    }
}
