//! A factory: a CA of its own, and devices that no server knows.

use super::fleet::{Device, Keys, make_key};
use crate::api::{Account, Connection};
use crate::fail::Result;
use http::Method;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};

/// Keys of each kind: devices share them, so that RSA keys are not made for minutes. No server looks at that.
const KEYS: usize = 8;

/// What a device becomes: AWS's usual template, its policy allowing a device its own client id and topics.
const TEMPLATE: &str = r#"{"Parameters":{
"AWS::IoT::Certificate::CommonName":{"Type":"String"},"AWS::IoT::Certificate::Country":{"Type":"String"},
"AWS::IoT::Certificate::Id":{"Type":"String"}},"Resources":{
"thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":"AWS::IoT::Certificate::CommonName"},
"AttributePayload":{"version":"v1","country":{"Ref":"AWS::IoT::Certificate::Country"}}}},
"certificate":{"Type":"AWS::IoT::Certificate","Properties":{
"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"Status":"ACTIVE"}},
"policy":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[
{\"Effect\":\"Allow\",\"Action\":\"iot:Connect\",\"Resource\":\"arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}\"},
{\"Effect\":\"Allow\",\"Action\":[\"iot:Publish\",\"iot:Receive\"],\"Resource\":\"arn:aws:iot:*:*:topic/${iot:Connection.Thing.ThingName}/*\"},
{\"Effect\":\"Allow\",\"Action\":\"iot:Subscribe\",\"Resource\":\"arn:aws:iot:*:*:topicfilter/${iot:Connection.Thing.ThingName}/*\"}]}"}}}}"#;

/// The role that provisioning acts in.
const ROLE: &str = "JITPRole";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Principal":{"Service":"iot.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const PROVISIONS: &str = "arn:aws:iam::aws:policy/service-role/AWSIoTThingsRegistration";

/// A CA, and keys for devices.
pub struct Factory {
    authority: CertifiedIssuer<'static, KeyPair>,
    ecdsa: Vec<KeyPair>,
    rsa: Vec<KeyPair>,
}

impl Factory {
    /// Makes the CA and the keys.
    pub fn make() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "bench factory");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let some = |keys| (0..KEYS).map(|_| make_key(keys)).collect::<Result<Vec<_>>>();
        Ok(Self { authority, ecdsa: some(Keys::Ecdsa)?, rsa: some(Keys::Rsa)? })
    }

    /// A device that is new.
    pub fn device(&self, keys: Keys, number: usize, name: &str) -> Result<Device> {
        let all = match keys {
            Keys::Ecdsa => &self.ecdsa,
            Keys::Rsa => &self.rsa,
        };
        let key = all.get(number % KEYS).ok_or("no key")?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.distinguished_name.push(DnType::CountryName, "IN");
        params.distinguished_name.push(DnType::CommonName, name);
        Device::new(keys, &params.signed_by(key, &self.authority)?, key)
    }

    /// Registers the CA, active and registering by itself, with the template.
    pub fn register(&self, account: &Account) -> Result<()> {
        let mut api = account.connect()?;
        let answer = api.registry(&Method::GET, "/registrationcode", &Value::Null)?;
        let code = answer.get("registrationCode").and_then(Value::as_str).ok_or("no registration code")?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.distinguished_name.push(DnType::CommonName, code);
        let proof = params.signed_by(&KeyPair::generate()?, &self.authority)?;
        api.iam("CreateRole", &[("RoleName", ROLE), ("AssumeRolePolicyDocument", TRUST)])?;
        api.iam("AttachRolePolicy", &[("RoleName", ROLE), ("PolicyArn", PROVISIONS)])?;
        let body = json!({
            "caCertificate": self.authority.pem(),
            "verificationCertificate": proof.pem(),
            "registrationConfig": {
                "templateBody": TEMPLATE.replace('\n', ""),
                "roleArn": format!("arn:aws:iam::123456789012:role/{ROLE}"),
            },
        });
        let path = "/cacertificate";
        api.registry_with(&Method::POST, path, "allowAutoRegistration=true&setAsActive=true", &body)?;
        Ok(())
    }
}

/// How many policies there are.
pub fn policies(api: &mut Connection) -> Result<usize> {
    let answer = api.registry(&Method::GET, "/policies", &Value::Null)?;
    Ok(answer.get("policies").and_then(Value::as_array).map_or(0, Vec::len))
}
