//! `adit ca register`.

use super::{Issuer, in_file, option, read, refused};
use crate::api::{self, Api, ApiArgs};
use crate::exit::{Failure, Result};
use crate::out;
use adit_aws::Service;
use adit_server::ids::Ids;
use adit_server::pki::authority::ca_certificate;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    issuer: Issuer,
    /// What to make for a device when it first connects: a file with `templateBody` and `roleArn`, as `aws iot
    /// register-ca-certificate --registration-config` takes it, or a template alone together with --role-arn.
    #[arg(long, value_name = "FILE", conflicts_with = "template_name")]
    template: Option<PathBuf>,
    /// The same by the name of a provisioning template of type JITP.
    #[arg(long, value_name = "NAME")]
    template_name: Option<String>,
    /// The role that provisioning acts in; only beside a --template that names none.
    #[arg(long, value_name = "ARN", requires = "template")]
    role_arn: Option<String>,
    /// Register the CA as INACTIVE: it lets no new device in until it is made ACTIVE.
    #[arg(long)]
    inactive: bool,
    /// Do not register certificates of the CA when their devices first connect.
    #[arg(long)]
    no_auto_registration: bool,
    /// Register in SNI_ONLY mode: without proof of possession of the CA's key, which is not read. Devices must then
    /// name the server in their TLS handshake.
    #[arg(long)]
    sni_only: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

pub async fn run(args: &Args) -> Result {
    let config = args.config()?;
    let api = Api::open(&args.api)?;
    let certificate = args.issuer.certificate()?;
    let say = |line: &dyn std::fmt::Display| {
        if !args.json {
            out::talk(line);
        }
    };
    let mut proof_pem = None;
    if args.sni_only {
        ca_certificate(&certificate, api::now()).map_err(|why| in_file(&args.issuer.ca, &why))?;
    } else {
        let authority = args.issuer.open()?;
        let answer = api.call(Service::Iot, "GetRegistrationCode", json!({})).await?;
        let code = text(&answer, "registrationCode")?;
        say(&format_args!("Registration code of this account and region: {code}"));
        let proof = authority.verification(&code, &Ids::Real, api::now()).map_err(refused)?;
        say(&"Signed a verification certificate with that code as its common name.");
        proof_pem = Some(proof.pem);
    }
    let input = json!({
        "caCertificate": certificate,
        "verificationCertificate": proof_pem,
        "certificateMode": args.sni_only.then_some("SNI_ONLY"),
        "registrationConfig": config,
        "allowAutoRegistration": !args.no_auto_registration,
        "setAsActive": !args.inactive,
    });
    let answer = api.call(Service::Iot, "RegisterCACertificate", input).await?;
    let (id, arn) = (text(&answer, "certificateId")?, text(&answer, "certificateArn")?);
    if args.json {
        out::json(&answer);
        return Ok(());
    }
    out::talk(format_args!("Registered the CA, {}.", args.said()));
    out::data(arn);
    out::talk(format_args!(
        "{}Next, for each device:\n  adit ca device{} DemoThing --country IN\nLook at the CA or change it:\n  \
         aws iot describe-ca-certificate --certificate-id {id}\n  \
         aws iot update-ca-certificate --certificate-id {id} --new-status INACTIVE",
        args.warning(),
        option(&args.issuer.ca)
    ));
    Ok(())
}

fn text(answer: &Value, name: &str) -> Result<String> {
    let value = answer.get(name).and_then(Value::as_str).map(str::to_owned);
    value.ok_or_else(|| Failure::failed(format!("the server's answer has no {name}: {answer}")))
}

impl Args {
    fn config(&self) -> Result<Option<Value>> {
        if let Some(name) = &self.template_name {
            return Ok(Some(json!({ "templateName": name })));
        }
        let Some(path) = &self.template else { return Ok(None) };
        let given = read(path, "name a file with a template")?;
        config_of(&given, self.role_arn.as_deref()).map(Some).map_err(|why| in_file(path, &why))
    }

