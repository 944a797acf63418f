//! Temporary credentials: who gets them, what they are good for and how long.

use std::time::Duration;

use adit_aws::{Service, Signer};
use serde_json::json;

use crate::bed::{Answer, Bed};
use crate::iam::{ACCOUNT, ALL, Who, all, ask_as, done, key, one, refused, user};

/// A trust policy for a principal, perhaps under a condition.
fn trust(principal: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"{condition}}}]}}"#
    )
}

async fn role(bed: &Bed, name: &str, document: &str) -> String {
    let parameters = [("RoleName", name), ("AssumeRolePolicyDocument", document)];
    one(&done(bed, "CreateRole", &parameters).await, "Arn")
}

async fn sts(bed: &Bed, who: &Who, action: &str, parameters: &[(&str, &str)]) -> Answer {
    ask_as(bed, who, Service::Sts, action, parameters).await
}

async fn assume(bed: &Bed, who: &Who, arn: &str, more: &[(&str, &str)]) -> Answer {
    let parameters = [&[("RoleArn", arn), ("RoleSessionName", "shift")], more].concat();
    sts(bed, who, "AssumeRole", &parameters).await
}

#[track_caller]
fn credentials(answer: &Answer) -> Who {
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = Some(one(answer, "SessionToken"));
    Who { id: one(answer, "AccessKeyId"), secret: one(answer, "SecretAccessKey"), token }
}

async fn identity(bed: &Bed, who: &Who) -> Answer {
    sts(bed, who, "GetCallerIdentity", &[]).await
}

const EXPIRED: &str = "The security token included in the request is expired";
const INVALID: &str = "The security token included in the request is invalid.";

#[tokio::test]
async fn a_role_is_assumed_by_whom_it_trusts() {
    let bed = Bed::new().await;
    user(&bed, "ana").await;
    user(&bed, "bob").await;
    let (ana, bob) = (key(&bed, "ana").await, key(&bed, "bob").await);
    let arn = role(&bed, "door", &trust(&format!("arn:aws:iam::{ACCOUNT}:user/ana"), "")).await;
    let answer = assume(&bed, &ana, &arn, &[]).await;
    let session = credentials(&answer);
    assert!(session.id.starts_with("ASIA") && session.id.len() == 20, "{}", session.id);
    let session_arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/door/shift");
    assert_eq!(one(&answer, "Arn"), session_arn);
    let who = identity(&bed, &session).await;
    assert_eq!((one(&who, "Arn"), one(&who, "Account")), (session_arn, ACCOUNT.to_owned()));
    let id = one(&who, "UserId");
    assert!(id.starts_with("AROA") && id.ends_with(":shift"), "{id}");
    assert_eq!(id, one(&answer, "AssumedRoleId"));

    let denied = assume(&bed, &bob, &arn, &[]).await;
    let text = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: sts:AssumeRole on resource: {arn}"
    );
    assert_eq!((denied.status, one(&denied, "Code").as_str()), (403, "AccessDenied"));
    assert!(one(&denied, "Message").starts_with(&text), "{denied:?}");
    let missing = arn.replace("door", "window");
    assert_eq!(one(&assume(&bed, &ana, &missing, &[]).await, "Code"), "AccessDenied");
    for wrong in ["arn:aws:iam::123456789012:user/ana", "no-arn-but-long-enough"] {
        let answer = assume(&bed, &ana, wrong, &[]).await;
        refused(&answer, 400, "ValidationError", &format!("{wrong} is invalid"));
    }
}

#[tokio::test]
async fn a_trusted_account_decides_itself_who_of_it_may_assume_the_role() {
    let bed = Bed::new().await;
    user(&bed, "ana").await;
    let ana = key(&bed, "ana").await;
    let arn = role(&bed, "door", &trust(ACCOUNT, "")).await;
    assert_eq!(one(&assume(&bed, &ana, &arn, &[]).await, "Code"), "AccessDenied");
    let may = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"{arn}"}}]}}"#
    );
    let policy = [("UserName", "ana"), ("PolicyName", "p"), ("PolicyDocument", may.as_str())];
    done(&bed, "PutUserPolicy", &policy).await;
    credentials(&assume(&bed, &ana, &arn, &[]).await);
    done(&bed, "DeleteUserPolicy", &policy[..2]).await;
    assert_eq!(one(&assume(&bed, &ana, &arn, &[]).await, "Code"), "AccessDenied");
}

