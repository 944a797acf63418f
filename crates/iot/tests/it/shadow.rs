//! Shadows: answers case by case, and what holds for any document.

use adit_iot::Timestamp;
use adit_iot::shadow::{
    Document, Kept, MAX_DEPTH, Object, Operation, Request, ShadowTopic, Update, delta, merge, size,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const LIMIT: usize = 8192;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000 + 7)
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// The shadow after these states, sent one a second from second 1 on.
fn after(states: &[Value]) -> Kept {
    let mut kept = Kept::default();
    for (second, state) in (1..).zip(states) {
        let update = Update::parse(json!({ "state": state }).to_string().as_bytes()).unwrap();
        kept = kept.updated(&update, LIMIT, at(second)).unwrap().kept;
    }
    kept
}

fn state_of(kept: &Kept) -> Value {
    read(&kept.shown(None, at(99)).unwrap()).get("state").cloned().unwrap()
}

#[test]
fn delta_is_what_is_desired_and_not_reported() {
    for (states, shown) in [
        (vec![json!({})], json!({})),
        (vec![json!({ "desired": {} })], json!({})),
        (vec![json!({ "reported": { "on": null } })], json!({})),
        (
            vec![json!({ "desired": { "on": true } })],
            json!({ "desired": { "on": true }, "delta": { "on": true } }),
        ),
        (
            vec![json!({ "desired": { "on": true } }), json!({ "reported": { "on": false, "x": 1 } })],
            json!({ "desired": { "on": true }, "reported": { "on": false, "x": 1 }, "delta": { "on": true } }),
        ),
        (
            vec![json!({ "desired": { "on": true }, "reported": { "on": true } })],
            json!({ "desired": { "on": true }, "reported": { "on": true } }),
        ),
        (
            vec![json!({ "reported": { "l": [1, 2] } }), json!({ "desired": { "l": [1] } })],
            json!({ "reported": { "l": [1, 2] }, "desired": { "l": [1] }, "delta": { "l": [1] } }),
        ),
        (
            vec![
                json!({ "reported": { "a": { "b": { "c": 1, "e": 2 } } } }),
                json!({ "desired": { "a": { "b": { "c": 3 } }, "f": { "g": 4 } } }),
            ],
            json!({
                "reported": { "a": { "b": { "c": 1, "e": 2 } } },
                "desired": { "a": { "b": { "c": 3 } }, "f": { "g": 4 } },
                "delta": { "a": { "b": { "c": 3 } }, "f": { "g": 4 } },
            }),
        ),
        (
            vec![
                json!({ "desired": { "a": 1, "b": { "c": 3 } } }),
                json!({ "desired": { "b": { "c": {} }, "d": {} } }),
            ],
            json!({
                "desired": { "a": 1, "b": { "c": {} }, "d": {} },
                "delta": { "a": 1, "b": { "c": {} }, "d": {} },
            }),
        ),
        (
            vec![json!({ "desired": { "a": 1 }, "reported": { "b": 2 } }), json!({ "desired": null })],
            json!({ "reported": { "b": 2 } }),
        ),
    ] {
        assert_eq!(state_of(&after(&states)), shown, "{states:?}");
    }
}

#[test]
fn every_leaf_remembers_when_it_was_last_sent() {
    let kept = after(&[
        json!({ "desired": { "a": 1, "o": { "x": 1, "y": 2 } }, "reported": { "l": [1, { "k": 2 }], "e": [] } }),
        json!({ "desired": { "a": 1, "o": { "y": null } } }),
    ]);
    let shown = read(&kept.shown(Some("token"), at(9)).unwrap());
    assert_eq!(
        shown["metadata"],
        json!({
            "desired": { "a": { "timestamp": 2 }, "o": { "x": { "timestamp": 1 } } },
            "reported": { "l": [{ "timestamp": 1 }, { "k": { "timestamp": 1 } }], "e": [] },
        })
    );
    assert_eq!((&shown["version"], &shown["timestamp"]), (&json!(2), &json!(9)));
    assert_eq!(shown["clientToken"], "token");
}

