//! `adit agent doctor`: everything the agent needs, looked at in the order in which it needs it, each with the fix.

mod network;
mod place;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use network::Network;

use super::clock::Clock;
use super::config::{Config, Problem};
use super::first;
use super::identity::{self, Identity};
use crate::log::Log;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As it should be.
    Ok,
    /// Worth a look; the agent works all the same.
    Warning,
    /// The agent does not work, or not fully.
    Failed,
}

impl Grade {
    /// The word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Grade::Ok => "ok",
            Grade::Warning => "warning",
            Grade::Failed => "failed",
        }
    }
}

/// One line of the doctor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it came out.
    pub grade: Grade,
    /// What was looked at.
    pub check: &'static str,
    /// What was found, and what to do about it.
    pub text: String,
}

/// The lines so far.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, grade: Grade, check: &'static str, text: impl Into<String>) {
        self.0.push(Finding { grade, check, text: text.into() });
    }

    fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(Grade::Ok, check, text);
    }

    fn warning(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(Grade::Warning, check, text);
    }

    fn failed(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(Grade::Failed, check, text);
    }

    /// All lines, in order.
    pub fn lines(&self) -> &[Finding] {
        &self.0
    }

    /// How many checks failed.
    pub fn failures(&self) -> usize {
        self.0.iter().filter(|finding| finding.grade == Grade::Failed).count()
    }

    /// `{"ok": …, "checks": [{"check", "grade", "text"}, …]}`
    pub fn to_json(&self) -> Value {
        let checks: Vec<Value> = self
            .0
            .iter()
            .map(|finding| json!({ "check": finding.check, "grade": finding.grade.word(), "text": finding.text }))
            .collect();
        json!({ "ok": self.failures() == 0, "checks": checks })
    }
}

/// Looks at everything. `loaded` is the configuration of `file`, as the agent reads it.
pub async fn examine(file: &Path, loaded: &Result<Config, Vec<Problem>>, log: Log) -> Findings {
    let mut findings = Findings::default();
    let config = match loaded {
        Ok(config) => config,
        Err(problems) => {
            for problem in problems {
                findings.failed(
                    "configuration",
                    format!("{problem}; `adit agent default-config` prints a file with every key"),
                );
            }
            return findings;
        }
    };
    findings.ok("configuration", format!("{}, endpoint {}", file.display(), config.endpoint));
    place::user(&mut findings);
    place::ca(config, &mut findings);
    let identity = who(config, &mut findings);
    place::clock(identity.as_ref(), &mut findings);
    place::state(config, &mut findings);
    let clock = Arc::new(Clock::new(&config.state_dir));
    clock.raise(identity.as_ref().map_or(0, |identity| identity.facts.not_before));
    let network = Network { config, clock, log };
    network.gateway(identity.as_ref(), &mut findings).await;
    network.tunnels(&mut findings).await;
    network::services(config, &mut findings).await;
    place::unit(&mut findings);
    findings
}

/// The identity the agent would use, or the claim, without changing anything on disk.
fn who(config: &Config, findings: &mut Findings) -> Option<Identity> {
    let kept = identity::file_of(&config.state_dir);
    let own = config.certificate_file.as_deref().zip(config.private_key_file.as_deref());
    let (certificate, key) = own.unwrap_or((&kept, &kept));
    let has_claim = config.provisioning.template.is_some();
    match identity::read(certificate, key) {
        Ok(identity) => {
            let id = identity.certificate_id();
            let name = config.thing_name.as_deref().or(identity.name()).unwrap_or_default();
            findings.ok("certificate", format!("{} of thing {name:?}, id {id}", certificate.display()));
            place::rights(&[certificate, key], findings);
            if !identity::is_thing_name(name) {
                let text =
                    "the certificate does not name the thing (CN): set thing-name in the configuration";
                findings.failed("thing", text);
            }
            Some(identity)
        }
        Err(why) if has_claim && why.is_missing && own.is_none() => claim(config, findings),
        Err(why) if has_claim => {
            findings.warning("certificate", format!("{why}; the agent will begin again with its claim"));
            claim(config, findings)
        }
        Err(why) if own.is_none() && why.is_missing => {
            let text = "none: set certificate-file and private-key-file, or [provisioning] with a claim";
            findings.failed("certificate", text);
            None
        }
        Err(why) => {
            findings.failed("certificate", format!("{why}: put the device's own file there"));
            None
        }
    }
}

fn claim(config: &Config, findings: &mut Findings) -> Option<Identity> {
    let template = config.provisioning.template.as_deref().unwrap_or_default();
    let environment = |name: &str| std::env::var(name).ok();
    match super::parameter::resolve(&config.provisioning.parameters, &environment) {
        Ok(values) if values.is_empty() => {
            findings.ok("provisioning", format!("template {template}, without parameters"));
        }
        Ok(values) => {
            let names: Vec<&str> = values.keys().map(String::as_str).collect();
            findings.ok("provisioning", format!("template {template}, parameters {}", names.join(", ")));
        }
        Err(why) => findings.failed("provisioning", why),
    }
    match first::claim_of(&config.provisioning) {
        Ok(claim) => {
            let id = claim.certificate_id();
            findings.ok("certificate", format!("none yet; the claim is {}, id {id}", claim.file.display()));
            let key = config.provisioning.claim_private_key_file.as_deref();
            place::rights(&[&claim.file, key.unwrap_or(&claim.file)], findings);
            Some(claim)
        }
        Err(why) => {
            findings.failed("certificate", format!("none yet, and {why}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_is_enough_and_a_warning_is_none() {
        let mut findings = Findings::default();
        findings.ok("a", "fine");
        findings.warning("b", "look");
        assert_eq!(findings.to_json()["ok"], true);
        findings.failed("c", "mend");
        assert_eq!((findings.failures(), findings.to_json()["ok"].as_bool()), (1, Some(false)));
        assert_eq!(findings.to_json()["checks"][2], json!({"check": "c", "grade": "failed", "text": "mend"}));
    }
}
