//! MQTT 3.1.1 and 5.0: what does this packet mean, and what happens next on this connection?
//!
//! Nothing here opens a socket, reads a clock or draws a random number: bytes and `now` go in, decisions come out.
#![warn(missing_docs)]
