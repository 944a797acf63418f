//! What is to be done so that what a template asks for is there (spec: provisioning §5).

use std::collections::{BTreeMap, BTreeSet};

use super::failure::{Failure, Stage};
use super::template::Override;
use super::wanted::{Wanted, WantedCertificate, WantedPolicy, WantedThing};
use crate::certificate::{Certificate, Status};
use crate::ids::{CertificateId, PolicyName, Scope, ThingGroupName, ThingName, ThingTypeName};
use crate::policy::Document;
use crate::thing::{Attributes, Change, Thing, TypeChange};
use crate::thing_group::{Membership, regrouped};
use crate::thing_type::ThingType;
use crate::{Timestamp, arn};

/// What is there, as far as a [`Wanted`] could touch it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// The thing of the wanted name.
    pub thing: Option<Thing>,
    /// The groups that thing is in directly.
    pub groups_of_thing: Vec<Membership>,
    /// The wanted type.
    pub thing_type: Option<ThingType>,
    /// Those of the wanted groups that exist, with the tops of their hierarchies.
    pub groups: BTreeMap<ThingGroupName, Membership>,
    /// Those of the wanted policies that exist.
    pub policies: BTreeSet<PolicyName>,
    /// The wanted certificate.
    pub certificate: Option<CertificateState>,
    /// Policies a certificate may have.
    pub most_policies: usize,
}

/// A certificate and what is attached to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateState {
    /// The certificate.
    pub certificate: Certificate,
    /// Its policies.
    pub policies: Vec<PolicyName>,
    /// Its things, and whether it is attached to them exclusively.
    pub things: Vec<(ThingName, bool)>,
}

/// The steps that are missing, in the order in which they are made; empty if all is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A thing is made.
    CreateThing {
        /// Its name.
        name: ThingName,
        /// Its type.
        type_name: Option<ThingTypeName>,
        /// Its attributes.
        attributes: Attributes,
    },
    /// A thing's attributes or type change.
    UpdateThing {
        /// Its name.
        name: ThingName,
        /// What changes.
        change: Change,
    },
    /// A thing leaves groups and comes into others.
    Regroup {
        /// Its name.
        name: ThingName,
        /// The groups it leaves.
        remove: Vec<ThingGroupName>,
        /// The groups it comes into.
        add: Vec<ThingGroupName>,
    },
    /// A policy is made.
    CreatePolicy {
        /// Its name.
        name: PolicyName,
        /// Its document.
        document: String,
    },
    /// A policy is attached to the certificate.
    AttachPolicy(PolicyName),
    /// The certificate is attached to a thing.
    AttachThing {
        /// The thing.
        name: ThingName,
        /// Whether as the only one.
        exclusive: bool,
    },
    /// The certificate gets a status.
    SetStatus(Status),
}

impl Step {
    /// What a role must be allowed for this step: operations of service `iot`, each with the ARN it is on. `certificate`
    /// is the one that is being provisioned.
    pub fn permissions(
        &self,
        scope: &Scope,
        certificate: Option<&CertificateId>,
    ) -> Vec<(&'static str, String)> {
        let of_certificate = || certificate.map_or_else(|| "*".to_owned(), |id| arn::certificate(scope, id));
        match self {
            Step::CreateThing { name, .. } => vec![("CreateThing", arn::thing(scope, name))],
            Step::UpdateThing { name, .. } => vec![("UpdateThing", arn::thing(scope, name))],
            Step::Regroup { name, remove, add } => {
                let removed = remove.iter().map(|group| ("RemoveThingFromThingGroup", group));
                let added = add.iter().map(|group| ("AddThingToThingGroup", group));
                let both = |(operation, group)| {
                    [(operation, arn::thing(scope, name)), (operation, arn::thing_group(scope, group))]
                };
                removed.chain(added).flat_map(both).collect()
            }
            Step::CreatePolicy { name, .. } => vec![("CreatePolicy", arn::policy(scope, name))],
            Step::AttachPolicy(_) => vec![("AttachPolicy", of_certificate())],
            Step::AttachThing { .. } => vec![("AttachThingPrincipal", of_certificate())],
            Step::SetStatus(_) => vec![("UpdateCertificate", of_certificate())],
        }
    }
}