#[tokio::test]
async fn a_session_may_no_more_than_its_role_has_left() {
    let bed = Bed::new().await;
    let arn = role(&bed, "door", &trust(&format!("arn:aws:iam::{ACCOUNT}:root"), "")).await;
    let session = credentials(&assume(&bed, &Who::root(&bed), &arn, &[]).await);
    let users = async || ask_as(&bed, &session, Service::Iam, "ListUsers", &[]).await;
    let denied = users().await;
    assert_eq!((denied.status, one(&denied, "Code").as_str()), (403, "AccessDenied"));
    let reads = [("RoleName", "door"), ("PolicyArn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")];
    done(&bed, "AttachRolePolicy", &reads).await;
    assert_eq!(users().await.status, 200);
    done(&bed, "DetachRolePolicy", &reads).await;
    assert_eq!(users().await.status, 403);
    done(&bed, "AttachRolePolicy", &reads).await;
    assert_eq!(users().await.status, 200);
    done(&bed, "DetachRolePolicy", &reads).await;
    done(&bed, "DeleteRole", &[("RoleName", "door")]).await;
    // A role of the same name is another one.
    role(&bed, "door", &trust(&format!("arn:aws:iam::{ACCOUNT}:root"), "")).await;
    done(&bed, "AttachRolePolicy", &reads).await;
    assert_eq!(users().await.status, 403);
}

#[tokio::test]
async fn an_external_id_must_be_the_one_asked_for() {
    let bed = Bed::new().await;
    user(&bed, "ana").await;
    let ana = key(&bed, "ana").await;
    let condition = r#","Condition":{"StringEquals":{"sts:ExternalId":"42"}}"#;
    let arn = role(&bed, "door", &trust(&format!("arn:aws:iam::{ACCOUNT}:user/ana"), condition)).await;
    for (more, status) in [(&[][..], 403), (&[("ExternalId", "41")], 403), (&[("ExternalId", "42")], 200)] {
        assert_eq!(assume(&bed, &ana, &arn, more).await.status, status, "{more:?}");
    }
}

#[tokio::test]
async fn a_session_ends_and_says_so_in_every_wire_form() {
    let bed = Bed::new().await;
    let root = Who::root(&bed);
    let arn = role(&bed, "door", &trust(&format!("arn:aws:iam::{ACCOUNT}:root"), "")).await;
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    done(&bed, "AttachRolePolicy", &[("RoleName", "door"), ("PolicyArn", admin)]).await;
    let answer = assume(&bed, &root, &arn, &[("DurationSeconds", "900")]).await;
    let session = credentials(&answer);
    let call = async |service: Service, method: &str, path: &str, target: &[&str]| {
        let signer = Signer {
            key_id: &session.id,
            secret: &session.secret,
            session_token: session.token.as_deref(),
            region: "us-east-1",
            service: service.signing_name(),
            now: bed.clock.now_ms() / 1000,
        };
        let body = if target.is_empty() { "" } else { "{}" };
        bed.signed_by(&signer, method, path, target, body).await
    };
    let tunneling = ["x-amz-target: IoTSecuredTunneling.ListTunnels"];
    bed.clock.advance(Duration::from_millis(899_000));
    assert_eq!(identity(&bed, &session).await.status, 200);
    assert_eq!(call(Service::Iot, "GET", "/things", &[]).await.status, 200);
    assert_eq!(call(Service::Tunneling, "POST", "/", &tunneling).await.status, 200);
    bed.clock.advance(Duration::from_millis(1_000));
    refused(&identity(&bed, &session).await, 403, "ExpiredToken", EXPIRED);
    for (answer, status) in [
        (call(Service::Iot, "GET", "/things", &[]).await, 403),
        (call(Service::Tunneling, "POST", "/", &tunneling).await, 400),
    ] {
        let code = answer.header("x-amzn-errortype").map(str::to_owned);
        assert_eq!((answer.status, code.as_deref()), (status, Some("ExpiredTokenException")), "{answer:?}");
        assert_eq!(answer.json()["message"], json!(EXPIRED));
    }
}

