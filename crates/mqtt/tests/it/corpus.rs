//! The fuzzers' corpora, through the fuzzers' own checks.

#[path = "../../../../fuzz/src/mqtt.rs"]
mod checks;
#[path = "../../../../fuzz/replay.rs"]
mod replay;
#[path = "../../../../fuzz/src/mqtt_session.rs"]
mod session_checks;

use replay::replay;

#[test]
fn mqtt_decode() {
    replay("mqtt_decode", checks::mqtt_decode);
}

#[test]
fn mqtt_topics() {
    replay("mqtt_topics", checks::mqtt_topics);
}

#[test]
fn mqtt_session() {
    replay("mqtt_session", session_checks::mqtt_session);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]
    #[test]
    fn mqtt_session_of_any_operations(
        choice: u8,
        operations in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600),
    ) {
        // A connection comes into being sooner with a CONNECT and an answer in front.
        let mut data = vec![choice, 0x01, 0x08];
        data.extend(operations);
        session_checks::mqtt_session(&data);
    }
}
