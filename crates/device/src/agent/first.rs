//! The first start: the identity that is there, or a new one by a claim.
//!
//! A device without an identity connects with its claim, and is then who the server says. It tries until that works;
//! what it has reached is in the state folder, so that a power cut costs nothing and leaves nothing behind at the
//! server. (spec: provisioning §7)

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout_at};

use super::config::{Config, Provisioning};
use super::identity::{self, Broken as BrokenFile, Identity, Kept};
use super::provision::{Machine, Outcome, Pending, Provisioned};
use super::{keep, parameter};
use crate::backoff::{Backoff, chance};
use crate::log::Log;
use crate::mqtt::{Broken, Event, Link, QoS, message};

/// Time for an answer; a hook may take five seconds of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits after what passes by itself: no network, a server that starts.
const PASSING: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// Waits after what somebody has to mend.
const LASTING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15 * 60));

/// Requests for a certificate in one connection at most: one more than a token that is over costs.
const ROUNDS: usize = 3;

/// Why a try to provision the device came to nothing.
#[derive(Debug)]
pub struct Trouble {
    /// What happened, and what to do.
    pub text: String,
    /// Whether it may pass without anybody's doing.
    pub is_passing: bool,
}

impl Trouble {
    /// Something that somebody has to mend.
    pub fn lasting(text: impl fmt::Display) -> Trouble {
        Trouble { text: text.to_string(), is_passing: false }
    }

    /// Something that may pass.
    pub fn passing(text: impl fmt::Display) -> Trouble {
        Trouble { text: text.to_string(), is_passing: true }
    }
}

/// Whether the device has an identity.
#[derive(Debug)]
pub enum Found {
    /// Yes.
    Identity(Box<Identity>),
    /// No, but a claim for one.
    Claim,
}

/// The identity of the configuration or of the state folder. When it is broken and there is a claim, the log says
/// which file and why, and the device begins again with the claim; no key is ever deleted.
///
/// # Errors
/// There is no identity that can be used and no claim; the text says which file is wrong and why.
pub fn find(config: &Config, log: Log) -> Result<Found, String> {
    let has_claim = config.provisioning.template.is_some();
    if let (Some(certificate), Some(key)) = (&config.certificate_file, &config.private_key_file) {
        match identity::read(certificate, key) {
            Ok(identity) => return Ok(Found::Identity(Box::new(identity))),
            Err(why) if !has_claim => return Err(why.to_string()),
            Err(why) => log.error(format_args!("{why}; going on with the claim")),
        }
    }
    match identity::kept(&config.state_dir) {
        Ok(Kept::Whole(identity)) => {
            if let Err(error) = keep::remove(&pending_file(&config.state_dir)) {
                log.warning(error);
            }
            Ok(Found::Identity(identity))
        }
        Ok(Kept::None) if has_claim => Ok(Found::Claim),
        Ok(Kept::None) => Err(none(config)),
        Ok(Kept::Broken { why, aside }) => {
            let aside = match aside {
                Ok(path) => format!("it is now {}", path.display()),
                Err(error) => error.to_string(),
            };
            log.error(format_args!("{why}; {aside}"));
            if has_claim { Ok(Found::Claim) } else { Err(format!("{why}; {aside}. {}", none(config))) }
        }
        Err(why) => Err(why.to_string()),
    }
}

fn none(config: &Config) -> String {
    format!(
        "this device has no certificate: set certificate-file and private-key-file, or [provisioning] with a claim \
         (there is no {})",
        identity::file_of(&config.state_dir).display()
    )
}

fn pending_file(state_dir: &Path) -> PathBuf {
    state_dir.join("first-start.json")
}

/// Where the device's other programs find what the template has for them.
pub fn configuration_file(state_dir: &Path) -> PathBuf {
    state_dir.join("device-configuration.json")
}

