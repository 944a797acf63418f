//! The conversation in which a device that has only a claim gets a certificate of its own: AWS IoT's fleet provisioning.
//! (spec: provisioning §7)
//!
//! [`Machine`] says what to ask next and judges the answers; it knows no sockets and no files. Whoever drives it keeps
//! [`Machine::pending`] before it asks on, so that a device without power in the middle goes on with the same key and
//! the same certificate.

use std::collections::BTreeMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};

use super::{identity, x509};

/// Bytes of an answer at most: what AWS IoT lets a message have.
pub const ANSWER: usize = 128 * 1024;

/// Bytes of an ownership token at most; AWS's have several hundred.
const TOKEN: usize = 8 * 1024;

/// Certificates in an answer at most: the device's and those of its issuers.
const CHAIN: usize = 8;

/// Characters of a CN at most (X.509).
const COMMON_NAME: usize = 64;

/// Letters of a refusal that are shown.
const SHOWN: usize = 500;

const CREATE: &str = "$aws/certificates/create-from-csr/json";

/// What is done so far; it outlives a power cut.
#[derive(Clone, PartialEq, Eq)]
pub struct Pending {
    /// The device's own key, PKCS #8 in PEM.
    pub key_pem: String,
    /// The certificate for it, once there is one.
    pub issued: Option<Issued>,
}

/// A certificate that waits for its thing.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate in PEM, with those of its issuers if the server sent any.
    pub certificate_pem: String,
    /// Proof that this device asked for it. Counts for an hour.
    pub token: String,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pending(is_issued: {})", self.issued.is_some())
    }
}

impl Pending {
    /// A new ECDSA P-256 key, and nothing more; `None` without a source of chance.
    pub fn with_new_key() -> Option<Pending> {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).ok()?;
        Some(Pending { key_pem: x509::pem("PRIVATE KEY", key.as_ref()), issued: None })
    }

    /// As it is kept.
    pub fn to_text(&self) -> String {
        let (certificate, token) = match &self.issued {
            Some(issued) => (Some(&issued.certificate_pem), Some(&issued.token)),
            None => (None, None),
        };
        let value = json!({ "privateKey": self.key_pem, "certificatePem": certificate, "certificateOwnershipToken": token });
        format!("{value:#}\n")
    }

    /// Reads what [`Pending::to_text`] wrote; `None` if it is damaged.
    pub fn of_text(text: &[u8]) -> Option<Pending> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let member = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        let key_pem = member("privateKey")?;
        let public_key = public_key(&key_of(&key_pem)?)?;
        let issued = match (member("certificatePem"), member("certificateOwnershipToken")) {
            (Some(pem), Some(token)) => {
                Some(Issued { certificate_pem: certificates(&pem, &public_key)?, token })
            }
            _ => None,
        };
        Some(Pending { key_pem, issued })
    }
}

fn key_of(pem: &str) -> Option<EcdsaKeyPair> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok()?;
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.secret_pkcs8_der()).ok()
}

fn public_key(key: &EcdsaKeyPair) -> Option<Vec<u8>> {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::signature::KeyPair as _;
    Some(key.public_key().as_der().ok()?.as_ref().to_vec())
}

/// The certificates in a text, written anew, if the first of them is for this key.
fn certificates(pem: &str, public_key: &[u8]) -> Option<String> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).take(CHAIN).collect::<Result<_, _>>().ok()?;
    (x509::read(chain.first()?)?.public_key == public_key)
        .then(|| chain.iter().map(|certificate| x509::pem("CERTIFICATE", certificate)).collect())
}

/// A message for the server. The answer comes on its topic and `/accepted` or `/rejected`.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    /// Where to.
    pub topic: String,
    /// JSON. Holds an ownership token, perhaps: not for a log.
    pub payload: String,
}

/// What an answer led to.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// Not an answer to the question asked.
    Ignored,
    /// A certificate came: keep [`Machine::pending`], then ask on.
    Issued,
    /// The token does not count any more, the key does: keep [`Machine::pending`], then ask for a new certificate.
    Over,
    /// The device is provisioned.
    Done(Provisioned),
    /// The server said no.
    Refused(Refusal),
    /// The answer is none that can be used; what is wrong with it.
    Malformed(&'static str),
}

/// What the device is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Provisioned {
    /// Its thing; a template may make none.
    pub thing_name: Option<String>,
    /// What the template has for the device's other programs.
    pub configuration: Option<Value>,
}

