//! Any packet at all, for property tests.

use adit_mqtt::message::Builder;
use adit_mqtt::packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Kind, Packet, Password, Publish, RetainHandling, Role, SubAck,
    Subscribe, Unsubscribe, Will, Wish,
};
use adit_mqtt::property::{
    AckProperties, AuthProperties, ConnAckProperties, ConnectProperties, DisconnectProperties,
    SubscribeProperties, UserProperties,
};
use adit_mqtt::{MessageProperties, QoS, Reason, Version, reason};
use proptest::collection::vec;
use proptest::option::of as maybe;
use proptest::prelude::*;

/// Whatever may be sent to the side with this role.
pub fn packets(role: Role, version: Version) -> BoxedStrategy<Packet> {
    let acks = prop_oneof![
        acks(Kind::PubAck, version).prop_map(Packet::PubAck),
        acks(Kind::PubRec, version).prop_map(Packet::PubRec),
        acks(Kind::PubRel, version).prop_map(Packet::PubRel),
        acks(Kind::PubComp, version).prop_map(Packet::PubComp),
    ];
    let publish = publishes(role, version).prop_map(|publish| Packet::Publish(Box::new(publish)));
    let v5 = u32::from(version.is_v5());
    match role {
        Role::Server => prop_oneof![
            4 => publish,
            4 => acks,
            2 => subscribes(version).prop_map(Packet::Subscribe),
            2 => unsubscribes(version).prop_map(Packet::Unsubscribe),
            1 => Just(Packet::PingReq),
            1 => disconnects(role, version).prop_map(Packet::Disconnect),
            v5 => auths().prop_map(|auth| Packet::Auth(Box::new(auth))),
        ]
        .boxed(),
        Role::Client => prop_oneof![
            4 => publish,
            4 => acks,
            2 => connacks(version).prop_map(|connack| Packet::ConnAck(Box::new(connack))),
            2 => subacks(version).prop_map(Packet::SubAck),
            2 => unsubacks(version).prop_map(Packet::UnsubAck),
            1 => Just(Packet::PingResp),
            v5 => disconnects(role, version).prop_map(Packet::Disconnect),
            v5 => auths().prop_map(|auth| Packet::Auth(Box::new(auth))),
        ]
        .boxed(),
    }
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zé/$]{0,12}", "[^\0]{0,6}", "x{120,140}"]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

fn secrets() -> impl Strategy<Value = Password> {
    bytes().prop_map(|bytes| Password::from(&*bytes))
}

fn users() -> impl Strategy<Value = UserProperties> {
    vec((texts(), texts()), 0..3)
}

fn qos() -> impl Strategy<Value = QoS> {
    prop::sample::select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

/// Nothing in 3.1.1.
fn only_v5<T: std::fmt::Debug + Clone + Default + 'static>(
    version: Version,
    strategy: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    if version.is_v5() { strategy.boxed() } else { Just(T::default()).boxed() }
}

fn reasons(kind: Kind) -> BoxedStrategy<Reason> {
    let all: Vec<_> = reason::ALL.into_iter().filter(|reason| reason.allowed_in(kind)).collect();
    prop::sample::select(all).boxed()
}

pub fn message_properties() -> impl Strategy<Value = MessageProperties> {
    let parts = (maybe(any::<bool>()), maybe(texts()), maybe("[a-z/]{1,9}"), maybe(bytes()), users());
    parts.prop_map(|(text, content, reply, correlation, users)| {
        let mut builder = Builder::new();
        if let Some(text) = text {
            builder = builder.payload_is_text(text);
        }
        if let Some(content) = content {
            builder = builder.content_type(&content);
        }
        if let Some(reply) = reply {
            builder = builder.response_topic(&reply);
        }
        if let Some(correlation) = correlation {
            builder = builder.correlation_data(&correlation);
        }
        let all = users.iter().fold(builder, |builder, (name, value)| builder.user_property(name, value));
        all.build().unwrap()
    })
}

