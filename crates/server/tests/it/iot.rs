//! Calls of service `iot`, and the names that its tests share.

use adit_aws::Service;
use adit_iot::thing_group::NewGroup;
use adit_iot::{Scope, ThingGroupName, ThingName};
use adit_store::{GroupCreated, Regrouped};
use serde_json::{Value, json};

use crate::bed::{Answer, Bed};

pub const ACCOUNT: &str = "123456789012";
pub const PREFIX: &str = "arn:aws:iot:us-east-1:123456789012:";

/// A document that allows everything.
pub const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;

pub async fn call(bed: &Bed, method: &str, path: &str, body: Value) -> Answer {
    with(bed, method, path, &[], body).await
}

pub async fn with(bed: &Bed, method: &str, path: &str, headers: &[&str], body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    bed.signed(Service::Iot, method, path, headers, &body).await
}

pub async fn get(bed: &Bed, path: &str) -> Value {
    let answer = call(bed, "GET", path, Value::Null).await;
    assert_eq!(answer.status, 200, "{path} {answer:?}");
    answer.json()
}

/// A call that works and answers nothing.
pub async fn done(bed: &Bed, method: &str, path: &str, body: Value) {
    let answer = call(bed, method, path, body).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"), "{method} {path}");
}

pub fn refused(answer: &Answer, status: u16, code: &str, text: &str) {
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.json()["message"], text);
}

/// A certificate made by the server; its id.
pub async fn certificate(bed: &Bed, active: bool) -> String {
    let path = format!("/certificates?setAsActive={active}");
    let csr = include_str!("../../src/pki/testdata/sha1.csr");
    let answer = call(bed, "POST", &path, json!({ "certificateSigningRequest": csr })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["certificateId"].as_str().unwrap().to_owned()
}

pub async fn policy(bed: &Bed, name: &str) {
    let answer = call(bed, "POST", &format!("/policies/{name}"), json!({ "policyDocument": ALL })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

pub async fn thing(bed: &Bed, name: &str) {
    let answer = call(bed, "POST", &format!("/things/{name}"), Value::Null).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// All pages of a listing: `list` is its path with a `?`, `item` the name of the list, `next` that of what goes on.
pub async fn pages(bed: &Bed, list: &str, item: &str, next: &str) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    let mut more = String::new();
    loop {
        let page = get(bed, &format!("{list}{more}")).await;
        all.push(page[item].as_array().unwrap().clone());
        let Some(token) = page.get(next) else { return all };
        let wire = if next == "nextMarker" { "marker" } else { next };
        let token: String =
            token.as_str().unwrap().replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        more = format!("&{wire}={token}");
    }
}

fn scope() -> Scope {
    Scope::new(ACCOUNT, "us-east-1").unwrap()
}

pub async fn group(bed: &Bed, name: &str, parent: Option<&str>) {
    let parse = |name: &str| ThingGroupName::parse(name).unwrap();
    let new = NewGroup {
        name: parse(name),
        id: format!("id-{name}"),
        parent: parent.map(parse),
        description: None,
        attributes: Default::default(),
        created_at: bed.running.state().now(),
    };
    let made = bed.running.state().store.thing_group_create(&scope(), new, Vec::new()).await.unwrap();
    assert!(matches!(made, GroupCreated::Yes(_)), "{made:?}");
}

pub async fn put_into_group(bed: &Bed, thing: &str, group: &str) {
    let (thing, group) = (ThingName::parse(thing).unwrap(), ThingGroupName::parse(group).unwrap());
    let store = &bed.running.state().store;
    let done = store.thing_regroup(&scope(), &thing, Vec::new(), vec![group]).await.unwrap();
    assert_eq!(done, Regrouped::Yes(true));
}
