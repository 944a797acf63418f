//! Topics and topic filters: what is one, and which filter takes which topic.
//!
//! Two prefixes count neither for length nor for depth: `$aws/rules/<rule>/` of a topic and `$share/<name>/` of a
//! filter. spec: mqtt-gateway §4.1, §5.1, §5.4

use std::fmt;
use std::sync::Arc;

use crate::reason::Reason;
use crate::settings::Settings;

/// Bytes of the prefix of basic ingest before the name of the rule; upper and lower case count the same.
const RULES: &str = "$aws/rules/";

/// What a shared subscription begins with.
pub(crate) const SHARE: &str = "$share/";

/// What is wrong with a topic or filter, and what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing there.
    Empty,
    /// U+0000.
    Nul,
    /// `+` or `#` in a topic.
    Wildcard,
    /// More bytes than allowed.
    TooLong {
        /// Found.
        bytes: usize,
        /// Allowed.
        max: usize,
    },
    /// More slashes than allowed.
    TooDeep {
        /// Found.
        slashes: usize,
        /// Allowed.
        max: usize,
    },
    /// `#` that is not the last level.
    HashNotLast,
    /// `+` or `#` beside other characters of its level.
    WildcardNotAlone,
    /// `$share` without a name, or a name with `+` or `#`.
    ShareName,
    /// A name of a share with more characters than allowed.
    ShareNameTooLong {
        /// Found.
        chars: usize,
        /// Allowed.
        max: usize,
    },
    /// `$share/<name>` without a filter behind it.
    ShareWithoutFilter,
}

impl Wrong {
    /// The reason code of MQTT 5.0 for a topic.
    pub fn reason(self) -> Reason {
        Reason::TopicNameInvalid
    }

    /// Whether the text breaks the syntax of MQTT itself, which ends the connection; otherwise it breaks a limit,
    /// which refuses this filter only. spec: mqtt-gateway §5.2
    pub fn is_malformed(self) -> bool {
        !matches!(self, Wrong::TooLong { .. } | Wrong::TooDeep { .. } | Wrong::ShareNameTooLong { .. })
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Wrong::Empty => f.write_str("the topic is empty"),
            Wrong::Nul => f.write_str("the topic contains U+0000"),
            Wrong::Wildcard => f.write_str("a topic to publish to must not contain + or #"),
            Wrong::TooLong { bytes, max } => {
                write!(f, "the topic has {bytes} bytes; at most {max} are allowed")
            }
            Wrong::TooDeep { slashes, max } => {
                write!(f, "the topic has {slashes} slashes; at most {max} are allowed")
            }
            Wrong::HashNotLast => f.write_str("# must be the last level of a filter"),
            Wrong::WildcardNotAlone => f.write_str("+ and # must stand alone in their level"),
            Wrong::ShareName => f.write_str("the name of a share must not be empty nor contain + or #"),
            Wrong::ShareNameTooLong { chars, max } => {
                write!(f, "the name of the share has {chars} characters; at most {max} are allowed")
            }
            Wrong::ShareWithoutFilter => f.write_str("$share/<name>/ must be followed by a filter"),
        }
    }
}

impl std::error::Error for Wrong {}

/// A topic to publish to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Topic<'a>(&'a str);

impl<'a> Topic<'a> {
    /// Fails with the first thing that is [`Wrong`] by the rules and by `settings`. Allocates nothing.
    pub fn parse(text: &'a str, settings: &Settings) -> Result<Topic<'a>, Wrong> {
        let (mut slashes, mut odd) = (0, false);
        for byte in text.bytes() {
            slashes += usize::from(byte == b'/');
            odd |= matches!(byte, 0 | b'+' | b'#');
        }
        if text.is_empty() || odd {
            check_text(text)?;
            return Err(Wrong::Wildcard);
        }
        if slashes > settings.topic_slashes || text.len() > settings.topic_bytes {
            check_size(after_rule(text), settings)?;
        }
        Ok(Topic(text))
    }

    /// The text.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether it begins with `$`.
    pub fn is_reserved(self) -> bool {
        self.0.starts_with('$')
    }
}

/// A filter to subscribe to, alone or shared. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Filter {
    text: Arc<str>,
    /// Where the pattern begins: behind `$share/<name>/`, otherwise 0.
    pattern: usize,
}

