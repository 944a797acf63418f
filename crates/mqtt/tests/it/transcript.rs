//! Dialogues: what the server's machine does with a client, rule by rule. The language is that of
//! [`crate::dialogue`].

use adit_mqtt::settings::Denied;
use adit_mqtt::{Settings, Version};

use crate::dialogue::{play, play_with};

/// `script` behind a connection with client id `x` and a session.
fn connected(script: &str) {
    play(&behind_connect("", script));
}

fn behind_connect(properties: &str, script: &str) -> String {
    format!(
        "> CONNECT id=x {properties}
         ? CONNECT id=x …
         ! connected
         < CONNACK 00…
         {script}"
    )
}

fn with(version: Version, settings: Settings, script: &str) {
    play_with(version, settings, &behind_connect("", script));
}

fn standard(script: &str) {
    for version in Version::BOTH {
        with(version, Settings::standard(), script);
    }
}

#[test]
fn connack_says_what_aws_says() {
    // spec: mqtt-gateway §3.4
    play(
        "> CONNECT id=x clean keep=60
         ? CONNECT id=x keep=60 expiry=0 clean
         ! connected
         4: < CONNACK 00
         5: < CONNACK 00 window=100 qos=1 retain=1 max=149504 aliases=8 wildcard=1 subids=0 shared=1",
    );
    play_with(
        Version::V5,
        Settings::standard(),
        "> CONNECT id=x keep=0 expiry=4294967295
         ? CONNECT id=x keep=0 expiry=4294967295
         ! connected
         < CONNACK 00 window=1000 retain=1 max=1048576 aliases=64 wildcard=1 subids=1 shared=1",
    );
}

#[test]
fn keep_alive_and_session_expiry_are_clamped() {
    // spec: mqtt-gateway §3.3, §6
    for (asked, given) in [(0, 1200), (1, 30), (29, 30), (1201, 1200), (65535, 1200)] {
        play(&format!(
            "> CONNECT id=x clean keep={asked} expiry=999999
             4: ? CONNECT id=x keep={given} expiry=0 clean
             5: ? CONNECT id=x keep={given} expiry=3600 clean
             ! connected
             4: < CONNACK 00
             5: < CONNACK 00 expiry=3600 window=100 qos=1 retain=1 max=149504 aliases=8 wildcard=1 subids=0 shared=1 keep={given}",
        ));
    }
    play(
        "> CONNECT id=x keep=30
         4: ? CONNECT id=x keep=30 expiry=3600
         5: ? CONNECT id=x keep=30 expiry=0",
    );
}

#[test]
fn a_client_without_an_id_gets_one() {
    // spec: mqtt-gateway §3.2
    play(
        "> CONNECT clean
         ? CONNECT id=$GEN/30313233-3435-3637-3839-616263646566 keep=60 expiry=0 assigned clean
         ! connected
         4: < CONNACK 00
         5: < CONNACK 00 window=100 qos=1 retain=1 max=149504 aliases=8 wildcard=1 subids=0 shared=1 id=$GEN/30313233-3435-3637-3839-616263646566",
    );
    play(
        "> CONNECT
         4: < CONNACK 02
         4: x ConnectRefused(ClientIdentifierNotValid)
         5: ? CONNECT id=$GEN/…",
    );
}

#[test]
fn client_ids_have_rules() {
    // spec: mqtt-gateway §3.2
    let long = "i".repeat(129);
    for id in ["$GEN/1", "$", &long] {
        play(&format!(
            "> CONNECT id={id} clean
             4: < CONNACK 02
             5: < CONNACK 85 (client identifier not valid)
             x ConnectRefused(ClientIdentifierNotValid)"
        ));
    }
    let longest = "i".repeat(128);
    for id in ["a/b", "ü#+", &longest] {
        play(&format!("> CONNECT id={id} clean\n? CONNECT id={id} keep=60 expiry=0 clean"));
    }
}

#[test]
fn the_first_packet_is_a_connect() {
    // spec: mqtt-gateway §3.1
    play("> PINGREQ\nx NotConnect");
    play("> hex 16 03\nx Misdeed(ReservedFlags(Connect))");
    play("> hex 00\nx NotConnect");
    connected(
        "> CONNECT id=x
         5: < DISCONNECT 82…
         x Misdeed(SecondConnect)
         ! end
         4: end CLIENT_ERROR expiry=3600
         5: end CLIENT_ERROR expiry=0",
    );
}

#[test]
fn other_protocols_are_refused_in_the_form_of_3_1_1() {
    // spec: mqtt-gateway §3.1: MQIsdp level 3, and MQTT level 6
    play(
        "> hex 10 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 78\n< CONNACK 01\nx ConnectRefused(UnsupportedProtocolVersion)",
    );
    play(
        "> hex 10 0d 00 04 4d 51 54 54 06 02 00 3c 00 01 78\n< CONNACK 01\nx ConnectRefused(UnsupportedProtocolVersion)",
    );
}