pub fn publishes(role: Role, version: Version) -> impl Strategy<Value = Publish> {
    let ids = if role == Role::Client { vec(1u32..=268_435_455, 0..3).boxed() } else { Just(vec![]).boxed() };
    let hop = (any::<bool>(), qos(), any::<bool>(), 1u16.., "[a-zé/+#]{1,12}", any::<bool>());
    let v5 = only_v5(version, (maybe(1u16..), maybe(any::<u32>()), ids, message_properties()));
    (hop, v5, bytes()).prop_map(|((dup, qos, retain, id, topic, known), v5, payload)| {
        let (topic_alias, message_expiry, subscription_ids, properties) = v5;
        let at_most_once = qos == QoS::AtMostOnce;
        Publish {
            dup: dup && !at_most_once,
            qos,
            retain,
            topic: if known && topic_alias.is_some() { String::new() } else { topic },
            packet_id: if at_most_once { 0 } else { id },
            topic_alias,
            message_expiry,
            subscription_ids,
            properties,
            payload,
        }
    })
}

pub fn connects() -> impl Strategy<Value = Connect> {
    prop::sample::select(Version::BOTH.to_vec()).prop_flat_map(|version| {
        let plain = (texts(), any::<bool>(), any::<u16>(), maybe(texts()), maybe(secrets()));
        let all = (plain, maybe(wills(version)), only_v5(version, connect_properties()));
        all.prop_map(move |(plain, will, properties)| {
            let (client_id, clean_start, keep_alive, user_name, password) = plain;
            let password = password.filter(|_| version.is_v5() || user_name.is_some());
            let will = will.map(Box::new);
            Connect { version, client_id, clean_start, keep_alive, user_name, password, will, properties }
        })
    })
}

fn wills(version: Version) -> impl Strategy<Value = Will> {
    let v5 = only_v5(version, (any::<u32>(), maybe(any::<u32>()), message_properties()));
    (texts(), bytes(), qos(), any::<bool>(), v5).prop_map(|(topic, payload, qos, retain, v5)| {
        let (delay, message_expiry, properties) = v5;
        Will { topic, payload, qos, retain, delay, message_expiry, properties }
    })
}

fn connect_properties() -> impl Strategy<Value = ConnectProperties> {
    let numbers = (maybe(any::<u32>()), maybe(1u16..), maybe(1u32..), maybe(any::<u16>()));
    let flags = (maybe(any::<bool>()), maybe(any::<bool>()));
    let all = (numbers, flags, users(), maybe((texts(), maybe(secrets()))));
    all.prop_map(|(numbers, flags, user_properties, method)| {
        let (session_expiry, receive_maximum, maximum_packet_size, topic_alias_maximum) = numbers;
        let (request_response_information, request_problem_information) = flags;
        let (authentication_method, authentication_data) = method.map_or((None, None), |(a, b)| (Some(a), b));
        ConnectProperties {
            session_expiry,
            receive_maximum,
            maximum_packet_size,
            topic_alias_maximum,
            request_response_information,
            request_problem_information,
            user_properties,
            authentication_method,
            authentication_data,
        }
    })
}

fn connacks(version: Version) -> impl Strategy<Value = ConnAck> {
    let reason = match version {
        Version::V5 => reasons(Kind::ConnAck),
        Version::V4 => (0u8..6).prop_map(|code| Reason::of_connack_v4(code).unwrap()).boxed(),
    };
    let all = (any::<bool>(), reason, only_v5(version, connack_properties()));
    all.prop_map(|(present, reason, properties)| ConnAck {
        session_present: present && reason == Reason::Success,
        reason,
        properties,
    })
}

fn connack_properties() -> impl Strategy<Value = ConnAckProperties> {
    let flag = || maybe(any::<bool>());
    let numbers =
        (maybe(any::<u32>()), maybe(1u16..), maybe(1u32..), maybe(any::<u16>()), maybe(any::<u16>()));
    let texts_ = (maybe(texts()), maybe(texts()), maybe(texts()), maybe(texts()));
    let all =
        (numbers, (flag(), flag(), flag(), flag(), flag()), texts_, users(), maybe((texts(), secrets())));
    all.prop_map(|(numbers, flags, texts, user_properties, method)| {
        let (session_expiry, receive_maximum, maximum_packet_size, topic_alias_maximum, server_keep_alive) =
            numbers;
        let (assigned_client_id, reason_string, response_information, server_reference) = texts;
        let (authentication_method, authentication_data) = method.unzip();
        ConnAckProperties {
            session_expiry,
            receive_maximum,
            maximum_qos: flags.0.map(|one| if one { QoS::AtLeastOnce } else { QoS::AtMostOnce }),
            retain_available: flags.1,
            maximum_packet_size,
            assigned_client_id,
            topic_alias_maximum,
            reason_string,
            user_properties,
            wildcard_subscription_available: flags.2,
            subscription_ids_available: flags.3,
            shared_subscription_available: flags.4,
            server_keep_alive,
            response_information,
            server_reference,
            authentication_method,
            authentication_data,
        }
    })
}

