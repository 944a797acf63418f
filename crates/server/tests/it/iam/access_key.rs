use std::time::Duration;

use adit_aws::Service;

use super::{ACCOUNT, Who, all, ask, ask_as, done, key, one, refused, user};
use crate::bed::Bed;

async fn identity(bed: &Bed, who: &Who) -> crate::bed::Answer {
    ask_as(bed, who, Service::Sts, "GetCallerIdentity", &[]).await
}

#[tokio::test]
async fn a_user_signs_with_its_key_until_it_is_switched_off_or_gone() {
    let bed = Bed::new().await;
    done(&bed, "CreateUser", &[("UserName", "ana"), ("Path", "/eng/")]).await;
    let ana = key(&bed, "ana").await;
    let answer = identity(&bed, &ana).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(one(&answer, "Arn"), format!("arn:aws:iam::{ACCOUNT}:user/eng/ana"));
    assert!(one(&answer, "UserId").starts_with("AIDA"));
    assert_eq!(one(&answer, "Account"), ACCOUNT);

    let wrong = Who { secret: "wrong".to_owned(), id: ana.id.clone(), token: None };
    assert_eq!(one(&identity(&bed, &wrong).await, "Code"), "SignatureDoesNotMatch");
    let named = [("UserName", "ana"), ("AccessKeyId", ana.id.as_str())];
    let switch =
        async |status| done(&bed, "UpdateAccessKey", &[&named[..], &[("Status", status)]].concat()).await;
    let invalid = "The security token included in the request is invalid.";
    switch("Inactive").await;
    refused(&identity(&bed, &ana).await, 403, "InvalidClientTokenId", invalid);
    let listed = done(&bed, "ListAccessKeys", &[("UserName", "ana")]).await;
    assert_eq!(
        (one(&listed, "AccessKeyId"), one(&listed, "Status")),
        (ana.id.clone(), "Inactive".to_owned())
    );
    assert!(!listed.body.contains("Secret"), "{listed:?}");
    switch("Active").await;
    assert_eq!(identity(&bed, &ana).await.status, 200);
    done(&bed, "DeleteAccessKey", &named).await;
    refused(&identity(&bed, &ana).await, 403, "InvalidClientTokenId", invalid);
    let text = format!("The Access Key with id {} cannot be found.", ana.id);
    refused(&ask(&bed, "DeleteAccessKey", &named).await, 404, "NoSuchEntity", &text);
}

#[tokio::test]
async fn two_keys_are_the_most_and_another_users_are_out_of_reach() {
    let bed = Bed::new().await;
    user(&bed, "ana").await;
    user(&bed, "bob").await;
    let first = key(&bed, "ana").await;
    key(&bed, "ana").await;
    let third = ask(&bed, "CreateAccessKey", &[("UserName", "ana")]).await;
    refused(&third, 409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2");
    let others = [("UserName", "bob"), ("AccessKeyId", first.id.as_str())];
    assert_eq!(ask(&bed, "DeleteAccessKey", &others).await.status, 404);
    let text = "The user with name zoe cannot be found.";
    refused(&ask(&bed, "CreateAccessKey", &[("UserName", "zoe")]).await, 404, "NoSuchEntity", text);
}

#[tokio::test]
async fn the_account_has_keys_of_its_own() {
    let bed = Bed::new().await;
    let root = Who::root(&bed);
    let listed = done(&bed, "ListAccessKeys", &[]).await;
    assert_eq!(all(&listed, "AccessKeyId"), [root.id.as_str()]);
    let made = done(&bed, "CreateAccessKey", &[]).await;
    let second = Who { id: one(&made, "AccessKeyId"), secret: one(&made, "SecretAccessKey"), token: None };
    assert_eq!(one(&identity(&bed, &second).await, "Arn"), format!("arn:aws:iam::{ACCOUNT}:root"));
    // The first key can go once there is another.
    let gone = ask_as(&bed, &second, Service::Iam, "DeleteAccessKey", &[("AccessKeyId", &root.id)]).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    assert_eq!(identity(&bed, &root).await.status, 403);
    let bed = bed.restart().await;
    assert_eq!(identity(&bed, &root).await.status, 403);
    assert_eq!(identity(&bed, &second).await.status, 200);
}

#[tokio::test]
async fn the_last_use_is_known_to_a_quarter_of_an_hour() {
    let bed = Bed::new().await;
    user(&bed, "ana").await;
    let ana = key(&bed, "ana").await;
    let last = async || done(&bed, "GetAccessKeyLastUsed", &[("AccessKeyId", &ana.id)]).await;
    let never = last().await;
    assert_eq!((one(&never, "UserName"), one(&never, "ServiceName")), ("ana".to_owned(), "N/A".to_owned()));
    assert!(all(&never, "LastUsedDate").is_empty());
    identity(&bed, &ana).await;
    let used = last().await;
    assert_eq!((one(&used, "ServiceName"), one(&used, "Region")), ("sts".to_owned(), "us-east-1".to_owned()));
    bed.clock.advance(Duration::from_millis(14 * 60_000));
    identity(&bed, &ana).await;
    assert_eq!(one(&last().await, "LastUsedDate"), one(&used, "LastUsedDate"));
    bed.clock.advance(Duration::from_millis(60_000));
    identity(&bed, &ana).await;
    assert_ne!(one(&last().await, "LastUsedDate"), one(&used, "LastUsedDate"));
    let unknown = ask(&bed, "GetAccessKeyLastUsed", &[("AccessKeyId", "AKIAAAAAAAAAAAAAAAAA")]).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn a_secret_is_in_no_file_of_the_store() {
    let bed = Bed::new().await;
    user(&bed, "ana").await;
    let ana = key(&bed, "ana").await;
    let mut seen = 0;
    for entry in std::fs::read_dir(bed.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(40).any(|window| window == ana.secret.as_bytes()), "{path:?}");
            seen += usize::from(bytes.windows(20).any(|window| window == ana.id.as_bytes()));
        }
    }
    assert!(seen > 0, "the key id is nowhere");
}
