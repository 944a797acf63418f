//! Random requests: what is signed verifies, what is changed does not, and nothing panics.

use adit_aws::{GATEWAY, Refusal, Service, Signature, Signer, presign};
use http::{HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::request::{NOW, Owned, SECRET, signer};

fn requests() -> impl Strategy<Value = Owned> {
    let method = prop_oneof![Just("GET"), Just("POST"), Just("PUT"), Just("DELETE")];
    let path = "(/[a-zA-Z0-9%:._~é -]{0,8}){1,4}";
    let query = "([a-zA-Z0-9%+._~-]{0,5}(=[a-zA-Z0-9%+/=._~-]{0,5})?&){0,4}";
    let headers = vec(("x-[a-z]{1,8}", "[ -~]{0,12}"), 0..5);
    let body = vec(any::<u8>(), 0..64);
    (method, path, query, headers, body).prop_map(|(method, path, query, headers, body)| {
        let mut request = Owned::new(method, &path, &body);
        request.query = query;
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers.append(name, HeaderValue::from_str(&value).unwrap());
        }
        request
    })
}

fn verified(request: &Owned) -> Result<(), Refusal> {
    let request = request.borrowed();
    Signature::parse(&request)?.verify(&request, SECRET, NOW)
}

#[derive(Clone, Debug)]
enum Change {
    Method,
    Path,
    Query,
    Body,
    Header,
    Date,
    Key,
    Signature,
}

fn changes() -> impl Strategy<Value = Change> {
    use Change::*;
    prop::sample::select(vec![Method, Path, Query, Body, Header, Date, Key, Signature])
}

proptest! {
    #[test]
    fn what_is_signed_verifies(request in requests(), service in "[a-zA-Z-]{1,20}") {
        prop_assert_eq!(verified(&request.signed(&service)), Ok(()));
    }

    #[test]
    fn what_is_presigned_verifies(request in requests(), gateway in any::<bool>(), token in any::<bool>()) {
        let mut request = request;
        let service = if gateway { GATEWAY } else { "sts" };
        let signer = Signer { session_token: token.then_some("a/token+of=a session"), ..signer(service) };
        request.query = presign(&request.borrowed(), &signer, 60);
        prop_assert_eq!(verified(&request), Ok(()));
        let read = Signature::parse(&request.borrowed()).map(|read| read.session_token().map(str::to_owned));
        prop_assert_eq!(read, Ok(signer.session_token.map(str::to_owned)));
        request.path.push('x');
        prop_assert_eq!(verified(&request), Err(Refusal::SignatureMismatch));
    }

    #[test]
    fn any_change_to_a_signed_part_is_refused(request in requests(), change in changes()) {
        let mut request = request.signed("iot");
        let authorization = request.headers["authorization"].to_str().unwrap().to_owned();
        match change {
            Change::Method => request.method = http::Method::PATCH,
            Change::Path => request.path.push('x'),
            Change::Query => request.query.push_str("&z=1"),
            Change::Body => request.body.push(0),
            Change::Header => drop(request.headers.insert("host", HeaderValue::from_static("elsewhere"))),
            Change::Date => drop(request.headers.insert("x-amz-date", HeaderValue::from_static("20150830T123601Z"))),
            Change::Key => {
                let changed = authorization.replace("/eu-central-1/", "/eu-central-2/");
                request.headers.insert("authorization", changed.parse().unwrap());
            }
            Change::Signature => {
                let last = authorization.chars().last().unwrap();
                let other = if last == '0' { "1" } else { "0" };
                let changed = format!("{}{other}", &authorization[..authorization.len() - 1]);
                request.headers.insert("authorization", changed.parse().unwrap());
            }
        }
        prop_assert_eq!(verified(&request), Err(Refusal::SignatureMismatch));
    }

    #[test]
    fn no_header_or_query_makes_the_reader_panic(header in "[ -~]{0,80}", query in "[ -~]{0,80}") {
        let mut request = Owned::new("GET", "/things", b"").header("x-amz-date", "20150830T123600Z");
        request.query = format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20150830T123600Z&{query}");
        let _ = request.call();
        let request = request.header("authorization", &format!("AWS4-HMAC-SHA256 {header}"));
        let _ = request.call();
    }

    #[test]
    fn no_body_makes_the_binder_panic(row in any::<prop::sample::Index>(), body in bodies(), query in "[ -~]{0,40}") {
        let rows: Vec<_> = Service::ALL.into_iter().flat_map(Service::operations).collect();
        let row = row.get(&rows);
        let path = row.path.replace(['{', '+', '}'], "");
        let mut request = Owned::new(row.method.as_str(), &path, body.as_slice());
        request.query = query;
        if let Some(prefix) = row.service.target_prefix() {
            let target = format!("{prefix}.{}", row.name);
            request.headers.insert("x-amz-target", target.parse().unwrap());
        }
        let request = request.signed(signer(row.service.signing_name()).service);
        if let Ok(call) = request.call() {
            prop_assert_eq!(call.operation().service, row.service);
            let _ = call.bind();
        }
    }
}

/// Random bytes, and JSON built from names that operations have.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "tags",
        "key",
        "value",
        "services",
        "destinationConfig",
        "attributes",
        "attributePayload",
        "sql",
        "actions",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,8}".prop_map(Into::into),
    ];
    let value = leaf.prop_recursive(5, 40, 6, move |inner| {
        let map = vec((prop::sample::select(names.to_vec()), inner.clone()), 0..6);
        prop_oneof![
            vec(inner, 0..6).prop_map(Into::into),
            map.prop_map(|entries| entries
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    });
    prop_oneof![vec(any::<u8>(), 0..64), value.prop_map(|value| value.to_string().into_bytes())]
}
