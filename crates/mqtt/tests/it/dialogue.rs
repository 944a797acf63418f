//! A small language for dialogues with the server's machine.
//!
//! | line | means |
//! | --- | --- |
//! | `> PUBLISH q1 id=7 a/b hello` | the client sends this |
//! | `! connected` | the driver does this |
//! | `< PUBACK 7` | the client gets this |
//! | `? CONNECT id=x …` | the driver is asked this |
//! | `@ PUBLISH q1 a/b hello` | the host is shown this |
//! | `= 3 Acknowledged` | the delivery with token 3 is over |
//! | `x TakenOver` | the connection is over |
//!
//! Lines of the first two kinds are turns; the lines below a turn are all that came of it, in the order of the
//! table. `…` at the end of a line stands for anything. `4:` or `5:` in front restricts a line to 3.1.1 or 5.0.

use std::sync::Arc;

use adit_mqtt::connection::{Answer, Ask, Connection, Effects, Host, Publish, Resumed, Ticket, Verdict};
use adit_mqtt::decode::{Decoder, Next};
use adit_mqtt::packet::{
    Ack, Auth, Connect, Disconnect, Incoming, Kind, Packet, RetainHandling, Role, SubAck, Subscribe,
    Unsubscribe, Will, Wish,
};
use adit_mqtt::property::{AuthProperties, DisconnectProperties, SubscribeProperties};
use adit_mqtt::session::{Delivery, Flight, Session};
use adit_mqtt::why::Why;
use adit_mqtt::{Filter, QoS, Reason, Settings, Version, client, encode, message, packet};

/// The time at the beginning, in milliseconds.
pub const START: u64 = 1_700_000_000_000;

struct Recorder {
    verdict: Verdict,
    tickets: Vec<Ticket>,
    seen: Vec<String>,
}

impl Host for Recorder {
    fn publish(&mut self, publish: &Publish<'_>, ticket: Ticket) -> Verdict {
        let packet = &publish.packet;
        let mut line = format!("PUBLISH q{} {} {}", packet.qos, packet.topic, text(packet.payload));
        if packet.retain {
            line += " retain";
        }
        if let Some(at) = publish.expires_at {
            line += &format!(" expires={}", at - START);
        }
        self.seen.push(line);
        if packet.qos != QoS::AtMostOnce {
            self.tickets.push(ticket);
        }
        self.verdict
    }
}

struct Stage {
    version: Version,
    connection: Connection<u32>,
    fx: Effects<u32>,
    host: Recorder,
    now: u64,
    tokens: u32,
    asked: Option<(Ticket, Vec<QoS>)>,
}

/// Plays a dialogue in both versions with the settings of `aws`.
pub fn play(script: &str) {
    for version in Version::BOTH {
        play_with(version, Settings::aws(), script);
    }
}

/// Plays a dialogue.
pub fn play_with(version: Version, settings: Settings, script: &str) {
    let mut stage = Stage::new(version, settings);
    let other = if version == Version::V4 { "5:" } else { "4:" };
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(other));
    let mut lines =
        lines.map(|line| line.trim_start_matches(['4', '5']).trim_start_matches(':').trim()).peekable();
    let mut so_far = String::new();
    while let Some(turn) = lines.next() {
        so_far += &format!("{turn}\n");
        let mut came = stage.turn(turn).into_iter();
        while let Some(wanted) = lines.next_if(|line| !line.starts_with(['>', '!'])) {
            let line = came
                .next()
                .unwrap_or_else(|| panic!("MQTT {version}\n{so_far}nothing came, but wanted:\n{wanted}"));
            so_far += &format!("    {line}\n");
            let fits = match wanted.strip_suffix('…') {
                Some(start) => line.starts_with(start.trim_end()),
                None => line == wanted,
            };
            assert!(fits, "MQTT {version}\n{so_far}wanted:\n    {wanted}");
        }
        let rest: Vec<_> = came.collect();
        assert!(rest.is_empty(), "MQTT {version}\n{so_far}came besides:\n{}", rest.join("\n"));
    }
}

