//! What AWS IoT would decide: names, records and rules, without I/O.
