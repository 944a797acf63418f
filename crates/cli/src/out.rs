//! Printing: data on stdout, talk on stderr. The only file that prints.
#![cfg_attr(not(feature = "client"), expect(dead_code, reason = "the local proxy alone has little to say"))]

#[cfg(feature = "client")]
mod table;
#[cfg(feature = "client")]
mod view;
#[cfg(feature = "client")]
mod yaml;

#[cfg(feature = "client")]
pub use view::{Column, Kind, View, cell, clean};

use std::fmt::Arguments;
use std::io::{ErrorKind, IsTerminal, Write};

/// Data for a person or a program: one line on stdout.
pub fn data(line: impl std::fmt::Display) {
    print(format_args!("{line}\n"));
}

/// Data as it is, without a further line end.
pub fn raw(text: &str) {
    print(format_args!("{text}"));
}

/// Bytes as they are, at once.
#[cfg(feature = "client")]
pub fn raw_bytes(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    written(stdout.write_all(bytes).and_then(|()| stdout.flush()));
}

/// A value as indented JSON on stdout.
#[cfg(feature = "client")]
pub fn json(value: &serde_json::Value) {
    print(format_args!("{value:#}\n"));
}

/// Talk on stderr: progress, advice. Nobody has to listen.
pub fn talk(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A question on stderr, on whose line the answer is typed.
pub fn prompt(question: impl std::fmt::Display) {
    let _ = write!(std::io::stderr(), "{question}");
}

/// What went wrong, on stderr.
pub fn error(line: impl std::fmt::Display) {
    talk(format_args!("adit: {line}"));
}

/// Writes to stdout. Whoever stops reading, as `head` does, has had enough: the program ends.
fn print(text: Arguments<'_>) {
    written(std::io::stdout().write_fmt(text));
}

fn written(result: std::io::Result<()>) {
    if let Err(error) = result {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        self::error(format_args!("cannot write to stdout: {error}"));
        std::process::exit(1);
    }
}

/// Marks a word as done, in green on a terminal.
pub fn good(word: &str) -> String {
    paint(word, "32")
}

/// Marks a word as failed, in red on a terminal.
pub fn bad(word: &str) -> String {
    paint(word, "31")
}

/// Marks a word that wants attention, in yellow on a terminal.
pub fn attention(word: &str) -> String {
    paint(word, "33")
}

/// Makes text stand out on a terminal.
#[cfg(feature = "server")]
pub fn strong(text: &str) -> String {
    paint(text, "1")
}

fn paint(text: &str, code: &str) -> String {
    let plain = !std::io::stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    if plain { text.to_owned() } else { format!("\u{1b}[{code}m{text}\u{1b}[0m") }
}

/// One line on stderr that says what is going on and is written over. Only on a terminal.
#[cfg(feature = "client")]
#[derive(Debug)]
pub struct Progress {
    shown: bool,
    is_dirty: bool,
}

#[cfg(feature = "client")]
impl Progress {
    pub fn new() -> Progress {
        Progress { shown: std::io::stderr().is_terminal(), is_dirty: false }
    }

    /// Replaces the line.
    pub fn say(&mut self, line: impl std::fmt::Display) {
        if self.shown {
            let size = rustix::termios::tcgetwinsize(std::io::stderr());
            let line = fitted(line.to_string(), size.map_or(0, |size| usize::from(size.ws_col)));
            let _ = write!(std::io::stderr(), "\r\u{1b}[2K{line}");
            self.is_dirty = true;
        }
    }

    /// Takes the line away, so that other talk begins where it began.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_dirty) {
            let _ = write!(std::io::stderr(), "\r\u{1b}[2K");
        }
    }
}

#[cfg(feature = "client")]
impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// As much of a line as a terminal has room for, whose width is 0 if unknown: a line that wraps cannot be written over.
#[cfg(feature = "client")]
fn fitted(line: String, columns: usize) -> String {
    if columns == 0 || line.chars().count() < columns {
        return line;
    }
    line.chars().take(columns.saturating_sub(2)).chain(['…']).collect()
}