#[test]
fn an_update_answers_what_was_sent_and_tells_the_difference() {
    let kept = after(&[json!({ "desired": { "a": 1, "b": 2 }, "reported": { "c": 3 } })]);
    let sent = json!({ "state": { "desired": { "a": 5, "b": null } }, "version": 1, "clientToken": "t" });
    let update = Update::parse(sent.to_string().as_bytes()).unwrap();
    let done = kept.updated(&update, LIMIT, at(7)).unwrap();
    assert_eq!(
        read(&done.accepted),
        json!({
            "state": { "desired": { "a": 5, "b": null } },
            "metadata": { "desired": { "a": { "timestamp": 7 }, "b": { "timestamp": 7 } } },
            "version": 2, "timestamp": 7, "clientToken": "t",
        })
    );
    assert_eq!(
        read(&done.delta.unwrap()),
        json!({
            "state": { "a": 5 }, "metadata": { "a": { "timestamp": 7 } },
            "version": 2, "timestamp": 7, "clientToken": "t",
        })
    );
    let section = |value: i64, second: i64| (json!({ "a": value }), json!({ "a": { "timestamp": second } }));
    let ((now, now_marks), reported) = (section(5, 7), json!({ "c": 3 }));
    assert_eq!(
        read(&done.documents),
        json!({
            "previous": {
                "state": { "desired": { "a": 1, "b": 2 }, "reported": reported },
                "metadata": {
                    "desired": { "a": { "timestamp": 1 }, "b": { "timestamp": 1 } },
                    "reported": { "c": { "timestamp": 1 } },
                },
                "version": 1,
            },
            "current": {
                "state": { "desired": now, "reported": reported },
                "metadata": { "desired": now_marks, "reported": { "c": { "timestamp": 1 } } },
                "version": 2,
            },
            "timestamp": 7, "clientToken": "t",
        })
    );
}

