use adit_iot::iam::IdentityKind::{Group, Role, User};
use adit_iot::iam::aws_policy::AwsPolicy;
use adit_store::{Granted, Store};

use super::{ACCOUNT, OTHER, arn, group, of_aws, policy, role, user};
use crate::{on_both, time};

async fn granted(store: &Store, id: &str) -> Vec<Granted> {
    store.grants(ACCOUNT, id).await.unwrap().unwrap().policies
}

fn line(source: &str, document: &str) -> Granted {
    Granted { source: source.to_owned(), document: document.to_owned() }
}

#[test]
fn a_user_has_its_own_policies_and_those_of_its_groups() {
    on_both(|store| async move {
        for name in ["ana", "bob"] {
            user(&store, name).await;
        }
        for name in ["ops", "dev"] {
            group(&store, name).await;
        }
        policy(&store, "door").await;
        let put = |kind, who: &'static str, name: &'static str| {
            store.inline_policy_put(ACCOUNT, kind, who, name, format!("inline of {who}"), 100)
        };
        put(User, "ana", "a").await.unwrap();
        put(User, "bob", "b").await.unwrap();
        put(Group, "ops", "o").await.unwrap();
        put(Group, "dev", "d").await.unwrap();
        store.managed_policy_attach(ACCOUNT, User, "ana", &arn("door"), 10).await.unwrap();
        let data = of_aws("/", "AWSIoTDataAccess");
        store.managed_policy_attach(ACCOUNT, Group, "ops", &data, 10).await.unwrap();
        store.user_group_add(ACCOUNT, "ops", "ana", 10).await.unwrap();
        let document = AwsPolicy::find("AWSIoTDataAccess").unwrap().document;
        let expected = [
            line("inline policy a of user/ana", "inline of ana"),
            line("policy/door", "document 1 of door"),
            line("inline policy o of group/ops", "inline of ops"),
            line("aws:policy/AWSIoTDataAccess", document),
        ];
        assert_eq!(granted(&store, "AIDAana").await, expected);
        assert_eq!(granted(&store, "AIDAbob").await, [line("inline policy b of user/bob", "inline of bob")]);

        store
            .managed_version_create(ACCOUNT, &arn("door"), "second".to_owned(), false, 5, time(1))
            .await
            .unwrap();
        assert_eq!(granted(&store, "AIDAana").await, expected);
        store.managed_version_set_default(ACCOUNT, &arn("door"), 2, time(2)).await.unwrap();
        assert_eq!(granted(&store, "AIDAana").await[1], line("policy/door", "second"));
        store.user_group_remove(ACCOUNT, "ops", "ana").await.unwrap();
        assert_eq!(granted(&store, "AIDAana").await.len(), 2);
    });
}

#[test]
fn a_role_has_its_own_and_an_id_is_of_one_account() {
    on_both(|store| async move {
        role(&store, "jitp").await;
        let things = of_aws("/service-role/", "AWSIoTThingsRegistration");
        store.managed_policy_attach(ACCOUNT, Role, "jitp", &things, 10).await.unwrap();
        let sources: Vec<_> = granted(&store, "AROAjitp").await.into_iter().map(|g| g.source).collect();
        assert_eq!(sources, ["aws:policy/service-role/AWSIoTThingsRegistration"]);
        assert_eq!(store.grants(OTHER, "AROAjitp").await.unwrap(), None);
        assert_eq!(store.grants(ACCOUNT, "AROAnobody").await.unwrap(), None);
    });
}
