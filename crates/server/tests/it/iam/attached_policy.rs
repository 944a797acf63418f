use super::{all, ask, done, group, one, policy, refused, role, user};
use crate::bed::Bed;

const LOGGING: &str = "arn:aws:iam::aws:policy/service-role/AWSIoTLogging";

#[tokio::test]
async fn policies_of_the_account_and_of_aws_are_attached_and_detached() {
    let bed = Bed::new().await;
    user(&bed, "x").await;
    group(&bed, "x").await;
    role(&bed, "x").await;
    let door = policy(&bed, "door").await;
    for kind in ["User", "Group", "Role"] {
        let name_key = format!("{kind}Name");
        let name = (name_key.as_str(), "x");
        for arn in [&door, LOGGING, LOGGING] {
            done(&bed, &format!("Attach{kind}Policy"), &[name, ("PolicyArn", arn)]).await;
        }
        let list = format!("ListAttached{kind}Policies");
        let listed = done(&bed, &list, &[name]).await;
        assert_eq!(all(&listed, "PolicyArn"), [door.as_str(), LOGGING]);
        assert_eq!(all(&listed, "PolicyName"), ["door", "AWSIoTLogging"]);
        let first = done(&bed, &list, &[name, ("MaxItems", "1")]).await;
        let second = done(&bed, &list, &[name, ("Marker", &one(&first, "Marker"))]).await;
        assert_eq!(
            (all(&first, "PolicyArn"), all(&second, "PolicyArn")),
            (vec![door.clone()], vec![LOGGING.to_owned()])
        );
    }
    let entities = done(&bed, "ListEntitiesForPolicy", &[("PolicyArn", LOGGING)]).await;
    assert_eq!(
        (one(&entities, "UserName"), one(&entities, "GroupName"), one(&entities, "RoleName")),
        ("x".into(), "x".into(), "x".into())
    );
    let roles = [("PolicyArn", LOGGING), ("EntityFilter", "Role")];
    let entities = done(&bed, "ListEntitiesForPolicy", &roles).await;
    assert_eq!((all(&entities, "UserName").len(), one(&entities, "RoleName")), (0, "x".to_owned()));
    let counted = done(&bed, "GetPolicy", &[("PolicyArn", LOGGING)]).await;
    assert_eq!(one(&counted, "AttachmentCount"), "3");

    let detach = [("RoleName", "x"), ("PolicyArn", LOGGING)];
    done(&bed, "DetachRolePolicy", &detach).await;
    let text = format!("Policy {LOGGING} was not found.");
    refused(&ask(&bed, "DetachRolePolicy", &detach).await, 404, "NoSuchEntity", &text);
}

#[tokio::test]
async fn an_arn_must_be_that_of_a_policy_there_is() {
    let bed = Bed::new().await;
    role(&bed, "x").await;
    for (arn, status, code, text) in [
        (
            "arn:aws:iam::aws:policy/AWSIoTNothing",
            404,
            "NoSuchEntity",
            "Policy arn:aws:iam::aws:policy/AWSIoTNothing does not exist or is not attachable.",
        ),
        (
            "arn:aws:iam::aws:policy/AWSIoTLogging",
            404,
            "NoSuchEntity",
            "Policy arn:aws:iam::aws:policy/AWSIoTLogging does not exist or is not attachable.",
        ),
        (
            "arn:aws:iam::210987654321:policy/door",
            404,
            "NoSuchEntity",
            "Policy arn:aws:iam::210987654321:policy/door does not exist or is not attachable.",
        ),
        ("this-is-no-arn-at-all", 400, "InvalidInput", "ARN this-is-no-arn-at-all is not valid."),
    ] {
        refused(
            &ask(&bed, "AttachRolePolicy", &[("RoleName", "x"), ("PolicyArn", arn)]).await,
            status,
            code,
            text,
        );
    }
    let missing = ask(&bed, "AttachRolePolicy", &[("RoleName", "y"), ("PolicyArn", LOGGING)]).await;
    refused(&missing, 404, "NoSuchEntity", "The role with name y cannot be found.");
}

#[tokio::test]
async fn ten_policies_are_the_most() {
    let bed = Bed::new().await;
    role(&bed, "x").await;
    for number in 0..11 {
        let arn = policy(&bed, &format!("p{number}")).await;
        let answer = ask(&bed, "AttachRolePolicy", &[("RoleName", "x"), ("PolicyArn", &arn)]).await;
        if number < 10 {
            assert_eq!(answer.status, 200);
        } else {
            refused(&answer, 409, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10");
        }
    }
}
