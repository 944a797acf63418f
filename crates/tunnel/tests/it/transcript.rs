//! Dialogues with the relay: send this, expect that.
//!
//! A line of a dialogue is `S> START 1 SSH c1`: the source sends a STREAM_START for stream 1 of service SSH with
//! connection 1. `D< …` is what the destination gets. `S+3` joins the source with version 3, `S-` ends its
//! connection, `S! …` says that it is refused.

use adit_tunnel::message::{Message, Type};
use adit_tunnel::relay::{Relay, Verdict};
use adit_tunnel::{Side, Version};

const TYPES: [(&str, Type); 9] = [
    ("UNKNOWN", Type::Unknown),
    ("DATA", Type::Data),
    ("START", Type::StreamStart),
    ("RESET", Type::StreamReset),
    ("SESSION_RESET", Type::SessionReset),
    ("SERVICES", Type::ServiceIds),
    ("CONN_START", Type::ConnectionStart),
    ("CONN_RESET", Type::ConnectionReset),
    ("TYPE_9", Type::Other(9)),
];

fn side(letter: &str) -> Side {
    if letter == "S" { Side::Source } else { Side::Destination }
}

fn letter(side: Side) -> &'static str {
    if side == Side::Source { "S" } else { "D" }
}

fn parse(words: &str) -> Message {
    let mut words = words.split(' ');
    let name = words.next().unwrap();
    let mut message = Message::new(TYPES.iter().find(|(known, _)| *known == name).expect("type").1);
    for word in words {
        match (word.parse(), word.strip_prefix('c').and_then(|id| id.parse().ok())) {
            (Ok(id), _) => message.stream_id = id,
            (_, Some(id)) => message.connection_id = id,
            _ if word == "ignorable" => message.ignorable = true,
            _ => message.service_id = word.to_owned(),
        }
    }
    message
}

fn show(message: &Message) -> String {
    let mut words = vec![TYPES.iter().find(|(_, kind)| *kind == message.kind).expect("type").0.to_owned()];
    if message.stream_id != 0 {
        words.push(message.stream_id.to_string());
    }
    if !message.service_id.is_empty() {
        words.push(message.service_id.clone());
    }
    if message.connection_id != 0 {
        words.push(format!("c{}", message.connection_id));
    }
    words.extend(message.available_service_ids.iter().cloned());
    words.join(" ")
}

/// Carries out one line that begins a turn and returns the lines that answer it.
fn turn(relay: &mut Relay, line: &str) -> Vec<String> {
    let (who, rest) = line.split_at(1);
    let who = side(who);
    let mut told = Vec::new();
    match rest {
        "-" => relay.leave(who),
        "+1" => relay.join(who, Version::V1),
        "+2" => relay.join(who, Version::V2),
        "+3" => relay.join(who, Version::V3),
        _ => {
            let mut message = parse(rest.strip_prefix("> ").expect("a message"));
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            match relay.judge(who, &bytes) {
                Verdict::Forward { stream_id, .. } => {
                    message.stream_id = stream_id;
                    told.push(format!("{}< {}", letter(who.other()), show(&message)));
                }
                Verdict::Drop | Verdict::Answered => {}
                Verdict::Refuse(why) => {
                    told.push(format!("{}! {why:?}", letter(who)));
                    relay.leave(who);
                }
            }
        }
    }
    while let Some(tell) = relay.poll() {
        told.push(format!("{}< {}", letter(tell.to), show(&tell.message)));
    }
    told
}

/// Lines that begin a turn, each followed by exactly the lines it causes.
fn dialogue(services: &[&str], text: &str) {
    let mut relay = Relay::new(services, 1);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        let mut expected = Vec::new();
        while let Some(next) = lines.next_if(|next| matches!(next.as_bytes().get(1), Some(b'<' | b'!'))) {
            expected.push(next.to_owned());
        }
        assert_eq!(turn(&mut relay, line), expected, "after {line}");
    }
}

/// spec: secure-tunneling §4.5, §11 item 3
#[test]
fn services_are_announced_on_every_connection_but_not_on_1_0() {
    dialogue(
        &["SSH", "VNC"],
        "S+3\n S< SERVICES SSH VNC\n D+2\n D< SERVICES SSH VNC\n S+3\n S< SERVICES SSH VNC\n S-\n S+1",
    );
    dialogue(&[], "D+3\n D< SERVICES");
}

