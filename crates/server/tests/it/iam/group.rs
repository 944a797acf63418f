use super::{ACCOUNT, all, ask, done, group, one, refused, user};
use crate::bed::Bed;

#[tokio::test]
async fn users_come_into_a_group_and_leave_it() {
    let bed = Bed::new().await;
    group(&bed, "ops").await;
    user(&bed, "ana").await;
    user(&bed, "bob").await;
    for name in ["ana", "bob", "ana"] {
        done(&bed, "AddUserToGroup", &[("GroupName", "ops"), ("UserName", name)]).await;
    }
    let shown = done(&bed, "GetGroup", &[("GroupName", "ops")]).await;
    assert_eq!(all(&shown, "UserName"), ["ana", "bob"]);
    assert!(shown.body.contains(&format!("<Arn>arn:aws:iam::{ACCOUNT}:group/ops</Arn>")), "{shown:?}");
    assert!(one(&shown, "GroupId").starts_with("AGPA"));
    let groups = done(&bed, "ListGroupsForUser", &[("UserName", "ana")]).await;
    assert_eq!(all(&groups, "GroupName"), ["ops"]);
    let text = "Cannot delete entity, must remove users from group first.";
    refused(&ask(&bed, "DeleteGroup", &[("GroupName", "ops")]).await, 409, "DeleteConflict", text);
    refused(&ask(&bed, "DeleteUser", &[("UserName", "ana")]).await, 409, "DeleteConflict", text);
    for name in ["ana", "bob"] {
        done(&bed, "RemoveUserFromGroup", &[("GroupName", "ops"), ("UserName", name)]).await;
    }
    done(&bed, "UpdateGroup", &[("GroupName", "ops"), ("NewGroupName", "it")]).await;
    assert_eq!(all(&done(&bed, "ListGroups", &[]).await, "GroupName"), ["it"]);
    done(&bed, "DeleteGroup", &[("GroupName", "it")]).await;
    let text = "The group with name it cannot be found.";
    for (action, more) in [("GetGroup", None), ("AddUserToGroup", Some(("UserName", "ana")))] {
        let parameters: Vec<_> = [("GroupName", "it")].into_iter().chain(more).collect();
        refused(&ask(&bed, action, &parameters).await, 404, "NoSuchEntity", text);
    }
}

#[tokio::test]
async fn a_user_is_in_ten_groups_at_most() {
    let bed = Bed::new().await;
    user(&bed, "ana").await;
    for number in 0..11 {
        let name = format!("g{number}");
        group(&bed, &name).await;
        let answer = ask(&bed, "AddUserToGroup", &[("GroupName", &name), ("UserName", "ana")]).await;
        if number < 10 {
            assert_eq!(answer.status, 200);
        } else {
            refused(&answer, 409, "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10");
        }
    }
}
