//! Printing: data on stdout, talk on stderr. The only file that prints.
#![cfg_attr(not(feature = "server"), expect(dead_code, reason = "the local proxy alone has little to say"))]

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

/// A value as indented JSON on stdout.
#[cfg(feature = "server")]
pub fn json(value: &serde_json::Value) {
    print(format_args!("{value:#}\n"));
}

/// Talk on stderr: progress, advice. Nobody has to listen.
pub fn talk(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What went wrong, on stderr.
pub fn error(line: impl std::fmt::Display) {
    talk(format_args!("adit: {line}"));
}

/// Writes to stdout. Whoever stops reading, as `head` does, has had enough: the program ends.
fn print(text: Arguments<'_>) {
    if let Err(error) = std::io::stdout().write_fmt(text) {
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
pub fn strong(text: &str) -> String {
    paint(text, "1")
}

fn paint(text: &str, code: &str) -> String {
    let plain = !std::io::stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    if plain { text.to_owned() } else { format!("\u{1b}[{code}m{text}\u{1b}[0m") }
}
