//! Printing: results on stdout, progress on stderr. The only file that prints.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this file is where the program speaks")]

/// A line of the result.
pub fn data(line: impl std::fmt::Display) {
    println!("{line}");
}

/// Progress, for the person who waits.
pub fn talk(line: impl std::fmt::Display) {
    eprintln!("{line}");
}