#[tokio::test]
async fn a_token_is_good_for_its_own_key_and_a_session_for_its_own_token() {
    let bed = Bed::new().await;
    let root = Who::root(&bed);
    let arn = role(&bed, "door", &trust(&format!("arn:aws:iam::{ACCOUNT}:root"), "")).await;
    let one_session = credentials(&assume(&bed, &root, &arn, &[]).await);
    let other = credentials(&assume(&bed, &root, &arn, &[]).await);
    assert_ne!(one_session.id, other.id);
    let mut changed = one_session.token.clone().unwrap().into_bytes();
    changed[40] = if changed[40] == b'A' { b'B' } else { b'A' };
    for token in
        [None, other.token.clone(), Some("nothing".to_owned()), Some(String::from_utf8(changed).unwrap())]
    {
        let who = Who { token, id: one_session.id.clone(), secret: one_session.secret.clone() };
        refused(&identity(&bed, &who).await, 403, "InvalidClientTokenId", INVALID);
    }
    let wrong =
        Who { secret: other.secret.clone(), token: one_session.token.clone(), id: one_session.id.clone() };
    assert_eq!(one(&identity(&bed, &wrong).await, "Code"), "SignatureDoesNotMatch");
    let long_lived = Who { token: one_session.token.clone(), ..Who::root(&bed) };
    refused(&identity(&bed, &long_lived).await, 403, "InvalidClientTokenId", INVALID);
    // Nothing of a session is stored, and yet it outlives a restart.
    let bed = bed.restart().await;
    assert_eq!(identity(&bed, &one_session).await.status, 200);
}

#[tokio::test]
async fn a_session_lasts_as_long_as_the_role_allows_and_an_hour_when_chained() {
    let bed = Bed::new().await;
    let root = Who::root(&bed);
    let account = format!("arn:aws:iam::{ACCOUNT}:root");
    let first = role(&bed, "first", &trust(&account, "")).await;
    let second = role(&bed, "second", &trust(&first, "")).await;
    let ask = async |who: &Who, arn: &str, seconds: &str| {
        assume(&bed, who, arn, &[("DurationSeconds", seconds)]).await
    };
    let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    refused(&ask(&root, &first, "3601").await, 400, "ValidationError", text);
    assert!(one(&ask(&root, &first, "899").await, "Message").contains("greater than or equal to 900"));
    assert!(one(&ask(&root, &first, "43201").await, "Message").contains("less than or equal to 43200"));
    for name in ["first", "second"] {
        done(&bed, "UpdateRole", &[("RoleName", name), ("MaxSessionDuration", "43200")]).await;
    }
    let session = credentials(&ask(&root, &first, "43200").await);
    let text =
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
    refused(&ask(&session, &second, "3601").await, 400, "ValidationError", text);
    let chained = ask(&session, &second, "3600").await;
    assert_eq!(one(&chained, "Arn"), format!("arn:aws:sts::{ACCOUNT}:assumed-role/second/shift"));
    credentials(&chained);
}

