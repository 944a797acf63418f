//! Requests signed by botocore (tests/vectors/sigv4.json, made by tools/gen_sigv4_vectors.py).

use adit_aws::{Refusal, Service, Signature};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::request::{NOW, Owned, SECRET};

fn vectors(part: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../vectors/sigv4.json")).unwrap();
    assert_eq!((&file["secret"], &file["now"]), (&SECRET.into(), &NOW.into()));
    file[part].as_array().unwrap().clone()
}

fn request(vector: &Value) -> Owned {
    let text = |name: &str| vector[name].as_str().unwrap();
    let mut request = Owned::new(text("method"), text("path"), &STANDARD.decode(text("body")).unwrap());
    request.query = text("query").to_owned();
    request.headers.clear();
    for header in vector["headers"].as_array().unwrap() {
        let name: HeaderName = header[0].as_str().unwrap().parse().unwrap();
        request
            .headers
            .append(name, HeaderValue::from_bytes(header[1].as_str().unwrap().as_bytes()).unwrap());
    }
    request
}

#[test]
fn the_public_suite_verifies() {
    for vector in vectors("suite") {
        let owned = request(&vector);
        let request = owned.borrowed();
        let signature = Signature::parse(&request).unwrap();
        assert_eq!(signature.session_token(), vector["token"].as_str(), "{}", vector["name"]);
        assert_eq!(
            (signature.key_id(), signature.region(), signature.service()),
            ("AKIDEXAMPLE", "us-east-1", "service")
        );
        assert_eq!(signature.verify(&request, SECRET, NOW), Ok(()), "{}", vector["name"]);
        assert!(signature.verify(&request, "another", NOW).is_err(), "{}", vector["name"]);
    }
}

#[test]
fn what_clients_send_comes_out_as_they_meant_it() {
    for vector in vectors("calls") {
        let name = &vector["name"];
        let owned = request(&vector);
        let call = owned.call().unwrap_or_else(|refused| panic!("{name}: {refused}"));
        let service = match vector["service"].as_str().unwrap() {
            "iot" => Service::Iot,
            "iot-data" => Service::IotData,
            "iot-jobs-data" => Service::JobsData,
            "iotsecuretunneling" => Service::Tunneling,
            _ => Service::Sts,
        };
        assert_eq!(call.operation().service, service, "{name}");
        assert_eq!(call.operation().name, vector["operation"], "{name}");
        assert_eq!(call.region(), "eu-central-1");
        assert_eq!(call.session_token(), vector["token"].as_str(), "{name}");
        assert_eq!(call.bind().unwrap(), vector["input"], "{name}");
    }
}

#[test]
fn a_presigned_request_lives_as_long_as_it_says() {
    let presigned =
        vectors("calls").into_iter().filter(|vector| vector["name"].as_str().unwrap().contains("presigned"));
    for vector in presigned {
        let owned = request(&vector);
        let request = owned.borrowed();
        let signature = Signature::parse(&request).unwrap();
        assert_eq!(signature.verify(&request, SECRET, NOW + 60), Ok(()));
        let late = signature.verify(&request, SECRET, NOW + 61);
        assert!(matches!(late, Err(Refusal::Expired { .. })), "{late:?}");
        let mut longer = owned.clone();
        longer.query = owned.query.replace("X-Amz-Expires=60", "X-Amz-Expires=3600");
        assert_eq!(longer.refusal(), Refusal::SignatureMismatch);
    }
}
