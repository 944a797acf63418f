//! IAM's documents: what is taken and refused, whom a role trusts, and what several layers decide together.

use std::sync::Arc;

use adit_iot::policy::{
    ASSUME_ROLE, Assumer, Context, Document, Keys, Layer, MAX_IAM_CHARACTERS, PolicySet, Request, Rights,
    Trust, TrustPolicy, Verdict, characters,
};
use adit_iot::{Scope, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use serde::Deserialize;
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../../vectors/iam.json");
const ARN: &str = "arn:aws:iot:us-east-1:123456789012:";

#[derive(Deserialize)]
struct Vectors {
    identity: Vec<Text>,
    trust: Vec<Text>,
    trusted: Vec<Trusted>,
    decisions: Vec<Case>,
}

#[derive(Deserialize)]
struct Text {
    about: String,
    text: String,
    refused_for: Option<String>,
}

#[derive(Deserialize)]
struct Trusted {
    about: String,
    principal: Value,
    deny: Option<Value>,
    deny_all_but: Option<Value>,
    #[serde(default)]
    condition: Value,
    action: Option<String>,
    iot: String,
    ana: String,
    session: String,
    bob: String,
}

#[derive(Deserialize)]
struct Case {
    about: String,
    identity: Value,
    session: Option<Value>,
    boundary: Option<Value>,
    ask: String,
    says: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

fn with_context<T>(run: impl FnOnce(&Context<'_>) -> T) -> T {
    let scope = Scope::new("123456789012", "us-east-1").unwrap();
    let mut keys = Keys::default();
    keys.one("aws:username", "ana");
    keys.one("aws:PrincipalArn", "arn:aws:iam::123456789012:user/ana");
    keys.one("aws:RequestTag/team", "red");
    keys.many("aws:TagKeys", vec!["team".to_owned(), "cost".to_owned()]);
    keys.one("sts:ExternalId", "e1");
    run(&Context {
        source_ip: Some([203, 0, 113, 7].into()),
        keys: Some(&keys),
        ..Context::new(&scope, Timestamp::from_millis(1_795_325_880_000))
    })
}

#[test]
fn documents_are_taken_or_refused_in_iams_words() {
    let Vectors { identity, trust, .. } = vectors();
    let of_identity = identity.into_iter().map(|t| (Document::identity(&t.text).err(), t));
    let of_trust = trust.into_iter().map(|t| (TrustPolicy::parse(&t.text).err(), t));
    for (found, Text { about, refused_for, .. }) in of_identity.chain(of_trust) {
        let found = found.map(|error| error.to_string());
        match (&found, &refused_for) {
            (None, None) => {}
            (Some(error), Some(reason)) => assert!(error.contains(reason.as_str()), "{about}: {error}"),
            _ => panic!("{about}: {found:?}"),
        }
    }
}

#[test]
fn the_largest_of_iams_limits_holds_for_every_document() {
    let text = |characters: usize| {
        let (start, end) =
            (r#"{"Statement":[{"Sid":""#, r#"","Effect":"Allow","Action":"*","Resource":"*"}]}"#);
        format!("{start}{}{end} \n", "a".repeat(characters - start.len() - end.len()))
    };
    assert_eq!(characters(&text(MAX_IAM_CHARACTERS)), MAX_IAM_CHARACTERS);
    assert!(Document::identity(&text(MAX_IAM_CHARACTERS)).is_ok());
    assert!(Document::identity(&text(MAX_IAM_CHARACTERS + 1)).is_err());
}

#[test]
fn every_policy_of_aws_can_be_read() {
    for policy in &adit_iot::iam::aws_policy::ALL {
        let document = Document::identity(policy.document);
        assert!(document.is_ok(), "{}: {document:?}", policy.name);
        let set = PolicySet::new(vec![(policy.name.into(), Arc::new(document.unwrap()))]);
        let may = |action, resource: &str| {
            with_context(|context| set.decide(&Request { action, resource, context }).allows())
        };
        let writes = ["AWSIoTConfigAccess", "AWSIoTFullAccess", "AWSIoTThingsRegistration"];
        let writes = writes.contains(&policy.name)
            || ["AdministratorAccess", "PowerUserAccess"].contains(&policy.name);
        assert_eq!(may("iot:CreateThing", &format!("{ARN}thing/a")), writes, "{}", policy.name);
    }
}

#[test]
fn every_trust_policy_trusts_as_specified() {
    for case in vectors().trusted {
        let action = case.action.as_deref().unwrap_or(ASSUME_ROLE);
        let mut allow = json!({ "Effect": "Allow", "Principal": case.principal, "Action": action });
        if !case.condition.is_null() {
            allow["Condition"] = case.condition.clone();
        }
        let mut statements = vec![allow];
        statements
            .extend(case.deny.map(|who| json!({ "Effect": "Deny", "Principal": who, "Action": "sts:*" })));
        statements.extend(
            case.deny_all_but.map(|who| json!({ "Effect": "Deny", "NotPrincipal": who, "Action": "sts:*" })),
        );
        let trust = TrustPolicy::parse(&json!({ "Statement": statements }).to_string()).unwrap();
        let aws = |account, arn, role| Assumer::Aws { account, arn, role };
        let session = "arn:aws:sts::123456789012:assumed-role/ops/s1";
        for (who, expected) in [
            (Assumer::Service("iot.amazonaws.com"), case.iot),
            (aws("123456789012", "arn:aws:iam::123456789012:user/ana", None), case.ana),
            (aws("123456789012", session, Some("arn:aws:iam::123456789012:role/ops")), case.session),
            (aws("999999999999", "arn:aws:iam::999999999999:user/bob", None), case.bob),
        ] {
            let found = with_context(|context| trust.decide(&who, ASSUME_ROLE, context));
            assert_eq!(format!("{found:?}"), expected, "{}: {who:?}", case.about);
        }
    }
}

fn set(statements: &Value) -> Arc<PolicySet> {
    if statements.as_array().is_some_and(Vec::is_empty) {
        return Arc::default();
    }
    let document = Document::identity(&json!({ "Statement": statements }).to_string()).unwrap();
    Arc::new(PolicySet::new(vec![("P".into(), Arc::new(document))]))
}

#[test]
fn every_decision_names_the_layer_that_refused() {
    for case in vectors().decisions {
        let mut rights = Rights::new(set(&case.identity));
        for (layer, statements) in [(Layer::Boundary, &case.boundary), (Layer::Session, &case.session)] {
            if let Some(statements) = statements {
                rights = rights.within(layer, set(statements));
            }
        }
        let (action, tail) = case.ask.split_once(' ').unwrap();
        let resource = format!("{ARN}{tail}");
        let (says, words) = with_context(|context| {
            let request = Request { action, resource: &resource, context };
            let verdict = rights.decide(&request);
            (verdict.clause(action), rights.words(verdict, &request))
        });
        assert_eq!(says, case.says, "{}", case.about);
        assert!(!words.is_empty(), "{}", case.about);
    }
}

#[test]
fn a_resource_that_names_the_caller_needs_no_identity_policy_but_heeds_limits() {
    let allow = json!([{ "Effect": "Allow", "Action": "sts:*", "Resource": "*" }]);
    let deny = json!([{ "Effect": "Deny", "Action": "*", "Resource": "*" }]);
    let other = json!([{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }]);
    for (identity, session, allowed) in [
        (json!([]), None, true),
        (other.clone(), None, true),
        (deny.clone(), None, false),
        (json!([]), Some(&allow), true),
        (json!([]), Some(&other), false),
        (allow.clone(), Some(&deny), false),
    ] {
        let rights = Rights::new(set(&identity));
        let rights = match session {
            Some(session) => rights.within(Layer::Session, set(session)),
            None => rights,
        };
        let found = with_context(|context| {
            rights.decide_named(&Request { action: ASSUME_ROLE, resource: "arn:aws:iam::1:role/r", context })
        });
        assert_eq!(found == Verdict::Allow, allowed, "{identity} {session:?}: {found:?}");
    }
}

/// A statement in the open: what it is about and whether it denies.
#[derive(Clone, Debug)]
struct Plain {
    deny: bool,
    action: &'static str,
    tail: &'static str,
    key: Option<(&'static str, &'static str)>,
}

impl Plain {
    fn json(&self) -> Value {
        let effect = if self.deny { "Deny" } else { "Allow" };
        let mut json =
            json!({ "Effect": effect, "Action": self.action, "Resource": format!("{ARN}{}", self.tail) });
        if let Some((name, value)) = self.key {
            let condition = json!({ "StringEquals": { name: value } });
            json.as_object_mut().unwrap().insert("Condition".to_owned(), condition);
        }
        json
    }

    /// Actions and tails here end in `*` or have none.
    fn fits(&self, action: &str, tail: &str) -> bool {
        let glob = |pattern: &str, text: &str| match pattern.strip_suffix('*') {
            Some(start) => text.starts_with(start),
            None => text == pattern,
        };
        let wanted = self.tail.replace("${aws:username}", "ana");
        let known = |name: &str, value: &str| match name.to_lowercase().as_str() {
            "aws:username" => value == "ana",
            "aws:tagkeys" => value == "team" || value == "cost",
            _ => false,
        };
        glob(&self.action.to_lowercase(), &action.to_lowercase())
            && glob(&wanted, tail)
            && self.key.is_none_or(|(name, value)| known(name, value))
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let action = select(vec!["iot:*", "iot:Describe*", "IOT:deletething", "s3:*"]);
    let tail = select(vec!["*", "thing/*", "thing/${aws:username}", "thing/${aws:username}*", "cert/*"]);
    let key = select(vec![
        None,
        Some(("AWS:UserName", "ana")),
        Some(("aws:TagKeys", "cost")),
        Some(("aws:username", "bob")),
        Some(("aws:Nope", "ana")),
    ]);
    (prop::bool::weighted(0.3), action, tail, key).prop_map(|(deny, action, tail, key)| Plain {
        deny,
        action,
        tail,
        key,
    })
}

fn layer() -> impl Strategy<Value = Vec<Plain>> {
    prop::collection::vec(plain(), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn layers_decide_as_the_naive_rule(
        layers in prop::collection::vec(layer(), 1..4),
        action in select(vec!["iot:DescribeThing", "iot:DeleteThing"]),
        tail in select(vec!["thing/ana", "thing/ana2", "thing/bob", "cert/1"]),
    ) {
        let sets: Vec<_> = layers.iter().map(|layer| set(&layer.iter().map(Plain::json).collect())).collect();
        let mut sets = sets.into_iter();
        let mut rights = Rights::new(sets.next().unwrap());
        for (set, layer) in sets.zip([Layer::Boundary, Layer::Session]) {
            rights = rights.within(layer, set);
        }
        let any = |layer: &Vec<Plain>, deny| layer.iter().any(|s| s.deny == deny && s.fits(action, tail));
        let denied = layers.iter().any(|layer| any(layer, true));
        let allowed = layers.iter().all(|layer| any(layer, false));
        let resource = format!("{ARN}{tail}");
        let verdict = with_context(|context| rights.decide(&Request { action, resource: &resource, context }));
        match verdict {
            Verdict::Allow => prop_assert!(allowed && !denied),
            Verdict::ExplicitDeny(..) => prop_assert!(denied),
            Verdict::ImplicitDeny(_) => prop_assert!(!allowed && !denied),
        }
    }

    #[test]
    fn any_text_is_taken_or_refused(text in "\\PC{0,200}") {
        let _ = Document::identity(&text);
        let _ = TrustPolicy::parse(&text);
    }

    #[test]
    fn only_who_is_named_is_trusted(
        named in select(vec!["123456789012", "arn:aws:iam::123456789012:user/ana", "arn:aws:iam::999999999999:root"]),
        account in select(vec!["123456789012", "999999999999"]),
        name in select(vec!["ana", "bob"]),
    ) {
        let text = json!({ "Statement": { "Effect": "Allow", "Principal": { "AWS": named }, "Action": "sts:AssumeRole" } });
        let trust = TrustPolicy::parse(&text.to_string()).unwrap();
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        let found = with_context(|context| {
            trust.decide(&Assumer::Aws { account, arn: &arn, role: None }, ASSUME_ROLE, context)
        });
        let expected = if named == arn {
            Trust::Itself
        } else if named.contains(account) && !named.contains("user") {
            Trust::Account
        } else {
            Trust::No
        };
        prop_assert_eq!(found, expected);
    }
}
