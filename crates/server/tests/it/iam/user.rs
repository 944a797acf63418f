use super::{ACCOUNT, all, ask, done, one, policy, refused, role, user};
use crate::bed::Bed;

#[tokio::test]
async fn a_user_is_made_shown_changed_and_deleted() {
    let bed = Bed::new().await;
    let tags = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "a b")];
    let made =
        done(&bed, "CreateUser", &[&[("UserName", "ana"), ("Path", "/eng/")], &tags[..]].concat()).await;
    let shown = done(&bed, "GetUser", &[("UserName", "ana")]).await;
    for answer in [&made, &shown] {
        assert_eq!(one(answer, "Arn"), format!("arn:aws:iam::{ACCOUNT}:user/eng/ana"));
        assert_eq!(one(answer, "Path"), "/eng/");
        assert_eq!((one(answer, "Key"), one(answer, "Value")), ("team".to_owned(), "a b".to_owned()));
        let (id, date) = (one(answer, "UserId"), one(answer, "CreateDate"));
        assert!(id.len() == 21 && id.starts_with("AIDA"), "{id}");
        assert!(date.len() == 20 && date.ends_with('Z') && date.contains('T'), "{date}");
    }
    assert_eq!(one(&made, "UserId"), one(&shown, "UserId"));
    for name in ["ana", "ANA"] {
        let text = format!("User with name {name} already exists.");
        refused(&ask(&bed, "CreateUser", &[("UserName", name)]).await, 409, "EntityAlreadyExists", &text);
    }
    user(&bed, "bob").await;
    let taken = ask(&bed, "UpdateUser", &[("UserName", "ana"), ("NewUserName", "bob")]).await;
    refused(&taken, 409, "EntityAlreadyExists", "User with name bob already exists.");
    done(&bed, "UpdateUser", &[("UserName", "ana"), ("NewUserName", "zoe"), ("NewPath", "/")]).await;
    let arn = one(&done(&bed, "GetUser", &[("UserName", "zoe")]).await, "Arn");
    assert_eq!(arn, format!("arn:aws:iam::{ACCOUNT}:user/zoe"));
    done(&bed, "DeleteUser", &[("UserName", "zoe")]).await;
    let text = "The user with name zoe cannot be found.";
    refused(&ask(&bed, "DeleteUser", &[("UserName", "zoe")]).await, 404, "NoSuchEntity", text);
}

#[tokio::test]
async fn users_are_listed_page_by_page() {
    let bed = Bed::new().await;
    for name in ["c", "b", "a"] {
        user(&bed, name).await;
    }
    done(&bed, "CreateUser", &[("UserName", "d"), ("Path", "/x/")]).await;
    let first = done(&bed, "ListUsers", &[("MaxItems", "3")]).await;
    assert_eq!(all(&first, "UserName"), ["c", "b", "a"]);
    assert_eq!(one(&first, "IsTruncated"), "true");
    let marker = one(&first, "Marker");
    let second = done(&bed, "ListUsers", &[("Marker", &marker), ("MaxItems", "3")]).await;
    assert_eq!(
        (all(&second, "UserName"), one(&second, "IsTruncated")),
        (vec!["d".to_owned()], "false".to_owned())
    );
    assert!(all(&second, "Marker").is_empty());
    assert_eq!(all(&done(&bed, "ListUsers", &[("PathPrefix", "/x")]).await, "UserName"), ["d"]);
    let wrong = ask(&bed, "ListGroups", &[("Marker", &marker)]).await;
    refused(&wrong, 400, "ValidationError", "Invalid/Malformed marker passed for listGroups");
}

