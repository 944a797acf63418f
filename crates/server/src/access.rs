//! What a connection may do: its policies, compiled, and its thing.

mod cache;

use std::borrow::Cow;
use std::sync::Arc;

use adit_iot::Timestamp;
use adit_iot::policy::{Context, Decision, Keys, PolicySet, Refused, Request, Rights, ThingFacts, Verdict};
use adit_iot::thing::Thing;

use crate::mqtt::{Identity, Peer};

pub use cache::{AccessCache, Watch};

/// What one connection may do. Connections with the same policies share them.
#[derive(Debug)]
pub struct Access {
    rules: Rules,
    thing: Option<ThingFacts>,
    exclusive: bool,
    /// What else policies can ask of a signed caller.
    keys: Option<Box<Keys>>,
}

#[derive(Debug)]
enum Rules {
    Everything,
    /// The IoT policies of a certificate.
    Policies(Arc<PolicySet>),
    /// The identity policies of a signed caller, and what limits them.
    Signed(Rights),
}

/// Something a connection may not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The policy action, such as `iot:Publish`.
    pub action: Cow<'static, str>,
    /// The ARN it was asked on.
    pub resource: String,
    /// Why, for the operator; never for the peer.
    pub why: String,
}

impl Access {
    /// May do everything: an account's root, and the plain test listener.
    #[must_use]
    pub fn everything() -> Arc<Self> {
        Arc::new(Self { rules: Rules::Everything, thing: None, exclusive: false, keys: None })
    }

    /// What a signed caller may do; without rights everything.
    #[must_use]
    pub fn signed(rights: Option<Rights>, keys: Keys) -> Arc<Self> {
        let rules = rights.map_or(Rules::Everything, Rules::Signed);
        Arc::new(Self { rules, thing: None, exclusive: false, keys: Some(Box::new(keys)) })
    }

    /// What a caller may do whose key no longer signs: nothing.
    #[must_use]
    pub fn nothing(keys: Keys) -> Arc<Self> {
        Self::signed(Some(Rights::new(Arc::default())), keys)
    }

    fn new(rules: Arc<PolicySet>, thing: Option<(Thing, bool)>) -> Self {
        let exclusive = thing.as_ref().is_some_and(|(_, exclusive)| *exclusive);
        let facts = |thing: Thing| ThingFacts {
            name: thing.name.as_str().to_owned(),
            type_name: thing.type_name.map(|name| name.to_string()),
            attributes: thing.attributes,
        };
        let thing = thing.map(|(thing, _)| facts(thing));
        Self { rules: Rules::Policies(rules), thing, exclusive, keys: None }
    }

    /// The connection's thing.
    #[must_use]
    pub fn thing(&self) -> Option<&ThingFacts> {
        self.thing.as_ref()
    }

    /// The name of the thing its certificate is attached to exclusively: the one that events name.
    #[must_use]
    pub fn exclusive_thing(&self) -> Option<&str> {
        self.thing.as_ref().filter(|_| self.exclusive).map(|thing| thing.name.as_str())
    }

    /// What policies can ask about a connection of `peer`; for a CONNECT add what it asks for. `client_id` is `None`
    /// where the protocol is not MQTT.
    #[must_use]
    pub fn context<'a>(&'a self, peer: &'a Peer, client_id: Option<&'a str>, now: Timestamp) -> Context<'a> {
        Context {
            client_id,
            source_ip: Some(peer.address.ip()),
            domain_name: peer.sni.as_deref(),
            secure: !matches!(peer.identity, Identity::Plain { .. }),
            user_agent: peer.user_agent.as_deref(),
            certificate: match &peer.identity {
                Identity::Certificate { certificate, .. } => Some(&certificate.facts),
                Identity::Signed { .. } | Identity::Plain { .. } => None,
            },
            thing: self.thing.as_ref(),
            keys: self.keys.as_deref(),
            ..Context::new(peer.identity.scope(), now)
        }
    }

    /// May this CONNECT be accepted? Client id, will and session are the context's. spec: policies §7
    ///
    /// # Errors
    /// What is denied first: the client id, the will's topic, or retaining the will.
    pub fn connect(&self, context: &Context<'_>) -> Result<(), Denied> {
        self.ask(context, |set| set.may_connect(context))
    }

    /// May this topic be published to, with or without RETAIN?
    ///
    /// # Errors
    /// What is denied.
    pub fn publish(&self, topic: &str, retain: bool, context: &Context<'_>) -> Result<(), Denied> {
        self.ask(context, |set| set.may_publish(topic, retain, context))
    }

    /// May this filter be subscribed to? Of a shared subscription give the filter without the share.
    ///
    /// # Errors
    /// What is denied.
    pub fn subscribe(&self, filter: &str, context: &Context<'_>) -> Result<(), Denied> {
        self.ask(context, |set| set.may_subscribe(filter, context))
    }

    /// May a message of this topic be delivered?
    ///
    /// # Errors
    /// What is denied.
    pub fn receive(&self, topic: &str, context: &Context<'_>) -> Result<(), Denied> {
        self.ask(context, |set| set.may_receive(topic, context))
    }

    /// May every message that `filter` matches be delivered, for as long as this access and the context's facts stay?
    /// `false` only means: ask [`Access::receive`] per topic.
    #[must_use]
    pub fn receives_all(&self, filter: &str, context: &Context<'_>) -> bool {
        match &self.rules {
            Rules::Everything => true,
            Rules::Policies(set) => set.receives_all(filter, context),
            Rules::Signed(rights) => rights.layers().all(|(_, set)| set.receives_all(filter, context)),
        }
    }

    /// May `action` be done on `resource`, an ARN or `*`? For the data API.
    ///
    /// # Errors
    /// What is denied.
    pub fn allows(
        &self,
        action: Cow<'static, str>,
        resource: &str,
        context: &Context<'_>,
    ) -> Result<(), Denied> {
        let request = Request { action: &action, resource, context };
        let why = match &self.rules {
            Rules::Everything => return Ok(()),
            Rules::Policies(set) => match set.decide(&request) {
                Decision::Allow(_) => return Ok(()),
                decision => set.words(decision, &request),
            },
            Rules::Signed(rights) => match rights.decide(&request) {
                Verdict::Allow => return Ok(()),
                verdict => rights.words(verdict, &request),
            },
        };
        Err(Denied { action, resource: resource.to_owned(), why })
    }

    fn ask(
        &self,
        context: &Context<'_>,
        question: impl Fn(&PolicySet) -> Result<(), Refused>,
    ) -> Result<(), Denied> {
        let result = match &self.rules {
            Rules::Everything => Ok(()),
            Rules::Policies(set) => question(set).map_err(|refused| {
                let Refused { action, resource, decision } = &refused;
                let why = set.words(*decision, &Request { action, resource, context });
                (refused, why)
            }),
            Rules::Signed(rights) => rights.ask(context, question),
        };
        result.map_err(|(Refused { action, resource, .. }, why)| Denied {
            action: action.into(),
            resource,
            why,
        })
    }
}
