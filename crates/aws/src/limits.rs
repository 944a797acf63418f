//! Every number of this crate: unit, and where it comes from.

/// Greatest body in bytes. The largest input of the models is a certificate of 65 536 characters with a CA beside
/// it, and a published message of 131 072 bytes; the rest is room for escapes.
pub const BODY_BYTES: usize = 1024 * 1024;

/// Greatest depth of a JSON body, in nested objects and lists. The deepest input of the models needs 12.
pub const JSON_DEPTH: usize = 32;

/// Greatest number of values in a JSON body; bounds what a body of brackets costs in memory.
pub const JSON_VALUES: usize = 65_536;

/// How far a signature's date may be from the server's clock, in seconds, either way. spec: control-plane §3
pub const SKEW_SECONDS: i64 = 15 * 60;

/// Longest life of a presigned request in seconds: one week, AWS's own bound.
pub const PRESIGNED_SECONDS: i64 = 7 * 24 * 60 * 60;

/// Longest piece of a refused value that a message repeats, in characters.
pub const ECHO_CHARS: usize = 128;

/// Most violations that one message lists; the count in front is of those found until then.
pub const VIOLATIONS: usize = 20;

/// Most headers that a signature may cover.
pub const SIGNED_HEADERS: usize = 64;

/// Most parameters in a query or form.
pub const PARAMETERS: usize = 256;
