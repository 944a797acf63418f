//! The whole configuration: one TOML file, every key optional, unknown keys refused.
//!
//! Each key is written down once, in [`keys::KEYS`]: its kind, default, unit and meaning. Loading, the
//! commented default file, `adit config explain` and `docs/config.md` are all made from that list.

mod check;
mod keys;
mod load;
mod print;
mod problems;
mod units;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use keys::{KEYS, Key, Kind};
pub use load::Problem;
pub use print::{default_toml, explain, reference};
pub(crate) use units::show_duration;
pub use units::{ByteSize, HookRoute, Secret};

/// Everything an operator can set. A value that exists is valid; questions across keys are answered by
/// [`Config::problems`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The AWS region this server answers for.
    pub region: String,
    /// The account of the root access key, 12 digits.
    pub account: String,
    /// Further DNS names and addresses in the server certificate.
    pub names: Vec<String>,
    /// What clients are told about how to reach this server.
    pub endpoint: Endpoint,
    /// Who this node is and where it keeps things.
    pub node: Node,
    /// Where it listens.
    pub listen: Vec<Listen>,
    /// The metrics page.
    pub metrics: Metrics,
    /// What is logged, and how.
    pub log: Log,
    /// Certificates and versions of TLS.
    pub tls: Tls,
    /// Which host names TLS clients may ask for.
    pub sni: Sni,
    /// How device certificates are judged.
    pub certificate: Certificate,
    /// Devices that come in by themselves.
    pub jitp: Jitp,
    /// Devices that finish their provisioning over MQTT.
    pub provisioning: Provisioning,
    /// Secure tunneling.
    pub tunnel: Tunnel,
    /// Things, their types and groups.
    pub registry: Registry,
    /// Device shadows.
    pub shadow: Shadow,
    /// The device gateway.
    pub mqtt: Mqtt,
    /// What one peer, and all peers together, may use.
    pub limits: Limits,
    /// The audit log.
    pub audit: Audit,
    /// What happened to the devices of things.
    pub timeline: Timeline,
    /// How the server ends.
    pub shutdown: Shutdown,
    /// Switches for test use only.
    pub test: Test,
}

/// `[endpoint]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Endpoint {
    /// The host that DescribeEndpoint answers; empty: see `domain`.
    pub host: String,
    /// The domain in which every account and region has host names of its own; empty: none.
    pub domain: String,
}

/// `[node]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Node {
    /// Name of this node in logs and audit rows.
    pub name: String,
    /// Folder of the database, keys and certificates.
    pub data_dir: PathBuf,
}

/// One `[[listen]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Listen {
    /// Address and port; port 0 takes any free one.
    pub address: SocketAddr,
    /// TLS with the server certificate, or plain HTTP (plain MQTT for tests).
    pub tls: bool,
    /// What is served here.
    pub serve: Vec<Serve>,
    /// Allows plain HTTP on an address others can reach.
    pub allow_plain_remote: bool,
}

/// What a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Serve {
    /// The AWS API.
    Api,
    /// Tunnel data, `/tunnel`.
    Tunnel,
    /// MQTT with a client certificate.
    Mqtt,
    /// MQTT over WebSocket, `/mqtt`.
    MqttWs,
    /// The HTTPS data API, with a client certificate or signed.
    DataApi,
    /// The web console, `/`.
    Console,
}

