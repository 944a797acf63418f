//! One error type: the text a person reads.

/// What went wrong.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result that fails with a text.
pub type Result<T> = std::result::Result<T, Error>;

/// An error that says `text`.
pub fn fail<T>(text: impl Into<String>) -> Result<T> {
    Err(text.into().into())
}
