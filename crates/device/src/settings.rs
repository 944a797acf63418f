//! The fine-grained settings JSON of `--settings-json` and `--export-default-settings`.
//! (spec: secure-tunneling §5.6)

use std::collections::BTreeMap;
use std::time::Duration;

use adit_tunnel::{Version, limits};
use serde_json::{Map, Value};

/// What the file can change. Keys about buffer and frame sizes are read and have no effect: ours are fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where a source listens without `-b`.
    pub default_bind_address: String,
    /// Host of a region; `%s` stands for the region.
    pub endpoint_format: String,
    /// Host, or host and port, of single regions.
    pub region_endpoint_overrides: BTreeMap<String, String>,
    /// Bytes of payload in one message, at most [`limits::PAYLOAD`].
    pub max_payload_size: usize,
    /// Tries after the first to reach an application or to listen; `None` for ever.
    pub tcp_retries: Option<u32>,
    /// Time between those tries.
    pub tcp_retry_delay: Duration,
    /// Local connections at once.
    pub max_active_connections: usize,
    /// Time between pings.
    pub ping_period: Duration,
    /// Time between tries to reach the server; the first of them when there is a `retry_cap`.
    pub retry_delay: Duration,
    /// The longest time between tries, which then grows from try to try and is jittered; `None` keeps it as it is.
    pub retry_cap: Option<Duration>,
    /// Silence of the server, pongs included, after which the link counts as dead.
    pub silence: Duration,
    /// Tries after the first to reach the server; `None` for ever.
    pub connect_retries: Option<u32>,
    /// Whether a message that cannot be read leads to a new link instead of the end.
    pub reconnect_on_data_error: bool,
    /// The subprotocol offered.
    pub subprotocol: String,
}

const DEFAULTS: &[(&str, &str)] = &[
    ("default_bind_address", "localhost"),
    ("endpoint_format", "data.tunneling.iot.%s.amazonaws.com"),
    ("region_endpoint_overrides.cn-north-1", "data.tunneling.iot.cn-north-1.amazonaws.com.cn"),
    ("region_endpoint_overrides.cn-northwest-1", "data.tunneling.iot.cn-northwest-1.amazonaws.com.cn"),
    ("message.data_length_size", "2"),
    ("message.max_payload_size", "64512"),
    ("message.max_size", "65536"),
    ("message.data_frame_max_size", "65538"),
    ("tcp.connection_retry_count", "5"),
    ("tcp.connection_retry_delay_ms", "2500"),
    ("tcp.read_buffer_size", "131076"),
    ("tcp.write_buffer_size", "131076"),
    ("tcp.max_active_connections", "128"),
    ("websocket.ping_period_ms", "20000"),
    ("websocket.retry_delay_ms", "2500"),
    ("websocket.connect_retry_count", "-1"),
    ("websocket.reconnect_on_data_error", "true"),
    ("websocket.subprotocol", "aws.iot.securetunneling-3.0"),
    ("websocket.max_frame_size", "131076"),
    ("websocket.read_buffer_size", "131076"),
    ("websocket.write_buffer_size", "131076"),
];

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            default_bind_address: "localhost".to_owned(),
            endpoint_format: "data.tunneling.iot.%s.amazonaws.com".to_owned(),
            region_endpoint_overrides: ["cn-north-1", "cn-northwest-1"]
                .map(|region| (region.to_owned(), format!("data.tunneling.iot.{region}.amazonaws.com.cn")))
                .into(),
            max_payload_size: limits::PAYLOAD,
            tcp_retries: Some(5),
            tcp_retry_delay: Duration::from_millis(2500),
            max_active_connections: 128,
            ping_period: Duration::from_secs(20),
            retry_delay: Duration::from_millis(2500),
            retry_cap: None,
            silence: limits::IDLE,
            connect_retries: None,
            reconnect_on_data_error: true,
            subprotocol: Version::V3.subprotocol().to_owned(),
        }
    }
}

/// The default settings as a JSON file.
pub fn export() -> String {
    let mut proxy = Value::Object(Map::new());
    for (path, value) in DEFAULTS {
        let mut place = &mut proxy;
        for key in path.split('.') {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            let Value::Object(map) = place else { break };
            place = map.entry(key).or_insert(Value::Null);
        }
        *place = Value::String((*value).to_owned());
    }
    let root = serde_json::json!({ "tunneling": { "proxy": proxy } });
    format!("{root:#}\n")
}

