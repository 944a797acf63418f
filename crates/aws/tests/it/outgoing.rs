//! Requests that we build are bound to what they were built from, for every operation of every service.

use adit_aws::table::{Check, Member, Place, Text};
use adit_aws::{Operation, Refusal, Service, blob, build, read};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value};

use crate::request::{NOW, Owned, SECRET};

/// Texts of all the shapes that the models ask for.
const TEXTS: &[&str] = &[
    "a",
    "lamp1",
    "a:b_c-1",
    "a b",
    "é&=+%/?#",
    "1",
    "12",
    "$next",
    "a/b//c/",
    "/a",
    "..",
    "arn:aws:iot:r:1:cert/ab",
    "arn:aws:iam::123456789012:role/some/Role",
    "123456789012",
    "0123456789abcdef0123456789abcdef",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "2024-01-31",
    "[{\"k\":\"v\"}]",
    "\"q\"",
    "",
    "aGk=",
    "key",
    "/path/",
    "a@b.example",
    "p99",
    "v1",
    ",",
    "TOPIC",
    "AKIAIOSFODNN7EXAMPLE",
    "us-east-1",
    "1.0.0",
    "{\"Version\":\"2012-10-17\"}",
    "https://a.example/b",
    "a-b.c",
    "10.0.0.0/8",
    "123456",
    "12345",
    "cron(0 0 * * ? *)",
];

fn text(text: &'static Text) -> BoxedStrategy<Value> {
    if !text.values.is_empty() {
        return prop::sample::select(text.values).prop_map(Value::from).boxed();
    }
    let fits = |candidate: &String| {
        let letters = candidate.chars().count();
        letters >= text.min as usize
            && letters <= text.max as usize
            && text.pattern.is_none_or(|pattern| pattern.matches(candidate))
    };
    let least = text.min as usize;
    let long = ["a", "1", "x/", "arn:aws:"].map(|piece| piece.repeat(least).chars().take(least).collect());
    let all: Vec<String> = TEXTS.iter().map(|text| (*text).to_owned()).chain(long).filter(fits).collect();
    if all.is_empty() {
        Just(Value::Null).boxed()
    } else {
        prop::sample::select(all).prop_map(Value::from).boxed()
    }
}

fn value(check: &'static Check, depth: usize) -> BoxedStrategy<Value> {
    match check {
        Check::Text(rule) => text(rule),
        Check::Integer { min, max } => (*min..=*max).prop_map(Value::from).boxed(),
        Check::Double => (0..1000_i32).prop_map(|number| Value::from(f64::from(number) / 4.0)).boxed(),
        Check::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Check::Timestamp => (0..4_000_000_000_i64).prop_map(Value::from).boxed(),
        Check::Blob { min, max } => {
            let least = *min as usize;
            prop::collection::vec(any::<u8>(), least..=(*max as usize).min(least + 9))
                .prop_map(|bytes| blob(&bytes))
                .boxed()
        }
        Check::List { min, max, item } => {
            let least = *min as usize;
            if depth == 0 && least == 0 {
                return Just(Value::Array(Vec::new())).boxed();
            }
            let most = (*max as usize).min(least.max(2));
            prop::collection::vec(value(item, depth.saturating_sub(1)), least..=most)
                .prop_map(|items| items.into_iter().filter(|item| !item.is_null()).collect())
                .boxed()
        }
        Check::Map { min, max, key, value: inner } => {
            let entries = (value(key, 0), value(inner, depth.saturating_sub(1)));
            let least = (*min as usize).max(1);
            prop::collection::vec(entries, least..=(*max as usize).min(least + 1))
                .prop_map(|entries| {
                    let entries = entries.into_iter().filter_map(|(key, value)| {
                        Some((key.as_str()?.to_owned(), Some(value).filter(|value| !value.is_null())?))
                    });
                    Value::Object(entries.collect())
                })
                .boxed()
        }
        // One without members cannot be written in a form.
        Check::Structure(members) => object(members, depth.saturating_sub(1))
            .prop_map(|value| if value == Value::Object(Map::new()) { Value::Null } else { value })
            .boxed(),
    }
}

/// An object with every required member, and the others as it happens.
fn object(members: &'static [Member], depth: usize) -> BoxedStrategy<Value> {
    let each: Vec<_> = members
        .iter()
        .map(|member| {
            let given = any::<bool>().prop_map(move |chance| member.required || (chance && depth > 0));
            // An empty body is no payload at all.
            let empty = |value: &Value| value.as_str() == Some("");
            let absent = move |value: Value| {
                if member.place == Place::Payload && empty(&value) { Value::Null } else { value }
            };
            (Just(member.name), given, value(member.check, depth).prop_map(absent))
        })
        .collect();
    each.prop_map(|members| {
        let given = members.into_iter().filter(|(_, given, value)| *given && !value.is_null());
        Value::Object(given.map(|(name, _, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
    })
    .boxed()
}

/// What the server binds; `None` for what the constraints of the model refuse.
fn bound(operation: &'static Operation, input: &Value) -> Option<Value> {
    let outgoing = build(operation, input).ok()?;
    let mut request = Owned::new(outgoing.method.as_str(), &outgoing.target(), &outgoing.body);
    request.headers.extend(outgoing.headers);
    let request = request.signed(operation.service.signing_name());
    let unsigned = read(&request.borrowed()).expect("a request for an operation");
    assert_eq!(unsigned.operation().name, operation.name, "{}", outgoing.path);
    let call = unsigned.verify(SECRET, NOW).expect("our own signature");
    match call.bind() {
        Ok(bound) => Some(bound),
        Err(refused) if matches!(refused.why, Refusal::Validation(_)) => None,
        Err(refused) => panic!("{}: {input}: {refused}", operation.name),
    }
}

#[test]
fn what_is_built_is_bound_to_the_same() {
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let rows = Service::ALL.into_iter().flat_map(|service| service.operations().iter().chain(service.ours()));
    let mut untried = Vec::new();
    for operation in rows {
        let taken = std::cell::Cell::new(0);
        let inputs = object(operation.members, 4);
        let outcome = TestRunner::new_with_rng(
            config.clone(),
            proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
        )
        .run(&inputs, |input| {
            if let Some(bound) = bound(operation, &input) {
                prop_assert_eq!(&bound, &input);
                taken.set(taken.get() + 1);
            }
            Ok(())
        });
        assert!(outcome.is_ok(), "{}: {}", operation.name, outcome.unwrap_err());
        if taken.get() == 0 {
            untried.push(operation.name);
        }
    }
    assert!(untried.is_empty(), "no input was valid: {untried:?}");
}

#[test]
fn a_payload_goes_as_its_bytes() {
    let outgoing = build(
        Service::IotData.operation("UpdateThingShadow").unwrap(),
        &serde_json::json!({ "thingName": "lamp", "payload": STANDARD.encode("{}") }),
    );
    assert_eq!(outgoing.unwrap().body, b"{}");
}
