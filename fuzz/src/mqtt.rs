//! MQTT packets, topics and the tree of filters.

use std::collections::BTreeMap;

use adit_mqtt::decode::{Decoder, Next};
use adit_mqtt::packet::{Incoming, Packet, Publish, Role};
use adit_mqtt::{Filter, Message, MessageProperties, Settings, Topic, TopicTree, Version, encode};

/// The first byte chooses side and version, the second the size of pieces: however the bytes are cut, the same packets
/// come out, and each is the same after it is written and read again.
pub fn mqtt_decode(data: &[u8]) {
    let [side, size, bytes @ ..] = data else {
        return;
    };
    let role = if side & 1 == 0 { Role::Server } else { Role::Client };
    let version = match side >> 1 & 0b11 {
        0 => Some(Version::V4),
        1 => Some(Version::V5),
        _ if role == Role::Client => Some(Version::V5),
        _ => None,
    };
    let decoder = Decoder { role, version, max_packet: 4096 };
    let whole = read(decoder, bytes, bytes.len().max(1));
    let pieces = read(decoder, bytes, usize::from(*size).max(1));
    assert_eq!(whole, pieces);

    let mut decoder = decoder;
    for packet in &whole.0 {
        let spoken = match (packet, decoder.version) {
            (Packet::Connect(connect), None) => connect.version,
            (_, version) => version.unwrap_or(Version::V5),
        };
        let mut out = Vec::new();
        assert_eq!(encode::packet(&mut out, spoken, packet), Ok(()));
        let max_packet = 1 << 20;
        let (again, error) = read(Decoder { max_packet, ..decoder }, &out, out.len());
        assert_eq!((again.as_slice(), error), (std::slice::from_ref(packet), None));
        decoder.version = Some(spoken);
    }
}

/// Every packet, and what was wrong after them. After CONNECT the decoder goes on in that version.
fn read(mut decoder: Decoder, bytes: &[u8], size: usize) -> (Vec<Packet>, Option<String>) {
    let (mut packets, mut kept) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(size) {
        kept.extend_from_slice(piece);
        loop {
            let taken = match decoder.next(&kept) {
                Err(misdeed) => {
                    return (packets, Some(format!("{misdeed:?} {misdeed} {}", misdeed.reason())));
                }
                Ok(Next::Missing(len)) => {
                    assert!(len > kept.len() && len <= decoder.max_packet + 5);
                    break;
                }
                Ok(Next::Packet { packet: Incoming::Publish(publish), taken }) => {
                    let message = Message::of(&publish, publish.topic.into(), None);
                    assert_eq!(MessageProperties::from_raw(message.properties.raw()), Ok(message.properties));
                    let _ = Settings::aws().refuses(&publish);
                    packets.push(Packet::Publish(Box::new(Publish::from(&publish))));
                    taken
                }
                Ok(Next::Packet { packet: Incoming::Packet(packet), taken }) => {
                    if let Packet::Connect(connect) = &packet {
                        assert_eq!(decoder.version, None);
                        decoder.version = Some(connect.version);
                    }
                    packets.push(packet);
                    taken
                }
            };
            kept.drain(..taken);
        }
    }
    (packets, None)
}

/// For each pattern and key the number of the step that subscribed. The name of a share is no part of a tree.
type List = BTreeMap<(String, char), (Filter, usize)>;

/// Each line is a step: `+k<filter>` subscribes key `k`, `-k<filter>` takes it out, anything else is a topic. The tree
/// says what a list says, and ends empty.
pub fn mqtt_topics(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (mut tree, mut list) = (TopicTree::new(), List::new());
    for (number, line) in text.lines().take(200).enumerate() {
        let mut letters = line.chars();
        let (sign, key) = (letters.next(), letters.next().unwrap_or('?'));
        match (sign, filter(letters.as_str())) {
            (Some('+'), Some(filter)) => {
                let replaced = list.insert((filter.pattern().to_owned(), key), (filter.clone(), number));
                assert_eq!(tree.insert(&filter, key, number), replaced.map(|(_, number)| number));
            }
            (Some('-'), Some(filter)) => {
                let removed = list.remove(&(filter.pattern().to_owned(), key));
                assert_eq!(tree.remove(&filter, &key), removed.map(|(_, number)| number));
            }
            _ => check_topic(line, &tree, &list),
        }
        assert_eq!(tree.len(), list.len());
    }
    for ((_, key), (filter, number)) in list {
        assert_eq!(tree.remove(&filter, &key), Some(number));
    }
    assert!(tree.is_empty());
}

/// Settings only ever refuse more than the syntax does.
fn filter(text: &str) -> Option<Filter> {
    let filter = Filter::new(text);
    match Filter::parse(text, &Settings::aws()) {
        Ok(strict) => assert_eq!(Ok(&strict), filter.as_ref()),
        Err(wrong) => {
            assert!(!wrong.to_string().is_empty());
            assert_eq!(wrong.is_malformed(), filter.is_err());
        }
    }
    let filter = filter.ok()?;
    let shared = filter.share().map(|name| format!("$share/{name}/{}", filter.pattern()));
    assert_eq!(shared.as_deref().unwrap_or(filter.pattern()), text);
    Some(filter)
}

fn check_topic(topic: &str, tree: &TopicTree<char, usize>, list: &List) {
    if let Ok(parsed) = Topic::parse(topic, &Settings::standard()) {
        assert_eq!(parsed.as_str(), topic);
        assert!(Filter::new(topic).is_ok() || topic.starts_with("$share"));
    }
    for hash_matches_parent in [false, true] {
        let mut found = Vec::new();
        tree.matches(topic, hash_matches_parent, |key, number| found.push((*key, *number)));
        found.sort_unstable();
        let taken = list.iter().filter(|(_, (filter, _))| filter.matches(topic, hash_matches_parent));
        let mut expected: Vec<_> = taken.map(|((_, key), (_, number))| (*key, *number)).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}