impl Serve {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Tunnel => "tunnel",
            Self::Mqtt => "mqtt",
            Self::MqttWs => "mqtt-ws",
            Self::DataApi => "data-api",
            Self::Console => "console",
        }
    }
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Metrics {
    /// Where `/metrics` is served; `None` when switched off.
    #[serde(with = "units::address_or_off")]
    pub address: Option<SocketAddr>,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Log {
    /// How a line is written.
    pub format: LogFormat,
    /// A level, or `tracing` directives such as `info,adit_server::net=debug`.
    pub level: String,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[tls]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate chain, leaf first.
    #[serde(with = "units::path_or_empty")]
    pub certificate_file: Option<PathBuf>,
    /// PEM file with its private key.
    #[serde(with = "units::path_or_empty")]
    pub key_file: Option<PathBuf>,
    /// PEM file with a second chain, of another kind of key.
    #[serde(with = "units::path_or_empty")]
    pub alternate_certificate_file: Option<PathBuf>,
    /// PEM file with the private key of the second chain.
    #[serde(with = "units::path_or_empty")]
    pub alternate_key_file: Option<PathBuf>,
    /// Versions that are spoken.
    pub versions: Vec<TlsVersion>,
    /// Whether sessions are resumed.
    pub resumption: Resumption,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// How TLS sessions are resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resumption {
    /// Not at all.
    Off,
    /// By sessions kept here.
    Stateful,
    /// By tickets that clients keep.
    Tickets,
}

/// `[sni]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sni {
    /// A client that names no host.
    pub missing: SniMissing,
    /// A client that names a host we are not.
    pub unknown: SniUnknown,
}

/// What happens to a client that names no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SniMissing {
    /// It is served.
    Accept,
    /// It is refused.
    Reject,
}

/// What happens to a client that names an unknown host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SniUnknown {
    /// It is refused if `names` holds a DNS name.
    Auto,
    /// It is served.
    DefaultEndpoint,
    /// It is refused.
    Reject,
}

/// `[certificate]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Certificate {
    /// Whether the validity dates count.
    pub check_validity: bool,
}

/// `[jitp]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Jitp {
    /// What becomes of the connection that brought a device to be provisioned.
    pub first_connection: FirstConnection,
}

/// What becomes of the connection that brought a device to be provisioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstConnection {
    /// It is closed, as AWS does; the device comes back and is let in.
    Drop,
    /// It goes on.
    Accept,
}

/// `[provisioning]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Provisioning {
    /// Where the functions are that templates name as pre-provisioning hooks.
    pub hooks: Vec<HookRoute>,
}

impl Provisioning {
    /// The route of the function with that ARN.
    #[must_use]
    pub fn hook(&self, target_arn: &str) -> Option<&HookRoute> {
        self.hooks.iter().find(|route| route.target_arn == target_arn)
    }
}

/// `[tunnel]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tunnel {
    /// Bytes a second towards AWS's local proxy and unknown clients, per tunnel and direction; 0 is off.
    pub pace: ByteSize,
    /// The same towards adit's own clients.
    pub pace_own: ByteSize,
    /// A side silent for this long is dropped.
    #[serde(with = "units::duration")]
    pub idle_timeout: Duration,
    /// How long a closed tunnel stays visible.
    #[serde(with = "units::duration")]
    pub retention: Duration,
    /// The longest lifetime a tunnel can be given.
    #[serde(with = "units::duration")]
    pub max_lifetime: Duration,
    /// Services one tunnel may name.
    pub services_per_tunnel: u32,
    /// Open tunnels per account and region.
    pub max_open_tunnels: u32,
    /// Upgrades a second that one account may make; 0 is off.
    pub connection_rate: u32,
}

/// `[registry]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Registry {
    /// How long a thing type must have been deprecated before it can be deleted; zero: it need not be.
    #[serde(with = "units::duration")]
    pub thing_type_delete_wait: Duration,
    /// Policies that a certificate or Cognito identity may have attached.
    pub policies_per_principal: u32,
    /// Policies that a thing group may have attached.
    pub policies_per_group: u32,
    /// Versions that a policy may have.
    pub policy_versions: u32,
}

/// `[shadow]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Shadow {
    /// The most bytes of state in a shadow.
    pub state_bytes: ByteSize,
}

/// `[mqtt]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mqtt {
    /// Whose behaviour the gateway shows.
    pub profile: MqttProfile,
    /// How long a 3.1.1 session outlives its connection.
    #[serde(with = "units::duration")]
    pub session_expiry: Duration,
    /// The longest time a 5.0 session may outlive its connection.
    #[serde(with = "units::duration")]
    pub max_session_expiry: Duration,
    /// Messages kept for an absent session.
    pub queue_messages: u32,
    /// Bytes kept for an absent session.
    pub queue_bytes: ByteSize,
    /// Messages that wait in memory for one connection.
    pub mailbox_messages: u32,
    /// Bytes that wait in memory for one connection.
    pub mailbox_bytes: ByteSize,
    /// Retained messages per account and region.
    pub retained_messages: u32,
    /// Bytes of them.
    pub retained_bytes: ByteSize,
    /// QoS 1 and 2 messages unacknowledged at once, each way.
    pub receive_maximum: u32,
    /// What a 3.1.1 client gets for a PUBLISH that its policies deny.
    pub v3_publish_denied: MqttDenied,
    /// What a 3.1.1 client gets for a SUBSCRIBE that its policies deny.
    pub v3_subscribe_denied: MqttDenied,
}