impl Stage {
    fn new(version: Version, settings: Settings) -> Stage {
        let uuid = *b"0123456789abcdef";
        Stage {
            version,
            connection: Connection::new(Arc::new(settings), uuid, START),
            fx: Effects::default(),
            host: Recorder { verdict: Verdict::Accepted, tickets: Vec::new(), seen: Vec::new() },
            now: START,
            tokens: 0,
            asked: None,
        }
    }

    fn turn(&mut self, turn: &str) -> Vec<String> {
        let mut came = Vec::new();
        match turn.split_at(1) {
            (">", packets) => {
                let mut bytes = Vec::new();
                for packet in packets.split(" & ") {
                    self.encode(packet.trim(), &mut bytes);
                }
                self.connection.receive(&bytes, &mut self.host, &mut self.fx, self.now);
            }
            ("!", act) => came.extend(self.act(act.trim())),
            _ => panic!("{turn}: not a turn"),
        }
        self.drain(&mut came);
        came
    }

    fn encode(&self, text: &str, bytes: &mut Vec<u8>) {
        match text.strip_prefix("hex ") {
            Some(hex) => bytes.extend(hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap())),
            None => encode::packet(bytes, self.version, &parse(text, self.version)).unwrap(),
        }
    }

    fn drain(&mut self, came: &mut Vec<String>) {
        let wire = std::mem::take(&mut self.fx.wire);
        let mut rest = &*wire;
        while !rest.is_empty() {
            // A client whose version is unknown is answered in 3.1.1.
            let version = if rest.starts_with(&[0x20, 2]) { Version::V4 } else { self.version };
            let decoder = Decoder { role: Role::Client, version: Some(version), max_packet: usize::MAX };
            let Ok(Next::Packet { packet, taken }) = decoder.next(rest) else { panic!("{rest:02x?}") };
            came.push(format!("< {}", show(&packet, version)));
            rest = &rest[taken..];
        }
        if let Some(ask) = self.fx.ask.take() {
            came.push(format!("? {}", self.asked(ask)));
        }
        came.extend(self.host.seen.drain(..).map(|line| format!("@ {line}")));
        came.extend(self.fx.done.drain(..).map(|(token, outcome)| format!("= {token} {outcome:?}")));
        came.extend(self.fx.close.take().map(|why| format!("x {why:?}")));
    }

    fn asked(&mut self, ask: Ask) -> String {
        match ask {
            Ask::Connect(arrival) => {
                self.asked = Some((arrival.ticket, Vec::new()));
                let mut line = format!(
                    "CONNECT id={} keep={} expiry={}",
                    arrival.client_id, arrival.keep_alive, arrival.session_expiry
                );
                for (word, holds) in [("assigned", arrival.is_assigned), ("clean", arrival.clean_start)] {
                    line += &if holds { format!(" {word}") } else { String::new() };
                }
                if let Some(will) = &arrival.will {
                    let message = &will.message;
                    line += &format!(" will=q{},{},{}", message.qos, message.topic, text(&message.payload));
                    line += &format!(",delay={},expiry={:?}", will.delay, will.expiry);
                }
                line += &arrival.user_name.map(|name| format!(" user={name}")).unwrap_or_default();
                line
            }
            Ask::Subscribe(ask) => {
                self.asked = Some((ask.ticket, ask.wishes.iter().map(|wish| wish.qos).collect()));
                let mut line = "SUBSCRIBE".to_owned();
                for wish in &ask.wishes {
                    line += &format!(" {}:q{}", wish.filter, wish.qos);
                    let options = [
                        ("new", wish.is_new),
                        ("nolocal", wish.no_local),
                        ("asis", wish.retain_as_published),
                        ("whennew", wish.retain_handling == RetainHandling::WhenNew),
                        ("never", wish.retain_handling == RetainHandling::Never),
                    ];
                    for (word, holds) in options {
                        line += &if holds { format!(",{word}") } else { String::new() };
                    }
                }
                line += &ask.subscription_id.map(|id| format!(" sub={id}")).unwrap_or_default();
                line
            }
            Ask::Unsubscribe(ask) => {
                self.asked = Some((ask.ticket, Vec::new()));
                let filters: Vec<_> = ask.filters.iter().map(Filter::as_str).collect();
                format!("UNSUBSCRIBE {}", filters.join(" "))
            }
        }
    }

    /// What the driver does. Returns lines of its own.
    fn act(&mut self, act: &str) -> Vec<String> {
        let words: Vec<&str> = act.split(' ').collect();
        let (name, words) = words.split_first().unwrap();
        match *name {
            "connected" => self.answer(Answer::Connected(None)),
            "resumed" => {
                let resumed = self.resumed(words);
                self.answer(Answer::Connected(Some(resumed)));
            }
            "refused" => self.answer(Answer::Refused(reason(words[0]))),
            "subscribed" if words.is_empty() => {
                let granted = self.asked.as_ref().unwrap().1.iter().map(|qos| qos.granted()).collect();
                self.answer(Answer::Subscribed(granted));
            }
            "subscribed" => self.answer(Answer::Subscribed(words.iter().map(|word| reason(word)).collect())),
            "unsubscribed" => {
                self.answer(Answer::Unsubscribed(words.iter().map(|word| reason(word)).collect()));
            }
            "verdict" => {
                self.host.verdict = match *words {
                    ["accepted"] => Verdict::Accepted,
                    ["pending"] => Verdict::Pending,
                    ["refused", code] => Verdict::Refused(reason(code)),
                    ["close", code] => Verdict::Close(reason(code)),
                    _ => panic!("{act}: no such verdict"),
                }
            }
            "acked" => {
                let ticket = self.host.tickets[words[0].parse::<usize>().unwrap()];
                let result = words.get(1).map_or(Ok(()), |code| Err(reason(code)));
                let was_ready = self.connection.ready();
                self.connection.acked(ticket, result, &mut self.fx);
                if !was_ready && self.connection.ready() {
                    self.connection.receive(&[], &mut self.host, &mut self.fx, self.now);
                }
            }
            "deliver" => return self.deliver(words),
            "at" => {
                self.now = START + words[0].parse::<u64>().unwrap();
                let is_due = self.connection.deadline().is_some_and(|(at, _)| at <= self.now);
                if is_due {
                    self.connection.tick(&mut self.fx, self.now);
                }
            }
            "restrict" => self.connection.restrict(START),
            "kick" => self.connection.kick(why(words[0]), &mut self.fx),
            "lost" => self.connection.lost(Why::Lost),
            "room" => return vec![format!("room {}", self.connection.room())],
            "ready" => return vec![format!("ready {}", self.connection.ready())],
            "end" => return self.end(),
            _ => panic!("{act}: no such act"),
        }
        Vec::new()
    }

    fn answer(&mut self, answer: Answer<u32>) {
        let (ticket, _) = self.asked.take().expect("a question");
        self.connection.answer(ticket, answer, &mut self.host, &mut self.fx, self.now);
    }

    /// `last=3 flight=1,q1,a/b,hello released=2 received=9 filter=a/#`
    fn resumed(&mut self, words: &[&str]) -> Resumed<u32> {
        let mut resumed = Resumed { session: Session::new(self.version), filters: Vec::new() };
        for word in words {
            let (key, value) = word.split_once('=').unwrap();
            let id = || value.parse().unwrap();
            match key {
                "last" => resumed.session.last_packet_id = id(),
                "received" => resumed.session.received.push(id()),
                "released" => resumed.session.flights.push(Flight { packet_id: id(), delivery: None }),
                "filter" => resumed.filters.push(Filter::new(value).unwrap()),
                "flight" => {
                    let (id, delivery) = value.split_once(',').unwrap();
                    let words: Vec<_> = delivery.split(',').collect();
                    let delivery = Some(self.delivery(&words));
                    resumed.session.flights.push(Flight { packet_id: id.parse().unwrap(), delivery });
                }
                _ => panic!("{word}: unknown"),
            }
        }
        resumed
    }

    /// `q1 a/b hello retain expires=5000 sub=7`
    fn delivery(&mut self, words: &[&str]) -> Delivery<u32> {
        let mut message = client::message(words[1], words[2].as_bytes(), qos(words[0]));
        let mut delivery_retain = false;
        let mut subscription_ids = Vec::new();
        for word in &words[3..] {
            match word.split_once('=') {
                None if *word == "retain" => delivery_retain = true,
                Some(("expires", at)) => message.expires_at = Some(START + at.parse::<u64>().unwrap()),
                Some(("sub", id)) => subscription_ids.push(id.parse().unwrap()),
                Some(("type", content)) => {
                    message.properties = message::Builder::new().content_type(content).build().unwrap();
                }
                _ => panic!("{word}: unknown"),
            }
        }
        self.tokens += 1;
        Delivery {
            qos: message.qos,
            message: Arc::new(message),
            retain: delivery_retain,
            subscription_ids: subscription_ids.into(),
            token: self.tokens,
        }
    }

    fn deliver(&mut self, words: &[&str]) -> Vec<String> {
        let delivery = self.delivery(words);
        match self.connection.deliver(delivery, &mut self.fx, self.now) {
            Ok(_) => Vec::new(),
            Err(_) => vec!["no room".to_owned()],
        }
    }

    fn end(&mut self) -> Vec<String> {
        let next = Connection::new(Arc::new(Settings::aws()), [0; 16], self.now);
        let Some(end) = std::mem::replace(&mut self.connection, next).end() else {
            return vec!["end without CONNACK".to_owned()];
        };
        let mut line = format!("end {} expiry={}", end.why.lifecycle(self.version), end.session_expiry);
        if let Some(will) = end.will {
            line += &format!(" will={}", will.message.topic);
        }
        for flight in &end.session.flights {
            let kind = if flight.delivery.is_some() { "flight" } else { "released" };
            line += &format!(" {kind}={}", flight.packet_id);
        }
        for id in &end.session.received {
            line += &format!(" received={id}");
        }
        for (_, id) in &end.pending {
            line += &format!(" pending={id}");
        }
        vec![line]
    }
}

