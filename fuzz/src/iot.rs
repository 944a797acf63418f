//! Policies: what any text becomes as a document, and what any document decides.

use std::sync::Arc;

use adit_iot::policy::{
    ASSUME_ROLE, Assumer, CertificateFacts, CertificateField, ConnectFacts, Context, Document, Keys, Layer,
    NameField, PolicySet, Request, Rights, ThingFacts, Trust, TrustPolicy, Verdict, Will,
};
use adit_iot::{Scope, Timestamp};

/// A document is refused with one of AWS's two beginnings, or taken; then any client id may be decided on.
pub fn policy_document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Document::parse(text) {
        Ok(document) => decide(document, "iot:Connect", "a", "a/+", "x"),
        Err(error) => assert!(error.to_string().starts_with("Policy document is Malformed: ")),
    }
}

/// Lines `action`, `topic`, `filter`, `client id`, then a document.
pub fn policy_decide(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(5, '\n');
    let mut line = || lines.next();
    if let (Some(action), Some(topic), Some(filter), Some(client_id), Some(document)) =
        (line(), line(), line(), line(), line())
        && let Ok(document) = Document::parse(document)
    {
        decide(document, action, topic, filter, client_id);
    }
}

/// A document of IAM's, identity or trust, is taken or refused with a reason; then a user's name, key and ARN may be
/// decided on, and a session policy never gives more.
pub fn iam_document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(scope) = Scope::new("123456789012", "us-east-1") else {
        return;
    };
    let mut keys = Keys::default();
    keys.one("aws:username", "ana");
    keys.many("aws:TagKeys", vec!["team".to_owned()]);
    let context = Context { keys: Some(&keys), ..Context::new(&scope, Timestamp::from_millis(0)) };
    match Document::identity(text) {
        Ok(document) => {
            let set = Arc::new(PolicySet::new(vec![(Arc::from("P"), Arc::new(document))]));
            let resource = "arn:aws:iot:us-east-1:123456789012:thing/ana";
            let request = Request { action: "iot:DescribeThing", resource, context: &context };
            let (rights, none) = (Rights::new(Arc::clone(&set)), Rights::new(Arc::default()));
            let verdict = rights.decide(&request);
            assert_eq!(verdict == Verdict::Allow, set.decide(&request).allows());
            assert!(!rights.words(verdict, &request).is_empty());
            assert_ne!(none.within(Layer::Session, set).decide(&request), Verdict::Allow);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    match TrustPolicy::parse(text) {
        Ok(trust) => {
            let arn = "arn:aws:iam::123456789012:user/ana";
            let ana = Assumer::Aws { account: "123456789012", arn, role: None };
            let found = trust.decide(&ana, ASSUME_ROLE, &context);
            assert!(found == Trust::No || text.contains("rincipal"));
            let _ = trust.decide(&Assumer::Service("iot.amazonaws.com"), ASSUME_ROLE, &context);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The short answer is the long answer's; a reason names its statement; a filter that is always received is received.
fn decide(document: Document, action: &str, topic: &str, filter: &str, client_id: &str) {
    let Ok(scope) = Scope::new("123456789012", "us-east-1") else {
        return;
    };
    let mut certificate = CertificateFacts::new("id", "01");
    for value in [client_id, topic, "plain"] {
        certificate.add(CertificateField::Subject(NameField::CommonName), value);
    }
    let thing =
        ThingFacts { name: client_id.to_owned(), type_name: Some(topic.to_owned()), ..Default::default() };
    let context = Context {
        client_id: Some(client_id),
        source_ip: Some([203, 0, 113, 7].into()),
        certificate: Some(&certificate),
        thing: Some(&thing),
        connect: Some(ConnectFacts { persistent: true, will: Some(Will { topic, retain: true }) }),
        ..Context::new(&scope, Timestamp::from_millis(1_795_325_880_000))
    };
    let set = PolicySet::new(vec![(Arc::from("P"), Arc::new(document))]);
    let resource = adit_iot::policy::topic(&scope, topic);
    let request = Request { action, resource: &resource, context: &context };
    let (decision, explained) = (set.decide(&request), set.explain(&request));
    assert_eq!(decision.allows(), explained.decision.allows());
    assert_eq!(decision.allows(), explained.denying.is_empty() && !explained.allowing.is_empty());
    for reason in explained.allowing.iter().chain(&explained.denying) {
        assert!(set.place(*reason).is_some_and(|place| place.policy == "P" && place.statement > 0));
    }
    assert!(!set.words(decision, &request).is_empty());
    let _ = set.may_connect(&context);
    if set.receives_all(filter, &context) && covers(filter, topic) {
        assert!(set.may_receive(topic, &context).is_ok());
    }
}

fn covers(filter: &str, topic: &str) -> bool {
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) => return filter.next().is_none(),
            (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level && !wanted.contains(['+', '#']) => {}
            _ => return false,
        }
    }
}
