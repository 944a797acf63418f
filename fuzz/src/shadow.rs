//! Shadows: what any bytes do to a document.

use adit_iot::Timestamp;
use adit_iot::shadow::{Kept, Object, Request, ShadowTopic, Update, delta, merge, size};
use serde_json::Value;

/// The most bytes of state that a shadow here may have.
const LIMIT: usize = 2048;

/// Each line is an update of one shadow. Whatever is taken leaves a document that holds together and reads back, and
/// answers that are JSON; whatever is refused has a code of AWS's and leaves all as it was.
pub fn shadow_update(data: &[u8]) {
    let mut kept = Kept::default();
    for (second, line) in (1..).zip(data.split(|byte| *byte == b'\n')) {
        let now = Timestamp::from_millis(second * 1000);
        if let Ok(text) = std::str::from_utf8(line)
            && let Some(topic) = ShadowTopic::parse(text)
        {
            assert_eq!(topic.reply("x"), format!("{text}/x"));
        }
        if let Err(refused) = Request::parse(line) {
            assert_eq!(refused.code, 400);
        }
        let done = Update::parse(line).and_then(|update| kept.updated(&update, LIMIT, now));
        match done {
            Err(refused) => {
                assert!([400, 409, 413, 415].contains(&refused.code));
                assert_eq!(object(&refused.payload(now)).get("code"), Some(&Value::from(refused.code)));
            }
            Ok(done) => {
                assert_eq!(done.kept.version, kept.version + 1);
                object(&done.accepted);
                object(&done.documents);
                kept = done.kept;
                check(&kept, done.delta.as_deref(), now);
            }
        }
    }
}

fn check(kept: &Kept, told: Option<&[u8]>, now: Timestamp) {
    assert!(kept.document.is_some());
    let Some(document) = &kept.document else { return };
    assert!(size(&document.state) <= LIMIT);
    let read = serde_json::to_string(document).ok().and_then(|text| serde_json::from_str(&text).ok());
    assert_eq!(read.as_ref(), Some(document));
    let (state, metadata) = (&document.state, &document.metadata);
    for (state, marks) in [(&state.desired, &metadata.desired), (&state.reported, &metadata.reported)] {
        assert!(mirrors(&state.clone().into(), &marks.clone().into()));
    }
    let difference = document.difference().map(|(state, _)| state);
    assert_eq!(told.map(|told| object(told).remove("state")), difference.clone().map(|it| Some(it.into())));
    let mut reported = state.reported.clone();
    merge(&mut reported, &mut metadata.reported.clone(), &difference.unwrap_or_default(), 0);
    assert_eq!(delta(&state.desired, &reported, &Object::new()), None);
    assert!(kept.shown(None, now).is_some_and(|shown| object(&shown).contains_key("version")));
}

fn object(text: &[u8]) -> Object {
    let read = serde_json::from_slice::<Object>(text);
    assert!(read.is_ok(), "{read:?}");
    read.unwrap_or_default()
}

/// Whether metadata has the shape of the state, with a time for every leaf.
fn mirrors(state: &Value, metadata: &Value) -> bool {
    match (state, metadata) {
        (Value::Object(state), Value::Object(marks)) => {
            state.len() == marks.len()
                && state.iter().all(|(key, value)| marks.get(key).is_some_and(|mark| mirrors(value, mark)))
        }
        (Value::Array(items), Value::Array(marks)) => {
            items.len() == marks.len() && items.iter().zip(marks).all(|(item, mark)| mirrors(item, mark))
        }
        (Value::Object(_) | Value::Array(_), _) => false,
        (_, mark) => mark.get("timestamp").is_some_and(Value::is_i64),
    }
}
