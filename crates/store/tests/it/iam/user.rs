use adit_iot::iam::IdentityKind::{Group, User};
use adit_iot::iam::{Hindrance, Identity, IdentityKind};
use adit_iot::tag::Tag;
use adit_store::{Credential, IamCreated, IdentityDeleted, KeyChanged, KeyCreated, KeyUse, Renamed, Tagged};

use super::{ACCOUNT, OTHER, group, identity, of_aws, user};
use crate::{on_both, time};

fn key(id: &str, user: Option<&str>) -> Credential {
    Credential {
        key_id: id.to_owned(),
        account: ACCOUNT.to_owned(),
        principal: user.map_or("root".to_owned(), |name| format!("user/{name}")),
        user_id: user.map(|name| format!("AIDA{name}")),
        sealed: vec![1],
        active: true,
        created_at: time(0),
        last_used: None,
    }
}

#[test]
fn names_are_unique_in_an_account_whatever_the_case() {
    on_both(|store| async move {
        user(&store, "ana").await;
        let other = Identity { id: "AIDA2".to_owned(), ..identity(User, "ANA") };
        assert_eq!(store.user_create(ACCOUNT, other.clone(), 100).await.unwrap(), IamCreated::Exists);
        assert_eq!(store.identity_get(ACCOUNT, User, "ANA").await.unwrap(), None);
        assert_eq!(store.user_create(OTHER, other, 100).await.unwrap(), IamCreated::Yes);
        group(&store, "ana").await;
        assert_eq!(store.identity_get(ACCOUNT, Group, "ana").await.unwrap(), Some(identity(Group, "ana")));
        let bob = identity(User, "bob");
        assert_eq!(store.user_create(ACCOUNT, bob.clone(), 1).await.unwrap(), IamCreated::TooMany);
        assert_eq!(store.user_create(ACCOUNT, bob.clone(), 2).await.unwrap(), IamCreated::Yes);
        assert_eq!(store.identity_get(ACCOUNT, User, "bob").await.unwrap(), Some(bob));
    });
}

#[test]
fn pages_go_by_age_and_path() {
    on_both(|store| async move {
        for (name, path) in [("c", "/"), ("b", "/eng/"), ("a", "/eng/ops/"), ("d", "/en/")] {
            let new = Identity { path: path.to_owned(), ..identity(User, name) };
            store.user_create(ACCOUNT, new, 100).await.unwrap();
        }
        let page = |prefix: &'static str, after| store.identities_page(ACCOUNT, User, prefix, after, 2);
        let names = |items: Vec<Identity>| items.into_iter().map(|i| i.name).collect::<Vec<_>>();
        let first = page("/", None).await.unwrap();
        assert_eq!(names(first.items), ["c", "b"]);
        let second = page("/", first.next).await.unwrap();
        assert_eq!((names(second.items), second.next), (vec!["a".to_owned(), "d".to_owned()], None));
        assert_eq!(names(page("/eng/", None).await.unwrap().items), ["b", "a"]);
        assert_eq!(names(page("/en%", None).await.unwrap().items), [""; 0]);
    });
}

#[test]
fn a_renamed_user_keeps_its_keys() {
    on_both(|store| async move {
        user(&store, "ana").await;
        user(&store, "bob").await;
        assert_eq!(store.credential_create(key("AKIA1", Some("ana")), 2).await.unwrap(), KeyCreated::Yes);
        let rename = |name: &'static str, new: &'static str| {
            store.user_update(ACCOUNT, name, Some(new.to_owned()), Some("/x/".to_owned()))
        };
        assert_eq!(rename("ana", "BOB").await.unwrap(), Renamed::Exists);
        assert_eq!(rename("zoe", "z").await.unwrap(), Renamed::NotFound);
        assert_eq!(rename("ana", "Ana").await.unwrap(), Renamed::Yes);
        let found = store.credential_get("AKIA1").await.unwrap().unwrap();
        assert_eq!((found.principal.as_str(), found.user_id.as_deref()), ("user/x/Ana", Some("AIDAana")));
        assert_eq!(store.user_of_key(ACCOUNT, "AKIA1").await.unwrap().unwrap().name, "Ana");
        assert_eq!(store.user_of_key(OTHER, "AKIA1").await.unwrap(), None);
        let renamed = store.identity_by_id(ACCOUNT, "AIDAana").await.unwrap().unwrap();
        assert_eq!(renamed.resource(), "user/x/Ana");
        assert_eq!(store.identity_by_id(OTHER, "AIDAana").await.unwrap(), None);
    });
}

