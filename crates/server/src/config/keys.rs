//! Every configuration key: kind, default, unit, meaning. The only list of keys there is.

/// One configuration key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted name, such as `tunnel.pace`; a key of a `[[listen]]` entry is `listen.tls` and so on.
    pub name: &'static str,
    /// What a value may be.
    pub kind: Kind,
    /// The default, as TOML.
    pub default: &'static str,
    /// Unit of the value, or empty.
    pub unit: &'static str,
    /// What it does, for the operator.
    pub doc: &'static str,
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text that is not empty.
    Text,
    /// 12 digits.
    Account,
    /// A region name: `[a-z0-9-]{1,64}` (spec: secure-tunneling §8).
    Region,
    /// A path; empty means none.
    Path,
    /// A DNS name or an address; empty means none.
    Host,
    /// `true` or `false`.
    Bool,
    /// A whole number from the first to the second value.
    Number(u32, u32),
    /// A time in seconds from the first to the second value.
    Duration(u64, u64),
    /// A number of bytes from the first to the second value.
    Bytes(u64, u64),
    /// An address and a port.
    Address,
    /// An address and a port, or `off`.
    AddressOrOff,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A list of `ARN=URL`.
    Routes,
    /// A list of these words, at least one.
    Words(&'static [&'static str]),
    /// A secret: refused in the file, taken from the environment.
    Secret,
    /// The list of `[[listen]]` entries; its own keys follow.
    Listeners,
}

const fn key(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    unit: &'static str,
    doc: &'static str,
) -> Key {
    Key { name, kind, default, unit, doc }
}

const DAY: u64 = 86_400;

