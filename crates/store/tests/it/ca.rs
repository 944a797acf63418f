use adit_iot::ca::{Ca, Change, MAX_OF_SUBJECT, Registered, RegistrationConfig, Status};
use adit_iot::certificate::Mode;
use adit_iot::tag::{Tag, Taggable};
use adit_iot::{CertificateId, Kind, Scope, arn};
use adit_store::{CaCreated, CaDeleted, CaUpdated, Order, Store};

use crate::certificate::id;
use crate::{on_both, scope, time};

pub fn ca(n: u8) -> Ca {
    Ca {
        id: id(n),
        status: Status::Active,
        auto_registration: true,
        mode: Mode::Default,
        pem: format!("pem {n}"),
        subject: vec![0x30, n],
        not_before: time(0),
        not_after: time(1000),
        config: None,
        customer_version: 1,
        generation_id: format!("generation {n}"),
        created_at: time(i64::from(n)),
        updated_at: time(i64::from(n)),
    }
}

fn other() -> Scope {
    Scope::new("999999999999", "us-east-1").unwrap()
}

async fn create(store: &Store, scope: &Scope, ca: Ca) -> CaCreated {
    store.ca_create(scope, ca, Vec::new()).await.unwrap()
}

#[test]
fn a_ca_is_kept_changed_and_deleted() {
    on_both(|store| async move {
        let inline = RegistrationConfig::Inline { body: "{}".into(), role_arn: "role".into() };
        let new = Ca { config: Some(inline), ..ca(1) };
        assert_eq!(create(&store, &scope(), new.clone()).await, CaCreated::Yes);
        assert_eq!(create(&store, &scope(), new.clone()).await, CaCreated::Exists);
        assert_eq!(store.ca_get(&scope(), &id(1)).await.unwrap(), Some(new.clone()));
        assert_eq!(store.ca_get(&other(), &id(1)).await.unwrap(), None);
        let config = Some(RegistrationConfig::Named("t".into()));
        let change =
            Change { status: Some(Status::Inactive), config: Some(config.clone()), ..Change::default() };
        let update =
            async |change: &Change| store.ca_update(&scope(), &id(1), change.clone(), time(9)).await.unwrap();
        let CaUpdated::Yes(changed) = update(&change).await else { panic!() };
        assert_eq!(
            (changed.status, &changed.config, changed.updated_at),
            (Status::Inactive, &config, time(9))
        );
        assert_eq!(store.ca_get(&scope(), &id(1)).await.unwrap(), Some(changed));
        assert_eq!(update(&change).await, CaUpdated::Same);
        let missing = store.ca_update(&scope(), &id(2), change, time(9)).await.unwrap();
        assert_eq!(missing, CaUpdated::NotFound);
        assert_eq!(store.ca_delete(&scope(), &id(1)).await.unwrap(), CaDeleted::Yes);
        assert_eq!(store.ca_delete(&scope(), &id(1)).await.unwrap(), CaDeleted::NotFound);
        assert_eq!(store.ca_get(&scope(), &id(1)).await.unwrap(), None);
    });
}

#[test]
fn an_active_ca_is_not_deleted_and_tags_go_with_it() {
    on_both(|store| async move {
        let tags = vec![Tag { key: "plant".into(), value: "north".into() }];
        store.ca_create(&scope(), ca(1), tags.clone()).await.unwrap();
        let resource = Taggable::parse(&scope(), &arn::ca(&scope(), &id(1))).unwrap();
        assert_eq!(store.resource_tags_list(&scope(), &resource).await.unwrap(), tags);
        assert!(store.resource_tags_remove(&scope(), &resource, Vec::new()).await.unwrap());
        let CaDeleted::Refused(refusal) = store.ca_delete(&scope(), &id(1)).await.unwrap() else { panic!() };
        assert_eq!(refusal.kind, Kind::WrongState);
        let off = Change { status: Some(Status::Inactive), ..Change::default() };
        store.ca_update(&scope(), &id(1), off, time(1)).await.unwrap();
        assert_eq!(store.ca_delete(&scope(), &id(1)).await.unwrap(), CaDeleted::Yes);
        assert_eq!(store.resource_tags_list(&scope(), &resource).await.unwrap(), []);
        assert!(!store.resource_tags_remove(&scope(), &resource, Vec::new()).await.unwrap());
    });
}

