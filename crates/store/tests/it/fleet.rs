use adit_iot::certificate::Status;
use adit_iot::principal::Principal;
use adit_iot::thing::{Attributes, Thing};
use adit_iot::{Scope, ThingName};
use adit_store::{ProvisioningClaim, Store, hash_token};

use crate::certificate::{certificate, id};
use crate::provisioning_template::name;
use crate::{on_both, scope, time};

async fn issue(store: &Store, n: u8, minutes: i64) {
    let pending = certificate(n, Status::PendingActivation);
    let token = hash_token(&format!("token {n}"));
    assert!(store.certificate_create_owned(&scope(), pending, token, time(minutes)).await.unwrap());
}

#[test]
fn a_token_is_good_for_its_certificate_and_account_until_its_end() {
    on_both(|store| async move {
        issue(&store, 1, 60).await;
        let again = store
            .certificate_create_owned(&scope(), certificate(1, Status::Active), hash_token("x"), time(60))
            .await;
        assert!(!again.unwrap());
        let owned = async |scope: &Scope, token: &str, minutes| {
            let found = store.certificate_owned(scope, hash_token(token), time(minutes)).await.unwrap();
            found.map(|certificate| certificate.id)
        };
        let other = Scope::new("999999999999", "us-east-1").unwrap();
        assert_eq!(owned(&scope(), "token 1", 59).await, Some(id(1)));
        assert_eq!(owned(&scope(), "token 1", 60).await, None);
        assert_eq!(owned(&scope(), "token 2", 1).await, None);
        assert_eq!(owned(&scope(), "x", 1).await, None);
        assert_eq!(owned(&other, "token 1", 1).await, None);
        store.certificate_delete(&scope(), &id(1), false).await.unwrap();
        assert_eq!(owned(&scope(), "token 1", 1).await, None);
        assert_eq!(store.fleet_deadline().await.unwrap(), None);
    });
}

#[test]
fn a_certificate_that_nobody_finished_goes_with_its_token() {
    on_both(|store| async move {
        for n in 1..=4 {
            issue(&store, n, 60).await;
        }
        issue(&store, 5, 90).await;
        store.certificate_set_status(&scope(), &id(2), Status::Active, time(1)).await.unwrap();
        let lamp = ThingName::parse("lamp").unwrap();
        let thing = Thing::new(lamp.clone(), "id".to_owned(), None, Attributes::new(), time(0)).unwrap();
        store.thing_create(&scope(), thing).await.unwrap();
        let principal = Principal::Certificate(scope(), id(3));
        store.thing_principal_attach(&scope(), &lamp, &principal, false).await.unwrap();
        assert_eq!(store.fleet_deadline().await.unwrap(), Some(time(60)));
        assert_eq!(store.ownership_tokens_expire(time(59), 10).await.unwrap(), (0, vec![]));
        let first = store.ownership_tokens_expire(time(60), 3).await.unwrap();
        let second = store.ownership_tokens_expire(time(60), 3).await.unwrap();
        assert_eq!((first.0, second.0), (3, 1));
        let gone = [first.1, second.1].concat();
        assert_eq!(gone, [(scope(), id(1)), (scope(), id(4))]);
        for (n, there) in [(1, false), (2, true), (3, true), (4, false), (5, true)] {
            let found = store.certificate_get(&scope(), &id(n)).await.unwrap();
            assert_eq!(found.is_some(), there, "{n}");
        }
        assert_eq!(store.fleet_deadline().await.unwrap(), Some(time(90)));
    });
}

#[test]
fn a_claim_is_over_when_it_says() {
    on_both(|store| async move {
        let claim = |n, minutes| ProvisioningClaim {
            id: id(n),
            scope: scope(),
            template: name("t"),
            expires_at: time(minutes),
        };
        store.claim_create(claim(1, 5)).await.unwrap();
        store.claim_create(claim(2, 6)).await.unwrap();
        assert_eq!(store.claim_get(&id(1)).await.unwrap(), Some(claim(1, 5)));
        assert_eq!(store.claim_get(&id(3)).await.unwrap(), None);
        assert_eq!(store.certificate_get(&scope(), &id(1)).await.unwrap(), None);
        assert_eq!(store.claims_expire(time(5), 10).await.unwrap(), [claim(1, 5)]);
        assert_eq!(store.claims_expire(time(5), 10).await.unwrap(), []);
        assert_eq!(store.claim_get(&id(1)).await.unwrap(), None);
        assert_eq!(store.fleet_deadline().await.unwrap(), Some(time(6)));
    });
}
