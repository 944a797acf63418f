//! Devices that call the data API with their certificate in place of a signature (spec: mqtt-gateway §1.1, §7.1).

use std::sync::Arc;

use adit_aws::Operation;
use adit_iot::arn::{self, partition};
use adit_iot::policy::Context;
use adit_iot::{Error, Kind, Scope, Timestamp};
use serde_json::Value;

use crate::access::{Access, Denied};
use crate::identity::{Caller, Principal};
use crate::mqtt::{Identity, Peer};
use crate::state::State;
use crate::why::{Refusal, Stage};

/// A device that calls with its certificate.
pub(super) struct Device<'a> {
    peer: &'a Peer,
    scope: &'a Scope,
    access: Arc<Access>,
}

impl<'a> Device<'a> {
    /// The device at the other end of a connection, with what it may do now.
    ///
    /// # Errors
    /// `Forbidden` if the peer has no certificate; the store's own.
    pub(super) async fn of(state: &State, peer: &'a Peer) -> Result<(Device<'a>, Principal), Error> {
        let Identity::Certificate { scope, certificate } = &peer.identity else { return Err(forbidden()) };
        let access = state.access.of_certificate(&state.store, scope, &certificate.id, None).await?;
        let principal = Principal {
            account: scope.account().to_owned(),
            arn: arn::certificate(scope, &certificate.id),
            user_id: certificate.id.to_string(),
            key_id: String::new(),
            caller: Caller::Device,
            temporary: None,
        };
        Ok((Device { peer, scope, access }, principal))
    }

    /// Asks the device's policies. What no row here names is forbidden.
    ///
    /// # Errors
    /// `Forbidden`; the refusal is noted for the operator.
    pub(super) fn may(
        &self,
        state: &State,
        operation: &Operation,
        input: &Value,
        now: Timestamp,
    ) -> Result<(), Error> {
        let context = self.access.context(self.peer, None, now);
        self.ask(operation.name, input, &context).map_err(|denied| {
            state.why.note(now, Refusal::denied(self.peer, Stage::Http, denied));
            forbidden()
        })
    }

    /// spec: mqtt-gateway §7.1
    fn ask(&self, operation: &str, input: &Value, context: &Context<'_>) -> Result<(), Denied> {
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
        let (region, account) = (self.scope.region(), self.scope.account());
        let arn = |tail: String| format!("arn:{}:iot:{region}:{account}:{tail}", partition(region));
        let ask = |action, tail: String| self.access.allows(action, &arn(tail), context);
        let client = || format!("client/{}", text("clientId"));
        let shadow = || match text("shadowName") {
            "" => format!("thing/{}", text("thingName")),
            name => format!("thing/{}/{name}", text("thingName")),
        };
        match operation {
            "Publish" => {
                let retain = input.get("retain").and_then(Value::as_bool).unwrap_or(false);
                self.access.publish(text("topic"), retain, context)
            }
            "GetRetainedMessage" => ask("iot:GetRetainedMessage", format!("topic/{}", text("topic"))),
            "ListRetainedMessages" => self.access.allows("iot:ListRetainedMessages", "*", context),
            "GetConnection" => ask("iot:GetConnection", client()),
            "DeleteConnection" => ask("iot:DeleteConnection", client()),
            "ListSubscriptions" => ask("iot:ListSubscriptions", client()),
            "SendDirectMessage" => {
                let topic = Some(text("topic"));
                self.access.allows("iot:SendDirectMessage", &arn(client()), &Context { topic, ..*context })
            }
            "GetThingShadow" => ask("iot:GetThingShadow", shadow()),
            "UpdateThingShadow" => ask("iot:UpdateThingShadow", shadow()),
            "DeleteThingShadow" => ask("iot:DeleteThingShadow", shadow()),
            "ListNamedShadowsForThing" => ask("iot:ListNamedShadowsForThing", shadow()),
            _ => Err(Denied {
                action: "iot:",
                resource: operation.to_owned(),
                why: "this operation is not for devices".to_owned(),
            }),
        }
    }
}

fn forbidden() -> Error {
    Error::new(Kind::Forbidden, "Forbidden")
}
