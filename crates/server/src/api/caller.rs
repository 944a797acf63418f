//! `sts:GetCallerIdentity` (spec: control-plane §12).

use adit_iot::Error;
use serde::Serialize;

use crate::state::Call;

/// Output of GetCallerIdentity.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCallerIdentityOutput {
    /// ARN of the caller.
    pub arn: String,
    /// Id of the caller.
    pub user_id: String,
    /// The caller's account.
    pub account: String,
}

/// Tells callers who they are. Everybody may ask.
///
/// # Errors
/// None of its own.
pub async fn get_caller_identity(cx: &Call<'_>) -> Result<GetCallerIdentityOutput, Error> {
    Ok(GetCallerIdentityOutput {
        arn: cx.principal.arn.clone(),
        user_id: cx.principal.user_id.clone(),
        account: cx.principal.account.clone(),
    })
}