/// Reads a settings file over the defaults. Unknown keys are ignored.
///
/// # Errors
/// Text that is not JSON, or a value of the wrong kind, named by its key.
pub fn parse(text: &str) -> Result<Settings, String> {
    let root: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let proxy = root.get("tunneling").and_then(|tunneling| tunneling.get("proxy"));
    let mut settings = Settings::default();
    let file = File(proxy.unwrap_or(&Value::Null));
    file.text("default_bind_address", &mut settings.default_bind_address);
    file.text("endpoint_format", &mut settings.endpoint_format);
    if let Some(Value::Object(overrides)) = file.find("region_endpoint_overrides") {
        for (region, host) in overrides {
            if let Some(host) = host.as_str() {
                settings.region_endpoint_overrides.insert(region.clone(), host.to_owned());
            }
        }
    }
    if let Some(bytes) = file.number("message.max_payload_size", 1..=limits::PAYLOAD as i64)? {
        settings.max_payload_size = bytes as usize;
    }
    file.retries("tcp.connection_retry_count", &mut settings.tcp_retries)?;
    file.millis("tcp.connection_retry_delay_ms", &mut settings.tcp_retry_delay)?;
    if let Some(count) = file.number("tcp.max_active_connections", 1..=65_536)? {
        settings.max_active_connections = count as usize;
    }
    file.millis("websocket.ping_period_ms", &mut settings.ping_period)?;
    file.millis("websocket.retry_delay_ms", &mut settings.retry_delay)?;
    file.retries("websocket.connect_retry_count", &mut settings.connect_retries)?;
    if let Some(value) = file.find("websocket.reconnect_on_data_error") {
        settings.reconnect_on_data_error = match text_of(value).as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            other => return Err(format!("websocket.reconnect_on_data_error is {other}; true or false")),
        };
    }
    file.text("websocket.subprotocol", &mut settings.subprotocol);
    if Version::of_subprotocol(&settings.subprotocol).is_none() {
        return Err(format!(
            "websocket.subprotocol is {}; aws.iot.securetunneling-1.0, -2.0 or -3.0",
            settings.subprotocol
        ));
    }
    Ok(settings)
}

impl Settings {
    /// The server of a region as host or host:port.
    ///
    /// # Errors
    /// `endpoint_format` has no place for the region.
    pub fn endpoint_of(&self, region: &str) -> Result<String, String> {
        if let Some(host) = self.region_endpoint_overrides.get(region) {
            return Ok(host.clone());
        }
        if !self.endpoint_format.contains("%s") {
            return Err(format!("endpoint_format must contain %s: {}", self.endpoint_format));
        }
        Ok(self.endpoint_format.replacen("%s", region, 1))
    }
}

struct File<'a>(&'a Value);

impl<'a> File<'a> {
    fn find(&self, path: &str) -> Option<&'a Value> {
        path.split('.').try_fold(self.0, |place, key| place.get(key))
    }

    fn text(&self, path: &str, into: &mut String) {
        if let Some(Value::String(text)) = self.find(path) {
            into.clone_from(text);
        }
    }

    fn number(&self, path: &str, range: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, String> {
        let Some(value) = self.find(path) else { return Ok(None) };
        let text = text_of(value);
        match text.parse::<i64>() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(format!("{path} is {text}; a number from {} to {}", range.start(), range.end())),
        }
    }

    fn millis(&self, path: &str, into: &mut Duration) -> Result<(), String> {
        if let Some(millis) = self.number(path, 1..=86_400_000)? {
            *into = Duration::from_millis(millis as u64);
        }
        Ok(())
    }

    fn retries(&self, path: &str, into: &mut Option<u32>) -> Result<(), String> {
        if let Some(count) = self.number(path, -1..=i64::from(u32::MAX))? {
            *into = u32::try_from(count).ok();
        }
        Ok(())
    }
}

/// A string as it is, anything else as JSON writes it.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_exported_reads_back_as_the_defaults() {
        assert_eq!(parse(&export()), Ok(Settings::default()));
        let root: Value = serde_json::from_str(&export()).unwrap();
        assert_eq!(root["tunneling"]["proxy"]["websocket"]["ping_period_ms"], "20000");
        assert_eq!(root["tunneling"]["proxy"]["tcp"]["max_active_connections"], "128");
    }

    #[test]
    fn strings_and_numbers_override_and_the_rest_stays() {
        let settings = parse(
            r#"{"tunneling":{"proxy":{
                "region_endpoint_overrides":{"home-1":"localhost:8443"},
                "websocket":{"ping_period_ms":5000,"connect_retry_count":"3","new_key":1},
                "tcp":{"connection_retry_count":"-1"}}}}"#,
        )
        .unwrap();
        assert_eq!(settings.ping_period, Duration::from_secs(5));
        assert_eq!(settings.connect_retries, Some(3));
        assert_eq!(settings.tcp_retries, None);
        assert_eq!(settings.retry_delay, Duration::from_millis(2500));
        assert_eq!(settings.endpoint_of("home-1").unwrap(), "localhost:8443");
        assert_eq!(
            settings.endpoint_of("cn-north-1").unwrap(),
            "data.tunneling.iot.cn-north-1.amazonaws.com.cn"
        );
        assert_eq!(settings.endpoint_of("eu-west-1").unwrap(), "data.tunneling.iot.eu-west-1.amazonaws.com");
    }

    #[test]
    fn wrong_values_are_named() {
        let complaint = |key: &str, value: &str| {
            let (section, name) = key.split_once('.').unwrap();
            parse(&format!(r#"{{"tunneling":{{"proxy":{{"{section}":{{"{name}":{value}}}}}}}}}"#))
                .unwrap_err()
        };
        assert_eq!(
            complaint("message.max_payload_size", "70000"),
            "message.max_payload_size is 70000; a number from 1 to 64512"
        );
        assert!(complaint("websocket.subprotocol", "\"chat\"").contains("chat"));
        assert!(complaint("websocket.ping_period_ms", "\"soon\"").contains("soon"));
        assert!(parse("{").is_err());
        assert_eq!(parse("{}"), Ok(Settings::default()));
        let settings = Settings { endpoint_format: "here".into(), ..Settings::default() };
        assert!(settings.endpoint_of("x").unwrap_err().contains("%s"));
    }
}
