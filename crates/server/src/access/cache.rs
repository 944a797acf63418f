//! The access of connections, kept until something it rests on changes.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use adit_iot::policy::{Document, PolicySet};
use adit_iot::{CertificateId, Error, PolicyName, Scope, ThingName, arn};
use adit_store::Store;

use super::Access;
use crate::provision::fleet::claim_policy;

/// Connections whose access is kept in a scope, those that ended included; above it what nobody uses is forgotten.
const KEPT: usize = if cfg!(test) { 1_024 } else { 262_144 };
/// Sets of policies that are kept compiled before those that nobody uses are looked for the first time.
const COMPILED: usize = 4_096;

/// The access of all connections, by scope.
#[derive(Debug, Default)]
pub struct AccessCache {
    scopes: Mutex<HashMap<Scope, Arc<OfScope>>>,
    compiled: Mutex<Compiled>,
}

/// Sets of policies in use, by their names and documents.
#[derive(Debug)]
struct Compiled {
    sets: HashMap<Vec<(PolicyName, String)>, Weak<PolicySet>>,
    /// How many there may be before those that nobody uses are looked for.
    sweep_at: usize,
}

impl Default for Compiled {
    fn default() -> Self {
        Self { sets: HashMap::new(), sweep_at: COMPILED }
    }
}

impl Compiled {
    /// The set of these documents. One that cannot be read counts as absent. spec: policies §7
    fn get(&mut self, scope: &Scope, policies: Vec<(PolicyName, String)>) -> Arc<PolicySet> {
        if let Some(set) = self.sets.get(&policies).and_then(Weak::upgrade) {
            return set;
        }
        let read = policies.iter().filter_map(|(name, text)| match Document::parse(text) {
            Ok(document) => Some((Arc::from(name.as_str()), Arc::new(document))),
            Err(error) => {
                let policy = name.as_str();
                tracing::error!(%scope, policy, %error, "a stored policy cannot be read and counts as absent");
                None
            }
        });
        let set = Arc::new(PolicySet::new(read.collect()));
        if self.sets.len() >= self.sweep_at {
            self.sets.retain(|_, set| set.strong_count() > 0);
            self.sweep_at = COMPILED.max(self.sets.len() * 2);
        }
        self.sets.insert(policies, Arc::downgrade(&set));
        set
    }
}

#[derive(Debug, Default)]
struct OfScope {
    epoch: AtomicU64,
    known: Mutex<Known>,
}

/// Access by certificate and client id.
#[derive(Debug, Default)]
struct Known {
    by_certificate: HashMap<CertificateId, HashMap<Option<String>, Arc<Access>>>,
    /// Certificates that spoke for a thing; some may be forgotten meanwhile.
    by_thing: HashMap<String, HashSet<CertificateId>>,
    /// How many there are in `by_certificate`.
    count: usize,
}

impl Known {
    fn find(&self, id: &CertificateId, client_id: Option<&str>) -> Option<Arc<Access>> {
        let of_client = self.by_certificate.get(id)?;
        of_client.get(&client_id.map(str::to_owned)).cloned()
    }

    fn insert(&mut self, id: &CertificateId, client_id: Option<&str>, access: Arc<Access>) {
        if self.count >= KEPT {
            self.forget_unused();
        }
        if let Some(thing) = access.thing() {
            self.by_thing.entry(thing.name.clone()).or_default().insert(id.clone());
        }
        let of_client = self.by_certificate.entry(id.clone()).or_default();
        if of_client.insert(client_id.map(str::to_owned), access).is_none() {
            self.count += 1;
        }
    }

    fn forget(&mut self, id: &CertificateId) {
        self.count -= self.by_certificate.remove(id).map_or(0, |of_client| of_client.len());
    }

    fn forget_thing(&mut self, name: &str) {
        let certificates = self.by_thing.remove(name).unwrap_or_default();
        certificates.iter().for_each(|id| self.forget(id));
    }

    /// Forgets what no connection holds, or everything if that does not make half the room.
    fn forget_unused(&mut self) {
        self.by_certificate.retain(|_, of_client| {
            of_client.retain(|_, access| Arc::strong_count(access) > 1);
            !of_client.is_empty()
        });
        self.count = self.by_certificate.values().map(HashMap::len).sum();
        if self.count > KEPT / 2 {
            *self = Self::default();
        }
        let known = &self.by_certificate;
        self.by_thing.retain(|_, certificates| {
            certificates.retain(|id| known.contains_key(id));
            !certificates.is_empty()
        });
    }
}

