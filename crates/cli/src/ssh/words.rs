//! The words after `adit ssh`: ssh's own options, the thing, and the command to run on it.
//!
//! The grammar is that of OpenSSH's `ssh`: options in clusters, with their value in the same word or the next, before
//! or behind the host; the first word behind the host that is no option begins the command.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use crate::target;

/// The options of ssh that take a value (OpenSSH 9 and 10, `ssh.c`).
const WITH_VALUE: &[u8] = b"BbcDEeFIiJLlmOoPpQRSWw";

/// Where to go, how, and what to do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Options for ssh, in their order.
    pub options: Vec<OsString>,
    /// The user on the device, if the target names one.
    pub user: Option<String>,
    /// The thing.
    pub thing: String,
    /// The command, empty for a shell.
    pub command: Vec<OsString>,
}

/// Takes the words apart.
///
/// # Errors
/// What is wrong with them, and what to type instead.
pub fn parse(words: &[OsString]) -> Result<Words, String> {
    let mut options = Vec::new();
    let mut host = None;
    let mut left = words.iter();
    let mut may_be_option = true;
    let command = loop {
        let Some(word) = left.next() else { break Vec::new() };
        if may_be_option && word == "--" {
            may_be_option = false;
        } else if may_be_option && is_option(word) {
            options.push(word.clone());
            if takes_next(word)? {
                let value = left.next().ok_or_else(|| {
                    format!("{} of ssh needs a value; `man ssh` names them", word.to_string_lossy())
                })?;
                options.push(value.clone());
            }
        } else if host.is_none() {
            host = Some(word);
        } else {
            break std::iter::once(word).chain(left).cloned().collect();
        }
    };
    check(&options)?;
    let host = host.ok_or("which thing? Type `adit ssh [user@]THING`; `adit thing list` shows them")?;
    let host = host.to_str().ok_or("the thing's name is not text")?;
    let (user, name) = match host.rsplit_once('@') {
        Some((user, name)) => (Some(user.to_owned()), name),
        None => (None, host),
    };
    Ok(Words { options, user, thing: target::thing(name)?, command })
}

fn is_option(word: &OsStr) -> bool {
    matches!(word.as_bytes(), [b'-', _, ..])
}

/// Whether an option's value is the next word: the first letter of the cluster that takes one is its last.
fn takes_next(word: &OsStr) -> Result<bool, String> {
    let cluster = word.as_bytes().get(1..).unwrap_or_default();
    if cluster.starts_with(b"-") {
        return Err(format!(
            "{}: adit's own options come first, as in `adit ssh --timeout 60s lamp1`; `adit ssh --help` lists them",
            word.to_string_lossy()
        ));
    }
    let with_value = cluster.iter().position(|letter| WITH_VALUE.contains(letter));
    Ok(with_value.is_some_and(|at| at + 1 == cluster.len()))
}

/// Refuses what cannot work through a tunnel that lives as long as this command.
fn check(options: &[OsString]) -> Result<(), String> {
    let mut left = options.iter();
    while let Some(word) = left.next() {
        for (at, letter) in word.as_bytes().iter().enumerate().skip(1) {
            match letter {
                b'f' => {
                    return Err(
                        "-f: the tunnel lives as long as `adit ssh`, which therefore stays in front. \
                                Use the shell's `&`, or `adit forward` for ports alone"
                            .to_owned(),
                    );
                }
                b'J' => {
                    return Err("-J: the tunnel takes the place of a jump host. \
                                Jump from here instead: ssh -J, with `adit ssh-config`"
                        .to_owned());
                }
                _ => {}
            }
            if WITH_VALUE.contains(letter) {
                let rest = word.as_bytes().get(at + 1..).unwrap_or_default();
                let value =
                    if rest.is_empty() { left.next().map_or(&b""[..], |next| next.as_bytes()) } else { rest };
                if *letter == b'o' {
                    check_setting(value)?;
                }
                break;
            }
        }
    }
    Ok(())
}

fn check_setting(value: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    let name = text.split(['=', ' ', '\t']).find(|part| !part.is_empty()).unwrap_or_default();
    match name {
        "proxycommand" | "proxyjump" | "proxyusefdpass" => {
            Err(format!("-o {name}: the tunnel is the way to the device; leave it out"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Words, String> {
        parse(&line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect::<Vec<_>>())
    }

    fn shown(line: &str) -> String {
        let words = words(line).unwrap();
        let join = |list: &[OsString]| list.join(OsStr::new(" ")).to_string_lossy().into_owned();
        format!(
            "{} | {} | {} | {}",
            join(&words.options),
            words.user.unwrap_or_default(),
            words.thing,
            join(&words.command)
        )
    }

    #[test]
    fn the_thing_is_the_first_word_that_is_no_option_or_value() {
        assert_eq!(shown("lamp1"), " |  | lamp1 | ");
        assert_eq!(shown("root@lamp1 uptime"), " | root | lamp1 | uptime");
        assert_eq!(shown("a@b@lamp1"), " | a@b | lamp1 | ");
        assert_eq!(shown("-v -L 8080:localhost:80 lamp1"), "-v -L 8080:localhost:80 |  | lamp1 | ");
        assert_eq!(shown("-NvL8080:localhost:80 lamp1"), "-NvL8080:localhost:80 |  | lamp1 | ");
        assert_eq!(shown("-tp 2222 -l root lamp1 top -b"), "-tp 2222 -l root |  | lamp1 | top -b");
        assert_eq!(shown("-oUser=root lamp1"), "-oUser=root |  | lamp1 | ");
        assert_eq!(shown("-o LogLevel=ERROR lamp1"), "-o LogLevel=ERROR |  | lamp1 | ");
    }

    #[test]
    fn options_may_stand_behind_the_thing_until_the_command_begins() {
        assert_eq!(shown("lamp1 -v ls -la"), "-v |  | lamp1 | ls -la");
        assert_eq!(shown("lamp1 -- -x y"), " |  | lamp1 | -x y");
        assert_eq!(shown("lamp1 -- cat file"), " |  | lamp1 | cat file");
        assert_eq!(shown("-- lamp1 ls"), " |  | lamp1 | ls");
        assert_eq!(shown("lamp1 ls -- -l"), " |  | lamp1 | ls -- -l");
        assert_eq!(shown("lamp1 grep --color x"), " |  | lamp1 | grep --color x");
        assert_eq!(shown("lamp1 echo -J -f"), " |  | lamp1 | echo -J -f");
    }

    #[test]
    fn a_name_of_ssh_config_is_a_thing() {
        assert_eq!(shown("lamp1.adit"), " |  | lamp1 | ");
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_way_out() {
        let refused = |line: &str| words(line).unwrap_err();
        assert!(refused("").contains("which thing?"));
        assert!(refused("-v").contains("which thing?"));
        assert!(refused("-v -L").contains("needs a value"));
        assert!(refused("lamp1 --timeout 5").contains("come first"));
        assert!(refused("-f lamp1 sleep").contains("adit forward"));
        assert!(refused("-vJ jump lamp1").contains("jump host"));
        for setting in ["-o ProxyCommand=x", "-oproxyjump=x", "-vo ProxyUseFdpass=no"] {
            assert!(refused(&format!("{setting} lamp1")).contains("leave it out"), "{setting}");
        }
        assert!(refused("lamp/1").contains("thing"));
        assert_eq!(shown("-L J:f:1 -l f lamp1"), "-L J:f:1 -l f |  | lamp1 | ");
    }
}
