//! Limits that are not configured: of the protocols, and of AWS's own quotas.

use std::time::Duration;

use adit_iot::iam::{managed_policy, role};
use adit_iot::{ca, policy, provisioning, shadow, tag, thing, thing_group, thing_type};
use adit_mqtt::settings::{FOR_EVER, Settings};
use adit_tunnel::limits as tunnel;

use super::Limit;
use crate::api::iam::{access_key, group};
use crate::api::provisioning::CLAIM_LIFE;
use crate::config::{Config, MqttProfile, show_duration};
use crate::console;
use crate::net::mqtt_ws;
use crate::provision::{fleet, hook};

/// All of them; their order means nothing.
pub(super) fn all(config: &Config) -> impl Iterator<Item = Limit> {
    let settings = config.mqtt.settings();
    let of_profile =
        if config.mqtt.profile == MqttProfile::Standard { standard(&settings) } else { Vec::new() };
    let all =
        [mqtt(&settings), durations_of_mqtt(&settings), of_profile, tunnels(), registry(), identities()];
    all.into_iter().flatten()
}

fn count(name: &'static str, value: usize, unit: &'static str, description: &'static str) -> Limit {
    Limit { name, value: value.to_string(), unit, description, default: None }
}

fn time(name: &'static str, value: Duration, description: &'static str) -> Limit {
    Limit { name, value: show_duration(value), unit: "", description, default: None }
}

fn seconds(value: impl Into<i64>) -> Duration {
    Duration::from_secs(value.into().unsigned_abs())
}

fn millis(value: i64) -> Duration {
    Duration::from_millis(value.unsigned_abs())
}

fn mqtt(of: &Settings) -> Vec<Limit> {
    vec![
        count(
            "mqtt.packet-bytes",
            of.packet_bytes,
            "bytes",
            "A whole packet without its fixed header; MQTT 5 clients are told as Maximum Packet Size.",
        ),
        count("mqtt.publish-bytes", of.payload_bytes, "bytes", "The payload of a message, or of a will."),
        count(
            "mqtt.topic-bytes",
            of.topic_bytes,
            "bytes",
            "A topic or a filter, without $share and the prefix of basic ingest.",
        ),
        count(
            "mqtt.topic-slashes",
            of.topic_slashes,
            "slashes",
            "Slashes of a topic or of a filter, counted likewise.",
        ),
        count(
            "mqtt.share-name-characters",
            of.share_name_chars,
            "characters",
            "The name of a shared subscription.",
        ),
        count("mqtt.client-id-bytes", of.client_id_bytes, "bytes", "A client id."),
        count(
            "mqtt.filters-per-request",
            of.filters_per_packet,
            "filters",
            "Filters in one SUBSCRIBE or UNSUBSCRIBE.",
        ),
        count(
            "mqtt.subscriptions-per-connection",
            of.subscriptions,
            "subscriptions",
            "Subscriptions of one connection and its session.",
        ),
        count(
            "mqtt.topic-aliases",
            of.topic_aliases_in.into(),
            "aliases",
            "Topic aliases that a client may use on a connection.",
        ),
        count(
            "mqtt.user-property-bytes",
            of.user_property_bytes,
            "bytes",
            "All user properties of a message.",
        ),
        count("mqtt.content-type-bytes", of.content_type_bytes, "bytes", "The content type of a message."),
        count(
            "mqtt.correlation-data-bytes",
            of.correlation_data_bytes,
            "bytes",
            "The correlation data of a message.",
        ),
    ]
}

fn durations_of_mqtt(of: &Settings) -> Vec<Limit> {
    let always = [
        time(
            "mqtt.connect-timeout",
            of.connect_within,
            "Time a client has from its handshake to a whole CONNECT.",
        ),
        time(
            "mqtt.keep-alive-min",
            seconds(of.keep_alive_min),
            "The shortest keep alive; a shorter one becomes this.",
        ),
        time(
            "mqtt.websocket-life",
            millis(mqtt_ws::LIFE),
            "How long a connection over WebSocket may last that was opened with a signature.",
        ),
    ];
    let longest = of.keep_alive_max.map(|most| {
        time(
            "mqtt.keep-alive-max",
            seconds(most),
            "The longest keep alive; a longer one, or none, becomes this.",
        )
    });
    let life = of.delivery_life.map(|life| {
        time(
            "mqtt.delivery-life",
            life,
            "Connected time after which a delivery that is not acknowledged is given up.",
        )
    });
    let ends = of.message_expiry_max != FOR_EVER;
    let expiry = ends.then(|| {
        time(
            "mqtt.message-expiry-max",
            seconds(of.message_expiry_max),
            "The longest life of a message; a longer one becomes this.",
        )
    });
    always.into_iter().chain(longest).chain(life).chain(expiry).collect()
}

/// What the profile "standard" sets in place of the configuration.
fn standard(of: &Settings) -> Vec<Limit> {
    vec![count(
        "mqtt.receive-maximum",
        of.receive_maximum.into(),
        "messages",
        "Messages of QoS 1 and 2 that may be unacknowledged at once on a connection, each way.",
    )]
}