#[test]
fn one_account_of_a_region_has_a_ca_unless_host_names_tell_accounts_apart() {
    on_both(|store| async move {
        let sni = |n| Ca { mode: Mode::SniOnly, ..ca(n) };
        assert_eq!(create(&store, &scope(), ca(1)).await, CaCreated::Yes);
        assert_eq!(create(&store, &other(), ca(1)).await, CaCreated::InOtherAccount);
        assert_eq!(create(&store, &other(), sni(1)).await, CaCreated::Yes);
        let elsewhere = Scope::new("999999999999", "eu-west-1").unwrap();
        assert_eq!(create(&store, &elsewhere, ca(1)).await, CaCreated::Yes);
        let of_subject = store.cas_of_subject(None, vec![0x30, 1]).await.unwrap();
        let scopes: Vec<_> = of_subject.iter().map(|found| found.scope.clone()).collect();
        assert_eq!(scopes, [scope(), other(), elsewhere]);
        let here = store.cas_of_subject(Some(&scope()), vec![0x30, 1]).await.unwrap();
        assert_eq!(here, [Registered { scope: scope(), ca: ca(1) }]);
        assert_eq!(store.cas_of_subject(None, vec![0x30]).await.unwrap(), []);
    });
}

#[test]
fn a_subject_has_a_bound() {
    on_both(|store| async move {
        let same = |n| Ca { subject: vec![0x30, 0], ..ca(n) };
        for n in 0..u8::try_from(MAX_OF_SUBJECT).unwrap() {
            assert_eq!(create(&store, &scope(), same(n)).await, CaCreated::Yes);
        }
        assert_eq!(create(&store, &scope(), same(200)).await, CaCreated::TooMany);
        assert_eq!(create(&store, &other(), same(200)).await, CaCreated::Yes);
    });
}

#[test]
fn cas_are_listed_by_template_and_in_pages() {
    on_both(|store| async move {
        for n in 1..=5 {
            let named = (n % 2 == 1).then(|| RegistrationConfig::Named("t".into()));
            create(&store, &scope(), Ca { config: named, ..ca(n) }).await;
        }
        let list = async |template: Option<&str>, order| {
            let (mut seen, mut after) = (Vec::<CertificateId>::new(), None);
            loop {
                let template = template.map(str::to_owned);
                let page = store.cas_page(&scope(), template, order, after, 2).await.unwrap();
                seen.extend(page.items.into_iter().map(|line| line.id));
                after = page.next;
                if after.is_none() {
                    return seen;
                }
            }
        };
        assert_eq!(list(None, Order::OldestFirst).await, [1, 2, 3, 4, 5].map(id));
        assert_eq!(list(Some("t"), Order::NewestFirst).await, [5, 3, 1].map(id));
        assert!(list(Some("other"), Order::NewestFirst).await.is_empty());
    });
}

#[test]
fn a_registration_code_stays_until_it_is_deleted() {
    on_both(|store| async move {
        let get = async |fresh: &str| store.registration_code(&scope(), fresh.to_owned()).await.unwrap();
        assert_eq!(store.registration_code_known(&scope()).await.unwrap(), None);
        assert_eq!(get("a").await, "a");
        assert_eq!(get("b").await, "a");
        assert_eq!(store.registration_code(&other(), "c".into()).await.unwrap(), "c");
        assert!(store.registration_code_delete(&scope()).await.unwrap());
        assert!(!store.registration_code_delete(&scope()).await.unwrap());
        assert_eq!(get("b").await, "b");
    });
}
