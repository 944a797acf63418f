use adit_iot::iam::IdentityKind::Role as KindRole;
use adit_iot::iam::{Hindrance, Role};
use adit_store::{IamCreated, IdentityDeleted, RoleChange};

use super::{ACCOUNT, OTHER, a_role, of_aws, role};
use crate::on_both;

#[test]
fn a_role_keeps_what_it_was_given_and_changes_part_by_part() {
    on_both(|store| async move {
        let made = Role { description: Some("d".to_owned()), ..a_role("jitp") };
        assert_eq!(store.role_create(ACCOUNT, made.clone(), 9).await.unwrap(), IamCreated::Yes);
        assert_eq!(store.role_create(ACCOUNT, made.clone(), 9).await.unwrap(), IamCreated::Exists);
        assert_eq!(store.role_get(ACCOUNT, "jitp").await.unwrap(), Some(made.clone()));
        assert_eq!(store.role_get(OTHER, "jitp").await.unwrap(), None);

        let trust = RoleChange { trust: Some("t2".to_owned()), ..RoleChange::default() };
        let changed = store.role_update(ACCOUNT, "jitp", trust).await.unwrap();
        assert_eq!(changed, Some(Role { trust: "t2".to_owned(), ..made.clone() }));
        let rest = RoleChange { description: Some(String::new()), max_session: Some(900), trust: None };
        let changed = store.role_update(ACCOUNT, "jitp", rest).await.unwrap().unwrap();
        assert_eq!((changed.description.as_deref(), changed.max_session), (Some(""), 900));
        assert_eq!(store.role_get(ACCOUNT, "jitp").await.unwrap(), Some(changed));
        assert_eq!(store.role_update(ACCOUNT, "no", RoleChange::default()).await.unwrap(), None);
    });
}

#[test]
fn roles_are_listed_and_go_without_policies_only() {
    on_both(|store| async move {
        role(&store, "b").await;
        role(&store, "a").await;
        let first = store.roles_page(ACCOUNT, "/", None, 1).await.unwrap();
        assert_eq!(first.items, [a_role("b")]);
        let second = store.roles_page(ACCOUNT, "/", first.next, 1).await.unwrap();
        assert_eq!((second.items, second.next), (vec![a_role("a")], None));

        let logging = of_aws("/service-role/", "AWSIoTLogging");
        store.managed_policy_attach(ACCOUNT, KindRole, "a", &logging, 9).await.unwrap();
        let gone = || store.role_delete(ACCOUNT, "a");
        assert_eq!(gone().await.unwrap(), IdentityDeleted::InUse(Hindrance::Attached));
        store.managed_policy_detach(ACCOUNT, KindRole, "a", &logging).await.unwrap();
        assert_eq!(gone().await.unwrap(), IdentityDeleted::Yes);
        assert_eq!(gone().await.unwrap(), IdentityDeleted::NotFound);
    });
}