/// All keys, in the order of the default file.
pub const KEYS: &[Key] = &[
    key(
        "region",
        Kind::Region,
        "\"us-east-1\"",
        "",
        "The AWS region this server answers for. Clients choose a region when they sign; this one is used where no request says it, such as in `adit env`.",
    ),
    key(
        "account",
        Kind::Account,
        "\"123456789012\"",
        "12 digits",
        "The account of the access key made on first start.",
    ),
    key(
        "names",
        Kind::Texts,
        "[]",
        "DNS names and IP addresses",
        "Names under which clients reach this server, put into the server certificate besides localhost, the loopback addresses and the host name. Changing them makes a new certificate at the next start, from the same CA.",
    ),
    key(
        "endpoint.host",
        Kind::Host,
        "\"\"",
        "host name",
        "The host name that DescribeEndpoint answers for every type of endpoint, without a port. Empty: names in endpoint.domain, or without that the first of `names`, or localhost.",
    ),
    key(
        "endpoint.domain",
        Kind::Host,
        "\"\"",
        "domain",
        "A domain in which DescribeEndpoint gives every account and region host names of its own, such as a1b2c3d4e5f6g7-ats.iot.us-east-1.DOMAIN. They must lead to this server and be in `names`. endpoint.host goes before it.",
    ),
    key("node.name", Kind::Text, "\"adit\"", "", "Name of this node in logs and audit rows."),
    key(
        "node.data-dir",
        Kind::Text,
        "\"./data\"",
        "path",
        "Folder of the database, keys, certificates, the first access key and the admin socket. One server per folder.",
    ),
    key(
        "listen",
        Kind::Listeners,
        "[{ address = \"127.0.0.1:8080\", tls = false, serve = [\"api\"] }, { address = \"0.0.0.0:8443\" }, { address = \"0.0.0.0:8883\", serve = [\"mqtt\"] }]",
        "",
        "Where the server listens. Giving any [[listen]] replaces all defaults.",
    ),
    key(
        "listen.address",
        Kind::Address,
        "",
        "address:port",
        "Address and port, such as \"0.0.0.0:443\" or \"[::]:443\". Required. Port 0 takes any free port.",
    ),
    key(
        "listen.tls",
        Kind::Bool,
        "true",
        "",
        "TLS with the server certificate. Without it requests and tokens cross the network readable by anyone.",
    ),
    key(
        "listen.serve",
        Kind::Words(&["api", "tunnel", "mqtt", "mqtt-ws", "data-api", "console"]),
        "[\"api\", \"tunnel\", \"mqtt\", \"mqtt-ws\", \"data-api\", \"console\"]",
        "",
        "What is served here: \"api\" is the AWS API, \"tunnel\" is tunnel data (/tunnel), \"mqtt\" is MQTT with a client certificate, \"mqtt-ws\" is MQTT over WebSocket (/mqtt), \"data-api\" is publishing over HTTPS, \"console\" is the web console (/), which needs \"api\" beside it. Alone, \"mqtt\" and \"data-api\" ask every client for a certificate, as AWS's ports 8883 and 8443 do; beside others the client chooses by ALPN (x-amzn-mqtt-ca, x-amzn-http-ca). Without TLS the default leaves \"mqtt\" out.",
    ),
    key(
        "listen.allow-plain-remote",
        Kind::Bool,
        "false",
        "",
        "Allows tls = false on an address that other machines can reach. Only behind a proxy that does TLS.",
    ),
    key(
        "metrics.address",
        Kind::AddressOrOff,
        "\"127.0.0.1:9464\"",
        "address:port or \"off\"",
        "Where Prometheus reads /metrics. The page needs no sign-in; keep it off public addresses.",
    ),
    key("log.format", Kind::Word(&["text", "json"]), "\"text\"", "", "How a log line is written."),
    key(
        "log.level",
        Kind::Text,
        "\"info\"",
        "",
        "error, warn, info, debug or trace; or directives such as \"info,adit_server::net=debug\".",
    ),
    key(
        "tls.certificate-file",
        Kind::Path,
        "\"\"",
        "path",
        "PEM file with your own certificate chain, leaf first, in place of the one adit makes. Read again on SIGHUP.",
    ),
    key("tls.key-file", Kind::Path, "\"\"", "path", "PEM file with the private key of tls.certificate-file."),
    key(
        "tls.alternate-certificate-file",
        Kind::Path,
        "\"\"",
        "path",
        "A second chain for the same names with a key of the other kind: a client is served with ECDSA if it can, with RSA otherwise. Read again on SIGHUP.",
    ),
    key(
        "tls.alternate-key-file",
        Kind::Path,
        "\"\"",
        "path",
        "PEM file with the private key of tls.alternate-certificate-file.",
    ),
    key(
        "tls.versions",
        Kind::Words(&["1.2", "1.3"]),
        "[\"1.2\", \"1.3\"]",
        "",
        "TLS versions that are spoken. Both is AWS's policy IoTSecurityPolicy_TLS13_1_2_2022_10, one of them IoTSecurityPolicy_TLS12_1_2_2022_10 or IoTSecurityPolicy_TLS13_1_3_2022_10.",
    ),
    key(
        "tls.resumption",
        Kind::Word(&["off", "stateful", "tickets"]),
        "\"off\"",
        "",
        "Whether a client may resume a TLS session instead of proving its key again: \"stateful\" keeps sessions here, \"tickets\" lets the client keep them. The status of its certificate is looked up either way. AWS resumes none.",
    ),
    key(
        "sni.missing",
        Kind::Word(&["accept", "reject"]),
        "\"accept\"",
        "",
        "What happens to a TLS client that names no host, such as one that dials an address.",
    ),
    key(
        "sni.unknown",
        Kind::Word(&["auto", "default-endpoint", "reject"]),
        "\"auto\"",
        "",
        "What happens to a TLS client that names a host which is not in `names` (localhost and this host's name always are): \"reject\" refuses it with the alert unrecognized_name, \"default-endpoint\" serves it, \"auto\" rejects as soon as `names` holds a DNS name or endpoint.host is set.",
    ),
    key(
        "certificate.check-validity",
        Kind::Bool,
        "true",
        "",
        "Refuses a device whose certificate is not valid yet, or not any more, by more than 5 minutes. Off for devices without a calendar.",
    ),
    key(
        "jitp.first-connection",
        Kind::Word(&["drop", "accept"]),
        "\"drop\"",
        "",
        "What becomes of the connection that brought a device to be provisioned: `drop` closes it without a CONNACK as AWS does, so that the device comes back and is let in; `accept` provisions it and lets the connection go on.",
    ),
    key(
        "provisioning.hooks",
        Kind::Routes,
        "[]",
        "",
        "Where the functions are that provisioning templates name as pre-provisioning hooks: a list of `ARN=URL`, such as `arn:aws:lambda:us-east-1:123456789012:function:hook=http://127.0.0.1:9000/hook`. The URL gets a POST with the function's JSON input and answers with its JSON output, within 5 seconds.",
    ),
    key(
        "tunnel.pace",
        Kind::Bytes(0, u32::MAX as u64),
        "100000",
        "bytes per second",
        "Rate per tunnel and direction towards AWS's local proxy and clients adit does not know, which end when data arrives faster than their application reads it. 100000 is AWS's own rate; 0 switches pacing off.",
    ),
    key(
        "tunnel.pace-own",
        Kind::Bytes(0, u32::MAX as u64),
        "0",
        "bytes per second",
        "The same towards adit's own local proxy, which applies back-pressure and needs no pacing. 0 is off.",
    ),
    key(
        "tunnel.idle-timeout",
        Kind::Duration(5, DAY),
        "\"90s\"",
        "duration",
        "A side that sends nothing, not even a ping, for this long is dropped. AWS's local proxy pings every 20 s.",
    ),
    key(
        "tunnel.retention",
        Kind::Duration(0, 365 * DAY),
        "\"3h\"",
        "duration",
        "How long a closed tunnel can still be described and listed.",
    ),
    key(
        "tunnel.max-lifetime",
        Kind::Duration(60, DAY / 2),
        "\"12h\"",
        "duration",
        "The longest lifetime OpenTunnel may ask for, and the one it gets when it asks for none.",
    ),
    key(
        "tunnel.services-per-tunnel",
        Kind::Number(1, 64),
        "3",
        "services",
        "Services one tunnel may name. AWS's device client fails above 3.",
    ),
    key(
        "tunnel.max-open-tunnels",
        Kind::Number(1, 1_000_000),
        "1000",
        "tunnels",
        "Open tunnels per account and region.",
    ),
    key(
        "tunnel.connection-rate",
        Kind::Number(0, 1_000_000),
        "0",
        "upgrades per second",
        "Accepted tunnel connections a second per account; more get 503 and try again. 0 is off (AWS allows 10).",
    ),
    key(
        "registry.thing-type-delete-wait",
        Kind::Duration(0, DAY),
        "\"5m\"",
        "duration",
        "How long a thing type must have been deprecated before it can be deleted. With 0 it can be deleted at once and need not be deprecated, as tests like it.",
    ),
    key(
        "registry.policies-per-principal",
        Kind::Number(1, 100),
        "10",
        "policies",
        "Policies that one certificate or Cognito identity may have attached.",
    ),
    key(
        "registry.policies-per-group",
        Kind::Number(1, 100),
        "2",
        "policies",
        "Policies that one thing group may have attached.",
    ),
    key(
        "registry.policy-versions",
        Kind::Number(2, 100),
        "5",
        "versions",
        "Versions that one policy may have.",
    ),
    key(
        "shadow.state-bytes",
        Kind::Bytes(1024, 32 << 10),
        "\"8KiB\"",
        "bytes",
        "The most bytes of state in one device shadow, `desired` and `reported` together as compact JSON, metadata not counted. AWS allows 8 KiB, and on request 30.",
    ),
    key(
        "mqtt.profile",
        Kind::Word(&["aws", "standard"]),
        "\"aws\"",
        "",
        "\"aws\" behaves as AWS IoT Core does; \"standard\" as the OASIS standards describe: QoS 2, retained messages for wildcards, wide limits.",
    ),
    key(
        "mqtt.session-expiry",
        Kind::Duration(60, 7 * DAY),
        "\"1h\"",
        "duration",
        "How long a persistent session of MQTT 3.1.1 outlives its connection, in the profile \"aws\". In \"standard\" it does not end.",
    ),
    key(
        "mqtt.max-session-expiry",
        Kind::Duration(60, 7 * DAY),
        "\"1h\"",
        "duration",
        "The longest Session Expiry Interval an MQTT 5 client gets, in the profile \"aws\".",
    ),
    key(
        "mqtt.queue-messages",
        Kind::Number(1, 10_000_000),
        "10000",
        "messages",
        "Messages kept on disk for one absent or slow persistent session; further ones are dropped and counted.",
    ),
    key(
        "mqtt.queue-bytes",
        Kind::Bytes(1024, 1 << 40),
        "\"16MiB\"",
        "bytes",
        "Payload bytes of the messages kept for one absent or slow persistent session.",
    ),
    key(
        "mqtt.mailbox-messages",
        Kind::Number(1, 1_000_000),
        "1000",
        "messages",
        "Messages that wait in memory for one connection. Above it QoS 0 is dropped and counted; QoS 1 goes to disk if the session is persistent, otherwise it is dropped too.",
    ),
    key(
        "mqtt.mailbox-bytes",
        Kind::Bytes(1024, 1 << 32),
        "\"8MiB\"",
        "bytes",
        "Payload bytes of the messages that wait in memory for one connection.",
    ),
    key(
        "mqtt.retained-messages",
        Kind::Number(0, 100_000_000),
        "500000",
        "messages",
        "Retained messages per account and region. They are held in memory as well as on disk.",
    ),
    key(
        "mqtt.retained-bytes",
        Kind::Bytes(0, 1 << 40),
        "\"256MiB\"",
        "bytes",
        "Bytes of retained messages per account and region: topics, payloads and properties.",
    ),
    key(
        "mqtt.receive-maximum",
        Kind::Number(1, 65_535),
        "100",
        "messages",
        "QoS 1 messages that may be unacknowledged at once on a connection, each way, in the profile \"aws\".",
    ),
    key(
        "mqtt.v3-publish-denied",
        Kind::Word(&["close", "answer"]),
        "\"close\"",
        "",
        "When a policy denies a PUBLISH of MQTT 3.1.1: close the connection as AWS does, or acknowledge and drop.",
    ),
    key(
        "mqtt.v3-subscribe-denied",
        Kind::Word(&["close", "answer"]),
        "\"close\"",
        "",
        "When a policy denies a SUBSCRIBE of MQTT 3.1.1: close the connection as AWS does, or answer with SUBACK 0x80.",
    ),
    key(
        "limits.max-connections",
        Kind::Number(1, 10_000_000),
        "20000",
        "connections",
        "Connections of all listeners together.",
    ),
    key(
        "limits.connections-per-address",
        Kind::Number(1, 10_000_000),
        "2000",
        "connections",
        "Connections from one IP address (one /64 in IPv6).",
    ),
    key(
        "limits.header-bytes",
        Kind::Bytes(8192, 1 << 20),
        "\"32KiB\"",
        "bytes",
        "Request line and headers of an API request.",
    ),
    key(
        "limits.upgrade-bytes",
        Kind::Bytes(512, 65_536),
        "\"4KiB\"",
        "bytes",
        "Request line and headers of a tunnel upgrade. AWS's limit is 4096.",
    ),
    key("limits.body-bytes", Kind::Bytes(1024, 1 << 30), "\"1MiB\"", "bytes", "Body of an API request."),
    key(
        "limits.handshake-timeout",
        Kind::Duration(1, 300),
        "\"20s\"",
        "duration",
        "Time a client has for its TLS handshake.",
    ),
    key(
        "limits.handshakes-per-core",
        Kind::Number(1, 65_536),
        "512",
        "handshakes",
        "TLS handshakes under way per core. More wait; when all are taken, one that has not ended after half a second gives way.",
    ),
    key(
        "limits.header-timeout",
        Kind::Duration(1, 3600),
        "\"30s\"",
        "duration",
        "Time a client has to send a request head; also how long a connection may stay idle between requests.",
    ),
    key(
        "limits.request-timeout",
        Kind::Duration(1, 3600),
        "\"30s\"",
        "duration",
        "Time from request head to answer, body included.",
    ),
    key(
        "audit.retention",
        Kind::Duration(3600, 3650 * DAY),
        "\"90d\"",
        "duration",
        "How long audit rows are kept in the database.",
    ),
    key(
        "timeline.retention",
        Kind::Duration(60, 3650 * DAY),
        "\"30d\"",
        "duration",
        "How long the events of a thing (connected, disconnected, refused, provisioned) are kept in the database.",
    ),
    key(
        "timeline.events-per-thing",
        Kind::Number(0, 100_000),
        "500",
        "rows",
        "Rows that a thing's timeline holds. A quarter are for connects, a quarter for disconnects, the rest for refusals and provisioning, so that a device in a loop does not push out everything else; of each kind the newest stay. A refusal that repeats is one row. 0 turns timelines off.",
    ),
    key(
        "shutdown.drain",
        Kind::Duration(0, DAY),
        "\"30s\"",
        "duration",
        "After SIGTERM no tunnel is opened or joined; those connected may go on for this long.",
    ),
    key(
        "test.any-account-secret-file",
        Kind::Path,
        "\"\"",
        "path",
        "For test use only. File with one secret; with it every 12-digit access key id is accepted as its own account. Anyone who knows the secret owns every account.",
    ),
    key(
        "test.any-account-secret",
        Kind::Secret,
        "\"\"",
        "",
        "That secret itself, from ADIT__TEST__ANY_ACCOUNT_SECRET only.",
    ),
    key(
        "test.plain-mqtt",
        Kind::Bool,
        "false",
        "",
        "For test use only. Allows a [[listen]] with tls = false and serve = [\"mqtt\"], whose clients need no certificate and may do everything in the account and region of this file.",
    ),
];

/// The key of that dotted name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.name == name)
}

/// The known name closest to a misspelt one, if any is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    let last = |s: &str| s.rsplit('.').next().unwrap_or_default().to_owned();
    KEYS.iter()
        .map(|k| (distance(k.name, name).min(distance(&last(k.name), &last(name)) + 1), k.name))
        .min()
        .filter(|(d, _)| *d <= 2 + name.len() / 4)
        .map(|(_, n)| n)
}

/// Letters to insert, remove or change to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let keep = row.get(j).copied().unwrap_or(0) + usize::from(ca != *cb);
            let remove = row.get(j + 1).copied().unwrap_or(0) + 1;
            let insert = next.last().copied().unwrap_or(0) + 1;
            next.push(keep.min(remove).min(insert));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
