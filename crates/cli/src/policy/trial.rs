//! `adit policy test`: what TestAuthorization says.

use crate::api::members;
use crate::exit::{Failure, Result};
use crate::noun::{With, principal, see};
use crate::out::{Column, View};
use adit_aws::Service::Iot;
use serde_json::{Value, json};

const VIEW: View = View {
    id: "/authDecision",
    columns: &[
        Column::text("decision", "/authDecision"),
        Column::text("action", "/authInfo/actionType"),
        Column::text("resource", "/authInfo/resources"),
        Column::text("allowed by", "/allowedBy"),
        Column::text("denied by", "/deniedBy"),
        Column::text("missing", "/missingContextValues").wide(),
    ],
};

#[derive(clap::Args)]
pub struct Args {
    /// Id or ARN of a certificate.
    certificate: String,
    /// What it would do.
    #[arg(value_enum)]
    action: Action,
    /// ARNs, or what stands behind the account in them: client/ID, topic/NAME, topicfilter/FILTER.
    #[arg(required = true)]
    resources: Vec<String>,
    /// MQTT client id that policy variables stand for.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Judge with this policy attached as well.
    #[arg(long, value_name = "POLICY")]
    add: Vec<String>,
    /// Judge without this policy.
    #[arg(long, value_name = "POLICY")]
    skip: Vec<String>,
    #[command(flatten)]
    with: With,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Action {
    Connect,
    Publish,
    Subscribe,
    Receive,
}

pub async fn run(args: &Args) -> Result {
    let api = args.with.open()?;
    let arn = principal(&api, &args.certificate).await?;
    let resources: Vec<String> = args.resources.iter().map(|resource| full(resource, &arn)).collect();
    let some = |names: &[String]| if names.is_empty() { Value::Null } else { json!(names) };
    let input = members([
        ("principal", json!(arn)),
        ("clientId", json!(args.client_id)),
        (
            "authInfos",
            json!([{ "actionType": format!("{:?}", args.action).to_uppercase(), "resources": resources }]),
        ),
        ("policyNamesToAdd", some(&args.add)),
        ("policyNamesToSkip", some(&args.skip)),
    ]);
    let answer = api.call(Iot, "TestAuthorization", input).await.map_err(see("adit cert list"))?;
    let mut rows = answer.get("authResults").and_then(Value::as_array).cloned().unwrap_or_default();
    let refused =
        rows.iter().filter(|row| row.get("authDecision").and_then(Value::as_str) != Some("ALLOWED")).count();
    if args.with.out.is_for_people(true) {
        rows.iter_mut().for_each(name_policies);
    }
    args.with.out.rows(&VIEW, &rows);
    match refused {
        0 => Ok(()),
        _ => Err(Failure::new(crate::exit::Code::Denied, "it is not allowed")
            .next("`adit cert policies` shows its policies")),
    }
}

/// An ARN as it is; anything else behind region and account of the principal.
fn full(resource: &str, principal: &str) -> String {
    if resource.starts_with("arn:") {
        return resource.to_owned();
    }
    let head: Vec<&str> = principal.splitn(6, ':').take(5).collect();
    format!("{}:{resource}", head.join(":"))
}

/// For people: names of policies, in place of objects with them.
fn name_policies(row: &mut Value) {
    let names = |pointers: &[&str]| {
        let found = pointers.iter().filter_map(|pointer| row.pointer(pointer).and_then(Value::as_array));
        found.flatten().filter_map(|policy| policy.get("policyName").cloned()).collect::<Vec<_>>()
    };
    let allowed = names(&["/allowed/policies"]);
    let denied = names(&["/denied/explicitDeny/policies"]);
    if let Some(members) = row.as_object_mut() {
        members.insert("allowedBy".to_owned(), allowed.into());
        members.insert("deniedBy".to_owned(), denied.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_behind_the_account_of_the_principal() {
        let arn = "arn:aws:iot:eu-west-1:123456789012:cert/ab";
        assert_eq!(full("topic/a:b", arn), "arn:aws:iot:eu-west-1:123456789012:topic/a:b");
        assert_eq!(full("arn:x", arn), "arn:x");
    }

    #[test]
    fn policies_are_named() {
        let mut row = json!({ "allowed": { "policies": [{ "policyName": "A" }] } });
        name_policies(&mut row);
        assert_eq!((&row["allowedBy"], &row["deniedBy"]), (&json!(["A"]), &json!([])));
    }
}