#[test]
fn keys_belong_to_a_user_or_to_the_account_and_two_are_the_most() {
    on_both(|store| async move {
        user(&store, "ana").await;
        let ana = Some("AIDAana");
        for (id, who, outcome) in [
            ("AKIA1", Some("ana"), KeyCreated::Yes),
            ("AKIA2", Some("ana"), KeyCreated::Yes),
            ("AKIA3", Some("ana"), KeyCreated::TooMany),
            ("AKIA4", Some("bob"), KeyCreated::NoUser),
            ("AKIA5", None, KeyCreated::Yes),
            ("AKIA6", None, KeyCreated::Yes),
            ("AKIA7", None, KeyCreated::TooMany),
        ] {
            assert_eq!(store.credential_create(key(id, who), 2).await.unwrap(), outcome, "{id}");
        }
        let ids = |keys: Vec<Credential>| keys.into_iter().map(|k| k.key_id).collect::<Vec<_>>();
        assert_eq!(ids(store.credentials_of(ACCOUNT, ana).await.unwrap()), ["AKIA1", "AKIA2"]);
        assert_eq!(ids(store.credentials_of(ACCOUNT, None).await.unwrap()), ["AKIA5", "AKIA6"]);
        assert_eq!(ids(store.credentials_of(OTHER, None).await.unwrap()), [""; 0]);

        let switch = |account, user, id| store.credential_switch(account, user, id, false);
        assert_eq!(switch(ACCOUNT, ana, "AKIA5").await.unwrap(), KeyChanged::NotFound);
        assert_eq!(switch(ACCOUNT, None, "AKIA1").await.unwrap(), KeyChanged::NotFound);
        assert_eq!(switch(OTHER, ana, "AKIA1").await.unwrap(), KeyChanged::NotFound);
        assert_eq!(switch(ACCOUNT, ana, "AKIA1").await.unwrap(), KeyChanged::Yes);
        assert!(!store.credential_get("AKIA1").await.unwrap().unwrap().active);
        let used = KeyUse { at: time(5), region: "eu-west-1".to_owned(), service: "iot".to_owned() };
        store.credential_used("AKIA2", used.clone()).await.unwrap();
        assert_eq!(store.credential_get("AKIA2").await.unwrap().unwrap().last_used, Some(used));

        let deleted = store.user_delete(ACCOUNT, "ana").await.unwrap();
        assert_eq!(deleted, IdentityDeleted::InUse(Hindrance::Keys));
        let remove = |user, id| store.credential_remove(ACCOUNT, user, id);
        assert_eq!(remove(None, "AKIA1").await.unwrap(), KeyChanged::NotFound);
        for id in ["AKIA1", "AKIA2"] {
            assert_eq!(remove(ana, id).await.unwrap(), KeyChanged::Yes);
        }
        assert_eq!(remove(None, "AKIA5").await.unwrap(), KeyChanged::Yes);
        assert_eq!(store.user_delete(ACCOUNT, "ana").await.unwrap(), IdentityDeleted::Yes);
    });
}

#[test]
fn a_user_goes_only_when_nothing_hangs_on_it() {
    on_both(|store| async move {
        user(&store, "ana").await;
        group(&store, "ops").await;
        let gone = || store.user_delete(ACCOUNT, "ana");
        store.user_group_add(ACCOUNT, "ops", "ana", 10).await.unwrap();
        assert_eq!(gone().await.unwrap(), IdentityDeleted::InUse(Hindrance::Membership));
        store.user_group_remove(ACCOUNT, "ops", "ana").await.unwrap();
        let admin = of_aws("/", "AdministratorAccess");
        store.managed_policy_attach(ACCOUNT, User, "ana", &admin, 10).await.unwrap();
        assert_eq!(gone().await.unwrap(), IdentityDeleted::InUse(Hindrance::Attached));
        store.managed_policy_detach(ACCOUNT, User, "ana", &admin).await.unwrap();
        store.inline_policy_put(ACCOUNT, User, "ana", "p", "d".to_owned(), 9).await.unwrap();
        assert_eq!(gone().await.unwrap(), IdentityDeleted::InUse(Hindrance::Inline));
        store.inline_policy_delete(ACCOUNT, User, "ana", "p").await.unwrap();
        assert_eq!(gone().await.unwrap(), IdentityDeleted::Yes);
        assert_eq!(gone().await.unwrap(), IdentityDeleted::NotFound);
        assert_eq!(store.grants(ACCOUNT, "AIDAana").await.unwrap(), None);
    });
}

#[test]
fn tags_are_put_over_and_taken_off() {
    on_both(|store| async move {
        user(&store, "ana").await;
        let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
        let set = |name: &'static str, tags| store.identity_tags_set(ACCOUNT, User, name, tags);
        assert_eq!(set("ana", vec![tag("b", "1"), tag("a", "1")]).await.unwrap(), Tagged::Yes);
        assert_eq!(set("ana", vec![tag("b", "2")]).await.unwrap(), Tagged::Yes);
        assert_eq!(set("bob", vec![tag("b", "2")]).await.unwrap(), Tagged::NotFound);
        assert!(matches!(set("ana", vec![tag("aws:x", "")]).await.unwrap(), Tagged::Refused(_)));
        let tags = || async { store.identity_get(ACCOUNT, User, "ana").await.unwrap().unwrap().tags };
        assert_eq!(tags().await, [tag("a", "1"), tag("b", "2")]);
        let gone = vec!["b".to_owned(), "c".to_owned()];
        assert!(store.identity_tags_remove(ACCOUNT, IdentityKind::User, "ana", gone).await.unwrap());
        assert_eq!(tags().await, [tag("a", "1")]);
    });
}
