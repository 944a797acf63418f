//! Identities: one file per noun.

mod attached_policy;
mod grant;
mod group;
mod inline_policy;
mod managed_policy;
mod role;
mod user;

use adit_iot::iam::{Identity, IdentityKind, PolicyArn, Role};
use adit_store::{IamCreated, NewManagedPolicy, Store};

use crate::time;

pub const ACCOUNT: &str = "123456789012";
pub const OTHER: &str = "210987654321";

/// An identity whose id is its kind and name.
pub fn identity(kind: IdentityKind, name: &str) -> Identity {
    Identity {
        kind,
        name: name.to_owned(),
        path: "/".to_owned(),
        id: format!("{}{name}", kind.id_prefix()),
        tags: Vec::new(),
        created_at: time(0),
    }
}

pub async fn user(store: &Store, name: &str) {
    let new = identity(IdentityKind::User, name);
    assert_eq!(store.user_create(ACCOUNT, new, 100).await.unwrap(), IamCreated::Yes);
}

pub async fn group(store: &Store, name: &str) {
    let new = identity(IdentityKind::Group, name);
    assert_eq!(store.user_group_create(ACCOUNT, new, 100).await.unwrap(), IamCreated::Yes);
}

pub fn a_role(name: &str) -> Role {
    Role {
        identity: identity(IdentityKind::Role, name),
        description: None,
        trust: format!("trust of {name}"),
        max_session: 3600,
    }
}

pub async fn role(store: &Store, name: &str) {
    assert_eq!(store.role_create(ACCOUNT, a_role(name), 100).await.unwrap(), IamCreated::Yes);
}

pub fn arn(name: &str) -> PolicyArn {
    PolicyArn { of_aws: false, path: "/".to_owned(), name: name.to_owned() }
}

pub fn of_aws(path: &str, name: &str) -> PolicyArn {
    PolicyArn { of_aws: true, path: path.to_owned(), name: name.to_owned() }
}

pub fn new_policy(name: &str) -> NewManagedPolicy {
    NewManagedPolicy {
        name: name.to_owned(),
        path: "/".to_owned(),
        id: format!("ANPA{name}"),
        description: None,
        document: format!("document 1 of {name}"),
        tags: Vec::new(),
        created_at: time(0),
    }
}

pub async fn policy(store: &Store, name: &str) {
    let made = store.managed_policy_create(ACCOUNT, new_policy(name), 100).await.unwrap();
    assert_eq!(made, IamCreated::Yes);
}