#[tokio::test]
async fn a_session_policy_must_be_one_and_what_is_not_supported_is_refused() {
    let bed = Bed::new().await;
    let root = Who::root(&bed);
    let arn = role(&bed, "door", &trust(&format!("arn:aws:iam::{ACCOUNT}:root"), "")).await;
    let with = async |more: &[(&str, &str)]| assume(&bed, &root, &arn, more).await;
    let taken = with(&[("Policy", ALL)]).await;
    assert_eq!(identity(&bed, &credentials(&taken)).await.status, 200);
    assert_eq!(all(&taken, "PackedPolicySize").len(), 1);
    assert_eq!(one(&with(&[("Policy", "{}")]).await, "Code"), "MalformedPolicyDocument");
    for (name, value, called) in [
        ("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/AWSIoTDataAccess", "PolicyArns"),
        ("SourceIdentity", "ana", "SourceIdentity"),
        ("SerialNumber", "GAHT12345678", "SerialNumber"),
    ] {
        let text = format!("{called} is not supported by this server; leave it out.");
        refused(&with(&[(name, value)]).await, 400, "ValidationError", &text);
    }
}

#[tokio::test]
async fn a_user_gets_a_session_of_its_own() {
    let bed = Bed::new().await;
    user(&bed, "ana").await;
    let ana = key(&bed, "ana").await;
    let session = credentials(&sts(&bed, &ana, "GetSessionToken", &[("DurationSeconds", "129600")]).await);
    let who = identity(&bed, &session).await;
    assert_eq!(one(&who, "Arn"), format!("arn:aws:iam::{ACCOUNT}:user/ana"));
    let again = sts(&bed, &session, "GetSessionToken", &[]).await;
    refused(&again, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials");
    bed.clock.advance(Duration::from_millis(129_600_000));
    refused(&identity(&bed, &session).await, 403, "ExpiredToken", EXPIRED);
    // The account's own lasts an hour, whatever was asked for.
    let root =
        credentials(&sts(&bed, &Who::root(&bed), "GetSessionToken", &[("DurationSeconds", "7200")]).await);
    assert_eq!(one(&identity(&bed, &root).await, "Arn"), format!("arn:aws:iam::{ACCOUNT}:root"));
    bed.clock.advance(Duration::from_millis(3_600_000));
    refused(&identity(&bed, &root).await, 403, "ExpiredToken", EXPIRED);
}

#[tokio::test]
async fn a_session_of_a_user_goes_with_the_user_and_not_with_its_name() {
    let bed = Bed::new().await;
    user(&bed, "ana").await;
    let everything = "arn:aws:iam::aws:policy/IAMFullAccess";
    done(&bed, "AttachUserPolicy", &[("UserName", "ana"), ("PolicyArn", everything)]).await;
    let ana = key(&bed, "ana").await;
    let session = credentials(&sts(&bed, &ana, "GetSessionToken", &[]).await);
    done(&bed, "UpdateUser", &[("UserName", "ana"), ("NewUserName", "zoe")]).await;
    user(&bed, "ana").await;
    assert_eq!(one(&identity(&bed, &session).await, "Arn"), format!("arn:aws:iam::{ACCOUNT}:user/zoe"));
    let made = ask_as(&bed, &session, Service::Iam, "CreateAccessKey", &[]).await;
    assert_eq!((made.status, one(&made, "UserName").as_str()), (200, "zoe"), "{made:?}");

    for id in [&ana.id, &one(&made, "AccessKeyId")] {
        done(&bed, "DeleteAccessKey", &[("UserName", "zoe"), ("AccessKeyId", id)]).await;
    }
    done(&bed, "DetachUserPolicy", &[("UserName", "zoe"), ("PolicyArn", everything)]).await;
    done(&bed, "DeleteUser", &[("UserName", "zoe")]).await;
    refused(&identity(&bed, &session).await, 403, "InvalidClientTokenId", INVALID);
}

#[tokio::test]
async fn whose_key_it_is_is_told_to_its_account() {
    let bed = Bed::new().await;
    let root = Who::root(&bed);
    let answer = sts(&bed, &root, "GetAccessKeyInfo", &[("AccessKeyId", &root.id)]).await;
    assert_eq!(one(&answer, "Account"), ACCOUNT);
    let unknown = sts(&bed, &root, "GetAccessKeyInfo", &[("AccessKeyId", "AKIAAAAAAAAAAAAAAAAA")]).await;
    assert_eq!((unknown.status, one(&unknown, "Code").as_str()), (400, "ValidationError"));
}
