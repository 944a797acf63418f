//! The way to the device gateway: a WebSocket signed with the operator's key, or TLS with a device's certificate.

use crate::api::{self, Api, ApiArgs};
use crate::exit::{Code, Failure, Result};
use crate::http::{self, Client, Proxies, Target, Wire};
use crate::noun::text;
use adit_aws::{GATEWAY, Service, Signer};
use adit_device::mqtt::dial::{ALPN, ALPN_PORT, PORT};
use adit_device::mqtt::websocket::{self, Unopened};
use adit_device::mqtt::{Broken, Link, QoS, Reason, Version, greeting};
use hyper::Method;
use hyper::header::{HOST, HeaderMap, HeaderValue};
use serde_json::json;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Time for the whole way, unless `--timeout` says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);
/// Seconds that a signed query lives; the server reads it at once.
const SIGNED: i64 = 300;
/// Seconds between packets at most.
const KEEP_ALIVE: u16 = 60;

/// A connection of either kind.
pub type Gateway = Link<Box<dyn Wire>>;

/// How to get to the gateway.
#[derive(clap::Args)]
pub struct WayArgs {
    /// The gateway. Without it DescribeEndpoint is asked, and the API's own port is used for a WebSocket.
    #[arg(long, value_name = "HOST[:PORT]")]
    endpoint: Option<String>,
    /// Certificate of a device, PEM: MQTT over TLS on port 8883, or 443, instead of a WebSocket with the access key.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Private key of that certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// MQTT client id; a random one without.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
}

/// QoS as one types it.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Level {
    #[value(name = "0")]
    AtMostOnce,
    #[value(name = "1")]
    AtLeastOnce,
}

impl From<Level> for QoS {
    fn from(level: Level) -> QoS {
        match level {
            Level::AtMostOnce => QoS::AtMostOnce,
            Level::AtLeastOnce => QoS::AtLeastOnce,
        }
    }
}

/// An open connection, and when the command's time is over, if it has an end.
pub struct Open {
    pub link: Gateway,
    pub client_id: String,
    pub deadline: Option<Instant>,
}

/// Connects.
pub async fn open(args: &WayArgs, api: &ApiArgs) -> Result<Open> {
    let began = Instant::now();
    let deadline = api.timeout.map(|time| began + time);
    let until = deadline.unwrap_or(began + PATIENCE);
    let late =
        |_| Failure::timeout("the gateway did not answer in time").next("give it more time with --timeout");
    let client_id = args.client_id.clone().unwrap_or_else(random_id);
    let opened = async {
        let (place, wire) = match (&args.cert, &args.key) {
            (Some(cert), Some(key)) => with_certificate(args, api, (cert, key)).await?,
            _ => with_signature(args, api).await?,
        };
        let connect = greeting(Version::V5, &client_id, KEEP_ALIVE);
        let left = until.saturating_duration_since(Instant::now());
        let link = Link::connect(wire, connect, None, left).await;
        let (link, _) = link.map_err(|broken| refused(&broken, &place, &client_id))?;
        Ok(link)
    };
    let link = timeout_at(until, Box::pin(opened)).await.map_err(late)??;
    Ok(Open { link, client_id, deadline })
}

fn random_id() -> String {
    format!("adit-{:016x}", RandomState::new().build_hasher().finish())
}

async fn described(api: &Api) -> Result<String> {
    let answer =
        api.call(Service::Iot, "DescribeEndpoint", json!({ "endpointType": "iot:Data-ATS" })).await?;
    match text(&answer, "endpointAddress") {
        "" => Err(Failure::failed("the answer to DescribeEndpoint has no address in it")
            .next("name the gateway with --endpoint")),
        address => Ok(address.to_owned()),
    }
}

fn target(endpoint: &str, port: u16) -> Result<Target> {
    let target = Target::parse(&format!("https://{endpoint}"))?;
    let has_port =
        endpoint.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(':') && !endpoint.ends_with(':');
    let is_bare_v6 = endpoint.matches(':').count() > 1 && !endpoint.contains(']');
    Ok(if has_port && !is_bare_v6 { target } else { Target { port, ..target } })
}

async fn with_certificate(
    args: &WayArgs,
    given: &ApiArgs,
    (cert, key): (&PathBuf, &PathBuf),
) -> Result<(Target, Box<dyn Wire>)> {
    // With a certificate and an endpoint, no key and no region are needed.
    let api = match (Api::open(given), &args.endpoint) {
        (Err(failure), None) => return Err(failure),
        (opened, _) => opened.ok(),
    };
    let target = match (&args.endpoint, &api) {
        (Some(endpoint), _) => target(endpoint, PORT)?,
        (None, Some(api)) => match api.settings().nearby.as_ref().and_then(|server| server.mqtt.as_ref()) {
            Some(place) => target(place, PORT)?,
            None => target(&described(api).await?, PORT)?,
        },
        (None, None) => return Err(Failure::usage("name the gateway with --endpoint")),
    };
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let ca = match &api {
        Some(api) => api.settings().ca.clone(),
        None => given.ca_bundle.clone().or_else(|| variable("AWS_CA_BUNDLE").map(PathBuf::from)),
    };
    let alpn = (target.port == ALPN_PORT).then_some(ALPN);
    let tls = http::tls_as(http::trust(ca.as_deref())?, cert, key, alpn)?;
    let wire = Client::over(tls, Proxies::of(&variable)?).connect(&target).await?;
    Ok((target, wire))
}

