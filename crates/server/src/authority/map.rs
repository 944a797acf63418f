//! What every operation needs: its action, the resources it is asked on, and the condition keys of its own.
//!
//! After AWS's service authorization reference, and spec: secure-tunneling §1.5 for tunnels. An operation that is served
//! and has no row here is a failing test, and refused to everybody but root.

use adit_aws::{Operation, Service};
use adit_iot::iam::IdentityKind::{self, Group, Role, User};

/// What an operation needs.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// AWS's name of the operation, and of the action.
    pub operation: &'static str,
    /// Whether and how it is asked.
    pub needs: Needs,
    /// What it is asked on: every one must be allowed.
    pub on: &'static [On],
    /// Another action that must be allowed on the same resources, when this member is true.
    pub also: Option<(&'static str, &'static str)>,
    /// The member that names a role which AWS IoT is to use: asks `iam:PassRole` on it.
    pub passes: Option<&'static str>,
    /// Condition keys besides those of every operation.
    pub keys: &'static [&'static str],
}

/// Whether and how an operation is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// A policy must allow it.
    Allow,
    /// Nothing: everybody may ask who they are.
    Nothing,
    /// No policy may deny it.
    NoDeny,
    /// The handler asks, for it takes more than the caller's policies.
    Handler,
}

/// A resource, or several.
#[derive(Debug, Clone, Copy)]
pub enum On {
    /// `*`: on AWS, too, this action is asked on nothing smaller.
    Everything,
    /// Of service `iot`: this kind, named by this member.
    Iot(&'static str, &'static str),
    /// The same by a name or, without it, by an ARN.
    Either(&'static str, &'static str, &'static str),
    /// The same; not asked while the member is absent.
    IfGiven(&'static str, &'static str),
    /// The same for each of a list.
    Each(&'static str, &'static str),
    /// This tail of an ARN of service `iot`.
    Tail(&'static str),
    /// The ARN in this member; what is no ARN, or absent, counts as `*`.
    Arn(&'static str),
    /// The thing at a tunnel's destination: the one in the input, and the one the tunnel has.
    Destination,
    /// A shadow: `thing/<name>`, or `thing/<name>/<shadow>`.
    Shadow,
    /// A user, group or role, named by this member; without it the caller.
    Identity(IdentityKind, &'static str),
    /// The user that has the access key in this member.
    OwnerOf(&'static str),
    /// What will be in `iam`: this kind with the path of the input, named by this member.
    New(&'static str, &'static str),
    /// This tail of an ARN of service `iam`; `PathPrefix` of the input behind it.
    Listed(&'static str),
}

const fn row(operation: &'static str, on: &'static [On]) -> Row {
    Row { operation, needs: Needs::Allow, on, also: None, passes: None, keys: &[] }
}

impl Row {
    const fn keys(self, keys: &'static [&'static str]) -> Row {
        Row { keys, ..self }
    }

    const fn passing(self, member: &'static str) -> Row {
        Row { passes: Some(member), ..self }
    }

    const fn needs(self, needs: Needs) -> Row {
        Row { needs, ..self }
    }
}

use On::{Arn, Destination, Each, Either, Everything, IfGiven, Iot, Listed, New, OwnerOf, Shadow, Tail};

const THING: On = Iot("thing", "thingName");
const THING_OF_GROUP: On = Either("thing", "thingName", "thingArn");
const GROUP: On = Iot("thinggroup", "thingGroupName");
const GROUP_OF_THING: On = Either("thinggroup", "thingGroupName", "thingGroupArn");
const TYPE: On = Iot("thingtype", "thingTypeName");
const CERT: On = Iot("cert", "certificateId");
const CA: On = Iot("cacert", "certificateId");
const POLICY: On = Iot("policy", "policyName");
const TEMPLATE: On = Iot("provisioningtemplate", "templateName");
const CLIENT: On = Iot("client", "clientId");
const TOPIC: On = Iot("topic", "topic");
const TUNNEL: On = Iot("tunnel", "tunnelId");
const ANY_TUNNEL: On = Tail("tunnel/*");

/// By name, ascending.
const IOT: &[Row] = &[
    row("AddThingToThingGroup", &[THING_OF_GROUP, GROUP_OF_THING]),
    row("AttachPolicy", &[Arn("target")]),
    row("AttachPrincipalPolicy", &[Arn("principal")]),
    row("AttachThingPrincipal", &[Arn("principal")]).keys(&["iot:thingArn"]),
    row("CreateCertificateFromCsr", &[Everything]),
    row("CreateKeysAndCertificate", &[Everything]),
    row("CreatePolicy", &[POLICY]),
    row("CreatePolicyVersion", &[POLICY]),
    row("CreateProvisioningClaim", &[TEMPLATE]),
    row("CreateProvisioningTemplate", &[TEMPLATE]).passing("provisioningRoleArn"),
    row("CreateProvisioningTemplateVersion", &[TEMPLATE]),
    row("CreateThing", &[THING]),
    row("CreateThingGroup", &[GROUP]),
    row("CreateThingType", &[TYPE]),
    row("DeleteCACertificate", &[CA]),
    row("DeleteCertificate", &[CERT]),
    row("DeletePolicy", &[POLICY]),
    row("DeletePolicyVersion", &[POLICY]),
    row("DeleteProvisioningTemplate", &[TEMPLATE]),
    row("DeleteProvisioningTemplateVersion", &[TEMPLATE]),
    row("DeleteRegistrationCode", &[Everything]),
    row("DeleteThing", &[THING]),
    row("DeleteThingGroup", &[GROUP]),
    row("DeleteThingType", &[TYPE]),
    row("DeprecateThingType", &[TYPE]),
    row("DescribeCACertificate", &[CA]),
    row("DescribeCertificate", &[CERT]),
    row("DescribeEndpoint", &[Everything]),
    row("DescribeProvisioningTemplate", &[TEMPLATE]),
    row("DescribeProvisioningTemplateVersion", &[TEMPLATE]),
    row("DescribeThing", &[THING]),
    row("DescribeThingGroup", &[GROUP]),
    row("DescribeThingType", &[TYPE]),
    row("DetachPolicy", &[Arn("target")]),
    row("DetachPrincipalPolicy", &[Arn("principal")]),
    row("DetachThingPrincipal", &[Arn("principal")]).keys(&["iot:thingArn"]),
    row("ExplainAuthorization", &[Arn("principal")]),
    row("GetEffectivePolicies", &[Arn("principal")]),
    row("GetPolicy", &[POLICY]),
    row("GetPolicyVersion", &[POLICY]),
    row("GetRegistrationCode", &[Everything]),
    row("GetServerHealth", &[Everything]),
    row("GetThingConnectivityData", &[THING]),
    row("ListAttachedPolicies", &[Everything]),
    row("ListAuditEvents", &[Arn("resource")]),
    row("ListCACertificates", &[Everything]),
    row("ListCertificates", &[Everything]),
    row("ListCertificatesByCA", &[Everything]),
    row("ListConnections", &[Everything]),
    row("ListLimits", &[Everything]),
    row("ListPolicies", &[Everything]),
    row("ListPolicyPrincipals", &[Everything]),
    row("ListPolicyVersions", &[POLICY]),
    row("ListPrincipalPolicies", &[Everything]),
    row("ListPrincipalThings", &[Arn("principal")]),
    row("ListPrincipalThingsV2", &[Arn("principal")]),
    row("ListProvisioningAttempts", &[Everything]),
    row("ListProvisioningTemplateVersions", &[TEMPLATE]),
    row("ListProvisioningTemplates", &[Everything]),
    row("ListRefusals", &[Everything]),
    row("ListTagsForResource", &[Arn("resourceArn")]),
    row("ListTargetsForPolicy", &[POLICY]),
    row("ListThingEvents", &[THING]),
    row("ListThingGroups", &[Everything]),
    row("ListThingGroupsForThing", &[THING]),
    row("ListThingPrincipals", &[THING]),
    row("ListThingPrincipalsV2", &[THING]),
    row("ListThingTypes", &[Everything]),
    row("ListThings", &[Everything]),
    row("ListThingsInThingGroup", &[GROUP]),
    row("PlanProvisioning", &[TEMPLATE]),
    row("RegisterCACertificate", &[Everything]).passing("registrationConfig.roleArn"),
    row("RegisterCertificate", &[Everything]),
    row("RegisterCertificateWithoutCA", &[Everything]),
    row("RegisterThing", &[Everything]),
    row("RemoveThingFromThingGroup", &[THING_OF_GROUP, GROUP_OF_THING]),
    row("RetryProvisioning", &[CERT]),
    row("SetDefaultPolicyVersion", &[POLICY]),
    row("TagResource", &[Arn("resourceArn")]),
    row("TestAuthorization", &[Arn("principal")]),
    row("UntagResource", &[Arn("resourceArn")]),
    row("UpdateCACertificate", &[CA]).passing("registrationConfig.roleArn"),
    row("UpdateCertificate", &[CERT]),
    row("UpdateProvisioningTemplate", &[TEMPLATE]).passing("provisioningRoleArn"),
    row("UpdateThing", &[THING]),
    row("UpdateThingGroup", &[GROUP]),
    row(
        "UpdateThingGroupsForThing",
        &[THING, Each("thinggroup", "thingGroupsToAdd"), Each("thinggroup", "thingGroupsToRemove")],
    ),
    row("UpdateThingType", &[TYPE]),
];

/// By name, ascending. Devices with a certificate are asked by these rows, too.
const DATA: &[Row] = &[
    row("DeleteConnection", &[CLIENT]),
    row("DeleteThingShadow", &[Shadow]),
    row("GetConnection", &[CLIENT]),
    row("GetRetainedMessage", &[TOPIC]),
    row("GetThingShadow", &[Shadow]),
    row("ListNamedShadowsForThing", &[THING]),
    row("ListRetainedMessages", &[Everything]),
    row("ListSubscriptions", &[CLIENT]),
    Row { also: Some(("RetainPublish", "retain")), ..row("Publish", &[TOPIC]) },
    row("SendDirectMessage", &[CLIENT]).keys(&["iot:topic"]),
    row("UpdateThingShadow", &[Shadow]),
];

/// By name, ascending.
const TUNNELING: &[Row] = &[
    row("CloseTunnel", &[TUNNEL]).keys(&["iot:Delete"]),
    row("DescribeTunnel", &[TUNNEL]),
    row("ListTagsForResource", &[Arn("resourceArn")]),
    row("ListTunnels", &[ANY_TUNNEL, IfGiven("thing", "thingName")]),
    row("OpenTunnel", &[ANY_TUNNEL, IfGiven("thing", "destinationConfig.thingName")])
        .keys(&["iot:ThingGroupArn", "iot:TunnelDestinationService"]),
    row("RotateTunnelAccessToken", &[TUNNEL, Destination]).keys(&[
        "iot:ThingGroupArn",
        "iot:TunnelDestinationService",
        "iot:ClientMode",
    ]),
    row("TagResource", &[Arn("resourceArn")]),
    row("UntagResource", &[Arn("resourceArn")]),
];

/// By name, ascending.
const STS: &[Row] = &[
    row("AssumeRole", &[Arn("RoleArn")])
        .keys(&["sts:ExternalId", "sts:RoleSessionName"])
        .needs(Needs::Handler),
    row("GetAccessKeyInfo", &[Everything]),
    row("GetCallerIdentity", &[]).needs(Needs::Nothing),
    row("GetSessionToken", &[Everything]).needs(Needs::NoDeny),
];

const USER: On = On::Identity(User, "UserName");
const USERS: On = On::Identity(Group, "GroupName");
const ROLE: On = On::Identity(Role, "RoleName");
const MANAGED: On = Arn("PolicyArn");
const POLICY_ARN: &[&str] = &["iam:PolicyARN"];

/// By name, ascending.
const IAM: &[Row] = &[
    row("AddUserToGroup", &[USERS]),
    row("AttachGroupPolicy", &[USERS]).keys(POLICY_ARN),
    row("AttachRolePolicy", &[ROLE]).keys(POLICY_ARN),
    row("AttachUserPolicy", &[USER]).keys(POLICY_ARN),
    row("CreateAccessKey", &[USER]),
    row("CreateGroup", &[New("group", "GroupName")]),
    row("CreatePolicy", &[New("policy", "PolicyName")]),
    row("CreatePolicyVersion", &[MANAGED]),
    row("CreateRole", &[New("role", "RoleName")]),
    row("CreateUser", &[New("user", "UserName")]),
    row("DeleteAccessKey", &[USER]),
    row("DeleteGroup", &[USERS]),
    row("DeleteGroupPolicy", &[USERS]),
    row("DeleteLoginProfile", &[USER]),
    row("DeletePolicy", &[MANAGED]),
    row("DeletePolicyVersion", &[MANAGED]),
    row("DeleteRole", &[ROLE]),
    row("DeleteRolePolicy", &[ROLE]),
    row("DeleteUser", &[USER]),
    row("DeleteUserPolicy", &[USER]),
    row("DetachGroupPolicy", &[USERS]).keys(POLICY_ARN),
    row("DetachRolePolicy", &[ROLE]).keys(POLICY_ARN),
    row("DetachUserPolicy", &[USER]).keys(POLICY_ARN),
    row("GetAccessKeyLastUsed", &[OwnerOf("AccessKeyId")]),
    row("GetAccountSummary", &[Everything]),
    row("GetGroup", &[USERS]),
    row("GetGroupPolicy", &[USERS]),
    row("GetLoginProfile", &[USER]),
    row("GetPolicy", &[MANAGED]),
    row("GetPolicyVersion", &[MANAGED]),
    row("GetRole", &[ROLE]),
    row("GetRolePolicy", &[ROLE]),
    row("GetUser", &[USER]),
    row("GetUserPolicy", &[USER]),
    row("ListAccessKeys", &[USER]),
    row("ListAccountAliases", &[Everything]),
    row("ListAttachedGroupPolicies", &[USERS]),
    row("ListAttachedRolePolicies", &[ROLE]),
    row("ListAttachedUserPolicies", &[USER]),
    row("ListEntitiesForPolicy", &[MANAGED]),
    row("ListGroupPolicies", &[USERS]),
    row("ListGroups", &[Listed("group")]),
    row("ListGroupsForUser", &[USER]),
    row("ListInstanceProfilesForRole", &[ROLE]),
    row("ListMFADevices", &[USER]),
    row("ListPolicies", &[Listed("policy")]),
    row("ListPolicyTags", &[MANAGED]),
    row("ListPolicyVersions", &[MANAGED]),
    row("ListRolePolicies", &[ROLE]),
    row("ListRoleTags", &[ROLE]),
    row("ListRoles", &[Listed("role")]),
    row("ListSSHPublicKeys", &[USER]),
    row("ListServiceSpecificCredentials", &[USER]),
    row("ListSigningCertificates", &[USER]),
    row("ListUserPolicies", &[USER]),
    row("ListUserTags", &[USER]),
    row("ListUsers", &[Listed("user")]),
    row("ListVirtualMFADevices", &[Everything]),
    row("PutGroupPolicy", &[USERS]),
    row("PutRolePolicy", &[ROLE]),
    row("PutUserPolicy", &[USER]),
    row("RemoveUserFromGroup", &[USERS]),
    row("SetDefaultPolicyVersion", &[MANAGED]),
    row("TagPolicy", &[MANAGED]),
    row("TagRole", &[ROLE]),
    row("TagUser", &[USER]),
    row("UntagPolicy", &[MANAGED]),
    row("UntagRole", &[ROLE]),
    row("UntagUser", &[USER]),
    row("UpdateAccessKey", &[USER]),
    row("UpdateAssumeRolePolicy", &[ROLE]),
    row("UpdateGroup", &[USERS]),
    row("UpdateRole", &[ROLE]),
    row("UpdateRoleDescription", &[ROLE]),
    row("UpdateUser", &[USER]),
];

/// All rows of a service, by name in ascending order.
#[must_use]
pub const fn rows(service: Service) -> &'static [Row] {
    match service {
        Service::Iot => IOT,
        Service::IotData => DATA,
        Service::JobsData => &[],
        Service::Tunneling => TUNNELING,
        Service::Sts => STS,
        Service::Iam => IAM,
    }
}

/// The row of an operation.
#[must_use]
pub fn row_of(operation: &Operation) -> Option<&'static Row> {
    let rows = rows(operation.service);
    rows.binary_search_by(|row| row.operation.cmp(operation.name)).ok().and_then(|at| rows.get(at))
}

/// What stands before the colon of the service's actions.
#[must_use]
pub const fn prefix(service: Service) -> &'static str {
    match service {
        Service::Iot | Service::IotData | Service::Tunneling => "iot",
        Service::JobsData => "iotjobsdata",
        Service::Sts => "sts",
        Service::Iam => "iam",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api;

    #[test]
    fn every_operation_that_is_served_has_a_row() {
        for service in Service::ALL {
            let all = service.operations().iter().chain(service.ours());
            for operation in all.filter(|operation| api::handler(operation).is_some()) {
                assert!(row_of(operation).is_some(), "{service:?} {}", operation.name);
            }
        }
    }

    #[test]
    fn every_row_is_of_an_operation_and_names_members_that_it_has() {
        for service in Service::ALL {
            let rows = rows(service);
            assert!(rows.is_sorted_by(|a, b| a.operation < b.operation), "{service:?}");
            for row in rows {
                let operation = service.operation(row.operation);
                let operation = operation.unwrap_or_else(|| panic!("{service:?} {}", row.operation));
                let on = row.on.iter().flat_map(|on| match *on {
                    Iot(_, member) | IfGiven(_, member) | Each(_, member) | Arn(member) | OwnerOf(member) => {
                        vec![member]
                    }
                    On::Identity(_, member) | New(_, member) => vec![member],
                    Either(_, name, arn) => vec![name, arn],
                    Everything | Tail(_) | Destination | Shadow | Listed(_) => vec![],
                });
                for member in on.chain(row.passes).chain(row.also.map(|(_, member)| member)) {
                    let first = member.split('.').next().unwrap();
                    let known = operation.members.iter().any(|known| known.name == first);
                    assert!(known, "{} {member}", row.operation);
                }
            }
        }
    }
}
