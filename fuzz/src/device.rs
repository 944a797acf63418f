//! What a device reads from outside: certificates, and the answers in which it is provisioned.

use std::collections::BTreeMap;

use adit_device::agent::config::Config;
use adit_device::agent::notify::{Memory, Verdict, judge};
use adit_device::agent::provision::{ANSWER, Machine, Outcome, Pending};
use adit_device::agent::{identity, x509};

/// A key that is nobody's; certificates of the corpus are for it.
const KEY: &str = include_str!("device.pem");

/// A certificate is read or not. One that is read has its key in it, and not one byte less is enough.
pub fn device_x509(data: &[u8]) {
    let Some(facts) = x509::read(data) else { return };
    assert_eq!(data.first(), Some(&0x30), "a certificate is a SEQUENCE");
    assert!(data.windows(facts.public_key.len()).any(|bytes| bytes == facts.public_key));
    assert!(x509::read(data.get(..data.len() - 1).unwrap_or_default()).is_none());
}

/// The first byte says of which question this is the answer, or that it is what was kept.
pub fn provision_answer(data: &[u8]) {
    let Some((kind, payload)) = data.split_first() else { return };
    if kind & 4 != 0 {
        kept(payload);
        return;
    }
    let pending = Pending { key_pem: KEY.to_owned(), issued: None };
    let Some(mut machine) = Machine::new("t", BTreeMap::new(), pending) else {
        panic!("the key is one");
    };
    if kind & 1 != 0 {
        // As far as the second question, with the first file of the corpus.
        let issued = include_bytes!("../corpus/provision_answer/issued");
        answer(&mut machine, issued.get(1..).unwrap_or_default(), "/accepted");
    }
    answer(&mut machine, payload, if kind & 2 != 0 { "/rejected" } else { "/accepted" });
}

fn answer(machine: &mut Machine, payload: &[u8], ending: &str) {
    let Some(before) = machine.question() else { return };
    let outcome = machine.answer(&format!("{}{ending}", before.topic), payload);
    let after = machine.question();
    match outcome {
        Outcome::Issued | Outcome::Over => {
            assert!(after.is_some_and(|after| after.topic != before.topic));
            assert!(
                Pending::of_text(machine.pending().to_text().as_bytes()).as_ref() == Some(machine.pending())
            );
        }
        Outcome::Done(provisioned) => {
            assert!(after.is_none());
            assert!(provisioned.thing_name.iter().all(|name| identity::is_thing_name(name)));
            assert!(machine.identity(&provisioned).is_some());
        }
        Outcome::Refused(refusal) => {
            assert!(!refusal.to_string().contains(char::is_control) && refusal.to_string().len() < 8192);
            assert_eq!(after, Some(before));
        }
        Outcome::Malformed(_) => assert_eq!(after, Some(before)),
        Outcome::Ignored => assert!(payload.len() > ANSWER || after == Some(before)),
    }
}

/// What was kept is gone on from only if it is whole.
fn kept(text: &[u8]) {
    if let Some(pending) = Pending::of_text(text) {
        assert!(Pending::of_text(pending.to_text().as_bytes()) == Some(pending.clone()));
        assert!(Machine::new("t", BTreeMap::new(), pending).is_some());
    }
}

/// A notification opens only what is offered, once, with a token and a region that are safe in a header and a name.
pub fn agent_notify(data: &[u8]) {
    let Ok(config) = Config::parse("endpoint = \"a\"") else { panic!("a configuration") };
    let mut memory = Memory::default();
    match judge(data, &config.services, &mut memory) {
        Verdict::Open(notice) => {
            assert!(!notice.services.is_empty());
            assert!(notice.services.iter().all(|id| config.services.target(id).is_some()));
            assert!(notice.access_token.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            assert!(notice.region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
            assert!(!format!("{notice:?}").contains(&notice.access_token) || notice.access_token.len() < 8);
            assert_eq!(judge(data, &config.services, &mut memory), Verdict::Duplicate);
        }
        Verdict::Refused(refusal) => {
            assert!(!refusal.reason.is_empty() && !refusal.reason.contains(char::is_control));
            assert!(refusal.reason.len() < 1024);
        }
        Verdict::Duplicate => panic!("nothing was seen before"),
    }
}

/// A configuration that is taken can be printed and read again; one that is not says why.
pub fn agent_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::parse(text) {
        Ok(config) => {
            if config.http_proxy.as_ref().is_none_or(|proxy| proxy.credentials.is_none()) {
                assert_eq!(Config::parse(&config.to_string()).as_ref(), Ok(&config));
            }
            let _ = config.tunnels_of("us-east-1");
        }
        Err(problems) => assert!(!problems.is_empty()),
    }
}
