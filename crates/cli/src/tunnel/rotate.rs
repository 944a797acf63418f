//! `adit tunnel rotate`.

use super::{TokenArgs, no_tunnel};
use crate::api::{Api, ApiArgs};
use crate::exit::Result;
use crate::out::OutArgs;
use adit_aws::Service::Tunneling;
use serde_json::json;

#[derive(clap::Args)]
pub struct Args {
    /// Id of the tunnel.
    tunnel: String,
    /// Whose tokens.
    #[arg(long, value_enum, default_value = "all")]
    side: Side,
    #[command(flatten)]
    tokens: TokenArgs,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Side {
    Source,
    Destination,
    All,
}

pub async fn run(args: &Args) -> Result {
    let api = Api::open(&args.api)?;
    args.tokens.check()?;
    let mode = match args.side {
        Side::Source => "SOURCE",
        Side::Destination => "DESTINATION",
        Side::All => "ALL",
    };
    let input = json!({ "tunnelId": args.tunnel, "clientMode": mode });
    let mut answer = api.call(Tunneling, "RotateTunnelAccessToken", input).await.map_err(no_tunnel)?;
    if let Some(members) = answer.as_object_mut() {
        members.insert("tunnelId".to_owned(), args.tunnel.as_str().into());
    }
    args.tokens.show(&args.out, answer)
}
