//! Who may call what: the policies of signed callers, asked before every operation.
//!
//! [`map`] says which actions on which resources an operation needs. The account itself may do everything; a user or the
//! session of a role may do what its policies allow, by the evaluator that judges MQTT. What a caller's policies are is
//! believed for a second at most, and forgotten at once when an operation of IAM changes something.

mod keys;
pub mod map;
mod resources;
mod role;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_aws::{Operation, Service};
use adit_iot::policy::{Context, Document, Keys, Layer, PolicySet, Request, Rights, Verdict};
use adit_iot::tag::Tag;
use adit_iot::{Error, Kind, Scope, Timestamp};
use adit_store::Store;
use serde_json::Value;

pub use resources::{Asked, asked_of_device};
pub use role::{ServiceRole, may_assume, role_may, service_role};

use crate::identity::{Caller, Member, Principal};
use crate::state::{Call, State};
use crate::why::{Refusal, Stage};
use map::{Needs, Row};

/// How long a caller's policies are believed, in milliseconds.
const BELIEVED: i64 = 1_000;
/// Callers whose policies are kept compiled; when there are more, all are forgotten and read again.
const KEPT: usize = 4_096;
/// The action of giving a role to a service.
const PASS_ROLE: &str = "iam:PassRole";
/// The service that roles are given to here.
const PASSED_TO: &str = "iot.amazonaws.com";

/// The policies of callers, compiled.
#[derive(Debug, Default)]
pub struct Authority(Mutex<Cache>);

#[derive(Debug, Default)]
struct Cache {
    /// By account and id: when it was read, and what was found.
    granted: HashMap<(String, String), (i64, Found)>,
    /// Goes up with every change, so that what was read before it is not kept after it.
    changes: u64,
}

/// What a user or role was given.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) policies: Arc<PolicySet>,
    tags: Vec<Tag>,
}

type Found = Option<Arc<Granted>>;

impl Authority {
    fn changed(&self) {
        let mut cache = self.lock();
        cache.changes += 1;
        cache.granted.clear();
    }

    /// What the user or role with that id was given; `None` if it is gone.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn granted(
        &self,
        store: &Store,
        account: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Granted>>, Error> {
        let key = (account.to_owned(), id.to_owned());
        let before = {
            let cache = self.lock();
            if let Some((at, granted)) = cache.granted.get(&key)
                && (0..BELIEVED).contains(&(now.millis() - at))
            {
                return Ok(granted.clone());
            }
            cache.changes
        };
        let found = store.grants(account, id).await?;
        let granted = found.map(|found| {
            let documents =
                found.policies.iter().filter_map(|policy| readable(&policy.source, &policy.document));
            let policies = Arc::new(PolicySet::new(documents.collect()));
            Arc::new(Granted { policies, tags: found.identity.tags })
        });
        let mut cache = self.lock();
        if cache.changes == before {
            if cache.granted.len() >= KEPT {
                cache.granted.clear();
            }
            cache.granted.insert(key, (now.millis(), granted.clone()));
        }
        Ok(granted)
    }

