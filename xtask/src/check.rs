//! What can be checked in seconds, and the generated files.

use crate::run::{Result, output, root, run};
use crate::{docs, edges, python};

/// A generated file and the arguments of `adit` that print it.
const PRINTED: &[(&str, &[&str])] = &[
    ("docs/config.md", &["config", "docs"]),
    ("docs/agent-config.md", &["agent", "docs"]),
    ("docs/compat/operations.md", &["operations"]),
    ("docs/compat/authorization.md", &["operations", "--needs"]),
    ("docs/compat/limits.md", &["operations", "--limits"]),
];

/// Marks of unfinished work; written in two parts so that this file does not hold them.
const MARKS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];

pub fn check() -> Result {
    let mut problems = edges::check()?;
    problems.extend(docs::check()?);
    problems.extend(marks()?);
    for (file, args) in PRINTED {
        let committed = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        if committed != printed(args)? {
            problems.push(format!("{file} is not what the program prints: run `cargo xtask gen`"));
        }
    }
    if problems.is_empty() {
        println!("xtask check: nothing to say");
        return Ok(());
    }
    Err(format!("{} problems\n  {}", problems.len(), problems.join("\n  ")))
}

pub fn generate() -> Result {
    for (file, args) in PRINTED {
        std::fs::write(root().join(file), printed(args)?).map_err(|error| format!("{file}: {error}"))?;
        println!("wrote {file}");
    }
    run(&python::interpreter("tables", "tools/requirements.txt")?, &["tools/gen_aws_tables.py"])
}

fn printed(args: &[&str]) -> Result<String> {
    // As the README types it.
    let mut words = vec!["run", "--quiet", "--locked", "--"];
    words.extend(args);
    output("cargo", &words)
}

fn marks() -> Result<Vec<String>> {
    let files = output("git", &["ls-files", "*.rs", "*.py", "*.sh", "*.sql"])?;
    let mut problems = Vec::new();
    for file in files.lines() {
        let Ok(text) = std::fs::read_to_string(root().join(file)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if let Some(mark) = MARKS.iter().find(|mark| line.contains(**mark)) {
                problems.push(format!("{file}:{}: {mark}", number + 1));
            }
        }
    }
    Ok(problems)
}
