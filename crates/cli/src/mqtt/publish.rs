//! `adit mqtt pub`.

use super::way::{self, Level, Open, WayArgs};
use crate::api::ApiArgs;
use crate::exit::{Failure, Result};
use crate::noun::pair;
use crate::{out, span};
use adit_device::mqtt::{Message, PropertiesBuilder, Reason, message};
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout_at;

/// Bytes of a payload: the gateway's own limit. spec: mqtt-gateway §10
const PAYLOAD: u64 = 128 * 1024;

#[derive(clap::Args)]
pub struct Args {
    topic: String,
    /// The payload; without it that of --file, or what comes from stdin.
    payload: Option<String>,
    /// Take the payload from a file.
    #[arg(short, long, value_name = "FILE", conflicts_with = "payload")]
    file: Option<PathBuf>,
    /// 0: send and forget; 1: wait until the server has it.
    #[arg(short, long, value_enum, default_value = "1")]
    qos: Level,
    /// Let the server keep it for those who subscribe later.
    #[arg(short, long)]
    retain: bool,
    /// MQTT 5: what the payload is, such as application/json.
    #[arg(long, value_name = "TEXT")]
    content_type: Option<String>,
    /// MQTT 5: where an answer is expected.
    #[arg(long, value_name = "TOPIC")]
    response_topic: Option<String>,
    /// MQTT 5: what an answer is to repeat.
    #[arg(long, value_name = "TEXT")]
    correlation_data: Option<String>,
    /// MQTT 5: a name and a value.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    user_property: Vec<(String, String)>,
    /// MQTT 5: say that the payload is UTF-8 text.
    #[arg(long)]
    text: bool,
    /// MQTT 5: after this time nobody wants it any more.
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    expiry: Option<Duration>,
    #[command(flatten)]
    way: WayArgs,
    #[command(flatten)]
    api: ApiArgs,
}

pub async fn run(args: &Args) -> Result {
    let message = args.message(args.payload()?)?;
    let Open { mut link, client_id, deadline } = way::open(&args.way, &args.api).await?;
    let published = link.publish(message);
    let outcome = match deadline {
        Some(end) => timeout_at(end, published).await.map_err(|_| {
            Failure::timeout("the server did not acknowledge the message in time")
                .next("give it more time with --timeout")
        })?,
        None => published.await,
    };
    let reason = outcome.map_err(|broken| way::ended(&broken, &args.topic, &client_id))?;
    if reason.is_error() {
        let text = format!("{} was refused: {}", args.topic, reason.text());
        let failure = Failure::new(way::code_of(reason), text);
        return Err(
            failure.next(format!("on adit, `adit why --client-id {client_id}` says which policy is missing"))
        );
    }
    if reason == Reason::NoMatchingSubscribers {
        out::talk("Nobody subscribes to that topic.");
    }
    link.disconnect().await;
    Ok(())
}

impl Args {
    fn payload(&self) -> Result<Vec<u8>> {
        match (&self.payload, &self.file) {
            (Some(text), _) => Ok(text.clone().into_bytes()),
            (None, Some(path)) => {
                let file = std::fs::File::open(path).map_err(|error| unread(path, &error))?;
                read(file, path)
            }
            (None, None) if std::io::stdin().is_terminal() => Err(Failure::usage("there is no payload")
                .next("give it behind the topic (\"\" for none), by --file, or on stdin")),
            (None, None) => read(std::io::stdin().lock(), Path::new("stdin")),
        }
    }

    fn message(&self, payload: Vec<u8>) -> Result<Message> {
        let mut properties = PropertiesBuilder::new();
        if self.text {
            properties = properties.payload_is_text(true);
        }
        if let Some(text) = &self.content_type {
            properties = properties.content_type(text);
        }
        if let Some(topic) = &self.response_topic {
            properties = properties.response_topic(topic);
        }
        if let Some(text) = &self.correlation_data {
            properties = properties.correlation_data(text.as_bytes());
        }
        for (name, value) in &self.user_property {
            properties = properties.user_property(name, value);
        }
        let properties = properties.build().map_err(|misdeed| Failure::usage(misdeed.to_string()))?;
        if self.topic.is_empty() || self.topic.contains(['+', '#', '\0']) {
            return Err(Failure::usage(format!(
                "{:?} is no topic: it must not be empty, nor hold + or #",
                self.topic
            )));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let end = self.expiry.map(|expiry| u64::try_from((now + expiry).as_millis()).unwrap_or(u64::MAX));
        Ok(Message {
            retain: self.retain,
            properties,
            expires_at: end,
            ..message(&self.topic, &payload, self.qos.into())
        })
    }
}

fn unread(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
}

fn read(from: impl Read, path: &Path) -> Result<Vec<u8>> {
    let mut payload = Vec::new();
    from.take(PAYLOAD + 1).read_to_end(&mut payload).map_err(|error| unread(path, &error))?;
    if payload.len() as u64 > PAYLOAD {
        return Err(unread(path, &format_args!("longer than the {PAYLOAD} bytes that a message may have")));
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn options_become_properties() {
        let line = [
            "x",
            "a/b",
            "on",
            "--retain",
            "--content-type",
            "text/plain",
            "--response-topic",
            "r",
            "--correlation-data",
            "c",
            "--user-property",
            "k=v",
            "--text",
            "--expiry",
            "1h",
        ];
        let args = Line::parse_from(line).args;
        let message = args.message(args.payload().unwrap()).unwrap();
        let view = message.properties.view();
        assert_eq!((&*message.topic, &*message.payload, message.retain), ("a/b", &b"on"[..], true));
        assert_eq!((view.content_type, view.response_topic), (Some("text/plain"), Some("r")));
        assert_eq!((view.correlation_data, view.payload_is_text), (Some(&b"c"[..]), Some(true)));
        assert_eq!(view.user_properties().collect::<Vec<_>>(), [("k", "v")]);
        assert!(message.expires_at.is_some());
    }

    #[test]
    fn a_wildcard_is_no_topic() {
        let args = Line::parse_from(["x", "a/#", "on"]).args;
        assert!(args.message(Vec::new()).unwrap_err().to_string().contains("no topic"));
    }

    #[test]
    fn a_payload_is_bounded() {
        let long = vec![b'x'; 128 * 1024 + 1];
        assert!(read(&long[..], Path::new("f")).unwrap_err().to_string().contains("131072"));
        assert_eq!(read(&long[1..], Path::new("f")).unwrap().len(), 131_072);
    }
}