/// Tells a connection cheaply that something in its scope changed.
#[derive(Debug, Clone)]
pub struct Watch(Arc<OfScope>);

impl Watch {
    /// Goes up with every change that could concern a connection of the scope. A connection that reads the epoch before
    /// it asks for its [`Access`] may use that for as long as the epoch stays; when it moved, asking again gives the
    /// same `Arc` unless the change did concern it.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.0.epoch.load(Ordering::Acquire)
    }
}

impl AccessCache {
    /// The watch of a scope.
    pub fn watch(&self, scope: &Scope) -> Watch {
        let mut scopes = lock(&self.scopes);
        if let Some(of_scope) = scopes.get(scope) {
            return Watch(Arc::clone(of_scope));
        }
        Watch(Arc::clone(scopes.entry(scope.clone()).or_default()))
    }

    /// Something changed on which any connection may rest: a policy, its default version, a group, what is attached to
    /// a group. Call it after the change is stored.
    pub fn changed(&self, scope: &Scope) {
        self.forget(scope, |known| *known = Known::default());
    }

    /// Something changed on which the connections of signed callers of the account may rest, in every region. Call it
    /// after the change is stored.
    pub fn callers_changed(&self, account: &str) {
        let scopes = lock(&self.scopes);
        for (_, of_scope) in scopes.iter().filter(|(scope, _)| scope.account() == account) {
            of_scope.epoch.fetch_add(1, Ordering::Release);
        }
    }

    /// A certificate, its policies or its things changed. Call it after the change is stored.
    pub fn certificate_changed(&self, scope: &Scope, id: &CertificateId) {
        self.forget(scope, |known| known.forget(id));
    }

    /// A thing's type, attributes or groups changed. Call it after the change is stored.
    pub fn thing_changed(&self, scope: &Scope, name: &ThingName) {
        self.forget(scope, |known| known.forget_thing(name.as_str()));
    }

    fn forget(&self, scope: &Scope, what: impl FnOnce(&mut Known)) {
        let Some(of_scope) = lock(&self.scopes).get(scope).cloned() else { return };
        let mut known = lock(&of_scope.known);
        what(&mut known);
        of_scope.epoch.fetch_add(1, Ordering::Release);
    }

    /// What a connection with this certificate may do, with the thing rule applied to its client id (`None` where the
    /// protocol is not MQTT). The certificate's status is not looked at: that is the gate's.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn of_certificate(
        &self,
        store: &Store,
        scope: &Scope,
        id: &CertificateId,
        client_id: Option<&str>,
    ) -> Result<Arc<Access>, Error> {
        let of_scope = self.watch(scope).0;
        if let Some(access) = lock(&of_scope.known).find(id, client_id) {
            return Ok(access);
        }
        let before = of_scope.epoch.load(Ordering::Acquire);
        let found = store.access_of(scope, &arn::certificate(scope, id), client_id).await?;
        let policies = match found.policies.is_empty() {
            true => policies_of_claim(store, scope, id).await?,
            false => found.policies,
        };
        let thing = found.thing.map(|found| (found.thing, found.exclusive));
        let access = Arc::new(Access::new(lock(&self.compiled).get(scope, policies), thing));
        let mut known = lock(&of_scope.known);
        if of_scope.epoch.load(Ordering::Acquire) == before {
            known.insert(id, client_id, Arc::clone(&access));
        }
        Ok(access)
    }
}

