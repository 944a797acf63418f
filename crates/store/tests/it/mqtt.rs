//! Sessions, queues and retained messages.

use std::sync::Arc;

use adit_store::{MqttWrite, NewSession, Phase, Store, StoredMessage, StoredWill, Subscription};
use bytes::Bytes;

use crate::{on_both, scope, time};

fn session(client_id: &str) -> NewSession {
    NewSession {
        scope: scope(),
        client_id: client_id.to_owned(),
        version: 4,
        expiry: 3600,
        principal: "c".repeat(64),
    }
}

fn message(topic: &str, payload: &str) -> Arc<StoredMessage> {
    Arc::new(StoredMessage {
        topic: topic.into(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos: 1,
        retain: false,
        properties: None,
        expires_at: None,
    })
}

fn append(session: i64, position: i64, payload: &str) -> MqttWrite {
    MqttWrite::Append { session, position, phase: Phase::Waiting, message: message("t", payload) }
}

async fn payloads(store: &Store, session: i64) -> Vec<String> {
    let page = store.queue_page(session, 0, 100, 1 << 20).await.unwrap();
    page.iter().map(|q| String::from_utf8(q.message.payload.to_vec()).unwrap()).collect()
}

#[test]
fn a_session_is_resumed_with_all_it_had() {
    on_both(|store| async move {
        let will = StoredWill {
            delay: 5,
            lifetime: Some(60),
            due_at: None,
            message: (*message("bye", "x")).clone(),
        };
        let opened = store.session_open(session("c1"), false, Some(will.clone())).await.unwrap();
        assert!(!opened.resumed);
        let filters = ["b/#", "a/+"].map(|filter| Subscription {
            filter: filter.into(),
            options: 1,
            identifier: Some(7),
        });
        store.subscriptions_put(opened.id, filters.to_vec()).await.unwrap();
        let writes = vec![
            append(opened.id, 1, "one"),
            append(opened.id, 2, "two"),
            MqttWrite::Progress { session: opened.id, position: 1, phase: Phase::Sent(9) },
            MqttWrite::State { session: opened.id, state: vec![1, 2] },
        ];
        store.mqtt_write(writes).await.unwrap();
        store.session_left(opened.id, 60, time(1), Some(time(2))).await.unwrap();

        let loaded = store.sessions_load(0, 10).await.unwrap().remove(0);
        assert_eq!((loaded.id, loaded.client_id.as_str(), loaded.expiry), (opened.id, "c1", 60));
        assert_eq!(loaded.ends_at, Some(time(1)));
        assert_eq!(loaded.state, [1, 2]);
        assert_eq!(
            loaded.subscriptions.iter().map(|s| s.filter.as_str()).collect::<Vec<_>>(),
            ["a/+", "b/#"]
        );
        assert_eq!(loaded.will, Some(StoredWill { due_at: Some(time(2)), ..will }));
        let sizes = store.queue_sizes().await.unwrap();
        assert_eq!((sizes[0].1.messages, sizes[0].1.bytes, sizes[0].1.last), (2, 6, 2));

        let again = store.session_open(session("c1"), false, None).await.unwrap();
        assert!(again.resumed && again.id == opened.id);
        let page = store.queue_page(again.id, 0, 10, 1 << 20).await.unwrap();
        assert_eq!(page.iter().map(|q| q.phase).collect::<Vec<_>>(), [Phase::Sent(9), Phase::Waiting]);
        assert_eq!(store.sessions_load(0, 10).await.unwrap()[0].will, None);
    });
}

#[test]
fn a_start_finds_nobody_connected() {
    on_both(|store| async move {
        let will =
            StoredWill { delay: 90, lifetime: None, due_at: None, message: (*message("bye", "x")).clone() };
        let short = NewSession { expiry: 60, ..session("short") };
        let endless = NewSession { expiry: u32::MAX, ..session("endless") };
        store.session_open(short, false, Some(will.clone())).await.unwrap();
        store.session_open(endless, false, Some(will)).await.unwrap();
        let away = store.session_open(session("away"), false, None).await.unwrap();
        store.session_left(away.id, 3600, time(9), None).await.unwrap();
        store.all_sessions_left(time(0), u32::MAX, time(1_000_000)).await.unwrap();
        let loaded = store.sessions_load(0, 10).await.unwrap();
        let ends: Vec<_> = loaded.iter().map(|s| s.ends_at.unwrap()).collect();
        assert_eq!(ends, [time(1), time(1_000_000), time(9)]);
        let due: Vec<_> = loaded.iter().filter_map(|s| s.will.as_ref()?.due_at).collect();
        let seconds = |n: i64| adit_iot::Timestamp::from_millis(time(0).millis() + n * 1000);
        assert_eq!(due, [seconds(60), seconds(90)]);
    });
}

#[test]
fn a_fresh_session_and_another_version_find_nothing_of_the_old_one() {
    on_both(|store| async move {
        let first = store.session_open(session("c1"), false, None).await.unwrap();
        store.mqtt_write(vec![append(first.id, 1, "old")]).await.unwrap();
        let fresh = store.session_open(session("c1"), true, None).await.unwrap();
        assert!(!fresh.resumed && fresh.id != first.id);
        assert!(payloads(&store, first.id).await.is_empty());
        let v5 = store.session_open(NewSession { version: 5, ..session("c1") }, false, None).await.unwrap();
        assert!(!v5.resumed);
        assert_eq!(store.sessions_load(0, 10).await.unwrap().len(), 1);
    });
}

#[test]
fn what_comes_for_an_ended_session_is_dropped() {
    on_both(|store| async move {
        let opened = store.session_open(session("c1"), false, None).await.unwrap();
        store.sessions_end(vec![opened.id]).await.unwrap();
        store.mqtt_write(vec![append(opened.id, 1, "late")]).await.unwrap();
        let late = Subscription { filter: "a".into(), options: 0, identifier: None };
        store.subscriptions_put(opened.id, vec![late]).await.unwrap();
        assert!(payloads(&store, opened.id).await.is_empty());
        let next = store.session_open(session("c2"), false, None).await.unwrap();
        assert!(next.id > opened.id, "an id is never used twice");
    });
}

#[test]
fn a_queue_is_read_in_order_by_pages_and_bytes() {
    on_both(|store| async move {
        let opened = store.session_open(session("c1"), false, None).await.unwrap();
        let writes = (1..=10).map(|n| append(opened.id, n, &format!("{n:04}"))).collect();
        store.mqtt_write(writes).await.unwrap();
        store.mqtt_write(vec![MqttWrite::Remove { session: opened.id, position: 2 }]).await.unwrap();
        let positions = |page: Vec<adit_store::Queued>| page.iter().map(|q| q.position).collect::<Vec<_>>();
        assert_eq!(positions(store.queue_page(opened.id, 0, 3, 1 << 20).await.unwrap()), [1, 3, 4]);
        assert_eq!(
            positions(store.queue_page(opened.id, 4, 100, 1 << 20).await.unwrap()),
            [5, 6, 7, 8, 9, 10]
        );
        assert_eq!(positions(store.queue_page(opened.id, 0, 100, 5).await.unwrap()), [1, 3], "never nothing");
    });
}

#[test]
fn the_last_retained_message_of_a_topic_counts() {
    on_both(|store| async move {
        let retain = |payload: &str, expires| MqttWrite::Retain {
            scope: scope(),
            message: Arc::new(StoredMessage { expires_at: expires, ..(*message("cfg", payload)).clone() }),
            at: time(0),
        };
        let other = MqttWrite::Retain { scope: scope(), message: message("zoo", "z"), at: time(3) };
        store.mqtt_write(vec![retain("1", None), retain("2", Some(time(5))), other]).await.unwrap();
        let first = store.retained_load(None, 1).await.unwrap().remove(0);
        assert_eq!((&*first.message.topic, &first.message.payload[..]), ("cfg", &b"2"[..]));
        assert!(first.message.retain);
        let rest = store.retained_load(Some((first.scope, first.message.topic)), 10).await.unwrap();
        assert_eq!(rest.iter().map(|r| &*r.message.topic).collect::<Vec<_>>(), ["zoo"]);
        assert!(store.retained_expire(time(4), 10).await.unwrap().is_empty());
        assert_eq!(store.retained_expire(time(5), 10).await.unwrap(), [(scope(), "cfg".to_owned())]);
        store.mqtt_write(vec![MqttWrite::Unretain { scope: scope(), topic: "zoo".into() }]).await.unwrap();
        assert!(store.retained_load(None, 10).await.unwrap().is_empty());
    });
}

#[test]
fn a_restart_finds_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let run = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let id = run.block_on(async {
        let store = Store::open(dir.path()).unwrap();
        let id = store.session_open(session("c1"), false, None).await.unwrap().id;
        store.mqtt_write(vec![append(id, 1, "kept")]).await.unwrap();
        id
    });
    run.block_on(async {
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(payloads(&store, id).await, ["kept"]);
        assert_eq!(store.sessions_load(0, 10).await.unwrap()[0].ends_at, None);
    });
}

#[test]
#[ignore = "measures; run it with --ignored --nocapture on an optimised build"]
fn durable_messages_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let run = tokio::runtime::Builder::new_current_thread().build().unwrap();
    run.block_on(async {
        let store = Store::open(dir.path()).unwrap();
        let id = store.session_open(session("c1"), false, None).await.unwrap().id;
        let payload = "x".repeat(256);
        for batch in [1_usize, 10, 100, 1000] {
            let started = std::time::Instant::now();
            let mut position =
                store.queue_page(id, 0, 1, 1).await.unwrap().len() as i64 * 1_000_000_000 * batch as i64;
            let mut written = 0_usize;
            while started.elapsed().as_secs() < 2 {
                let writes = (0..batch).map(|_| {
                    position += 1;
                    append(id, position, &payload)
                });
                store.mqtt_write(writes.collect()).await.unwrap();
                written += batch;
            }
            println!("batch {batch}: {:.0} messages/s", written as f64 / started.elapsed().as_secs_f64());
        }
    });
}
