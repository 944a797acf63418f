//! Trust policies: who may assume a role.

use super::condition::Condition;
use super::document::{self, Effect, Listed, Members, echo, last};
use super::identity::{MAX_IAM_CHARACTERS, MalformedDocument, distinct_sids, has, has_actions};
use super::syntax::Json;
use super::variables::Context;
use super::wildcard::{Case, Glob};
use crate::arn::Arn;

/// The action of assuming a role.
pub const ASSUME_ROLE: &str = "sts:AssumeRole";

/// A role's trust policy, ready to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    statements: Box<[Statement]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    sid: Option<Box<str>>,
    effect: Effect,
    principals: Listed<Named>,
    actions: Listed<Glob>,
    conditions: Box<[Condition]>,
}

/// Whom a document names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Everyone,
    /// Every user and role of every account, but no service.
    AnyAccount,
    Account(Box<str>),
    /// A user, a role or a session.
    Arn(Box<str>),
    Service(Box<str>),
    /// Federated and canonical users: nobody here is one.
    Nobody,
}

/// Who wants to assume a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assumer<'a> {
    /// A signed caller.
    Aws {
        /// Its account.
        account: &'a str,
        /// Its ARN: of the root, a user, or a role's session.
        arn: &'a str,
        /// Of a session: the ARN of its role.
        role: Option<&'a str>,
    },
    /// A service, such as `iot.amazonaws.com`.
    Service(&'a str),
}

/// What a trust policy says to an [`Assumer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// Nothing: it is not trusted.
    No,
    /// Its account is trusted: policies of its own must allow it, too.
    Account,
    /// It is trusted itself. Within the role's account nothing more is needed.
    Itself,
    /// It is denied, whatever its own policies say.
    Denied,
}

impl TrustPolicy {
    /// Reads a trust policy.
    ///
    /// # Errors
    /// The text breaks a rule of IAM's.
    pub fn parse(text: &str) -> Result<TrustPolicy, MalformedDocument> {
        let statements = document::statements(text, MAX_IAM_CHARACTERS)?;
        let statements = statements.iter().zip(1..).map(|(json, number)| statement(json, number));
        let statements: Box<[_]> = statements.collect::<Result<_, _>>()?;
        distinct_sids(statements.iter().map(|statement| statement.sid.as_deref()))?;
        Ok(TrustPolicy { statements })
    }

    /// Whether `who` may do `action` ([`ASSUME_ROLE`], or another of `sts`), by this policy alone.
    #[must_use]
    pub fn decide(&self, who: &Assumer<'_>, action: &str, context: &Context<'_>) -> Trust {
        let about = |statement: &&Statement| {
            let listed = statement.actions.patterns.iter().any(|a| a.matches(action, Case::Ignored, context));
            listed != statement.actions.not && statement.conditions.iter().all(|c| c.holds(context))
        };
        let fitting = self.statements.iter().filter(about).map(|statement| {
            let named = statement.principals.patterns.iter().map(|named| named.fits(who)).max();
            let found = named.unwrap_or(Trust::No);
            match (statement.effect, statement.principals.not) {
                (Effect::Allow, false) => found,
                (Effect::Allow, true) => Trust::No,
                (Effect::Deny, not) if (found != Trust::No) != not => Trust::Denied,
                (Effect::Deny, _) => Trust::No,
            }
        });
        fitting.max().unwrap_or(Trust::No)
    }
}

impl Named {
    fn fits(&self, who: &Assumer<'_>) -> Trust {
        let when = |fits: bool, trust: Trust| if fits { trust } else { Trust::No };
        match (self, who) {
            (Named::Everyone, _) | (Named::AnyAccount, Assumer::Aws { .. }) => Trust::Itself,
            (Named::Account(named), Assumer::Aws { account, .. }) => {
                when(**named == **account, Trust::Account)
            }
            (Named::Arn(named), Assumer::Aws { arn, role, .. }) => {
                when(**named == **arn || role.is_some_and(|role| **named == *role), Trust::Itself)
            }
            (Named::Service(named), Assumer::Service(name)) => {
                when(named.eq_ignore_ascii_case(name), Trust::Itself)
            }
            _ => Trust::No,
        }
    }
}

