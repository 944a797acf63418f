use std::collections::HashMap;

use adit_iot::iam::IdentityKind::{Group, Role, User};
use adit_store::Attaching;

use super::{ACCOUNT, OTHER, arn, group, of_aws, policy, role, user};
use crate::on_both;

#[test]
fn policies_of_the_account_and_of_aws_are_attached_side_by_side() {
    on_both(|store| async move {
        user(&store, "ana").await;
        policy(&store, "door").await;
        let logging = of_aws("/service-role/", "AWSIoTLogging");
        let attach = |arn| {
            let store = &store;
            async move { store.managed_policy_attach(ACCOUNT, User, "ana", &arn, 2).await.unwrap() }
        };
        assert_eq!(attach(arn("door")).await, Attaching::Yes);
        assert_eq!(attach(logging.clone()).await, Attaching::Yes);
        assert_eq!(attach(logging.clone()).await, Attaching::Yes);
        assert_eq!(attach(of_aws("/", "AWSIoTFullAccess")).await, Attaching::TooMany);
        assert_eq!(attach(of_aws("/", "AWSIoTLogging")).await, Attaching::NoPolicy);
        assert_eq!(attach(arn("nothing")).await, Attaching::NoPolicy);
        let other = store.managed_policy_attach(ACCOUNT, Role, "ana", &logging, 2).await.unwrap();
        assert_eq!(other, Attaching::NoIdentity);

        let page = |prefix: &'static str, after, limit| {
            store.identity_policies_page(ACCOUNT, User, "ana", prefix, after, limit)
        };
        let first = page("/", None, 1).await.unwrap().unwrap();
        assert_eq!(first.items, [arn("door")]);
        let second = page("/", first.next, 1).await.unwrap().unwrap();
        assert_eq!((second.items, second.next), (vec![logging.clone()], None));
        assert_eq!(
            page("/service-role/", None, 9).await.unwrap().unwrap().items,
            std::slice::from_ref(&logging)
        );

        let counts = store.aws_policies_attached(ACCOUNT).await.unwrap();
        assert_eq!(counts, HashMap::from([("AWSIoTLogging".to_owned(), 1)]));
        assert!(store.aws_policies_attached(OTHER).await.unwrap().is_empty());
        let detach = |arn| {
            let store = &store;
            async move { store.managed_policy_detach(ACCOUNT, User, "ana", &arn).await.unwrap() }
        };
        assert_eq!(detach(logging.clone()).await, Attaching::Yes);
        assert_eq!(detach(logging).await, Attaching::NotAttached);
        assert_eq!(detach(arn("nothing")).await, Attaching::NotAttached);
        assert_eq!(detach(arn("door")).await, Attaching::Yes);
    });
}

#[test]
fn a_policy_knows_who_has_it() {
    on_both(|store| async move {
        user(&store, "ana").await;
        group(&store, "ops").await;
        role(&store, "jitp").await;
        policy(&store, "door").await;
        let full = of_aws("/", "AWSIoTFullAccess");
        for (kind, name) in [(User, "ana"), (Group, "ops"), (Role, "jitp")] {
            store.managed_policy_attach(ACCOUNT, kind, name, &full, 9).await.unwrap();
        }
        store.managed_policy_attach(ACCOUNT, Role, "jitp", &arn("door"), 9).await.unwrap();
        let who = |policy, kind, account| {
            let store = &store;
            async move {
                let page = store.policy_entities_page(account, &policy, kind, "/", None, 9).await.unwrap();
                page.map(|page| page.items.into_iter().map(|entity| entity.id).collect::<Vec<_>>())
            }
        };
        assert_eq!(who(full.clone(), None, ACCOUNT).await.unwrap(), ["AIDAana", "AGPAops", "AROAjitp"]);
        assert_eq!(who(full.clone(), Some(Group), ACCOUNT).await.unwrap(), ["AGPAops"]);
        assert_eq!(who(full, None, OTHER).await.unwrap(), [""; 0]);
        assert_eq!(who(arn("door"), None, ACCOUNT).await.unwrap(), ["AROAjitp"]);
        assert_eq!(who(arn("door"), None, OTHER).await, None);
        assert_eq!(who(arn("nothing"), None, ACCOUNT).await, None);
    });
}
