//! The limits in force, for the console and for scripts; one of our own operations.

use adit_iot::Error;
use serde::Serialize;

use crate::limits::{self, Limit};
use crate::state::Call;

/// Output of ListLimits.
#[derive(Debug, Serialize)]
pub struct ListLimitsOutput {
    limits: Vec<Shown>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    name: &'static str,
    value: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'static str,
    description: &'static str,
    configurable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u64>,
}

/// Lists every limit by section, with what is used of it where that is known: of the caller's account and region if the limit
/// is for each of them, of the whole server otherwise.
///
/// # Errors
/// Only the store's own.
pub async fn list_limits(cx: &Call<'_>) -> Result<ListLimitsOutput, Error> {
    let tunnels = cx.state.store.tunnels_open_of(cx.scope, cx.now).await?;
    let (messages, bytes) = cx.state.gateway.retained_size(cx.scope);
    let used = |name: &str| match name {
        "limits.max-connections" => u64::try_from(cx.state.metrics.connections.get()).ok(),
        "mqtt.retained-messages" => u64::try_from(messages).ok(),
        "mqtt.retained-bytes" => u64::try_from(bytes).ok(),
        "tunnel.max-open-tunnels" => Some(tunnels),
        _ => None,
    };
    let shown = |Limit { name, value, unit, description, default }: Limit| Shown {
        name,
        value,
        unit,
        description,
        configurable: default.is_some(),
        default,
        used: used(name),
    };
    Ok(ListLimitsOutput { limits: limits::in_force(&cx.state.config).into_iter().map(shown).collect() })
}
