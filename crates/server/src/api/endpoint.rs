//! `DescribeEndpoint`: under which name devices reach this server (spec: control-plane §8.7).

use adit_iot::{Error, Scope};
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::state::Call;

/// Input of DescribeEndpoint.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DescribeEndpoint {
    /// Which endpoint; `iot:Data` without.
    pub endpoint_type: Option<String>,
}

/// Output of DescribeEndpoint.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeEndpointOutput {
    /// A host name without a port.
    pub endpoint_address: String,
}

/// Tells the host name of an endpoint. It has no port: clients add 8883 or 443.
///
/// # Errors
/// `Invalid` for an unknown type.
pub async fn describe_endpoint(
    cx: &Call<'_>,
    input: DescribeEndpoint,
) -> Result<DescribeEndpointOutput, Error> {
    let kind = input.endpoint_type.as_deref().unwrap_or("iot:Data");
    let tail = match kind {
        "iot:Data" => ".iot",
        "iot:Data-ATS" => "-ats.iot",
        "iot:CredentialProvider" => ".credentials.iot",
        "iot:Jobs" => ".jobs.iot",
        _ => {
            return Err(Error::invalid(format!(
                "Endpoint type {kind} is unknown; iot:Data-ATS, iot:Data, iot:CredentialProvider and iot:Jobs are allowed."
            )));
        }
    };
    Ok(DescribeEndpointOutput { endpoint_address: address(&cx.state.config, cx.scope, tail) })
}

/// The fixed host if there is one; else a name of the scope's own in the domain; else the first name this server has.
fn address(config: &Config, scope: &Scope, tail: &str) -> String {
    let endpoint = &config.endpoint;
    if !endpoint.host.is_empty() {
        return endpoint.host.clone();
    }
    if !endpoint.domain.is_empty() {
        return format!("{}{tail}.{}.{}", prefix(scope), scope.region(), endpoint.domain);
    }
    let plain = |name: &&String| !name.contains('*');
    config.names.iter().find(plain).map_or_else(|| "localhost".to_owned(), Clone::clone)
}

/// Whether a host name, in lower case, looks like an endpoint of some account and region. spec: provisioning §6.1
#[must_use]
pub fn is_shaped(host: &str) -> bool {
    let Some((label, rest)) = host.split_once('.') else { return false };
    let prefix = label.strip_suffix("-ats").unwrap_or(label);
    let of_prefix = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    prefix.len() == 14 && prefix.bytes().all(of_prefix) && rest.starts_with("iot.")
}

/// Whether a host name, in lower case, is an endpoint of this account and region.
#[must_use]
pub fn is_of(scope: &Scope, host: &str) -> bool {
    let region = host.split('.').nth(2);
    is_shaped(host) && host.starts_with(&prefix(scope)) && region == Some(scope.region())
}

/// 14 lower-case letters and digits, the same for an account and region on every server and for ever.
#[must_use]
pub fn prefix(scope: &Scope) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let sum = digest(&SHA256, format!("adit endpoint {scope}").as_bytes());
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).copied().map_or('a', char::from);
    std::iter::once('a').chain(sum.as_ref().iter().take(13).map(letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(host: &str, domain: &str, names: &[&str]) -> Config {
        let mut config = Config::default();
        config.endpoint.host = host.to_owned();
        config.endpoint.domain = domain.to_owned();
        config.names = names.iter().map(|name| (*name).to_owned()).collect();
        config
    }

    #[test]
    fn the_operator_decides_how_devices_reach_it() {
        let scope = Scope::new("123456789012", "eu-west-1").unwrap();
        for (config, address_is) in [
            (config("", "", &[]), "localhost".to_owned()),
            (config("", "", &["*.example", "iot.example", "10.0.0.1"]), "iot.example".to_owned()),
            (config("fixed.example", "", &["iot.example"]), "fixed.example".to_owned()),
            (config("", "iot.test", &["a"]), format!("{}-ats.iot.eu-west-1.iot.test", prefix(&scope))),
        ] {
            assert_eq!(address(&config, &scope, "-ats.iot"), address_is);
        }
    }

    #[test]
    fn endpoints_of_accounts_are_told_from_other_names() {
        let scope = Scope::new("123456789012", "eu-west-1").unwrap();
        let own = address(&config("", "iot.test", &[]), &scope, "-ats.iot");
        assert!(is_of(&scope, &own) && is_of(&scope, &own.replace("-ats", "")), "{own}");
        let other = Scope::new("123456789012", "us-east-1").unwrap();
        assert!(is_shaped(&own) && !is_of(&other, &own));
        for name in ["localhost", "iot.example", "a1b2c3d4e5f6g7.example", "a1b2c3d4e5f6-ats.iot.eu-west-1.x"]
        {
            assert!(!is_shaped(name), "{name}");
        }
    }

    #[test]
    fn prefixes_are_stable_and_of_one_scope() {
        let prefix_of = |account, region| prefix(&Scope::new(account, region).unwrap());
        let one = prefix_of("123456789012", "eu-west-1");
        assert_eq!(one, prefix_of("123456789012", "eu-west-1"));
        assert!(
            one.len() == 14 && one.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
            "{one}"
        );
        assert_ne!(one, prefix_of("123456789012", "us-east-1"));
        assert_ne!(one, prefix_of("111122223333", "eu-west-1"));
    }
}
