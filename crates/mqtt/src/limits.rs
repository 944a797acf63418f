//! The numbers that no setting changes: unit, value, source.

/// Bytes of the longest text and of the longest binary field: two bytes of length. spec: mqtt5 §1.5.4
pub const TEXT: usize = 65_535;

/// The largest remaining length and the largest variable byte integer: four bytes of seven bits.
/// spec: mqtt5 §1.5.5
pub const REMAINING_LENGTH: usize = 268_435_455;

/// Bytes of the longest fixed header: one of type and flags, four of length. spec: mqtt5 §2.1
pub const FIXED_HEADER: usize = 5;

/// Slashes a profile may at most allow in a topic, so that a filter cannot make a long chain of nodes.
/// spec: mqtt-gateway §9, our own bound for the profile `standard`
pub const SLASHES: usize = 255;

/// The highest packet identifier; 0 is none. spec: mqtt5 §2.2.1
pub const PACKET_ID: u16 = u16::MAX;
