//! What a tunnel notification asks for, and whether it is done. spec: secure-tunneling §3, §6.5
//!
//! Nothing of a notification is ever run: it names services, and the configuration says what they are.

use std::collections::VecDeque;
use std::fmt;

use adit_tunnel::limits;
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use super::config::Services;
use crate::input;

/// Tokens that are remembered, so that a notification that comes again opens nothing again.
const SEEN: usize = 256;

/// Letters of a stranger's text that are shown.
const SHOWN: usize = 64;

/// The topic on which a thing is told of tunnels.
pub fn topic(thing: &str) -> String {
    format!("$aws/things/{thing}/tunnels/notify")
}

/// A tunnel to open.
#[derive(Clone, PartialEq, Eq)]
pub struct Notice {
    /// The client access token. Never logged.
    pub access_token: String,
    /// The region whose tunnel endpoint takes it.
    pub region: String,
    /// The services, each known here; at least one.
    pub services: Vec<String>,
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notice({} in {})", self.services.join(", "), self.region)
    }
}

/// What becomes of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Open this tunnel.
    Open(Notice),
    /// It came before: MQTT delivers at least once.
    Duplicate,
    /// Nothing is opened.
    Refused(Refusal),
}

/// Why no tunnel is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The services that were asked for, as far as they could be read.
    pub services: Vec<String>,
    /// One line: what was wrong.
    pub reason: String,
}

/// Hashes of the tokens that came last.
#[derive(Debug, Default)]
pub struct Memory(VecDeque<[u8; 32]>);

impl Memory {
    /// Notes a token; whether it is new.
    pub fn note(&mut self, access_token: &str) -> bool {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, access_token.as_bytes()).as_ref());
        if self.0.contains(&hash) {
            return false;
        }
        if self.0.len() >= SEEN {
            self.0.pop_front();
        }
        self.0.push_back(hash);
        true
    }
}

/// Reads a notification. A token counts as seen when its notification could be read, also if it is refused: the same
/// words will be refused again.
pub fn judge(payload: &[u8], services: &Services, memory: &mut Memory) -> Verdict {
    let notice = match read(payload) {
        Ok(notice) => notice,
        Err(reason) => return Verdict::Refused(Refusal { services: Vec::new(), reason }),
    };
    if !memory.note(&notice.access_token) {
        return Verdict::Duplicate;
    }
    match notice.services.iter().find(|id| services.target(id).is_none()) {
        None => Verdict::Open(notice),
        Some(unknown) => {
            let reason =
                format!("the service {unknown} is not offered here; offered are: {}", services.names());
            Verdict::Refused(Refusal { services: notice.services, reason })
        }
    }
}

/// # Errors
/// What is wrong, on one line.
fn read(payload: &[u8]) -> Result<Notice, String> {
    let value: Value = serde_json::from_slice(payload).map_err(|_| "the notification is not JSON")?;
    let member = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let mode = member("clientMode");
    if mode != "destination" {
        return Err(format!("clientMode is \"{}\"; a device is a destination", shown(mode)));
    }
    let access_token = member("clientAccessToken");
    input::access_token(access_token)
        .map_err(|rejected| format!("clientAccessToken: {}", rejected.message))?;
    let region = member("region");
    input::region(region).map_err(|rejected| format!("region: {}", rejected.message))?;
    let Some(list) = value.get("services").and_then(Value::as_array).filter(|list| !list.is_empty()) else {
        return Err("no service is requested".to_owned());
    };
    if list.len() > limits::SERVICES {
        return Err(format!("{} services are requested; at most {}", list.len(), limits::SERVICES));
    }
    let mut services: Vec<String> = Vec::new();
    for id in list {
        let id = id.as_str().filter(|id| !id.is_empty() && input::service_id(id).is_ok());
        let id = id.ok_or("a service id is not 1 to 128 letters, digits, hyphens and underscores")?;
        if !services.iter().any(|known| known == id) {
            services.push(id.to_owned());
        }
    }
    Ok(Notice { access_token: access_token.to_owned(), region: region.to_owned(), services })
}

/// A stranger's text for one line.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::*;

    fn services() -> Services {
        Config::parse("endpoint = \"a\"\n[services]\nVNC = \"off\"").unwrap().services
    }

    fn notification(token: &str, services: &str) -> String {
        format!(
            r#"{{"clientAccessToken":"{token}","clientMode":"destination","region":"us-east-1","services":{services}}}"#
        )
    }

    fn refused(payload: &str) -> String {
        match judge(payload.as_bytes(), &services(), &mut Memory::default()) {
            Verdict::Refused(refusal) => refusal.reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_notification_of_known_services_opens_a_tunnel() {
        let mut memory = Memory::default();
        let payload = notification("AQGA-1", r#"["SSH","HTTP","SSH"]"#);
        let Verdict::Open(notice) = judge(payload.as_bytes(), &services(), &mut memory) else { panic!() };
        assert_eq!((notice.access_token.as_str(), notice.region.as_str()), ("AQGA-1", "us-east-1"));
        assert_eq!(notice.services, ["SSH", "HTTP"]);
        assert!(!format!("{notice:?}").contains("AQGA"), "a token is never shown");
        assert_eq!(judge(payload.as_bytes(), &services(), &mut memory), Verdict::Duplicate);
        let rotated = notification("AQGA-2", r#"["SSH","HTTP"]"#);
        assert!(matches!(judge(rotated.as_bytes(), &services(), &mut memory), Verdict::Open(_)));
    }

    #[test]
    fn what_is_refused_says_why() {
        assert_eq!(
            refused(&notification("t", r#"["SSH","VNC"]"#)),
            "the service VNC is not offered here; offered are: FTP, HTTP, HTTPS, SSH"
        );
        assert_eq!(refused(&notification("t", "[]")), "no service is requested");
        assert_eq!(refused(&notification("t", "\"SSH\"")), "no service is requested");
        assert_eq!(
            refused(&notification("", r#"["SSH"]"#)),
            "clientAccessToken: Access token cannot be empty"
        );
        assert!(refused(&notification("a\\r\\nX: y", r#"["SSH"]"#)).contains("control characters"));
        assert!(refused(&notification("t", r#"["a b"]"#)).contains("service id"));
        assert!(refused(&notification("t", "[7]")).contains("service id"));
        assert!(refused("no").contains("not JSON"));
        assert!(refused(&"[".repeat(100_000)).contains("not JSON"));
        let source = notification("t", r#"["SSH"]"#).replace("destination", "sou\\nrce");
        assert_eq!(refused(&source), "clientMode is \"sou?rce\"; a device is a destination");
        assert!(
            refused(&notification("t", r#"["SSH"]"#).replace("us-east-1", "a/b")).starts_with("region: ")
        );
        let many = format!("[{}]", vec!["\"SSH\""; 100].join(","));
        assert_eq!(refused(&notification("t", &many)), "100 services are requested; at most 64");
    }

    #[test]
    fn a_refusal_knows_what_was_asked_for() {
        let payload = notification("t", r#"["SSH","X"]"#);
        let mut memory = Memory::default();
        let Verdict::Refused(refusal) = judge(payload.as_bytes(), &services(), &mut memory) else { panic!() };
        assert_eq!(refusal.services, ["SSH", "X"]);
        assert_eq!(judge(payload.as_bytes(), &services(), &mut memory), Verdict::Duplicate);
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_the_oldest() {
        let mut memory = Memory::default();
        assert!((0..=SEEN).all(|number| memory.note(&number.to_string())));
        assert_eq!(memory.0.len(), SEEN);
        assert!(memory.note("0"), "the oldest is forgotten");
        assert!(!memory.note("5"));
    }
}
