use std::collections::{BTreeMap, BTreeSet};

use adit_mqtt::topic::Wrong;
use adit_mqtt::{Filter, Settings, Topic, TopicTree};
use proptest::collection::vec;
use proptest::prelude::*;

fn topic(text: &str) -> Result<&str, Wrong> {
    Topic::parse(text, &Settings::aws()).map(Topic::as_str)
}

fn filter(text: &str) -> Result<Filter, Wrong> {
    Filter::parse(text, &Settings::aws())
}

/// spec: mqtt-gateway §4.1
#[test]
fn topics_are_one_to_256_bytes_with_at_most_7_slashes() {
    let longest = "é".repeat(128);
    for good in ["a", "/", "a//b", " ", "a/b/c/d/e/f/g/h", "///////", "ÿ/💡", &longest, "$aws/x", "a b"] {
        assert_eq!(topic(good), Ok(good));
    }
    let too_long = "a".repeat(257);
    assert_eq!(topic(""), Err(Wrong::Empty));
    assert_eq!(topic(&too_long), Err(Wrong::TooLong { bytes: 257, max: 256 }));
    assert_eq!(topic("a/b/c/d/e/f/g/h/i"), Err(Wrong::TooDeep { slashes: 8, max: 7 }));
    for wild in ["+", "a/#", "a+b", "#a"] {
        assert_eq!(topic(wild), Err(Wrong::Wildcard), "{wild}");
    }
    assert_eq!(topic("a\0b"), Err(Wrong::Nul));
}

/// spec: mqtt-gateway §4.1
#[test]
fn the_prefix_of_a_rule_does_not_count() {
    let rest = format!("a/b/c/d/e/f/g/{}", "h".repeat(242));
    for prefix in ["$aws/rules/some_rule/", "$AWS/Rules/r/"] {
        let whole = format!("{prefix}{rest}");
        assert_eq!(topic(&whole), Ok(&*whole));
        assert_eq!(topic(&format!("{whole}x")), Err(Wrong::TooLong { bytes: 257, max: 256 }));
        assert_eq!(topic(&format!("{prefix}a/b/c/d/e/f/g/h/i")), Err(Wrong::TooDeep { slashes: 8, max: 7 }));
    }
    assert_eq!(topic("$aws/rules//a/b/c/d/e/f/g"), Err(Wrong::TooDeep { slashes: 9, max: 7 }));
    assert!(topic(&format!("$aws/rules/{}", "r".repeat(256))).is_err());
}

/// spec: mqtt-gateway §5.1
#[test]
fn filters_have_wildcards_that_fill_a_level() {
    for good in ["#", "+", "a/#", "+/+/#", "/+", "+/", "a/+/b", "a//#", "$aws/things/+/shadow/#"] {
        assert_eq!(filter(good).map(|filter| filter.to_string()), Ok(good.to_owned()));
    }
    for bad in ["a+", "+a", "a/b#", "#b", "++", "##", "+#", "a/+b/c"] {
        assert_eq!(filter(bad), Err(Wrong::WildcardNotAlone), "{bad}");
    }
    for bad in ["#/a", "a/#/b", "#/"] {
        assert_eq!(filter(bad), Err(Wrong::HashNotLast), "{bad}");
    }
    assert_eq!(filter(""), Err(Wrong::Empty));
    assert_eq!(filter("a\0"), Err(Wrong::Nul));
    assert_eq!(filter(&"a".repeat(257)), Err(Wrong::TooLong { bytes: 257, max: 256 }));
    assert_eq!(filter("+/+/+/+/+/+/+/+/#"), Err(Wrong::TooDeep { slashes: 8, max: 7 }));
    assert!(Filter::parse(&"+/".repeat(255), &Settings::standard()).is_ok());
}

/// spec: mqtt-gateway §5.4
#[test]
fn shared_filters_have_a_name_and_a_filter() {
    let parts = |text: &str| filter(text).map(|it| (it.share().map(str::to_owned), it.pattern().to_owned()));
    let shared = |name: &str, pattern: &str| Ok((Some(name.to_owned()), pattern.to_owned()));
    assert_eq!(parts("$share/g/a/+"), shared("g", "a/+"));
    assert_eq!(parts("$share/g//"), shared("g", "/"));
    assert_eq!(parts("$share/g/#"), shared("g", "#"));
    assert_eq!(parts("$shared/g/a"), Ok((None, "$shared/g/a".to_owned())));
    assert_eq!(parts("a"), Ok((None, "a".to_owned())));
    let deep = format!("$share/{}/a/b/c/d/e/f/g/h", "é".repeat(128));
    assert!(parts(&deep).is_ok());
    for bad in ["$share", "$share/", "$share//a", "$share/+/a", "$share/a#/a"] {
        assert_eq!(parts(bad), Err(Wrong::ShareName), "{bad}");
    }
    for bad in ["$share/a", "$share/a/"] {
        assert_eq!(parts(bad), Err(Wrong::ShareWithoutFilter), "{bad}");
    }
    let name = "é".repeat(129);
    assert_eq!(parts(&format!("$share/{name}/a")), Err(Wrong::ShareNameTooLong { chars: 129, max: 128 }));
    assert_eq!(parts("$share/g/a#"), Err(Wrong::WildcardNotAlone));
}

