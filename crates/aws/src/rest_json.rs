//! The wire form of `iot`, `iot-data` and `iot-jobs-data`. spec: control-plane §2, §4

use serde_json::Value;

use crate::reply::{Failure, Reply, without_nulls};

const JSON: &str = "application/json";

/// A reply whose body is a JSON object.
#[must_use]
pub fn reply(status: u16, output: Value, request_id: &str) -> Reply {
    Reply::new(status, JSON, without_nulls(output).to_string().into_bytes(), request_id)
}

/// A reply whose body is the payload itself, as of a shadow.
#[must_use]
pub fn payload(status: u16, body: Vec<u8>, request_id: &str) -> Reply {
    Reply::new(status, JSON, body, request_id)
}

/// A fault: code in `x-amzn-errortype`, text and further members in the body.
#[must_use]
pub fn fault(failure: Failure<'_>, request_id: &str) -> Reply {
    Reply::json_fault(failure, JSON, request_id)
}