/// The steps from what is there to what is wanted. What is there already makes no step, so a plan that was carried out
/// leaves none.
///
/// # Errors
/// What is in the way, in AWS's words where they are known.
pub fn plan(scope: &Scope, wanted: &Wanted, world: &World, now: Timestamp) -> Result<Plan, Failure> {
    let mut steps = Vec::new();
    if let Some(thing) = &wanted.thing {
        plan_thing(scope, thing, world, now, &mut steps)?;
        plan_groups(scope, thing, world, &mut steps)?;
    }
    if let Some(certificate) = &wanted.certificate {
        let Some(there) = &world.certificate else {
            return Err(Failure::registry(Stage::Certificate, "The certificate is not registered"));
        };
        plan_policies(&wanted.policies, there, world, &mut steps)?;
        if let Some(thing) = &wanted.thing {
            plan_attachment(scope, thing, certificate, there, &mut steps)?;
        }
        plan_status(certificate, there, now, &mut steps)?;
    }
    Ok(Plan { steps })
}

fn plan_thing(
    scope: &Scope,
    wanted: &WantedThing,
    world: &World,
    now: Timestamp,
    steps: &mut Vec<Step>,
) -> Result<(), Failure> {
    let refused = |text: String| Err(Failure::registry(Stage::Thing, text));
    if let Some(group) = &wanted.billing_group {
        return refused(format!("Billing Group {}:{group} not found.", scope.account()));
    }
    if let Some(name) = wanted.type_name.as_ref().filter(|_| world.thing_type.is_none()) {
        return refused(format!("Thing Type {}:{name} not found.", scope.account()));
    }
    let assignable = || world.thing_type.as_ref().map_or(Ok(()), ThingType::assignable);
    let ruled = |error: crate::Error| Failure::registry(Stage::Thing, error.message);
    let Some(there) = &world.thing else {
        assignable().map_err(ruled)?;
        let attributes = wanted.attributes.clone().unwrap_or_default();
        let (name, type_name) = (wanted.name.clone(), wanted.type_name.clone());
        Thing::new(name.clone(), String::new(), type_name.clone(), attributes.clone(), now).map_err(ruled)?;
        steps.push(Step::CreateThing { name, type_name, attributes });
        return Ok(());
    };
    let mut change = Change::default();
    if let Some(attributes) = wanted.attributes.as_ref().filter(|attributes| **attributes != there.attributes)
    {
        match wanted.on_attributes {
            Override::DoNothing => {}
            Override::Replace => change.attributes = Some(attributes.clone()),
            Override::Merge => {
                let held = |(name, value): (&String, &String)| there.attributes.get(name) == Some(value);
                if !attributes.iter().all(held) {
                    (change.attributes, change.merge) = (Some(attributes.clone()), true);
                }
            }
            Override::Fail => {
                return refused(format!(
                    "Existing AttributePayload: {} conflicts with AttributePayload: {} in Template.",
                    shown(&there.attributes),
                    shown(attributes)
                ));
            }
        }
    }
    if let Some(name) = wanted.type_name.as_ref().filter(|name| there.type_name.as_ref() != Some(name)) {
        match wanted.on_type {
            Override::DoNothing => {}
            Override::Fail => {
                let existing = there.type_name.as_ref().map_or("null", ThingTypeName::as_str);
                return refused(format!(
                    "Existing ThingType: {existing} conflicts with ThingType: {name} in Template."
                ));
            }
            Override::Replace | Override::Merge => {
                assignable().map_err(ruled)?;
                change.kind = Some(TypeChange::Set(name.clone()));
            }
        }
    }
    if change != Change::default() {
        there.changed(&change).map_err(ruled)?;
        steps.push(Step::UpdateThing { name: wanted.name.clone(), change });
    }
    Ok(())
}

