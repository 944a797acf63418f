//! The wire form of secure tunneling. spec: secure-tunneling §1.1, §1.3

use serde_json::Value;

use crate::reply::{Failure, Reply, without_nulls};

const JSON11: &str = "application/x-amz-json-1.1";

/// A reply; an empty result is `{}`.
#[must_use]
pub fn reply(status: u16, output: Value, request_id: &str) -> Reply {
    Reply::new(status, JSON11, without_nulls(output).to_string().into_bytes(), request_id)
}

/// A fault: code in `__type` and in `x-amzn-errortype`.
#[must_use]
pub fn fault(failure: Failure<'_>, request_id: &str) -> Reply {
    Reply::json_fault(failure, JSON11, request_id)
}
