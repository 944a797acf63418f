//! Provisioning devices: on their first connection, by RegisterThing, and by fleet provisioning (spec: provisioning).

pub mod apply;
