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

/// The two ways of device SDKs, computed with Python's hmac. spec: mqtt-gateway §1.1
#[test]
fn a_token_may_come_after_the_signature_for_the_device_gateway_only() {
    for (service, signature, token_signed, right) in [
        ("iotdevicegateway", "b4ed634b533af0b90c95f37c391e5804e7ce0593034877eb07105fff915c909e", false, true),
        ("iotdevicegateway", "c16b4916fa4a098612c0a21ecdf9afa36ae1ad4ba715d36acfb6fb769f9a3631", true, true),
        ("iotdata", "489a9faf09d327f511196d679f51ffcbb4f4d5adfb9304d5643191a07b10dd0b", false, false),
        ("iotdata", "1859362be8efcd01ad271fa977b75477054dde0aba05c9fefe0e79d988a1eb2f", true, true),
    ] {
        let token = "&X-Amz-Security-Token=to%2Fken%3D";
        let (before, after) = if token_signed { (token, "") } else { ("", token) };
        let target = format!(
            "/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Feu-central-1%2F{service}%2Faws4_request\
             &X-Amz-Date=20150830T123600Z&X-Amz-Expires=86400{before}&X-Amz-SignedHeaders=host\
             &X-Amz-Signature={signature}{after}"
        );
        let owned = Owned::new("GET", &target, b"");
        let request = owned.borrowed();
        let read = Signature::parse(&request).unwrap();
        assert_eq!(read.session_token(), Some("to/ken="));
        assert_eq!(read.verify(&request, SECRET, NOW).is_ok(), right, "{service} {token_signed}");
    }
}