#[tokio::test]
async fn what_hangs_on_a_user_hinders_its_deletion() {
    let bed = Bed::new().await;
    user(&bed, "ana").await;
    let name = ("UserName", "ana");
    let hindered = async |what: &str| {
        let text = format!("Cannot delete entity, must {what} first.");
        refused(&ask(&bed, "DeleteUser", &[name]).await, 409, "DeleteConflict", &text);
    };
    let id = one(&done(&bed, "CreateAccessKey", &[name]).await, "AccessKeyId");
    hindered("delete access keys").await;
    done(&bed, "DeleteAccessKey", &[name, ("AccessKeyId", &id)]).await;
    let arn = policy(&bed, "door").await;
    done(&bed, "AttachUserPolicy", &[name, ("PolicyArn", &arn)]).await;
    hindered("detach all policies").await;
    done(&bed, "DetachUserPolicy", &[name, ("PolicyArn", &arn)]).await;
    done(&bed, "DeleteUser", &[name]).await;
}

#[tokio::test]
async fn the_audit_says_who_did_what_to_whom() {
    let bed = Bed::new().await;
    done(&bed, "CreateUser", &[("UserName", "ana"), ("Path", "/eng/")]).await;
    let arn = policy(&bed, "door").await;
    done(&bed, "AttachUserPolicy", &[("UserName", "ana"), ("PolicyArn", &arn)]).await;
    let rows = bed.audit().await;
    let row =
        |action: &str| rows.iter().find(|row| row["action"] == action).unwrap_or_else(|| panic!("{rows:?}"));
    assert_eq!(row("CreateUser")["resource"], format!("arn:aws:iam::{ACCOUNT}:user/eng/ana"));
    assert_eq!(row("CreateUser")["principal"], format!("arn:aws:iam::{ACCOUNT}:root"));
    assert_eq!(row("AttachUserPolicy")["resource"], arn);
}

#[tokio::test]
async fn a_caller_without_a_name_is_meant_itself() {
    let bed = Bed::new().await;
    let root = done(&bed, "GetUser", &[]).await;
    assert_eq!(one(&root, "Arn"), format!("arn:aws:iam::{ACCOUNT}:root"));
    assert_eq!(one(&root, "UserId"), ACCOUNT);
}

#[tokio::test]
async fn tags_of_users_and_roles() {
    let bed = Bed::new().await;
    user(&bed, "x").await;
    role(&bed, "x").await;
    for kind in ["User", "Role"] {
        let name_key = format!("{kind}Name");
        let name = (name_key.as_str(), "x");
        let tag = [
            ("Tags.member.1.Key", "a"),
            ("Tags.member.1.Value", "1"),
            ("Tags.member.2.Key", "b"),
            ("Tags.member.2.Value", ""),
        ];
        done(&bed, &format!("Tag{kind}"), &[&[name], &tag[..]].concat()).await;
        let listed = done(&bed, &format!("List{kind}Tags"), &[name]).await;
        assert_eq!(
            (all(&listed, "Key"), all(&listed, "Value")),
            (vec!["a".into(), "b".into()], vec!["1".into(), String::new()])
        );
        done(&bed, &format!("Untag{kind}"), &[name, ("TagKeys.member.1", "a"), ("TagKeys.member.2", "zzz")])
            .await;
        assert_eq!(all(&done(&bed, &format!("Get{kind}"), &[name]).await, "Key"), ["b"]);
        let reserved = [name, ("Tags.member.1.Key", "aws:x"), ("Tags.member.1.Value", "")];
        let answer = ask(&bed, &format!("Tag{kind}"), &reserved).await;
        assert_eq!((answer.status, one(&answer, "Code").as_str()), (400, "InvalidInput"));
    }
}

#[tokio::test]
async fn a_boundary_that_would_not_bound_is_refused() {
    let bed = Bed::new().await;
    let boundary = ("PermissionsBoundary", "arn:aws:iam::aws:policy/AWSIoTFullAccess");
    let answer = ask(&bed, "CreateUser", &[("UserName", "ana"), boundary]).await;
    let text =
        "PermissionsBoundary is not supported by this server; leave it out and give fewer permissions.";
    refused(&answer, 400, "InvalidInput", text);
    assert_eq!(ask(&bed, "GetUser", &[("UserName", "ana")]).await.status, 404);
}
