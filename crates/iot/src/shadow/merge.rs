//! Merging, metadata and difference of sections.

use serde_json::{Value, json};

use super::Object;

/// Puts `patch` over `state`: objects are merged key by key, `null` removes the key, all else replaces. Every leaf
/// of the patch gets `stamp` (epoch seconds) in `metadata`, which has the keys of `state` before and after.
pub fn merge(state: &mut Object, metadata: &mut Object, patch: &Object, stamp: i64) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                state.remove(key);
                metadata.remove(key);
            }
            Value::Object(inner) => {
                // The metadata of a leaf is an object too: it is only gone into where the state is one.
                let (mut below, mut marks) = match (state.remove(key), metadata.remove(key)) {
                    (Some(Value::Object(below)), Some(Value::Object(marks))) => (below, marks),
                    (Some(Value::Object(below)), _) => (below, Object::new()),
                    _ => (Object::new(), Object::new()),
                };
                merge(&mut below, &mut marks, inner, stamp);
                state.insert(key.clone(), below.into());
                metadata.insert(key.clone(), marks.into());
            }
            leaf => {
                state.insert(key.clone(), leaf.clone());
                metadata.insert(key.clone(), stamps(leaf, stamp));
            }
        }
    }
}

/// A value with `{"timestamp": stamp}` in place of every leaf; `null` is a leaf.
pub fn stamps(value: &Value, stamp: i64) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.clone(), stamps(value, stamp))).collect::<Object>().into()
        }
        Value::Array(items) => items.iter().map(|item| stamps(item, stamp)).collect(),
        _ => json!({ "timestamp": stamp }),
    }
}

/// What is in `desired` and is not the same in `reported`, down to the keys that differ, with its part of
/// `metadata`, which is the metadata of `desired`. Lists are leaves. `None` if nothing differs.
pub fn delta(desired: &Object, reported: &Object, metadata: &Object) -> Option<(Object, Object)> {
    let (mut differ, mut marks) = (Object::new(), Object::new());
    let unmarked = Object::new();
    for (key, wanted) in desired {
        let mark = metadata.get(key);
        let found = match (wanted, reported.get(key)) {
            (Value::Object(wanted), Some(Value::Object(told))) => {
                let mark = mark.and_then(Value::as_object).unwrap_or(&unmarked);
                delta(wanted, told, mark).map(|(below, mark)| (Value::from(below), Some(Value::from(mark))))
            }
            (wanted, Some(told)) if wanted == told => None,
            _ => Some((wanted.clone(), mark.cloned())),
        };
        if let Some((value, mark)) = found {
            differ.insert(key.clone(), value);
            marks.extend(mark.map(|mark| (key.clone(), mark)));
        }
    }
    (!differ.is_empty()).then_some((differ, marks))
}