/// Gets an identity with the claim, trying until that works. `connect` opens a connection with an identity and a
/// client id.
pub async fn claim<S, C>(config: &Config, log: Log, connect: C) -> Identity
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: AsyncFn(&Identity, &str) -> Result<Link<S>, Trouble>,
{
    let mut passing = Backoff::new(PASSING.0, Some(PASSING.1));
    let mut lasting = Backoff::new(LASTING.0, Some(LASTING.1));
    log.info("first start: asking for a certificate with the claim");
    loop {
        let wait = match attempt(config, log, &connect).await {
            Ok(identity) => return identity,
            Err(Trouble { text, is_passing }) => {
                let wait = if is_passing { passing.next(chance()) } else { lasting.next(chance()) };
                log.error(format_args!("not provisioned: {text}; next try in {} s", wait.as_secs()));
                wait
            }
        };
        sleep(wait).await;
    }
}

async fn attempt<S, C>(config: &Config, log: Log, connect: &C) -> Result<Identity, Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: AsyncFn(&Identity, &str) -> Result<Link<S>, Trouble>,
{
    let settings = &config.provisioning;
    let template = settings.template.as_deref().unwrap_or_default();
    let claim = claim_of(settings).map_err(Trouble::lasting)?;
    let environment = |name: &str| std::env::var(name).ok();
    let parameters = parameter::resolve(&settings.parameters, &environment).map_err(Trouble::lasting)?;
    let pending = begun(&config.state_dir, log)?;
    let mut machine = Machine::new(template, parameters, pending)
        .ok_or_else(|| Trouble::lasting("the key in first-start.json cannot be used; move the file away"))?;
    let client_id = config.client_id.clone().unwrap_or_else(|| format!("adit-agent-{:016x}", chance()));
    let mut link = connect(&claim, &client_id).await?;
    let done = converse(&mut link, &mut machine, config, log).await;
    let identity = done.and_then(|done| finish(&config.state_dir, &machine, &done, log));
    link.disconnect().await;
    identity
}

/// The claim of the configuration.
///
/// # Errors
/// What is wrong with its files.
pub fn claim_of(settings: &Provisioning) -> Result<Identity, String> {
    match (&settings.claim_certificate_file, &settings.claim_private_key_file) {
        (Some(certificate), Some(key)) => {
            identity::read(certificate, key).map_err(|why: BrokenFile| format!("the claim: {why}"))
        }
        _ => Err("provisioning.claim-certificate-file and provisioning.claim-private-key-file are not set"
            .to_owned()),
    }
}

/// What was begun before, or a new key, which is on disk before anybody hears of it.
fn begun(state_dir: &Path, log: Log) -> Result<Pending, Trouble> {
    let file = pending_file(state_dir);
    match std::fs::read(&file) {
        Ok(text) => {
            if let Some(pending) = Pending::of_text(&text) {
                return Ok(pending);
            }
            let aside = keep::set_aside(&file).map_err(Trouble::lasting)?;
            log.warning(format_args!("{} is damaged; it is now {}", file.display(), aside.display()));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Trouble::lasting(format_args!("{}: {error}", file.display()))),
    }
    let pending =
        Pending::with_new_key().ok_or_else(|| Trouble::passing("the system gives no random numbers"))?;
    store(state_dir, &pending)?;
    Ok(pending)
}

fn store(state_dir: &Path, pending: &Pending) -> Result<(), Trouble> {
    keep::write(&pending_file(state_dir), pending.to_text().as_bytes()).map_err(|error| {
        Trouble::lasting(format_args!(
            "{error}; a first start needs a state-dir that can be written, or every start would make a new certificate"
        ))
    })
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    link: &mut Link<S>,
    machine: &mut Machine,
    config: &Config,
    log: Log,
) -> Result<Provisioned, Trouble> {
    let template = config.provisioning.template.as_deref().unwrap_or_default();
    subscribe(link, machine).await?;
    let mut rounds = 0;
    while let Some(question) = machine.question() {
        rounds += 1;
        if rounds > ROUNDS {
            return Err(Trouble::passing("the server takes no token of its own"));
        }
        let ask = message(&question.topic, question.payload.as_bytes(), QoS::AtLeastOnce);
        let reason =
            link.publish(ask).await.map_err(|broken| lost(&broken, "iot:Publish", &question.topic))?;
        if reason.is_error() {
            return Err(denied("iot:Publish", "topic", &question.topic));
        }
        match answer(link, machine).await? {
            Outcome::Issued => {
                log.info("the server issued a certificate");
                store(&config.state_dir, machine.pending())?;
            }
            Outcome::Over => {
                log.warning("the certificate asked for before is over; asking for another one");
                store(&config.state_dir, machine.pending())?;
            }
            Outcome::Done(provisioned) => return Ok(provisioned),
            Outcome::Refused(refusal) => {
                let text = format!("{refusal}; {}", refusal.advice(template));
                return Err(Trouble { text, is_passing: refusal.is_passing });
            }
            Outcome::Malformed(what) => {
                return Err(Trouble::lasting(format_args!(
                    "the server's answer on {} has {what}",
                    question.topic
                )));
            }
            Outcome::Ignored => {}
        }
    }
    Err(Trouble::passing("the conversation ended without a certificate"))
}

