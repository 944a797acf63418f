//! The fuzzers' corpora, through the fuzzers' own checks.

#[path = "../../../../fuzz/src/mqtt.rs"]
mod checks;
#[path = "../../../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn mqtt_decode() {
    replay("mqtt_decode", checks::mqtt_decode);
}

#[test]
fn mqtt_topics() {
    replay("mqtt_topics", checks::mqtt_topics);
}
