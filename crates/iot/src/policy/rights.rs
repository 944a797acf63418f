//! What a signed caller may do: its identity policies, and what limits them.
//!
//! A session policy and a permissions boundary allow nothing by themselves: an action must be allowed by them **and** by
//! the identity policies. A Deny in any of them is a Deny.

use std::sync::Arc;

use super::evaluate::{Decision, PolicySet, Reason, Refused, Request};
use super::variables::Context;

/// The policies of a caller by what they are for.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    identity: Arc<PolicySet>,
    limits: Vec<(Layer, Arc<PolicySet>)>,
}

/// One kind of policies of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Policies of a user, its groups or a role.
    Identity,
    /// The permissions boundary of a user or a role.
    Boundary,
    /// The policies given to AssumeRole or GetFederationToken.
    Session,
}

impl Layer {
    /// As AWS's messages call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Layer::Identity => "identity-based policy",
            Layer::Boundary => "permissions boundary",
            Layer::Session => "session policy",
        }
    }
}

/// The answer of all layers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every layer allows it, none denies it.
    Allow,
    /// This layer denies it.
    ExplicitDeny(Layer, Reason),
    /// This layer is the first that does not allow it.
    ImplicitDeny(Layer),
}

impl Verdict {
    /// The end of AWS's message, from `because` or `with` on; nothing for an allowed request.
    #[must_use]
    pub fn clause(self, action: &str) -> String {
        match self {
            Verdict::Allow => String::new(),
            Verdict::ExplicitDeny(layer, _) => {
                let article = if layer == Layer::Identity { "an" } else { "a" };
                format!("with an explicit deny in {article} {}", layer.as_str())
            }
            Verdict::ImplicitDeny(layer) => {
                format!("because no {} allows the {action} action", layer.as_str())
            }
        }
    }
}

impl Rights {
    /// The rights that identity policies give.
    #[must_use]
    pub fn new(identity: Arc<PolicySet>) -> Rights {
        Rights { identity, limits: Vec::new() }
    }

    /// The same within a boundary or the policies of a session.
    #[must_use]
    pub fn within(mut self, layer: Layer, policies: Arc<PolicySet>) -> Rights {
        self.limits.push((layer, policies));
        self
    }

    /// All layers, the identity policies first.
    pub fn layers(&self) -> impl Iterator<Item = (Layer, &PolicySet)> {
        let limits = self.limits.iter().map(|(layer, set)| (*layer, &**set));
        std::iter::once((Layer::Identity, &*self.identity)).chain(limits)
    }

    /// Decides.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Verdict {
        self.judge(self.layers(), request)
    }

    /// Decides for a resource whose own policy names the caller: then identity policies need not allow it.
    #[must_use]
    pub fn decide_named(&self, request: &Request<'_>) -> Verdict {
        match self.decide(request) {
            Verdict::ImplicitDeny(Layer::Identity) => self.judge(self.layers().skip(1), request),
            verdict => verdict,
        }
    }

    fn judge<'r>(
        &'r self,
        layers: impl Iterator<Item = (Layer, &'r PolicySet)>,
        request: &Request<'_>,
    ) -> Verdict {
        let mut verdict = Verdict::Allow;
        for (layer, set) in layers {
            match set.decide(request) {
                Decision::ExplicitDeny(reason) => return Verdict::ExplicitDeny(layer, reason),
                Decision::ImplicitDeny if verdict == Verdict::Allow => verdict = Verdict::ImplicitDeny(layer),
                Decision::ImplicitDeny | Decision::Allow(_) => {}
            }
        }
        verdict
    }

    /// A verdict of these rights in words an operator can act on.
    #[must_use]
    pub fn words(&self, verdict: Verdict, request: &Request<'_>) -> String {
        let (layer, decision) = match verdict {
            Verdict::Allow => return "allowed by every policy that counts".to_owned(),
            Verdict::ExplicitDeny(layer, reason) => (layer, Decision::ExplicitDeny(reason)),
            Verdict::ImplicitDeny(layer) => (layer, Decision::ImplicitDeny),
        };
        let set = self.layers().find(|(found, _)| *found == layer).map(|(_, set)| set);
        let words = set.map(|set| words_of(layer, set, decision, request)).unwrap_or_default();
        if layer == Layer::Identity { words } else { format!("{}: {words}", layer.as_str()) }
    }

    /// Asks every layer; the first that refuses is the answer, with its reason in words.
    ///
    /// # Errors
    /// What was refused, and why.
    pub fn ask(
        &self,
        context: &Context<'_>,
        question: impl Fn(&PolicySet) -> Result<(), Refused>,
    ) -> Result<(), (Refused, String)> {
        self.layers().try_for_each(|(layer, set)| {
            question(set).map_err(|refused| {
                let request = Request { action: refused.action, resource: &refused.resource, context };
                let words = words_of(layer, set, refused.decision, &request);
                (refused, words)
            })
        })
    }
}

fn words_of(layer: Layer, set: &PolicySet, decision: Decision, request: &Request<'_>) -> String {
    if decision == Decision::ImplicitDeny && set.names().next().is_none() {
        return match layer {
            Layer::Identity => "no policy is attached to the user, its groups or the role".to_owned(),
            Layer::Boundary | Layer::Session => "it cannot be read".to_owned(),
        };
    }
    set.words(decision, request)
}