async fn subscribe<S: AsyncRead + AsyncWrite + Unpin>(
    link: &mut Link<S>,
    machine: &Machine,
) -> Result<(), Trouble> {
    let filters = machine.filters();
    let wishes: Vec<_> = filters.iter().map(|filter| (filter.as_str(), QoS::AtLeastOnce)).collect();
    let first = filters.first().map(String::as_str).unwrap_or_default();
    let reasons = link.subscribe(&wishes).await.map_err(|broken| lost(&broken, "iot:Subscribe", first))?;
    match filters.iter().zip(&reasons).find(|(_, reason)| reason.is_error()) {
        Some((filter, _)) => Err(denied("iot:Subscribe", "topicfilter", filter)),
        None => Ok(()),
    }
}

/// Waits for the answer to what was asked.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    link: &mut Link<S>,
    machine: &mut Machine,
) -> Result<Outcome, Trouble> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let event = match timeout_at(deadline, link.next()).await {
            Ok(Ok(event)) => event,
            Ok(Err(broken)) => return Err(Trouble::passing(broken)),
            Err(_) => {
                return Err(Trouble::passing(format_args!(
                    "no answer within {} s; the claim's policy must allow iot:Receive on the topics of the answers",
                    PATIENCE.as_secs()
                )));
            }
        };
        if let Event::Message(received) = event {
            match machine.answer(&received.message.topic, &received.message.payload) {
                Outcome::Ignored => {}
                outcome => return Ok(outcome),
            }
        }
    }
}

fn denied(action: &str, kind: &str, name: &str) -> Trouble {
    Trouble::lasting(format_args!(
        "the policy of the claim certificate does not allow {action} on {kind}/{name}"
    ))
}

/// A server that closes the connection instead of answering has denied something, perhaps.
fn lost(broken: &Broken, action: &str, name: &str) -> Trouble {
    match broken {
        Broken::Closed => Trouble::lasting(format_args!(
            "{broken}: the policy of the claim certificate may not allow {action} on {name}, or the claim is over"
        )),
        _ => Trouble::passing(broken),
    }
}

