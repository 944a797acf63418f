//! Whether every message of a filter may be delivered, whatever its topic: asked once, it saves asking each time.

use super::action;
use super::document::{Effect, Statement};
use super::evaluate::PolicySet;
use super::variables::{Context, Variable};
use super::wildcard::{ArnPattern, Case, Glob, Rest};

impl PolicySet {
    /// Whether `iot:Receive` is certain to be allowed for every topic that `filter` matches, for as long as the set and
    /// the context (its time apart) stay the same. `false` says only that each topic has to be asked for. Of a shared
    /// subscription give the filter behind the share's name.
    #[must_use]
    pub fn receives_all(&self, filter: &str, context: &Context<'_>) -> bool {
        let arn = super::topic(context.scope, certain(filter));
        let exact = !filter.contains(['+', '#']);
        let about = || self.statements().map(|(_, s)| s).filter(|s| s.is_about(action::RECEIVE, context));
        let allowed = about().any(|s| s.effect == Effect::Allow && covers(s, &arn, exact, context));
        allowed && !about().any(|s| s.effect == Effect::Deny && may_touch(s, &arn, exact, context))
    }
}

/// The text that every topic matched by the filter begins with. `a/#` matches `a` too.
fn certain(filter: &str) -> &str {
    let end = filter.find(['+', '#']).unwrap_or(filter.len());
    let start = filter.get(..end).unwrap_or_default();
    if filter.get(end..) == Some("#") { start.strip_suffix('/').unwrap_or(start) } else { start }
}

/// Whether a statement matches every ARN that begins with `arn` (or, if `exact`, that one), at any time.
fn covers(statement: &Statement, arn: &str, exact: bool, context: &Context<'_>) -> bool {
    let always = |pattern: &ArnPattern| match pattern {
        ArnPattern::All => true,
        ArnPattern::Short(_) => false,
        ArnPattern::Parts(_) if pattern.variables().any(Variable::changes) => false,
        ArnPattern::Parts(_) if exact => pattern.matches(arn, context),
        ArnPattern::Parts(parts) => head_and_tail(parts, arn, context).is_some_and(|(head, tail)| {
            let last = last_prefix(parts, context);
            head && last.is_some_and(|(prefix, rest)| rest == Rest::Anything && tail.starts_with(&prefix))
        }),
    };
    statement.conditions.is_empty()
        && !statement.resources.not
        && statement.resources.patterns.iter().any(always)
}

/// Whether a statement could match some ARN that begins with `arn` (or, if `exact`, that one), at some time.
fn may_touch(statement: &Statement, arn: &str, exact: bool, context: &Context<'_>) -> bool {
    let possibly = |pattern: &ArnPattern| match pattern {
        ArnPattern::All => true,
        ArnPattern::Short(_) => false,
        ArnPattern::Parts(_) if pattern.variables().any(Variable::changes) => true,
        ArnPattern::Parts(_) if exact => pattern.matches(arn, context),
        ArnPattern::Parts(parts) => head_and_tail(parts, arn, context).is_none_or(|(head, tail)| {
            let last = last_prefix(parts, context);
            head && last.is_some_and(|(prefix, _)| tail.starts_with(&prefix) || prefix.starts_with(tail))
        }),
    };
    statement.resources.not || statement.resources.patterns.iter().any(possibly)
}

/// Whether the first five parts fit, and the sixth part of the ARN.
fn head_and_tail<'a>(parts: &[Glob; 6], arn: &'a str, context: &Context<'_>) -> Option<(bool, &'a str)> {
    let tail = arn.splitn(6, ':').nth(5)?;
    let mut heads = parts.iter().zip(arn.splitn(6, ':')).take(5);
    Some((heads.all(|(part, text)| part.matches(text, Case::Exact, context)), tail))
}

/// `None` if the sixth part has a variable without a value: then it matches nothing.
fn last_prefix(parts: &[Glob; 6], context: &Context<'_>) -> Option<(String, Rest)> {
    parts.last()?.prefix(context)
}
