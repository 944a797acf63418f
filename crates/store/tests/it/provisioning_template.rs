use adit_iot::ca::RegistrationConfig;
use adit_iot::provisioning::{Hook, ProvisioningTemplate, TemplateName, TemplateType};
use adit_iot::tag::{Tag, Taggable};
use adit_iot::{Scope, arn};
use adit_store::{
    Store, TemplateChange, TemplateCreated, TemplateDeleted, TemplateUpdated, TemplateVersionCreated,
    TemplateVersionDeleted,
};

use crate::{on_both, scope, time};

pub fn name(text: &str) -> TemplateName {
    TemplateName::parse(text).unwrap()
}

pub fn template(called: &str) -> ProvisioningTemplate {
    ProvisioningTemplate {
        name: name(called),
        kind: TemplateType::Fleet,
        description: Some("first".to_owned()),
        enabled: true,
        role_arn: "role".to_owned(),
        hook: Some(Hook { target_arn: "function".to_owned(), payload_version: "2020-04-01".to_owned() }),
        default_version: 1,
        body: "{1}".to_owned(),
        created_at: time(1),
        updated_at: time(1),
    }
}

async fn create(store: &Store, called: &str) -> TemplateCreated {
    store.template_create(&scope(), template(called), Vec::new()).await.unwrap()
}

#[test]
fn a_template_is_kept_changed_and_deleted() {
    on_both(|store| async move {
        let get = async || store.template_get(&scope(), &name("t")).await.unwrap();
        assert_eq!(create(&store, "t").await, TemplateCreated::Yes);
        assert_eq!(create(&store, "t").await, TemplateCreated::Exists);
        assert_eq!(get().await, Some(template("t")));
        let other = Scope::new("999999999999", "us-east-1").unwrap();
        assert_eq!(store.template_get(&other, &name("t")).await.unwrap(), None);
        let update = async |called: &str, change: TemplateChange| {
            store.template_update(&scope(), &name(called), change, time(2)).await.unwrap()
        };
        let change = TemplateChange {
            description: Some(String::new()),
            enabled: Some(false),
            default_version: Some(1),
            role_arn: Some("other".to_owned()),
            hook: Some(None),
        };
        assert_eq!(update("t", change).await, TemplateUpdated::Yes);
        let changed = ProvisioningTemplate {
            description: None,
            enabled: false,
            role_arn: "other".to_owned(),
            hook: None,
            updated_at: time(2),
            ..template("t")
        };
        assert_eq!(get().await, Some(changed.clone()));
        assert_eq!(update("t", TemplateChange::default()).await, TemplateUpdated::Yes);
        assert_eq!(get().await, Some(changed));
        let missing = TemplateChange { default_version: Some(2), ..TemplateChange::default() };
        assert_eq!(update("t", missing).await, TemplateUpdated::NoVersion);
        assert_eq!(update("u", TemplateChange::default()).await, TemplateUpdated::NotFound);
        assert_eq!(store.template_delete(&scope(), &name("t")).await.unwrap(), TemplateDeleted::Yes);
        assert_eq!(store.template_delete(&scope(), &name("t")).await.unwrap(), TemplateDeleted::NotFound);
        assert_eq!(get().await, None);
    });
}

#[test]
fn versions_count_up_and_there_are_five() {
    on_both(|store| async move {
        create(&store, "t").await;
        let add = async |body: &str, default| {
            let body = body.to_owned();
            store.template_version_create(&scope(), &name("t"), body, default, time(3)).await.unwrap()
        };
        let delete =
            async |version| store.template_version_delete(&scope(), &name("t"), version).await.unwrap();
        let TemplateVersionCreated::Yes(second) = add("{2}", false).await else { panic!() };
        assert_eq!((second.version, second.is_default), (2, false));
        assert_eq!(store.template_get(&scope(), &name("t")).await.unwrap().unwrap().body, "{1}");
        let TemplateVersionCreated::Yes(third) = add("{3}", true).await else { panic!() };
        assert_eq!((third.version, third.is_default), (3, true));
        let now = store.template_get(&scope(), &name("t")).await.unwrap().unwrap();
        assert_eq!((now.body.as_str(), now.default_version, now.updated_at), ("{3}", 3, time(3)));
        add("{4}", false).await;
        add("{5}", false).await;
        assert_eq!(add("{6}", false).await, TemplateVersionCreated::TooMany);
        assert_eq!(delete(3).await, TemplateVersionDeleted::Default);
        assert_eq!(delete(5).await, TemplateVersionDeleted::Yes);
        assert_eq!(delete(5).await, TemplateVersionDeleted::NoVersion);
        let TemplateVersionCreated::Yes(next) = add("{6}", false).await else { panic!() };
        assert_eq!(next.version, 6);
        let versions = store.template_versions(&scope(), &name("t")).await.unwrap().unwrap();
        let shown: Vec<_> = versions.iter().map(|it| (it.version, it.is_default, it.body.as_str())).collect();
        let expected =
            [(6, false, "{6}"), (4, false, "{4}"), (3, true, "{3}"), (2, false, "{2}"), (1, false, "{1}")];
        assert_eq!(shown, expected);
        let none = store.template_version_delete(&scope(), &name("u"), 1).await.unwrap();
        assert_eq!(none, TemplateVersionDeleted::NoTemplate);
        assert_eq!(store.template_versions(&scope(), &name("u")).await.unwrap(), None);
    });
}

#[test]
fn a_template_that_a_ca_names_stays_and_tags_go_with_one() {
    on_both(|store| async move {
        let tags = vec![Tag { key: "plant".into(), value: "north".into() }];
        store.template_create(&scope(), template("t"), tags.clone()).await.unwrap();
        let arn = arn::provisioning_template(&scope(), &name("t"));
        let resource = Taggable::parse(&scope(), &arn).unwrap();
        assert_eq!(store.resource_tags_list(&scope(), &resource).await.unwrap(), tags);
        let config = Some(RegistrationConfig::Named("t".into()));
        let ca = adit_iot::ca::Ca { config, ..crate::ca::ca(1) };
        store.ca_create(&scope(), ca.clone(), Vec::new()).await.unwrap();
        assert_eq!(store.template_delete(&scope(), &name("t")).await.unwrap(), TemplateDeleted::InUse);
        let free = adit_iot::ca::Change { config: Some(None), ..Default::default() };
        store.ca_update(&scope(), &ca.id, free, time(2)).await.unwrap();
        assert_eq!(store.template_delete(&scope(), &name("t")).await.unwrap(), TemplateDeleted::Yes);
        create(&store, "t").await;
        assert_eq!(store.resource_tags_list(&scope(), &resource).await.unwrap(), []);
    });
}

#[test]
fn there_are_256_and_pages_of_them() {
    on_both(|store| async move {
        for n in 0..256 {
            assert_eq!(create(&store, &format!("t{n}")).await, TemplateCreated::Yes);
        }
        assert_eq!(create(&store, "more").await, TemplateCreated::TooMany);
        let first = store.templates_page(&scope(), None, 200).await.unwrap();
        assert_eq!((first.items.len(), first.items[0].name.as_str()), (200, "t0"));
        let second = store.templates_page(&scope(), first.next, 200).await.unwrap();
        assert_eq!((second.items.len(), second.next), (56, None));
    });
}
