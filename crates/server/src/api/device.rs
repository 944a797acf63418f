//! Devices that call the data API with their certificate in place of a signature (spec: mqtt-gateway §1.1, §7.1).

use std::sync::Arc;

use adit_aws::{Operation, Service};
use adit_iot::arn;
use adit_iot::policy::Context;
use adit_iot::{Error, Kind, Scope, Timestamp};
use serde_json::Value;

use crate::access::{Access, Denied};
use crate::authority::{self, map};
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
        self.ask(operation, input, &context).map_err(|denied| {
            state.why.note(now, Refusal::denied(self.peer, Stage::Http, denied));
            forbidden()
        })
    }

    /// spec: mqtt-gateway §7.1
    fn ask(&self, operation: &Operation, input: &Value, context: &Context<'_>) -> Result<(), Denied> {
        let row = map::row_of(operation).filter(|_| operation.service == Service::IotData);
        let Some(row) = row else {
            return Err(Denied {
                action: "iot:".into(),
                resource: operation.name.to_owned(),
                why: "this operation is not for devices".to_owned(),
            });
        };
        // The topic of a direct message is the only thing that policies can ask about a call itself.
        let topic = (operation.name == "SendDirectMessage").then(|| input.get("topic")?.as_str()).flatten();
        let context = Context { topic, ..*context };
        let asked = authority::asked_of_device(self.scope, operation, row, input);
        asked.into_iter().try_for_each(|asked| self.access.allows(asked.action, &asked.resource, &context))
    }
}

fn forbidden() -> Error {
    Error::new(Kind::Forbidden, "Forbidden")
}