/// Forms of data on stdout.
#[cfg(feature = "client")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns for people, fitted to the terminal; whole when piped.
    Table,
    /// More columns, never cut.
    Wide,
    /// One JSON value: a list of objects, or an object.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// The same as YAML.
    Yaml,
    /// Names or ids alone, one a line.
    Id,
}

/// Options of every command that shows data.
#[cfg(feature = "client")]
#[derive(clap::Args, Clone, Debug, Default)]
pub struct OutArgs {
    /// Form of the data on stdout.
    #[arg(short, long, value_enum, value_name = "FORM")]
    pub output: Option<Format>,
    /// Leave the titles of columns out.
    #[arg(long)]
    pub no_headers: bool,
    /// Print JSON: a list as one object a line.
    #[arg(long, hide = true, conflicts_with = "output")]
    pub json: bool,
}

#[cfg(feature = "client")]
impl OutArgs {
    /// The form of a list, and of one object.
    pub fn format(&self, is_list: bool) -> Format {
        match (self.output, self.json, is_list) {
            (Some(format), ..) => format,
            (None, true, true) => Format::Jsonl,
            (None, true, false) => Format::Json,
            (None, false, _) => Format::Table,
        }
    }

    /// Whether it is a table that is asked for.
    pub fn is_for_people(&self, is_list: bool) -> bool {
        matches!(self.format(is_list), Format::Table | Format::Wide)
    }

    /// Prints a list.
    pub fn rows(&self, view: &View, rows: &[serde_json::Value]) {
        raw(&self.rows_text(view, rows, width()));
    }

    /// Prints one object.
    pub fn one(&self, view: &View, value: &serde_json::Value) {
        raw(&self.one_text(view, value, width()));
    }

    /// A list as it is printed. `width` is that of the terminal in characters, if it is one.
    pub fn rows_text(&self, view: &View, rows: &[serde_json::Value], width: Option<usize>) -> String {
        let lines =
            |line: &dyn Fn(&serde_json::Value) -> String| rows.iter().map(|row| line(row) + "\n").collect();
        match self.format(true) {
            Format::Table => table::table(view, rows, false, !self.no_headers, width),
            Format::Wide => table::table(view, rows, true, !self.no_headers, None),
            Format::Json => format!("{:#}\n", serde_json::Value::from(rows.to_vec())),
            Format::Jsonl => lines(&|row| row.to_string()),
            Format::Yaml => yaml::yaml(&serde_json::Value::from(rows.to_vec())),
            Format::Id => lines(&|row| view.id(row)),
        }
    }

    /// One object as it is printed.
    pub fn one_text(&self, view: &View, value: &serde_json::Value, width: Option<usize>) -> String {
        match self.format(false) {
            Format::Table => table::card(view, value, width),
            Format::Wide => table::card(view, value, None),
            Format::Json => format!("{value:#}\n"),
            Format::Jsonl => format!("{value}\n"),
            Format::Yaml => yaml::yaml(value),
            Format::Id => view.id(value) + "\n",
        }
    }
}

/// Whether stdout is a terminal.
#[cfg(feature = "client")]
pub fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Characters in a line of the terminal that stdout is; `None` if it is none.
#[cfg(feature = "client")]
pub fn width() -> Option<usize> {
    let stdout = std::io::stdout();
    let size = rustix::termios::tcgetwinsize(&stdout).ok().filter(|_| stdout.is_terminal())?;
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    Some(columns.unwrap_or(usize::from(size.ws_col)).max(20))
}

/// Wipes the terminal and prints in its place; a list that changes stays where it is.
#[cfg(feature = "client")]
pub fn redraw(text: &str) {
    print(format_args!("\u{1b}[H\u{1b}[2J{text}"));
    let _ = std::io::stdout().flush();
}

#[cfg(all(test, feature = "client"))]
mod tests {
    use super::fitted;

    #[test]
    fn a_line_of_progress_does_not_wrap() {
        assert_eq!(fitted("12345678".into(), 9), "12345678");
        assert_eq!(fitted("12345678".into(), 8), "123456…");
        assert_eq!(fitted("12345678".into(), 0), "12345678");
    }
}
