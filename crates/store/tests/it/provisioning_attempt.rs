use adit_iot::certificate::Status;
use adit_store::{AttemptFailure, ProvisioningAttempt, Store, WantedAttempts};

use crate::certificate::{certificate, id};
use crate::{on_both, scope, time};

fn attempt(n: u8, ca: u8, minute: i64, failed: bool) -> ProvisioningAttempt {
    ProvisioningAttempt {
        certificate: id(n),
        ca: id(ca),
        template: Some("t".into()),
        thing: None,
        failure: failed.then(|| AttemptFailure { step: "parameters".into(), reason: "no Country".into() }),
        tries: 1,
        first_at: time(minute),
        at: time(minute),
    }
}

async fn list(store: &Store, wanted: WantedAttempts) -> Vec<ProvisioningAttempt> {
    store.provisioning_attempts_page(&scope(), wanted, None, 10).await.unwrap().items
}

#[test]
fn the_last_try_of_each_certificate_is_kept_with_their_number() {
    on_both(|store| async move {
        for new in [attempt(1, 9, 1, true), attempt(2, 8, 2, true), attempt(1, 9, 3, false)] {
            store.provisioning_attempt_put(&scope(), new).await.unwrap();
        }
        let first = ProvisioningAttempt { tries: 2, first_at: time(1), ..attempt(1, 9, 3, false) };
        let second = attempt(2, 8, 2, true);
        assert_eq!(list(&store, WantedAttempts::default()).await, [second.clone(), first.clone()]);
        let of = |certificate, ca, failed| WantedAttempts { certificate, ca, failed };
        assert_eq!(list(&store, of(Some(id(1)), None, None)).await, std::slice::from_ref(&first));
        assert_eq!(list(&store, of(None, Some(id(8)), None)).await, std::slice::from_ref(&second));
        assert_eq!(list(&store, of(None, None, Some(true))).await, [second]);
        assert_eq!(list(&store, of(None, None, Some(false))).await, [first]);
        let page =
            store.provisioning_attempts_page(&scope(), WantedAttempts::default(), None, 1).await.unwrap();
        let next = store.provisioning_attempts_page(&scope(), WantedAttempts::default(), page.next, 1).await;
        assert_eq!(next.unwrap().items[0].certificate, id(1));
    });
}

#[test]
fn it_goes_with_its_certificate() {
    on_both(|store| async move {
        store.certificate_create(&scope(), certificate(1, Status::PendingActivation)).await.unwrap();
        store.provisioning_attempt_put(&scope(), attempt(1, 9, 1, true)).await.unwrap();
        store.certificate_delete(&scope(), &id(1), false).await.unwrap();
        assert!(list(&store, WantedAttempts::default()).await.is_empty());
    });
}

#[test]
fn a_certificate_arrives_once() {
    on_both(|store| async move {
        let new = certificate(1, Status::PendingActivation);
        assert_eq!(store.certificate_arrive(&scope(), new.clone()).await.unwrap(), (new.clone(), true));
        let again = certificate(1, Status::Active);
        assert_eq!(store.certificate_arrive(&scope(), again).await.unwrap(), (new, false));
    });
}
