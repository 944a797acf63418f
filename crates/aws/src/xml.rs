//! A reader of the XML that `sts` and `iam` answer with: elements and text, nothing else.

use serde_json::{Map, Value};

use crate::limits::{JSON_DEPTH, JSON_VALUES};

/// Reads one element that is the whole text: its name, and its content as JSON.
///
/// An element with elements inside becomes an object, or a list where all of them are called `member`; any other
/// becomes text. Of elements with one name the last counts, as in JSON. Attributes and comments are passed over.
///
/// # Errors
/// A text that says what is wrong: what is not well formed, has a document type, is deeper than [`JSON_DEPTH`] or has
/// more than [`JSON_VALUES`] elements.
pub(crate) fn parse(text: &str) -> Result<(String, Value), String> {
    let mut reader = Reader { rest: text.trim_start_matches('\u{feff}'), left: JSON_VALUES };
    reader.skip()?;
    let element = reader.element(JSON_DEPTH)?;
    reader.skip()?;
    if reader.rest.is_empty() { Ok(element) } else { Err("more text after the last element".to_owned()) }
}

struct Reader<'t> {
    rest: &'t str,
    left: usize,
}

/// The start of an element.
struct Tag<'t> {
    name: &'t str,
    is_empty: bool,
}

impl<'t> Reader<'t> {
    /// Passes over space, declarations and comments between elements.
    fn skip(&mut self) -> Result<(), String> {
        loop {
            self.rest = self.rest.trim_start();
            let end = match self.rest {
                rest if rest.starts_with("<?") => "?>",
                rest if rest.starts_with("<!--") => "-->",
                rest if rest.starts_with("<!") => return Err("a document type is not read".to_owned()),
                _ => return Ok(()),
            };
            self.until(end)?;
        }
    }

    /// What stands before `end`; goes on behind it.
    fn until(&mut self, end: &str) -> Result<&'t str, String> {
        let (before, after) = self.rest.split_once(end).ok_or_else(|| format!("'{end}' is missing"))?;
        self.rest = after;
        Ok(before)
    }

    fn element(&mut self, depth: usize) -> Result<(String, Value), String> {
        let depth = depth.checked_sub(1).ok_or_else(|| format!("more than {JSON_DEPTH} levels deep"))?;
        self.left = self.left.checked_sub(1).ok_or_else(|| format!("more than {JSON_VALUES} elements"))?;
        let Tag { name, is_empty } = self.start()?;
        if is_empty {
            return Ok((name.to_owned(), Value::from("")));
        }
        let mut text = String::new();
        let mut inside: Vec<(String, Value)> = Vec::new();
        loop {
            let (before, _) = self.rest.split_once('<').ok_or_else(|| format!("</{name}> is missing"))?;
            text.push_str(&unescaped(before)?);
            self.rest = self.rest.get(before.len()..).unwrap_or_default();
            if let Some(rest) = self.rest.strip_prefix("</") {
                self.rest = rest;
                let end = self.until(">")?.trim_end();
                if end != name {
                    return Err(format!("</{name}> is missing"));
                }
                return Ok((name.to_owned(), content(text, inside)));
            }
            if self.rest.starts_with("<!") || self.rest.starts_with("<?") {
                self.skip()?;
            } else {
                inside.push(self.element(depth)?);
            }
        }
    }

    fn start(&mut self) -> Result<Tag<'t>, String> {
        self.rest = self.rest.strip_prefix('<').ok_or("not an element")?;
        let inside = self.until(">")?;
        let (inside, is_empty) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let name = inside.split(|letter: char| letter.is_ascii_whitespace()).next().unwrap_or_default();
        let fits = |letter: char| letter.is_alphanumeric() || "_-.:".contains(letter);
        if name.is_empty() || !name.chars().all(fits) {
            return Err("an element without a name".to_owned());
        }
        Ok(Tag { name, is_empty })
    }
}

fn content(text: String, inside: Vec<(String, Value)>) -> Value {
    if inside.is_empty() {
        return Value::from(text);
    }
    if inside.iter().all(|(name, _)| name == "member") {
        return inside.into_iter().map(|(_, value)| value).collect();
    }
    Value::Object(inside.into_iter().collect::<Map<_, _>>())
}

/// Text with its references resolved.
fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, after) = after.split_once(';').ok_or("'&' without ';'")?;
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => number.parse().ok(),
                });
                number.and_then(char::from_u32).ok_or("an unknown reference")?
            }
        });
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_become_objects_lists_and_text() {
        let text = "<?xml version=\"1.0\"?>\n<A xmlns=\"x\"><!-- no --><B>1 &lt; &#50; &#x33;</B> <C/>\
                    <D><member>a</member><member><E>b</E></member></D></A>\n";
        let (name, value) = parse(text).unwrap();
        assert_eq!(name, "A");
        assert_eq!(value, json!({ "B": "1 < 2 3", "C": "", "D": ["a", { "E": "b" }] }));
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in [
            "",
            "text",
            "<",
            "<A",
            "<A>",
            "<A></B>",
            "<A>&</A>",
            "<A>&no;</A>",
            "<A>&#xd800;</A>",
            "<A/><B/>",
            "< A/>",
            "<!DOCTYPE a><a/>",
            "<a><!ENTITY x></a>",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(parse(&nested(JSON_DEPTH)).is_ok());
        assert!(parse(&nested(JSON_DEPTH + 1)).unwrap_err().contains("levels"));
    }
}
