//! What the doctor looks at on the way to the server, and behind the agent.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::CertificateError;
use tokio::time::{sleep, timeout};

use super::{Findings, Grade};
use crate::agent::clock::Clock;
use crate::agent::config::{BUILT_IN, Config, Place};
use crate::agent::identity::Identity;
use crate::agent::{trust, uplink};
use crate::local;
use crate::log::Log;
use crate::mqtt::dial::{ALPN, ALPN_PORT, Stream, Undialed, Way};
use crate::mqtt::{Broken, Link, QoS, Reason};

/// What every look at the network needs.
pub struct Network<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The time as the agent has it.
    pub clock: Arc<Clock>,
    /// For what a web proxy says.
    pub log: Log,
}

/// Time for CONNACK, and for a service to answer.
const PATIENCE: Duration = Duration::from_secs(10);
const SERVICE: Duration = Duration::from_secs(3);

/// Time a server gets to provision a device that it has just closed the connection of.
const PROVISIONING: Duration = Duration::from_secs(2);

/// Port of tunnels on AWS.
const TUNNEL_PORT: u16 = 443;

impl Network<'_> {
    /// The way to the device gateway, and whether it lets the device in and tells it of tunnels.
    pub async fn gateway(&self, identity: Option<&Identity>, findings: &mut Findings) {
        let config = self.config;
        let Some(stream) = self.dial_gateway(identity, findings).await else { return };
        if config.endpoint.port == ALPN_PORT {
            match stream.get_ref().1.alpn_protocol() {
                Some(ALPN) => findings.ok("alpn", "the server takes MQTT on port 443"),
                _ => findings.failed(
                    "alpn",
                    "the server does not answer to x-amzn-mqtt-ca on port 443: is another server or a TLS proxy in between?",
                ),
            }
        }
        let Some(identity) = identity else { return };
        let name = config.thing_name.as_deref().or(identity.name()).unwrap_or_default();
        let is_claim = config.provisioning.claim_certificate_file.as_ref() == Some(&identity.file);
        let client_id = match config.client_id.as_deref() {
            Some(id) => id.to_owned(),
            None if is_claim => format!("adit-agent-{:016x}", crate::backoff::chance()),
            None => name.to_owned(),
        };
        let Some(mut link) = self.connect(identity, stream, &client_id, !is_claim, findings).await else {
            return;
        };
        if is_claim {
            findings.ok("subscribe", "not asked: the device has no thing yet");
        } else {
            subscribe(&mut link, name, findings).await;
        }
        link.disconnect().await;
    }

    async fn dial_gateway(&self, identity: Option<&Identity>, findings: &mut Findings) -> Option<Stream> {
        let to = &self.config.endpoint;
        let alpn: &[&[u8]] = if to.port == ALPN_PORT { &[ALPN] } else { &[] };
        self.dial(to, identity, alpn, findings).await
    }

    /// Name, TCP, web proxy and TLS.
    async fn dial(
        &self,
        to: &Place,
        identity: Option<&Identity>,
        alpn: &[&[u8]],
        findings: &mut Findings,
    ) -> Option<Stream> {
        let config = self.config;
        let tls =
            |identity, alpn| trust::client(config.ca_file.as_deref(), identity, alpn, &self.clock, self.log);
        let (tls, proxy_tls) = match tls(identity, alpn).and_then(|main| Ok((main, tls(None, &[])?))) {
            Ok(both) => both,
            Err(why) => {
                findings.failed("tls", why);
                return None;
            }
        };
        let way =
            Way { host: &to.host, port: to.port, web_proxy: config.http_proxy.as_ref(), tls, proxy_tls };
        match way.dial(self.log).await {
            Ok(stream) => {
                if config.http_proxy.is_some() {
                    findings.ok("http-proxy", format!("lets us through to {to}"));
                } else {
                    findings.ok("tcp", format!("{to} answers"));
                }
                findings.ok("tls", format!("the certificate of {} is trusted", to.host));
                Some(stream)
            }
            Err(why) => {
                let (check, fix) = advice(&why, to, config);
                findings.failed(check, format!("{why}: {fix}"));
                None
            }
        }
    }

    async fn connect(
        &self,
        identity: &Identity,
        stream: Stream,
        client_id: &str,
        is_persistent: bool,
        findings: &mut Findings,
    ) -> Option<Link<Stream>> {
        let (link, grade, note) = match open(stream, client_id, is_persistent).await {
            Err(Broken::Closed) => {
                // Just-in-time registration closes the first connection.
                sleep(PROVISIONING).await;
                let stream = self.dial_gateway(Some(identity), &mut Findings::default()).await?;
                let note = ", the second time: the first provisioned this device";
                (open(stream, client_id, is_persistent).await, Grade::Ok, note)
            }
            Err(Broken::Refused(Reason::NotAuthorized)) if is_persistent => {
                let stream = self.dial_gateway(Some(identity), &mut Findings::default()).await?;
                let note = ", but without a session that lasts: let the policy allow PersistentConnect in iot:ConnectAttributes";
                (open(stream, client_id, false).await, Grade::Warning, note)
            }
            first => (first, Grade::Ok, ""),
        };
        match link {
            Ok(link) => {
                findings.add(grade, "mqtt", format!("let in as {client_id:?}{note}"));
                Some(link)
            }
            Err(broken) => {
                findings.failed(
                    "mqtt",
                    format!("{broken}: {}", of_mqtt(&broken, &identity.certificate_id(), client_id)),
                );
                None
            }
        }
    }

    /// Whether the server of tunnels can be reached.
    pub async fn tunnels(&self, findings: &mut Findings) {
        let text = self.config.tunnels_of(&region_of(&self.config.endpoint.host));
        let Some(place) = Place::parse(&text, TUNNEL_PORT) else {
            return findings
                .failed("tunnels", format!("tunnel-endpoint is {text}; expected HOST or HOST:PORT"));
        };
        let mut lines = Findings::default();
        let is_there = self.dial(&place, None, &[], &mut lines).await.is_some();
        match lines.lines().iter().find(|_| !is_there) {
            Some(line) => findings.failed("tunnels", format!("{}; or set tunnel-endpoint", line.text)),
            None => findings.ok("tunnels", format!("{place} answers, its certificate is trusted")),
        }
    }
}

