//! The decision of a set of policies, and the reason for it (spec: policies §7).

use std::fmt::Write as _;
use std::sync::Arc;

use super::action;
use super::document::{Document, Effect, Statement};
use super::variables::{Context, Values, Variable};

/// Names of policies that a refusal repeats.
const NAMED: usize = 10;

/// The policies that count for one principal: names and documents, shared with other sets.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    pub(super) policies: Box<[(Arc<str>, Arc<Document>)]>,
}

/// A question: may `action` be done on `resource`?
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Such as [`action::PUBLISH`].
    pub action: &'a str,
    /// An ARN, or `*` for an action that has no resource.
    pub resource: &'a str,
    /// Everything else.
    pub context: &'a Context<'a>,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allow(Reason),
    /// A statement denies it.
    ExplicitDeny(Reason),
    /// No statement allows it.
    ImplicitDeny,
}

impl Decision {
    /// Whether it may be done.
    #[must_use]
    pub const fn allows(self) -> bool {
        matches!(self, Decision::Allow(_))
    }
}

/// Which statement decided. Only means something to the set that gave it; see [`PolicySet::place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    policy: usize,
    statement: usize,
}

/// A statement for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'s> {
    /// The policy's name.
    pub policy: &'s str,
    /// Which of its statements, counted from 1.
    pub statement: usize,
    /// The statement's Sid.
    pub sid: Option<&'s str>,
}

/// Everything a set has to say to one request, for TestAuthorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// Every statement that allows it.
    pub allowing: Vec<Reason>,
    /// Every statement that denies it.
    pub denying: Vec<Reason>,
    /// Names of variables and condition keys without a value, in statements about this action; each once.
    pub missing: Vec<String>,
}

/// The first part of a composite question that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What may not be done.
    pub action: &'static str,
    /// On what.
    pub resource: String,
    /// Why; never [`Decision::Allow`].
    pub decision: Decision,
}

impl PolicySet {
    /// A set of named documents. Their order decides only which reason is given.
    #[must_use]
    pub fn new(policies: Vec<(Arc<str>, Arc<Document>)>) -> PolicySet {
        PolicySet { policies: policies.into() }
    }