/// None for what is empty, as the decoder has it.
fn ack_properties() -> impl Strategy<Value = Option<Box<AckProperties>>> {
    (maybe(texts()), users()).prop_map(|(reason_string, user_properties)| {
        let own = AckProperties { reason_string, user_properties };
        (own != AckProperties::default()).then(|| Box::new(own))
    })
}

fn acks(kind: Kind, version: Version) -> impl Strategy<Value = Ack> {
    let reason = if version.is_v5() { reasons(kind) } else { Just(Reason::Success).boxed() };
    (1u16.., reason, only_v5(version, ack_properties())).prop_map(|(packet_id, reason, properties)| Ack {
        packet_id,
        reason,
        properties,
    })
}

fn subscribes(version: Version) -> impl Strategy<Value = Subscribe> {
    let id = only_v5(version, (maybe(1u32..=268_435_455), users()));
    (1u16.., vec(wishes(version), 1..5), id).prop_map(|(packet_id, wishes, own)| {
        let properties = SubscribeProperties { subscription_id: own.0, user_properties: own.1 };
        Subscribe { packet_id, wishes, properties }
    })
}

fn wishes(version: Version) -> impl Strategy<Value = Wish> {
    let handling =
        prop::sample::select(vec![RetainHandling::Always, RetainHandling::WhenNew, RetainHandling::Never]);
    let options = only_v5(version, (any::<bool>(), any::<bool>(), handling));
    (texts(), qos(), options).prop_map(|(filter, qos, (no_local, retain_as_published, retain_handling))| {
        Wish {
            no_local: no_local && !filter.starts_with("$share/"),
            filter,
            qos,
            retain_as_published,
            retain_handling,
        }
    })
}

fn unsubscribes(version: Version) -> impl Strategy<Value = Unsubscribe> {
    let all = (1u16.., vec(texts(), 1..5), only_v5(version, users()));
    all.prop_map(|(packet_id, filters, user_properties)| Unsubscribe { packet_id, filters, user_properties })
}

fn subacks(version: Version) -> impl Strategy<Value = SubAck> {
    let reason = match version {
        Version::V5 => reasons(Kind::SubAck),
        Version::V4 => {
            reasons(Kind::SubAck).prop_map(|reason| Reason::of(reason.suback_v4()).unwrap()).boxed()
        }
    };
    (1u16.., vec(reason, 1..5), only_v5(version, ack_properties()))
        .prop_map(|(packet_id, reasons, properties)| SubAck { packet_id, reasons, properties })
}

fn unsubacks(version: Version) -> impl Strategy<Value = SubAck> {
    let own = only_v5(version, (vec(reasons(Kind::UnsubAck), 1..5), ack_properties()));
    (1u16.., own).prop_map(|(packet_id, (reasons, properties))| SubAck { packet_id, reasons, properties })
}

fn disconnects(role: Role, version: Version) -> BoxedStrategy<Disconnect> {
    if version == Version::V4 {
        return Just(Disconnect { reason: Reason::Success, properties: None }).boxed();
    }
    let reason = reasons(Kind::Disconnect).prop_map(move |reason| match role {
        Role::Server if !reason.allowed_in_disconnect_of_client() => Reason::DisconnectWithWill,
        Role::Client if reason == Reason::DisconnectWithWill => Reason::ServerBusy,
        _ => reason,
    });
    let all = (reason, maybe(any::<u32>()), maybe(texts()), users(), maybe(texts()));
    all.prop_map(move |(reason, expiry, reason_string, user_properties, reference)| {
        let own = DisconnectProperties {
            session_expiry: expiry.filter(|_| role == Role::Server),
            reason_string,
            user_properties,
            server_reference: reference.filter(|_| role == Role::Client),
        };
        let properties = (own != DisconnectProperties::default()).then(|| Box::new(own));
        Disconnect { reason, properties }
    })
    .boxed()
}

fn auths() -> impl Strategy<Value = Auth> {
    let all = (reasons(Kind::Auth), texts(), maybe(secrets()), maybe(texts()), users());
    all.prop_map(|(reason, method, authentication_data, reason_string, user_properties)| {
        let authentication_method = Some(method);
        let properties =
            AuthProperties { authentication_method, authentication_data, reason_string, user_properties };
        Auth { reason, properties }
    })
}