fn of_mqtt(broken: &Broken, certificate_id: &str, client_id: &str) -> String {
    match broken {
        Broken::Closed | Broken::Refused(_) => format!(
            "certificate {certificate_id} must be registered and ACTIVE, and a policy of it must allow iot:Connect on \
             client/{client_id}; on the server: adit why --certificate {certificate_id}"
        ),
        Broken::Silent => "does MQTT listen there? Look for a proxy in between".to_owned(),
        _ => "look at the server's log".to_owned(),
    }
}

/// Which check failed, and what to do.
fn advice(why: &Undialed, to: &Place, config: &Config) -> (&'static str, String) {
    match why {
        Undialed::Name(host, _) => (
            "dns",
            format!(
                "is {host} the right name? `getent hosts {host}` must print an address; see /etc/resolv.conf"
            ),
        ),
        Undialed::Tcp(place, error) if config.http_proxy.is_some() => {
            ("http-proxy", format!("is {place} the web proxy, and running ({})?", error.kind()))
        }
        Undialed::Tcp(_, error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            ("tcp", "nothing listens there: is the server running, is the port right?".to_owned())
        }
        Undialed::Tcp(..) | Undialed::Slow(_) => (
            "tcp",
            format!(
                "a firewall lets no TCP out to port {}: try endpoint = \"{}:443\", or http-proxy",
                to.port, to.host
            ),
        ),
        Undialed::Proxy(_) => (
            "http-proxy",
            format!("the web proxy must allow CONNECT to {to}, with the right user and password"),
        ),
        Undialed::Tls(_, error) => ("tls", of_tls(error, to)),
    }
}

fn of_tls(error: &io::Error, to: &Place) -> String {
    use rustls::Error;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(why)) => match why {
            CertificateError::UnknownIssuer => {
                "its CA is another one: copy the server's pki/ca.pem, and name it with ca-file".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("add {} to `names` of the server, or use a name that it has", to.host)
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => {
                "compare the clocks of both machines (date), then look at the server's certificate".to_owned()
            }
            _ => "the server's certificate is none that can be used".to_owned(),
        },
        Some(Error::AlertReceived(alert)) => {
            format!(
                "the server sent the alert {alert:?}: is {to} the port of MQTT, does the server know the name {}?",
                to.host
            )
        }
        _ => format!("is {to} a port with TLS? For MQTT it is 8883, or 443"),
    }
}

