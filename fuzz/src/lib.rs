//! What each fuzz target checks, given any bytes: a panic is a finding. The tests of the crates replay the corpora
//! through the same functions, so that a finding stays fixed without a fuzzer.

pub mod aws;
pub mod device;
pub mod iot;
pub mod mqtt;
pub mod mqtt_session;
pub mod provisioning;
pub mod shadow;
pub mod tunnel;
pub mod x509;
