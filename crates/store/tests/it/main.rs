//! The store, one file per noun and one per promise.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod attachment;
mod audit;
mod ca;
mod certificate;
mod credential;
mod durability;
mod fleet;
mod group;
mod iam;
mod migrate;
mod mqtt;
mod policy;
mod principal;
mod provision;
mod provisioning_attempt;
mod provisioning_template;
mod resource_tag;
mod search;
mod setting;
mod shadow;
mod tag;
mod thing;
mod thing_event;
mod thing_group;
mod thing_type;
mod token;
mod trouble;
mod tunnel;

use adit_iot::tunnel::Horizon;
use adit_iot::{Scope, Timestamp, TunnelId};
use adit_store::{NewTunnel, Store, hash_token};

/// The time at which tests begin, and the retention they use.
pub const START: i64 = 1_700_000_000_000;
pub const RETENTION: i64 = 3 * 3_600_000;

pub fn scope() -> Scope {
    Scope::new("123456789012", "us-east-1").unwrap()
}

pub fn at(minutes: i64) -> Horizon {
    Horizon { now: time(minutes), retention_millis: RETENTION }
}

/// So many minutes after the start.
pub fn time(minutes: i64) -> Timestamp {
    Timestamp::from_millis(START).plus_minutes(minutes)
}

pub fn id(name: &str) -> TunnelId {
    TunnelId::parse(name).unwrap()
}

/// A tunnel of one hour whose tokens are `<name>-s` and `<name>-d`.
pub fn new_tunnel(name: &str) -> NewTunnel {
    NewTunnel {
        id: id(name),
        description: None,
        destination: None,
        timeout_minutes: 60,
        tags: Vec::new(),
        source_token: hash_token(&format!("{name}-s")),
        destination_token: hash_token(&format!("{name}-d")),
        created_at: time(0),
    }
}

pub async fn open(store: &Store, name: &str) {
    store.tunnel_open(&scope(), new_tunnel(name), None).await.unwrap();
}

/// Runs an asynchronous test against a store in memory and one on disk: the two read in different ways.
pub fn on_both<F: Future<Output = ()>>(test: impl Fn(Store) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    runtime.block_on(test(Store::memory().unwrap()));
    runtime.block_on(test(Store::open(dir.path()).unwrap()));
}
