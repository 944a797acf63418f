//! The rules once more, as short and as slow as possible: every variable is a lookup, every `*` tries everything.

#![expect(clippy::indexing_slicing, reason = "a slip here is a failing test")]

use std::sync::Arc;

use adit_iot::policy::{
    CertificateFacts, CertificateField, ConnectFacts, Context, Decision, Document, NameField, PolicySet,
    Request, ThingFacts, Will,
};
use adit_iot::{Scope, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
struct Facts {
    client_id: &'static str,
    thing: bool,
    organizations: Vec<&'static str>,
    persistent: bool,
    will: bool,
}

#[derive(Clone, Debug)]
struct Statement {
    deny: bool,
    not_action: bool,
    actions: Vec<&'static str>,
    not_resource: bool,
    resources: Vec<String>,
    conditions: Vec<(String, &'static str, Vec<&'static str>)>,
}

const ARN: &str = "arn:aws:iot:us-east-1:123456789012:";

fn facts() -> impl Strategy<Value = Facts> {
    let organizations = prop::collection::vec(select(vec!["a", "b", "a*"]), 0..3);
    let client_id = select(vec!["a", "b", "ab", "*", "a/b"]);
    (client_id, any::<bool>(), organizations, any::<bool>(), any::<bool>()).prop_map(
        |(client_id, thing, organizations, persistent, will)| Facts {
            client_id,
            thing,
            organizations,
            persistent,
            will,
        },
    )
}

fn resource() -> impl Strategy<Value = String> {
    let atom = select(vec![
        "a",
        "b",
        "/",
        "*",
        "?",
        ":",
        "${iot:ClientId}",
        "${iot:connection.thing.thingname}",
        "${*}",
        "${iot:Nope}",
        "${iot:Certificate.Subject.Organization}",
        "${iot:Certificate.Subject.Organization.1}",
    ]);
    let tail = prop::collection::vec(atom, 0..6).prop_map(|atoms| atoms.concat());
    let start = select(vec![
        ARN,
        "arn:aws:iot:*:*:",
        "arn:aws:iot:us-east-?:1*2:",
        "arn:*:*:*:*:",
        "arn:aws:*t:eu:*:",
    ]);
    prop_oneof![
        1 => Just("*".to_owned()),
        9 => (start, select(vec!["topic/", "*", "t?pic/"]), tail).prop_map(|(start, kind, tail)| start.to_owned() + kind + &tail),
    ]
}

fn statement() -> impl Strategy<Value = Statement> {
    let actions = select(vec!["*", "iot:*", "IOT:publish", "iot:Receive", "iot:?ublish", "other:*"]);
    let operator = select(vec!["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"]);
    let operator =
        (select(vec!["", "ForAllValues:", "ForAnyValue:"]), operator, select(vec!["", "IfExists"]))
            .prop_map(|(over, operator, if_exists)| format!("{over}{operator}{if_exists}"));
    let keys = select(vec![
        "iot:ClientId",
        "iot:ConnectAttributes",
        "iot:Certificate.Subject.Organization.List",
        "iot:DomainName",
        "iot:Connection.Thing.IsAttached",
    ]);
    let values = select(vec![
        "a",
        "b",
        "*",
        "LastWill",
        "PersistentConnect",
        "true",
        "${iot:ClientId}",
        "${iot:Nope}",
        "?*",
    ]);
    let condition = (operator, keys, prop::collection::vec(values, 0..3));
    (
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::collection::vec(actions, 1..3),
        prop::bool::weighted(0.2),
        prop::collection::vec(resource(), 1..3),
        prop::collection::vec(condition, 0..3),
    )
        .prop_map(|(deny, not_action, actions, not_resource, resources, conditions)| Statement {
            deny,
            not_action,
            actions,
            not_resource,
            resources,
            conditions,
        })
}

impl Statement {
    fn json(&self) -> Value {
        let mut statement = json!({ "Effect": if self.deny { "Deny" } else { "Allow" } });
        statement[if self.not_action { "NotAction" } else { "Action" }] = json!(self.actions);
        statement[if self.not_resource { "NotResource" } else { "Resource" }] = json!(self.resources);
        for (operator, key, values) in &self.conditions {
            statement["Condition"][operator.as_str()][*key] = json!(values);
        }
        statement
    }

    fn fits(&self, facts: &Facts, action: &str, resource: &str) -> bool {
        let lower = |text: &str| text.to_lowercase();
        let action_in = self
            .actions
            .iter()
            .any(|a| glob(&symbols(&lower(a), facts, false).unwrap(), &chars(&lower(action))));
        let resource_in = self.resources.iter().any(|pattern| arn_fits(pattern, resource, facts));
        let mut last = std::collections::BTreeMap::new();
        for (operator, key, values) in &self.conditions {
            last.insert((operator, key), values);
        }
        action_in != self.not_action
            && resource_in != self.not_resource
            && last.into_iter().all(|((operator, key), values)| holds(operator, key, values, facts))
    }
}

/// A character, or a wildcard as `Err`.
type Symbol = Result<char, char>;

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// `None`: a variable has no value.
fn symbols(pattern: &str, facts: &Facts, literal: bool) -> Option<Vec<Symbol>> {
    let mut out = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(end) = rest.starts_with("${").then(|| rest.find('}')).flatten() {
            let value = substitute(&rest[2..end], facts)?;
            out.extend(value.chars().map(Ok));
            rest = &rest[end + 1..];
            continue;
        }
        out.push(if !literal && matches!(c, '*' | '?') { Err(c) } else { Ok(c) });
        rest = &rest[c.len_utf8()..];
    }
    Some(out)
}