#[test]
fn a_malformed_connect_is_answered_in_5_0_only() {
    // spec: mqtt-gateway §3.1: the reserved flag
    play_with(
        Version::V4,
        Settings::aws(),
        "> hex 10 0d 00 04 4d 51 54 54 04 03 00 3c 00 01 78\nx Misdeed(ReservedConnectFlag)",
    );
    play_with(
        Version::V5,
        Settings::aws(),
        "> hex 10 0e 00 04 4d 51 54 54 05 03 00 3c 00 00 01 78\n< CONNACK 81\nx Misdeed(ReservedConnectFlag)",
    );
}

#[test]
fn connect_has_to_come_in_time() {
    // spec: mqtt-gateway §1.5
    play("! at 9999\n! at 10000\nx ConnectTimeout\n! end\nend without CONNACK");
    play("! restrict\n! at 4999\n! at 5000\nx ConnectTimeout");
}

#[test]
fn what_comes_before_the_answer_is_bounded() {
    // spec: mqtt-gateway §1.5
    play("> hex 10 81 80 80 01\nx ConnectTooLarge");
    play("! restrict\n> hex 10 81 40\nx ConnectTooLarge");
    let user = "u".repeat(8000);
    play(&format!(
        "! restrict
         > CONNECT id=x clean user={user}
         ? CONNECT…
         > PUBLISH q0 a hello
         > PUBLISH q0 a bytes=8200
         x ConnectTooLarge"
    ));
}

#[test]
fn wills_are_checked() {
    // spec: mqtt-gateway §3.1, §4.5
    play(
        "> CONNECT id=x clean will=q2,a,bye
         5: < CONNACK 9b (QoS not supported)
         x ConnectRefused(QosNotSupported)",
    );
    for topic in ["a/+", "#", "1/2/3/4/5/6/7/8/9"] {
        play(&format!(
            "> CONNECT id=x clean will=q1,{topic},bye
             5: < CONNACK 90 (topic name invalid)
             x ConnectRefused(TopicNameInvalid)"
        ));
    }
    play(
        "> CONNECT id=x clean will=q1,a/b,bye delay=5 willexpiry=0
         4: ? CONNECT id=x keep=60 expiry=0 clean will=q1,a/b,bye,delay=0,expiry=None
         5: ? CONNECT id=x keep=60 expiry=0 clean will=q1,a/b,bye,delay=5,expiry=Some(1)",
    );
}

#[test]
fn enhanced_authentication_is_refused() {
    // spec: mqtt-gateway §3.4
    play_with(
        Version::V5,
        Settings::aws(),
        "> CONNECT id=x method=SCRAM\n< CONNACK 8c (bad authentication method)\nx ConnectRefused(BadAuthenticationMethod)",
    );
    play_with(
        Version::V5,
        Settings::aws(),
        &behind_connect(
            "",
            "> AUTH\n< DISCONNECT 82 AUTH without an agreed method\nx Protocol(\"AUTH without an agreed method\")",
        ),
    );
}

