//! Checks and chores of this repository: `cargo xtask check | gen | test | agent | deb`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

mod agent;
mod check;
mod deb;
mod docs;
mod edges;
mod node;
mod python;
mod run;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  check   directions of dependency, generated files, paths named in the documents, stray marks (seconds)
  gen     write the generated files again (docs/config.md, docs/compat, the tables of crates/aws)
  test    install what the tests need (Debian packages, PyPI), then run every check and every test
          --fast   leave out the slow parts: release build, end-to-end tests, cargo deny, deterministic companions
  agent   build the agent alone, small
          --static         one file without libraries
          --target TRIPLE  for another machine
  deb     put Debian packages together: agent, server, or without a name both
          --bin-dir DIR    take the programs from there
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["check"] => check::check(),
        ["gen"] => check::generate(),
        ["test"] => test::test(false),
        ["test", "--fast"] => test::test(true),
        ["agent", rest @ ..] => agent::options(rest).and_then(|options| agent::agent(&options)),
        ["deb", rest @ ..] => deb::deb(rest),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}
