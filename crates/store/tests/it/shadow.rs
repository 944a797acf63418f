use adit_iot::shadow::{ShadowName, Update, VERSION_KEPT_MILLIS};
use adit_iot::{ThingName, Timestamp};
use adit_store::Store;
use serde_json::{Value, json};

use crate::{on_both, scope, time};

fn lamp() -> ThingName {
    ThingName::parse("lamp").unwrap()
}

fn name(text: &str) -> Option<ShadowName> {
    (!text.is_empty()).then(|| ShadowName::parse(text).unwrap())
}

/// Reports `n` and gives the version, or the code of the refusal.
async fn report(
    store: &Store,
    called: &str,
    n: i64,
    version: Option<i64>,
    at: Timestamp,
) -> Result<i64, u16> {
    let text = json!({ "state": { "reported": { "n": n } }, "version": version }).to_string();
    let update = Update::parse(text.as_bytes()).unwrap();
    let done = store.shadow_update(&scope(), &lamp(), name(called).as_ref(), update, 8192, at).await.unwrap();
    done.map(|done| done.kept.version).map_err(|refusal| refusal.code)
}

async fn state(store: &Store, called: &str) -> Option<Value> {
    let kept = store.shadow_get(&scope(), &lamp(), name(called).as_ref()).await.unwrap();
    let shown: Value = serde_json::from_slice(&kept.shown(None, time(0))?).unwrap();
    shown.get("state").cloned()
}

#[test]
fn classic_and_named_shadows_are_apart() {
    on_both(|store| async move {
        assert_eq!(state(&store, "").await, None);
        assert_eq!(report(&store, "", 1, None, time(0)).await, Ok(1));
        assert_eq!(report(&store, "a", 2, None, time(0)).await, Ok(1));
        assert_eq!(report(&store, "a", 3, Some(1), time(0)).await, Ok(2));
        assert_eq!(report(&store, "a", 4, Some(1), time(0)).await, Err(409));
        assert_eq!(state(&store, "").await, Some(json!({ "reported": { "n": 1 } })));
        assert_eq!(state(&store, "a").await, Some(json!({ "reported": { "n": 3 } })));
        assert_eq!(state(&store, "b").await, None);
    });
}

#[test]
fn the_version_survives_deletion_for_two_days() {
    on_both(|store| async move {
        for n in 1..=3 {
            report(&store, "", n, None, time(0)).await.unwrap();
        }
        let delete = async |at| store.shadow_delete(&scope(), &lamp(), None, at).await.unwrap();
        assert_eq!(delete(time(1)).await.unwrap().version, 3);
        assert_eq!(delete(time(1)).await, None);
        assert_eq!(state(&store, "").await, None);
        assert_eq!(report(&store, "", 9, None, time(2)).await, Ok(4));
        assert_eq!(state(&store, "").await, Some(json!({ "reported": { "n": 9 } })));
        delete(time(3)).await.unwrap();
        let later = time(3).plus_millis(VERSION_KEPT_MILLIS);
        assert_eq!(report(&store, "", 9, None, later).await, Ok(1));
    });
}

#[test]
fn old_versions_are_forgotten_and_shadows_are_not() {
    on_both(|store| async move {
        for called in ["", "a", "b"] {
            report(&store, called, 1, None, time(0)).await.unwrap();
        }
        for called in ["a", "b"] {
            store.shadow_delete(&scope(), &lamp(), name(called).as_ref(), time(0)).await.unwrap();
        }
        let forget = async |at| store.shadows_forget(at, 1).await.unwrap();
        let due = time(0).plus_millis(VERSION_KEPT_MILLIS);
        assert_eq!(forget(due.plus_millis(-1)).await, 0);
        assert_eq!([forget(due).await, forget(due).await, forget(due).await], [1, 1, 0]);
        assert!(state(&store, "").await.is_some());
    });
}

#[test]
fn names_are_listed_in_order_of_creation() {
    on_both(|store| async move {
        report(&store, "", 1, None, time(0)).await.unwrap();
        for called in ["c", "a", "b", "d"] {
            report(&store, called, 1, None, time(0)).await.unwrap();
        }
        store.shadow_delete(&scope(), &lamp(), name("a").as_ref(), time(0)).await.unwrap();
        let page = async |after| store.shadow_names_page(&scope(), &lamp(), after, 2).await.unwrap();
        let names = |page: &adit_store::Page<ShadowName>| -> Vec<String> {
            page.items.iter().map(ShadowName::to_string).collect()
        };
        let first = page(None).await;
        let rest = page(first.next).await;
        assert_eq!(
            (names(&first), names(&rest), rest.next),
            (vec!["c".into(), "b".into()], vec!["d".into()], None)
        );
    });
}

#[test]
fn updates_that_race_are_counted_one_by_one() {
    on_both(|store| async move {
        let store = std::sync::Arc::new(store);
        let racing: Vec<_> = (0..20)
            .map(|n| {
                let store = std::sync::Arc::clone(&store);
                tokio::spawn(async move { report(&store, "", n, Some(0), time(0)).await })
            })
            .collect();
        let mut won = 0;
        for racer in racing {
            won += usize::from(racer.await.unwrap().is_ok());
        }
        assert_eq!(won, 1, "all of them believed that there was none");
    });
}
