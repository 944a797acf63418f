//! Whole servers in this process: each test has its own, with its own folder and ports.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod api;
mod attachment;
mod audit;
mod authority;
mod authorization;
mod bed;
mod ca;
mod certificate;
mod console;
mod corpus;
mod data;
mod device;
mod first_connect;
mod fleet;
mod health;
mod iam;
mod iot;
mod lifecycle;
mod limits;
mod mqtt_client;
mod mqtt_durable;
mod mqtt_flow;
mod mqtt_shared;
mod mqtt_ws;
mod operations;
mod people;
mod policy;
mod principal;
mod provisioning;
mod provisioning_plan;
mod provisioning_template;
mod session;
mod shadow;
mod start;
mod tag;
mod thing;
mod thing_group;
mod thing_type;
mod timeline;
mod tls;
mod tunnel;
mod upgrade;
mod why;
