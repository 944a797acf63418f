//! Shared subscriptions, and what only the profile of the standard has.

use std::time::{Duration, Instant};

use adit_mqtt::packet::{Ack, Packet};
use adit_mqtt::{QoS, Reason, Version};
use adit_server::config::MqttProfile;

use crate::mqtt_client::{Client, Got, bed, clean, message, persistent, wish};

const Q1: QoS = QoS::AtLeastOnce;
const Q2: QoS = QoS::ExactlyOnce;

#[tokio::test]
async fn a_shared_message_goes_to_one_member() {
    let bed = bed(|_| {}).await;
    let mut members = Vec::new();
    for (name, version) in [("m1", Version::V4), ("m2", Version::V5)] {
        let mut member = Client::new(&bed, clean(version, name)).await;
        assert_eq!(member.subscribe(vec![wish("$share/g/job/+", Q1)]).await, [Reason::GrantedQos1]);
        members.push(member);
    }
    let mut publ = Client::new(&bed, clean(Version::V5, "pub")).await;
    for n in 0..40 {
        publ.publish_acked(message("job/1", &n.to_string(), Q1)).await;
    }
    let mut heard = [0, 0];
    for (member, heard) in members.iter_mut().zip(&mut heard) {
        while let Ok(got) = tokio::time::timeout(Duration::from_millis(500), member.message()).await {
            assert_eq!(got.0, "job/1");
            *heard += 1;
        }
    }
    assert_eq!(heard[0] + heard[1], 40);
    assert!(heard[0] > 0 && heard[1] > 0, "{heard:?}");
}

#[tokio::test]
async fn a_group_keeps_messages_while_no_member_is_there() {
    let mut bed = bed(|_| {}).await;
    let mut member = Client::new(&bed, persistent(Version::V5, "m")).await;
    member.subscribe(vec![wish("$share/g/job", Q1)]).await;
    member.disconnect().await;
    let mut publ = Client::new(&bed, clean(Version::V4, "pub")).await;
    for n in 0..5 {
        publ.publish_acked(message("job", &n.to_string(), Q1)).await;
    }
    publ.disconnect().await;
    bed = bed.restart().await;
    let mut member = Client::new(&bed, persistent(Version::V5, "m")).await;
    for n in 0..5 {
        member.hears("job", &n.to_string()).await;
    }
    member.is_quiet().await;
    member.disconnect().await;
    bed = bed.restart().await;
    let mut member = Client::new(&bed, persistent(Version::V5, "m")).await;
    member.is_quiet().await;
}

#[tokio::test]
async fn a_member_that_goes_hands_back_what_it_has_not_acknowledged() {
    let bed = bed(|_| {}).await;
    let mut first = Client::new(&bed, clean(Version::V4, "first")).await;
    first.subscribe(vec![wish("$share/g/job", Q1)]).await;
    let mut publ = Client::new(&bed, clean(Version::V4, "pub")).await;
    publ.publish_acked(message("job", "1", Q1)).await;
    assert!(matches!(first.got().await, Got::Publish { .. }));
    let mut second = Client::new(&bed, clean(Version::V4, "second")).await;
    second.subscribe(vec![wish("$share/g/job", Q1)]).await;
    drop(first);
    second.hears("job", "1").await;
}

