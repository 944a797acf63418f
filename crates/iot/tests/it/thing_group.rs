use adit_iot::thing::Attributes;
use adit_iot::thing_group::{
    Change, MAX_CHILDREN, MAX_DEPTH, MAX_GROUPS_OF_THING, Membership, NewGroup, ThingGroup, regrouped,
};
use adit_iot::{Kind, ThingGroupName, ThingName, Timestamp};
use proptest::prelude::*;

fn name(text: &str) -> ThingGroupName {
    ThingGroupName::parse(text).unwrap()
}

fn names(count: usize) -> Vec<ThingGroupName> {
    (0..count).map(|n| name(&format!("g{n}"))).collect()
}

fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn new(pairs: &[(&str, &str)]) -> NewGroup {
    NewGroup {
        name: name("lamps"),
        id: "id".to_owned(),
        parent: None,
        description: None,
        attributes: attributes(pairs),
        created_at: Timestamp::from_millis(0),
    }
}

fn held(group: &str, root: &str) -> Membership {
    Membership { group: name(group), root: name(root) }
}

#[test]
fn levels_and_children_are_limited() {
    let below = |above: usize, siblings| new(&[]).below(names(above), siblings);
    assert!(below(MAX_DEPTH - 1, MAX_CHILDREN - 1).is_ok());
    assert_eq!(below(MAX_DEPTH, 0).unwrap_err().kind, Kind::LimitExceeded);
    assert_eq!(below(1, MAX_CHILDREN).unwrap_err().kind, Kind::LimitExceeded);
    assert!(below(0, usize::MAX).is_ok(), "roots have no siblings to count");
}

#[test]
fn a_group_knows_its_root() {
    let group = |above: &[&str]| new(&[]).below(above.iter().map(|above| name(above)).collect(), 0).unwrap();
    assert_eq!(group(&[]).root(), &name("lamps"));
    assert_eq!(group(&["all", "house"]).root(), &name("all"));
}

#[test]
fn sameness_looks_at_parent_and_properties() {
    let mut wanted = new(&[("a", "1"), ("b", "")]);
    wanted.parent = Some(name("all"));
    let group = wanted.clone().below(vec![name("top"), name("all")], 0).unwrap();
    assert_eq!(group.attributes, attributes(&[("a", "1")]));
    assert!(group.is_same(&wanted));
    assert!(group.is_same(&NewGroup {
        description: Some(String::new()),
        id: "x".to_owned(),
        ..wanted.clone()
    }));
    assert!(!group.is_same(&NewGroup { parent: Some(name("top")), ..wanted.clone() }));
    assert!(!group.is_same(&NewGroup { parent: None, ..wanted.clone() }));
    assert!(!group.is_same(&NewGroup { description: Some("x".to_owned()), ..wanted.clone() }));
    assert!(!group.is_same(&NewGroup { attributes: Attributes::new(), ..wanted }));
}

#[test]
fn a_change_counts_and_keeps_what_is_not_given() {
    let mut first = new(&[("a", "1")]);
    first.description = Some("text".to_owned());
    let group = first.below(Vec::new(), 0).unwrap();
    let changed = |change: &Change| group.changed(change).unwrap();
    let untouched = changed(&Change::default());
    assert_eq!(untouched, ThingGroup { version: 2, ..group.clone() });
    let merged =
        changed(&Change { attributes: Some(attributes(&[("b", "2")])), merge: true, ..Change::default() });
    assert_eq!(merged.attributes, attributes(&[("a", "1"), ("b", "2")]));
    let replaced = changed(&Change {
        description: Some(String::new()),
        attributes: Some(Attributes::new()),
        merge: false,
    });
    assert!(replaced.attributes.is_empty() && replaced.description.is_none());
}

#[test]
fn a_thing_is_in_one_group_of_a_hierarchy() {
    let thing = ThingName::parse("lamp").unwrap();
    let ask = |remove: &[&str], add: &[(&str, &str)]| {
        let remove: Vec<_> = remove.iter().map(|group| name(group)).collect();
        let add: Vec<_> = add.iter().map(|(group, root)| held(group, root)).collect();
        regrouped(&thing, &[held("berlin", "site")], &remove, &add)
    };
    let refused = ask(&[], &[("paris", "site")]).unwrap_err();
    assert_eq!(refused.kind, Kind::Invalid);
    for part in ["lamp", "berlin", "paris"] {
        assert!(refused.message.contains(part), "{refused}");
    }
    assert_eq!(ask(&["berlin"], &[("paris", "site")]).unwrap(), [held("paris", "site")]);
    assert_eq!(ask(&[], &[("berlin", "site")]).unwrap(), [held("berlin", "site")]);
    assert_eq!(ask(&["unknown"], &[("red", "red")]).unwrap(), [held("berlin", "site"), held("red", "red")]);
    assert_eq!(ask(&[], &[("a", "x"), ("b", "x")]).unwrap_err().kind, Kind::Invalid);
}

proptest! {
    #[test]
    fn a_thing_is_in_few_groups_and_never_twice_in_a_hierarchy(
        add in prop::collection::vec((0..30usize, 0..15usize), 0..20),
        remove in prop::collection::vec(0..30usize, 0..5),
    ) {
        let thing = ThingName::parse("lamp").unwrap();
        let place = |(group, root): &(usize, usize)| held(&format!("g{group}-{root}"), &format!("r{root}"));
        let add: Vec<_> = add.iter().map(place).collect();
        let remove: Vec<_> = remove.iter().map(|n| name(&format!("g{n}-0"))).collect();
        match regrouped(&thing, &[held("g1-0", "r0")], &remove, &add) {
            Ok(after) => {
                prop_assert!(after.len() <= MAX_GROUPS_OF_THING);
                let mut roots: Vec<_> = after.iter().map(|held| &held.root).collect();
                roots.sort();
                roots.dedup();
                prop_assert_eq!(roots.len(), after.len());
                prop_assert!(add.iter().all(|wanted| after.contains(wanted)));
                let again = regrouped(&thing, &after, &[], &add);
                prop_assert_eq!(again, Ok(after));
            }
            Err(refused) => prop_assert!(matches!(refused.kind, Kind::Invalid | Kind::LimitExceeded)),
        }
    }
}
