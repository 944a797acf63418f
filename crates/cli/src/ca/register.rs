//! `adit ca register`.

use super::{Issuer, in_file, option, read, refused};
use crate::data_dir::{Key, nearby};
use crate::exit::{Failure, Result};
use crate::{client, out};
use adit_server::ids::Ids;
use adit_server::nearby::Nearby;
use adit_server::pki::authority::ca_certificate;
use hyper::Method;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    issuer: Issuer,
    #[command(flatten)]
    server: Server,
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
}

/// Where the server is. Without an option: the folder in ADIT_DATA_DIR, else the URL in AWS_ENDPOINT_URL_IOT or
/// AWS_ENDPOINT_URL, else the folder ./data.
#[derive(clap::Args)]
struct Server {
    /// Data folder of a server on this machine.
    #[arg(long, value_name = "FOLDER", conflicts_with = "endpoint_url")]
    data_dir: Option<PathBuf>,
    /// URL of the API of a server elsewhere; the access key is taken from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
    /// AWS_SESSION_TOKEN, the region from AWS_REGION, the CA to trust from AWS_CA_BUNDLE.
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
}

pub async fn run(args: &Args) -> Result {
    let config = args.config()?;
    let (server, key) =
        args.server.find(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
    let certificate = args.issuer.certificate()?;
    let say = |line: &dyn std::fmt::Display| {
        if !args.json {
            out::talk(line);
        }
    };
    let mut body = Map::from_iter([("caCertificate".to_owned(), Value::from(certificate.as_str()))]);
    if args.sni_only {
        ca_certificate(&certificate, client::now()).map_err(|why| in_file(&args.issuer.ca, &why))?;
        body.insert("certificateMode".to_owned(), "SNI_ONLY".into());
    } else {
        let authority = args.issuer.open()?;
        let answer = client::iot(&server, &key, Method::GET, "/registrationcode", &Value::Null).await?;
        let code = text(&answer, "registrationCode")?;
        say(&format_args!("Registration code of this account and region: {code}"));
        let proof = authority.verification(&code, &Ids::Real, client::now()).map_err(refused)?;
        say(&"Signed a verification certificate with that code as its common name.");
        body.insert("verificationCertificate".to_owned(), proof.pem.into());
    }
    if let Some(config) = config {
        body.insert("registrationConfig".to_owned(), config);
    }
    let path = format!(
        "/cacertificate?allowAutoRegistration={}&setAsActive={}",
        !args.no_auto_registration, !args.inactive
    );
    let answer = client::iot(&server, &key, Method::POST, &path, &body.into()).await?;
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

impl Server {
    fn find(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<(Nearby, Key)> {
        let folder = || variable("ADIT_DATA_DIR").map(PathBuf::from);
        let folder = match (&self.data_dir, &self.endpoint_url) {
            (Some(folder), _) => Some(folder.clone()),
            (None, Some(_)) => None,
            (None, None) => folder(),
        };
        let url = || variable("AWS_ENDPOINT_URL_IOT").or_else(|| variable("AWS_ENDPOINT_URL"));
        match (folder, self.endpoint_url.clone().or_else(url)) {
            (None, Some(url)) => elsewhere(url, variable),
            (folder, _) => {
                let server = nearby(&folder.unwrap_or_else(|| PathBuf::from("./data")))?;
                let key = Key::read(&server.credentials)?;
                Ok((server, key))
            }
        }
    }
}

fn elsewhere(endpoint: String, variable: &dyn Fn(&str) -> Option<String>) -> Result<(Nearby, Key)> {
    let wanted = |name: &str| {
        variable(name).ok_or_else(|| {
            Failure::usage(format!("{name} is not set, which calls to {endpoint} need; or name a server on this machine with --data-dir"))
        })
    };
    let key = Key {
        id: wanted("AWS_ACCESS_KEY_ID")?,
        secret: wanted("AWS_SECRET_ACCESS_KEY")?,
        session_token: variable("AWS_SESSION_TOKEN"),
    };
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    let region = region.map_or_else(|| wanted("AWS_REGION"), Ok)?;
    let none = || Path::new("").to_owned();
    let server = Nearby {
        endpoint,
        tunnel: None,
        mqtt: None,
        region,
        account: String::new(),
        ca: variable("AWS_CA_BUNDLE").map(PathBuf::from),
        credentials: none(),
        settings: none(),
        admin: none(),
    };
    Ok((server, key))
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

    fn server(data_dir: Option<&str>, url: Option<&str>, set: &[(&str, &str)]) -> Result<(Nearby, Key)> {
        let server = Server { data_dir: data_dir.map(PathBuf::from), endpoint_url: url.map(str::to_owned) };
        let variable =
            |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        server.find(&variable)
    }

    #[test]
    fn a_server_elsewhere_is_found_by_the_environment_of_aws() {
        let set = [
            ("AWS_ENDPOINT_URL", "https://adit.example"),
            ("AWS_ACCESS_KEY_ID", "A"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_SESSION_TOKEN", "t"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_CA_BUNDLE", "ca.pem"),
        ];
        let (found, key) = server(None, None, &set).unwrap();
        assert_eq!((found.endpoint.as_str(), found.region.as_str()), ("https://adit.example", "eu-west-1"));
        assert_eq!((found.ca, key.session_token.as_deref()), (Some("ca.pem".into()), Some("t")));
        let (found, _) = server(None, Some("http://other:1"), &set).unwrap();
        assert_eq!(found.endpoint, "http://other:1");
        let Err(failure) = server(None, None, &set[..2]) else { panic!("accepted") };
        assert!(failure.to_string().contains("AWS_SECRET_ACCESS_KEY is not set"), "{failure}");
    }

    #[test]
    fn a_folder_that_is_named_counts_more_than_the_environment() {
        let set = [("AWS_ENDPOINT_URL", "https://adit.example"), ("ADIT_DATA_DIR", "/no/such/env")];
        for (data_dir, shown) in [(Some("/no/such/folder"), "/no/such/folder"), (None, "/no/such/env")] {
            let Err(failure) = server(data_dir, None, &set) else { panic!("accepted") };
            assert!(failure.to_string().contains(shown), "{failure}");
        }
        let Err(failure) = server(None, None, &[]) else { panic!("accepted") };
        assert!(failure.to_string().contains("./data"), "{failure}");
    }
}
