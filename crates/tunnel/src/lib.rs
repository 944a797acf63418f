//! The secure tunneling protocol: wire and relay, without sockets or clocks.
