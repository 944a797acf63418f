//! `adit operations --needs`: the page docs/compat/authorization.md, made from the table that decides.

use std::fmt::Write;
use std::process::ExitCode;

use adit_aws::{Operation, Service};
use adit_server::api;
use adit_server::authority::map::{self, Needs, On, Row};

use crate::operations::title;
use crate::out;

/// What the tables do not say.
const HEAD: &str = include_str!("permissions.md");
/// Kinds of service `iot` that have tags.
const TAGGED: [&str; 6] = ["tunnel", "thinggroup", "thingtype", "policy", "cacert", "provisioningtemplate"];

pub fn run() -> ExitCode {
    out::raw(&page());
    ExitCode::SUCCESS
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for service in Service::ALL {
        let served = |operation: &&Operation| api::handler(operation).is_some();
        let rows: Vec<_> = service.operations().iter().chain(service.ours()).filter(served).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {}\n\n", title(service));
        page.push_str("| operation | action | resources | condition keys |\n| --- | --- | --- | --- |\n");
        for operation in rows {
            if let Some(row) = map::row_of(operation) {
                let _ = writeln!(
                    page,
                    "| {} | {} | {} | {} |",
                    operation.name,
                    actions(service, row),
                    resources(row),
                    keys(operation, row)
                );
            }
        }
    }
    page
}

fn actions(service: Service, row: &Row) -> String {
    let named = |name: &str| format!("`{}:{name}`", map::prefix(service));
    let mut text = match row.needs {
        Needs::Nothing => return "none".to_owned(),
        Needs::NoDeny => format!("{}, unless denied", named(row.operation)),
        Needs::Handler => format!("{}, with the role's trust policy", named(row.operation)),
        Needs::Allow => named(row.operation),
    };
    if let Some((name, member)) = row.also {
        let _ = write!(text, ", with `{member}` {}", named(name));
    }
    if row.passes.is_some() {
        text.push_str(", with a role `iam:PassRole`");
    }
    text
}

fn resources(row: &Row) -> String {
    let mut all: Vec<String> = row.on.iter().map(|on| format!("`{}`", resource(on))).collect();
    all.extend(row.passes.map(|member| format!("`{member}`")));
    all.dedup();
    all.join(", ")
}

fn resource(on: &On) -> String {
    match *on {
        On::Everything => "*".to_owned(),
        On::Iot(kind, member) | On::IfGiven(kind, member) | On::Each(kind, member) => {
            format!("{kind}/<{member}>")
        }
        On::Either(kind, name, _) => format!("{kind}/<{name}>"),
        On::Tail(tail) => tail.to_owned(),
        On::Arn(member) => format!("<{member}>"),
        On::Destination => "thing/<destination>".to_owned(),
        On::Shadow => "thing/<thingName>[/<shadowName>]".to_owned(),
        On::Identity(kind, member) => format!("{}/<{member}>", kind.as_str()),
        On::OwnerOf(_) => "user/<owner of the key>".to_owned(),
        On::New(kind, member) => format!("{kind}<Path><{member}>"),
        On::Listed(kind) => format!("{kind}<PathPrefix>"),
    }
}

fn keys(operation: &Operation, row: &Row) -> String {
    let mut keys: Vec<String> = row.keys.iter().map(|key| format!("`{key}`")).collect();
    if row.passes.is_some() {
        keys.push("`iam:PassedToService`".to_owned());
    }
    let takes = |names: [&str; 2]| operation.members.iter().any(|member| names.contains(&member.name));
    if takes(["tags", "Tags"]) {
        keys.push("`aws:RequestTag/<key>`".to_owned());
    }
    if takes(["tags", "Tags"]) || takes(["tagKeys", "TagKeys"]) {
        keys.push("`aws:TagKeys`".to_owned());
    }
    let tagged = row.on.iter().any(|on| match on {
        On::Iot(kind, _) | On::Either(kind, ..) | On::Each(kind, _) => TAGGED.contains(kind),
        On::Identity(..) | On::OwnerOf(_) => true,
        On::Arn(member) => ["resourceArn", "target", "PolicyArn"].contains(member),
        _ => false,
    });
    if tagged {
        keys.push("`aws:ResourceTag/<key>`".to_owned());
    }
    keys.join(", ")
}
