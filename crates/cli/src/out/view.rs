//! What of an object a person sees: columns, and how their values are written.

use serde_json::Value;

/// How the value of a column is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it is; a list with commas, an object as `key=value` with commas.
    Text,
    /// Epoch seconds as a date in UTC.
    Seconds,
    /// Epoch milliseconds as a date in UTC.
    Milliseconds,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    /// JSON pointer (RFC 6901) to the value.
    pub at: &'static str,
    pub kind: Kind,
    /// Only with `-o wide`, and where one object is shown.
    pub wide: bool,
}

impl Column {
    pub const fn text(title: &'static str, at: &'static str) -> Column {
        Column { title, at, kind: Kind::Text, wide: false }
    }

    pub const fn of(self, kind: Kind) -> Column {
        Column { kind, ..self }
    }

    pub const fn wide(self) -> Column {
        Column { wide: true, ..self }
    }

    pub fn cell(&self, row: &Value) -> String {
        row.pointer(self.at).map_or_else(|| "-".to_owned(), |value| cell(value, self.kind))
    }
}

/// How objects of one sort are shown.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// JSON pointer to what names an object: for `-o id`.
    pub id: &'static str,
    pub columns: &'static [Column],
}

impl View {
    pub fn id(&self, row: &Value) -> String {
        row.pointer(self.id).map_or_else(String::new, |value| cell(value, Kind::Text))
    }
}

/// A value on one line, for people.
pub fn cell(value: &Value, kind: Kind) -> String {
    match (kind, value) {
        (_, Value::Null) => "-".to_owned(),
        (Kind::Seconds, Value::Number(number)) => date(number.as_f64()),
        (Kind::Milliseconds, Value::Number(number)) => date(number.as_f64().map(|ms| ms / 1e3)),
        (_, Value::String(text)) => clean(text),
        (_, Value::Array(items)) if items.is_empty() => "-".to_owned(),
        (_, Value::Array(items)) => items.iter().map(|item| cell(item, kind)).collect::<Vec<_>>().join(","),
        (_, Value::Object(members)) if members.is_empty() => "-".to_owned(),
        (_, Value::Object(members)) => {
            let pair = |(name, value): (&String, &Value)| format!("{}={}", clean(name), cell(value, kind));
            members.iter().map(pair).collect::<Vec<_>>().join(",")
        }
        (_, other) => other.to_string(),
    }
}

/// Text without characters that a terminal takes for orders.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter })
        .collect()
}

fn date(seconds: Option<f64>) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "times of this century fit")]
    let at = seconds.map(|seconds| jiff::Timestamp::from_second(seconds as i64));
    at.and_then(Result::ok).map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_written_on_one_line() {
        for (value, kind, text) in [
            (json!("a\u{1b}[31m\nb"), Kind::Text, "a\u{fffd}[31m\u{fffd}b"),
            (json!(["a", 1]), Kind::Text, "a,1"),
            (json!({ "k": "v", "n": [] }), Kind::Text, "k=v,n=-"),
            (json!(1.5), Kind::Seconds, "1970-01-01 00:00:01"),
            (json!(1_500), Kind::Milliseconds, "1970-01-01 00:00:01"),
            (json!(null), Kind::Seconds, "-"),
        ] {
            assert_eq!(cell(&value, kind), text);
        }
    }
}