#[test]
fn a_session_of_version_3() {
    dialogue(
        &["SSH"],
        "S+3
         S< SERVICES SSH
         D+3
         D< SERVICES SSH
         S> START 1 SSH c1
         D< START 1 SSH c1
         S> DATA 1 SSH c1
         D< DATA 1 SSH c1
         D> DATA 1 SSH c1
         S< DATA 1 SSH c1
         S> CONN_START 1 SSH c2
         D< CONN_START 1 SSH c2
         D> CONN_RESET 1 SSH c2
         S< CONN_RESET 1 SSH c2
         S> CONN_RESET 1 SSH c2
         D< CONN_RESET 1 SSH c2
         S> RESET 1 SSH c1
         D< RESET 1 SSH c1
         D> DATA 1 SSH c1
         D> RESET 1 SSH
         S> START 2 SSH c1
         D< START 2 SSH c1",
    );
}

/// spec: secure-tunneling §4.7 "Stream-id translation", §11 item 6
#[test]
fn a_restarted_source_never_meets_the_old_stream() {
    dialogue(
        &["SSH"],
        "D+3
         D< SERVICES SSH
         S+3
         S< SERVICES SSH
         S> START 1 SSH c1
         D< START 1 SSH c1
         S-
         D< RESET 1 SSH c1
         S+3
         S< SERVICES SSH
         D> DATA 1 SSH c1
         S> START 1 SSH c1
         D< START 2 SSH c1
         D> DATA 1 SSH c1
         D> RESET 1 SSH
         D> DATA 2 SSH c1
         S< DATA 1 SSH c1
         S> DATA 1 SSH c1
         D< DATA 2 SSH c1",
    );
}

/// spec: secure-tunneling §4.7 step 3, §11 item 7
#[test]
fn a_lost_destination_resets_each_stream_of_the_source_in_its_shape() {
    dialogue(
        &["SSH", "VNC", "WEB"],
        "S+3
         S< SERVICES SSH VNC WEB
         D+3
         D< SERVICES SSH VNC WEB
         S> START 7 VNC
         D< START 1 VNC
         S> START 8 SSH c1
         D< START 2 SSH c1
         D-
         S< RESET 8 SSH c1
         S< RESET 7 VNC
         S> DATA 8 SSH c1
         D+3
         D< SERVICES SSH VNC WEB
         S> DATA 8 SSH c1
         S> START 9 SSH c1
         D< START 3 SSH c1",
    );
}

/// spec: secure-tunneling §4.7 step 1, §11 item 9
#[test]
fn a_replaced_side_resets_the_survivor_before_the_new_one_hears_anything() {
    dialogue(
        &["SSH"],
        "S+3
         S< SERVICES SSH
         D+3
         D< SERVICES SSH
         S> START 1 SSH c1
         D< START 1 SSH c1
         D+3
         S< RESET 1 SSH c1
         D< SERVICES SSH
         D> DATA 1 SSH c1",
    );
}

/// spec: secure-tunneling §4.7 step 2, §11 item 8
#[test]
fn without_a_destination_the_source_is_reset_once() {
    dialogue(
        &["SSH"],
        "S+3
         S< SERVICES SSH
         S> START 1 SSH c1
         S< RESET 1 SSH c1
         S> DATA 1 SSH c1
         S> CONN_RESET 1 SSH c1
         S> CONN_START 1 SSH c2
         S< RESET 1 SSH c2
         S> RESET 1 SSH",
    );
    dialogue(&[], "S+1\n S> START 4\n S< RESET 4\n S> DATA 4");
}

#[test]
fn a_session_of_version_1_on_a_tunnel_with_services() {
    dialogue(
        &["SSH", "VNC"],
        "S+1
         D+3
         D< SERVICES SSH VNC
         S> START 1
         D< START 1
         D> DATA 1
         S< DATA 1
         S> START 2
         D< START 2
         D> DATA 1
         S> DATA 1
         S-
         D< RESET 2",
    );
}

