//! Users and sessions of roles, for tests of what they may do.

use adit_aws::{Service, Signer};
use adit_iot::iam::{Identity, IdentityKind, Role};
use adit_iot::{Secret, Timestamp};
use adit_server::authority;
use adit_server::identity::{Caller, Key, Member, Temporary};
use adit_store::Credential;
use serde_json::{Value, json};

use crate::bed::{Answer, Bed};
use crate::iot::ACCOUNT;

/// Somebody who signs.
#[derive(Clone)]
pub struct Who {
    pub key_id: String,
    pub secret: String,
    pub token: Option<String>,
    pub arn: String,
}

impl Who {
    pub fn signer<'a>(&'a self, bed: &Bed, service: &'a str) -> Signer<'a> {
        Signer {
            key_id: &self.key_id,
            secret: &self.secret,
            session_token: self.token.as_deref(),
            region: "us-east-1",
            service,
            now: bed.clock.now_ms() / 1000,
        }
    }

    pub async fn call(
        &self,
        bed: &Bed,
        service: Service,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &str,
    ) -> Answer {
        bed.signed_by(&self.signer(bed, service.signing_name()), method, path, headers, body).await
    }

    pub async fn iot(&self, bed: &Bed, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.call(bed, Service::Iot, method, path, &[], &body).await
    }

    pub async fn tunneling(&self, bed: &Bed, operation: &str, input: Value) -> Answer {
        let target = format!("x-amz-target: IoTSecuredTunneling.{operation}");
        self.call(bed, Service::Tunneling, "POST", "/", &[&target], &input.to_string()).await
    }
}

fn identity(kind: IdentityKind, name: &str, at: Timestamp) -> Identity {
    let id = format!("{}{name}", kind.id_prefix());
    Identity { kind, name: name.to_owned(), path: "/".to_owned(), id, tags: Vec::new(), created_at: at }
}

/// A user with an access key and these statements as its policy.
pub async fn user(bed: &Bed, name: &str, statements: Value) -> Who {
    let state = bed.running.state();
    let new = identity(IdentityKind::User, name, state.now());
    state.store.user_create(ACCOUNT, new, 100).await.unwrap();
    let (key_id, secret) = (format!("AKIA{name}"), format!("secret of {name}"));
    let key = Credential {
        key_id: key_id.clone(),
        account: ACCOUNT.to_owned(),
        principal: format!("user/{name}"),
        user_id: Some(format!("AIDA{name}")),
        sealed: state.keys.sealed(&key_id, &Secret::new(secret.clone())).unwrap(),
        active: true,
        created_at: state.now(),
        last_used: None,
    };
    state.store.credential_create(key, 2).await.unwrap();
    give(bed, IdentityKind::User, name, statements).await;
    Who { key_id, secret, token: None, arn: format!("arn:aws:iam::{ACCOUNT}:user/{name}") }
}

/// A role that trusts by this policy, with these statements as its own.
pub async fn role(bed: &Bed, name: &str, trust: Value, statements: Value) {
    let state = bed.running.state();
    let identity = identity(IdentityKind::Role, name, state.now());
    let new = Role { identity, description: None, trust: trust.to_string(), max_session: 3600 };
    state.store.role_create(ACCOUNT, new, 100).await.unwrap();
    give(bed, IdentityKind::Role, name, statements).await;
}

/// A session of a role, within a policy if given.
pub fn session(bed: &Bed, role: &str, policy: Option<Value>) -> Who {
    let state = bed.running.state();
    let (key_id, secret) = (format!("ASIA{role}"), format!("session of {role}"));
    let life = Temporary { issued_at: state.now(), expires_at: state.now().plus_millis(3_600_000) };
    let role_member = Member { id: format!("AROA{role}"), resource: format!("role/{role}") };
    let policy = policy.map(|statements| document(&statements));
    let key = Key {
        secret: Secret::new(secret.clone()),
        account: ACCOUNT.to_owned(),
        caller: Caller::Role { role: role_member, session: "s1".to_owned(), policy },
        temporary: Some(life),
    };
    let token = state.keys.session_token(&key_id, &key, life).unwrap();
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/s1");
    Who { key_id, secret, token: Some(token.expose().to_owned()), arn }
}

/// Replaces the policy of a user or role.
pub async fn give(bed: &Bed, kind: IdentityKind, name: &str, statements: Value) {
    let state = bed.running.state();
    let document = document(&statements);
    state.store.inline_policy_put(ACCOUNT, kind, name, "own", document, 10_240).await.unwrap();
    authority::changed(state, ACCOUNT);
}

/// No statements are a policy that allows nothing.
pub fn document(statements: &Value) -> String {
    let nothing = json!([{ "Effect": "Allow", "Action": "none:None", "Resource": "*" }]);
    let statements = if statements.as_array().is_some_and(Vec::is_empty) { &nothing } else { statements };
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

pub fn allow(action: &str, resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource })
}

pub fn deny(action: &str, resource: &str) -> Value {
    json!({ "Effect": "Deny", "Action": action, "Resource": resource })
}
