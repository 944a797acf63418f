//! What the doctor looks at on the device itself.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::Findings;
use crate::agent::config::Config;
use crate::agent::identity::Identity;
use crate::agent::keep;
use crate::tls;

/// A clock before this has not been set since the device started: 2025-01-01.
const NO_CLOCK: i64 = 1_735_689_600;

/// Days before the end of a certificate in which it is worth a word.
const SOON: i64 = 30;

const DAY: i64 = 24 * 60 * 60;

/// Free bytes in the state folder below which a word is due, and below which nothing can be kept.
const LITTLE: u64 = 16 << 20;
const NOTHING: u64 = 256 << 10;

const UNIT: &str = "adit-agent.service";

/// Root may read what the agent may not.
pub fn user(findings: &mut Findings) {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let has_user = fs::read_to_string("/etc/passwd").is_ok_and(|text| has_agent(&text));
    if is_root && has_user {
        findings.warning(
            "user",
            "checked as root, and the agent runs as adit-agent: sudo -u adit-agent adit-agent doctor",
        );
    }
}

fn has_agent(passwd: &str) -> bool {
    passwd.lines().any(|line| line.starts_with("adit-agent:"))
}

/// What the server is believed by.
pub fn ca(config: &Config, findings: &mut Findings) {
    let Some(path) = &config.ca_file else {
        return findings.ok("ca-file", "not set; the system's certificates are trusted");
    };
    if path.is_dir() {
        return findings.ok("ca-file", format!("{}, a folder", path.display()));
    }
    let certificates: Vec<_> = match CertificateDer::pem_file_iter(path) {
        Ok(certificates) => certificates.flatten().collect(),
        Err(error) => {
            let text = format!("{}: {error}: copy the server's pki/ca.pem there", path.display());
            return findings.failed("ca-file", text);
        }
    };
    match certificates.len() {
        0 => findings.failed(
            "ca-file",
            format!("{}: no certificate in it: copy the server's pki/ca.pem there", path.display()),
        ),
        count => findings.ok("ca-file", format!("{}, certificates in it: {count}", path.display())),
    }
}

/// Whether others may read the key or write the certificate.
pub fn rights(files: &[&Path], findings: &mut Findings) {
    let [certificate, key] = files else { return };
    let mode = |path: &Path| fs::metadata(path).map_or(0, |file| file.permissions().mode());
    if mode(key) & 0o007 != 0 {
        findings.failed("rights", format!("everybody may read {0}: chmod o= {0}", key.display()));
    } else if mode(certificate) & 0o002 != 0 {
        findings.failed("rights", format!("everybody may write {0}: chmod o-w {0}", certificate.display()));
    } else {
        findings.ok("rights", format!("{} is not for everybody", key.display()));
    }
}

/// The clock, and the dates of the certificate against it.
pub fn clock(identity: Option<&Identity>, findings: &mut Findings) {
    let now = jiff::Timestamp::now().as_second();
    if now < NO_CLOCK {
        findings.warning(
            "clock",
            format!(
                "says {}: it was never set. The agent connects all the same; set it (timedatectl set-ntp true), or \
                 certificates that are over cannot be told from good ones",
                day(now)
            ),
        );
    } else {
        findings.ok("clock", format!("says {}", day(now)));
    }
    let Some(Identity { facts, .. }) = identity else { return };
    let (from, until) = (facts.not_before, facts.not_after);
    if now >= NO_CLOCK && now < from {
        findings.failed(
            "dates",
            format!(
                "the certificate counts from {} only: is the clock right? timedatectl set-ntp true",
                day(from)
            ),
        );
    } else if now > until {
        findings.failed(
            "dates",
            format!("the certificate was over on {}: the device needs a new one", day(until)),
        );
    } else if now >= NO_CLOCK && until - now < SOON * DAY {
        let text = format!("the certificate is over on {}, in {} days", day(until), (until - now) / DAY);
        findings.warning("dates", text);
    } else {
        findings.ok("dates", format!("the certificate counts from {} until {}", day(from), day(until)));
    }
}

fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| "a day beyond all calendars".to_owned(),
        |time| time.strftime("%Y-%m-%d").to_string(),
    )
}

