//! Sessions that outlive their connections, and messages that outlive the server.

use std::time::{Duration, Instant};

use adit_mqtt::{QoS, Reason, Version};

use crate::mqtt_client::{Client, Got, bed, clean, message, persistent, wish};

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;

#[tokio::test]
async fn messages_wait_for_an_absent_client_even_through_a_restart() {
    let mut bed = bed(|_| {}).await;
    for version in Version::BOTH {
        let (mut dev, ack) = Client::connect(&bed, persistent(version, "dev")).await;
        assert!(!ack.session_present);
        dev.subscribe(vec![wish("a/#", Q1)]).await;
        dev.disconnect().await;
        let mut publ = Client::new(&bed, clean(version, "pub")).await;
        for n in 0..300 {
            publ.publish_acked(message("a/b", &n.to_string(), Q1)).await;
        }
        publ.publish(message("a/b", "never kept", Q0)).await;
        publ.disconnect().await;
        bed = bed.restart().await;
        let (mut dev, ack) = Client::connect(&bed, persistent(version, "dev")).await;
        assert!(ack.session_present);
        for n in 0..300 {
            dev.hears("a/b", &n.to_string()).await;
        }
        // Back to memory, in order.
        let mut publ = Client::new(&bed, clean(version, "pub")).await;
        publ.publish_acked_while(message("a/b", "live", Q1), &mut dev).await;
        dev.is_quiet().await;
        dev.disconnect().await;
        let fresh = Client::new(&bed, clean(version, "dev")).await;
        fresh.disconnect().await;
    }
}

#[tokio::test]
async fn what_was_under_way_is_sent_again_with_its_id() {
    let bed = bed(|_| {}).await;
    for version in Version::BOTH {
        let mut dev = Client::new(&bed, persistent(version, "dev")).await;
        dev.subscribe(vec![wish("a", Q1)]).await;
        let mut publ = Client::new(&bed, clean(version, "pub")).await;
        let ids = [
            publ.publish(message("a", "1", Q1)).await,
            publ.publish(message("a", "2", Q1)).await,
            publ.publish(message("a", "3", Q1)).await,
        ];
        let mut sent = Vec::new();
        for _ in 0..3 {
            match dev.got().await {
                Got::Publish { packet_id, payload, dup, .. } => {
                    assert!(!dup);
                    sent.push((packet_id, payload));
                }
                other => panic!("{other:?}"),
            }
        }
        dev.puback(sent[1].0).await;
        // The publisher has its answers although the subscriber has not: what is slow goes to disk.
        for id in ids {
            publ.is_acked(id).await;
        }
        drop(dev);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (mut dev, ack) = Client::connect(&bed, persistent(version, "dev")).await;
        assert!(ack.session_present);
        for (id, payload) in [&sent[0], &sent[2]] {
            match dev.got().await {
                Got::Publish { packet_id, payload: again, dup, .. } => {
                    assert_eq!((packet_id, &again, dup), (*id, payload, true));
                    dev.puback(packet_id).await;
                }
                other => panic!("{other:?}"),
            }
        }
        dev.is_quiet().await;
        dev.disconnect().await;
        let (mut dev, _) = Client::connect(&bed, persistent(version, "dev")).await;
        dev.is_quiet().await;
        dev.disconnect().await;
        Client::new(&bed, clean(version, "dev")).await.disconnect().await;
    }
}

