//! Packets in one line of text, for the vectors: what is at its default is left out.

use adit_mqtt::packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Incoming, Packet, Publish, RetainHandling, SubAck, Subscribe,
    Unsubscribe, Wish,
};
use adit_mqtt::property::{AckProperties, ConnAckProperties, ConnectProperties};
use adit_mqtt::reason::Reason;
use adit_mqtt::{MessageProperties, QoS};

/// Words with spaces between.
struct Line(String);

impl Line {
    fn new(name: &str) -> Line {
        Line(name.to_owned())
    }

    fn flag(mut self, name: &str, set: bool) -> Line {
        if set {
            self.0 += &format!(" {name}");
        }
        self
    }

    fn value(self, name: &str, value: impl ToString) -> Line {
        self.flag(&format!("{name}={}", value.to_string()), true)
    }

    fn maybe(self, name: &str, value: Option<impl ToString>) -> Line {
        match value {
            Some(value) => self.value(name, value),
            None => self,
        }
    }

    fn text(self, name: &str, value: Option<&String>) -> Line {
        self.maybe(name, value.map(|text| format!("{text:?}")))
    }

    fn reason(self, reason: Reason) -> Line {
        self.flag(&format!("{reason:?}"), reason != Reason::Success)
    }

    fn qos(self, qos: QoS) -> Line {
        self.flag(&format!("qos={qos}"), qos != QoS::AtMostOnce)
    }

    fn users(self, pairs: &[(String, String)]) -> Line {
        pairs.iter().fold(self, |line, (name, value)| line.value("user", format!("{name:?}:{value:?}")))
    }

    fn message(self, properties: &MessageProperties) -> Line {
        let view = properties.view();
        let users: Vec<_> = view.user_properties().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        self.maybe("text", view.payload_is_text)
            .text("type", view.content_type.map(str::to_owned).as_ref())
            .text("reply", view.response_topic.map(str::to_owned).as_ref())
            .maybe("correlation", view.correlation_data.map(bytes))
            .users(&users)
    }

    fn ack(self, properties: Option<&AckProperties>) -> Line {
        match properties {
            Some(own) => self.text("why", own.reason_string.as_ref()).users(&own.user_properties),
            None => self,
        }
    }
}

/// Text in quotes, anything else as digits.
fn bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(|c| !c.is_control()) => format!("{text:?}"),
        _ => crate::hex::text_of(bytes),
    }
}

pub fn incoming(packet: &Incoming<'_>) -> String {
    match packet {
        Incoming::Publish(view) => publish(&view.into()),
        Incoming::Packet(own) => told(own),
    }
}

fn told(packet: &Packet) -> String {
    let name = packet.kind().name();
    match packet {
        Packet::Connect(connect) => told_connect(connect),
        Packet::ConnAck(connack) => told_connack(connack),
        Packet::Publish(own) => publish(own),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            told_ack(name, ack)
        }
        Packet::Subscribe(subscribe) => told_subscribe(subscribe),
        Packet::SubAck(suback) | Packet::UnsubAck(suback) => told_suback(name, suback),
        Packet::Unsubscribe(unsubscribe) => told_unsubscribe(unsubscribe),
        Packet::PingReq | Packet::PingResp => name.to_owned(),
        Packet::Disconnect(disconnect) => told_disconnect(disconnect),
        Packet::Auth(auth) => told_auth(auth),
    }
}

fn told_connect(connect: &Connect) -> String {
    let ConnectProperties {
        session_expiry,
        receive_maximum,
        maximum_packet_size,
        topic_alias_maximum,
        request_response_information,
        request_problem_information,
        user_properties,
        authentication_method,
        authentication_data,
    } = &connect.properties;
    let mut line = Line::new("CONNECT")
        .value("version", connect.version)
        .value("id", format!("{:?}", connect.client_id))
        .flag("clean", connect.clean_start)
        .value("keep-alive", connect.keep_alive)
        .text("user-name", connect.user_name.as_ref())
        .maybe("password", connect.password.as_ref().map(|it| bytes(it.as_bytes())))
        .maybe("session-expiry", *session_expiry)
        .maybe("receive-maximum", *receive_maximum)
        .maybe("maximum-packet", *maximum_packet_size)
        .maybe("alias-maximum", *topic_alias_maximum)
        .maybe("request-response", *request_response_information)
        .maybe("request-problem", *request_problem_information)
        .users(user_properties)
        .text("method", authentication_method.as_ref())
        .maybe("data", authentication_data.as_ref().map(|it| bytes(it.as_bytes())));
    if let Some(will) = &connect.will {
        line = line
            .value("will", format!("{:?}", will.topic))
            .qos(will.qos)
            .flag("retain", will.retain)
            .value("payload", bytes(&will.payload))
            .flag(&format!("delay={}", will.delay), will.delay > 0)
            .maybe("expiry", will.message_expiry)
            .message(&will.properties);
    }
    line.0
}

