//! What decides over a connection, read at one moment.

use adit_iot::{PolicyName, Scope, ThingName};

use crate::principal::{self, ConnectionThing};
use crate::{Result, Store, attachment, thing_group};

/// The policies that count for a connection, and its thing (spec: policies §1 and §5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRecord {
    /// Name and default document of each policy, once: the certificate's, then those of the groups the thing is in and
    /// of the groups above them.
    pub policies: Vec<(PolicyName, String)>,
    /// The thing the connection speaks for.
    pub thing: Option<ConnectionThing>,
}

impl Store {
    /// Policies and thing of a connection: `principal` is an ARN or a Cognito identity, `client_id` what an MQTT client
    /// calls itself. Nothing is found for an unknown principal.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn access_of(
        &self,
        scope: &Scope,
        principal: &str,
        client_id: Option<&str>,
    ) -> Result<AccessRecord> {
        let (scope, principal) = (scope.clone(), principal.to_owned());
        let named = client_id.and_then(|id| ThingName::parse(id).ok());
        self.driver
            .read(move |tx| {
                let mut policies = attachment::policies_of(tx, &scope, &principal)?;
                let thing = principal::of_connection(tx, &scope, &principal, named.as_ref())?;
                if let Some(found) = &thing {
                    let of_groups = thing_group::member::policies_of(tx, &scope, &found.thing.name)?;
                    for policy in of_groups {
                        if !policies.contains(&policy) {
                            policies.push(policy);
                        }
                    }
                }
                Ok(AccessRecord { policies, thing })
            })
            .await
    }
}