    /// What a signed caller may do, and the condition keys that are known of it. No rights: it may do everything.
    ///
    /// # Errors
    /// The store's own.
    pub async fn of(
        &self,
        store: &Store,
        principal: &Principal,
        scope: &Scope,
        now: Timestamp,
    ) -> Result<(Option<Rights>, Keys), Error> {
        let (Member { id, .. }, session) = match &principal.caller {
            Caller::Root | Caller::Device => return Ok((None, keys::of_caller(principal, scope, &[]))),
            Caller::User(user) => (user, None),
            Caller::Role { role, policy, .. } => (role, policy.as_deref()),
        };
        let granted = self.granted(store, &principal.account, id, now).await?;
        let (policies, tags) = match &granted {
            Some(granted) => (Arc::clone(&granted.policies), granted.tags.as_slice()),
            None => (Arc::default(), &[][..]),
        };
        let mut rights = Rights::new(policies);
        if let Some(text) = session {
            let documents = readable("the session's policy", text).into_iter().collect();
            rights = rights.within(Layer::Session, Arc::new(PolicySet::new(documents)));
        }
        Ok((Some(rights), keys::of_caller(principal, scope, tags)))
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A document that was checked when it was stored. One that cannot be read counts as absent. spec: policies §7
fn readable(source: &str, text: &str) -> Option<(Arc<str>, Arc<Document>)> {
    match Document::identity(text) {
        Ok(document) => Some((Arc::from(source), Arc::new(document))),
        Err(error) => {
            tracing::error!(source, %error, "a stored policy cannot be read and counts as absent");
            None
        }
    }
}

/// A caller, ready to be asked about.
struct Known {
    rights: Option<Rights>,
    keys: Keys,
}

impl Known {
    async fn of(cx: &Call<'_>) -> Result<Known, Error> {
        let (rights, keys) = cx.state.authority.of(&cx.state.store, cx.principal, cx.scope, cx.now).await?;
        Ok(Known { rights, keys })
    }

    fn context<'a>(&self, cx: &Call<'a>, keys: &'a Keys) -> Context<'a> {
        Context {
            source_ip: Some(cx.peer.ip()),
            secure: cx.secure,
            user_agent: cx.user_agent,
            keys: Some(keys),
            ..Context::new(cx.scope, cx.now)
        }
    }
}

/// Something of IAM changed in an account: its callers and their live connections are asked by the new policies from now
/// on. Call it after the change is stored.
pub fn changed(state: &State, account: &str) {
    state.authority.changed();
    state.access.callers_changed(account);
}

/// Something a caller may not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// What was asked.
    pub asked: Asked,
    /// AWS's message, which names who, what and on what.
    pub message: String,
}

/// May the caller do this? Root may everything; what a device may, its certificate's policies decided before.
///
/// # Errors
/// What is denied, noted for the operator; or that the policies could not be read.
pub async fn may(cx: &Call<'_>, operation: &Operation, input: &Value) -> Result<(), Result<Denied, Error>> {
    if matches!(cx.principal.caller, Caller::Root | Caller::Device) {
        return Ok(());
    }
    let Some(row) = map::row_of(operation) else {
        let text = format!("nothing says what {} needs", operation.name);
        return Err(Err(Error::internal(text)));
    };
    if matches!(row.needs, Needs::Nothing | Needs::Handler) {
        return Ok(());
    }
    judge(cx, operation, row, input).await.map_err(Err)?.map_err(Ok)
}

async fn judge(
    cx: &Call<'_>,
    operation: &Operation,
    row: &Row,
    input: &Value,
) -> Result<Result<(), Denied>, Error> {
    let known = Known::of(cx).await?;
    let Some(rights) = &known.rights else { return Ok(Ok(())) };
    let of_calls = keys::of_call(cx, row, input).await?;
    for asked in resources::asked(cx, operation, row, input).await? {
        let of_resource = keys::of_resource(cx, &asked.resource).await?;
        for of_call in &of_calls {
            let mut keys = of_resource.clone();
            keys.extend(of_call);
            keys.extend(&known.keys);
            let context = known.context(cx, &keys);
            let request = Request { action: &asked.action, resource: &asked.resource, context: &context };
            let verdict = rights.decide(&request);
            let fine = match row.needs {
                Needs::NoDeny => !matches!(verdict, Verdict::ExplicitDeny(..)),
                _ => verdict == Verdict::Allow,
            };
            if !fine {
                note(cx, &asked, rights.words(verdict, &request));
                let message = denied_text(cx.principal, &asked, &verdict.clause(&asked.action));
                return Ok(Err(Denied { asked, message }));
            }
        }
    }
    Ok(Ok(()))
}

/// spec: control-plane §3
fn denied_text(principal: &Principal, asked: &Asked, clause: &str) -> String {
    let Asked { action, resource } = asked;
    let text =
        format!("User: {} is not authorized to perform: {action} on resource: {resource}", principal.arn);
    if clause.is_empty() { text } else { format!("{text} {clause}") }
}

fn note(cx: &Call<'_>, asked: &Asked, why: String) {
    let refusal = Refusal {
        scope: Some(cx.scope.clone()),
        principal: Some(cx.principal.arn.clone()),
        action: Some(Cow::Owned(asked.action.clone().into_owned())),
        resource: Some(asked.resource.clone()),
        ..Refusal::new(Stage::Api, why).from(cx.peer.ip())
    };
    cx.state.why.note(cx.now, refusal);
}

impl Denied {
    /// The refusal on the wire: the data plane says no more than `Forbidden`. spec: control-plane §3
    #[must_use]
    pub fn error(self, service: Service) -> Error {
        match service {
            Service::IotData | Service::JobsData => Error::new(Kind::Forbidden, "Forbidden"),
            Service::Iot | Service::Tunneling | Service::Sts | Service::Iam => {
                Error::new(Kind::Forbidden, self.message)
            }
        }
    }
}
