//! Topics that begin with `$`: what they are for, who may publish and subscribe. The only table of them.
//! spec: mqtt-gateway §8.1; docs/howto/add-a-reserved-topic.md

use adit_mqtt::Filter;

/// What may be done with a reserved topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    /// Levels of the topic; `+` stands for a name, a last `#` for anything below.
    pattern: &'static str,
    publish: Option<Handler>,
    subscribe: bool,
}

/// Who takes what a client publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handler {
    /// A thing's shadow; the request itself can be subscribed to as well.
    Shadow,
    /// A request of fleet provisioning; its answer goes to the connection that asked.
    Fleet,
    /// A request of a feature this server does not have: taken and dropped, as AWS does where nobody listens.
    Nobody,
}

/// What becomes of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Publishing {
    /// An ordinary topic.
    Ordinary,
    /// Goes to a handler.
    To(Handler),
    /// Clients may not publish there.
    Refused,
}

const fn both(pattern: &'static str, handler: Handler) -> Row {
    Row { pattern, publish: Some(handler), subscribe: true }
}

const fn publish(pattern: &'static str, handler: Handler) -> Row {
    Row { pattern, publish: Some(handler), subscribe: false }
}

const fn subscribe(pattern: &'static str) -> Row {
    Row { pattern, publish: None, subscribe: true }
}

const TABLE: &[Row] = &[
    subscribe("$aws/events/#"),
    subscribe("$aws/things/+/tunnels/notify"),
    both("$aws/things/+/shadow/get", Handler::Shadow),
    both("$aws/things/+/shadow/update", Handler::Shadow),
    both("$aws/things/+/shadow/delete", Handler::Shadow),
    subscribe("$aws/things/+/shadow/get/accepted"),
    subscribe("$aws/things/+/shadow/get/rejected"),
    subscribe("$aws/things/+/shadow/update/accepted"),
    subscribe("$aws/things/+/shadow/update/rejected"),
    subscribe("$aws/things/+/shadow/update/delta"),
    subscribe("$aws/things/+/shadow/update/documents"),
    subscribe("$aws/things/+/shadow/delete/accepted"),
    subscribe("$aws/things/+/shadow/delete/rejected"),
    both("$aws/things/+/shadow/name/+/get", Handler::Shadow),
    both("$aws/things/+/shadow/name/+/update", Handler::Shadow),
    both("$aws/things/+/shadow/name/+/delete", Handler::Shadow),
    subscribe("$aws/things/+/shadow/name/+/get/accepted"),
    subscribe("$aws/things/+/shadow/name/+/get/rejected"),
    subscribe("$aws/things/+/shadow/name/+/update/accepted"),
    subscribe("$aws/things/+/shadow/name/+/update/rejected"),
    subscribe("$aws/things/+/shadow/name/+/update/delta"),
    subscribe("$aws/things/+/shadow/name/+/update/documents"),
    subscribe("$aws/things/+/shadow/name/+/delete/accepted"),
    subscribe("$aws/things/+/shadow/name/+/delete/rejected"),
    publish("$aws/things/+/jobs/get", Handler::Nobody),
    publish("$aws/things/+/jobs/start-next", Handler::Nobody),
    publish("$aws/things/+/jobs/+/get", Handler::Nobody),
    publish("$aws/things/+/jobs/+/update", Handler::Nobody),
    subscribe("$aws/things/+/jobs/notify"),
    subscribe("$aws/things/+/jobs/notify-next"),
    subscribe("$aws/things/+/jobs/+/accepted"),
    subscribe("$aws/things/+/jobs/+/rejected"),
    subscribe("$aws/things/+/jobs/+/+/accepted"),
    subscribe("$aws/things/+/jobs/+/+/rejected"),
    publish("$aws/certificates/create/json", Handler::Fleet),
    publish("$aws/certificates/create/cbor", Handler::Fleet),
    publish("$aws/certificates/create-from-csr/json", Handler::Fleet),
    publish("$aws/certificates/create-from-csr/cbor", Handler::Fleet),
    subscribe("$aws/certificates/+/+/accepted"),
    subscribe("$aws/certificates/+/+/rejected"),
    publish("$aws/provisioning-templates/+/provision/json", Handler::Fleet),
    publish("$aws/provisioning-templates/+/provision/cbor", Handler::Fleet),
    subscribe("$aws/provisioning-templates/+/provision/+/accepted"),
    subscribe("$aws/provisioning-templates/+/provision/+/rejected"),
    publish("$aws/rules/#", Handler::Nobody),
    publish("$aws/things/+/defender/metrics/+", Handler::Nobody),
    subscribe("$aws/things/+/defender/metrics/+/accepted"),
    subscribe("$aws/things/+/defender/metrics/+/rejected"),
    publish("$aws/things/+/streams/+/get/+", Handler::Nobody),
    publish("$aws/things/+/streams/+/describe/+", Handler::Nobody),
    subscribe("$aws/things/+/streams/+/data/+"),
    subscribe("$aws/things/+/streams/+/description/+"),
    subscribe("$aws/things/+/streams/+/rejected/+"),
    subscribe("$aws/commands/#"),
];