    /// The policies' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|(name, _)| &**name)
    }

    /// Decides. Allocates nothing unless a statement about the action has variables or conditions.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let mut decision = Decision::ImplicitDeny;
        for (reason, statement) in self.statements() {
            if statement.effect == Effect::Allow && decision != Decision::ImplicitDeny {
                continue;
            }
            if fits(statement, request) {
                match statement.effect {
                    Effect::Deny => return Decision::ExplicitDeny(reason),
                    Effect::Allow => decision = Decision::Allow(reason),
                }
            }
        }
        decision
    }

    /// Decides, and says everything that led there.
    #[must_use]
    pub fn explain(&self, request: &Request<'_>) -> Explanation {
        let (mut allowing, mut denying) = (Vec::new(), Vec::new());
        for (reason, statement) in self.statements().filter(|(_, statement)| fits(statement, request)) {
            match statement.effect {
                Effect::Allow => allowing.push(reason),
                Effect::Deny => denying.push(reason),
            }
        }
        let decision = match (denying.first(), allowing.first()) {
            (Some(&reason), _) => Decision::ExplicitDeny(reason),
            (None, Some(&reason)) => Decision::Allow(reason),
            (None, None) => Decision::ImplicitDeny,
        };
        Explanation { decision, allowing, denying, missing: self.missing(request) }
    }

    /// Names of variables and condition keys without a value, in statements about this action; each once, as the
    /// documents write them.
    #[must_use]
    pub fn missing(&self, request: &Request<'_>) -> Vec<String> {
        let context = request.context;
        let mut missing: Vec<String> = Vec::new();
        let mut note = |variable: &Variable| {
            if !missing.iter().any(|known| known.eq_ignore_ascii_case(variable.name())) {
                missing.push(variable.name().to_owned());
            }
        };
        for (_, statement) in self.statements().filter(|(_, s)| s.is_about(request.action, context)) {
            let in_resources = statement.resources.patterns.iter().flat_map(|pattern| pattern.variables());
            let in_conditions = statement.conditions.iter().flat_map(|condition| condition.variables());
            in_resources.chain(in_conditions).filter(|v| v.text(context).is_none()).for_each(&mut note);
            let keys = statement.conditions.iter().map(|condition| condition.key());
            keys.filter(|key| key.values(context) == Values::Absent).for_each(&mut note);
        }
        missing
    }

    /// May this CONNECT be accepted? `iot:Connect` for the client id, and for a will what a PUBLISH of it needs
    /// (spec: policies §7). Client id and will are the context's.
    ///
    /// # Errors
    /// What was refused first.
    pub fn may_connect(&self, context: &Context<'_>) -> Result<(), Refused> {
        let client = super::client(context.scope, context.client_id.unwrap_or_default());
        self.ask(action::CONNECT, client, context)?;
        match context.connect.and_then(|connect| connect.will) {
            None => Ok(()),
            Some(will) => self.may_publish(will.topic, will.retain, context),
        }
    }

    /// May this topic be published to? With `retain` that takes `iot:RetainPublish` too.
    ///
    /// # Errors
    /// What was refused first.
    pub fn may_publish(&self, topic: &str, retain: bool, context: &Context<'_>) -> Result<(), Refused> {
        let resource = super::topic(context.scope, topic);
        if retain {
            self.ask(action::PUBLISH, resource.clone(), context)?;
            return self.ask(action::RETAIN_PUBLISH, resource, context);
        }
        self.ask(action::PUBLISH, resource, context)
    }

    /// May this filter be subscribed to?
    ///
    /// # Errors
    /// What was refused.
    pub fn may_subscribe(&self, filter: &str, context: &Context<'_>) -> Result<(), Refused> {
        self.ask(action::SUBSCRIBE, super::topic_filter(context.scope, filter), context)
    }

    /// May a message of this topic be delivered?
    ///
    /// # Errors
    /// What was refused.
    pub fn may_receive(&self, topic: &str, context: &Context<'_>) -> Result<(), Refused> {
        self.ask(action::RECEIVE, super::topic(context.scope, topic), context)
    }

    fn ask(&self, action: &'static str, resource: String, context: &Context<'_>) -> Result<(), Refused> {
        match self.decide(&Request { action, resource: &resource, context }) {
            Decision::Allow(_) => Ok(()),
            decision => Err(Refused { action, resource, decision }),
        }
    }

    /// The statement behind a decision of this set.
    #[must_use]
    pub fn place(&self, reason: Reason) -> Option<Place<'_>> {
        let (name, document) = self.policies.get(reason.policy)?;
        let statement = document.statements.get(reason.statement)?;
        Some(Place { policy: name, statement: reason.statement + 1, sid: statement.sid.as_deref() })
    }

    /// A decision of this set in words an operator can act on.
    #[must_use]
    pub fn words(&self, decision: Decision, request: &Request<'_>) -> String {
        match decision {
            Decision::Allow(reason) => format!("allowed by {}", self.statement_words(reason)),
            Decision::ExplicitDeny(reason) => format!("explicit deny by {}", self.statement_words(reason)),
            Decision::ImplicitDeny => self.nothing_allows(request),
        }
    }

    fn statement_words(&self, reason: Reason) -> String {
        match self.place(reason) {
            Some(Place { policy, statement, sid: Some(sid) }) => {
                format!("policy {policy} statement {statement} (Sid {sid})")
            }
            Some(Place { policy, statement, sid: None }) => format!("policy {policy} statement {statement}"),
            None => "a policy that is gone".to_owned(),
        }
    }

    fn nothing_allows(&self, request: &Request<'_>) -> String {
        if self.policies.is_empty() {
            return "no policy is attached to the certificate or to a group of its thing".to_owned();
        }
        let Request { action, resource, .. } = request;
        let names: Vec<_> = self.names().take(NAMED).collect();
        let mut words =
            format!("no statement allows {action} on {resource}; policies considered: {}", names.join(", "));
        if self.policies.len() > NAMED {
            let _ = write!(words, " and {} more", self.policies.len() - NAMED);
        }
        let missing = self.missing(request);
        if !missing.is_empty() {
            let _ = write!(words, "; without a value here: {}", missing.join(", "));
        }
        words
    }

    pub(super) fn statements(&self) -> impl Iterator<Item = (Reason, &Statement)> {
        self.policies.iter().enumerate().flat_map(|(policy, (_, document))| {
            let statements = document.statements.iter().enumerate();
            statements.map(move |(statement, found)| (Reason { policy, statement }, found))
        })
    }
}

fn fits(statement: &Statement, request: &Request<'_>) -> bool {
    let context = request.context;
    statement.is_about(request.action, context)
        && statement.covers(request.resource, context)
        && statement.holds(context)
}
