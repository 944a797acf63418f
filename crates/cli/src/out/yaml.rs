//! JSON values as YAML 1.2, in block form.

use serde_json::Value;
use std::fmt::Write;

/// The value as a document.
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Array(items) if !items.is_empty() => list(items, 0, &mut text),
        Value::Object(members) if !members.is_empty() => object(members, 0, &mut text),
        other => {
            let _ = writeln!(text, "{}", scalar(other));
        }
    }
    text
}

fn list(items: &[Value], depth: usize, text: &mut String) {
    for item in items {
        let _ = write!(text, "{:depth$}-", "");
        match item {
            // The first member stands behind the dash, the others below it.
            Value::Object(members) if !members.is_empty() => {
                let mut inner = String::new();
                object(members, depth + 2, &mut inner);
                let _ = write!(text, " {}", inner.trim_start_matches(' '));
            }
            Value::Array(items) if !items.is_empty() => {
                text.push('\n');
                list(items, depth + 2, text);
            }
            other => {
                let _ = writeln!(text, " {}", scalar(other));
            }
        }
    }
}

fn object(members: &serde_json::Map<String, Value>, depth: usize, text: &mut String) {
    for (name, value) in members {
        let _ = write!(text, "{:depth$}{}:", "", plain(name));
        match value {
            Value::Object(members) if !members.is_empty() => {
                text.push('\n');
                object(members, depth + 2, text);
            }
            Value::Array(items) if !items.is_empty() => {
                text.push('\n');
                list(items, depth, text);
            }
            other => {
                let _ = writeln!(text, " {}", scalar(other));
            }
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        Value::Array(_) => "[]".to_owned(),
        Value::Object(_) => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// Text without quotes where nothing can be taken for anything else, and as JSON writes it, which YAML reads, elsewhere.
fn plain(text: &str) -> String {
    let starts = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/');
    let safe = |letter: char| letter.is_ascii_alphanumeric() || "_-./+=@".contains(letter);
    let colons = |text: &str| text.split(':').all(|part| part.chars().all(safe)) && !text.ends_with(':');
    let word = text.to_ascii_lowercase();
    let special = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&word.as_str());
    if starts && colons(text) && !special { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_and_objects_are_in_block_form() {
        let value = json!([
            { "name": "lamp", "tags": { "a": [], "b": {} }, "list": [1, [2, "x"]] },
            "arn:aws:iot:r:1:thing/a",
        ]);
        assert_eq!(
            yaml(&value),
            "- list:\n  - 1\n  -\n    - 2\n    - x\n  name: lamp\n  tags:\n    a: []\n    b: {}\n- arn:aws:iot:r:1:thing/a\n"
        );
        assert_eq!(yaml(&json!({})), "{}\n");
        assert_eq!(yaml(&json!([])), "[]\n");
    }

    #[test]
    fn text_that_could_be_something_else_is_quoted() {
        for text in [
            "",
            "no",
            "True",
            "1",
            "1e3",
            "0x1",
            "a b",
            "a: b",
            "a:",
            "- a",
            "#",
            "~",
            "a\nb",
            "é",
            "2024-01-01",
            "{a}",
        ] {
            assert_eq!(yaml(&json!(text)), format!("{}\n", json!(text)), "{text}");
        }
    }
}
