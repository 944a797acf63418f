//! Messages between connected clients, in both versions.

use std::time::Duration;

use adit_mqtt::packet::{Packet, Will};
use adit_mqtt::why::Why;
use adit_mqtt::{QoS, Reason, Version};
use adit_server::mqtt::Connection;

use crate::mqtt_client::{Client, Got, bed, clean, message, persistent, wish};

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;

#[tokio::test]
async fn what_is_published_reaches_who_subscribed() {
    let bed = bed(|_| {}).await;
    for version in Version::BOTH {
        let mut sub = Client::new(&bed, clean(version, "sub")).await;
        let granted = sub.subscribe(vec![wish("a/+", Q1), wish("b", Q0)]).await;
        assert_eq!(granted, [Reason::GrantedQos1, Reason::Success]);
        for publisher in Version::BOTH {
            let mut publ = Client::new(&bed, clean(publisher, "pub")).await;
            publ.publish(message("a/1", "zero", Q0)).await;
            sub.hears("a/1", "zero").await;
            publ.publish_acked(message("a/2", "one", Q1)).await;
            sub.hears("a/2", "one").await;
            publ.publish_acked(message("b", "lower", Q1)).await;
            sub.hears("b", "lower").await;
            publ.publish_acked(message("a", "not this", Q1)).await;
            publ.disconnect().await;
        }
        sub.is_quiet().await;
        sub.unsubscribe("a/+").await;
        let mut publ = Client::new(&bed, clean(version, "pub")).await;
        publ.publish_acked(message("a/1", "gone", Q1)).await;
        sub.is_quiet().await;
        sub.disconnect().await;
    }
}

#[tokio::test]
async fn overlapping_filters_bring_a_message_once_and_in_order() {
    let bed = bed(|_| {}).await;
    let mut sub = Client::new(&bed, clean(Version::V4, "sub")).await;
    sub.subscribe(vec![wish("a/#", Q0), wish("a/b", Q1), wish("+/b", Q0)]).await;
    let mut publ = Client::new(&bed, clean(Version::V5, "pub")).await;
    for n in 0..50 {
        publ.publish(message("a/b", &n.to_string(), Q1)).await;
    }
    for n in 0..50 {
        sub.hears("a/b", &n.to_string()).await;
    }
    sub.is_quiet().await;
}

#[tokio::test]
async fn a_hash_does_not_match_its_parent_and_dollar_is_hidden_from_wildcards() {
    let bed = bed(|_| {}).await;
    let mut sub = Client::new(&bed, clean(Version::V4, "sub")).await;
    sub.subscribe(vec![wish("a/#", Q1), wish("#", Q0)]).await;
    sub.unsubscribe("#").await;
    let mut publ = Client::new(&bed, clean(Version::V4, "pub")).await;
    publ.publish_acked(message("a", "parent", Q1)).await;
    sub.is_quiet().await;
    publ.publish_acked(message("a/", "child", Q1)).await;
    sub.hears("a/", "child").await;
}

#[tokio::test]
async fn a_newcomer_takes_over_and_the_will_is_published() {
    let bed = bed(|_| {}).await;
    for version in Version::BOTH {
        let mut watcher = Client::new(&bed, clean(Version::V5, "watcher")).await;
        watcher.subscribe(vec![wish("will", Q1), wish("$aws/events/presence/disconnected/dev", Q1)]).await;
        let mut connect = clean(version, "dev");
        connect.will = Some(Box::new(will("will", "gone", 0)));
        let mut first = Client::new(&bed, connect).await;
        let second = Client::new(&bed, clean(version, "dev")).await;
        first.is_ended(Why::TakenOver.reason().unwrap()).await;
        watcher.hears("will", "gone").await;
        let (topic, event) = watcher.message().await;
        assert_eq!(topic, "$aws/events/presence/disconnected/dev");
        assert!(event.contains("\"disconnectReason\":\"DUPLICATE_CLIENTID\""), "{event}");
        second.disconnect().await;
        let (_, event) = watcher.message().await;
        assert!(event.contains("\"disconnectReason\":\"CLIENT_INITIATED_DISCONNECT\""), "{event}");
        watcher.disconnect().await;
    }
}

pub fn will(topic: &str, payload: &str, delay: u32) -> Will {
    Will {
        topic: topic.to_owned(),
        payload: payload.as_bytes().to_vec(),
        qos: Q1,
        retain: false,
        delay,
        message_expiry: None,
        properties: Default::default(),
    }
}

#[tokio::test]
async fn a_will_waits_for_its_delay_and_not_for_a_client_that_is_back() {
    let bed = bed(|_| {}).await;
    let mut watcher = Client::new(&bed, clean(Version::V5, "watcher")).await;
    watcher.subscribe(vec![wish("will", Q1)]).await;
    let connect = || {
        let mut connect = persistent(Version::V5, "dev");
        connect.will = Some(Box::new(will("will", "gone", 1)));
        connect
    };
    let client = Client::new(&bed, connect()).await;
    drop(client);
    watcher.is_quiet().await;
    let client = Client::new(&bed, connect()).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    watcher.is_quiet().await;
    drop(client);
    watcher.hears("will", "gone").await;
}