/// Whose behaviour the gateway shows. spec: mqtt-gateway, head
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MqttProfile {
    /// AWS IoT Core's.
    Aws,
    /// The OASIS standards'.
    Standard,
}

/// What a 3.1.1 client gets when a policy denies. spec: mqtt-gateway §4.2, §5.2
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MqttDenied {
    /// The connection is closed.
    Close,
    /// An acknowledgement: the publish is dropped, the subscription refused.
    Answer,
}

impl Mqtt {
    /// The settings of the protocol: the profile's, with what is set here.
    #[must_use]
    pub fn settings(&self) -> adit_mqtt::Settings {
        use adit_mqtt::settings::{Denied, Settings};
        let seconds = |d: Duration| u32::try_from(d.as_secs()).unwrap_or(u32::MAX);
        let denied = |what, profile| match what {
            MqttDenied::Close => profile,
            MqttDenied::Answer => Denied::CarryOn,
        };
        let window = u16::try_from(self.receive_maximum).unwrap_or(u16::MAX);
        let profile = match self.profile {
            MqttProfile::Aws => Settings {
                session_expiry_default: seconds(self.session_expiry),
                session_expiry_max: seconds(self.max_session_expiry),
                receive_maximum: window,
                send_maximum: window,
                ..Settings::aws()
            },
            MqttProfile::Standard => Settings::standard(),
        };
        Settings {
            v4_publish_denied: denied(self.v3_publish_denied, profile.v4_publish_denied),
            v4_subscribe_denied: denied(self.v3_subscribe_denied, profile.v4_subscribe_denied),
            queue_messages: self.queue_messages as usize,
            queue_bytes: self.queue_bytes.as_usize(),
            mailbox_messages: self.mailbox_messages as usize,
            mailbox_bytes: self.mailbox_bytes.as_usize(),
            ..profile
        }
    }
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limits {
    /// Connections in total.
    pub max_connections: u32,
    /// Connections from one address.
    pub connections_per_address: u32,
    /// Request line and headers of an API request.
    pub header_bytes: ByteSize,
    /// Request line and headers of a tunnel upgrade.
    pub upgrade_bytes: ByteSize,
    /// Body of an API request.
    pub body_bytes: ByteSize,
    /// Time for a TLS handshake.
    #[serde(with = "units::duration")]
    pub handshake_timeout: Duration,
    /// TLS handshakes under way per core.
    pub handshakes_per_core: u32,
    /// Time to send a request head, and to stay idle between requests.
    #[serde(with = "units::duration")]
    pub header_timeout: Duration,
    /// Time from request head to answer.
    #[serde(with = "units::duration")]
    pub request_timeout: Duration,
}

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Audit {
    /// How long rows are kept.
    #[serde(with = "units::duration")]
    pub retention: Duration,
}

/// `[timeline]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Timeline {
    /// How long events are kept.
    #[serde(with = "units::duration")]
    pub retention: Duration,
    /// Rows a thing keeps; 0: none is kept.
    pub events_per_thing: u32,
}

/// `[shutdown]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Shutdown {
    /// How long tunnels may go on after the signal to stop.
    #[serde(with = "units::duration")]
    pub drain: Duration,
}

/// `[test]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Test {
    /// File with the one secret of all 12-digit access key ids.
    #[serde(with = "units::path_or_empty")]
    pub any_account_secret_file: Option<PathBuf>,
    /// That secret itself; from the environment only.
    pub any_account_secret: Secret,
    /// Whether a listener may serve MQTT without TLS and without asking who is there.
    pub plain_mqtt: bool,
}
