use adit_iot::certificate::{Certificate, Kept, Mode, Status};
use adit_iot::principal::{Principal, Target};
use adit_iot::{CertificateId, Kind, Scope};
use adit_store::{CertificateChanged, CertificateDeleted, Known, Order, Store};
use proptest::prelude::*;

use crate::{attachment, on_both, policy, principal, scope, time};

pub fn id(n: u8) -> CertificateId {
    CertificateId::from_sha256([n; 32])
}

pub fn certificate(n: u8, status: Status) -> Certificate {
    Certificate {
        id: id(n),
        status,
        mode: Mode::Default,
        ca_id: None,
        pem: format!("pem {n}"),
        not_before: time(0),
        not_after: time(1000),
        customer_version: 1,
        generation_id: format!("generation {n}"),
        created_at: time(i64::from(n)),
        updated_at: time(i64::from(n)),
    }
}

pub async fn create(store: &Store, n: u8, status: Status) {
    assert!(store.certificate_create(&scope(), certificate(n, status)).await.unwrap());
}

async fn ids(store: &Store, ca: Option<&CertificateId>, order: Order, limit: usize) -> Vec<CertificateId> {
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.certificates_page(&scope(), ca, order, after, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        seen.extend(page.items.into_iter().map(|line| line.id));
        after = page.next;
        if after.is_none() {
            return seen;
        }
    }
}

#[test]
fn a_certificate_is_found_by_its_id_in_every_scope_that_knows_it() {
    on_both(|store| async move {
        let other = Scope::new("999999999999", "eu-west-1").unwrap();
        let mine = Certificate { mode: Mode::SniOnly, ca_id: Some(id(9)), ..certificate(1, Status::Revoked) };
        assert!(store.certificate_create(&other, certificate(1, Status::Active)).await.unwrap());
        assert!(store.certificate_create(&scope(), mine.clone()).await.unwrap());
        assert!(!store.certificate_create(&scope(), certificate(1, Status::Active)).await.unwrap());
        assert_eq!(store.certificate_get(&scope(), &id(1)).await.unwrap(), Some(mine));
        let known = store.certificate_known(&id(1)).await.unwrap();
        let there = Known { scope: other, status: Status::Active, mode: Mode::Default, ca_id: None };
        let here = Known { scope: scope(), status: Status::Revoked, mode: Mode::SniOnly, ca_id: Some(id(9)) };
        assert_eq!(known, [there, here]);
        assert_eq!(store.certificate_known(&id(2)).await.unwrap(), []);
        assert_eq!(store.certificate_get(&scope(), &id(2)).await.unwrap(), None);
    });
}

#[test]
fn a_status_is_kept_with_the_time_of_its_change() {
    on_both(|store| async move {
        create(&store, 1, Status::PendingActivation).await;
        let set = async |status, at| {
            store.certificate_set_status(&scope(), &id(1), status, time(at)).await.unwrap()
        };
        let CertificateChanged::Yes(before, after) = set(Status::Active, 5).await else { panic!() };
        assert_eq!(
            (before, after.customer_version, after.updated_at),
            (Status::PendingActivation, 2, time(5))
        );
        assert_eq!(set(Status::Active, 6).await, CertificateChanged::Same);
        assert_eq!(store.certificate_get(&scope(), &id(1)).await.unwrap(), Some(after));
        assert!(matches!(set(Status::Revoked, 7).await, CertificateChanged::Yes(Status::Active, _)));
        let CertificateChanged::Refused(refusal) = set(Status::Active, 8).await else { panic!() };
        assert_eq!(refusal.kind, Kind::WrongState);
        let unknown = store.certificate_set_status(&scope(), &id(2), Status::Active, time(1)).await.unwrap();
        assert_eq!(unknown, CertificateChanged::NotFound);
    });
}

#[test]
fn what_is_attached_keeps_a_certificate() {
    on_both(|store| async move {
        create(&store, 1, Status::Active).await;
        policy::create(&store, "p").await;
        principal::thing(&store, "lamp").await;
        let who = Principal::Certificate(scope(), id(1));
        assert!(principal::attach(&store, "lamp", &who, false).await);
        assert!(attachment::attach(&store, "p", &Target::Certificate(id(1))).await);
        let delete = async |force| store.certificate_delete(&scope(), &id(1), force).await.unwrap();
        let status = Kept::Status(Status::Active);
        assert_eq!(delete(true).await, CertificateDeleted::Kept(status));
        store.certificate_set_status(&scope(), &id(1), Status::Inactive, time(1)).await.unwrap();
        assert_eq!(delete(true).await, CertificateDeleted::Kept(Kept::Things));
        principal::detach(&store, "lamp", &who).await;
        assert_eq!(delete(false).await, CertificateDeleted::Kept(Kept::Policies));
        assert_eq!(delete(true).await, CertificateDeleted::Yes);
        assert_eq!(delete(true).await, CertificateDeleted::NotFound);
        // Registered again, it starts without policies.
        create(&store, 1, Status::Active).await;
        assert_eq!(attachment::of(&store, &Target::Certificate(id(1))).await, [""; 0]);
    });
}