#[test]
fn what_is_wrong_says_whether_the_syntax_is_broken() {
    assert!(filter("a+").unwrap_err().is_malformed());
    assert!(filter("$share/x").unwrap_err().is_malformed());
    assert!(!filter(&"a".repeat(257)).unwrap_err().is_malformed());
    assert!(!filter("/a/a/a/a/a/a/a/a").unwrap_err().is_malformed());
}

/// Filter, topic, and whether it is taken; twice where `hash_matches_parent` decides.
const MATCHES: &[(&str, &str, bool, bool)] = &[
    ("a", "a", true, true),
    ("a", "A", false, false),
    ("a", "a/", false, false),
    ("a/", "a/", true, true),
    ("/", "/", true, true),
    ("/a", "a", false, false),
    ("+", "a", true, true),
    ("+", "", true, true),
    ("+", "a/b", false, false),
    ("+", "/a", false, false),
    ("/+", "/a", true, true),
    ("+/+", "/a", true, true),
    ("#", "a/b/c", true, true),
    ("#", "/", true, true),
    ("a/#", "a", false, true),
    ("a/#", "a/", true, true),
    ("a/#", "a/b/c", true, true),
    ("a/#", "ab", false, false),
    ("a/+/#", "a/b", false, true),
    ("a/+/#", "a", false, false),
    ("+/#", "a", false, true),
    ("+/b/+", "a/b/c", true, true),
    ("#", "$SYS/x", false, false),
    ("+/x", "$SYS/x", false, false),
    ("+/#", "$SYS/x", false, false),
    ("$SYS/#", "$SYS/x", true, true),
    ("$SYS/+", "$SYS/x", true, true),
    ("$share/g/#", "a", true, true),
    ("$share/g/#", "$SYS/x", false, false),
    ("a/$x", "a/$x", true, true),
    ("a/+", "a/$x", true, true),
];

#[test]
fn filters_and_trees_match_as_the_table_says() {
    for (pattern, topic, plain, parent) in MATCHES {
        let filter = Filter::new(pattern).unwrap();
        let mut tree = TopicTree::new();
        tree.insert(&filter, 1, ());
        for (hash_matches_parent, expected) in [(false, plain), (true, parent)] {
            assert_eq!(filter.matches(topic, hash_matches_parent), *expected, "{pattern} {topic}");
            let mut found = false;
            tree.matches(topic, hash_matches_parent, |_, ()| found = true);
            assert_eq!(found, *expected, "tree {pattern} {topic}");
        }
    }
}

#[test]
fn a_subscription_is_replaced_read_and_taken_out() {
    let (mut tree, filter) = (TopicTree::new(), Filter::new("a/+/b").unwrap());
    assert_eq!(tree.insert(&filter, "c1", 1), None);
    assert_eq!(tree.insert(&filter, "c1", 2), Some(1));
    assert_eq!(tree.insert(&filter, "c2", 3), None);
    assert_eq!((tree.len(), tree.get(&filter, &"c1")), (2, Some(&2)));
    let other = Filter::new("a/+").unwrap();
    assert_eq!(tree.get(&other, &"c1"), None);
    assert_eq!(tree.remove(&other, &"c1"), None);
    assert_eq!(tree.remove(&filter, &"c3"), None);
    assert_eq!(tree.remove(&filter, &"c1"), Some(2));
    assert_eq!(tree.remove(&filter, &"c1"), None);
    assert_eq!(tree.remove(&filter, &"c2"), Some(3));
    assert!(tree.is_empty());
}

#[test]
fn a_topic_deeper_than_any_filter_is_walked() {
    let mut tree = TopicTree::new();
    let deep = "a/".repeat(30_000);
    tree.insert(&Filter::new("a/a/#").unwrap(), 1, ());
    tree.insert(&Filter::new(&deep).unwrap(), 2, ());
    tree.insert(&Filter::new(&"+/".repeat(30_000)).unwrap(), 3, ());
    assert_eq!(taken(&tree, &deep, false), [1, 2, 3]);
}

