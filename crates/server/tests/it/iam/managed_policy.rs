use super::{ACCOUNT, ALL, all, ask, done, one, policy, refused, user};
use crate::bed::Bed;

#[tokio::test]
async fn a_policy_is_made_shown_and_deleted() {
    let bed = Bed::new().await;
    let parameters = [
        ("PolicyName", "door"),
        ("Path", "/eng/"),
        ("PolicyDocument", ALL),
        ("Description", "opens"),
        ("Tags.member.1.Key", "k"),
        ("Tags.member.1.Value", "v"),
    ];
    let made = done(&bed, "CreatePolicy", &parameters).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/eng/door");
    let shown = done(&bed, "GetPolicy", &[("PolicyArn", &arn)]).await;
    for answer in [&made, &shown] {
        assert_eq!(one(answer, "Arn"), arn);
        assert_eq!(
            (one(answer, "DefaultVersionId"), one(answer, "AttachmentCount")),
            ("v1".into(), "0".into())
        );
        assert_eq!(
            (one(answer, "IsAttachable"), one(answer, "Description")),
            ("true".into(), "opens".into())
        );
        assert_eq!((one(answer, "Key"), one(answer, "UpdateDate")), ("k".into(), one(answer, "CreateDate")));
        assert!(one(answer, "PolicyId").starts_with("ANPA"));
    }
    let text = "A policy called door already exists. Duplicate names are not allowed.";
    let again = ask(&bed, "CreatePolicy", &[("PolicyName", "door"), ("PolicyDocument", ALL)]).await;
    refused(&again, 409, "EntityAlreadyExists", text);
    let broken = ask(&bed, "CreatePolicy", &[("PolicyName", "x"), ("PolicyDocument", "{}")]).await;
    assert_eq!((broken.status, one(&broken, "Code").as_str()), (400, "MalformedPolicyDocument"));

    user(&bed, "ana").await;
    done(&bed, "AttachUserPolicy", &[("UserName", "ana"), ("PolicyArn", &arn)]).await;
    let text = "Cannot delete a policy attached to entities.";
    refused(&ask(&bed, "DeletePolicy", &[("PolicyArn", &arn)]).await, 409, "DeleteConflict", text);
    done(&bed, "DetachUserPolicy", &[("UserName", "ana"), ("PolicyArn", &arn)]).await;
    done(&bed, "DeletePolicy", &[("PolicyArn", &arn)]).await;
    let text = format!("Policy {arn} was not found.");
    for action in ["GetPolicy", "DeletePolicy", "ListPolicyVersions", "ListPolicyTags"] {
        refused(&ask(&bed, action, &[("PolicyArn", &arn)]).await, 404, "NoSuchEntity", &text);
    }
}

#[tokio::test]
async fn aws_policies_come_before_those_of_the_account() {
    let bed = Bed::new().await;
    for name in ["b", "a"] {
        policy(&bed, name).await;
    }
    let names = |answer: &crate::bed::Answer| all(answer, "PolicyName");
    let whole = names(&done(&bed, "ListPolicies", &[]).await);
    assert_eq!(&whole[whole.len() - 2..], ["b", "a"]);
    assert!(whole.contains(&"AWSIoTThingsRegistration".to_owned()), "{whole:?}");
    // Page by page, whatever the size, it is the same.
    for size in ["1", "2", "5", "13", "14"] {
        let (mut found, mut marker) = (Vec::new(), None::<String>);
        loop {
            let mut parameters = vec![("MaxItems", size)];
            parameters.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let page = done(&bed, "ListPolicies", &parameters).await;
            found.extend(names(&page));
            marker = all(&page, "Marker").pop();
            assert_eq!(one(&page, "IsTruncated"), marker.is_some().to_string());
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(found, whole, "{size}");
    }
    assert_eq!(names(&done(&bed, "ListPolicies", &[("Scope", "Local")]).await), ["b", "a"]);
    assert_eq!(names(&done(&bed, "ListPolicies", &[("Scope", "AWS")]).await).len(), whole.len() - 2);
    let of_services = done(&bed, "ListPolicies", &[("PathPrefix", "/service-role/")]).await;
    assert!(names(&of_services).contains(&"AWSIoTLogging".to_owned()));
    assert!(!names(&of_services).contains(&"AWSIoTFullAccess".to_owned()));
    user(&bed, "ana").await;
    let full = "arn:aws:iam::aws:policy/AWSIoTFullAccess";
    done(&bed, "AttachUserPolicy", &[("UserName", "ana"), ("PolicyArn", full)]).await;
    let used = done(&bed, "ListPolicies", &[("OnlyAttached", "true")]).await;
    assert_eq!(names(&used), ["AWSIoTFullAccess"]);
}

#[tokio::test]
async fn aws_policies_cannot_be_changed() {
    let bed = Bed::new().await;
    let arn = ("PolicyArn", "arn:aws:iam::aws:policy/AWSIoTFullAccess");
    let text = "Policy arn:aws:iam::aws:policy/AWSIoTFullAccess is AWS's own and cannot be changed.";
    for (action, more) in [
        ("DeletePolicy", vec![]),
        ("CreatePolicyVersion", vec![("PolicyDocument", ALL)]),
        ("SetDefaultPolicyVersion", vec![("VersionId", "v1")]),
        ("DeletePolicyVersion", vec![("VersionId", "v1")]),
        ("TagPolicy", vec![("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")]),
        ("UntagPolicy", vec![("TagKeys.member.1", "k")]),
    ] {
        let parameters: Vec<_> = [arn].into_iter().chain(more).collect();
        refused(&ask(&bed, action, &parameters).await, 403, "AccessDenied", text);
    }
}

#[tokio::test]
async fn tags_of_a_policy() {
    let bed = Bed::new().await;
    let arn = policy(&bed, "door").await;
    let arn = ("PolicyArn", arn.as_str());
    done(&bed, "TagPolicy", &[arn, ("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")]).await;
    let listed = done(&bed, "ListPolicyTags", &[arn]).await;
    assert_eq!((one(&listed, "Key"), one(&listed, "Value")), ("k".to_owned(), "v".to_owned()));
    done(&bed, "UntagPolicy", &[arn, ("TagKeys.member.1", "k")]).await;
    assert!(all(&done(&bed, "ListPolicyTags", &[arn]).await, "Key").is_empty());
}
