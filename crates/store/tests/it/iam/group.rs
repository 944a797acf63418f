use adit_iot::iam::Hindrance;
use adit_iot::iam::IdentityKind::{Group, User};
use adit_store::{IdentityDeleted, MemberChanged, Renamed};

use super::{ACCOUNT, group, user};
use crate::on_both;

#[test]
fn members_come_and_go() {
    on_both(|store| async move {
        for name in ["ana", "bob"] {
            user(&store, name).await;
        }
        for name in ["ops", "dev"] {
            group(&store, name).await;
        }
        let add = |group: &'static str, user: &'static str| store.user_group_add(ACCOUNT, group, user, 1);
        assert_eq!(add("ops", "ana").await.unwrap(), MemberChanged::Yes);
        assert_eq!(add("ops", "ana").await.unwrap(), MemberChanged::Yes);
        assert_eq!(add("dev", "ana").await.unwrap(), MemberChanged::TooMany);
        assert_eq!(add("no", "ana").await.unwrap(), MemberChanged::NoGroup);
        assert_eq!(add("ops", "no").await.unwrap(), MemberChanged::NoUser);
        assert_eq!(add("ops", "bob").await.unwrap(), MemberChanged::Yes);

        let first = store.user_group_members(ACCOUNT, "ops", None, 1).await.unwrap().unwrap();
        assert_eq!(first.items[0].name, "ana");
        let second = store.user_group_members(ACCOUNT, "ops", first.next, 1).await.unwrap().unwrap();
        assert_eq!((second.items[0].name.as_str(), second.next), ("bob", None));
        assert!(store.user_group_members(ACCOUNT, "no", None, 1).await.unwrap().is_none());
        let groups = store.user_groups_of(ACCOUNT, "ana", None, 9).await.unwrap().unwrap();
        assert_eq!(
            groups.items.iter().map(|g| (g.kind, g.name.as_str())).collect::<Vec<_>>(),
            [(Group, "ops")]
        );
        assert!(store.user_groups_of(ACCOUNT, "no", None, 1).await.unwrap().is_none());

        assert_eq!(
            store.user_group_delete(ACCOUNT, "ops").await.unwrap(),
            IdentityDeleted::InUse(Hindrance::Membership)
        );
        for user in ["ana", "bob", "bob"] {
            assert_eq!(store.user_group_remove(ACCOUNT, "ops", user).await.unwrap(), MemberChanged::Yes);
        }
        assert_eq!(store.user_group_delete(ACCOUNT, "ops").await.unwrap(), IdentityDeleted::Yes);
        assert_eq!(store.user_group_delete(ACCOUNT, "ops").await.unwrap(), IdentityDeleted::NotFound);
        assert!(store.identity_get(ACCOUNT, User, "ana").await.unwrap().is_some());
    });
}

#[test]
fn a_group_gets_another_name() {
    on_both(|store| async move {
        group(&store, "ops").await;
        group(&store, "dev").await;
        let rename = |name: &'static str, new: &'static str| {
            store.user_group_update(ACCOUNT, name, Some(new.to_owned()), None)
        };
        assert_eq!(rename("ops", "Dev").await.unwrap(), Renamed::Exists);
        assert_eq!(rename("ops", "it").await.unwrap(), Renamed::Yes);
        assert_eq!(rename("ops", "it").await.unwrap(), Renamed::NotFound);
        assert_eq!(store.identity_get(ACCOUNT, Group, "it").await.unwrap().unwrap().id, "AGPAops");
    });
}