impl Filter {
    /// Fails with the first thing that is [`Wrong`] by the rules and by `settings`.
    pub fn parse(text: &str, settings: &Settings) -> Result<Filter, Wrong> {
        let filter = Filter::new(text)?;
        if let Some(name) = filter.share() {
            let chars = name.chars().count();
            if chars > settings.share_name_chars {
                return Err(Wrong::ShareNameTooLong { chars, max: settings.share_name_chars });
            }
        }
        check_size(filter.pattern(), settings)?;
        Ok(filter)
    }

    /// A filter whose limits were checked before, such as a stored one: only the syntax must be right.
    pub fn new(text: &str) -> Result<Filter, Wrong> {
        check_text(text)?;
        let pattern = share_prefix(text)?;
        check_wildcards(text.get(pattern..).unwrap_or_default())?;
        Ok(Filter { text: text.into(), pattern })
    }

    /// The whole text, with `$share/<name>/`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What is matched against topics: without `$share/<name>/`.
    pub fn pattern(&self) -> &str {
        self.text.get(self.pattern..).unwrap_or_default()
    }

    /// The name of the share, unless the filter is for one client alone.
    pub fn share(&self) -> Option<&str> {
        self.text.get(SHARE.len()..self.pattern.checked_sub(1)?)
    }

    /// Whether it can take more than one topic.
    pub fn has_wildcard(&self) -> bool {
        self.pattern().bytes().any(|byte| byte == b'+' || byte == b'#')
    }

    /// Whether the pattern begins with `$`.
    pub fn is_reserved(&self) -> bool {
        self.pattern().starts_with('$')
    }

    /// Whether it takes `topic`. For one filter; many of them belong into a [`crate::tree::TopicTree`].
    pub fn matches(&self, topic: &str, hash_matches_parent: bool) -> bool {
        let pattern = self.pattern();
        if topic.starts_with('$') && pattern.starts_with(['+', '#']) {
            return false;
        }
        let (mut levels, mut names) = (pattern.split('/'), topic.split('/'));
        loop {
            match (levels.next(), names.next()) {
                (Some("#"), name) => return name.is_some() || hash_matches_parent,
                (Some("+"), Some(_)) => {}
                (Some(level), Some(name)) if level == name => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn check_text(text: &str) -> Result<(), Wrong> {
    if text.is_empty() {
        return Err(Wrong::Empty);
    }
    if text.bytes().any(|byte| byte == 0) {
        return Err(Wrong::Nul);
    }
    Ok(())
}

/// Length and depth of what counts.
fn check_size(counted: &str, settings: &Settings) -> Result<(), Wrong> {
    if counted.len() > settings.topic_bytes {
        return Err(Wrong::TooLong { bytes: counted.len(), max: settings.topic_bytes });
    }
    let slashes = counted.bytes().filter(|byte| *byte == b'/').count();
    if slashes > settings.topic_slashes {
        return Err(Wrong::TooDeep { slashes, max: settings.topic_slashes });
    }
    Ok(())
}

/// A topic without `$aws/rules/<rule>/`, if it has that.
fn after_rule(text: &str) -> &str {
    let Some((prefix, rest)) = text.split_at_checked(RULES.len()) else {
        return text;
    };
    match rest.split_once('/') {
        Some((rule, rest)) if prefix.eq_ignore_ascii_case(RULES) && !rule.is_empty() => rest,
        _ => text,
    }
}

/// Bytes of `$share/<name>/`, 0 for a filter that is not shared.
fn share_prefix(text: &str) -> Result<usize, Wrong> {
    let Some(rest) = text.strip_prefix(SHARE) else {
        return if text == "$share" { Err(Wrong::ShareName) } else { Ok(0) };
    };
    let (name, pattern) = rest.split_once('/').unwrap_or((rest, ""));
    if name.is_empty() || name.contains(['+', '#']) {
        return Err(Wrong::ShareName);
    }
    if pattern.is_empty() {
        return Err(Wrong::ShareWithoutFilter);
    }
    Ok(text.len() - pattern.len())
}

fn check_wildcards(pattern: &str) -> Result<(), Wrong> {
    let mut levels = pattern.split('/').peekable();
    while let Some(level) = levels.next() {
        if level.len() > 1 && level.contains(['+', '#']) {
            return Err(Wrong::WildcardNotAlone);
        }
        if level == "#" && levels.peek().is_some() {
            return Err(Wrong::HashNotLast);
        }
    }
    Ok(())
}