/// `{a=1, b=2}`, as AWS writes a map.
fn shown(attributes: &Attributes) -> String {
    let pairs: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

fn plan_groups(
    scope: &Scope,
    thing: &WantedThing,
    world: &World,
    steps: &mut Vec<Step>,
) -> Result<(), Failure> {
    let Some(wanted) = &thing.groups else { return Ok(()) };
    let refused = |text: String| Failure::registry(Stage::ThingGroups, text);
    if let Some(missing) = wanted.iter().find(|name| !world.groups.contains_key(name)) {
        return Err(refused(format!("ThingGroup {}:{missing} not found.", scope.account())));
    }
    let current: Vec<&ThingGroupName> = world.groups_of_thing.iter().map(|held| &held.group).collect();
    let add: Vec<ThingGroupName> = wanted.iter().filter(|name| !current.contains(name)).cloned().collect();
    let surplus: Vec<ThingGroupName> =
        current.iter().filter(|name| !wanted.contains(name)).map(|name| (*name).clone()).collect();
    if add.is_empty() && surplus.is_empty() {
        return Ok(());
    }
    let how = if world.thing.is_some() { thing.on_groups } else { Override::Replace };
    let remove = match how {
        Override::DoNothing => return Ok(()),
        Override::Merge => Vec::new(),
        Override::Replace => surplus,
        Override::Fail => {
            let arn = |name: &ThingGroupName| arn::thing_group(scope, name);
            let existing: Vec<String> =
                current.iter().map(|name| format!("{{GroupName: {name},GroupArn: {}}}", arn(name))).collect();
            let wanted: Vec<&str> = wanted.iter().map(ThingGroupName::as_str).collect();
            return Err(refused(format!(
                "Existing ThingGroups: [{}] conflict with ThingGroups: [{}] in Template.",
                existing.join(", "),
                wanted.join(", ")
            )));
        }
    };
    if add.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let joined: Vec<Membership> = add.iter().filter_map(|name| world.groups.get(name)).cloned().collect();
    regrouped(&thing.name, &world.groups_of_thing, &remove, &joined)
        .map_err(|error| refused(error.message))?;
    steps.push(Step::Regroup { name: thing.name.clone(), remove, add });
    Ok(())
}

fn plan_policies(
    wanted: &[WantedPolicy],
    certificate: &CertificateState,
    world: &World,
    steps: &mut Vec<Step>,
) -> Result<(), Failure> {
    let refused = |text: String| Err(Failure::registry(Stage::Policy, text));
    let mut attached: BTreeSet<&PolicyName> = certificate.policies.iter().collect();
    let mut attach = Vec::new();
    for policy in wanted {
        if !attached.insert(&policy.name) {
            continue;
        }
        match &policy.document {
            _ if world.policies.contains(&policy.name) => {}
            None => return refused("Policy default version not found".to_owned()),
            Some(document) => {
                if let Err(malformed) = Document::parse(document) {
                    return refused(malformed.to_string());
                }
                steps.push(Step::CreatePolicy { name: policy.name.clone(), document: document.clone() });
            }
        }
        attach.push(Step::AttachPolicy(policy.name.clone()));
    }
    let (count, most) = (attached.len(), world.most_policies);
    if !attach.is_empty() && count > most {
        return refused(format!(
            "A certificate may have at most {most} policies; {} would have {count}.",
            certificate.certificate.id
        ));
    }
    steps.append(&mut attach);
    Ok(())
}

fn plan_attachment(
    scope: &Scope,
    thing: &WantedThing,
    wanted: &WantedCertificate,
    certificate: &CertificateState,
    steps: &mut Vec<Step>,
) -> Result<(), Failure> {
    let name = &thing.name;
    let there =
        certificate.things.iter().find(|(attached, _)| attached == name).map(|(_, exclusive)| *exclusive);
    if there.is_some_and(|there| wanted.exclusive.is_none_or(|wanted| wanted == there)) {
        return Ok(());
    }
    let exclusive = wanted.exclusive.unwrap_or(false);
    let principal = || arn::certificate(scope, &certificate.certificate.id);
    match certificate.things.first() {
        Some((other, true)) => Err(Failure::registry(
            Stage::Certificate,
            format!(
                "The principal {} is attached to thing {other} as EXCLUSIVE_THING; detach it there first",
                principal()
            ),
        )),
        Some((other, false)) if exclusive => Err(Failure::registry(
            Stage::Certificate,
            format!(
                "The principal {} cannot be attached as EXCLUSIVE_THING while it is attached to thing {other}",
                principal()
            ),
        )),
        _ => {
            steps.push(Step::AttachThing { name: name.clone(), exclusive });
            Ok(())
        }
    }
}

/// A certificate that waits for its activation always gets the template's status.
fn plan_status(
    wanted: &WantedCertificate,
    there: &CertificateState,
    now: Timestamp,
    steps: &mut Vec<Step>,
) -> Result<(), Failure> {
    let (existing, status) = (there.certificate.status, wanted.status);
    let how = if existing == Status::PendingActivation { Override::Replace } else { wanted.on_status };
    let refused = |text: String| Failure::registry(Stage::Certificate, text);
    match how {
        _ if existing == status => {}
        Override::DoNothing => {}
        Override::Fail => {
            return Err(refused(format!(
                "Existing Status: {} conflicts with Status: {} in Template.",
                existing.as_str(),
                status.as_str()
            )));
        }
        Override::Replace | Override::Merge => {
            there.certificate.with_status(status, now).map_err(|error| refused(error.message))?;
            steps.push(Step::SetStatus(status));
        }
    }
    Ok(())
}