fn text(bytes: &[u8]) -> String {
    if bytes.len() > 40 {
        format!("({} bytes)", bytes.len())
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

fn qos(word: &str) -> QoS {
    QoS::of(word.strip_prefix('q').expect("q0, q1 or q2").parse().unwrap()).unwrap()
}

fn reason(code: &str) -> Reason {
    Reason::of(u8::from_str_radix(code, 16).expect("a reason in hex")).expect("a reason")
}

fn why(name: &str) -> Why {
    match name {
        "TakenOver" => Why::TakenOver,
        "ShuttingDown" => Why::ShuttingDown,
        "Deleted" => Why::Deleted,
        "Forbidden" => Why::Forbidden,
        "Internal" => Why::Internal,
        "Quota" => Why::Quota,
        "WebSocketExpired" => Why::WebSocketExpired,
        "AuthorizerExpired" => Why::AuthorizerExpired,
        "Dropped" => Why::Dropped,
        _ => panic!("{name}: unknown"),
    }
}

/// Reads a packet: its name, words, and `key=value`.
fn parse(text: &str, version: Version) -> Packet {
    let mut words = text.split(' ');
    let name = words.next().unwrap();
    let words: Vec<&str> = words.collect();
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let number = |key: &str| value(key).map(|value| value.parse::<u32>().expect(key));
    let has = |flag: &str| words.contains(&flag);
    let plain: Vec<&str> = words.iter().copied().filter(|word| !word.contains('=')).collect();
    let id = |at: usize| plain[at].parse::<u16>().expect("a packet id");
    let ack = || Ack::new(id(0), plain.get(1).map_or(Reason::Success, |code| reason(code)));
    match name {
        "CONNECT" => Packet::Connect(Box::new(connect(&value, &number, &has, version))),
        "PUBLISH" => Packet::Publish(Box::new(publish(&plain, &value, &number, &has))),
        "PUBACK" => Packet::PubAck(ack()),
        "PUBREC" => Packet::PubRec(ack()),
        "PUBREL" => Packet::PubRel(ack()),
        "PUBCOMP" => Packet::PubComp(ack()),
        "SUBSCRIBE" => Packet::Subscribe(Subscribe {
            packet_id: id(0),
            wishes: plain[1..].iter().map(|word| wish(word)).collect(),
            properties: SubscribeProperties { subscription_id: number("sub"), ..Default::default() },
        }),
        "UNSUBSCRIBE" => Packet::Unsubscribe(Unsubscribe {
            packet_id: id(0),
            filters: plain[1..].iter().map(|word| (*word).to_owned()).collect(),
            user_properties: Vec::new(),
        }),
        "PINGREQ" => Packet::PingReq,
        "DISCONNECT" => Packet::Disconnect(Disconnect {
            reason: plain.first().map_or(Reason::Success, |code| reason(code)),
            properties: number("expiry").map(|seconds| {
                Box::new(DisconnectProperties { session_expiry: Some(seconds), ..Default::default() })
            }),
        }),
        "AUTH" => {
            Packet::Auth(Box::new(Auth { reason: reason("19"), properties: AuthProperties::default() }))
        }
        "PINGRESP" => Packet::PingResp,
        "SUBACK" => Packet::SubAck(SubAck { packet_id: 1, reasons: vec![Reason::Success], properties: None }),
        _ => panic!("{text}: no such packet"),
    }
}

/// `a/b:q1,nolocal`
fn wish(word: &str) -> Wish {
    let (filter, options) = word.rsplit_once(':').expect("filter:options");
    let options: Vec<&str> = options.split(',').collect();
    let has = |option: &str| options.contains(&option);
    Wish {
        filter: filter.to_owned(),
        qos: qos(options[0]),
        no_local: has("nolocal"),
        retain_as_published: has("asis"),
        retain_handling: match (has("whennew"), has("never")) {
            (true, _) => RetainHandling::WhenNew,
            (_, true) => RetainHandling::Never,
            _ => RetainHandling::Always,
        },
    }
}

fn connect<'a>(
    value: &impl Fn(&str) -> Option<&'a str>,
    number: &impl Fn(&str) -> Option<u32>,
    has: &impl Fn(&str) -> bool,
    version: Version,
) -> Connect {
    let mut connect = client::greeting(version, value("id").unwrap_or_default(), 60);
    connect.clean_start = has("clean");
    connect.keep_alive = number("keep").map_or(60, |seconds| u16::try_from(seconds).unwrap());
    connect.user_name = value("user").map(str::to_owned);
    connect.password = value("password").map(|word| word.as_bytes().into());
    connect.will = value("will").map(|will| {
        let words: Vec<&str> = will.split(',').collect();
        Box::new(Will {
            qos: qos(words[0]),
            topic: words[1].to_owned(),
            payload: words[2].as_bytes().to_vec(),
            retain: has("willretain"),
            delay: number("delay").unwrap_or(0),
            message_expiry: number("willexpiry"),
            properties: Default::default(),
        })
    });
    let properties = &mut connect.properties;
    properties.session_expiry = number("expiry");
    properties.receive_maximum = number("window").map(|count| u16::try_from(count).unwrap());
    properties.maximum_packet_size = number("max");
    properties.topic_alias_maximum = number("aliases").map(|count| u16::try_from(count).unwrap());
    properties.request_problem_information = has("terse").then_some(false);
    properties.authentication_method = value("method").map(str::to_owned);
    connect
}

fn publish<'a>(
    plain: &[&str],
    value: &impl Fn(&str) -> Option<&'a str>,
    number: &impl Fn(&str) -> Option<u32>,
    has: &impl Fn(&str) -> bool,
) -> packet::Publish {
    let payload = number("bytes").map(|bytes| vec![b'x'; bytes as usize]);
    let mut properties = message::Builder::new();
    if let Some(bytes) = number("user") {
        for _ in 0..bytes / 1024 {
            properties = properties.user_property("k", &"v".repeat(1023));
        }
    }
    if let Some(topic) = value("response") {
        properties = properties.response_topic(topic);
    }
    packet::Publish {
        dup: has("dup"),
        qos: qos(plain[0]),
        retain: has("retain"),
        topic: plain.get(1).map_or("", |topic| if *topic == "-" { "" } else { topic }).to_owned(),
        packet_id: number("id").map_or(0, |id| u16::try_from(id).unwrap()),
        topic_alias: number("alias").map(|alias| u16::try_from(alias).unwrap()),
        message_expiry: number("expiry"),
        subscription_ids: number("sub").into_iter().collect(),
        properties: properties.build().unwrap(),
        payload: payload.unwrap_or_else(|| plain.get(2).unwrap_or(&"").as_bytes().to_vec()),
    }
}

