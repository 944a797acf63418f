//! MQTT clients as the operator and the console list them.

use adit_iot::Scope;

use crate::mqtt::Connection;
use crate::mqtt::Gateway;

/// Clients looked at in one go.
const STEP: usize = 10_000;

/// Which clients somebody wants to see. Everything that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only this client.
    pub client_id: Option<String>,
    /// Only those with a certificate whose id begins so.
    pub certificate: Option<String>,
    /// Those that are away with a session that is kept, too.
    pub away: bool,
}

impl Wanted {
    fn fits(&self, connection: &Connection) -> bool {
        let starts = |wanted: &str| connection.principal.as_deref().is_some_and(|id| id.starts_with(wanted));
        (self.away || connection.connected)
            && self.client_id.as_ref().is_none_or(|id| *id == connection.client_id)
            && self.certificate.as_deref().is_none_or(starts)
    }
}

/// Up to `limit` clients that are wanted, by client id, from the first behind `after`; and the client id to go on after
/// if there are more.
#[must_use]
pub fn page(
    gateway: &Gateway,
    scope: &Scope,
    wanted: &Wanted,
    after: &str,
    limit: usize,
) -> (Vec<Connection>, Option<String>) {
    if let Some(client_id) = &wanted.client_id {
        let found = gateway.connection(scope, client_id).filter(|found| wanted.fits(found));
        return (found.into_iter().collect(), None);
    }
    let (mut found, mut after) = (Vec::new(), after.to_owned());
    loop {
        let step = gateway.connections(scope, &after, STEP);
        let is_last = step.len() < STEP;
        match step.last() {
            Some(last) => after.clone_from(&last.client_id),
            None => return (found, None),
        }
        found.extend(step.into_iter().filter(|connection| wanted.fits(connection)));
        if found.len() > limit {
            found.truncate(limit);
            let next = found.last().map(|last| last.client_id.clone());
            return (found, next);
        }
        if is_last {
            return (found, None);
        }
    }
}