#[test]
fn an_empty_update_makes_a_shadow_and_no_delta() {
    let update = Update::parse(br#"{"hello":"world","state":{}}"#).unwrap();
    let done = Kept::default().updated(&update, LIMIT, at(1)).unwrap();
    assert_eq!(read(&done.accepted), json!({ "state": {}, "metadata": {}, "version": 1, "timestamp": 1 }));
    assert_eq!(done.delta, None);
    let shown = done.kept.shown(None, at(2)).unwrap();
    assert_eq!(read(&shown), json!({ "state": {}, "metadata": {}, "version": 1, "timestamp": 2 }));
}

#[test]
fn a_deleted_shadow_has_no_document_but_a_version() {
    let kept = after(&[json!({ "desired": { "a": 1 } }), json!({ "desired": { "a": 2 } })]);
    assert_eq!(
        read(&kept.deleted(Some("t"), at(5))),
        json!({ "version": 2, "timestamp": 5, "clientToken": "t" })
    );
    let gone = Kept { document: None, ..kept };
    assert_eq!(gone.shown(None, at(5)), None);
    let again =
        gone.updated(&Update::parse(br#"{"state":{"reported":{"b":1}}}"#).unwrap(), LIMIT, at(6)).unwrap();
    assert_eq!(again.kept.version, 3);
    assert_eq!(state_of(&again.kept), json!({ "reported": { "b": 1 } }));
}

#[test]
fn what_aws_refuses_is_refused_in_its_words() {
    let nested = |depth: usize| format!("{}1{}", "{\"k\":".repeat(depth), "}".repeat(depth));
    let deep = format!(r#"{{"state":{{"desired":{}}}}}"#, nested(MAX_DEPTH + 2));
    let lists = format!(r#"{{"state":{{"desired":{{"k":{}{}}}}}}}"#, "[".repeat(9), "]".repeat(9));
    let token = format!(r#"{{"state":{{}},"clientToken":"{}"}}"#, "x".repeat(65));
    for (code, message, payload) in [
        (400, "Invalid JSON", ""),
        (400, "Invalid JSON", "[]"),
        (400, "Invalid JSON", "{\"state\":"),
        (400, "Missing required node: state", "{}"),
        (400, "Missing required node: state", r#"{"state":null}"#),
        (400, "State node must be an object", r#"{"state":[]}"#),
        (400, "Desired node must be an object", r#"{"state":{"desired":1}}"#),
        (400, "Reported node must be an object", r#"{"state":{"reported":"x"}}"#),
        (400, "State contains an invalid node", r#"{"state":{"delta":{}}}"#),
        (400, "State contains an invalid node", r#"{"state":{"desired":{"l":[null]}}}"#),
        (400, "Invalid version", r#"{"state":{},"version":"1"}"#),
        (400, "Invalid version", r#"{"state":{},"version":1.5}"#),
        (400, "Invalid version", r#"{"state":{},"version":-1}"#),
        (400, "Invalid clientToken", r#"{"state":{},"clientToken":7}"#),
        (400, "Invalid clientToken", &token),
        (400, "JSON contains too many levels of nesting; maximum is 8", &deep),
        (400, "JSON contains too many levels of nesting; maximum is 8", &lists),
    ] {
        let refused = Update::parse(payload.as_bytes()).unwrap_err();
        assert_eq!((refused.code, refused.message.as_str()), (code, message), "{payload}");
    }
    let fits = format!(r#"{{"state":{{"desired":{}}}}}"#, nested(MAX_DEPTH + 1));
    assert!(Update::parse(fits.as_bytes()).is_ok());
    let refused = Update::parse(b"{\"state\":{\"desired\":{\"a\":\"\xff\"}}}").unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (415, "Unsupported documented encoding; supported encoding is UTF-8")
    );
}

#[test]
fn a_refusal_echoes_the_token_and_says_when() {
    let refused = Update::parse(br#"{"clientToken":"t","state":1}"#).unwrap_err();
    assert_eq!(
        read(&refused.payload(at(4))),
        json!({ "code": 400, "message": "State node must be an object", "timestamp": 4, "clientToken": "t" })
    );
    let refused = Update::parse(b"nonsense").unwrap_err();
    assert_eq!(read(&refused.payload(at(4))).get("clientToken"), None);
}

#[test]
fn the_version_given_must_be_the_one_kept() {
    let kept = after(&[json!({ "desired": { "a": 1 } })]);
    let update = |version: i64| {
        let text = json!({ "state": {}, "version": version, "clientToken": "t" }).to_string();
        kept.updated(&Update::parse(text.as_bytes()).unwrap(), LIMIT, at(2))
    };
    assert!(update(1).is_ok());
    for wrong in [0, 2] {
        let refused = update(wrong).unwrap_err();
        assert_eq!((refused.code, refused.message.as_str()), (409, "Version conflict"));
        assert_eq!(refused.client_token.as_deref(), Some("t"));
    }
    let first = Update::parse(br#"{"state":{},"version":0}"#).unwrap();
    assert!(Kept::default().updated(&first, LIMIT, at(1)).is_ok());
}

#[test]
fn the_state_that_results_is_limited_and_not_what_was_sent() {
    let big = |key: &str, bytes: usize| {
        let text = json!({ "state": { "reported": { key: "x".repeat(bytes) } } }).to_string();
        Update::parse(text.as_bytes()).unwrap()
    };
    let exact = LIMIT - r#"{"reported":{"a":""}}"#.len();
    let full = Kept::default().updated(&big("a", exact), LIMIT, at(1)).unwrap().kept;
    assert_eq!(size(&full.document.as_ref().unwrap().state), LIMIT);
    let refused = full.updated(&big("b", 1), LIMIT, at(2)).unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (413, "The payload exceeds the maximum size allowed")
    );
    assert!(full.updated(&big("a", 1), LIMIT, at(2)).is_ok());
    assert!(Kept::default().updated(&big("a", exact + 1), LIMIT, at(1)).is_err());
}

#[test]
fn a_get_looks_only_at_the_token() {
    for (payload, token) in [
        (&b""[..], None),
        (b"payload is ignored", None),
        (b"\xff", None),
        (b"[1]", None),
        (br#"{"clientToken":"t","x":1}"#, Some("t")),
    ] {
        assert_eq!(Request::parse(payload).unwrap().client_token.as_deref(), token);
    }
    assert_eq!(Request::parse(br#"{"clientToken":{}}"#).unwrap_err().message, "Invalid clientToken");
}

#[test]
fn topics_name_a_shadow_and_what_to_do() {
    for (text, identifier, operation) in [
        ("$aws/things/lamp/shadow/get", "lamp", Operation::Get),
        ("$aws/things/a:b/shadow/update", "a:b", Operation::Update),
        ("$aws/things/lamp/shadow/name/$x:1/delete", "lamp~$x:1", Operation::Delete),
        ("$aws/things/lamp/shadow/name/get/get", "lamp~get", Operation::Get),
    ] {
        let topic = ShadowTopic::parse(text).unwrap();
        assert_eq!((topic.identifier().as_str(), topic.operation), (identifier, operation));
        assert_eq!(topic.reply("accepted"), format!("{text}/accepted"));
    }
    for text in [
        "$aws/things/lamp/shadow/get/accepted",
        "$aws/things/lamp/shadow/",
        "$aws/things//shadow/get",
        "$aws/things/a/b/shadow/get",
        "$aws/things/lamp/shadow/name/get",
        "$aws/things/lamp/shadow/name//get",
        "$aws/things/lamp/shadow/name/a/b/get",
        "$aws/things/la mp/shadow/get",
        "$aws/things/lamp/jobs/get",
        "things/lamp/shadow/get",
    ] {
        assert_eq!(ShadowTopic::parse(text), None, "{text}");
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0..4i64).prop_map(Value::from),
        "[xy]?".prop_map(Value::from),
        prop::collection::vec((0..2i64).prop_map(Value::from), 0..3).prop_map(Value::from),
    ]
}

fn objects(leaf: BoxedStrategy<Value>) -> impl Strategy<Value = Object> {
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        prop::collection::btree_map("[a-d]", inner, 0..4)
            .prop_map(|members| Value::from(members.into_iter().collect::<Object>()))
    });
    prop::collection::btree_map("[a-d]", value, 0..4).prop_map(|members| members.into_iter().collect())
}

/// A state: no `null` in it.
fn state() -> impl Strategy<Value = Object> {
    objects(leaf().boxed())
}

/// A patch: anywhere a `null`.
fn patch() -> impl Strategy<Value = Object> {
    objects(prop_oneof![3 => leaf(), 1 => Just(Value::Null)].boxed())
}

/// A state in which a key is always the same kind of thing, as a device's is.
fn regular() -> impl Strategy<Value = Object> {
    let inner = prop::collection::btree_map("[x-z]", (0..4i64).prop_map(Value::from), 0..3);
    let nested = prop::collection::btree_map("[o-q]", inner, 0..3);
    let flat = prop::collection::btree_map("[a-c]", (0..4i64).prop_map(Value::from), 0..3);
    (nested, flat).prop_map(|(nested, flat)| {
        let nested =
            nested.into_iter().map(|(key, inner)| (key, inner.into_iter().collect::<Object>().into()));
        nested.chain(flat).collect()
    })
}

fn merged(state: &Object, patch: &Object) -> Object {
    let mut state = state.clone();
    merge(&mut state, &mut Object::new(), patch, 0);
    state
}

/// Everything that is no object with members, by its path.
fn leaves(state: &Object) -> Vec<(Vec<String>, Value)> {
    let mut found = Vec::new();
    for (key, value) in state {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                found.extend(leaves(inner).into_iter().map(|(mut path, value)| {
                    path.insert(0, key.clone());
                    (path, value)
                }));
            }
            other => found.push((vec![key.clone()], other.clone())),
        }
    }
    found
}

fn at_path<'a>(state: &'a Object, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    match (state.get(first)?, rest) {
        (value, []) => Some(value),
        (Value::Object(inner), rest) => at_path(inner, rest),
        _ => None,
    }
}

/// Whether metadata has the shape of the state, with a time for every leaf.
fn mirrors(state: &Value, metadata: &Value) -> bool {
    match (state, metadata) {
        (Value::Object(state), Value::Object(metadata)) => {
            state.len() == metadata.len()
                && state.iter().all(|(key, value)| metadata.get(key).is_some_and(|mark| mirrors(value, mark)))
        }
        (Value::Array(items), Value::Array(marks)) => {
            items.len() == marks.len() && items.iter().zip(marks).all(|(item, mark)| mirrors(item, mark))
        }
        (Value::Object(_) | Value::Array(_), _) => false,
        (_, mark) => mark.as_object().is_some_and(|mark| mark.len() == 1 && mark["timestamp"].is_i64()),
    }
}

proptest! {
    #[test]
    fn the_delta_is_exactly_the_difference(desired in state(), reported in state()) {
        let found = delta(&desired, &reported, &Object::new()).map(|(found, _)| found).unwrap_or_default();
        for (path, wanted) in leaves(&desired) {
            let told = at_path(&reported, &path);
            let same = told == Some(&wanted) || (wanted.is_object() && told.is_some_and(Value::is_object));
            let shown = at_path(&found, &path);
            prop_assert_eq!(shown, if same { None } else { Some(&wanted) }, "{:?}", path);
        }
        for (path, value) in leaves(&found) {
            prop_assert_eq!(at_path(&desired, &path), Some(&value));
        }
        // A device that does as it is told is told nothing more.
        prop_assert_eq!(delta(&desired, &merged(&reported, &found), &Object::new()), None);
    }

    #[test]
    fn the_delta_carries_the_metadata_of_what_is_desired(first in state(), second in patch(), reported in state()) {
        let (mut desired, mut metadata) = (Object::new(), Object::new());
        merge(&mut desired, &mut metadata, &first, 1);
        merge(&mut desired, &mut metadata, &second, 2);
        if let Some((found, marks)) = delta(&desired, &reported, &metadata) {
            prop_assert!(mirrors(&found.into(), &marks.clone().into()));
            for (path, mark) in leaves(&marks) {
                prop_assert_eq!(at_path(&metadata, &path), Some(&mark));
            }
        }
    }

    #[test]
    fn a_patch_applied_twice_is_applied_once(state in state(), patch in patch()) {
        let once = merged(&state, &patch);
        prop_assert_eq!(merged(&once, &patch), once);
    }

    #[test]
    fn patches_of_different_keys_can_change_places(
        state in state(), one in patch(), other in patch(), key in "[a-d]",
    ) {
        let one: Object = one.into_iter().filter(|(k, _)| *k < key).collect();
        let other: Object = other.into_iter().filter(|(k, _)| *k >= key).collect();
        prop_assert_eq!(merged(&merged(&state, &one), &other), merged(&merged(&state, &other), &one));
    }

    #[test]
    fn regular_patches_can_be_put_together_before(state in regular(), one in regular(), other in regular()) {
        prop_assert_eq!(merged(&merged(&state, &one), &other), merged(&state, &merged(&one, &other)));
    }

    #[test]
    fn metadata_mirrors_the_state_whatever_is_sent(patches in prop::collection::vec((patch(), patch()), 1..5)) {
        let states: Vec<Value> =
            patches.into_iter().map(|(desired, reported)| json!({ "desired": desired, "reported": reported })).collect();
        let kept = after(&states);
        prop_assert_eq!(kept.version, states.len() as i64);
        let Document { state, metadata } = kept.document.unwrap();
        prop_assert!(mirrors(&json!(state), &json!(metadata)), "{:?} {:?}", state, metadata);
        prop_assert!(!json!(state).to_string().contains("null"));
    }

    #[test]
    fn a_kept_document_reads_back(patches in prop::collection::vec(patch(), 1..4)) {
        let states: Vec<Value> = patches.into_iter().map(|desired| json!({ "desired": desired })).collect();
        let document = after(&states).document.unwrap();
        let text = serde_json::to_string(&document).unwrap();
        prop_assert_eq!(serde_json::from_str::<Document>(&text).unwrap(), document);
    }

    #[test]
    fn any_bytes_are_an_update_or_a_refusal(bytes in prop::collection::vec(any::<u8>(), 0..64), text in "[\\[\\]{}\":,a-e0-9 ]{0,64}") {
        for payload in [&bytes[..], text.as_bytes()] {
            if let Err(refused) = Update::parse(payload) {
                prop_assert!([400, 415].contains(&refused.code));
            }
            let _ = Request::parse(payload);
        }
    }
}