/// spec: secure-tunneling §4.7 step 2: a toolkit in use never sends a second STREAM_START
#[test]
fn a_connection_start_opens_a_stream_that_was_reset() {
    dialogue(
        &["SSH"],
        "S+3
         S< SERVICES SSH
         D+3
         D< SERVICES SSH
         S> START 1 SSH c1
         D< START 1 SSH c1
         D> RESET 1 SSH
         S< RESET 1 SSH
         S> CONN_START 1 SSH c2
         D< CONN_START 2 SSH c2
         S> CONN_START 5 SSH c3
         D-
         S< RESET 1 SSH c2",
    );
}

fn both(rest: &str) -> String {
    format!("S+3\n S< SERVICES SSH\n D+3\n D< SERVICES SSH\n {rest}")
}

/// spec: secure-tunneling §4.6
#[test]
fn every_rule_has_its_reason() {
    for (line, why) in [
        ("S> UNKNOWN 1", "S! ForbiddenType"),
        ("S> SESSION_RESET 1", "S! ForbiddenType"),
        ("D> SERVICES", "D! ForbiddenType"),
        ("D> START 1 SSH c1", "D! StartFromDestination"),
        ("D> CONN_START 1 SSH c2", "D! StartFromDestination"),
        ("S> START SSH", "S! NoStreamId"),
        ("S> RESET SSH", "S! NoStreamId"),
        ("S> START 1 VNC", "S! UnknownService"),
        ("S> CONN_START 1 VNC c2", "S! UnknownService"),
        ("S> DATA 1 SSH", "S! NeverStarted"),
        ("D> DATA 1 VNC", "D! NeverStarted"),
        ("S> TYPE_9 1", "S! UnknownType"),
    ] {
        dialogue(&["SSH"], &both(&format!("{line}\n {why}")));
    }
    dialogue(&["SSH"], &both("S> TYPE_9 1 ignorable\n S> CONN_RESET 1 SSH c9\n D> RESET 3 SSH"));
}

/// spec: secure-tunneling §4.6 rule 7
#[test]
fn shapes_are_not_mixed() {
    let mixed = "S> START 1 SSH c1\n D< START 1 SSH c1\n S> DATA 1\n S! MixedShapes\n D< RESET 1 SSH c1";
    dialogue(&["SSH"], &both(mixed));
    let reverse = "S> START 1\n D< START 1\n S> START 2 SSH c1\n S! MixedShapes\n D< RESET 1";
    dialogue(&["SSH"], &both(reverse));
    let old = "S> START 1 SSH c1\n D< START 1 SSH c1\n D> DATA 1\n D! OldDestination\n S< RESET 1 SSH c1";
    dialogue(&["SSH"], &both(old));
    let late = "S> START 1\n D< START 1\n S-\n D< RESET 1\n S+3\n S< SERVICES SSH\n \
                S> START 1 SSH c1\n D< START 2 SSH c1\n D> DATA 1\n D> DATA 2 SSH c1\n S< DATA 1 SSH c1";
    dialogue(&["SSH"], &both(late));
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let mut relay = Relay::new(&["SSH"], 1);
    relay.join(Side::Source, Version::V3);
    let verdict = relay.judge(Side::Source, &[0x08, 0x01, 0x40, 0x01]);
    let Verdict::Refuse(why) = verdict else { panic!("{verdict:?}") };
    assert_eq!(why.close(), (1002, "The message has an unknown field; fields 1 to 7 are known"));
}

#[test]
fn ids_end_below_2_to_the_28() {
    let mut relay = Relay::new(&["SSH"], (1 << 28) - 1);
    for line in ["S+3", "D+3"] {
        turn(&mut relay, line);
    }
    assert_eq!(turn(&mut relay, "S> START 1 SSH c1"), ["D< START 268435455 SSH c1"]);
    assert_eq!(turn(&mut relay, "S> START 2 SSH c1"), ["S! StreamIdsUsedUp", "D< RESET 268435455 SSH c1"]);
}

/// A relay made anew goes on where the last one stopped.
#[test]
fn ids_go_on_after_a_rest() {
    let mut relay = Relay::new(&["SSH"], 5);
    for line in ["S+3", "D+3", "S> START 1 SSH c1"] {
        turn(&mut relay, line);
    }
    assert_eq!(relay.next_stream_id(), 6);
}
