use super::{all, ask, done, one, refused, role, user};
use crate::bed::Bed;

#[tokio::test]
async fn what_tools_look_for_before_they_delete_is_not_there() {
    let bed = Bed::new().await;
    user(&bed, "ana").await;
    role(&bed, "jitp").await;
    let ana = [("UserName", "ana")];
    for (action, parameters) in [
        ("ListInstanceProfilesForRole", &[("RoleName", "jitp")][..]),
        ("ListMFADevices", &ana),
        ("ListSSHPublicKeys", &ana),
        ("ListSigningCertificates", &ana),
        ("ListServiceSpecificCredentials", &ana),
        ("ListVirtualMFADevices", &[]),
        ("ListAccountAliases", &[]),
    ] {
        let listed = done(&bed, action, parameters).await;
        assert_eq!(
            (one(&listed, "IsTruncated").as_str(), all(&listed, "member").len()),
            ("false", 0),
            "{action}"
        );
    }
    for action in ["GetLoginProfile", "DeleteLoginProfile"] {
        let answer = ask(&bed, action, &ana).await;
        refused(&answer, 404, "NoSuchEntity", "Login Profile for User ana cannot be found.");
    }
    for (action, parameter) in
        [("ListInstanceProfilesForRole", ("RoleName", "no")), ("ListMFADevices", ("UserName", "no"))]
    {
        assert_eq!(ask(&bed, action, &[parameter]).await.status, 404, "{action}");
    }
}