fn substitute(name: &str, facts: &Facts) -> Option<String> {
    let organization = |at: usize| facts.organizations.get(at).filter(|value| !value.contains('*'));
    Some(match name.to_lowercase().as_str() {
        "*" => "*".to_owned(),
        "iot:clientid" => facts.client_id.to_owned(),
        "iot:connection.thing.thingname" if facts.thing => "thing".to_owned(),
        "iot:certificate.subject.organization" => (*organization(0)?).to_owned(),
        "iot:certificate.subject.organization.1" => (*organization(1)?).to_owned(),
        _ => return None,
    })
}

fn glob(pattern: &[Symbol], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((Err('*'), rest)) => (0..=text.len()).any(|at| glob(rest, &text[at..])),
        Some((Err(_), rest)) => !text.is_empty() && glob(rest, &text[1..]),
        Some((Ok(c), rest)) => text.first() == Some(c) && glob(rest, &text[1..]),
    }
}

fn arn_fits(pattern: &str, arn: &str, facts: &Facts) -> bool {
    if pattern == "*" {
        return true;
    }
    // The first five parts of every pattern here are free of variables, so splitting the text is enough.
    let parts: Vec<_> = pattern.splitn(6, ':').collect();
    parts.len() == 6
        && parts
            .iter()
            .zip(arn.splitn(6, ':'))
            .all(|(part, text)| symbols(part, facts, false).is_some_and(|part| glob(&part, &chars(text))))
}

fn holds(operator: &str, key: &str, expected: &[&str], facts: &Facts) -> bool {
    let values: Vec<String> = match key {
        "iot:ClientId" => vec![facts.client_id.to_owned()],
        "iot:ConnectAttributes" => [(facts.persistent, "PersistentConnect"), (facts.will, "LastWill")]
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| (*name).to_owned())
            .collect(),
        "iot:Certificate.Subject.Organization.List" => {
            facts.organizations.iter().map(|&o| o.to_owned()).collect()
        }
        "iot:Connection.Thing.IsAttached" => vec![facts.thing.to_string()],
        _ => Vec::new(),
    };
    let negated = operator.contains("Not");
    let like = operator.contains("Like");
    let one_fits = |value: &String| {
        let found = expected.iter().any(|pattern| {
            symbols(pattern, facts, !like).is_some_and(|pattern| glob(&pattern, &chars(value)))
        });
        found != negated
    };
    if values.is_empty() {
        let absent_is_fine = operator.ends_with("IfExists") || operator.starts_with("ForAllValues:");
        return absent_is_fine || (negated && !operator.starts_with("ForAnyValue:"));
    }
    match operator.split_once(':') {
        Some(("ForAllValues", _)) => values.iter().all(one_fits),
        Some(("ForAnyValue", _)) => values.iter().any(one_fits),
        _ if negated => values.iter().all(one_fits),
        _ => values.iter().any(one_fits),
    }
}