#[tokio::test]
async fn lifecycle_events_tell_who_comes_and_what_it_subscribes_to() {
    let bed = bed(|_| {}).await;
    let mut watcher = Client::new(&bed, clean(Version::V4, "watcher")).await;
    watcher.subscribe(vec![wish("$aws/events/+/+/dev", Q1)]).await;
    let mut dev = Client::new(&bed, clean(Version::V4, "dev")).await;
    let (topic, event) = watcher.message().await;
    assert_eq!(topic, "$aws/events/presence/connected/dev");
    assert!(
        event.contains("\"versionNumber\":0") && event.contains("\"ipAddress\":\"127.0.0.1\""),
        "{event}"
    );
    dev.subscribe(vec![wish("x", Q0), wish("y", Q1)]).await;
    let (topic, event) = watcher.message().await;
    assert_eq!(topic, "$aws/events/subscriptions/subscribed/dev");
    assert!(event.contains("\"topics\":[\"x\",\"y\"]"), "{event}");
    dev.unsubscribe("x").await;
    assert_eq!(watcher.message().await.0, "$aws/events/subscriptions/unsubscribed/dev");
    drop(dev);
    let (topic, event) = watcher.message().await;
    assert_eq!(topic, "$aws/events/presence/disconnected/dev");
    assert!(event.contains("CONNECTION_LOST") && event.contains("\"versionNumber\":0"), "{event}");
    let _dev = Client::new(&bed, clean(Version::V4, "dev")).await;
    assert!(watcher.message().await.1.contains("\"versionNumber\":1"));
}

#[tokio::test]
async fn reserved_topics_are_refused_before_anything_else() {
    let bed = bed(|_| {}).await;
    let topic = "$aws/events/presence/connected/dev";
    let mut v4 = Client::new(&bed, clean(Version::V4, "v4")).await;
    v4.publish(message(topic, "lie", Q1)).await;
    v4.is_closed().await;
    let mut v5 = Client::new(&bed, clean(Version::V5, "v5")).await;
    let id = v5.publish(message(topic, "lie", Q1)).await;
    match v5.got().await {
        Got::Packet(Packet::PubAck(ack)) => {
            assert_eq!((ack.packet_id, ack.reason), (id, Reason::TopicNameInvalid));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        v5.subscribe(vec![wish("$SYS/#", Q0), wish("ok", Q0)]).await,
        [Reason::TopicFilterInvalid, Reason::Success]
    );
    v5.publish(message(topic, "lie", Q0)).await;
    v5.is_ended(Reason::TopicNameInvalid).await;
}

#[tokio::test]
async fn the_operator_sees_and_ends_connections() {
    let bed = bed(|_| {}).await;
    let scope = adit_iot::Scope::new("123456789012", "us-east-1").unwrap();
    let gateway = &bed.running.state().gateway;
    let mut dev = Client::new(&bed, persistent(Version::V5, "dev")).await;
    dev.subscribe(vec![wish("a/b", Q1)]).await;
    let list = gateway.connections(&scope, "", 10);
    assert_eq!(list.iter().map(|c| c.client_id.as_str()).collect::<Vec<_>>(), ["dev"]);
    assert!(list[0].connected && !list[0].clean_session);
    assert_eq!(gateway.subscriptions(&scope, "dev").unwrap(), [("a/b".to_owned(), 1)]);
    let direct = || adit_mqtt::client::message("just/you", b"hi", Q1);
    let sending = gateway.send_direct(&scope, "dev", direct(), Some(Duration::from_secs(5)));
    let (sent, ()) = tokio::join!(sending, dev.hears("just/you", "hi"));
    sent.unwrap();
    assert!(gateway.send_direct(&scope, "nobody", direct(), None).await.is_err());
    assert!(gateway.disconnect(&scope, "dev", false, false));
    dev.is_ended(Reason::AdministrativeAction).await;
    let gone: Connection = gateway.connection(&scope, "dev").unwrap();
    assert!(!gone.connected && gone.disconnected_since.is_some());
    assert_eq!(gone.disconnect_reason, Some("API_INITIATED_DISCONNECT"));
    assert!(gateway.disconnect(&scope, "dev", true, false));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let (_, ack) = Client::connect(&bed, persistent(Version::V5, "dev")).await;
    assert!(!ack.session_present);
}

#[tokio::test]
async fn the_end_of_the_server_is_said() {
    let bed = bed(|_| {}).await;
    let mut v5 = Client::new(&bed, clean(Version::V5, "v5")).await;
    let mut v4 = Client::new(&bed, clean(Version::V4, "v4")).await;
    let ending = tokio::spawn(bed.running.end());
    v5.is_ended(Reason::ServerShuttingDown).await;
    v4.is_closed().await;
    tokio::time::timeout(Duration::from_secs(5), ending).await.unwrap().unwrap();
}
