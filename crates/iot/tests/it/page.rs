use adit_iot::page::Listing;
use adit_iot::{Kind, Scope};
use proptest::prelude::*;

fn scope(account: &str, region: &str) -> Scope {
    Scope::new(account, region).unwrap()
}

proptest! {
    #[test]
    fn a_token_names_its_position_and_fits_the_model(
        position: i64,
        region in "[a-z0-9-]{1,64}",
        filters in prop::collection::vec(prop::option::of(".{0,40}"), 0..4),
    ) {
        let scope = scope("123456789012", &region);
        let filters: Vec<Option<&str>> = filters.iter().map(Option::as_deref).collect();
        let listing = Listing { operation: "ListTunnels", scope: &scope, filters: &filters };
        let token = listing.token(position);
        prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        prop_assert!((1..=4096).contains(&token.len()));
        prop_assert_eq!(listing.position(&token).unwrap(), position);
    }

    #[test]
    fn other_text_is_refused(text in "[a-zA-Z0-9_=-]{0,64}") {
        let scope = scope("123456789012", "us-east-1");
        let listing = Listing { operation: "ListTunnels", scope: &scope, filters: &[None] };
        prop_assert_eq!(listing.position(&text).unwrap_err().kind, Kind::Invalid);
    }

    #[test]
    fn one_changed_character_is_refused(position: i64, at in 0..23usize, to in "[a-zA-Z0-9_-]") {
        let scope = scope("123456789012", "us-east-1");
        let listing = Listing { operation: "ListTunnels", scope: &scope, filters: &[None] };
        let token = listing.token(position);
        let mut changed = token.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != token);
        prop_assert!(listing.position(&changed).is_err());
    }
}

#[test]
fn a_token_is_good_for_its_own_listing_only() {
    let home = scope("123456789012", "us-east-1");
    let listing = Listing { operation: "ListTunnels", scope: &home, filters: &[Some("a"), None] };
    let token = listing.token(7);
    let (account, region) = (scope("123456789013", "us-east-1"), scope("123456789012", "us-east-2"));
    for other in [
        Listing { operation: "ListThings", ..listing },
        Listing { scope: &account, ..listing },
        Listing { scope: &region, ..listing },
        Listing { filters: &[Some("b"), None], ..listing },
        Listing { filters: &[None, Some("a")], ..listing },
        Listing { filters: &[Some("a")], ..listing },
        Listing { filters: &[Some("a"), Some("")], ..listing },
    ] {
        let refused = other.position(&token).unwrap_err();
        assert_eq!(refused.kind, Kind::Invalid);
        assert!(refused.message.contains(other.operation), "{refused}");
    }
    assert_eq!(listing.position(&token).unwrap(), 7);
}

#[test]
fn a_name_goes_through_a_token_of_its_listing_only() {
    let scope = Scope::new("123456789012", "us-east-1").unwrap();
    let listing = |operation| Listing { operation, scope: &scope, filters: &[] };
    let retained = listing("ListRetainedMessages");
    for name in ["", "a/b", "größe/東京"] {
        assert_eq!(retained.name(&retained.token_after(name)).unwrap(), name);
    }
    for bad in [listing("ListSubscriptions").token_after("a"), retained.token(1), "x".to_owned()] {
        assert!(retained.name(&bad).unwrap_err().message.contains("ListRetainedMessages"), "{bad}");
    }
    assert!(retained.position(&retained.token_after("12345678")).is_err());
}
