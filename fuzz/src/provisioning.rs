//! Provisioning templates: what any text becomes.

use std::collections::BTreeMap;

use adit_iot::provisioning::fleet::{self, FleetTopic, Format, Registration, Verdict};
use adit_iot::provisioning::{CertificateState, Flow, MAX_BODY, Template, World, plan};
use adit_iot::{CertificateId, Scope, Timestamp, cbor, certificate};

/// A text is refused with AWS's beginning, or is a template. Filled in, it asks for things of bounded size, and what
/// cannot be had changes nothing.
pub fn provisioning_template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for flow in [Flow::Fleet, Flow::FirstConnection, Flow::RegisterThing] {
        match Template::parse(text, flow) {
            Ok(template) => fill_in(&template),
            Err(error) => assert!(error.to_string().starts_with("The template body is invalid")),
        }
    }
    assert!(text.chars().count() <= MAX_BODY || Template::parse(text, Flow::Fleet).is_err());
}

/// CBOR is read or refused; what was read is written and read again as it was.
pub fn cbor(data: &[u8]) {
    if let Some(value) = cbor::read(data) {
        let written = cbor::write(&value);
        assert_eq!(cbor::read(&written).as_ref(), Some(&value));
        assert_eq!(cbor::write(&value), written);
    }
    if let Ok(payload) = Format::Cbor.read(data) {
        let _ = fleet::signing_request(&payload);
        let _ = Registration::read(&payload);
    }
    let _ = Verdict::read(data);
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(topic) = FleetTopic::parse(text)
    {
        assert_eq!(topic.reply("x"), format!("{text}/x"));
    }
}

fn fill_in(template: &Template) {
    let values = template.declared().keys().map(|name| (name.clone(), "value".to_owned()));
    let parameters: BTreeMap<String, String> = values.collect();
    let Ok(wanted) = template.resolve(&parameters) else {
        return;
    };
    let size: usize = wanted.device_configuration.values().map(String::len).sum();
    assert!(size <= 512 * 1024);
    let Ok(scope) = Scope::new("123456789012", "us-east-1") else {
        return;
    };
    let now = Timestamp::from_millis(1_795_325_880_000);
    let certificate = certificate::Certificate {
        id: CertificateId::from_sha256([1; 32]),
        status: certificate::Status::PendingActivation,
        mode: certificate::Mode::Default,
        ca_id: None,
        pem: String::new(),
        not_before: now,
        not_after: now,
        customer_version: 1,
        generation_id: String::new(),
        created_at: now,
        updated_at: now,
    };
    let world = World {
        certificate: Some(CertificateState { certificate, policies: Vec::new(), things: Vec::new() }),
        most_policies: 10,
        ..World::default()
    };
    match plan(&scope, &wanted, &world, now) {
        Ok(plan) => assert!(plan.steps.iter().all(|step| !step.permissions(&scope, None).is_empty())),
        Err(failure) => assert!(!failure.reason.is_empty()),
    }
}
