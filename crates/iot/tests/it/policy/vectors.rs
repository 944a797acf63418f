#![expect(clippy::indexing_slicing, clippy::panic, reason = "a slip in the vectors is a failing test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_iot::policy::{
    AlternativeName, CertificateFacts, CertificateField, ConnectFacts, Context, Decision, Document,
    NameField, PolicySet, ThingFacts, Will,
};
use adit_iot::{Scope, Timestamp};
use serde::Deserialize;
use serde_json::Value;

const VECTORS: &str = include_str!("../../vectors/policy.json");

#[derive(Deserialize)]
struct Vectors {
    things: BTreeMap<String, Thing>,
    contexts: BTreeMap<String, Known>,
    decisions: Vec<Case>,
    documents: Vec<Text>,
}

#[derive(Deserialize)]
struct Thing {
    #[serde(rename = "type")]
    kind: Option<String>,
    attributes: BTreeMap<String, String>,
    groups: Vec<String>,
}

#[derive(Deserialize)]
struct Known {
    certificate: String,
    subject: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    dns_names: Vec<String>,
    attached: Vec<String>,
    exclusive: Option<String>,
    client_id: String,
    #[serde(default)]
    persistent: bool,
    will: Option<String>,
}

#[derive(Deserialize)]
struct Case {
    n: usize,
    about: String,
    policies: Vec<Attached>,
    asks: Vec<Ask>,
}

#[derive(Deserialize)]
struct Attached {
    on: String,
    statements: Value,
}

#[derive(Deserialize)]
struct Ask {
    context: String,
    ask: String,
    decision: String,
    client_id: Option<String>,
    source_ip: Option<String>,
    domain_name: Option<String>,
    #[serde(default)]
    will_retain: bool,
}

#[derive(Deserialize)]
struct Text {
    name: String,
    about: String,
    text: String,
    refused_for: Option<String>,
}

#[test]
fn every_vector_decides_as_specified() {
    let vectors: Vectors = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(vectors.decisions.len(), 75);
    for case in &vectors.decisions {
        for ask in &case.asks {
            let found = decided(&vectors, case, ask);
            assert_eq!(found, ask.decision, "{} {}: {} as {}", case.n, case.about, ask.ask, ask.context);
        }
    }
}

#[test]
fn every_document_is_taken_or_refused() {
    let vectors: Vectors = serde_json::from_str(VECTORS).unwrap();
    for text in vectors.documents {
        let Text { name, about, text, refused_for } = text;
        match (Document::parse(&text), refused_for) {
            (Ok(_), None) => {}
            (Err(error), Some(reason)) => {
                let error = error.to_string();
                assert!(error.starts_with("Policy document is Malformed: "), "{name} {about}: {error}");
                assert!(error.contains(&reason), "{name} {about}: {error}");
            }
            (found, _) => panic!("{name} {about}: {text} gave {found:?}"),
        }
    }
}

fn decided(vectors: &Vectors, case: &Case, ask: &Ask) -> String {
    let known = &vectors.contexts[&ask.context];
    let client_id = ask.client_id.as_ref().unwrap_or(&known.client_id);
    let named = known.attached.iter().find(|name| *name == client_id);
    let thing = known.exclusive.as_ref().or(named);
    let groups = thing.map(|name| vectors.things[name].groups.as_slice()).unwrap_or_default();
    let counts = |attached: &&Attached| attached.on == "certificate" || groups.contains(&attached.on);
    let policies = case.policies.iter().filter(counts).zip(1..);
    let set =
        PolicySet::new(policies.map(|(p, n)| (format!("P{n}").into(), document(&p.statements))).collect());

    let scope = Scope::new("123456789012", "us-east-1").unwrap();
    let certificate = certificate(known);
    let thing = thing.map(|name| thing_facts(name, &vectors.things[name]));
    let will = known.will.as_deref().map(|topic| Will { topic, retain: ask.will_retain });
    let (verb, name) = ask.ask.split_once(' ').unwrap_or((&ask.ask, ""));
    let context = Context {
        client_id: Some(client_id),
        source_ip: Some(ask.source_ip.as_deref().unwrap_or("203.0.113.7").parse().unwrap()),
        domain_name: ask.domain_name.as_deref(),
        certificate: Some(&certificate),
        thing: thing.as_ref(),
        connect: (verb == "connect").then_some(ConnectFacts { persistent: known.persistent, will }),
        ..Context::new(&scope, Timestamp::from_millis(1_795_325_880_000))
    };
    let answer = match verb {
        "connect" => set.may_connect(&context),
        "publish" => set.may_publish(name, false, &context),
        "retain" => set.may_publish(name, true, &context),
        "subscribe" => set.may_subscribe(name, &context),
        "receive" => set.may_receive(name, &context),
        other => panic!("no such request: {other}"),
    };
    match answer.map_err(|refused| refused.decision) {
        Ok(()) => "allow",
        Err(Decision::ImplicitDeny) => "implicit deny",
        Err(Decision::ExplicitDeny(_)) => "explicit deny",
        Err(Decision::Allow(_)) => "an allow that refuses",
    }
    .to_owned()
}

fn certificate(known: &Known) -> CertificateFacts {
    let mut facts = CertificateFacts::new(&known.certificate, "01");
    for (field, values) in &known.subject {
        let field = NameField::ALL.into_iter().find(|f| f.as_str() == field).unwrap();
        values.iter().for_each(|value| facts.add(CertificateField::Subject(field), value));
    }
    for name in &known.dns_names {
        facts.add(CertificateField::SubjectAlternative(AlternativeName::DNSName), name);
    }
    facts
}

fn thing_facts(name: &str, thing: &Thing) -> ThingFacts {
    ThingFacts { name: name.to_owned(), type_name: thing.kind.clone(), attributes: thing.attributes.clone() }
}

fn document(statements: &Value) -> Arc<Document> {
    let mut statements = statements.clone();
    spell_out(&mut statements);
    let text = serde_json::json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    Arc::new(Document::parse(&text).unwrap())
}

/// `c:`, `t:` and `f:` begin the resource of a client, a topic and a filter.
fn spell_out(value: &mut Value) {
    match value {
        Value::String(text) => {
            for (short, kind) in [("c:", "client"), ("t:", "topic"), ("f:", "topicfilter")] {
                if let Some(name) = text.strip_prefix(short) {
                    *text = format!("arn:aws:iot:us-east-1:123456789012:{kind}/{name}");
                    return;
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(spell_out),
        Value::Object(members) => members.values_mut().for_each(spell_out),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
