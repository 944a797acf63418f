//! What the server does on reserved topics, one file per service.

pub mod provisioning;
pub mod shadow;
