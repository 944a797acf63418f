use adit_iot::iam::IdentityKind::{Role, User};
use adit_store::InlineKept;

use super::{ACCOUNT, role, user};
use crate::on_both;

#[test]
fn inline_policies_are_kept_over_each_other_and_counted_together() {
    on_both(|store| async move {
        user(&store, "ana").await;
        role(&store, "ana").await;
        let put = |who: &'static str, name: &'static str, document: &'static str| {
            store.inline_policy_put(ACCOUNT, User, who, name, document.to_owned(), 10)
        };
        assert_eq!(put("no", "p", "x").await.unwrap(), InlineKept::NotFound);
        assert_eq!(put("ana", "p", "1234 5 67").await.unwrap(), InlineKept::Yes);
        assert_eq!(put("ana", "q", "1234").await.unwrap(), InlineKept::TooLong);
        assert_eq!(put("ana", "q", "1 2\n3").await.unwrap(), InlineKept::Yes);
        assert_eq!(put("ana", "p", "7654321").await.unwrap(), InlineKept::Yes);
        assert_eq!(put("ana", "p", "87654321").await.unwrap(), InlineKept::TooLong);

        let get =
            |kind, who: &'static str, name: &'static str| store.inline_policy_get(ACCOUNT, kind, who, name);
        assert_eq!(get(User, "ana", "p").await.unwrap(), Some(Some("7654321".to_owned())));
        assert_eq!(get(User, "ana", "z").await.unwrap(), Some(None));
        assert_eq!(get(Role, "ana", "p").await.unwrap(), Some(None));
        assert_eq!(get(User, "no", "p").await.unwrap(), None);

        let first = store.inline_policies_page(ACCOUNT, User, "ana", None, 1).await.unwrap().unwrap();
        assert_eq!(first.items, ["p"]);
        let second = store.inline_policies_page(ACCOUNT, User, "ana", first.next, 1).await.unwrap().unwrap();
        assert_eq!((second.items, second.next), (vec!["q".to_owned()], None));
        let delete = |who: &'static str| store.inline_policy_delete(ACCOUNT, User, who, "p");
        assert_eq!(delete("no").await.unwrap(), None);
        assert_eq!(delete("ana").await.unwrap(), Some(true));
        assert_eq!(delete("ana").await.unwrap(), Some(false));
    });
}
