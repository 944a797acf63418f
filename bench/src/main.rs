//! Measures adit beside a limit and its peers.

fn main() {}
