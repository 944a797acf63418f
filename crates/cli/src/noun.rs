//! What the commands of AWS's nouns have in common.

use crate::api::{Api, ApiArgs};
use crate::exit::{Code, Failure, Result};
use crate::out::OutArgs;
use adit_aws::Service::Iot;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::Path;

/// Bytes of a file that is sent in a call at most.
const FILE_BYTES: u64 = 1024 * 1024;

/// Options of every command that calls and shows.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct With {
    #[command(flatten)]
    pub out: OutArgs,
    #[command(flatten)]
    pub api: ApiArgs,
}

impl With {
    pub fn open(&self) -> Result<Api> {
        Api::open(&self.api)
    }
}

/// Adds to a failure of class 4 which command shows what there is.
pub fn see(command: &'static str) -> impl Fn(Failure) -> Failure {
    move |failure| match failure.code() {
        Code::NotFound => failure.next(format!("`{command}` shows what there is")),
        _ => failure,
    }
}

/// Reads `KEY=VALUE`.
pub fn pair(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// Pairs as an object; null if there are none.
pub fn object(pairs: &[(String, String)]) -> Value {
    let object: Map<String, Value> = pairs.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    if object.is_empty() { Value::Null } else { object.into() }
}

/// The text of a file, or of stdin where the name is `-`.
pub fn text_of(path: &Path) -> Result<String> {
    let failed = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES + 1).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
        file.take(FILE_BYTES + 1).read_to_string(&mut text)
    };
    read.map_err(|error| failed(&error))?;
    if text.len() as u64 > FILE_BYTES {
        Err(failed(&format_args!("longer than {FILE_BYTES} bytes")))
    } else {
        Ok(text)
    }
}

/// The id of a certificate that is named by its id or its ARN.
pub fn certificate_id(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// What calls name as a principal: an ARN as it is, the id of a certificate as that certificate's ARN.
pub async fn principal(api: &Api, name: &str) -> Result<String> {
    if name.contains(':') {
        return Ok(name.to_owned());
    }
    let input = json!({ "certificateId": name });
    let answer = api.call(Iot, "DescribeCertificate", input).await.map_err(see("adit cert list"))?;
    let arn = answer.pointer("/certificateDescription/certificateArn").and_then(Value::as_str);
    arn.map(str::to_owned)
        .ok_or_else(|| Failure::failed("the answer to DescribeCertificate has no ARN in it"))
}

/// A text member of an object; empty if it is not there.
pub fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_become_an_object() {
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(pair("a="), Ok(("a".into(), String::new())));
        assert!(pair("a").is_err() && pair("=b").is_err());
        assert_eq!(object(&[("a".into(), "b".into())]), json!({ "a": "b" }));
        assert_eq!(object(&[]), Value::Null);
    }

    #[test]
    fn a_certificate_may_be_named_by_its_arn() {
        assert_eq!(certificate_id("arn:aws:iot:r:1:cert/ab"), "ab");
        assert_eq!(certificate_id("ab"), "ab");
    }

    #[test]
    fn a_file_that_cannot_be_sent_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        assert!(text_of(&path).unwrap_err().to_string().contains("/f: "));
        std::fs::write(&path, vec![b'x'; 1024 * 1024 + 1]).unwrap();
        assert!(text_of(&path).unwrap_err().to_string().contains("longer"));
        std::fs::write(&path, "ok").unwrap();
        assert_eq!(text_of(&path).unwrap(), "ok");
    }
}
