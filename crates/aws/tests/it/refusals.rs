//! What is refused before binding, and with which words.

use adit_aws::limits::BODY_BYTES;
use adit_aws::{Protocol, Refusal, Refused, Service, Signer, read};
use http::HeaderValue;

use crate::request::{NOW, Owned, SECRET, signer};

fn things() -> Owned {
    Owned::new("GET", "/things", b"").signed("iot")
}

fn authorization(text: &str) -> String {
    let mut request = things();
    let given = request.headers["authorization"].to_str().unwrap().to_owned();
    let value = match text.split_once(" => ") {
        Some((from, to)) => given.replace(from, to),
        None => text.to_owned(),
    };
    request.headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
    request.refusal().to_string()
}

fn refused(request: &Owned) -> Refused {
    request.call().err().unwrap()
}

#[test]
fn an_unsigned_request_is_told_so_in_its_own_wire_form() {
    let json11 = Owned::new("POST", "/", b"{").header("x-amz-target", "IoTSecuredTunneling.OpenTunnel");
    let form =
        Owned::new("POST", "/", b"Action=x").header("content-type", "application/x-www-form-urlencoded");
    let rest = Owned::new("GET", "/nothing", &vec![0; BODY_BYTES + 1]);
    for (request, protocol) in
        [(json11, Protocol::Json11), (form, Protocol::QueryXml), (rest, Protocol::RestJson)]
    {
        let refused = refused(&request);
        assert_eq!((refused.why, refused.about.protocol), (Refusal::MissingToken, protocol));
    }
}

#[test]
fn a_signature_that_cannot_be_read_is_told_what_is_missing() {
    insta::assert_snapshot!(
        [
            "Bearer x",
            "AWS4-HMAC-SHA256 Credential=a/b",
            "Credential=AKIDEXAMPLE/ => Credential=",
            "/aws4_request => /aws5_request",
            "/20150830/ => /20150829/",
            "/eu-central-1/ => /EU/",
            "host;x-amz-date => x-amz-date",
            "host;x-amz-date => host; x-amz-date",
            "Signature= => Signature=0",
            "/iot/ => /s3/",
        ]
        .map(authorization)
        .join("\n"),
        @"
        Unsupported AWS 'algorithm': 'Bearer'.
        Authorization header requires 'SignedHeaders' parameter. Authorization header requires 'Signature' parameter.
        Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '20150830/eu-central-1/iot/aws4_request'
        Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'.
        Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150829' != '20150830', from '20150830T123600Z'.
        Credential should be scoped to a valid region, not 'EU'.
        'host' must be a 'SignedHeader' in the AWS Authorization.
        SignedHeaders must be header names with ';' between, got 'host; x-amz-date'.
        The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.
        Credential should be scoped to correct service: 'iot'.
        "
    );
    let mut undated = things();
    undated.headers.remove("x-amz-date");
    insta::assert_snapshot!(undated.refusal(), @"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
    let misdated = undated.header("x-amz-date", "yesterday");
    insta::assert_snapshot!(misdated.refusal(), @"Date must be in ISO-8601 'basic format'. Got 'yesterday'.");
}

#[test]
fn the_date_may_be_a_quarter_of_an_hour_off_but_no_more() {
    let at = |now: i64| {
        let request = things();
        let unsigned = read(&request.borrowed()).unwrap();
        unsigned.verify(SECRET, now).map(|_| ()).map_err(|refused| refused.why)
    };
    assert_eq!(at(NOW + 900), Ok(()));
    assert_eq!(at(NOW - 900), Ok(()));
    insta::assert_snapshot!(at(NOW + 901).unwrap_err(), @"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)");
    insta::assert_snapshot!(at(NOW - 901).unwrap_err(), @"Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)");
}

#[test]
fn the_body_must_have_the_hash_that_a_header_claims() {
    for claim in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "00"] {
        let request = Owned::new("GET", "/things", b"").header("x-amz-content-sha256", claim).signed("iot");
        assert!(matches!(request.refusal(), Refusal::BodyHash(_)), "{claim}");
    }
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert!(
        Owned::new("GET", "/things", b"").header("x-amz-content-sha256", empty).signed("iot").call().is_ok()
    );
}

#[test]
fn headers_that_decide_must_be_signed() {
    let target = Owned::new("POST", "/", b"{}")
        .signed("IoTSecuredTunneling")
        .header("x-amz-target", "IoTSecuredTunneling.OpenTunnel");
    assert_eq!(target.refusal(), Refusal::UnsignedHeader("x-amz-target".to_owned()));
    let principal =
        Owned::new("GET", "/principals/things", b"").signed("iot").header("x-amzn-principal", "p");
    assert_eq!(principal.refusal(), Refusal::UnsignedHeader("x-amzn-principal".to_owned()));
    let token = things().header("x-amz-security-token", "t");
    assert_eq!(token.refusal(), Refusal::UnsignedHeader("x-amz-security-token".to_owned()));
}

#[test]
fn unknown_operations_and_foreign_services_are_told_apart() {
    let sts = Owned::new("POST", "/", b"Action=Dance&Version=1").signed("sts");
    let foreign = Owned::new("POST", "/", b"{}").header("x-amz-target", "DynamoDB_20120810.ListTables");
    let cases = [
        (Owned::new("GET", "/nothing/here", b"").signed("iot"), Some(Service::Iot)),
        (Owned::new("GET", "/", b"").signed("IoTSecuredTunneling"), Some(Service::Tunneling)),
        (Owned::tunneling("Dance", "{}"), Some(Service::Tunneling)),
        (foreign.signed("dynamodb"), None),
        (sts, Some(Service::Sts)),
    ];
    let texts = cases.map(|(request, service)| {
        let refused = refused(&request);
        assert_eq!(refused.about.service, service);
        assert!(matches!(refused.why, Refusal::UnknownOperation(_)));
        refused.to_string()
    });
    insta::assert_snapshot!(texts.join("\n"), @"
    No method found matching route nothing/here for http method GET.
    The X-Amz-Target header must name the operation.
    The operation 'IoTSecuredTunneling.Dance' does not exist.
    The operation 'DynamoDB_20120810.ListTables' does not exist.
    Could not find operation Dance for version 1
    ");
    let target = Owned::new("POST", "/", b"{}").header("x-amz-target", "IoTSecuredTunneling.OpenTunnel");
    assert_eq!(target.signed("iot").refusal(), Refusal::WrongService("IoTSecuredTunneling".to_owned()));
    let shadow = Owned::new("GET", "/things/lamp/shadow", b"").signed("s3");
    assert_eq!(shadow.refusal(), Refusal::WrongService("iotdata".to_owned()));
}

#[test]
fn a_body_above_the_limit_is_too_large() {
    let request = Owned::new("POST", "/things/lamp", &vec![b' '; BODY_BYTES + 1]).signed("iot");
    assert_eq!(request.refusal(), Refusal::TooLarge { size: BODY_BYTES + 1, limit: BODY_BYTES });
}

#[test]
fn a_session_token_is_signed_and_handed_on() {
    let request = Owned::new("GET", "/things", b"")
        .signed_by(&Signer { session_token: Some("secret token"), ..signer("iot") });
    assert_eq!(request.call().unwrap().session_token(), Some("secret token"));
    let mut changed = request;
    changed.headers.insert("x-amz-security-token", HeaderValue::from_static("another"));
    assert_eq!(changed.refusal(), Refusal::SignatureMismatch);
}
