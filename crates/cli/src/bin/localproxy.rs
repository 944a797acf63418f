//! The `localproxy` command, a drop-in for the one of AWS.

fn main() {}
