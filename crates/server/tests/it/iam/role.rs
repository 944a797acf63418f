use adit_aws::percent_encoded;

use super::{ACCOUNT, TRUST, all, ask, done, one, refused, role};
use crate::bed::Bed;

#[tokio::test]
async fn a_role_is_made_shown_changed_and_deleted() {
    let bed = Bed::new().await;
    let name = ("RoleName", "JITPRole");
    let made = done(
        &bed,
        "CreateRole",
        &[name, ("Path", "/service-role/"), ("AssumeRolePolicyDocument", TRUST), ("Description", "for JITP")],
    )
    .await;
    let shown = done(&bed, "GetRole", &[name]).await;
    for answer in [&made, &shown] {
        assert_eq!(one(answer, "Arn"), format!("arn:aws:iam::{ACCOUNT}:role/service-role/JITPRole"));
        assert_eq!(one(answer, "AssumeRolePolicyDocument"), percent_encoded(TRUST.as_bytes()));
        assert_eq!(
            (one(answer, "Description"), one(answer, "MaxSessionDuration")),
            ("for JITP".into(), "3600".into())
        );
        assert!(one(answer, "RoleId").starts_with("AROA"));
    }
    let again = ask(&bed, "CreateRole", &[name, ("AssumeRolePolicyDocument", TRUST)]).await;
    refused(&again, 409, "EntityAlreadyExists", "Role with name JITPRole already exists.");

    done(&bed, "UpdateRole", &[name, ("MaxSessionDuration", "7200")]).await;
    let described = done(&bed, "UpdateRoleDescription", &[name, ("Description", "")]).await;
    assert_eq!(
        (one(&described, "Description"), one(&described, "MaxSessionDuration")),
        (String::new(), "7200".into())
    );
    let trust = TRUST.replace("iot.amazonaws.com", "credentials.iot.amazonaws.com");
    done(&bed, "UpdateAssumeRolePolicy", &[name, ("PolicyDocument", &trust)]).await;
    let shown = done(&bed, "GetRole", &[name]).await;
    assert_eq!(one(&shown, "AssumeRolePolicyDocument"), percent_encoded(trust.as_bytes()));

    role(&bed, "other").await;
    assert_eq!(all(&done(&bed, "ListRoles", &[]).await, "RoleName"), ["JITPRole", "other"]);
    let some = done(&bed, "ListRoles", &[("PathPrefix", "/service-role/")]).await;
    assert_eq!(all(&some, "RoleName"), ["JITPRole"]);
    done(&bed, "DeleteRole", &[name]).await;
    let text = "The role with name JITPRole cannot be found.";
    for action in ["GetRole", "DeleteRole"] {
        refused(&ask(&bed, action, &[name]).await, 404, "NoSuchEntity", text);
    }
}

#[tokio::test]
async fn a_trust_policy_must_name_somebody() {
    let bed = Bed::new().await;
    for document in
        ["{", "[]", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}"#]
    {
        let parameters = [("RoleName", "r"), ("AssumeRolePolicyDocument", document)];
        let answer = ask(&bed, "CreateRole", &parameters).await;
        assert_eq!(
            (answer.status, one(&answer, "Code").as_str()),
            (400, "MalformedPolicyDocument"),
            "{answer:?}"
        );
    }
    assert_eq!(ask(&bed, "GetRole", &[("RoleName", "r")]).await.status, 404);
    role(&bed, "r").await;
    let long = TRUST.replace("iot.amazonaws.com", &format!("{}.amazonaws.com", "x".repeat(2048)));
    let answer = ask(&bed, "UpdateAssumeRolePolicy", &[("RoleName", "r"), ("PolicyDocument", &long)]).await;
    refused(&answer, 409, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048");
}