/// Writes what the device is now. The identity comes last but for the notes it makes needless.
fn finish(
    state_dir: &Path,
    machine: &Machine,
    provisioned: &Provisioned,
    log: Log,
) -> Result<Identity, Trouble> {
    if let Some(configuration) = &provisioned.configuration {
        let text = format!("{configuration:#}\n");
        keep::write(&configuration_file(state_dir), text.as_bytes()).map_err(Trouble::lasting)?;
    }
    let text = machine.identity(provisioned).ok_or_else(|| Trouble::passing("there is no certificate"))?;
    let file = identity::file_of(state_dir);
    keep::write(&file, text.as_bytes()).map_err(Trouble::lasting)?;
    let identity = identity::read(&file, &file).map_err(Trouble::lasting)?;
    if let Err(error) = keep::remove(&pending_file(state_dir)) {
        log.warning(error);
    }
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::super::x509;
    use super::*;
    use std::fs;

    const LOG: fn() -> Log = || Log::new(0);

    struct Disk {
        dir: tempfile::TempDir,
        certificate: String,
        key: String,
    }

    impl Disk {
        fn new() -> Disk {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
            let certificate = params.self_signed(&key).unwrap().pem();
            Disk { dir: tempfile::tempdir().unwrap(), certificate, key: key.serialize_pem() }
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        }

        fn config(&self, has_claim: bool, files: Option<(&Path, &Path)>) -> Config {
            let mut vars =
                vec![("ENDPOINT", "a".to_owned()), ("STATE_DIR", self.dir.path().display().to_string())];
            if let Some((certificate, key)) = files {
                vars.push(("CERTIFICATE_FILE", certificate.display().to_string()));
                vars.push(("PRIVATE_KEY_FILE", key.display().to_string()));
            }
            if has_claim {
                vars.push(("PROVISIONING__TEMPLATE", "t".to_owned()));
                vars.push(("PROVISIONING__CLAIM_CERTIFICATE_FILE", "/c".to_owned()));
                vars.push(("PROVISIONING__CLAIM_PRIVATE_KEY_FILE", "/k".to_owned()));
            }
            Config::load(None, vars.into_iter().map(|(name, value)| (format!("ADIT_AGENT__{name}"), value)))
                .unwrap()
        }
    }

    fn file_of(found: Result<Found, String>) -> PathBuf {
        match found.unwrap() {
            Found::Identity(identity) => identity.file.clone(),
            Found::Claim => panic!("there is an identity"),
        }
    }

    #[test]
    fn the_configured_identity_goes_before_the_kept_one_and_that_before_the_claim() {
        let disk = Disk::new();
        assert!(matches!(find(&disk.config(true, None), LOG()), Ok(Found::Claim)));
        let kept = disk.write("identity.pem", &identity::text_of(None, &disk.key, &disk.certificate));
        assert_eq!(file_of(find(&disk.config(true, None), LOG())), kept);
        let own = disk.write("own.pem", &format!("{}{}", disk.key, disk.certificate));
        assert_eq!(file_of(find(&disk.config(true, Some((&own, &own))), LOG())), own);
        let broken = disk.write("broken.pem", "x");
        assert_eq!(file_of(find(&disk.config(true, Some((&broken, &broken))), LOG())), kept);
        let error = find(&disk.config(false, Some((&broken, &broken))), LOG()).unwrap_err();
        assert!(error.starts_with(&broken.display().to_string()), "{error}");
    }

    #[test]
    fn without_identity_and_claim_the_device_says_what_it_needs() {
        let disk = Disk::new();
        let error = find(&disk.config(false, None), LOG()).unwrap_err();
        assert!(error.contains("certificate-file") && error.contains("[provisioning]"), "{error}");
        let kept = disk.write("identity.pem", "half");
        let error = find(&disk.config(false, None), LOG()).unwrap_err();
        assert!(error.contains("broken-1") && !kept.exists(), "{error}");
    }

    #[test]
    fn notes_of_the_first_start_go_when_the_identity_is_there() {
        let disk = Disk::new();
        let notes = disk.write("first-start.json", "{}");
        assert!(matches!(find(&disk.config(true, None), LOG()), Ok(Found::Claim)));
        assert!(notes.exists());
        disk.write("identity.pem", &identity::text_of(None, &disk.key, &disk.certificate));
        file_of(find(&disk.config(true, None), LOG()));
        assert!(!notes.exists());
    }

    #[test]
    fn the_key_is_kept_before_it_is_used_and_used_again() {
        let disk = Disk::new();
        let first = begun(disk.dir.path(), LOG()).unwrap();
        assert!(begun(disk.dir.path(), LOG()).unwrap() == first);
        let file = disk.write("first-start.json", "damaged");
        let second = begun(disk.dir.path(), LOG()).unwrap();
        assert!(second != first && file.exists());
        assert_eq!(fs::read_to_string(disk.dir.path().join("first-start.json.broken-1")).unwrap(), "damaged");
        let trouble = begun(Path::new("/proc/nothing"), LOG()).unwrap_err();
        assert!(!trouble.is_passing && trouble.text.contains("state-dir"), "{}", trouble.text);
    }

    #[test]
    fn an_identity_with_an_unreadable_certificate_is_not_taken() {
        let disk = Disk::new();
        let wrong = x509::pem("CERTIFICATE", b"no certificate");
        disk.write("identity.pem", &identity::text_of(None, &disk.key, &wrong));
        assert!(matches!(find(&disk.config(true, None), LOG()), Ok(Found::Claim)));
    }
}