fn statement(json: &Json, number: usize) -> Result<Statement, MalformedDocument> {
    let here = format!("Statement {number}");
    let members = document::members(json, &here)?;
    if has(members, "Resource") || has(members, "NotResource") {
        return Err(MalformedDocument("Has prohibited field Resource".to_owned()));
    }
    if !has(members, "Principal") && !has(members, "NotPrincipal") {
        return Err(MalformedDocument("Missing required field Principal".to_owned()));
    }
    let names = ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Condition"];
    document::known(members, &names, &here)?;
    has_actions(members)?;
    only_sts(members, &here)?;
    let effect = document::effect(members, &here)?;
    let principals = principals(members, &here)?;
    if principals.not && effect == Effect::Allow {
        let text = format!("Syntax errors in policy. {here}: NotPrincipal needs the Effect \"Deny\".");
        return Err(MalformedDocument(text));
    }
    Ok(Statement {
        sid: document::sid(members, &here)?,
        effect,
        principals,
        actions: document::actions(members, &here)?,
        conditions: document::condition(members, &here)?,
    })
}

fn only_sts(members: &Members, here: &str) -> Result<(), MalformedDocument> {
    let (_, actions) = document::one_of(members, "Action", "NotAction", here)?;
    let is_sts =
        |action: &String| action.split_once(':').is_some_and(|(of, _)| of.eq_ignore_ascii_case("sts"));
    if actions.iter().all(is_sts) {
        return Ok(());
    }
    Err(MalformedDocument("AssumeRole policy may only specify STS AssumeRole actions.".to_owned()))
}

fn principals(members: &Members, here: &str) -> Result<Listed<Named>, MalformedDocument> {
    let shape = || {
        let text = "must be \"*\" or {\"AWS\" or \"Service\": text or list of at least one}.";
        MalformedDocument(format!("Syntax errors in policy. {here}: Principal {text}"))
    };
    let (not, json) = match (last(members, "Principal"), last(members, "NotPrincipal")) {
        (Some(json), None) => (false, json),
        (None, Some(json)) => (true, json),
        _ => return Err(shape()),
    };
    let mut patterns = Vec::new();
    match json {
        Json::Text(text) if text == "*" => patterns.push(Named::Everyone),
        Json::Object(kinds) if !kinds.is_empty() => {
            for (kind, names) in kinds {
                let names = if let Json::List(names) = names {
                    names.as_slice()
                } else {
                    std::slice::from_ref(names)
                };
                if names.is_empty() {
                    return Err(shape());
                }
                for name in names {
                    let Json::Text(name) = name else { return Err(shape()) };
                    let invalid = || {
                        let (kind, name) = (echo(kind), echo(name));
                        MalformedDocument(format!("Invalid principal in policy: \"{kind}\":\"{name}\""))
                    };
                    patterns.push(named(kind, name).ok_or_else(invalid)?);
                }
            }
        }
        _ => return Err(shape()),
    }
    Ok(Listed { not, patterns: patterns.into() })
}

fn named(kind: &str, name: &str) -> Option<Named> {
    match kind {
        "AWS" => aws(name),
        "Service" => {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
            (name.contains('.') && name.bytes().all(plain)).then(|| Named::Service(name.into()))
        }
        "Federated" | "CanonicalUser" => (!name.is_empty()).then_some(Named::Nobody),
        _ => None,
    }
}

fn aws(name: &str) -> Option<Named> {
    if name == "*" {
        return Some(Named::AnyAccount);
    }
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if is_account(name) {
        return Some(Named::Account(name.into()));
    }
    let arn = Arn::parse(name).filter(|arn| arn.region.is_empty() && is_account(arn.account))?;
    let (kind, rest) = arn.resource.split_once('/').unwrap_or((arn.resource, ""));
    let plain = !rest.is_empty() && !rest.contains(['*', '?']);
    match (arn.service, kind) {
        ("iam", "root") if arn.resource == "root" => Some(Named::Account(arn.account.into())),
        ("iam", "user" | "role") | ("sts", "assumed-role" | "federated-user") if plain => {
            Some(Named::Arn(name.into()))
        }
        _ => None,
    }
}