/// The other way: a packet of the server as a line.
fn show(packet: &Incoming<'_>, version: Version) -> String {
    let packet = match packet {
        Incoming::Publish(publish) => return show_publish(publish),
        Incoming::Packet(packet) => packet,
    };
    let name = packet.kind();
    let ack = |ack: &Ack| match ack.reason {
        Reason::Success => format!("{name} {}", ack.packet_id),
        reason => format!("{name} {} {:02x}", ack.packet_id, reason.code()),
    };
    match packet {
        Packet::ConnAck(connack) => show_connack(connack, version),
        Packet::PubAck(it) | Packet::PubRec(it) | Packet::PubRel(it) | Packet::PubComp(it) => ack(it),
        Packet::SubAck(it) | Packet::UnsubAck(it) => {
            let reasons: Vec<_> = it.reasons.iter().map(|reason| format!(" {:02x}", reason.code())).collect();
            format!("{name} {}{}", it.packet_id, reasons.concat())
        }
        Packet::Disconnect(it) => {
            let text = it.properties.as_ref().and_then(|properties| properties.reason_string.clone());
            format!("{name} {:02x} {}", it.reason.code(), text.unwrap_or_default()).trim_end().to_owned()
        }
        _ => name.name().to_owned(),
    }
}

fn show_publish(publish: &packet::PublishRef<'_>) -> String {
    let topic = if publish.topic.is_empty() { "-" } else { publish.topic };
    let mut line = format!("{} q{} {topic} {}", Kind::Publish, publish.qos, text(publish.payload));
    if publish.packet_id != 0 {
        line += &format!(" id={}", publish.packet_id);
    }
    for (word, holds) in [("dup", publish.dup), ("retain", publish.retain)] {
        line += &if holds { format!(" {word}") } else { String::new() };
    }
    let properties = &publish.properties;
    line += &properties.topic_alias.map(|alias| format!(" alias={alias}")).unwrap_or_default();
    line += &properties.message_expiry.map(|seconds| format!(" expiry={seconds}")).unwrap_or_default();
    line += &properties.content_type.map(|text| format!(" type={text}")).unwrap_or_default();
    for id in properties.subscription_ids() {
        line += &format!(" sub={id}");
    }
    line
}

fn show_connack(connack: &packet::ConnAck, version: Version) -> String {
    let code = if version.is_v5() { connack.reason.code() } else { connack.reason.connack_v4() };
    let mut line = format!("CONNACK {code:02x}");
    if connack.session_present {
        line += " present";
    }
    let properties = &connack.properties;
    let numbers = [
        ("expiry", properties.session_expiry),
        ("window", properties.receive_maximum.map(u32::from)),
        ("qos", properties.maximum_qos.map(|qos| u32::from(qos.level()))),
        ("retain", properties.retain_available.map(u32::from)),
        ("max", properties.maximum_packet_size),
        ("aliases", properties.topic_alias_maximum.map(u32::from)),
        ("wildcard", properties.wildcard_subscription_available.map(u32::from)),
        ("subids", properties.subscription_ids_available.map(u32::from)),
        ("shared", properties.shared_subscription_available.map(u32::from)),
        ("keep", properties.server_keep_alive.map(u32::from)),
    ];
    for (name, number) in numbers {
        line += &number.map(|number| format!(" {name}={number}")).unwrap_or_default();
    }
    line += &properties.assigned_client_id.as_ref().map(|id| format!(" id={id}")).unwrap_or_default();
    line += &properties.reason_string.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
    line
}
