//! Calls of service `iam`, one file per noun, and the names that their tests share.

mod absent;
mod access_key;
mod attached_policy;
mod group;
mod inline_policy;
mod managed_policy;
mod role;
mod user;
mod version;

use adit_aws::{Service, Signer, percent_encoded};

use crate::bed::{Answer, Bed};

pub const ACCOUNT: &str = "123456789012";

/// A document that allows everything of IoT.
pub const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;
/// A trust policy for provisioning.
pub const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"iot.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// Credentials of any kind.
pub struct Who {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

impl Who {
    pub fn root(bed: &Bed) -> Who {
        let (id, secret) = bed.key();
        Who { id, secret, token: None }
    }
}

pub async fn ask_as(
    bed: &Bed,
    who: &Who,
    service: Service,
    action: &str,
    parameters: &[(&str, &str)],
) -> Answer {
    let mut form = format!("Action={action}&Version=x");
    for (name, value) in parameters {
        form += &format!("&{name}={}", percent_encoded(value.as_bytes()));
    }
    let signer = Signer {
        key_id: &who.id,
        secret: &who.secret,
        session_token: who.token.as_deref(),
        region: "us-east-1",
        service: service.signing_name(),
        now: bed.clock.now_ms() / 1000,
    };
    bed.signed_by(&signer, "POST", "/", &["content-type: application/x-www-form-urlencoded"], &form).await
}

/// Asks IAM as root.
pub async fn ask(bed: &Bed, action: &str, parameters: &[(&str, &str)]) -> Answer {
    ask_as(bed, &Who::root(bed), Service::Iam, action, parameters).await
}

/// The same for a call that works.
pub async fn done(bed: &Bed, action: &str, parameters: &[(&str, &str)]) -> Answer {
    let answer = ask(bed, action, parameters).await;
    assert_eq!(answer.status, 200, "{action} {answer:?}");
    answer
}

/// The texts of all elements of that name that have no elements inside.
pub fn all(answer: &Answer, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let inside = answer.body.split(&open).skip(1).filter_map(|rest| rest.split_once(&close));
    inside.map(|(text, _)| plain(text)).collect()
}

/// The text of the only element of that name.
#[track_caller]
pub fn one(answer: &Answer, name: &str) -> String {
    let mut found = all(answer, name);
    assert_eq!(found.len(), 1, "{name} in {answer:?}");
    found.remove(0)
}

fn plain(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str, text: &str) {
    assert_eq!((answer.status, one(answer, "Code").as_str()), (status, code), "{answer:?}");
    assert_eq!(one(answer, "Message"), text);
}

pub async fn user(bed: &Bed, name: &str) {
    done(bed, "CreateUser", &[("UserName", name)]).await;
}

pub async fn group(bed: &Bed, name: &str) {
    done(bed, "CreateGroup", &[("GroupName", name)]).await;
}

pub async fn role(bed: &Bed, name: &str) {
    done(bed, "CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", TRUST)]).await;
}

/// A policy of the account; its ARN.
pub async fn policy(bed: &Bed, name: &str) -> String {
    one(&done(bed, "CreatePolicy", &[("PolicyName", name), ("PolicyDocument", ALL)]).await, "Arn")
}

/// An access key of a user.
pub async fn key(bed: &Bed, user: &str) -> Who {
    let made = done(bed, "CreateAccessKey", &[("UserName", user)]).await;
    Who { id: one(&made, "AccessKeyId"), secret: one(&made, "SecretAccessKey"), token: None }
}

#[tokio::test]
async fn answers_and_faults_are_in_iams_namespace() {
    let bed = Bed::new().await;
    let made = done(&bed, "CreateUser", &[("UserName", "ana")]).await;
    assert_eq!(made.header("content-type"), Some("text/xml"));
    let start =
        "<CreateUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><CreateUserResult><User>";
    assert!(made.body.starts_with(start), "{made:?}");
    let missing = ask(&bed, "GetUser", &[("UserName", "bob")]).await;
    let start =
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>";
    assert!(missing.body.starts_with(start), "{missing:?}");
    refused(&missing, 404, "NoSuchEntity", "The user with name bob cannot be found.");
    let text = "1 validation error detected: Value at 'UserName' failed to satisfy constraint: Member must not be null";
    refused(&ask(&bed, "CreateUser", &[]).await, 400, "ValidationError", text);
    let text = "CreateSAMLProvider is an operation of AWS that this server does not offer.";
    refused(&ask(&bed, "CreateSAMLProvider", &[]).await, 501, "NotImplemented", text);
    let text = "Could not find operation Nothing for version x";
    refused(&ask(&bed, "Nothing", &[]).await, 400, "InvalidAction", text);
}

#[tokio::test]
async fn identities_are_those_of_an_account() {
    let bed = Bed::with(|config| {
        let file = config.node.data_dir.join("shared-secret");
        std::fs::write(&file, "shared\n").unwrap();
        config.test.any_account_secret_file = Some(file);
    })
    .await;
    user(&bed, "ana").await;
    let arn = policy(&bed, "door").await;
    let other = Who { id: "111122223333".to_owned(), secret: "shared".to_owned(), token: None };
    let listed = ask_as(&bed, &other, Service::Iam, "ListUsers", &[]).await;
    assert_eq!((listed.status, all(&listed, "UserName")), (200, Vec::new()));
    for (action, parameter) in [("GetUser", ("UserName", "ana")), ("GetPolicy", ("PolicyArn", &arn))] {
        let answer = ask_as(&bed, &other, Service::Iam, action, &[parameter]).await;
        assert_eq!((answer.status, one(&answer, "Code").as_str()), (404, "NoSuchEntity"), "{answer:?}");
    }
}
