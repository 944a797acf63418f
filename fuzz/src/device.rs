//! What a device reads from outside: certificates, and the answers in which it is provisioned.

use std::collections::BTreeMap;

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
