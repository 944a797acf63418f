//! Asking before something is destroyed.

use crate::exit::{Failure, Result};
use crate::out;
use std::io::{BufRead, IsTerminal};

/// The option of commands that destroy.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Yes {
    /// Do it without asking. Needed where nobody can be asked.
    #[arg(short, long)]
    pub yes: bool,
}

impl Yes {
    /// Goes on if that was said beforehand or is said now. `what` is what will be done, "delete the thing lamp1".
    ///
    /// # Errors
    /// The answer is no, or there is no terminal to ask on.
    pub fn sure(self, what: &str) -> Result {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Err(Failure::usage(format!("this would {what}")).next("add --yes to do it"));
        }
        out::prompt(format_args!("This will {what}. Go on? [y/N] "));
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        match read.is_ok().then(|| answer.trim().to_ascii_lowercase()).as_deref() {
            Some("y" | "yes") => Ok(()),
            _ => Err(Failure::failed("nothing was done")),
        }
    }
}