/// As the agent does it, so that its session stays.
async fn open(stream: Stream, client_id: &str, is_persistent: bool) -> Result<Link<Stream>, Broken> {
    Link::connect(stream, uplink::hello(client_id, is_persistent), None, PATIENCE).await.map(|(link, _)| link)
}

async fn subscribe(link: &mut Link<Stream>, thing: &str, findings: &mut Findings) {
    let filter = format!("$aws/things/{thing}/tunnels/notify");
    let denied = format!(
        "a policy must allow iot:Subscribe on topicfilter/{filter}, and iot:Receive on topic/{filter}"
    );
    match link.subscribe(&[(&filter, QoS::AtLeastOnce)]).await {
        Ok(reasons) if reasons.iter().all(|reason| !reason.is_error()) => {
            findings.ok("subscribe", format!("{filter} is allowed"));
        }
        Ok(_) => findings.failed("subscribe", format!("not allowed: {denied}")),
        Err(broken) => findings.failed("subscribe", format!("{broken}: {denied}")),
    }
}

/// The region in the name of AWS's endpoints; elsewhere it makes no difference.
fn region_of(host: &str) -> String {
    let region = host.split_once(".iot.").and_then(|(_, rest)| rest.split('.').next());
    region.unwrap_or("us-east-1").to_owned()
}

/// Whether somebody listens where each service is said to be.
pub async fn services(config: &Config, findings: &mut Findings) {
    for (id, target) in config.services.iter() {
        let place = target.dialed();
        let is_built_in = BUILT_IN.contains(&(id, place.as_str()));
        let why = match timeout(SERVICE, local::connect(target, None)).await {
            Ok(Ok(_)) => {
                findings.ok("service", format!("{id} at {place} answers"));
                continue;
            }
            Ok(Err(error)) => crate::tls::plain(&error),
            Err(_) => format!("no answer within {} s", SERVICE.as_secs()),
        };
        if is_built_in {
            let text = format!("{id} at {place}: {why}; if this device has none: [services] {id} = \"off\"");
            findings.warning("service", text);
        } else {
            findings.failed("service", format!("{id} at {place}: {why}: start it, or mend [services]"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_aws_names_only() {
        assert_eq!(region_of("a1b2-ats.iot.eu-west-1.amazonaws.com"), "eu-west-1");
        assert_eq!(region_of("iot.example.com"), "us-east-1");
    }

    #[test]
    fn each_failure_on_the_way_has_its_check_and_its_fix() {
        let config = |more: &str| Config::parse(&format!("endpoint = \"iot.example\"\n{more}")).unwrap();
        let (plain, proxied) = (config(""), config("http-proxy = \"http://p:1\""));
        let to = plain.endpoint.clone();
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let tls = |error: rustls::Error| {
            Undialed::Tls(to.to_string(), io::Error::new(io::ErrorKind::InvalidData, error))
        };
        let of_certificate = |error| tls(rustls::Error::InvalidCertificate(error));
        for (why, config, check, fix) in [
            (Undialed::Name("iot.example".into(), refused()), &plain, "dns", "getent hosts iot.example"),
            (Undialed::Tcp("iot.example:8883".into(), refused()), &plain, "tcp", "nothing listens there"),
            (Undialed::Slow("iot.example:8883".into()), &plain, "tcp", "iot.example:443"),
            (Undialed::Tcp("p:1".into(), refused()), &proxied, "http-proxy", "p:1"),
            (Undialed::Proxy("refused".into()), &proxied, "http-proxy", "CONNECT to iot.example:8883"),
            (of_certificate(CertificateError::UnknownIssuer), &plain, "tls", "ca-file"),
            (of_certificate(CertificateError::NotValidForName), &plain, "tls", "`names`"),
            (of_certificate(CertificateError::Expired), &plain, "tls", "clocks"),
            (of_certificate(CertificateError::NotValidYet), &plain, "tls", "clocks"),
            (
                tls(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)),
                &plain,
                "tls",
                "NoApplicationProtocol",
            ),
            (tls(rustls::Error::HandshakeNotComplete), &plain, "tls", "8883"),
        ] {
            let (name, text) = advice(&why, &to, config);
            assert_eq!(name, check, "{why}");
            assert!(text.contains(fix), "{text}");
        }
    }
}
