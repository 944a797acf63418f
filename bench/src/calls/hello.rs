//! The limit: axum as anybody would write it, with an answer of the size of DescribeThing's. It checks and stores nothing.

use crate::fail::Result;
use axum::extract::Path;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Thing {
    default_client_id: String,
    thing_name: String,
    thing_id: &'static str,
    thing_arn: String,
    attributes: BTreeMap<&'static str, &'static str>,
    version: u32,
}

/// Serves until it is ended. Prints `listening ADDRESS` once.
pub fn run() -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        crate::out::data(format_args!("listening {}", listener.local_addr()?));
        Ok(axum::serve(listener, Router::new().route("/things/{name}", get(thing))).await?)
    })
}

async fn thing(Path(name): Path<String>) -> Json<Thing> {
    Json(Thing {
        default_client_id: name.clone(),
        thing_arn: format!("arn:aws:iot:us-east-1:123456789012:thing/{name}"),
        thing_name: name,
        thing_id: "00000000-0000-4000-8000-000000000000",
        attributes: BTreeMap::from([("country", "IN"), ("version", "v1")]),
        version: 1,
    })
}
