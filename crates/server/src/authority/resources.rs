//! The resources of a call, as ARNs.

use std::borrow::Cow;

use adit_aws::{Operation, Service};
use adit_iot::arn::{Arn, partition};
use adit_iot::iam::{IdentityKind, identity};
use adit_iot::{Error, Scope, ThingName, TunnelId, arn};
use serde_json::Value;

use super::map::{On, Row, prefix};
use crate::state::Call;

/// One question: an action on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Such as `iot:OpenTunnel`.
    pub action: Cow<'static, str>,
    /// An ARN, or `*`.
    pub resource: String,
}

/// Everything that a call asks, in order.
///
/// # Errors
/// The store's own.
pub(super) async fn asked(
    cx: &Call<'_>,
    operation: &Operation,
    row: &Row,
    input: &Value,
) -> Result<Vec<Asked>, Error> {
    let mut resources = Vec::new();
    for on in row.on {
        match *on {
            On::Destination => {
                let things = destinations(cx, input).await?.into_iter().filter_map(|found| found.thing);
                resources.extend(things.map(|thing| arn::thing(cx.scope, &thing)));
            }
            On::Identity(kind, member) => resources.push(identity_arn(cx, kind, text(input, member)).await?),
            On::OwnerOf(member) => {
                let key = text(input, member).unwrap_or_default();
                let owner = cx.state.store.user_of_key(cx.scope.account(), key).await?;
                resources.push(owner.map_or_else(|| "*".to_owned(), |owner| owner.arn(cx.scope)));
            }
            _ => resources.extend(plain(on, cx.scope, input)),
        }
    }
    let mut asked = actions(operation, row, input, &resources);
    if let Some(role) = row.passes.and_then(|member| text(input, member)) {
        asked.push(Asked { action: super::PASS_ROLE.into(), resource: role.to_owned() });
    }
    Ok(asked)
}

/// Everything that a device's call of the data API asks, in order.
pub fn asked_of_device(scope: &Scope, operation: &Operation, row: &Row, input: &Value) -> Vec<Asked> {
    let resources: Vec<_> = row.on.iter().flat_map(|on| plain(on, scope, input)).collect();
    actions(operation, row, input, &resources)
}

fn actions(operation: &Operation, row: &Row, input: &Value, resources: &[String]) -> Vec<Asked> {
    let on = |name: &str| {
        let action = action(operation.service, name);
        resources
            .iter()
            .map(move |resource| Asked { action: action.clone().into(), resource: resource.clone() })
    };
    let mut asked: Vec<_> = on(row.operation).collect();
    if let Some((name, member)) = row.also
        && input.get(member).and_then(Value::as_bool) == Some(true)
    {
        asked.extend(on(name));
    }
    asked
}

/// The action of an operation.
pub fn action(service: Service, name: &str) -> String {
    format!("{}:{name}", prefix(service))
}

/// Resources that the input alone tells.
fn plain(on: &On, scope: &Scope, input: &Value) -> Vec<String> {
    let iot = |tail: String| {
        let region = scope.region();
        format!("arn:{}:iot:{region}:{}:{tail}", partition(region), scope.account())
    };
    let named = |kind: &str, name: &str| iot(format!("{kind}/{name}"));
    let given = |member: &str| text(input, member);
    let arn_or_all = |text: Option<&str>| {
        text.filter(|text| Arn::parse(text).is_some()).map_or_else(|| "*".to_owned(), str::to_owned)
    };
    match *on {
        On::Everything => vec!["*".to_owned()],
        On::Iot(kind, member) => vec![named(kind, given(member).unwrap_or_default())],
        On::Either(kind, name, arn) => {
            vec![given(name).map_or_else(|| arn_or_all(given(arn)), |name| named(kind, name))]
        }
        On::IfGiven(kind, member) => given(member).map(|name| named(kind, name)).into_iter().collect(),
        On::Each(kind, member) => texts(input, member).iter().map(|name| named(kind, name)).collect(),
        On::Tail(tail) => vec![iot(tail.to_owned())],
        On::Arn(member) => vec![arn_or_all(given(member))],
        On::Shadow => {
            let thing = given("thingName").unwrap_or_default();
            vec![match given("shadowName") {
                Some(name) if !name.is_empty() => iot(format!("thing/{thing}/{name}")),
                _ => named("thing", thing),
            }]
        }
        On::New(kind, member) => {
            let (path, name) = (given("Path").unwrap_or("/"), given(member).unwrap_or_default());
            vec![identity::arn(scope, &format!("{kind}{path}{name}"))]
        }
        On::Listed(kind) => {
            vec![identity::arn(scope, &format!("{kind}{}", given("PathPrefix").unwrap_or("/")))]
        }
        On::Destination | On::Identity(..) | On::OwnerOf(_) => Vec::new(),
    }
}

/// The ARN of a user, group or role with its path; of the caller if nobody is named.
async fn identity_arn(cx: &Call<'_>, kind: IdentityKind, name: Option<&str>) -> Result<String, Error> {
    let Some(name) = name else { return Ok(cx.principal.identity_arn(cx.scope.region())) };
    let found = cx.state.store.identity_get(cx.scope.account(), kind, name).await?;
    Ok(found.map_or_else(
        || identity::arn(cx.scope, &format!("{}/{name}", kind.as_str())),
        |found| found.arn(cx.scope),
    ))
}

/// Where a tunnel leads.
#[derive(Debug, Default)]
pub(super) struct Destination {
    pub(super) thing: Option<ThingName>,
    pub(super) services: Vec<String>,
}

/// Where a call leads: the destination in its input, and the one that its tunnel has already. Both count, for the tokens of
/// a rotation open the way to the old device until the new one has joined.
pub(super) async fn destinations(cx: &Call<'_>, input: &Value) -> Result<Vec<Destination>, Error> {
    let id = text(input, "tunnelId").and_then(|id| TunnelId::parse(id).ok());
    let tunnel = match id {
        Some(id) => cx.state.store.tunnel_get(cx.scope, &id, cx.horizon()).await?,
        None => None,
    };
    let kept = tunnel.and_then(|tunnel| tunnel.destination);
    let kept = kept.map(|kept| Destination { thing: kept.thing, services: kept.services });
    let given = input.get("destinationConfig").map(|_| Destination {
        thing: text(input, "destinationConfig.thingName").and_then(|name| ThingName::parse(name).ok()),
        services: texts(input, "destinationConfig.services"),
    });
    Ok(given.into_iter().chain(kept).collect())
}

/// The text of a member; a dot leads into a structure.
pub(super) fn text<'v>(input: &'v Value, member: &str) -> Option<&'v str> {
    value(input, member)?.as_str()
}

pub(super) fn texts(input: &Value, member: &str) -> Vec<String> {
    let items = value(input, member).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn value<'v>(input: &'v Value, member: &str) -> Option<&'v Value> {
    member.split('.').try_fold(input, |value, name| value.get(name))
}
