//! Things are found quickly however many there are.

use std::time::{Duration, Instant};

use adit_iot::thing::{AttributeFilter, Filter, Thing, ValueFilter};
use adit_iot::thing_group::NewGroup;
use adit_iot::thing_type::{Properties, ThingType};
use adit_iot::{ThingGroupName, ThingName, ThingTypeName};
use adit_store::Store;

use crate::{scope, time};

/// Things of the fleet: `site` has 1,000 values, `serial` is unique, every second thing is `active`, and of the types
/// one is common, one is rare.
async fn fleet(store: &std::sync::Arc<Store>, things: usize) {
    for kind in ["common", "rare"] {
        let name = ThingTypeName::parse(kind).unwrap();
        let kind = ThingType::new(name, "id".to_owned(), Properties::default(), time(0)).unwrap();
        store.thing_type_create(&scope(), kind, Vec::new()).await.unwrap();
    }
    for (group, parent) in [("all", None), ("half", Some("all")), ("few", Some("all"))] {
        let new = NewGroup {
            name: ThingGroupName::parse(group).unwrap(),
            id: "id".to_owned(),
            parent: parent.map(|parent| ThingGroupName::parse(parent).unwrap()),
            description: None,
            attributes: Default::default(),
            created_at: time(0),
        };
        store.thing_group_create(&scope(), new, Vec::new()).await.unwrap();
    }
    let workers: Vec<_> = (0..64)
        .map(|worker| {
            let store = std::sync::Arc::clone(store);
            tokio::spawn(async move {
                for n in (worker..things).step_by(64) {
                    create(&store, n, things).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

async fn create(store: &Store, n: usize, things: usize) {
    let name = ThingName::parse(&format!("t{n}")).unwrap();
    let kind = if n % 10_000 == 7 { "rare" } else { "common" };
    let attributes = [
        ("site".to_owned(), format!("site-{:03}", n % 1000)),
        ("serial".to_owned(), format!("serial-{n:08}")),
        ("active".to_owned(), if n.is_multiple_of(2) { "yes" } else { "no" }.to_owned()),
    ];
    let kind = Some(ThingTypeName::parse(kind).unwrap());
    let thing = Thing::new(name.clone(), format!("id-{n}"), kind, attributes.into(), time(0)).unwrap();
    store.thing_create(&scope(), thing).await.unwrap();
    let group = if n < things / 2 { Some("half") } else { (n % 1000 == 999).then_some("few") };
    if let Some(group) = group {
        let group = vec![ThingGroupName::parse(group).unwrap()];
        store.thing_regroup(&scope(), &name, Vec::new(), group).await.unwrap();
    }
}

fn having(kind: Option<&str>, attribute: Option<(&str, Option<ValueFilter>)>) -> Filter {
    Filter {
        type_name: kind.map(|kind| ThingTypeName::parse(kind).unwrap()),
        attribute: attribute.map(|(name, value)| AttributeFilter { name: name.to_owned(), value }),
    }
}

/// Asks every question; each must be answered within `patience`. Gives the slowest of each.
async fn ask(store: &Store, things: usize, patience: Duration) -> Vec<(String, Duration)> {
    let is = |value: &str| Some(ValueFilter::Is(value.to_owned()));
    let starts = |value: &str| Some(ValueFilter::StartsWith(value.to_owned()));
    let last = format!("serial-{:08}", things - 1);
    let mut seen = Vec::new();
    for (what, filter, least) in [
        ("any", having(None, None), 50),
        ("a common type", having(Some("common"), None), 50),
        ("a rare type", having(Some("rare"), None), 1),
        ("an unknown type", having(Some("unknown"), None), 0),
        ("a unique value", having(None, Some(("serial", is(&last)))), 1),
        ("one value of a thousand", having(None, Some(("site", is("site-999")))), 1),
        ("one value of two", having(None, Some(("active", is("no")))), 50),
        ("an attribute all have", having(None, Some(("site", None))), 50),
        ("a value nobody has", having(None, Some(("site", is("nowhere")))), 0),
        ("a rare beginning", having(None, Some(("serial", starts(&last[..14])))), 1),
        ("a beginning of one in ten", having(None, Some(("site", starts("site-9")))), 50),
        ("a beginning all have", having(None, Some(("serial", starts("serial-")))), 50),
        ("a common value of a rare type", having(Some("rare"), Some(("active", is("no")))), 1),
        ("a common value the rare type has not", having(Some("rare"), Some(("active", is("yes")))), 0),
        ("a common beginning of a rare type", having(Some("rare"), Some(("serial", starts("serial-")))), 1),
        ("a value of a common type", having(Some("common"), Some(("site", is("site-500")))), 1),
    ] {
        let begun = Instant::now();
        let page = store.things_page(&scope(), filter.clone(), None, 50).await.unwrap();
        assert!(page.items.len() >= least, "{what}: {}", page.items.len());
        let mut slowest = begun.elapsed();
        if let Some(next) = page.next {
            let begun = Instant::now();
            store.things_page(&scope(), filter, Some(next), 250).await.unwrap();
            slowest = slowest.max(begun.elapsed());
        }
        seen.push((what.to_owned(), slowest));
    }
    for (group, recursive) in [("all", true), ("all", false), ("half", false), ("few", false), ("few", true)]
    {
        let name = ThingGroupName::parse(group).unwrap();
        let begun = Instant::now();
        let page = store.things_of_thing_group(&scope(), &name, recursive, None, 250).await.unwrap().unwrap();
        assert_eq!(page.items.is_empty(), group == "all" && !recursive);
        seen.push((format!("group {group}, recursive {recursive}"), begun.elapsed()));
    }
    let begun = Instant::now();
    let thing = ThingName::parse("t0").unwrap();
    assert_eq!(store.groups_of_thing_with_ancestors(&scope(), &thing).await.unwrap().len(), 2);
    seen.push(("groups of a thing".to_owned(), begun.elapsed()));
    for (what, took) in &seen {
        assert!(*took <= patience, "{what} took {took:?}");
    }
    seen
}

/// The same things as [`create`] makes, by the million, without the store's help.
fn bulk(dir: &std::path::Path, things: usize) {
    let numbers = format!(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {} - 1), \
         t AS (SELECT i, i + 1 AS seq, IIF(i % 10000 = 7, 'rare', 'common') AS kind, \
         printf('site-%03d', i % 1000) AS site, printf('serial-%08d', i) AS serial, \
         IIF(i % 2 = 0, 'yes', 'no') AS active FROM n)",
        things
    );
    let scope = "'123456789012', 'us-east-1'";
    let mut script = format!(
        "BEGIN; {numbers} INSERT INTO thing (seq, account, region, name, id, type_name, attributes, version, created_at) \
         SELECT seq, {scope}, 't' || i, 'id-' || i, kind, \
         json_object('active', active, 'serial', serial, 'site', site), 1, 0 FROM t;"
    );
    for name in ["active", "serial", "site"] {
        script += &format!(
            "{numbers} INSERT INTO thing_attribute (thing, name, account, region, value, type_name) \
             SELECT seq, '{name}', {scope}, {name}, kind FROM t;"
        );
    }
    for (group, which) in
        [("half", format!("i < {}", things / 2)), ("few", format!("i >= {} AND i % 1000 = 999", things / 2))]
    {
        for (of, distance) in [(group, 0), ("all", 1)] {
            script += &format!(
                "{numbers} INSERT INTO thing_group_thing (thing_group, thing, member_of, distance) \
                 SELECT g.seq, t.seq, m.seq, {distance} FROM t, thing_group g, thing_group m \
                 WHERE g.name = '{of}' AND m.name = '{group}' AND {which};"
            );
        }
    }
    let connection = rusqlite::Connection::open(dir.join("adit.db")).unwrap();
    connection.execute_batch(&(script + "COMMIT;")).unwrap();
}

#[expect(clippy::print_stdout, reason = "the numbers are what the long test is for")]
fn run(things: usize, in_bulk: bool, patience: Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let begun = Instant::now();
        let mut store = std::sync::Arc::new(Store::open(dir.path()).unwrap());
        fleet(&store, if in_bulk { 0 } else { things }).await;
        if in_bulk {
            drop(store);
            bulk(dir.path(), things);
            store = std::sync::Arc::new(Store::open(dir.path()).unwrap());
        }
        println!("{things} things in {:?}", begun.elapsed());
        for (what, took) in ask(&store, things, patience).await {
            println!("{:>8.2} ms  {what}", took.as_secs_f64() * 1000.0);
        }
    });
}

#[test]
fn some_thousand_things() {
    run(4_000, false, Duration::from_secs(2));
}

#[test]
fn some_thousand_things_in_bulk() {
    run(20_000, true, Duration::from_secs(2));
}

/// `cargo test -p adit-store --test it a_million_things -- --ignored --nocapture`
#[test]
#[ignore = "creates a million things, which takes minutes"]
fn a_million_things() {
    run(1_000_000, true, Duration::from_millis(250));
}