fn tunnels() -> Vec<Limit> {
    vec![
        count(
            "tunnel.message-bytes",
            tunnel::MESSAGE,
            "bytes",
            "One message of the tunnel protocol, without its length.",
        ),
        count(
            "tunnel.payload-bytes",
            tunnel::PAYLOAD,
            "bytes",
            "Data in one message of the tunnel protocol.",
        ),
        count(
            "tunnel.frame-bytes",
            tunnel::WEBSOCKET_PAYLOAD,
            "bytes",
            "The payload of one WebSocket frame of a tunnel.",
        ),
        count(
            "tunnel.queue-bytes",
            tunnel::QUEUE,
            "bytes",
            "Data that waits for one side in one direction, before its sender has to.",
        ),
        count("tunnel.service-name-bytes", tunnel::SERVICE_ID, "bytes", "The name of a service."),
        count("tunnel.tags", tag::MAX_TAGS, "tags", "Tags of one tunnel, and of every other resource."),
    ]
}

fn registry() -> Vec<Limit> {
    vec![
        count(
            "registry.attributes-per-thing",
            thing::MAX_ATTRIBUTES_WITHOUT_TYPE,
            "attributes",
            "Attributes of a thing that has no type.",
        ),
        count(
            "registry.attributes-per-typed-thing",
            thing::MAX_ATTRIBUTES_WITH_TYPE,
            "attributes",
            "Attributes of a thing that has a type.",
        ),
        count(
            "registry.searchable-attributes-per-type",
            thing_type::MAX_SEARCHABLE,
            "attributes",
            "Searchable attributes of a thing type.",
        ),
        count(
            "registry.groups-per-thing",
            thing_group::MAX_GROUPS_OF_THING,
            "groups",
            "Thing groups that one thing may be in.",
        ),
        count(
            "registry.groups-per-group",
            thing_group::MAX_CHILDREN,
            "groups",
            "Direct children of a thing group.",
        ),
        count(
            "registry.group-levels",
            thing_group::MAX_DEPTH,
            "levels",
            "Levels of thing groups, that of the root included.",
        ),
        count(
            "registry.attributes-per-group",
            thing_group::MAX_ATTRIBUTES,
            "attributes",
            "Attributes of a thing group.",
        ),
        count(
            "registry.policy-characters",
            policy::MAX_CHARACTERS,
            "characters",
            "A policy document, without white space.",
        ),
        count(
            "registry.cas-per-subject",
            ca::MAX_OF_SUBJECT,
            "CA certificates",
            "CA certificates with the same subject in an account and region.",
        ),
        count(
            "shadow.levels",
            shadow::MAX_DEPTH,
            "levels",
            "Objects and lists inside each other in a section of a shadow.",
        ),
        count(
            "shadow.client-token-bytes",
            shadow::MAX_CLIENT_TOKEN,
            "bytes",
            "The client token of a request to a shadow.",
        ),
        count(
            "provisioning.templates",
            provisioning::MAX_TEMPLATES,
            "templates",
            "Provisioning templates per account and region.",
        ),
        count(
            "provisioning.template-versions",
            provisioning::MAX_VERSIONS,
            "versions",
            "Versions that one provisioning template may have.",
        ),
        count(
            "provisioning.template-characters",
            provisioning::MAX_BODY,
            "characters",
            "The body of a provisioning template.",
        ),
        time(
            "provisioning.claim-life",
            millis(CLAIM_LIFE),
            "How long a claim of CreateProvisioningClaim works.",
        ),
        time(
            "provisioning.ownership-token-life",
            millis(fleet::TOKEN_LIFE),
            "How long a device has to register with the certificate it got.",
        ),
        time("provisioning.hook-timeout", hook::WITHIN, "How long a pre-provisioning hook may take."),
    ]
}

fn identities() -> Vec<Limit> {
    vec![
        count(
            "iam.access-keys-per-user",
            access_key::MOST,
            "access keys",
            "Access keys of one user, and of the account itself.",
        ),
        count("iam.groups-per-user", group::MOST, "groups", "Groups that one user may be in."),
        count("iam.policies", managed_policy::MOST_POLICIES, "policies", "Managed policies per account."),
        count(
            "iam.policy-versions",
            managed_policy::MOST_VERSIONS,
            "versions",
            "Versions that one managed policy may have.",
        ),
        count(
            "iam.policies-per-identity",
            managed_policy::MOST_ATTACHED,
            "policies",
            "Managed policies attached to one user, group or role.",
        ),
        count(
            "iam.policy-characters",
            managed_policy::MOST_CHARS,
            "characters",
            "A managed policy's document, without white space.",
        ),
        time(
            "iam.role-session-max",
            seconds(role::LONGEST_SESSION),
            "The longest session that a role may allow.",
        ),
        time(
            "iam.console-session",
            seconds(console::SESSION),
            "How long a sign-in with a one-time link lasts.",
        ),
    ]
}