#[test]
fn certificates_are_listed_both_ways_and_by_ca() {
    on_both(|store| async move {
        for n in 0..20 {
            let ca_id = (n % 3 == 0).then(|| id(99));
            let new = Certificate { ca_id, ..certificate(n, Status::Active) };
            assert!(store.certificate_create(&scope(), new).await.unwrap());
        }
        let all: Vec<_> = (0..20).map(id).collect();
        let back: Vec<_> = all.iter().rev().cloned().collect();
        for limit in [1, 3, 20, 100] {
            assert_eq!(ids(&store, None, Order::OldestFirst, limit).await, all);
            assert_eq!(ids(&store, None, Order::NewestFirst, limit).await, back);
            let of_ca: Vec<_> = (0..20).filter(|n| n % 3 == 0).map(id).collect();
            assert_eq!(ids(&store, Some(&id(99)), Order::OldestFirst, limit).await, of_ca);
        }
        assert_eq!(ids(&store, Some(&id(98)), Order::NewestFirst, 5).await, []);
    });
}

/// A certificate that is deleted while a policy is attached to it takes the policy along or stays.
#[test]
fn deleting_and_attaching_at_once_leaves_no_policy_behind() {
    on_both(|store| async move {
        policy::create(&store, "p").await;
        let name = policy::name("p");
        let target = Target::Certificate(id(1));
        for _ in 0..50 {
            create(&store, 1, Status::Inactive).await;
            let (scope, one) = (scope(), id(1));
            let (deleted, attached) = tokio::join!(
                store.certificate_delete(&scope, &one, false),
                store.policy_attach(&scope, &name, &target, 10),
            );
            let kept = CertificateDeleted::Kept(Kept::Policies);
            match (deleted.unwrap(), attached.unwrap()) {
                (CertificateDeleted::Yes, adit_store::Attached::NoTarget) => {}
                (deleted, adit_store::Attached::Yes) if deleted == kept => {
                    let gone = store.certificate_delete(&scope, &one, true).await.unwrap();
                    assert_eq!(gone, CertificateDeleted::Yes);
                }
                both => panic!("{both:?}"),
            }
            assert_eq!(attachment::of(&store, &target).await, [""; 0]);
        }
    });
}

#[derive(Clone, Debug)]
enum Step {
    Create,
    Delete(usize),
    Page(usize),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Records come and go while somebody turns pages: none is shown twice, and none that was there all the time is
    /// left out.
    #[test]
    fn pages_neither_repeat_nor_skip(
        before in 0_u8..20,
        steps in prop::collection::vec(
            prop_oneof![
                Just(Step::Create),
                any::<usize>().prop_map(Step::Delete),
                (1_usize..6).prop_map(Step::Page),
            ],
            0..40,
        ),
        newest_first in any::<bool>(),
    ) {
        let order = if newest_first { Order::NewestFirst } else { Order::OldestFirst };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = Store::memory().unwrap();
            let mut alive: Vec<u8> = (0..before).collect();
            for n in &alive {
                create(&store, *n, Status::Inactive).await;
            }
            let (mut stayed, mut next, mut seen, mut after) = (alive.clone(), before, Vec::new(), Some(None));
            for step in steps.into_iter().chain(std::iter::repeat_n(Step::Page(5), 30)) {
                match step {
                    Step::Create => {
                        create(&store, next, Status::Inactive).await;
                        alive.push(next);
                        next += 1;
                    }
                    Step::Delete(at) if !alive.is_empty() => {
                        let gone = alive.remove(at % alive.len());
                        store.certificate_delete(&scope(), &id(gone), false).await.unwrap();
                        stayed.retain(|n| *n != gone);
                    }
                    Step::Page(limit) => {
                        let Some(from) = after else { continue };
                        let page = store.certificates_page(&scope(), None, order, from, limit).await.unwrap();
                        seen.extend(page.items.into_iter().map(|line| line.id));
                        after = page.next.map(Some);
                    }
                    Step::Delete(_) => {}
                }
            }
            let mut sorted = seen.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), seen.len(), "shown twice");
            assert!(stayed.iter().all(|n| seen.contains(&id(*n))), "left out");
        });
    }
}