/// Where the agent keeps what should survive.
pub fn state(config: &Config, findings: &mut Findings) {
    let folder = &config.state_dir;
    if let Err(error) = keep::try_folder(folder) {
        let needs = config.provisioning.template.is_some() && config.certificate_file.is_none();
        return if needs {
            findings.failed("state-dir", format!("{error}; a first start needs it, so does the identity"));
        } else {
            findings.warning("state-dir", format!("{error}; the agent forgets its tunnels when it ends"));
        };
    }
    findings.ok("state-dir", format!("{} can be written", folder.display()));
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = format!("{} KiB free in {}", free >> 10, folder.display());
            if free < NOTHING || (disk.f_files > 0 && disk.f_favail == 0) {
                findings.failed("disk", format!("{text}: make room, or nothing can be kept"));
            } else if free < LITTLE {
                findings.warning("disk", text);
            } else {
                findings.ok("disk", text);
            }
        }
        Err(error) => findings.failed("disk", format!("{}: {error}", folder.display())),
    }
}

/// Whether systemd runs the agent, on a machine with systemd.
pub fn unit(findings: &mut Findings) {
    if !Path::new("/run/systemd/system").is_dir() {
        return findings
            .ok("unit", "no systemd here: start the agent by other means, and again when it ends");
    }
    let ask = |word: &str| {
        let asked = Command::new("systemctl").args([word, UNIT]).output();
        asked.map(|answer| String::from_utf8_lossy(&answer.stdout).trim().to_owned())
    };
    match (ask("is-enabled"), ask("is-active")) {
        (Ok(enabled), Ok(active)) => {
            let (is_ok, text) = judge(&enabled, &active);
            if is_ok { findings.ok("unit", text) } else { findings.warning("unit", text) }
        }
        (Err(error), _) | (_, Err(error)) => {
            findings.warning("unit", format!("systemctl: {}", tls::plain(&error)));
        }
    }
}

fn judge(enabled: &str, active: &str) -> (bool, String) {
    match (enabled, active) {
        ("enabled", "active") => (true, format!("{UNIT} is running, and will after a restart")),
        ("enabled", _) => (
            false,
            format!("{UNIT} is {active}: systemctl restart {UNIT}; journalctl -u {UNIT} says why it ended"),
        ),
        (_, "active") => (false, format!("{UNIT} will not run after a restart: systemctl enable {UNIT}")),
        _ => (false, format!("{UNIT} is not running: systemctl enable --now {UNIT}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::doctor::Grade;
    use crate::agent::x509::Facts;

    fn of(from: i64, until: i64) -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(Vec::<String>::new()).unwrap().self_signed(&key).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("i.pem");
        fs::write(&file, key.serialize_pem() + &certificate.pem()).unwrap();
        let mut identity = crate::agent::identity::read(&file, &file).unwrap();
        identity.facts = Facts { not_before: from, not_after: until, ..identity.facts };
        identity
    }

    #[test]
    fn dates_are_held_against_the_clock() {
        let now = jiff::Timestamp::now().as_second();
        let grade = |from, until| {
            let mut findings = Findings::default();
            clock(Some(&of(from, until)), &mut findings);
            findings.lines().iter().find(|line| line.check == "dates").unwrap().grade
        };
        assert_eq!(grade(now - DAY, now + 400 * DAY), Grade::Ok);
        assert_eq!(grade(now - DAY, now + 3 * DAY), Grade::Warning);
        assert_eq!(grade(now + DAY, now + 400 * DAY), Grade::Failed);
        assert_eq!(grade(now - 9 * DAY, now - DAY), Grade::Failed);
    }

    #[test]
    fn the_unit_is_judged_by_both_answers() {
        assert!(judge("enabled", "active").0);
        for (enabled, active, fix) in [
            ("enabled", "failed", "journalctl -u adit-agent.service"),
            ("disabled", "active", "systemctl enable adit-agent.service"),
            ("disabled", "inactive", "systemctl enable --now adit-agent.service"),
            ("not-found", "inactive", "systemctl enable --now"),
        ] {
            let (is_ok, text) = judge(enabled, active);
            assert!(!is_ok && text.contains(fix), "{text}");
        }
    }

    #[test]
    fn the_agents_user_is_looked_for_by_its_whole_name() {
        assert!(has_agent("root:x:0\nadit-agent:x:110:\n"));
        assert!(!has_agent("root:x:0\nadit-agents:x:110:\nadit:x:1\n"));
    }
}
