use std::collections::BTreeMap;

use adit_iot::tag::{MAX_TAGS, Tag, upsert};
use proptest::prelude::*;

fn tags() -> impl Strategy<Value = Vec<Tag>> {
    let tag = ("[b-e]{1,3}", "[x-z]?").prop_map(|(key, value)| Tag { key, value });
    prop::collection::vec(tag, 0..70)
}

proptest! {
    #[test]
    fn setting_tags_is_a_map_insert(current in tags(), more in tags()) {
        let Ok(current) = upsert(&[], &current) else { return Ok(()) };
        let mut model: BTreeMap<_, _> = current.iter().map(|tag| (&tag.key, &tag.value)).collect();
        model.extend(more.iter().map(|tag| (&tag.key, &tag.value)));
        match upsert(&current, &more) {
            Ok(tags) => {
                prop_assert_eq!(tags.iter().map(|tag| (&tag.key, &tag.value)).collect::<Vec<_>>(),
                    model.into_iter().collect::<Vec<_>>());
                prop_assert_eq!(upsert(&tags, &more).unwrap(), tags);
            }
            Err(_) => prop_assert!(model.len() > MAX_TAGS),
        }
    }
}