    fn said(&self) -> String {
        let status = if self.inactive { "INACTIVE" } else { "ACTIVE" };
        let auto = if self.no_auto_registration { "without" } else { "with" };
        format!("{status}, {auto} registration of its devices when they first connect")
    }

    fn warning(&self) -> &'static str {
        let templated = self.template.is_some() || self.template_name.is_some();
        if templated || self.no_auto_registration {
            return "";
        }
        "No template was given: new certificates are registered as PENDING_ACTIVATION, and wait for somebody to activate \
         them and to attach a policy.\n"
    }
}

/// The registration configuration in a file, which holds it or the template alone.
fn config_of(given: &str, role: Option<&str>) -> std::result::Result<Value, String> {
    let value: Value = serde_json::from_str(given).map_err(|error| format!("not JSON: {error}"))?;
    let Some(object) = value.as_object() else {
        return Err("a template is a JSON object".to_owned());
    };
    if object.contains_key("Resources") {
        let role = role.ok_or(
            "it is a template alone; name the role that provisioning acts in with --role-arn, or put the template as \
             text into {\"templateBody\": \"…\", \"roleArn\": \"…\"}",
        )?;
        return Ok(json!({ "templateBody": given, "roleArn": role }));
    }
    let mut config = object.clone();
    let named = config.contains_key("templateName");
    match config.get("templateBody") {
        None if named => {}
        None => {
            return Err(
                "it holds neither templateBody and roleArn, nor templateName, nor Resources".to_owned()
            );
        }
        Some(Value::Object(body)) => {
            let body = Value::Object(body.clone()).to_string();
            config.insert("templateBody".to_owned(), body.into());
        }
        Some(Value::String(_)) => {}
        Some(_) => return Err("templateBody is neither text nor an object".to_owned()),
    }
    if let Some(role) = role {
        if config.contains_key("roleArn") {
            return Err("it names a roleArn already; leave out --role-arn".to_owned());
        }
        config.insert("roleArn".to_owned(), role.into());
    }
    if !named && !config.contains_key("roleArn") {
        return Err("it has no roleArn; add it, or name it with --role-arn".to_owned());
    }
    Ok(config.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/JITPRole";

    #[test]
    fn a_registration_configuration_goes_as_it_is() {
        let given = json!({ "templateBody": "{\"Resources\":{}}", "roleArn": ROLE });
        assert_eq!(config_of(&given.to_string(), None).unwrap(), given);
        let named = json!({ "templateName": "T" });
        assert_eq!(config_of(&named.to_string(), None).unwrap(), named);
    }

    #[test]
    fn a_template_alone_becomes_text_with_its_role() {
        let template = "{ \"Resources\": {} }";
        let config = config_of(template, Some(ROLE)).unwrap();
        assert_eq!(config, json!({ "templateBody": template, "roleArn": ROLE }));
        let given = json!({ "templateBody": { "Resources": {} } });
        let config = config_of(&given.to_string(), Some(ROLE)).unwrap();
        assert_eq!(config, json!({ "templateBody": "{\"Resources\":{}}", "roleArn": ROLE }));
    }

    #[test]
    fn what_is_missing_in_a_template_file_is_named() {
        for (given, role, why) in [
            ("nonsense", None, "not JSON"),
            ("[]", None, "a JSON object"),
            ("{}", None, "neither templateBody"),
            (r#"{"Resources":{}}"#, None, "--role-arn"),
            (r#"{"templateBody":"{}"}"#, None, "no roleArn"),
            (r#"{"templateBody":1,"roleArn":"r"}"#, None, "neither text nor"),
            (r#"{"templateBody":"{}","roleArn":"r"}"#, Some(ROLE), "already"),
        ] {
            let refused = config_of(given, role).unwrap_err();
            assert!(refused.contains(why), "{given}: {refused}");
        }
    }
}
