//! The query of an admin request: `name=value` pairs, percent-encoded.

use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// Pairs by name. A name that nobody asks for is an error, so that a mistake is seen.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query.
    #[must_use]
    pub fn parse(query: Option<&str>) -> Self {
        let text = |raw: &str| percent_decode_str(raw).decode_utf8_lossy().into_owned();
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(name, value)| (text(name), text(value))).collect())
    }

    /// Takes the value of a name.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.remove(at).1)
    }

    /// Takes the value of a name that is not only text.
    ///
    /// # Errors
    /// It cannot be read; `what` says what it must be.
    pub fn value<T: FromStr>(&mut self, name: &str, what: &str) -> Result<Option<T>, String> {
        let text = self.text(name);
        text.map(|text| text.parse().map_err(|_| format!("{name} must be {what}, not {text:?}"))).transpose()
    }

    /// All was asked for.
    ///
    /// # Errors
    /// A name is left.
    pub fn end(self) -> Result<(), String> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(format!("{name} means nothing here, or is given twice")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_leftovers_are_seen() {
        let mut query = Query::parse(Some("thing=a%2Bb%20c&limit=7&x&limit=8"));
        assert_eq!(query.text("thing").as_deref(), Some("a+b c"));
        assert_eq!(query.value::<u16>("limit", "a number"), Ok(Some(7)));
        assert_eq!(query.value::<u16>("none", "a number"), Ok(None));
        assert_eq!(query.value::<u16>("x", "a number"), Err("x must be a number, not \"\"".to_owned()));
        assert_eq!(query.end(), Err("limit means nothing here, or is given twice".to_owned()));
        assert_eq!(Query::parse(None).end(), Ok(()));
    }
}
