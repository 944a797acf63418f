//! Carries out what a provisioning template asks for: everything or nothing, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use adit_iot::certificate::{Certificate, Status};
use adit_iot::principal::{Principal, Target};
use adit_iot::provisioning::{CertificateState, Failure, Plan, Step, Wanted, WantedThing, World, plan};
use adit_iot::thing::Thing;
use adit_iot::thing_group::Membership;
use adit_iot::{CertificateId, Scope, Timestamp, arn};

use crate::sql::{Tx, unreadable};
use crate::thing_group::{self, member};
use crate::{
    Attached, NewPolicy, PrincipalAttached, Regrouped, Result, Store, attachment, certificate, policy,
    principal, thing, thing_type,
};

/// The certificate a template is applied for.
#[derive(Clone, Debug)]
pub enum Subject {
    /// None; the template is about a thing alone.
    Nothing,
    /// A registered one.
    Known(CertificateId),
    /// One that is registered in the same transaction, unless it is already.
    New(Certificate),
}

/// Says whether whoever stands behind a template may do these steps for a certificate.
pub type May = Box<dyn FnOnce(&Plan, Option<&CertificateId>) -> Result<(), Failure> + Send>;

/// What is to be provisioned.
pub struct Provision {
    /// What is to be there in the end.
    pub wanted: Wanted,
    /// For which certificate.
    pub subject: Subject,
    /// Asked before anything is changed.
    pub may: May,
    /// Makes UUIDs.
    pub uuid: Box<dyn FnMut() -> String + Send>,
    /// Policies a certificate may have.
    pub most_policies: usize,
    /// Now.
    pub now: Timestamp,
}

impl std::fmt::Debug for Provision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provision").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

/// What provisioning did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisioned {
    /// Whether the certificate was registered now.
    pub registered: bool,
    /// The steps that were made; none if everything was there.
    pub plan: Plan,
    /// The certificate as it is now.
    pub certificate: Option<Certificate>,
    /// The status it had before.
    pub status_before: Option<Status>,
}

impl Store {
    /// Looks at what exists, plans what is missing and does it. A failure leaves everything as it was.
    ///
    /// # Errors
    /// Only the store's own; then nothing is kept.
    pub async fn provision(
        &self,
        scope: &Scope,
        provision: Provision,
    ) -> Result<Result<Provisioned, Failure>> {
        let scope = scope.clone();
        self.driver.write(move |tx| run(tx, &scope, provision)).await
    }
}

impl Store {
    /// The steps that [`Store::provision`] would make now for this certificate, without making them. A certificate that
    /// is not registered counts as the one given.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn provision_plan(
        &self,
        scope: &Scope,
        wanted: Wanted,
        certificate: Certificate,
        most_policies: usize,
        now: Timestamp,
    ) -> Result<Result<Plan, Failure>> {
        let scope = scope.clone();
        let look = move |tx: &Tx<'_>| {
            let there = certificate::find(tx, &scope, &certificate.id)?.unwrap_or(certificate);
            let world = look(tx, &scope, &wanted, Some(there), most_policies)?;
            Ok(plan(&scope, &wanted, &world, now))
        };
        self.driver.read(look).await
    }
}

fn run(tx: &Tx<'_>, scope: &Scope, provision: Provision) -> Result<Result<Provisioned, Failure>> {
    let Provision { wanted, subject, may, mut uuid, most_policies, now } = provision;
    let (there, new) = match &subject {
        Subject::Nothing => (None, None),
        Subject::Known(id) => (certificate::find(tx, scope, id)?, None),
        Subject::New(new) => match certificate::find(tx, scope, &new.id)? {
            Some(there) => (Some(there), None),
            None => (Some(new.clone()), Some(new)),
        },
    };
    let status_before = there.as_ref().map(|certificate| certificate.status);
    let id = there.as_ref().map(|certificate| certificate.id.clone());
    let world = look(tx, scope, &wanted, there, most_policies)?;
    let planned = plan(scope, &wanted, &world, now);
    let plan = match planned.and_then(|plan| may(&plan, id.as_ref()).map(|()| plan)) {
        Ok(plan) => plan,
        Err(failure) => return Ok(Err(failure)),
    };
    let registered = match new {
        Some(new) => certificate::insert(tx, scope, new)?,
        None => false,
    };
    let mut work =
        Work { tx, scope, now, most_policies, certificate: world.certificate.map(|state| state.certificate) };
    for step in &plan.steps {
        work.step(step, &mut uuid)?;
    }
    Ok(Ok(Provisioned { registered, certificate: work.certificate, plan, status_before }))
}

