//! Columns that fit the terminal, and cards of one object.

use super::view::{Kind, View, cell, clean};
use serde_json::Value;

/// Characters that a column keeps when a line is too long.
const NARROWEST: usize = 8;
const GAP: &str = "  ";

/// A list as columns. With a width, the widest columns give way until a line fits.
pub fn table(view: &View, rows: &[Value], is_wide: bool, has_titles: bool, width: Option<usize>) -> String {
    let columns: Vec<_> = view.columns.iter().filter(|column| is_wide || !column.wide).collect();
    let titles = columns.iter().map(|column| column.title.to_uppercase()).collect::<Vec<_>>();
    let cells = rows.iter().map(|row| columns.iter().map(|column| column.cell(row)).collect());
    let lines: Vec<Vec<String>> = has_titles.then_some(titles).into_iter().chain(cells).collect();
    let mut widths = vec![0; columns.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    if let Some(width) = width {
        fit(&mut widths, width);
    }
    lines.iter().map(|line| written(line, &widths)).collect()
}

fn fit(widths: &mut [usize], width: usize) {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

fn written(line: &[String], widths: &[usize]) -> String {
    let cells = line.iter().zip(widths).map(|(cell, width)| format!("{:<width$}", cut(cell, *width)));
    format!("{}\n", cells.collect::<Vec<_>>().join(GAP).trim_end())
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// One object: a line for each of its columns, then what has no column.
pub fn card(view: &View, value: &Value, width: Option<usize>) -> String {
    let mut lines: Vec<(String, String)> = view
        .columns
        .iter()
        .filter(|column| value.pointer(column.at).is_some_and(|value| !value.is_null()))
        .map(|column| (column.title.to_owned(), column.cell(value)))
        .collect();
    for (name, value) in value.as_object().into_iter().flatten() {
        let pointer = format!("/{name}");
        let shown = view
            .columns
            .iter()
            .any(|column| column.at == pointer || column.at.starts_with(&(pointer.clone() + "/")));
        if !shown && !value.is_null() {
            lines.push((words(name), text(value)));
        }
    }
    let longest = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let line = |(name, text): (String, String)| {
        let room = width.map(|width| width.saturating_sub(longest + GAP.len()).max(NARROWEST));
        let indent = format!("\n{:longest$}{GAP}", "");
        let text = text
            .lines()
            .map(|line| room.map_or_else(|| line.to_owned(), |room| wrapped(line, room, &indent)));
        format!("{name:<longest$}{GAP}{}\n", text.collect::<Vec<_>>().join(&indent))
    };
    lines.into_iter().map(line).collect()
}

/// `thingTypeName` as `thing type name`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in clean(name).chars() {
        if letter.is_uppercase() && words.ends_with(|before: char| before.is_lowercase()) {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// A value of a card: text keeps its lines, such as those of a certificate.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim_end().lines().map(clean).collect::<Vec<_>>().join("\n"),
        other => cell(other, Kind::Text),
    }
}

/// A line in pieces of at most `room` characters; nothing of it is lost.
fn wrapped(line: &str, room: usize, indent: &str) -> String {
    let letters: Vec<char> = line.chars().collect();
    let pieces: Vec<String> = letters.chunks(room.max(1)).map(|piece| piece.iter().collect()).collect();
    pieces.join(indent)
}

#[cfg(test)]
mod tests {
    use super::super::view::Column;
    use super::*;
    use serde_json::json;

    const VIEW: View = View {
        id: "/name",
        columns: &[
            Column::text("name", "/name"),
            Column::text("made", "/at").of(Kind::Seconds),
            Column::text("arn", "/arn").wide(),
        ],
    };

    #[test]
    fn a_piped_table_is_whole_and_one_on_a_terminal_fits() {
        let rows =
            [json!({ "name": "a-rather-long-name-of-a-thing", "at": 0, "arn": "x" }), json!({ "name": "b" })];
        assert_eq!(
            table(&VIEW, &rows, false, true, None),
            "NAME                           MADE\na-rather-long-name-of-a-thing  1970-01-01 00:00:00\nb                              -\n"
        );
        let fitted = table(&VIEW, &rows, false, false, Some(36));
        assert_eq!(fitted, "a-rather-long-na…  1970-01-01 00:00…\nb                  -\n");
        assert!(fitted.lines().all(|line| line.chars().count() <= 36));
        assert!(table(&VIEW, &rows[1..], true, true, None).starts_with("NAME  MADE  ARN\n"));
    }

    #[test]
    fn a_card_has_what_has_no_column_too() {
        let value = json!({ "name": "a", "at": 0, "thingTypeName": "t", "certificatePem": "one\ntwo\n" });
        let shown = card(&VIEW, &value, None);
        assert_eq!(
            shown,
            "name             a\nmade             1970-01-01 00:00:00\ncertificate pem  one\n                 two\nthing type name  t\n"
        );
        let narrow = card(&VIEW, &json!({ "name": "abcdefghijklmnop" }), Some(16));
        assert_eq!(narrow, "name  abcdefghij\n      klmnop\n");
    }
}