#[tokio::test]
async fn the_standard_profile_delivers_exactly_once() {
    let bed = bed(|config| config.mqtt.profile = MqttProfile::Standard).await;
    for version in Version::BOTH {
        let mut sub = Client::new(&bed, persistent(version, "sub")).await;
        assert_eq!(sub.subscribe(vec![wish("a", Q2)]).await, [Reason::GrantedQos2]);
        let mut publ = Client::new(&bed, persistent(version, "pub")).await;
        let id = publ.publish(message("a", "2", Q2)).await;
        let Got::Publish { packet_id, qos, .. } = sub.got().await else { panic!("no message") };
        assert_eq!(qos, Q2);
        sub.send(&Packet::PubRec(Ack::new(packet_id, Reason::Success))).await;
        assert!(matches!(sub.got().await, Got::Packet(Packet::PubRel(ack)) if ack.packet_id == packet_id));
        sub.send(&Packet::PubComp(Ack::new(packet_id, Reason::Success))).await;
        assert!(matches!(publ.got().await, Got::Packet(Packet::PubRec(ack)) if ack.packet_id == id));
        // The same again is not delivered again.
        let mut again = message("a", "2", Q2);
        (again.packet_id, again.dup) = (id, true);
        publ.publish(again).await;
        assert!(matches!(publ.got().await, Got::Packet(Packet::PubRec(ack)) if ack.packet_id == id));
        sub.is_quiet().await;
        publ.send(&Packet::PubRel(Ack::new(id, Reason::Success))).await;
        assert!(matches!(publ.got().await, Got::Packet(Packet::PubComp(ack)) if ack.packet_id == id));
        for client in [sub, publ] {
            client.disconnect().await;
        }
        for name in ["sub", "pub"] {
            Client::new(&bed, clean(version, name)).await.disconnect().await;
        }
    }
}

#[tokio::test]
async fn the_aws_profile_refuses_exactly_once() {
    let bed = bed(|_| {}).await;
    for version in Version::BOTH {
        let mut client = Client::new(&bed, clean(version, "c")).await;
        assert_eq!(client.subscribe(vec![wish("a", Q2)]).await, [Reason::GrantedQos1]);
        client.publish(message("a", "2", Q2)).await;
        client.is_ended(Reason::QosNotSupported).await;
    }
}

#[tokio::test]
async fn the_standard_profile_brings_retained_messages_to_wildcards() {
    let bed = bed(|config| config.mqtt.profile = MqttProfile::Standard).await;
    let mut publ = Client::new(&bed, clean(Version::V5, "pub")).await;
    let mut kept = message("r/1", "kept", Q1);
    kept.retain = true;
    publ.publish_acked(kept).await;
    let mut sub = Client::new(&bed, clean(Version::V4, "sub")).await;
    sub.subscribe(vec![wish("r/#", Q1)]).await;
    sub.hears("r/1", "kept").await;
}

/// How many publishes a second are acknowledged that go to disk: the figure of performance goal 19.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and takes a while"]
async fn acknowledged_messages_a_second_into_an_absent_session() {
    const PUBLISHERS: usize = 10;
    const EACH: usize = 10_000;
    let bed = bed(|config| config.mqtt.queue_messages = 1_000_000).await;
    let bed = {
        let mut dev = Client::new(&bed, persistent(Version::V4, "dev")).await;
        dev.subscribe(vec![wish("a", Q1)]).await;
        dev.disconnect().await;
        std::sync::Arc::new(bed)
    };
    let payload = "x".repeat(256);
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..PUBLISHERS {
        let (bed, payload) = (bed.clone(), payload.clone());
        tasks.spawn(async move {
            let mut publ = Client::new(&bed, clean(Version::V4, &format!("pub{n}"))).await;
            let (mut sent, mut acked, mut slowest) = (0, 0, Duration::ZERO);
            while acked < EACH {
                while sent < EACH && sent - acked < 100 {
                    let mut one = message("a", &payload, Q1);
                    one.packet_id = u16::try_from(sent % 60_000 + 1).unwrap();
                    publ.publish(one).await;
                    sent += 1;
                }
                let waiting = Instant::now();
                assert!(matches!(publ.got().await, Got::Packet(Packet::PubAck(_))));
                slowest = slowest.max(waiting.elapsed());
                acked += 1;
            }
            slowest
        });
    }
    let mut slowest = Duration::ZERO;
    while let Some(one) = tasks.join_next().await {
        slowest = slowest.max(one.unwrap());
    }
    let took = start.elapsed().as_secs_f64();
    let rate = (PUBLISHERS * EACH) as f64 / took;
    let stats = bed.running.state().store.stats();
    println!("{rate:.0} acknowledged a second, slowest acknowledgement {slowest:?}, {stats:?}");
}