/// The server's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `errorCode`.
    pub code: String,
    /// `errorMessage`.
    pub message: String,
    /// Whether trying again without anybody's doing may help.
    pub is_passing: bool,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Refusal {
    /// What to do about it.
    pub fn advice(&self, template: &str) -> String {
        match self.code.as_str() {
            "InvalidTemplate" => format!(
                "see `template` in [provisioning], and: aws iot describe-provisioning-template --template-name {template} \
                 (enabled must be true: aws iot update-provisioning-template --template-name {template} --enabled)"
            ),
            "InvalidParameters" => {
                "give the parameter a value under [provisioning.parameters], or a Default in the template"
                    .to_owned()
            }
            "ProvisioningFailed" => format!(
                "what the template {template} wants is in the way of what is there, or misses something; \
                 on the server `adit why` and `adit provisioning --failed` say more"
            ),
            "AccessDenied" => format!(
                "the hook of {template} said no to this device, or the template's role may not do a step"
            ),
            "InvocationError" | "InvalidResult" => {
                format!("the hook of {template} does not work; see the server's log")
            }
            "InvalidCertificateSigningRequest" => {
                "the server does not take the device's key: it must allow ECDSA P-256".to_owned()
            }
            "InvalidPayload" => {
                "the server does not understand the request; update the agent or the server".to_owned()
            }
            _ => "see the server's log".to_owned(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Certificate,
    Thing,
    Done,
}

/// The conversation.
pub struct Machine {
    template: String,
    parameters: BTreeMap<String, String>,
    pending: Pending,
    request: String,
    public_key: Vec<u8>,
    stage: Stage,
}

impl Machine {
    /// Begins, or goes on where `pending` was left. `None` if its key cannot be used.
    pub fn new(template: &str, parameters: BTreeMap<String, String>, pending: Pending) -> Option<Machine> {
        let key = key_of(&pending.key_pem)?;
        let name = parameters.get("SerialNumber").map_or("adit-agent", String::as_str);
        let name: String = name.chars().take(COMMON_NAME).collect();
        Some(Machine {
            template: template.to_owned(),
            parameters,
            request: x509::request(&key, &name)?,
            public_key: public_key(&key)?,
            stage: if pending.issued.is_some() { Stage::Thing } else { Stage::Certificate },
            pending,
        })
    }

    /// What to keep until the device is provisioned.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// The filters to subscribe to before the first question.
    pub fn filters(&self) -> Vec<String> {
        [CREATE.to_owned(), self.provision_topic()]
            .iter()
            .flat_map(|topic| [format!("{topic}/accepted"), format!("{topic}/rejected")])
            .collect()
    }

    fn provision_topic(&self) -> String {
        format!("$aws/provisioning-templates/{}/provision/json", self.template)
    }

    /// What to ask now; `None` when all is said.
    pub fn question(&self) -> Option<Question> {
        match (self.stage, &self.pending.issued) {
            (Stage::Certificate, _) => {
                let payload = json!({ "certificateSigningRequest": self.request }).to_string();
                Some(Question { topic: CREATE.to_owned(), payload })
            }
            (Stage::Thing, Some(issued)) => {
                let payload =
                    json!({ "certificateOwnershipToken": issued.token, "parameters": self.parameters })
                        .to_string();
                Some(Question { topic: self.provision_topic(), payload })
            }
            _ => None,
        }
    }

    /// Takes a message of the server.
    pub fn answer(&mut self, topic: &str, payload: &[u8]) -> Outcome {
        let asked = match self.stage {
            Stage::Certificate => CREATE.to_owned(),
            Stage::Thing => self.provision_topic(),
            Stage::Done => return Outcome::Ignored,
        };
        let is_accepted = match topic.strip_prefix(&asked) {
            Some("/accepted") => true,
            Some("/rejected") => false,
            _ => return Outcome::Ignored,
        };
        if payload.len() > ANSWER {
            return Outcome::Malformed("longer than a message of AWS IoT");
        }
        let Ok(answer @ Value::Object(_)) = serde_json::from_slice::<Value>(payload) else {
            return Outcome::Malformed("not a JSON object");
        };
        match (is_accepted, self.stage) {
            (false, _) => self.refused(&answer),
            (true, Stage::Certificate) => self.issued(&answer),
            (true, _) => self.registered(&answer),
        }
    }

    fn issued(&mut self, answer: &Value) -> Outcome {
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let Some(pem) = text("certificatePem") else { return Outcome::Malformed("no certificatePem") };
        let Some(token) = text("certificateOwnershipToken").filter(|token| !token.is_empty()) else {
            return Outcome::Malformed("no certificateOwnershipToken");
        };
        if token.len() > TOKEN {
            return Outcome::Malformed("a certificateOwnershipToken that is too long");
        }
        let Some(certificate_pem) = certificates(pem, &self.public_key) else {
            return Outcome::Malformed("a certificate that is damaged or of another key");
        };
        self.pending.issued = Some(Issued { certificate_pem, token: token.to_owned() });
        self.stage = Stage::Thing;
        Outcome::Issued
    }

    fn registered(&mut self, answer: &Value) -> Outcome {
        let thing_name = match answer.get("thingName") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) if identity::is_thing_name(name) => Some(name.clone()),
            Some(_) => return Outcome::Malformed("a thingName that is none"),
        };
        let configuration = match answer.get("deviceConfiguration") {
            None | Some(Value::Null) => None,
            Some(object @ Value::Object(_)) => Some(object.clone()),
            Some(_) => return Outcome::Malformed("a deviceConfiguration that is no object"),
        };
        self.stage = Stage::Done;
        Outcome::Done(Provisioned { thing_name, configuration })
    }

    fn refused(&mut self, answer: &Value) -> Outcome {
        let text = |name: &str| -> String {
            let text = answer.get(name).and_then(Value::as_str).unwrap_or("no reason given");
            text.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect()
        };
        let (code, message) = (text("errorCode"), text("errorMessage"));
        if code == "InvalidCertificateOwnershipToken" && self.stage == Stage::Thing {
            self.pending.issued = None;
            self.stage = Stage::Certificate;
            return Outcome::Over;
        }
        let status = answer.get("statusCode").and_then(Value::as_i64).unwrap_or(0);
        let is_passing = status >= 500 || matches!(code.as_str(), "InvocationError" | "InternalFailure");
        Outcome::Refused(Refusal { code, message, is_passing })
    }

    /// The identity file of a device that is [`Outcome::Done`].
    pub fn identity(&self, provisioned: &Provisioned) -> Option<String> {
        let issued = self.pending.issued.as_ref()?;
        Some(identity::text_of(
            provisioned.thing_name.as_deref(),
            &self.pending.key_pem,
            &issued.certificate_pem,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVISION: &str = "$aws/provisioning-templates/sensors/provision/json";

    fn machine(pending: Pending) -> Machine {
        let parameters = BTreeMap::from([("SerialNumber".to_owned(), "7".to_owned())]);
        Machine::new("sensors", parameters, pending).unwrap()
    }

    /// Signs the request of a question as a server does; the answer.
    fn certify(question: &Question) -> Value {
        let asked: Value = serde_json::from_str(&question.payload).unwrap();
        let csr = asked["certificateSigningRequest"].as_str().unwrap();
        let csr = rcgen::CertificateSigningRequestParams::from_pem(csr).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::Issuer::from_params(&csr.params, &key);
        let pem = csr.signed_by(&issuer).unwrap().pem();
        json!({"certificateId": "1", "certificatePem": pem, "certificateOwnershipToken": "proof"})
    }

    fn say(machine: &mut Machine, topic: &str, value: &Value) -> Outcome {
        machine.answer(topic, value.to_string().as_bytes())
    }

    fn accepted(topic: &str) -> String {
        format!("{topic}/accepted")
    }

    #[test]
    fn a_claim_becomes_a_certificate_and_a_thing() {
        let mut machine = machine(Pending::with_new_key().unwrap());
        let filters = machine.filters();
        assert_eq!(filters.len(), 4);
        assert!(filters.contains(&format!("{PROVISION}/rejected")));
        let question = machine.question().unwrap();
        assert_eq!(question.topic, CREATE);
        assert_eq!(say(&mut machine, &accepted(CREATE), &certify(&question)), Outcome::Issued);
        let question = machine.question().unwrap();
        assert_eq!(question.topic, PROVISION);
        assert_eq!(
            serde_json::from_str::<Value>(&question.payload).unwrap(),
            json!({"certificateOwnershipToken": "proof", "parameters": {"SerialNumber": "7"}})
        );
        let answer = json!({"thingName": "sensor-7", "deviceConfiguration": {"url": "https://x"}});
        let Outcome::Done(done) = say(&mut machine, &accepted(PROVISION), &answer) else { panic!() };
        assert_eq!(done.configuration, Some(json!({"url": "https://x"})));
        assert_eq!(machine.question(), None);
        let dir = tempfile::tempdir().unwrap();
        let file = identity::file_of(dir.path());
        std::fs::write(&file, machine.identity(&done).unwrap()).unwrap();
        assert_eq!(identity::read(&file, &file).unwrap().name(), Some("sensor-7"));
    }

    #[test]
    fn a_power_cut_loses_neither_key_nor_certificate() {
        let mut first = machine(Pending::with_new_key().unwrap());
        let mut again = machine(Pending::of_text(first.pending().to_text().as_bytes()).unwrap());
        assert!(again.pending() == first.pending(), "the same key");
        assert_eq!(again.question().unwrap().topic, CREATE);
        let answer = certify(&first.question().unwrap());
        // The answer to the first request fits the second: it is the same key.
        assert_eq!(say(&mut again, &accepted(CREATE), &answer), Outcome::Issued);
        assert_eq!(say(&mut first, &accepted(CREATE), &answer), Outcome::Issued);
        let after = machine(Pending::of_text(again.pending().to_text().as_bytes()).unwrap());
        assert_eq!(after.question(), first.question());
        assert_eq!(after.question().unwrap().topic, PROVISION);
    }

    #[test]
    fn damaged_notes_are_not_gone_on_from() {
        let pending = Pending::with_new_key().unwrap();
        let text = pending.to_text();
        assert!(Pending::of_text(text.as_bytes()).is_some());
        for bad in ["", "{}", "[]", &text[..text.len() / 2], r#"{"privateKey":"x"}"#] {
            assert!(Pending::of_text(bad.as_bytes()).is_none(), "{bad}");
        }
        let foreign = Issued { certificate_pem: "none".into(), token: "t".into() };
        let text = Pending { issued: Some(foreign), ..pending }.to_text();
        assert!(Pending::of_text(text.as_bytes()).is_none());
    }

    #[test]
    fn a_token_that_is_over_leads_to_a_new_certificate_for_the_same_key() {
        let mut machine = machine(Pending::with_new_key().unwrap());
        let key = machine.pending().key_pem.clone();
        let answer = certify(&machine.question().unwrap());
        say(&mut machine, &accepted(CREATE), &answer);
        let no = json!({"statusCode": 400, "errorCode": "InvalidCertificateOwnershipToken", "errorMessage": "over"});
        assert_eq!(say(&mut machine, &format!("{PROVISION}/rejected"), &no), Outcome::Over);
        assert_eq!(machine.question().unwrap().topic, CREATE);
        assert!(machine.pending().key_pem == key && machine.pending().issued.is_none());
    }

    #[test]
    fn a_refusal_is_shown_with_what_to_do() {
        let mut machine = machine(Pending::with_new_key().unwrap());
        let topic = format!("{CREATE}/rejected");
        let mut no = |code: &str, status: i64| {
            let value = json!({"statusCode": status, "errorCode": code, "errorMessage": "the\nreason"});
            let Outcome::Refused(refusal) = say(&mut machine, &topic, &value) else { panic!() };
            refusal
        };
        let refusal = no("InvalidTemplate", 400);
        assert_eq!(refusal.to_string(), "InvalidTemplate: thereason");
        assert!(refusal.advice("sensors").contains("--template-name sensors"));
        assert!(!refusal.is_passing);
        assert!(no("InternalFailure", 500).is_passing);
        assert!(no("InvocationError", 400).is_passing);
        assert!(no("InvalidParameters", 400).advice("t").contains("[provisioning.parameters]"));
    }

    #[test]
    fn answers_that_are_none_change_nothing() {
        let mut machine = machine(Pending::with_new_key().unwrap());
        let good = certify(&machine.question().unwrap());
        assert_eq!(say(&mut machine, &accepted(PROVISION), &good), Outcome::Ignored);
        assert_eq!(say(&mut machine, CREATE, &good), Outcome::Ignored);
        let topic = accepted(CREATE);
        let with = |name: &str, value: Value| {
            let mut changed = good.clone();
            changed[name] = value;
            changed
        };
        let other = certify(
            &super::Machine::new("t", BTreeMap::new(), Pending::with_new_key().unwrap())
                .unwrap()
                .question()
                .unwrap(),
        );
        for bad in [
            json!([]),
            with("certificatePem", json!(null)),
            with("certificatePem", json!("no")),
            with("certificatePem", other["certificatePem"].clone()),
            with("certificateOwnershipToken", json!("")),
            with("certificateOwnershipToken", json!(7)),
            with("certificateOwnershipToken", json!("t".repeat(TOKEN + 1))),
        ] {
            assert!(matches!(say(&mut machine, &topic, &bad), Outcome::Malformed(_)), "{bad}");
        }
        assert!(matches!(machine.answer(&topic, &vec![b' '; ANSWER + 1]), Outcome::Malformed(_)));
        assert_eq!(say(&mut machine, &topic, &good), Outcome::Issued);
        let topic = accepted(PROVISION);
        for bad in [json!({"thingName": "a b"}), json!({"thingName": 7}), json!({"deviceConfiguration": "x"})]
        {
            assert!(matches!(say(&mut machine, &topic, &bad), Outcome::Malformed(_)), "{bad}");
        }
        assert!(matches!(say(&mut machine, &topic, &json!({})), Outcome::Done(_)));
    }
}
