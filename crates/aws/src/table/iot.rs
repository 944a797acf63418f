//! Generated rows.

use crate::table::Operation;

pub static OPERATIONS: &[Operation] = &[];
