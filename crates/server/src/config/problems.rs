//! Questions across keys.

use std::net::SocketAddr;

use super::{Config, Problem, Serve};

impl Config {
    /// Everything that is wrong with the combination of values, all at once.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut refuse = |place: &str, text: String| found.push(Problem { place: place.to_owned(), text });
        for (i, listen) in self.listen.iter().enumerate() {
            if !listen.tls && !listen.allow_plain_remote && !listen.address.ip().is_loopback() {
                refuse(
                    "listen",
                    format!(
                        "{} is plain HTTP on an address other machines can reach: set tls = true, or a loopback address, or allow-plain-remote = true",
                        listen.address
                    ),
                );
            }
            if !listen.tls && listen.serve.contains(&Serve::Mqtt) {
                if listen.serve.len() > 1 {
                    refuse(
                        "listen",
                        format!(
                            "{} is plain and serves \"mqtt\" beside others: without TLS \"mqtt\" needs a listener of its own",
                            listen.address
                        ),
                    );
                }
                if !self.test.plain_mqtt {
                    refuse(
                        "listen",
                        format!(
                            "{} serves \"mqtt\" without TLS, where no client can prove who it is: set tls = true, or, for tests only, test.plain-mqtt = true",
                            listen.address
                        ),
                    );
                }
            }
            if listen.serve.contains(&Serve::Console) && !listen.serve.contains(&Serve::Api) {
                refuse(
                    "listen",
                    format!(
                        "{} serves \"console\" without \"api\": the console's pages call the API where they came from",
                        listen.address
                    ),
                );
            }
            let earlier = self.listen.iter().take(i).map(|l| l.address);
            for other in earlier.chain(self.metrics.address).filter(|a| clash(*a, listen.address)) {
                refuse("listen", format!("{} and {other} cannot both be listened on", listen.address));
            }
        }
        if !self.listen.iter().any(|l| l.serve.contains(&Serve::Api)) {
            refuse(
                "listen",
                "no entry serves \"api\": nothing could ever be registered, and no tunnel opened".into(),
            );
        }
        if self.tls.certificate_file.is_some() != self.tls.key_file.is_some() {
            refuse("tls", "certificate-file and key-file belong together: set both or neither".into());
        }
        if self.tls.alternate_certificate_file.is_some() != self.tls.alternate_key_file.is_some() {
            refuse(
                "tls",
                "alternate-certificate-file and alternate-key-file belong together: set both or neither"
                    .into(),
            );
        }
        if self.tls.alternate_certificate_file.is_some() && self.tls.certificate_file.is_none() {
            refuse("tls", "alternate-certificate-file is a second chain: set certificate-file first".into());
        }
        if self.test.any_account_secret_file.is_some() && !self.test.any_account_secret.is_empty() {
            refuse(
                "test",
                "any-account-secret-file and ADIT__TEST__ANY_ACCOUNT_SECRET are both set: keep one".into(),
            );
        }
        for name in self.names.iter().filter(|n| !is_name(n)) {
            refuse(
                "names",
                format!(
                    "\"{name}\" is neither a DNS name nor an IP address; give it without scheme and port"
                ),
            );
        }
        if self.limits.connections_per_address > self.limits.max_connections {
            refuse("limits", "connections-per-address is larger than max-connections".into());
        }
        found
    }
}

fn clash(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0
        && a.port() == b.port()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

/// A DNS name (a `*` label may come first) or an IP address.
fn is_name(name: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    name.parse::<std::net::IpAddr>().is_ok()
        || (name.len() <= 253 && name.strip_prefix("*.").unwrap_or(name).split('.').all(label))
}
