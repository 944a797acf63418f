use adit_store::Credential;

use crate::{on_both, time};

#[test]
fn keys_are_kept_replaced_listed_and_removed() {
    on_both(|store| async move {
        let key = |key_id: &str| Credential {
            key_id: key_id.to_owned(),
            account: "123456789012".to_owned(),
            principal: "root".to_owned(),
            user_id: None,
            sealed: vec![0, 1, 255],
            active: true,
            created_at: time(0),
            last_used: None,
        };
        store.credential_put(key("AKB")).await.unwrap();
        store.credential_put(key("AKA")).await.unwrap();
        assert_eq!(store.credential_get("AKA").await.unwrap(), Some(key("AKA")));
        let off = Credential { active: false, ..key("AKA") };
        store.credential_put(off.clone()).await.unwrap();
        assert_eq!(store.credential_get("AKA").await.unwrap(), Some(off.clone()));
        assert_eq!(store.credentials("", 10).await.unwrap(), [off, key("AKB")]);
        assert_eq!(store.credentials("AKA", 10).await.unwrap(), [key("AKB")]);
        assert!(store.credential_delete("AKA").await.unwrap());
        assert!(!store.credential_delete("AKA").await.unwrap());
        assert_eq!(store.credential_get("AKA").await.unwrap(), None);
    });
}