/// What is there, as far as it matters.
fn look(
    tx: &Tx<'_>,
    scope: &Scope,
    wanted: &Wanted,
    certificate: Option<Certificate>,
    most_policies: usize,
) -> Result<World> {
    let mut world = World { most_policies, ..World::default() };
    if let Some(thing) = &wanted.thing {
        look_at_thing(tx, scope, thing, &mut world)?;
    }
    let mut policies = BTreeSet::new();
    for wanted in &wanted.policies {
        if policy::head(tx, scope, &wanted.name)?.is_some() {
            policies.insert(wanted.name.clone());
        }
    }
    world.policies = policies;
    if let Some(certificate) = certificate {
        let arn = arn::certificate(scope, &certificate.id);
        world.certificate = Some(CertificateState {
            policies: attachment::names_of(tx, scope, &arn)?,
            things: principal::things_of(tx, scope, &arn)?,
            certificate,
        });
    }
    Ok(world)
}

fn look_at_thing(tx: &Tx<'_>, scope: &Scope, wanted: &WantedThing, world: &mut World) -> Result<()> {
    if let Some((seq, there)) = thing::find(tx, scope, &wanted.name)? {
        world.groups_of_thing = member::memberships(tx, seq)?;
        world.thing = Some(there);
    }
    if let Some(name) = &wanted.type_name {
        world.thing_type = thing_type::find(tx, scope, name)?.map(|(_, kind)| kind);
    }
    let mut groups = BTreeMap::new();
    for name in wanted.groups.iter().flatten() {
        if let Some((_, group)) = thing_group::find(tx, scope, name)? {
            let held = Membership { root: group.root().clone(), group: group.name };
            groups.insert(name.clone(), held);
        }
    }
    world.groups = groups;
    Ok(())
}

/// A plan under way. What its steps meet was looked at in the same transaction, so anything else is a defect.
struct Work<'a> {
    tx: &'a Tx<'a>,
    scope: &'a Scope,
    now: Timestamp,
    most_policies: usize,
    certificate: Option<Certificate>,
}

impl Work<'_> {
    fn step(&mut self, step: &Step, uuid: &mut impl FnMut() -> String) -> Result<()> {
        let (tx, scope) = (self.tx, self.scope);
        match step {
            Step::CreateThing { name, type_name, attributes } => {
                let (type_name, attributes) = (type_name.clone(), attributes.clone());
                let new = Thing::new(name.clone(), uuid(), type_name, attributes, self.now);
                thing::insert(tx, scope, &new.map_err(unreadable)?)
            }
            Step::UpdateThing { name, change } => {
                let Some((seq, there)) = thing::find(tx, scope, name)? else { return Err(gone(step)) };
                thing::update(tx, scope, seq, &there.changed(change).map_err(unreadable)?)
            }
            Step::Regroup { name, remove, add } => match member::regroup(tx, scope, name, remove, add)? {
                Regrouped::Yes(_) => Ok(()),
                _ => Err(gone(step)),
            },
            Step::CreatePolicy { name, document } => {
                let new = NewPolicy {
                    name: name.clone(),
                    document: document.clone(),
                    tags: Vec::new(),
                    generation_id: uuid(),
                    created_at: self.now,
                };
                if policy::insert(tx, scope, &new)? { Ok(()) } else { Err(gone(step)) }
            }
            Step::AttachPolicy(name) => {
                let target = Target::Certificate(self.certificate(step)?.id.clone());
                match attachment::attach(tx, scope, name, &target, self.most_policies)? {
                    Attached::Yes | Attached::Already => Ok(()),
                    _ => Err(gone(step)),
                }
            }
            Step::AttachThing { name, exclusive } => {
                let principal = Principal::Certificate(scope.clone(), self.certificate(step)?.id.clone());
                match principal::attach(tx, scope, name, &principal, *exclusive)? {
                    PrincipalAttached::Yes | PrincipalAttached::Already => Ok(()),
                    _ => Err(gone(step)),
                }
            }
            Step::SetStatus(status) => {
                let there = self.certificate(step)?;
                if let Some(changed) = there.with_status(*status, self.now).map_err(unreadable)? {
                    certificate::update(tx, scope, &changed)?;
                    self.certificate = Some(changed);
                }
                Ok(())
            }
        }
    }

    fn certificate(&self, step: &Step) -> Result<&Certificate> {
        self.certificate.as_ref().ok_or_else(|| gone(step))
    }
}

fn gone(step: &Step) -> crate::Error {
    crate::Error::Internal(format!("what {step:?} works on changed within its own transaction"))
}
