//! How a message is printed.

use crate::out::clean;
use adit_device::mqtt::Received;
use serde_json::{Map, Value, json};

/// Forms of messages on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// The payload as it is, and a line end.
    Text,
    /// One JSON object a line: topic, payload (text) or payloadBase64, qos, retain, and the properties of MQTT 5.
    Json,
    /// The payload in hexadecimal digits.
    Hex,
}

/// A message as bytes of stdout. On a terminal, orders to it in a payload are made harmless.
pub fn shown(received: &Received, form: Form, has_topic: bool, is_terminal: bool) -> Vec<u8> {
    let (topic, payload) = (&received.message.topic, &received.message.payload);
    let mut line = match (form, has_topic) {
        (Form::Text | Form::Hex, true) => format!("{} ", clean(topic)).into_bytes(),
        _ => Vec::new(),
    };
    match form {
        Form::Json => line.extend(object(received).to_string().into_bytes()),
        Form::Hex => line.extend(payload.iter().flat_map(|byte| format!("{byte:02x}").into_bytes())),
        Form::Text if is_terminal => {
            let text = String::from_utf8_lossy(payload);
            let text: Vec<String> = text.split('\n').map(clean_but_tabs).collect();
            line.extend(text.join("\n").into_bytes());
        }
        Form::Text => line.extend_from_slice(payload),
    }
    line.push(b'\n');
    line
}

fn clean_but_tabs(line: &str) -> String {
    line.split('\t').map(clean).collect::<Vec<_>>().join("\t")
}

fn object(received: &Received) -> Value {
    let message = &received.message;
    let view = message.properties.view();
    let (name, payload) = match std::str::from_utf8(&message.payload) {
        Ok(text) => ("payload", json!(text)),
        Err(_) => ("payloadBase64", adit_aws::blob(&message.payload)),
    };
    let user: Map<String, Value> =
        view.user_properties().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let given = [
        ("topic", json!(&*message.topic)),
        (name, payload),
        ("qos", json!(message.qos.level())),
        ("retain", json!(message.retain)),
        ("duplicate", if received.dup { json!(true) } else { Value::Null }),
        ("contentType", json!(view.content_type)),
        ("responseTopic", json!(view.response_topic)),
        ("correlationDataBase64", view.correlation_data.map_or(Value::Null, adit_aws::blob)),
        ("userProperties", if user.is_empty() { Value::Null } else { user.into() }),
    ];
    crate::api::members(given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_device::mqtt::{PropertiesBuilder, QoS, message};

    fn received(payload: &[u8]) -> Received {
        let mut message = message("a/b", payload, QoS::AtLeastOnce);
        message.properties =
            PropertiesBuilder::new().content_type("t").user_property("k", "v").build().unwrap();
        Received { message, dup: false, subscription_ids: Vec::new() }
    }

    fn text(payload: &[u8], form: Form, has_topic: bool, is_terminal: bool) -> String {
        String::from_utf8(shown(&received(payload), form, has_topic, is_terminal)).unwrap()
    }

    #[test]
    fn a_payload_is_text_json_or_hex() {
        assert_eq!(text(b"on\x1b[2J\n\t.", Form::Text, false, false), "on\u{1b}[2J\n\t.\n");
        assert_eq!(text(b"on\x1b[2J\n\t.", Form::Text, true, true), "a/b on\u{fffd}[2J\n\t.\n");
        assert_eq!(text(&[0, 255], Form::Hex, true, false), "a/b 00ff\n");
        assert_eq!(
            text(b"on", Form::Json, true, false),
            "{\"contentType\":\"t\",\"payload\":\"on\",\"qos\":1,\"retain\":false,\"topic\":\"a/b\",\"userProperties\":{\"k\":\"v\"}}\n"
        );
        assert!(text(&[255], Form::Json, false, false).contains(r#""payloadBase64":"/w==""#));
    }
}