/// The policy of a provisioning claim; none for another certificate.
async fn policies_of_claim(
    store: &Store,
    scope: &Scope,
    id: &CertificateId,
) -> Result<Vec<(PolicyName, String)>, Error> {
    let Some(claim) = store.claim_get(id).await?.filter(|claim| claim.scope == *scope) else {
        return Ok(Vec::new());
    };
    Ok(vec![(PolicyName::parse("provisioning-claim")?, claim_policy(scope, &claim.template))])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use adit_iot::certificate::{Certificate, Mode, Status};
    use adit_iot::policy::Context;
    use adit_iot::principal::{Principal, Target};
    use adit_iot::thing::{Attributes, Thing};
    use adit_iot::thing_group::NewGroup;
    use adit_iot::{ThingGroupName, Timestamp, policy};
    use adit_store::NewPolicy;

    use super::*;
    use crate::access::Rules;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    struct Bed {
        store: Store,
        cache: AccessCache,
        scope: Scope,
    }

    impl Bed {
        fn new() -> Self {
            let scope = Scope::new("123456789012", "us-east-1").unwrap();
            Self { store: Store::memory().unwrap(), cache: AccessCache::default(), scope }
        }

        async fn certificate(&self, n: u8) -> CertificateId {
            let id = CertificateId::from_sha256([n; 32]);
            let new = Certificate {
                id: id.clone(),
                status: Status::Active,
                mode: Mode::Default,
                ca_id: None,
                pem: String::new(),
                not_before: NOW,
                not_after: NOW,
                customer_version: 1,
                generation_id: n.to_string(),
                created_at: NOW,
                updated_at: NOW,
            };
            assert!(self.store.certificate_create(&self.scope, new).await.unwrap());
            id
        }

        async fn policy(&self, name: &str, statement: &str, target: Target) {
            let name = PolicyName::parse(name).unwrap();
            let document = format!(r#"{{"Statement":{statement}}}"#);
            let new = NewPolicy {
                name: name.clone(),
                document,
                tags: Vec::new(),
                generation_id: String::new(),
                created_at: NOW,
            };
            self.store.policy_create(&self.scope, new).await.unwrap();
            self.store.policy_attach(&self.scope, &name, &target, 10).await.unwrap();
        }

        async fn thing(&self, name: &str, of: &CertificateId, exclusive: bool) -> ThingName {
            let name = ThingName::parse(name).unwrap();
            let thing = Thing::new(name.clone(), name.to_string(), None, Attributes::new(), NOW).unwrap();
            self.store.thing_create(&self.scope, thing).await.unwrap();
            let principal = Principal::Certificate(self.scope.clone(), of.clone());
            self.store.thing_principal_attach(&self.scope, &name, &principal, exclusive).await.unwrap();
            name
        }

        async fn group(&self, name: &str, parent: Option<&str>) -> ThingGroupName {
            let name = ThingGroupName::parse(name).unwrap();
            let new = NewGroup {
                name: name.clone(),
                id: name.to_string(),
                parent: parent.map(|parent| ThingGroupName::parse(parent).unwrap()),
                description: None,
                attributes: Attributes::new(),
                created_at: NOW,
            };
            self.store.thing_group_create(&self.scope, new, Vec::new()).await.unwrap();
            name
        }

        async fn access(&self, id: &CertificateId, client_id: &str) -> Arc<Access> {
            self.cache.of_certificate(&self.store, &self.scope, id, Some(client_id)).await.unwrap()
        }

        fn may_publish(&self, access: &Access, client_id: &str, topic: &str) -> bool {
            let context = Context {
                client_id: Some(client_id),
                thing: access.thing(),
                ..Context::new(&self.scope, NOW)
            };
            access.publish(topic, false, &context).is_ok()
        }
    }

    const OWN: &str = r#"{"Effect":"Allow","Action":"iot:*",
        "Resource":"arn:aws:iot:us-east-1:123456789012:topic/${iot:Connection.Thing.ThingName}/*"}"#;

    #[tokio::test]
    async fn the_thing_is_the_exclusive_one_or_the_attached_one_named_like_the_client() {
        let bed = Bed::new();
        let (shared, lone) = (bed.certificate(1).await, bed.certificate(2).await);
        for (name, id) in [("P", &shared), ("Q", &lone)] {
            bed.policy(name, OWN, Target::Certificate(id.clone())).await;
        }
        bed.thing("dev1", &shared, false).await;
        bed.thing("gate9", &lone, true).await;
        for (id, client_id, thing, exclusive) in [
            (&shared, "dev1", Some("dev1"), None),
            (&shared, "other", None, None),
            (&shared, "gate9", None, None),
            (&shared, "no thing could be called this", None, None),
            (&lone, "anything", Some("gate9"), Some("gate9")),
            (&lone, "dev1", Some("gate9"), Some("gate9")),
        ] {
            let access = bed.access(id, client_id).await;
            assert_eq!(access.thing().map(|thing| thing.name.as_str()), thing, "{client_id}");
            assert_eq!(access.exclusive_thing(), exclusive, "{client_id}");
            assert_eq!(bed.may_publish(&access, client_id, "dev1/x"), thing == Some("dev1"), "{client_id}");
        }
        let http = bed.cache.of_certificate(&bed.store, &bed.scope, &shared, None).await.unwrap();
        assert_eq!(http.thing(), None);
    }

    #[tokio::test]
    async fn policies_of_groups_and_of_those_above_count() {
        let bed = Bed::new();
        let id = bed.certificate(1).await;
        let thing = bed.thing("dev1", &id, false).await;
        let (top, lamps) = (bed.group("all", None).await, bed.group("lamps", Some("all")).await);
        bed.store.thing_regroup(&bed.scope, &thing, Vec::new(), vec![lamps.clone()]).await.unwrap();
        let everything = r#"{"Effect":"Allow","Action":"iot:*","Resource":"*"}"#;
        let danger = r#"{"Effect":"Deny","Action":"iot:Publish","Resource":"arn:aws:iot:*:*:topic/danger"}"#;
        bed.policy("Top", everything, Target::Group(top)).await;
        bed.policy("Lamps", danger, Target::Group(lamps)).await;
        let access = bed.access(&id, "dev1").await;
        assert!(bed.may_publish(&access, "dev1", "x") && !bed.may_publish(&access, "dev1", "danger"));
        let access = bed.access(&id, "other").await;
        assert!(!bed.may_publish(&access, "other", "x"));
    }

    #[tokio::test]
    async fn access_stays_until_a_change_concerns_it() {
        let bed = Bed::new();
        let (one, two) = (bed.certificate(1).await, bed.certificate(2).await);
        let thing = bed.thing("dev1", &one, false).await;
        let watch = bed.cache.watch(&bed.scope);
        let (first, second) = (bed.access(&one, "dev1").await, bed.access(&two, "x").await);
        assert_eq!(watch.epoch(), 0);
        bed.policy("P", OWN, Target::Certificate(one.clone())).await;
        bed.cache.certificate_changed(&bed.scope, &one);
        assert_eq!(watch.epoch(), 1);
        let again = bed.access(&one, "dev1").await;
        assert!(!bed.may_publish(&first, "dev1", "dev1/x") && bed.may_publish(&again, "dev1", "dev1/x"));
        assert!(Arc::ptr_eq(&second, &bed.access(&two, "x").await));
        bed.cache.thing_changed(&bed.scope, &thing);
        assert!(!Arc::ptr_eq(&again, &bed.access(&one, "dev1").await));
        assert!(Arc::ptr_eq(&second, &bed.access(&two, "x").await));
        bed.cache.changed(&bed.scope);
        assert!(!Arc::ptr_eq(&second, &bed.access(&two, "x").await));
    }

    #[test]
    fn what_is_kept_is_counted_and_bounded() {
        let mut known = Known::default();
        let id = |n: usize| CertificateId::from_sha256([u8::try_from(n % 256).unwrap(); 32]);
        let held: Vec<_> = (0..100).map(|_| Access::everything()).collect();
        for n in 0..KEPT {
            let access = held.get(n).cloned().unwrap_or_else(Access::everything);
            known.insert(&id(n), Some(&n.to_string()), access);
        }
        assert_eq!(known.count, KEPT);
        known.insert(&id(1), None, Access::everything());
        assert_eq!(known.count, held.len() + 1);
        assert!(known.find(&id(7), Some("7")).is_some() && known.find(&id(200), Some("200")).is_none());
        known.forget(&id(7));
        assert_eq!(known.count, held.len());
    }

    #[tokio::test]
    async fn connections_with_the_same_policies_share_them_and_an_unreadable_one_counts_as_absent() {
        let bed = Bed::new();
        let id = bed.certificate(1).await;
        bed.policy("Broken", "7", Target::Certificate(id.clone())).await;
        bed.policy("Sound", OWN, Target::Certificate(id.clone())).await;
        let mut held = Vec::new();
        for n in 0..100 {
            bed.thing(&format!("dev{n}"), &id, false).await;
            held.push(bed.access(&id, &format!("dev{n}")).await);
        }
        assert!(bed.may_publish(&held[7], "dev7", "dev7/x"));
        let sets: Vec<_> = held
            .iter()
            .map(|access| match &access.rules {
                Rules::Policies(set) => Arc::as_ptr(set),
                Rules::Everything | Rules::Signed(_) => panic!("a certificate has policies"),
            })
            .collect();
        assert!(sets.iter().all(|set| *set == sets[0]));
        let context = Context { client_id: Some("dev7"), ..Context::new(&bed.scope, NOW) };
        let denied = held[7].publish("a", false, &context).unwrap_err();
        assert_eq!(denied.resource, policy::topic(&bed.scope, "a"));
        assert_eq!(
            denied.why,
            "no statement allows iot:Publish on arn:aws:iot:us-east-1:123456789012:topic/a; policies considered: \
             Sound; without a value here: iot:Connection.Thing.ThingName"
        );
    }
}
