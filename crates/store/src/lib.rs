//! Where things are kept: SQL written once, one small driver per engine.
//!
//! [`Store`] has one method per question, in one file per noun. Every method is asynchronous; a change is answered
//! only after its transaction is on disk. Changes that wait at the same time share one commit.
#![warn(missing_docs)]

use std::path::Path;

mod access;
mod attachment;
mod audit;
mod ca;
mod certificate;
mod credential;
mod error;
mod fleet;
mod iam;
mod lock;
mod migrate;
mod policy;
mod principal;
mod provision;
mod provisioning_attempt;
mod provisioning_template;
mod queue;
mod resource_tag;
mod retained;
mod session;
mod setting;
mod shadow;
mod sql;
mod sqlite;
mod tag;
mod thing;
mod thing_event;
mod thing_group;
mod thing_type;
mod token;
mod tunnel;

pub use access::AccessRecord;
pub use attachment::{Attached, Detached, PolicyTargets};
pub use audit::{AUDIT_SCAN, AuditEntry, AuditRecord, WantedAudit};
pub use ca::{CaCreated, CaDeleted, CaLine, CaUpdated};
pub use certificate::{CertificateChanged, CertificateDeleted, CertificateLine, Known};
pub use credential::{Credential, KeyChanged, KeyCreated, KeyUse};
pub use error::{Error, Result};
pub use fleet::ProvisioningClaim;
pub use iam::{
    Attaching, Granted, Grants, IamCreated, IdentityDeleted, InlineKept, ManagedDeleted, ManagedFilter,
    MemberChanged, NewManagedPolicy, Renamed, RoleChange, Versioned,
};
pub use policy::{NewPolicy, PolicyDeleted, VersionCreated, VersionTouched};
pub use principal::{ConnectionThing, PrincipalAttached, PrincipalDetached};
pub use provision::{May, Provision, Provisioned, Subject};
pub use provisioning_attempt::{AttemptFailure, ProvisioningAttempt, WantedAttempts};
pub use provisioning_template::{
    TemplateChange, TemplateCreated, TemplateDeleted, TemplateUpdated, TemplateVersionCreated,
    TemplateVersionDeleted,
};
pub use queue::{MqttWrite, Phase, QueueSize, Queued, StoredMessage};
pub use retained::Retained;
pub use session::{NewSession, SessionOpened, SessionRecord, StoredWill, Subscription};
pub use shadow::ShadowUpdated;
pub use tag::Tagged;
pub use thing::{ThingCreated, ThingDeleted, ThingUpdated};
pub use thing_event::{DeviceEvent, ThingEvent, ThingEventKind};
pub use thing_group::{GroupCreated, GroupDeleted, GroupFilter, GroupUpdated, Regrouped};
pub use thing_type::{TypeChanged, TypeCreated};
pub use token::{Claim, Claimed, Link, TokenHash, TokenRecord, TokenState, hash_token};
pub use tunnel::{Closing, NewTunnel, Opened, Rotation};

use sql::Driver;

/// Which way a listing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest record first.
    OldestFirst,
    /// The newest record first.
    NewestFirst,
}

impl Order {
    /// `("> $3", "ASC")` for parameter 3, or the other way round.
    fn sql(self, parameter: usize) -> (String, &'static str) {
        match self {
            Order::OldestFirst => (format!("> ${parameter}"), "ASC"),
            Order::NewestFirst => (format!("< ${parameter}"), "DESC"),
        }
    }

    /// The position to go on from; without one, before the first record.
    fn start(self, after: Option<i64>) -> i64 {
        after.unwrap_or(match self {
            Order::OldestFirst => 0,
            Order::NewestFirst => i64::MAX,
        })
    }
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The records, in the listing's order.
    pub items: Vec<T>,
    /// Position of the last record, if there are more after it: `after` of the next call.
    pub next: Option<i64>,
}

impl<T> Page<T> {
    /// A page of at most `limit` of `rows`, which were asked for with one to spare.
    fn of(mut rows: Vec<(i64, T)>, limit: usize) -> Page<T> {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|(position, _)| *position) } else { None };
        Page { items: rows.into_iter().map(|(_, item)| item).collect(), next }
    }
}

/// What the store has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Transactions asked for by callers that were committed.
    pub transactions: u64,
    /// Commits to disk that carried them.
    pub commits: u64,
    /// Transactions that were refused because the disk or the database failed.
    pub failures: u64,
}

/// The store. Dropping it finishes what was accepted, closes the database and frees the data folder.
pub struct Store {
    driver: Driver,
    _lock: Option<lock::Lock>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database `adit.db` in the data folder `dir`, making both if absent and bringing the schema up to
    /// date. Blocks; call it at start.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the folder or the file cannot be written or the disk is full, [`Error::InUse`] if another server holds
    /// the folder, [`Error::Newer`] if a later version of adit wrote the database, [`Error::Altered`] if its
    /// migrations are not ours, [`Error::Corrupt`] if it is not a database.
    pub fn open(dir: &Path) -> Result<Store> {
        let lock = lock::Lock::take(dir)?;
        let sqlite = sqlite::Sqlite::open(&dir.join("adit.db"))?;
        Ok(Store { driver: Driver::Sqlite(sqlite), _lock: Some(lock) })
    }

    /// A store in memory that is gone when dropped.
    ///
    /// # Errors
    /// Whatever the engine reports; not in practice.
    pub fn memory() -> Result<Store> {
        Ok(Store { driver: Driver::Sqlite(sqlite::Sqlite::memory()?), _lock: None })
    }

    /// What was done since opening.
    pub fn stats(&self) -> Stats {
        self.driver.stats()
    }

    /// Writes and commits a trifle: tells whether changes can be stored now.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with what to do about it.
    pub async fn check(&self) -> Result<()> {
        self.driver.write(setting::touch).await
    }
}
