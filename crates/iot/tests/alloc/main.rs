//! Deciding on a pattern without variables and conditions allocates nothing.

use std::sync::Arc;

use adit_iot::policy::{Context, Decision, Document, PolicySet, Request, action};
use adit_iot::{Scope, Timestamp};

#[test]
fn a_decision_without_variables_allocates_nothing() {
    let text = r#"{"Statement":[
        {"Effect":"Allow","Action":["iot:Connect","iot:Pub*"],"Resource":["*"]},
        {"Effect":"Allow","Action":"iot:Receive","Resource":"arn:aws:iot:us-east-1:*:topic/a/*/b?/*"},
        {"Effect":"Deny","Action":"iot:*","NotResource":"arn:aws:iot:us-east-1:123456789012:*"},
        {"Effect":"Allow","Action":"iot:Subscribe","Resource":"arn:aws:iot:*:*:${iot:ClientId}",
         "Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}"#;
    let Ok(document) = Document::parse(text) else { panic!("the document is well formed") };
    let set = PolicySet::new(vec![(Arc::from("P"), Arc::new(document))]);
    let Ok(scope) = Scope::new("123456789012", "us-east-1") else { panic!("the scope is well formed") };
    let context = Context { client_id: Some("dev1"), ..Context::new(&scope, Timestamp::from_millis(0)) };
    let resource = "arn:aws:iot:us-east-1:123456789012:topic/a/x/y/bz/1";
    for action in [action::PUBLISH, action::RECEIVE] {
        let mut decision = Decision::ImplicitDeny;
        let counted = allocation_counter::measure(|| {
            decision = set.decide(&Request { action, resource, context: &context });
        });
        assert!(decision.allows(), "{action}");
        assert_eq!(counted.count_total, 0, "{action}");
    }
}
