//! `adit man`: manual pages from the command line itself.

use crate::exit::{self, Failure, Result};
use crate::out;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// Folder for the pages, such as /usr/local/share/man/man1; made if it is not there.
    dir: PathBuf,
}

pub fn run(args: &Args, command: clap::Command) -> ExitCode {
    exit::code(
        write(&args.dir, command)
            .map(|count| out::talk(format_args!("Wrote {count} pages to {}.", args.dir.display()))),
    )
}

/// Writes the pages of a command and of those below it; says how many.
fn write(dir: &Path, command: clap::Command) -> Result<usize> {
    let failed = |error: std::io::Error| Failure::failed(format!("{}: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    let mut command = command;
    command.build();
    page(dir, &command).map_err(failed)
}

fn page(dir: &Path, command: &clap::Command) -> std::io::Result<usize> {
    let mut text = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render(&mut text)?;
    std::fs::write(dir.join(man.get_filename()), text)?;
    let mut count = 1;
    for below in command.get_subcommands() {
        if !below.is_hide_set() && below.get_name() != "help" {
            count += page(dir, below)?;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let count = write(&folder.path().join("man1"), crate::Cli::command()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("man1")).unwrap().count(), count);
        let page = std::fs::read_to_string(folder.path().join("man1/adit-thing-list.1")).unwrap();
        assert!(page.contains("List things") && page.contains("limit"), "{page}");
    }
}