fn taken<V>(tree: &TopicTree<u32, V>, topic: &str, hash_matches_parent: bool) -> Vec<u32> {
    let mut keys = Vec::new();
    tree.matches(topic, hash_matches_parent, |key, _| keys.push(*key));
    keys.sort_unstable();
    keys
}

fn levels() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "", "$s", "c"])
}

fn patterns() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => levels(), 2 => Just("+")];
    let path = (vec(level, 1..5), any::<bool>());
    path.prop_map(|(mut levels, hash)| {
        if hash {
            levels.push("#");
        }
        levels.join("/")
    })
    .prop_filter("not empty", |text| !text.is_empty())
}

#[derive(Clone, Debug)]
enum Step {
    Insert(String, u32),
    Remove(String, u32),
    Match(String),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (patterns(), 0u32..40).prop_map(|(pattern, key)| Step::Insert(pattern, key)),
        2 => (patterns(), 0u32..40).prop_map(|(pattern, key)| Step::Remove(pattern, key)),
        1 => vec(levels(), 1..6).prop_map(|levels| Step::Match(levels.join("/"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// The tree against a list of filters that are tried one by one.
    #[test]
    fn a_tree_does_what_a_list_does(steps in vec(steps(), 1..400), parent in any::<bool>()) {
        let mut tree = TopicTree::new();
        let mut list = BTreeMap::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert(pattern, key) => {
                    let filter = Filter::new(&pattern).unwrap();
                    prop_assert_eq!(tree.insert(&filter, key, number), list.insert((filter, key), number));
                }
                Step::Remove(pattern, key) => {
                    let filter = Filter::new(&pattern).unwrap();
                    prop_assert_eq!(tree.remove(&filter, &key), list.remove(&(filter, key)));
                }
                Step::Match(topic) => {
                    let mut expected: Vec<_> =
                        list.keys().filter(|(filter, _)| filter.matches(&topic, parent)).map(|(_, key)| *key).collect();
                    expected.sort_unstable();
                    prop_assert_eq!(taken(&tree, &topic, parent), expected);
                }
            }
            prop_assert_eq!(tree.len(), list.len());
        }
        for ((filter, key), value) in &list {
            prop_assert_eq!(tree.get(filter, key), Some(value));
            prop_assert_eq!(tree.remove(filter, key), Some(*value));
        }
        prop_assert!(tree.is_empty());
    }
}

/// A million filters: three of each thing, wildcards in the middle and at the end, and one that very many have.
struct Million {
    filters: Vec<(Filter, u32)>,
    wild: Vec<usize>,
}

fn million() -> Million {
    let mut filters = Vec::with_capacity(1_000_000);
    let mut wild = Vec::new();
    for number in 0..250_000u32 {
        let site = number % 500;
        let mut texts = vec![
            format!("$aws/things/thing-{number}/tunnels/notify"),
            format!("site/{site}/device/{number}/set"),
            format!("site/{site}/device/{number}/#"),
            "all/devices".to_owned(),
        ];
        if number % 2_500 == 0 {
            texts[1] = format!("site/{site}/+/{number}/set");
            texts[2] = format!("site/+/device/+/{number}");
            wild.extend([filters.len() + 1, filters.len() + 2]);
        }
        for text in texts {
            filters.push((Filter::new(&text).unwrap(), number));
        }
    }
    Million { filters, wild }
}

#[test]
fn a_million_filters_are_matched_like_a_list_and_freed() {
    let Million { filters, wild } = million();
    let mut tree = TopicTree::new();
    for (filter, key) in &filters {
        assert_eq!(tree.insert(filter, *key, ()), None);
    }
    assert_eq!(tree.len(), filters.len());
    let bytes = tree.bytes() / filters.len();
    assert!(bytes < 250, "{bytes} bytes for a filter");

    for number in (0..250_000).step_by(12_345) {
        let site = number % 500;
        for topic in [
            format!("site/{site}/device/{number}/set"),
            format!("site/{site}/device/{number}/2500"),
            format!("$aws/things/thing-{number}/tunnels/notify"),
        ] {
            let own = &filters[number as usize * 4..][..4];
            let near = wild.iter().map(|at| &filters[*at]).chain(own);
            let expected: BTreeSet<_> =
                near.filter(|(filter, _)| filter.matches(&topic, false)).map(|(_, key)| *key).collect();
            let found: BTreeSet<_> = taken(&tree, &topic, false).into_iter().collect();
            assert_eq!(found, expected, "{topic}");
        }
    }
    assert_eq!(taken(&tree, "all/devices", false).len(), 250_000);

    for (filter, key) in &filters {
        assert_eq!(tree.remove(filter, key), Some(()));
    }
    assert!(tree.is_empty());
    assert!(tree.bytes() < 200_000, "{} bytes are left", tree.bytes());
}