/// What becomes of a client's publish to `topic`.
pub(super) fn publishing(topic: &str) -> Publishing {
    if !topic.starts_with('$') {
        return Publishing::Ordinary;
    }
    let row = TABLE.iter().filter(|row| row.publish.is_some()).find(|row| overlap(topic, row.pattern));
    row.and_then(|row| row.publish).map_or(Publishing::Refused, Publishing::To)
}

/// Whether a client may subscribe to a filter, as far as reserved topics go.
pub(super) fn may_subscribe(filter: &Filter) -> bool {
    let pattern = filter.pattern();
    !pattern.starts_with('$') || TABLE.iter().any(|row| row.subscribe && overlap(pattern, row.pattern))
}

/// Whether there is a topic that both match: a filter (or topic) and a pattern of the table.
fn overlap(filter: &str, pattern: &str) -> bool {
    let (mut filter, mut pattern) = (filter.split('/'), pattern.split('/'));
    loop {
        match (filter.next(), pattern.next()) {
            (Some("#"), Some(_)) | (Some(_), Some("#")) | (None, None) => return true,
            (Some(ours), Some(theirs)) if ours == theirs || ours == "+" => {}
            (Some(name), Some("+")) if !name.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(filter: &str) -> bool {
        may_subscribe(&Filter::new(filter).unwrap())
    }

    #[test]
    fn the_table_says_who_may_what() {
        assert_eq!(publishing("lamp/state"), Publishing::Ordinary);
        assert_eq!(publishing("$aws/things/lamp/shadow/update"), Publishing::To(Handler::Shadow));
        assert_eq!(publishing("$aws/things/lamp/shadow/name/n/get"), Publishing::To(Handler::Shadow));
        assert_eq!(publishing("$aws/certificates/create/json"), Publishing::To(Handler::Fleet));
        assert_eq!(
            publishing("$aws/provisioning-templates/t/provision/cbor"),
            Publishing::To(Handler::Fleet)
        );
        for refused in [
            "$aws/certificates/create/xml",
            "$aws/certificates/create/json/accepted",
            "$aws/certificates/other/json",
            "$aws/provisioning-templates/t/provision/xml",
            "$aws/provisioning-templates/t/json",
            "$aws/things/lamp/shadow/update/accepted",
            "$aws/things/lamp/tunnels/notify",
            "$aws/events/presence/connected/lamp",
            "$aws/things//shadow/update",
            "$aws",
            "$SYS/x",
            "$other",
        ] {
            assert_eq!(publishing(refused), Publishing::Refused, "{refused}");
        }
    }

    #[test]
    fn filters_may_reach_what_they_could_match() {
        for yes in [
            "a/#",
            "#",
            "$aws/things/lamp/tunnels/notify",
            "$aws/things/+/shadow/update/delta",
            "$aws/things/lamp/shadow/#",
            "$aws/things/lamp/#",
            "$aws/events/presence/connected/lamp",
            "$aws/events/#",
            "$share/g/a/b",
        ] {
            assert!(may(yes), "{yes}");
        }
        for no in ["$aws/rules/r/a", "$SYS/#", "$aws/things/lamp/jobs/get", "$aws/nothing", "$share/g/$SYS/a"]
        {
            assert!(!may(no), "{no}");
        }
    }
}
