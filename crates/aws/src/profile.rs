//! The files that AWS's programs keep their settings in: `~/.aws/config` and `~/.aws/credentials`.
//!
//! Sections in brackets, `key = value` lines, comments with `#` or `;`, and indented lines that belong to the key above.

use std::collections::BTreeMap;
use std::fmt;

/// Bytes of a file that are read at most.
pub const FILE_BYTES: usize = 1024 * 1024;

/// What a file holds: sections by the words of their heading, `["profile", "work"]`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sections(BTreeMap<Vec<String>, BTreeMap<String, String>>);

impl fmt::Debug for Sections {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// Which of the two files it is; their headings differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `~/.aws/config`: `[default]`, `[profile NAME]`, `[services NAME]`.
    Config,
    /// `~/.aws/credentials`: `[NAME]`.
    Credentials,
}

impl Sections {
    /// Reads a file. Keys in lower case; of a key below another, as `endpoint_url` below `iot`, the name is `iot.endpoint_url`.
    /// Of two that are alike the last counts; sections with one heading are one.
    ///
    /// # Errors
    /// A text with the number of the line that cannot be read. Values are not repeated in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut sections = BTreeMap::<Vec<String>, BTreeMap<String, String>>::new();
        let mut section: Option<Vec<String>> = None;
        let mut above: Option<String> = None;
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let bare = without_comment(line);
            if bare.is_empty() {
                continue;
            }
            if let Some(heading) = bare.strip_prefix('[').filter(|_| !line.starts_with([' ', '\t'])) {
                let heading = heading.strip_suffix(']').ok_or_else(|| {
                    format!("line {number}: a section is written [NAME]; the ']' is missing")
                })?;
                let words = words(heading);
                sections.entry(words.clone()).or_default();
                (section, above) = (Some(words), None);
                continue;
            }
            let Some(entries) = section.as_ref().and_then(|section| sections.get_mut(section)) else {
                return Err(format!("line {number}: a key before the first [section]"));
            };
            let pair =
                bare.split_once('=').map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim()));
            match (line.starts_with([' ', '\t']), pair, &above) {
                (true, Some((key, value)), Some(above)) => {
                    entries.insert(format!("{above}.{key}"), value.to_owned());
                }
                (true, None, Some(above)) => {
                    let value = entries.entry(above.clone()).or_default();
                    value.push('\n');
                    value.push_str(bare);
                }
                (false, Some((key, value)), _) if !key.is_empty() => {
                    entries.insert(key.clone(), value.to_owned());
                    above = Some(key);
                }
                _ => return Err(format!("line {number}: expected KEY = VALUE")),
            }
        }
        Ok(Self(sections))
    }

    /// The entries of a profile in a file of that kind. `default` has a heading of its own in both.
    #[must_use]
    pub fn profile(&self, kind: Kind, name: &str) -> Option<&BTreeMap<String, String>> {
        let named = match kind {
            Kind::Credentials => vec![name.to_owned()],
            Kind::Config => vec!["profile".to_owned(), name.to_owned()],
        };
        let default = || self.0.get(&vec![name.to_owned()]).filter(|_| name == "default");
        self.0.get(&named).or_else(default)
    }

    /// The entries of `[services NAME]`.
    #[must_use]
    pub fn services(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        self.0.get(&vec!["services".to_owned(), name.to_owned()])
    }

    /// The names of all profiles in a file of that kind.
    pub fn profiles(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(move |words| match (kind, words.as_slice()) {
            (Kind::Config, [first, name]) if first == "profile" => Some(name.as_str()),
            (Kind::Config, [name]) if name == "default" => Some(name.as_str()),
            (Kind::Credentials, [name]) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// A line without its comment and the space around. Inside a line a comment begins after space.
fn without_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return "";
    }
    let ends = [" #", " ;", "\t#", "\t;"].into_iter().filter_map(|mark| line.find(mark));
    line.get(..ends.min().unwrap_or(line.len())).unwrap_or(line).trim_end()
}

/// The words of a heading; quotes hold a word together.
fn words(heading: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in heading.trim().chars() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(mark), letter) if mark == letter => quote = None,
            (None, ' ' | '\t') if !word.is_empty() => words.push(std::mem::take(&mut word)),
            (None, ' ' | '\t') => {}
            (_, letter) => word.push(letter),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Splits a command into its words as a POSIX shell does, without running any of the shell's other arts.
///
/// # Errors
/// A quote that is not closed.
pub fn command_words(command: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (Some(mark), letter) if mark == letter => quote = None,
            (None | Some('"'), '\\') => {
                let next = letters.next().ok_or("a backslash at the end")?;
                let literal = quote.is_none() || "\"\\$`\n".contains(next);
                let word = word.get_or_insert_default();
                if !literal {
                    word.push('\\');
                }
                word.push(next);
            }
            (None, letter) if letter.is_ascii_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# made by hand
[default]
region = eu-west-1
[profile work]   ; the other one
Region=us-east-1 # here
services = local
[profile \"two words\"]
output = json
[services local]
iot =
  endpoint_url = http://localhost:1
sts =
    endpoint_url = http://localhost:2
";

    #[test]
    fn profiles_and_services_are_found_by_name() {
        let file = Sections::parse(CONFIG).unwrap();
        assert_eq!(file.profile(Kind::Config, "default").unwrap()["region"], "eu-west-1");
        assert_eq!(file.profile(Kind::Config, "work").unwrap()["region"], "us-east-1");
        assert!(file.profile(Kind::Config, "two words").is_some());
        assert!(file.profile(Kind::Credentials, "work").is_none());
        let services = file.services("local").unwrap();
        assert_eq!(services["iot.endpoint_url"], "http://localhost:1");
        assert_eq!(services["sts.endpoint_url"], "http://localhost:2");
        let names: Vec<&str> = file.profiles(Kind::Config).collect();
        assert_eq!(names, ["default", "two words", "work"]);
    }

    #[test]
    fn credentials_are_plain_sections_and_are_never_shown() {
        let file = Sections::parse("[ops]\naws_secret_access_key = a=b#c;d\n").unwrap();
        assert_eq!(file.profile(Kind::Credentials, "ops").unwrap()["aws_secret_access_key"], "a=b#c;d");
        assert!(!format!("{file:?}").contains("a=b"));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_by_its_number() {
        for (text, why) in [
            ("a = 1\n", "line 1: a key before"),
            ("[a]\nnonsense\n", "line 2: expected KEY = VALUE"),
            ("\n[a\n", "line 2: a section"),
            ("[a]\n = x\n", "line 2"),
        ] {
            let refused = Sections::parse(text).unwrap_err();
            assert!(refused.contains(why), "{text:?}: {refused}");
        }
    }

    #[test]
    fn a_command_is_split_as_a_shell_splits_it() {
        let words = command_words(r#"/bin/x  --a "b \"c\" \d" 'e $f' g\ h """#).unwrap();
        assert_eq!(words, ["/bin/x", "--a", r#"b "c" \d"#, "e $f", "g h", ""]);
        assert!(command_words("x 'y").is_err());
        assert!(command_words("x \\").is_err());
    }
}
