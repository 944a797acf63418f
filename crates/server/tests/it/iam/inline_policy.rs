use adit_aws::percent_encoded;

use super::{ALL, all, ask, done, group, one, refused, role, user};
use crate::bed::Bed;

#[tokio::test]
async fn users_groups_and_roles_have_policies_of_their_own() {
    let bed = Bed::new().await;
    user(&bed, "x").await;
    group(&bed, "x").await;
    role(&bed, "x").await;
    for kind in ["User", "Group", "Role"] {
        let name_key = format!("{kind}Name");
        let name = (name_key.as_str(), "x");
        for policy in ["p", "q", "p"] {
            let parameters = [name, ("PolicyName", policy), ("PolicyDocument", ALL)];
            done(&bed, &format!("Put{kind}Policy"), &parameters).await;
        }
        let list = format!("List{kind}Policies");
        let first = done(&bed, &list, &[name, ("MaxItems", "1")]).await;
        let marker = one(&first, "Marker");
        let second = done(&bed, &list, &[name, ("Marker", &marker)]).await;
        assert!(first.body.contains("<PolicyNames><member>p</member></PolicyNames>"), "{first:?}");
        assert!(second.body.contains("<PolicyNames><member>q</member></PolicyNames>"), "{second:?}");
        let shown = done(&bed, &format!("Get{kind}Policy"), &[name, ("PolicyName", "p")]).await;
        assert_eq!(one(&shown, "PolicyDocument"), percent_encoded(ALL.as_bytes()));
        assert_eq!((one(&shown, &name_key), one(&shown, "PolicyName")), ("x".to_owned(), "p".to_owned()));

        let delete = format!("Delete{kind}Policy");
        let hindered = ask(&bed, &format!("Delete{kind}"), &[name]).await;
        refused(&hindered, 409, "DeleteConflict", "Cannot delete entity, must delete policies first.");
        done(&bed, &delete, &[name, ("PolicyName", "p")]).await;
        let lower = kind.to_lowercase();
        let text = format!("The {lower} policy with name p cannot be found.");
        refused(&ask(&bed, &delete, &[name, ("PolicyName", "p")]).await, 404, "NoSuchEntity", &text);
        let text = format!("The {lower} with name zoe cannot be found.");
        let answer = ask(&bed, &delete, &[(&name_key, "zoe"), ("PolicyName", "p")]).await;
        refused(&answer, 404, "NoSuchEntity", &text);
        assert_eq!(all(&done(&bed, &list, &[name]).await, "member"), ["q"]);
    }
}

#[tokio::test]
async fn a_document_must_be_one_and_fit() {
    let bed = Bed::new().await;
    user(&bed, "x").await;
    for document in
        ["{", "doc", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*"}]}"#]
    {
        let parameters = [("UserName", "x"), ("PolicyName", "p"), ("PolicyDocument", document)];
        let answer = ask(&bed, "PutUserPolicy", &parameters).await;
        assert_eq!(
            (answer.status, one(&answer, "Code").as_str()),
            (400, "MalformedPolicyDocument"),
            "{answer:?}"
        );
    }
    let long = ALL.replace("\"*\"", &format!("\"arn:aws:iot:us-east-1:1:{}\"", "x".repeat(2048)));
    let answer =
        ask(&bed, "PutUserPolicy", &[("UserName", "x"), ("PolicyName", "p"), ("PolicyDocument", &long)])
            .await;
    refused(&answer, 409, "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user x");
}