#[test]
fn a_refused_client_learns_what_its_version_can_say() {
    // spec: mqtt-gateway §3.1, policies §9
    for (reason, connack) in [("87", None), ("97", Some("03")), ("88", Some("03")), ("86", Some("04"))] {
        let v4 = connack.map(|code| format!("4: < CONNACK {code}")).unwrap_or_default();
        play(&format!(
            "> CONNECT id=x clean terse
             ? CONNECT…
             ! refused {reason}
             {v4}
             5: < CONNACK {reason}
             x ConnectRefused(…
             ! end
             end without CONNACK"
        ));
    }
    play("> CONNECT id=x clean\n? CONNECT…\n! kick Dropped\nx Dropped\n! end\nend without CONNACK");
}

#[test]
fn packets_behind_connect_wait_for_connack() {
    // spec: mqtt-gateway §3.1
    play(
        "> CONNECT id=x clean & PUBLISH q1 a/b one id=1 & PINGREQ
         ? CONNECT…
         > PUBLISH q0 a/b two
         ! ready
         ready false
         ! connected
         < CONNACK…
         < PUBACK 1
         < PINGRESP
         @ PUBLISH q1 a/b one
         @ PUBLISH q0 a/b two
         ! ready
         ready true",
    );
}

#[test]
fn publishes_are_acknowledged_in_order() {
    // spec: mqtt-gateway §4.3
    connected(
        "! verdict pending
         > PUBLISH q1 a one id=1 & PUBLISH q1 a two id=2
         @ PUBLISH q1 a one
         @ PUBLISH q1 a two
         ! acked 1
         ! verdict accepted
         > PUBLISH q1 a three id=3 & PUBLISH q0 a four
         @ PUBLISH q1 a three
         @ PUBLISH q0 a four
         ! acked 0
         < PUBACK 1
         < PUBACK 2
         < PUBACK 3
         ! acked 0
         > PUBLISH q1 a five id=4
         < PUBACK 4
         @ PUBLISH q1 a five",
    );
}

#[test]
fn a_denied_publish() {
    // spec: mqtt-gateway §4.2, policies §9
    connected(
        "! verdict refused 87
         > PUBLISH q1 a one id=1
         5: < PUBACK 1 87
         @ PUBLISH q1 a one
         4: x NotAuthorized
         4: ! end
         4: end CLIENT_ERROR expiry=3600",
    );
    connected(
        "! verdict refused 87
         > PUBLISH q0 a one & PUBLISH q0 a two
         5: < DISCONNECT 87 not authorized
         @ PUBLISH q0 a one
         x NotAuthorized
         ! end
         4: end CLIENT_ERROR expiry=3600
         5: end AUTH_ERROR expiry=0",
    );
    let settings = Settings { v4_publish_denied: Denied::CarryOn, ..Settings::aws() };
    with(
        Version::V4,
        settings,
        "! verdict refused 87
         > PUBLISH q1 a one id=1 & PUBLISH q0 a two
         < PUBACK 1
         @ PUBLISH q1 a one
         @ PUBLISH q0 a two",
    );
}

#[test]
fn a_publish_to_a_reserved_topic() {
    // spec: mqtt-gateway §4.2, policies §9
    connected(
        "! verdict refused 90
         > PUBLISH q1 $aws/x one id=1
         5: < PUBACK 1 90
         @ PUBLISH q1 $aws/x one
         4: x BadTopic
         5: > PUBLISH q0 $aws/x one
         5: < DISCONNECT 90…
         5: @ PUBLISH q0 $aws/x one
         5: x BadTopic",
    );
}

#[test]
fn a_publish_that_fails_later() {
    connected(
        "! verdict pending
         > PUBLISH q1 a one id=1
         @ PUBLISH q1 a one
         ! acked 0 87
         5: < PUBACK 1 87
         4: x NotAuthorized",
    );
    connected(
        "! verdict close 80
         > PUBLISH q1 a one id=1
         5: < DISCONNECT 80 an error inside the server
         @ PUBLISH q1 a one
         x Internal
         ! end
         4: end SERVER_ERROR expiry=3600
         5: end SERVER_ERROR expiry=0",
    );
}

#[test]
fn throttled_publishes_are_dropped() {
    // spec: mqtt-gateway §4.2
    connected(
        "! verdict refused 97
         > PUBLISH q0 a one & PUBLISH q1 a two id=1
         5: < PUBACK 1 97
         @ PUBLISH q0 a one
         @ PUBLISH q1 a two
         ! verdict accepted
         > PUBLISH q1 a three id=2
         < PUBACK 2
         @ PUBLISH q1 a three",
    );
}

#[test]
fn payloads_are_limited() {
    // spec: mqtt-gateway §4.2
    connected("> PUBLISH q0 a bytes=131072\n@ PUBLISH q0 a (131072 bytes)");
    connected(
        "> PUBLISH q1 a bytes=131073 id=1
         5: < DISCONNECT 95…
         x TooLarge",
    );
    connected(
        "> hex 30 81 90 09
         5: < DISCONNECT 95…
         x Misdeed(PacketTooLarge…",
    );
}

#[test]
fn topics_are_limited() {
    // spec: mqtt-gateway §4.1, §4.2, policies §9
    let long = "t".repeat(257);
    for topic in ["a/+", "#", &long] {
        connected(&format!("> PUBLISH q1 {topic} x id=1\n5: < DISCONNECT 90…\nx BadTopic"));
    }
    connected(
        "> PUBLISH q1 1/2/3/4/5/6/7/8 x id=1
         < PUBACK 1
         @ PUBLISH q1 1/2/3/4/5/6/7/8 x
         > PUBLISH q1 1/2/3/4/5/6/7/8/9 x id=2
         5: < PUBACK 2 90
         4: x BadTopic
         5: > PUBLISH q0 1/2/3/4/5/6/7/8/9 x
         5: < DISCONNECT 90…
         5: x BadTopic",
    );
    connected(
        "> PUBLISH q0 $aws/rules/r/1/2/3/4/5/6/7/8 x
         @ PUBLISH q0 $aws/rules/r/1/2/3/4/5/6/7/8 x",
    );
    play_with(Version::V4, Settings::aws(), &behind_connect("", "> hex 30 03 00 00 78\nx Misdeed(NoTopic)"));
}

#[test]
fn properties_are_limited() {
    // spec: mqtt-gateway §4.4
    let settings = Settings::aws();
    let script = behind_connect(
        "",
        "> PUBLISH q1 a x id=1 user=8192
         < PUBACK 1
         @ PUBLISH q1 a x
         > PUBLISH q1 a x id=2 user=9216
         < PUBACK 2 97
         > PUBLISH q0 a x user=9216
         > PUBLISH q1 a x id=3 response=1/2/3/4/5/6/7/8/9
         < PUBACK 3 90",
    );
    play_with(Version::V5, settings, &script);
}

#[test]
fn qos_2_is_refused_in_aws() {
    // spec: mqtt-gateway §4.6
    connected("> PUBLISH q2 a one id=1\n5: < DISCONNECT 9b QoS 2 is not offered\nx Qos");
    connected(
        "> SUBSCRIBE 7 a:q2
         ? SUBSCRIBE a:q1,new
         ! subscribed
         < SUBACK 7 01
         ! deliver q2 a hello
         < PUBLISH q1 a hello id=1",
    );
}

#[test]
fn the_receive_maximum_holds_back_or_disconnects() {
    // spec: mqtt-gateway §4.2
    let settings = Settings { receive_maximum: 2, ..Settings::aws() };
    let script = "! verdict pending
         > PUBLISH q1 a one id=1 & PUBLISH q1 a two id=2 & PUBLISH q0 a zero
         @ PUBLISH q1 a one
         @ PUBLISH q1 a two
         @ PUBLISH q0 a zero
         > PUBLISH q1 a three id=3 & PINGREQ
         5: < DISCONNECT 93…
         5: x ReceiveMaximum
         4: ! ready
         4: ready false
         4: > PUBLISH q1 a four id=4
         4: ! acked 1
         4: ! acked 0
         4: < PUBACK 1
         4: < PUBACK 2
         4: < PINGRESP
         4: @ PUBLISH q1 a three
         4: @ PUBLISH q1 a four
         4: ! ready
         4: ready true";
    for version in Version::BOTH {
        with(version, settings.clone(), script);
    }
}

#[test]
fn a_packet_id_in_use() {
    // spec: mqtt-gateway §4.2
    connected(
        "! verdict pending
         > PUBLISH q1 a one id=1 & PUBLISH q1 a two id=2
         @ PUBLISH q1 a one
         @ PUBLISH q1 a two
         > PUBLISH q1 a one id=1 dup
         ! acked 0
         < PUBACK 1
         ! acked 1
         < PUBACK 2
         5: < PUBACK 1 91",
    );
}

#[test]
fn topic_aliases_of_the_client() {
    // spec: mqtt-gateway §4.2
    let v5 = |script: &str| play_with(Version::V5, Settings::aws(), &behind_connect("", script));
    v5("> PUBLISH q0 a/b one alias=8 & PUBLISH q1 - two alias=8 id=1 & PUBLISH q0 c three alias=8 & PUBLISH q0 - four alias=8
        < PUBACK 1
        @ PUBLISH q0 a/b one
        @ PUBLISH q1 a/b two
        @ PUBLISH q0 c three
        @ PUBLISH q0 c four");
    v5("> PUBLISH q0 a one alias=9\n< DISCONNECT 94…\nx Misdeed(TopicAlias(9))");
    v5("> PUBLISH q0 - one alias=9\n< DISCONNECT 94…\nx Misdeed(TopicAlias(9))");
    v5("> hex 30 08 00 01 61 03 23 00 00 78\n< DISCONNECT 94…\nx Misdeed(TopicAlias(0))");
    v5("> PUBLISH q0 - one alias=3\n< DISCONNECT 82…\nx Misdeed(NoTopic)");
    v5("> PUBLISH q0 a one sub=1\n< DISCONNECT 82…\nx Misdeed(SubscriptionIdFromClient)");
}

#[test]
fn topic_aliases_to_the_client() {
    let script = "> CONNECT id=x aliases=2
         ? CONNECT…
         ! connected
         < CONNACK 00…
         ! deliver q0 long/one 1
         < PUBLISH q0 long/one 1 alias=1
         ! deliver q0 long/one 2
         < PUBLISH q0 - 2 alias=1
         ! deliver q0 abc 3
         < PUBLISH q0 abc 3
         ! deliver q1 long/two 4
         < PUBLISH q1 long/two 4 id=1 alias=2
         ! deliver q0 long/three 5
         < PUBLISH q0 long/three 5
         ! deliver q0 long/three 6
         < PUBLISH q0 long/three 6 alias=2
         ! deliver q0 long/one 7
         < PUBLISH q0 - 7 alias=1";
    play_with(Version::V5, Settings::aws(), script);
}

#[test]
fn message_expiry_is_clamped_and_counted_down() {
    // spec: mqtt-gateway §4.5
    let script = behind_connect(
        "",
        "> PUBLISH q0 a x expiry=0 & PUBLISH q0 a x expiry=604801 & PUBLISH q0 a x expiry=7
         @ PUBLISH q0 a x expires=1000
         @ PUBLISH q0 a x expires=604800000
         @ PUBLISH q0 a x expires=7000",
    );
    play_with(Version::V5, Settings::aws(), &script);
    connected(
        "! deliver q0 a x expires=7999
         4: < PUBLISH q0 a x
         5: < PUBLISH q0 a x expiry=7
         ! deliver q0 a x expires=999
         4: < PUBLISH q0 a x
         5: < PUBLISH q0 a x expiry=0
         ! at 1000
         ! deliver q0 a x expires=1000
         ! deliver q1 a x expires=1000
         = 4 Expired
         ! deliver q1 a x expires=1001
         4: < PUBLISH q1 a x id=2
         5: < PUBLISH q1 a x id=2 expiry=0",
    );
}

#[test]
fn properties_are_for_5_0() {
    connected(
        "! deliver q0 a x type=text/plain
         4: < PUBLISH q0 a x
         5: < PUBLISH q0 a x type=text/plain",
    );
}

#[test]
fn a_message_too_large_for_the_client_is_skipped() {
    // spec: mqtt-gateway §5.6
    let script = behind_connect(
        "max=20",
        "! deliver q0 topic 0123456789
         < PUBLISH q0 topic 0123456789
         ! deliver q1 topic 0123456789
         = 2 TooLarge
         ! deliver q1 topic 01234567
         < PUBLISH q1 topic 01234567 id=2",
    );
    play_with(Version::V5, Settings::aws(), &script);
}

#[test]
fn the_window_to_the_client() {
    // spec: mqtt-gateway §5.6
    connected("! room\nroom 100");
    let script = behind_connect(
        "window=2",
        "! deliver q1 a one
         < PUBLISH q1 a one id=1
         ! deliver q1 a two
         < PUBLISH q1 a two id=2
         ! deliver q1 a three
         no room
         ! deliver q0 a four
         < PUBLISH q0 a four
         > PUBACK 2
         = 2 Acknowledged
         > PUBACK 2
         > PUBACK 1 97
         = 1 Refused(QuotaExceeded)
         ! deliver q1 a five
         < PUBLISH q1 a five id=3
         ! room
         room 1",
    );
    play_with(Version::V5, Settings::aws(), &script);
}

#[test]
fn nothing_is_delivered_before_connack() {
    play("! deliver q0 a x\nno room\n> CONNECT id=x\n? CONNECT…\n! deliver q1 a x\nno room");
}

#[test]
fn a_resumed_session_sends_again() {
    // spec: mqtt-gateway §5.6
    let script = "> CONNECT id=x
         ? CONNECT…
         ! resumed last=65535 flight=65534,q1,a,one flight=65535,q1,a,two,expires=100 flight=3,q1,a,three,retain,sub=7
         4: < CONNACK 00 present
         5: < CONNACK 00 present…
         < PUBLISH q1 a one id=65534 dup
         4: < PUBLISH q1 a two id=65535 dup
         5: < PUBLISH q1 a two id=65535 dup expiry=0
         4: < PUBLISH q1 a three id=3 dup retain
         5: < PUBLISH q1 a three id=3 dup retain sub=7
         ! deliver q1 a four
         < PUBLISH q1 a four id=1
         ! deliver q1 a five
         < PUBLISH q1 a five id=2
         ! deliver q1 a six
         < PUBLISH q1 a six id=4
         > PUBACK 65534
         = 1 Acknowledged
         ! end
         4: end CONNECTION_LOST expiry=3600 flight=65535 flight=3 flight=1 flight=2 flight=4
         5: end CONNECTION_LOST expiry=0 flight=65535 flight=3 flight=1 flight=2 flight=4";
    play(script);
}

#[test]
fn a_resumed_session_respects_a_smaller_window_and_expiry() {
    let script = "! at 500
         > CONNECT id=x window=1
         ? CONNECT…
         ! resumed last=4 flight=1,q1,a,one,expires=400 flight=2,q1,a,two flight=3,q1,a,three flight=4,q1,a,four,expires=450
         < CONNACK 00 present…
         < PUBLISH q1 a two id=2 dup
         = 1 Expired
         ! room
         room 0
         ! deliver q1 a five
         no room
         > PUBACK 3
         > PUBACK 2
         < PUBLISH q1 a three id=3 dup
         = 2 Acknowledged
         > PUBACK 3
         = 3 Acknowledged
         = 4 Expired
         ! deliver q1 a six
         < PUBLISH q1 a six id=5";
    play_with(Version::V5, Settings::aws(), script);
}

#[test]
fn an_unacknowledged_delivery_is_given_up_after_an_hour() {
    // spec: mqtt-gateway §5.6
    connected(
        "! deliver q1 a one
         < PUBLISH q1 a one id=1
         ! at 60000
         > PINGREQ
         < PINGRESP
         ! deliver q1 a two
         < PUBLISH q1 a two id=2
         ! at 3599999
         5: < DISCONNECT 8d…
         x KeepAlive",
    );
    let mut script = "! deliver q1 a one\n< PUBLISH q1 a one id=1\n".to_owned();
    for minute in 1..60 {
        script += &format!("! at {}\n> PINGREQ\n< PINGRESP\n", minute * 60_000);
    }
    script += "! at 3599999\n! at 3600000\n= 1 Discarded\n> PUBACK 1";
    connected(&script);
}

#[test]
fn retransmission_can_be_switched_on_in_3_1_1() {
    let settings = Settings { delivery_retry: Some(std::time::Duration::from_secs(20)), ..Settings::aws() };
    with(
        Version::V4,
        settings,
        "! deliver q1 a one
         < PUBLISH q1 a one id=1
         ! at 20000
         < PUBLISH q1 a one id=1 dup
         ! at 39999
         ! at 40000
         < PUBLISH q1 a one id=1 dup
         > PUBACK 1
         = 1 Acknowledged",
    );
}

#[test]
fn silence_ends_the_connection() {
    // spec: mqtt-gateway §3.3
    connected(
        "! at 89999
         > PINGREQ
         < PINGRESP
         ! at 179998
         > PUBACK 9
         ! at 269997
         ! at 269998
         5: < DISCONNECT 8d…
         x KeepAlive
         ! end
         4: end MQTT_KEEP_ALIVE_TIMEOUT expiry=3600
         5: end MQTT_KEEP_ALIVE_TIMEOUT expiry=0",
    );
}

#[test]
fn silence_is_not_held_against_a_client_we_do_not_read() {
    connected(
        "> SUBSCRIBE 1 a:q0
         ? SUBSCRIBE a:q0,new
         ! at 300000
         ! at 389000
         ! subscribed
         < SUBACK 1 00
         ! at 478999
         ! at 479000
         5: < DISCONNECT 8d…
         x KeepAlive",
    );
}

#[test]
fn filters_are_judged_one_by_one() {
    // spec: mqtt-gateway §5.1, §5.2
    let long = "f".repeat(257);
    connected(&format!(
        "> SUBSCRIBE 7 a/b:q1,nolocal,asis,whennew +/c:q0,never $share/g/d:q1
         4: ? SUBSCRIBE a/b:q1,new +/c:q0,new $share/g/d:q1,new
         5: ? SUBSCRIBE a/b:q1,new,nolocal,asis,whennew +/c:q0,new,never $share/g/d:q1,new
         ! subscribed
         < SUBACK 7 01 00 01
         > SUBSCRIBE 8 a/b:q0 a/c:q1 a/c:q0
         ? SUBSCRIBE a/b:q0 a/c:q1,new a/c:q0
         ! subscribed
         < SUBACK 8 00 01 00
         > SUBSCRIBE 9 {long}:q1 a:q1
         4: x BadFilter
         5: ? SUBSCRIBE a:q1,new
         5: ! subscribed
         5: < SUBACK 9 8f 01",
    ));
    for filter in ["a/#/b", "a+", "$share//a", "$share/g"] {
        connected(&format!("> SUBSCRIBE 7 a:q1 {filter}:q1\n5: < DISCONNECT 8f…\nx BadFilter"));
    }
    connected("> hex 82 02 00 07\n5: < DISCONNECT…\nx Misdeed(…");
    let v5 = |script: &str| play_with(Version::V5, Settings::aws(), &behind_connect("", script));
    v5("> SUBSCRIBE 7 $share/g/a:q1,nolocal\n< DISCONNECT 82…\nx Misdeed(NoLocalShared)");
    v5(
        "> SUBSCRIBE 7 a:q1 sub=5\n< DISCONNECT a1 subscription identifiers are not offered\nx SubscriptionIds",
    );
}

#[test]
fn a_denied_subscription() {
    // spec: mqtt-gateway §5.2, policies §9
    connected(
        "> SUBSCRIBE 7 a:q1 b:q1 $aws/x:q1
         ? SUBSCRIBE a:q1,new b:q1,new $aws/x:q1,new
         ! subscribed 01 87 8f
         4: x NotAuthorized
         5: < SUBACK 7 01 87 8f",
    );
    connected(
        "> SUBSCRIBE 7 a:q1 $aws/x:q1
         ? SUBSCRIBE a:q1,new $aws/x:q1,new
         ! subscribed 01 8f
         4: x BadFilter
         5: < SUBACK 7 01 8f",
    );
    let settings = Settings { v4_subscribe_denied: Denied::CarryOn, ..Settings::aws() };
    with(
        Version::V4,
        settings,
        "> SUBSCRIBE 7 a:q1 b:q1
         ? SUBSCRIBE a:q1,new b:q1,new
         ! subscribed 87 01
         < SUBACK 7 80 01",
    );
    connected("> SUBSCRIBE 7 a:q1\n? SUBSCRIBE a:q1,new\n! refused 80\n5: < DISCONNECT 80…\nx Internal");
}

#[test]
fn subscriptions_are_counted() {
    // spec: mqtt-gateway §5.2, §9
    let nine: Vec<_> = (0..9).map(|at| format!("f{at}:q0")).collect();
    connected(&format!("> SUBSCRIBE 7 {}\n5: < DISCONNECT 97…\nx TooManyFilters", nine.join(" ")));
    let nine: Vec<_> = (0..9).map(|at| format!("f{at}")).collect();
    connected(&format!("> UNSUBSCRIBE 7 {}\n5: < DISCONNECT 97…\nx TooManyFilters", nine.join(" ")));
    let settings = Settings { subscriptions: 2, ..Settings::aws() };
    for version in Version::BOTH {
        with(
            version,
            settings.clone(),
            "> SUBSCRIBE 7 a:q0 a:q1 b:q0 c:q0
             ? SUBSCRIBE a:q0,new a:q1 b:q0,new
             ! subscribed
             4: < SUBACK 7 00 01 00 80
             5: < SUBACK 7 00 01 00 97
             > SUBSCRIBE 8 c:q0
             4: < SUBACK 8 80
             5: < SUBACK 8 97
             > UNSUBSCRIBE 9 a
             ? UNSUBSCRIBE a
             ! unsubscribed 00
             4: < UNSUBACK 9
             5: < UNSUBACK 9 00
             > SUBSCRIBE 8 c:q0
             ? SUBSCRIBE c:q0,new
             ! subscribed
             < SUBACK 8 00",
        );
    }
    let script = "> CONNECT id=x
         ? CONNECT…
         ! resumed filter=b filter=a
         < CONNACK…
         > SUBSCRIBE 8 b:q0 c:q1
         ? SUBSCRIBE b:q0
         ! subscribed
         < SUBACK 8 00 97";
    play_with(Version::V5, settings, script);
}

#[test]
fn unsubscribing() {
    connected(
        "> UNSUBSCRIBE 9 a b
         ? UNSUBSCRIBE a b
         ! unsubscribed 00 11
         4: < UNSUBACK 9
         5: < UNSUBACK 9 00 11",
    );
    connected("> UNSUBSCRIBE 9 a/#/b\n5: < DISCONNECT 8f…\nx BadFilter");
}

#[test]
fn packets_wait_for_the_answer_to_a_subscribe() {
    connected(
        "> SUBSCRIBE 1 a:q0 & PUBLISH q1 a one id=5
         ? SUBSCRIBE a:q0,new
         ! subscribed
         < SUBACK 1 00
         < PUBACK 5
         @ PUBLISH q1 a one",
    );
}

#[test]
fn subscription_ids_in_standard() {
    let script = behind_connect(
        "",
        "> SUBSCRIBE 1 a:q2 sub=9
         ? SUBSCRIBE a:q2,new sub=9
         ! subscribed
         < SUBACK 1 02
         ! deliver q0 a x sub=9 sub=10
         < PUBLISH q0 a x sub=9 sub=10",
    );
    play_with(Version::V5, Settings::standard(), &script);
}

#[test]
fn qos_2_from_the_client() {
    // spec: mqtt5 §4.3.3
    standard(
        "> PUBLISH q2 a one id=1
         < PUBREC 1
         @ PUBLISH q2 a one
         > PUBLISH q2 a one id=1 dup
         < PUBREC 1
         ! verdict pending
         > PUBLISH q2 a two id=2
         @ PUBLISH q2 a two
         > PUBLISH q2 a two id=2 dup
         ! acked 1
         < PUBREC 2
         > PUBREL 1
         < PUBCOMP 1
         > PUBREL 1
         4: < PUBCOMP 1
         5: < PUBCOMP 1 92
         ! verdict accepted
         > PUBLISH q2 a three id=1
         < PUBREC 1
         @ PUBLISH q2 a three
         ! end
         4: end CONNECTION_LOST expiry=4294967295 received=1 received=2
         5: end CONNECTION_LOST expiry=0 received=1 received=2",
    );
    standard(
        "! verdict refused 87
         > PUBLISH q2 a one id=1
         5: < PUBREC 1 87
         @ PUBLISH q2 a one
         4: x NotAuthorized
         5: ! verdict accepted
         5: > PUBLISH q2 a one id=1
         5: < PUBREC 1
         5: @ PUBLISH q2 a one",
    );
    standard(
        "! verdict pending
         > PUBLISH q2 a one id=1 & PUBLISH q1 a two id=2
         @ PUBLISH q2 a one
         @ PUBLISH q1 a two
         ! end
         4: end CONNECTION_LOST expiry=4294967295 received=1 pending=1 pending=2
         5: end CONNECTION_LOST expiry=0 received=1 pending=1 pending=2",
    );
}

#[test]
fn qos_2_ids_are_remembered_across_connections() {
    let script = "> CONNECT id=x
         ? CONNECT…
         ! resumed received=4 received=2 released=7 flight=8,q2,a,eight last=8
         < CONNACK 00 present…
         < PUBREL 7
         < PUBLISH q2 a eight id=8 dup
         > PUBLISH q2 a four id=4 dup
         < PUBREC 4
         > PUBREL 2
         < PUBCOMP 2
         > PUBCOMP 7
         > PUBREC 8
         < PUBREL 8
         = 1 Acknowledged
         > PUBREC 8
         < PUBREL 8
         ! room
         room 999
         ! end
         4: end CONNECTION_LOST expiry=4294967295 released=8 received=4
         5: end CONNECTION_LOST expiry=0 released=8 received=4";
    for version in Version::BOTH {
        play_with(version, Settings::standard(), script);
    }
}

#[test]
fn qos_2_to_the_client() {
    standard(
        "! deliver q2 a one
         < PUBLISH q2 a one id=1
         > PUBREC 1
         < PUBREL 1
         = 1 Acknowledged
         > PUBCOMP 1
         ! deliver q2 a two
         < PUBLISH q2 a two id=2
         4: > PUBREC 2
         4: < PUBREL 2
         4: = 2 Acknowledged
         5: > PUBREC 2 97
         5: = 2 Refused(QuotaExceeded)
         > PUBREC 99
         4: < PUBREL 99
         5: < PUBREL 99 92
         ! deliver q2 a three
         < PUBLISH q2 a three id=3
         > PUBACK 3
         5: < DISCONNECT 82…
         x Protocol(…",
    );
}

#[test]
fn goodbye() {
    // spec: mqtt-gateway §6, §6.1
    let with_will = |script: &str| {
        play(&format!(
            "> CONNECT id=x will=q0,w,bye expiry=100
             ? CONNECT…
             ! connected
             < CONNACK…
             {script}"
        ));
    };
    with_will(
        "> DISCONNECT
         x Client
         > PINGREQ
         ! end
         4: end CLIENT_INITIATED_DISCONNECT expiry=3600
         5: end CLIENT_INITIATED_DISCONNECT expiry=100",
    );
    with_will(
        "5: > DISCONNECT 04 expiry=9999
         5: x ClientWithWill
         5: ! end
         5: end CLIENT_INITIATED_DISCONNECT expiry=3600 will=w",
    );
    with_will("5: > DISCONNECT expiry=0\n5: x Client\n5: ! end\n5: end CLIENT_INITIATED_DISCONNECT expiry=0");
    with_will(
        "! lost
         ! end
         4: end CONNECTION_LOST expiry=3600 will=w
         5: end CONNECTION_LOST expiry=100 will=w",
    );
    connected(
        "5: > DISCONNECT expiry=5\n5: < DISCONNECT 82…\n5: x Protocol(…\n5: ! end\n5: end CLIENT_ERROR expiry=0",
    );
}

#[test]
fn we_say_goodbye() {
    // spec: mqtt-gateway §6.2
    for (why, code, lifecycle) in [
        ("TakenOver", "8e", "DUPLICATE_CLIENTID"),
        ("ShuttingDown", "8b", "SERVER_INITIATED_DISCONNECT"),
        ("Deleted", "98", "API_INITIATED_DISCONNECT"),
        ("Forbidden", "98", "FORBIDDEN_ACCESS"),
        ("Internal", "80", "SERVER_ERROR"),
        ("Quota", "97", "THROTTLED"),
        ("AuthorizerExpired", "87", "CUSTOMAUTH_TTL_EXPIRATION"),
    ] {
        connected(&format!(
            "! kick {why}
             5: < DISCONNECT {code}…
             x {why}
             ! kick Internal
             ! deliver q0 a x
             no room
             ! ready
             ready false
             ! end
             4: end {lifecycle} expiry=3600
             5: end {lifecycle} expiry=0"
        ));
    }
    connected("! kick WebSocketExpired\nx WebSocketExpired");
}

#[test]
fn terse_clients_get_no_reason_strings() {
    play_with(
        Version::V5,
        Settings::aws(),
        &behind_connect("terse", "! kick TakenOver\n< DISCONNECT 8e\nx TakenOver"),
    );
}

#[test]
fn bytes_may_come_one_by_one() {
    let mut bytes = vec![0x10, 0x0d, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 1, b'x'];
    let mut script = String::new();
    let last = bytes.pop().unwrap();
    for byte in bytes {
        script += &format!("> hex {byte:02x}\n");
    }
    script +=
        &format!("> hex {last:02x}\n? CONNECT id=x keep=60 expiry=0 clean\n! connected\n< CONNACK 00\n");
    script += "> hex c0\n> hex 00 c0 00 c0\n< PINGRESP\n< PINGRESP\n> hex 00\n< PINGRESP\n> hex c1\nx Misdeed(ReservedFlags(PingReq))";
    play_with(Version::V4, Settings::aws(), &script);
}
