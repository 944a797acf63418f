//! Fleet provisioning: a request's topic and payload in, the answer's out (spec: provisioning §7).

use adit_iot::provisioning::fleet::{Asked, FleetTopic, Registration, Rejected, signing_request};
use serde_json::Value;

use crate::provision::fleet::{self, Asker};
use crate::state::State;

/// Answers a request: topic and payload, for the connection that asked and nobody else.
pub async fn handle(
    state: &State,
    asker: Asker<'_>,
    topic: &FleetTopic,
    payload: &[u8],
) -> (String, Vec<u8>) {
    let answered = match state.fleet.enter() {
        Some(_room) => run(state, asker, topic, payload).await,
        None => Err(Rejected::internal()),
    };
    let (suffix, body) = match answered {
        Ok(answer) => ("accepted", answer),
        Err(rejected) => {
            let (client, reason) = (asker.client_id, rejected.message.as_str());
            tracing::info!(client, topic = topic.reply("rejected"), code = rejected.code, reason, "rejected");
            ("rejected", rejected.body())
        }
    };
    (topic.reply(suffix), topic.format.write(&body))
}

async fn run(state: &State, asker: Asker<'_>, topic: &FleetTopic, payload: &[u8]) -> Result<Value, Rejected> {
    let payload = topic.format.read(payload)?;
    match &topic.asked {
        Asked::Keys => fleet::create_keys(state, asker).await,
        Asked::Certificate => fleet::create_from_csr(state, asker, signing_request(&payload)?).await,
        Asked::Thing(name) => fleet::register_thing(state, asker, name, Registration::read(&payload)?).await,
    }
}
