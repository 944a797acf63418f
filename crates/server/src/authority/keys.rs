//! Condition keys of a call: of who calls, of what is asked, and of the resource it is asked on.

use adit_iot::arn::Arn;
use adit_iot::iam::{IdentityKind, PolicyArn};
use adit_iot::policy::Keys;
use adit_iot::tag::{Tag, Taggable};
use adit_iot::{Error, Scope, ThingName, arn};
use serde_json::Value;

use super::PASSED_TO;
use super::map::Row;
use super::resources::{Destination, destinations, text, texts};
use crate::identity::{Caller, Principal};
use crate::state::Call;

/// The services of a tunnel.
const SERVICES: &str = "iot:TunnelDestinationService";
/// The groups of a tunnel's thing.
const GROUPS: &str = "iot:ThingGroupArn";

/// What is known of a caller, for every one of its calls.
pub(super) fn of_caller(principal: &Principal, scope: &Scope, tags: &[Tag]) -> Keys {
    let mut keys = Keys::default();
    keys.one("aws:PrincipalArn", principal.identity_arn(scope.region()));
    keys.one("aws:PrincipalAccount", principal.account.as_str());
    keys.one("aws:userid", principal.user_id.as_str());
    keys.one("aws:PrincipalIsAWSService", "false");
    keys.one("aws:ViaAWSService", "false");
    keys.one("aws:RequestedRegion", scope.region());
    let kind = match &principal.caller {
        Caller::User(user) => {
            keys.one("aws:username", user.name());
            "User"
        }
        Caller::Role { .. } => "AssumedRole",
        Caller::Root | Caller::Device => "Account",
    };
    keys.one("aws:PrincipalType", kind);
    for Tag { key, value } in tags {
        keys.one(&format!("aws:PrincipalTag/{key}"), value.as_str());
    }
    if let Some(temporary) = principal.temporary {
        let issued = temporary.issued_at.millis().div_euclid(1000);
        keys.one("aws:TokenIssueTime", issued.to_string());
        keys.one("aws:MultiFactorAuthPresent", "false");
    }
    keys
}

/// What a call asks for: once for each place it leads to, all of which must be allowed.
///
/// # Errors
/// The store's own.
pub(super) async fn of_call(cx: &Call<'_>, row: &Row, input: &Value) -> Result<Vec<Keys>, Error> {
    let keys = plain(cx, row, input);
    if !row.keys.contains(&SERVICES) {
        return Ok(vec![keys]);
    }
    let mut all = Vec::new();
    for Destination { thing, services } in destinations(cx, input).await? {
        let mut keys = keys.clone();
        keys.many(SERVICES, services);
        if let Some(thing) = thing {
            keys.many(GROUPS, groups_of(cx, &thing).await?);
        }
        all.push(keys);
    }
    if all.is_empty() {
        all.push(keys);
    }
    Ok(all)
}

/// What the input alone tells.
fn plain(cx: &Call<'_>, row: &Row, input: &Value) -> Keys {
    let mut keys = Keys::default();
    of_tags(&mut keys, input);
    for &key in row.keys {
        match key {
            "iot:Delete" => {
                let delete = input.get("delete").and_then(Value::as_bool).unwrap_or(false);
                keys.one(key, delete.to_string());
            }
            "iot:ClientMode" => one(&mut keys, key, text(input, "clientMode")),
            "iot:thingArn" => {
                let thing = text(input, "thingName").and_then(|name| ThingName::parse(name).ok());
                one(&mut keys, key, thing.map(|thing| arn::thing(cx.scope, &thing)).as_deref());
            }
            "iot:topic" => one(&mut keys, key, text(input, "topic")),
            "iam:PolicyARN" => one(&mut keys, key, text(input, "PolicyArn")),
            _ => {}
        }
    }
    if row.passes.is_some() {
        keys.one("iam:PassedToService", PASSED_TO);
    }
    keys
}

fn one(keys: &mut Keys, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        keys.one(name, value);
    }
}

/// `aws:RequestTag/…` and `aws:TagKeys`, of the tags to be set or removed.
fn of_tags(keys: &mut Keys, input: &Value) {
    let member = |value: &Value, small: &str, large: &str| -> Option<String> {
        value.get(small).or_else(|| value.get(large))?.as_str().map(str::to_owned)
    };
    let tags = input.get("tags").or_else(|| input.get("Tags")).and_then(Value::as_array);
    let mut names = Vec::new();
    for tag in tags.into_iter().flatten() {
        let Some(name) = member(tag, "key", "Key") else { continue };
        let value = member(tag, "value", "Value").unwrap_or_default();
        keys.one(&format!("aws:RequestTag/{name}"), value);
        names.push(name);
    }
    names.extend(texts(input, "tagKeys"));
    names.extend(texts(input, "TagKeys"));
    keys.many("aws:TagKeys", names);
}

/// The static groups of a thing and all above them.
async fn groups_of(cx: &Call<'_>, thing: &ThingName) -> Result<Vec<String>, Error> {
    let groups = cx.state.store.groups_of_thing_with_ancestors(cx.scope, thing).await?;
    Ok(groups.iter().map(|group| arn::thing_group(cx.scope, group)).collect())
}

/// `aws:ResourceTag/…` of a resource that has tags.
///
/// # Errors
/// The store's own.
pub(super) async fn of_resource(cx: &Call<'_>, resource: &str) -> Result<Keys, Error> {
    let mut keys = Keys::default();
    let Some(named) = Arn::parse(resource) else { return Ok(keys) };
    let store = &cx.state.store;
    let in_iam = named.service == "iam" && named.account == cx.scope.account();
    let tags = if let Some((scope, id)) = named.as_tunnel().filter(|(scope, _)| scope == cx.scope) {
        store.tags_list(&scope, &id, cx.horizon()).await?.unwrap_or_default()
    } else if let Ok(taggable) = Taggable::parse(cx.scope, resource) {
        store.resource_tags_list(cx.scope, &taggable).await?
    } else if in_iam && named.resource.starts_with("policy/") {
        let Ok(policy) = PolicyArn::parse(cx.scope, resource) else { return Ok(keys) };
        let found = store.managed_policy_get(cx.scope.account(), &policy).await?;
        found.map(|policy| policy.tags).unwrap_or_default()
    } else if in_iam && let Some((kind, name)) = identity_of(named.resource) {
        let found = store.identity_get(cx.scope.account(), kind, name).await?;
        let tags = found.map(|identity| identity.tags).unwrap_or_default();
        for Tag { key, value } in &tags {
            keys.one(&format!("iam:ResourceTag/{key}"), value.as_str());
        }
        tags
    } else {
        Vec::new()
    };
    for Tag { key, value } in tags {
        keys.one(&format!("aws:ResourceTag/{key}"), value);
    }
    Ok(keys)
}

fn identity_of(resource: &str) -> Option<(IdentityKind, &str)> {
    let (kind, rest) = resource.split_once('/')?;
    Some((IdentityKind::parse(kind)?, rest.rsplit('/').next()?))
}