async fn with_signature(args: &WayArgs, given: &ApiArgs) -> Result<(Target, Box<dyn Wire>)> {
    let api = Api::open(given)?;
    let target = match &args.endpoint {
        Some(endpoint) => target(endpoint, 443)?,
        None if api.settings().is_aws(Service::Iot) => target(&described(&api).await?, 443)?,
        // adit serves the gateway where it serves the API.
        None => Target::parse(&api.settings().endpoint(Service::IotData))?,
    };
    let key = api.key().await?;
    let authority = target.authority();
    let host =
        HeaderValue::from_str(&authority).map_err(|error| Failure::usage(format!("{authority}: {error}")))?;
    let headers = HeaderMap::from_iter([(HOST, host)]);
    let request = adit_aws::Request {
        method: &Method::GET,
        path: websocket::PATH,
        query: "",
        headers: &headers,
        body: &[],
    };
    let signer = Signer {
        key_id: &key.id,
        secret: &key.secret,
        session_token: key.session_token.as_deref(),
        region: &api.settings().region,
        service: GATEWAY,
        now: api::now(),
    };
    let signed = format!("{}?{}", websocket::PATH, adit_aws::presign(&request, &signer, SIGNED));
    let wire = api.connect(&target).await?;
    match websocket::upgrade(wire, &authority, &signed).await {
        Ok(socket) => Ok((target, Box::new(socket))),
        Err(Unopened::Refused(answer)) => Err(not_upgraded(&answer, &target, &key.id)),
        Err(Unopened::Failed(why)) => Err(Failure::unreachable(format!("{target}: {why}"))),
    }
}

fn not_upgraded(answer: &adit_device::ws::Answer, target: &Target, id: &str) -> Failure {
    let text = format!("{target} refused the WebSocket: {} {}", answer.status_line(), answer.body().trim());
    match answer.status {
        401 | 403 => Failure::new(Code::Denied, text).next(format!(
            "look at the access key {id}; `aws sts get-caller-identity` says whether it is known, `adit why` what was wrong"
        )),
        400 | 404 => Failure::failed(text).next(
            "no MQTT over WebSocket there: name the gateway with --endpoint, or on adit add \"mqtt-ws\" to `serve` of that listener",
        ),
        503 => Failure::unreachable(text),
        _ => Failure::failed(text),
    }
}

/// Why there is no connection, or none any more.
pub fn refused(broken: &Broken, place: &Target, client_id: &str) -> Failure {
    ended(broken, &format!("{}:{}", place.host, place.port), client_id)
}

/// The same, where the place does not matter any more.
pub fn ended(broken: &Broken, place: &str, client_id: &str) -> Failure {
    let code = match broken {
        Broken::Refused(reason) | Broken::Disconnected(reason) => code_of(*reason),
        Broken::Closed => Code::Denied,
        Broken::Silent => Code::Timeout,
        Broken::Io(_) => Code::Unreachable,
        Broken::Misdeed(_) | Broken::Full => Code::Failed,
    };
    let failure = Failure::new(code, format!("{place}: {broken}"));
    match code {
        Code::Denied if matches!(broken, Broken::Closed) => {
            failure.next("on adit, `adit why` says what is wrong with the certificate; elsewhere look at its status and policy")
        }
        Code::Denied => failure.next(format!(
            "on adit, `adit why --client-id {client_id}` says which policy or certificate is missing; elsewhere look at the policy"
        )),
        Code::Unreachable => failure.next("look for a firewall or proxy in between"),
        _ => failure,
    }
}

/// The exit code for a reason of the server's.
pub fn code_of(reason: Reason) -> Code {
    match reason {
        Reason::NotAuthorized | Reason::BadUserNameOrPassword | Reason::Banned => Code::Denied,
        Reason::QuotaExceeded | Reason::SessionTakenOver => Code::Conflict,
        Reason::ServerUnavailable | Reason::ServerBusy | Reason::ServerShuttingDown => Code::Unreachable,
        Reason::KeepAliveTimeout => Code::Timeout,
        _ => Code::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_may_have_a_port() {
        for (endpoint, host, port) in [
            ("a.example", "a.example", 8883),
            ("a.example:443", "a.example", 443),
            ("[::1]", "::1", 8883),
            ("[::1]:1", "::1", 1),
        ] {
            let found = target(endpoint, PORT).unwrap();
            assert_eq!((found.host.as_str(), found.port), (host, port));
        }
        assert!(target("a/b", PORT).is_err());
    }

    #[test]
    fn reasons_have_codes() {
        assert_eq!(code_of(Reason::NotAuthorized), Code::Denied);
        assert_eq!(ended(&Broken::Refused(Reason::QuotaExceeded), "p", "c").code(), Code::Conflict);
        assert_eq!(ended(&Broken::Silent, "p", "c").code(), Code::Timeout);
        assert!(
            format!("{:?}", ended(&Broken::Refused(Reason::NotAuthorized), "p", "dev1"))
                .contains("adit why --client-id dev1")
        );
    }

    #[test]
    fn ids_are_random() {
        assert_ne!(random_id(), random_id());
    }
}