fn told_connack(connack: &ConnAck) -> String {
    let ConnAckProperties {
        session_expiry,
        receive_maximum,
        maximum_qos,
        retain_available,
        maximum_packet_size,
        assigned_client_id,
        topic_alias_maximum,
        reason_string,
        user_properties,
        wildcard_subscription_available,
        subscription_ids_available,
        shared_subscription_available,
        server_keep_alive,
        response_information,
        server_reference,
        authentication_method,
        authentication_data,
    } = &connack.properties;
    Line::new("CONNACK")
        .reason(connack.reason)
        .flag("present", connack.session_present)
        .maybe("session-expiry", *session_expiry)
        .maybe("receive-maximum", *receive_maximum)
        .maybe("maximum-qos", *maximum_qos)
        .maybe("retain-available", *retain_available)
        .maybe("maximum-packet", *maximum_packet_size)
        .text("assigned", assigned_client_id.as_ref())
        .maybe("alias-maximum", *topic_alias_maximum)
        .text("why", reason_string.as_ref())
        .users(user_properties)
        .maybe("wildcards", *wildcard_subscription_available)
        .maybe("ids", *subscription_ids_available)
        .maybe("shared", *shared_subscription_available)
        .maybe("keep-alive", *server_keep_alive)
        .text("information", response_information.as_ref())
        .text("reference", server_reference.as_ref())
        .text("method", authentication_method.as_ref())
        .maybe("data", authentication_data.as_ref().map(|it| bytes(it.as_bytes())))
        .0
}

fn publish(publish: &Publish) -> String {
    let line = Line::new("PUBLISH")
        .flag("dup", publish.dup)
        .qos(publish.qos)
        .flag("retain", publish.retain)
        .value("topic", format!("{:?}", publish.topic))
        .flag(&format!("packet={}", publish.packet_id), publish.packet_id > 0)
        .maybe("alias", publish.topic_alias)
        .maybe("expiry", publish.message_expiry);
    let ids = publish.subscription_ids.iter().fold(line, |line, id| line.value("subscription", id));
    ids.message(&publish.properties).value("payload", bytes(&publish.payload)).0
}

fn told_ack(name: &str, ack: &Ack) -> String {
    Line::new(name).value("packet", ack.packet_id).reason(ack.reason).ack(ack.properties.as_deref()).0
}

fn told_subscribe(subscribe: &Subscribe) -> String {
    let line = Line::new("SUBSCRIBE")
        .value("packet", subscribe.packet_id)
        .maybe("subscription", subscribe.properties.subscription_id)
        .users(&subscribe.properties.user_properties);
    subscribe.wishes.iter().fold(line, told_wish).0
}

fn told_wish(line: Line, wish: &Wish) -> Line {
    line.value("filter", format!("{:?}", wish.filter))
        .qos(wish.qos)
        .flag("no-local", wish.no_local)
        .flag("as-published", wish.retain_as_published)
        .flag(&format!("retained={:?}", wish.retain_handling), wish.retain_handling != RetainHandling::Always)
}

fn told_suback(name: &str, suback: &SubAck) -> String {
    let line = Line::new(name).value("packet", suback.packet_id).ack(suback.properties.as_deref());
    suback.reasons.iter().fold(line, |line, reason| line.flag(&format!("{reason:?}"), true)).0
}

fn told_unsubscribe(unsubscribe: &Unsubscribe) -> String {
    let line =
        Line::new("UNSUBSCRIBE").value("packet", unsubscribe.packet_id).users(&unsubscribe.user_properties);
    unsubscribe.filters.iter().fold(line, |line, filter| line.value("filter", format!("{filter:?}"))).0
}

fn told_disconnect(disconnect: &Disconnect) -> String {
    let line = Line::new("DISCONNECT").reason(disconnect.reason);
    match disconnect.properties.as_deref() {
        None => line.0,
        Some(own) => {
            line.maybe("session-expiry", own.session_expiry)
                .text("why", own.reason_string.as_ref())
                .users(&own.user_properties)
                .text("reference", own.server_reference.as_ref())
                .0
        }
    }
}

fn told_auth(auth: &Auth) -> String {
    let own = &auth.properties;
    Line::new("AUTH")
        .reason(auth.reason)
        .text("method", own.authentication_method.as_ref())
        .maybe("data", own.authentication_data.as_ref().map(|it| bytes(it.as_bytes())))
        .text("why", own.reason_string.as_ref())
        .users(&own.user_properties)
        .0
}
