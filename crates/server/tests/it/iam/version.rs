use adit_aws::percent_encoded;

use super::{ALL, all, ask, done, one, policy, refused};
use crate::bed::Bed;

#[tokio::test]
async fn versions_count_up_to_five_and_the_default_one_stays() {
    let bed = Bed::new().await;
    let text = policy(&bed, "door").await;
    let arn = ("PolicyArn", text.as_str());
    let denied = ALL.replace("Allow", "Deny");
    for number in 2..=5 {
        let default = if number == 3 { "true" } else { "false" };
        let parameters = [arn, ("PolicyDocument", denied.as_str()), ("SetAsDefault", default)];
        let made = done(&bed, "CreatePolicyVersion", &parameters).await;
        assert_eq!(
            (one(&made, "VersionId"), one(&made, "IsDefaultVersion")),
            (format!("v{number}"), default.into())
        );
    }
    let sixth = ask(&bed, "CreatePolicyVersion", &[arn, ("PolicyDocument", ALL)]).await;
    assert_eq!((sixth.status, one(&sixth, "Code").as_str()), (409, "LimitExceeded"));
    let listed = done(&bed, "ListPolicyVersions", &[arn]).await;
    assert_eq!(all(&listed, "VersionId"), ["v5", "v4", "v3", "v2", "v1"]);
    assert_eq!(all(&listed, "IsDefaultVersion"), ["false", "false", "true", "false", "false"]);
    let shown = done(&bed, "GetPolicyVersion", &[arn, ("VersionId", "v3")]).await;
    assert_eq!(one(&shown, "Document"), percent_encoded(denied.as_bytes()));
    assert_eq!(one(&done(&bed, "GetPolicy", &[arn]).await, "DefaultVersionId"), "v3");

    let kept = ask(&bed, "DeletePolicyVersion", &[arn, ("VersionId", "v3")]).await;
    refused(&kept, 409, "DeleteConflict", "Cannot delete the default version of a policy.");
    done(&bed, "SetDefaultPolicyVersion", &[arn, ("VersionId", "v1")]).await;
    done(&bed, "DeletePolicyVersion", &[arn, ("VersionId", "v3")]).await;
    let kept = ask(&bed, "DeletePolicy", &[arn]).await;
    assert!(one(&kept, "Message").starts_with("This policy has more than one version."), "{kept:?}");
    for action in ["GetPolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion"] {
        let missing = ask(&bed, action, &[arn, ("VersionId", "v3")]).await;
        let message = format!("Policy {text} version v3 does not exist or is not attachable.");
        refused(&missing, 404, "NoSuchEntity", &message);
    }
}

#[tokio::test]
async fn aws_policies_have_one_version() {
    let bed = Bed::new().await;
    let arn = ("PolicyArn", "arn:aws:iam::aws:policy/AWSIoTDataAccess");
    let version = one(&done(&bed, "GetPolicy", &[arn]).await, "DefaultVersionId");
    let listed = done(&bed, "ListPolicyVersions", &[arn]).await;
    assert_eq!(
        (one(&listed, "VersionId"), one(&listed, "IsDefaultVersion")),
        (version.clone(), "true".to_owned())
    );
    let shown = done(&bed, "GetPolicyVersion", &[arn, ("VersionId", &version)]).await;
    assert!(one(&shown, "Document").contains("iot%3AConnect"), "{shown:?}");
}
