//! Every regular expression of AWS's models as a function.

/// A regular expression of the models: its text for messages, and a function that decides.
pub struct Pattern {
    /// The expression as AWS writes it.
    pub regex: &'static str,
    matches: fn(&str) -> bool,
}

impl Pattern {
    const fn new(regex: &'static str, matches: fn(&str) -> bool) -> Self {
        Self { regex, matches }
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        (self.matches)(text)
    }
}