#[tokio::test]
async fn a_slow_client_spills_to_disk_and_holds_nobody_up() {
    let bed = bed(|config| config.mqtt.mailbox_messages = 50).await;
    let mut dev = Client::new(&bed, persistent(Version::V4, "dev")).await;
    dev.subscribe(vec![wish("a", Q1)]).await;
    let mut publ = Client::new(&bed, clean(Version::V4, "pub")).await;
    let start = Instant::now();
    for n in 0..400 {
        publ.publish_acked(message("a", &n.to_string(), Q1)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    for n in 0..400 {
        dev.hears("a", &n.to_string()).await;
    }
    dev.is_quiet().await;
}

#[tokio::test]
async fn a_queue_takes_so_many_and_drops_the_newest() {
    let bed = bed(|config| config.mqtt.queue_messages = 5).await;
    let mut dev = Client::new(&bed, persistent(Version::V4, "dev")).await;
    dev.subscribe(vec![wish("a", Q1)]).await;
    dev.disconnect().await;
    let mut publ = Client::new(&bed, clean(Version::V4, "pub")).await;
    for n in 0..9 {
        publ.publish_acked(message("a", &n.to_string(), Q1)).await;
    }
    let mut dev = Client::new(&bed, persistent(Version::V4, "dev")).await;
    for n in 0..5 {
        dev.hears("a", &n.to_string()).await;
    }
    dev.is_quiet().await;
    assert!(bed.running.state().metrics.render().contains("adit_mqtt_dropped_total{reason=\"full\"} 4"));
}

#[tokio::test]
async fn sessions_end_when_their_time_is_over() {
    let bed = bed(|_| {}).await;
    let mut connect = persistent(Version::V5, "dev");
    connect.properties.session_expiry = Some(1);
    let mut dev = Client::new(&bed, connect.clone()).await;
    dev.subscribe(vec![wish("a", Q1)]).await;
    dev.disconnect().await;
    let (dev, ack) = Client::connect(&bed, connect.clone()).await;
    assert!(ack.session_present);
    dev.disconnect().await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let (_dev, ack) = Client::connect(&bed, connect).await;
    assert!(!ack.session_present);
}

#[tokio::test]
async fn a_session_belongs_to_one_version() {
    let bed = bed(|_| {}).await;
    Client::new(&bed, persistent(Version::V4, "dev")).await.disconnect().await;
    let (dev, ack) = Client::connect(&bed, persistent(Version::V5, "dev")).await;
    assert!(!ack.session_present);
    dev.disconnect().await;
    let (_dev, ack) = Client::connect(&bed, persistent(Version::V5, "dev")).await;
    assert!(ack.session_present);
}

#[tokio::test]
async fn retained_messages_come_with_an_exact_filter_and_survive() {
    let mut bed = bed(|_| {}).await;
    let mut publ = Client::new(&bed, clean(Version::V5, "pub")).await;
    let mut kept = message("r/1", "kept", Q1);
    kept.retain = true;
    publ.publish_acked(kept).await;
    let mut short = message("r/2", "short", Q1);
    (short.retain, short.message_expiry) = (true, Some(1));
    publ.publish_acked(short).await;
    bed = bed.restart().await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let mut sub = Client::new(&bed, clean(Version::V4, "sub")).await;
    sub.subscribe(vec![wish("r/+", Q1), wish("r/2", Q1)]).await;
    sub.is_quiet().await;
    sub.subscribe(vec![wish("r/1", Q1)]).await;
    match sub.got().await {
        Got::Publish { topic, retain, packet_id, .. } => {
            assert!(topic == "r/1" && retain);
            sub.puback(packet_id).await;
        }
        other => panic!("{other:?}"),
    }
    let mut publ = Client::new(&bed, clean(Version::V5, "pub")).await;
    let mut empty = message("r/1", "", Q1);
    empty.retain = true;
    publ.publish_acked(empty).await;
    sub.hears("r/1", "").await;
    let mut late = Client::new(&bed, clean(Version::V4, "late")).await;
    assert_eq!(late.subscribe(vec![wish("r/1", Q1)]).await, [Reason::GrantedQos1]);
    late.is_quiet().await;
}

#[tokio::test]
async fn expired_messages_are_not_delivered() {
    let bed = bed(|_| {}).await;
    let mut dev = Client::new(&bed, persistent(Version::V4, "dev")).await;
    dev.subscribe(vec![wish("a", Q1)]).await;
    dev.disconnect().await;
    let mut publ = Client::new(&bed, clean(Version::V5, "pub")).await;
    let mut short = message("a", "short", Q1);
    short.message_expiry = Some(1);
    publ.publish_acked(short).await;
    publ.publish_acked(message("a", "long", Q1)).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let mut dev = Client::new(&bed, persistent(Version::V4, "dev")).await;
    dev.hears("a", "long").await;
    dev.is_quiet().await;
}