fn with_context<T>(facts: &Facts, run: impl FnOnce(&Context<'_>) -> T) -> T {
    let scope = Scope::new("123456789012", "us-east-1").unwrap();
    let mut certificate = CertificateFacts::new("id", "01");
    let field = CertificateField::Subject(NameField::Organization);
    facts.organizations.iter().for_each(|value| certificate.add(field, value));
    let thing = facts.thing.then(|| ThingFacts { name: "thing".to_owned(), ..ThingFacts::default() });
    let will = facts.will.then_some(Will { topic: "a", retain: false });
    run(&Context {
        client_id: Some(facts.client_id),
        certificate: Some(&certificate),
        thing: thing.as_ref(),
        connect: Some(ConnectFacts { persistent: facts.persistent, will }),
        ..Context::new(&scope, Timestamp::from_millis(0))
    })
}

fn compiled(statements: &[Statement]) -> PolicySet {
    let document = |statement: &Statement| json!({ "Statement": statement.json() }).to_string();
    let policies =
        statements.iter().map(|s| (Arc::from("P"), Arc::new(Document::parse(&document(s)).unwrap())));
    PolicySet::new(policies.collect())
}

fn matches_filter(filter: &[&str], topic: &[&str]) -> bool {
    match (filter.split_first(), topic.split_first()) {
        (Some((&"#", _)), _) => true,
        (None, None) => true,
        (Some((&"+", filter)), Some((_, topic))) => matches_filter(filter, topic),
        (Some((f, filter)), Some((t, topic))) => f == t && matches_filter(filter, topic),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn decisions_are_those_of_the_naive_evaluator(
        statements in prop::collection::vec(statement(), 0..4),
        facts in facts(),
        action in select(vec!["iot:Publish", "iot:Receive"]),
        topic in "[ab/:*]{0,6}|thing/a",
    ) {
        let resource = format!("{ARN}topic/{topic}");
        let fitting = |deny: bool| statements.iter().any(|s| s.deny == deny && s.fits(&facts, action, &resource));
        let expected = match (fitting(true), fitting(false)) {
            (true, _) => "explicit deny",
            (false, true) => "allow",
            (false, false) => "implicit deny",
        };
        let set = compiled(&statements);
        let (decision, explained) = with_context(&facts, |context| {
            let request = Request { action, resource: &resource, context };
            (set.decide(&request), set.explain(&request).decision)
        });
        let found = match decision {
            Decision::Allow(_) => "allow",
            Decision::ExplicitDeny(_) => "explicit deny",
            Decision::ImplicitDeny => "implicit deny",
        };
        prop_assert_eq!(found, expected);
        prop_assert_eq!(decision.allows(), explained.allows());
    }

    #[test]
    fn what_may_always_be_received_may_be_received(
        statements in prop::collection::vec(statement(), 1..4),
        facts in facts(),
        filter in "[ab+](/[ab+]){0,2}(/#)?|#",
        topic in "[ab](/[ab]){0,3}",
    ) {
        let levels = |text| str::split(text, '/').collect::<Vec<_>>();
        if !matches_filter(&levels(&filter), &levels(&topic)) {
            return Ok(());
        }
        let set = compiled(&statements);
        let (always, now) = with_context(&facts, |context| {
            (set.receives_all(&filter, context), set.may_receive(&topic, context).is_ok())
        });
        prop_assert!(!always || now);
    }

    #[test]
    fn any_text_is_taken_or_refused(text in "\\PC{0,200}") {
        let _ = Document::parse(&text);
    }
}

#[test]
fn common_subscriptions_are_always_received() {
    let facts =
        Facts { client_id: "dev1", thing: true, organizations: vec![], persistent: false, will: false };
    let allow = |resource: &str| Statement {
        deny: false,
        not_action: false,
        actions: vec!["iot:Receive"],
        not_resource: false,
        resources: vec![resource.to_owned()],
        conditions: vec![],
    };
    let deny = |resource: &str| Statement { deny: true, ..allow(resource) };
    let own = format!("{ARN}topic/${{iot:Connection.Thing.ThingName}}/*");
    for (statements, filter, always) in [
        (vec![allow("*")], "#", true),
        (vec![allow(&format!("{ARN}topic/*"))], "a/+/b", true),
        (vec![allow(&own)], "thing/#", false),
        (vec![allow(&own)], "thing/+", true),
        (vec![allow(&own)], "thing/cmd/#", true),
        (vec![allow(&own)], "other/#", false),
        (vec![allow("*"), deny(&format!("{ARN}topic/secret/*"))], "#", false),
        (vec![allow("*"), deny(&format!("{ARN}topic/secret/*"))], "secret/a/+", false),
        (vec![allow("*"), deny(&format!("{ARN}topic/secret/*"))], "open/#", true),
        (vec![allow(&format!("{ARN}topic/a"))], "a", true),
        (vec![allow(&format!("{ARN}topic/a"))], "+", false),
        (vec![deny(&own)], "thing/x", false),
    ] {
        let found = with_context(&facts, |context| compiled(&statements).receives_all(filter, context));
        assert_eq!(found, always, "{statements:?} {filter}");
    }
}
