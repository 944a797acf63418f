//! IAM's identity policies: the same language, under IAM's rules and in IAM's words.
//!
//! A text that breaks them is `MalformedPolicyDocument` on the wire, with the sentence AWS begins with and then ours.

use std::fmt;

use super::document::{self, Document, Malformed, Members, Statement, last};
use super::syntax::Json;

/// Characters besides whitespace that any IAM document may have: the largest of AWS's limits, that of a role's inline
/// policies. The smaller ones (6,144 for a managed policy, 2,048 for a user's inline policies and for a trust policy)
/// depend on where the document is kept; see [`document::characters`].
pub const MAX_IAM_CHARACTERS: usize = 10_240;

/// Why a text is no IAM policy document, in words for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedDocument(pub(super) String);

impl fmt::Display for MalformedDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MalformedDocument {}

impl From<Malformed> for MalformedDocument {
    fn from(malformed: Malformed) -> MalformedDocument {
        match malformed {
            Malformed::Syntax(what) => MalformedDocument(format!("Syntax errors in policy. {what}")),
            Malformed::Resource(resource) => {
                MalformedDocument(format!("Resource {resource} must be in ARN format or \"*\"."))
            }
        }
    }
}

impl Document {
    /// Reads an identity policy: of a user, a group or a role, a managed policy, a session policy.
    ///
    /// # Errors
    /// The text breaks a rule of IAM's.
    pub fn identity(text: &str) -> Result<Document, MalformedDocument> {
        let statements = document::statements(text, MAX_IAM_CHARACTERS)?;
        let statements = statements.iter().zip(1..).map(|(json, number)| statement(json, number));
        let statements: Box<[_]> = statements.collect::<Result<_, _>>()?;
        distinct_sids(statements.iter().map(|statement| statement.sid.as_deref()))?;
        Ok(Document { statements })
    }
}

fn statement(json: &Json, number: usize) -> Result<Statement, MalformedDocument> {
    let here = format!("Statement {number}");
    let members = document::members(json, &here)?;
    if has(members, "Principal") || has(members, "NotPrincipal") {
        return Err(MalformedDocument("Policy document should not specify a principal.".to_owned()));
    }
    let names = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    document::known(members, &names, &here)?;
    if !has(members, "Resource") && !has(members, "NotResource") {
        return Err(MalformedDocument("Policy statement must contain resources.".to_owned()));
    }
    has_actions(members)?;
    Ok(Statement {
        sid: document::sid(members, &here)?,
        effect: document::effect(members, &here)?,
        actions: document::actions(members, &here)?,
        resources: document::resources(members, &here)?,
        conditions: document::condition(members, &here)?,
    })
}

pub(super) fn has(members: &Members, name: &str) -> bool {
    last(members, name).is_some()
}

/// Actions are there, each with the name of its service.
pub(super) fn has_actions(members: &Members) -> Result<(), MalformedDocument> {
    let given = last(members, "Action").or_else(|| last(members, "NotAction"));
    let Some(given) = given else {
        return Err(MalformedDocument("Policy statement must contain actions.".to_owned()));
    };
    let items = if let Json::List(items) = given { items.as_slice() } else { std::slice::from_ref(given) };
    let bare = |item: &Json| matches!(item, Json::Text(text) if text != "*" && !text.contains(':'));
    if items.iter().any(bare) {
        let text = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
        return Err(MalformedDocument(text.to_owned()));
    }
    Ok(())
}

/// Statement ids are of letters and digits, and none is used twice.
pub(super) fn distinct_sids<'s>(
    sids: impl Iterator<Item = Option<&'s str>>,
) -> Result<(), MalformedDocument> {
    let mut seen = Vec::new();
    for sid in sids.flatten().filter(|sid| !sid.is_empty()) {
        if !sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let text = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                        expression [0-9A-Za-z]*";
            return Err(MalformedDocument(text.to_owned()));
        }
        seen.push(sid);
    }
    seen.sort_unstable();
    if seen.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(MalformedDocument("Statement IDs (SID) in a single policy must be unique.".to_owned()));
    }
    Ok(())
}
