//! What a TLS connection is for, by its listener and the protocols it offers (ALPN). spec: mqtt-gateway §1.1

use crate::config::Serve;

/// HTTP as everybody says it.
pub const ALPN_HTTP: &[u8] = b"http/1.1";
/// MQTT with a client certificate.
pub const ALPN_MQTT_CA: &[u8] = b"x-amzn-mqtt-ca";
/// The HTTPS data API with a client certificate.
pub const ALPN_HTTP_CA: &[u8] = b"x-amzn-http-ca";
/// MQTT with a custom authorizer.
const ALPN_MQTT: &[u8] = b"mqtt";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// HTTP without a client certificate.
    Web,
    /// MQTT with a client certificate.
    Mqtt {
        /// The client asked for it by ALPN, and is told so.
        alpn: bool,
    },
    /// The HTTPS data API with a client certificate.
    Data {
        /// The client asked for it by ALPN, and is told so.
        alpn: bool,
    },
}

/// Why a connection has no purpose here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// The alert `unrecognized_name` fits.
    Name(&'static str),
    /// The alert `no_application_protocol` fits.
    Protocol(&'static str),
}

impl Unfit {
    /// For logs and `adit why`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Name(text) | Self::Protocol(text) => text,
        }
    }

    /// The TLS record of the fatal alert, before any key is agreed on. spec: RFC 8446 §6, RFC 7301 §3.2
    #[must_use]
    pub fn alert(self) -> [u8; 7] {
        let description = match self {
            Self::Name(_) => 112,
            Self::Protocol(_) => 120,
        };
        [21, 3, 3, 0, 2, 2, description]
    }
}

/// Finds the purpose of a connection.
///
/// # Errors
/// [`Unfit`] says what the client asked for in vain.
pub fn choose<'a>(serve: &[Serve], offered: impl Iterator<Item = &'a [u8]> + Clone) -> Result<Choice, Unfit> {
    let only = |what| serve.iter().all(|served| *served == what);
    if only(Serve::Mqtt) {
        return Ok(Choice::Mqtt { alpn: false });
    }
    if only(Serve::DataApi) {
        return Ok(Choice::Data { alpn: false });
    }
    let offers = |wanted: &[u8]| offered.clone().any(|name| name == wanted);
    let serves = |what| serve.contains(&what);
    if offers(ALPN_MQTT_CA) {
        if serves(Serve::Mqtt) {
            return Ok(Choice::Mqtt { alpn: true });
        }
        return Err(Unfit::Protocol(
            "the client asked for MQTT (ALPN x-amzn-mqtt-ca), which this listener does not serve",
        ));
    }
    if offers(ALPN_HTTP_CA) {
        if serves(Serve::DataApi) {
            return Ok(Choice::Data { alpn: true });
        }
        return Err(Unfit::Protocol(
            "the client asked for the HTTPS data API (ALPN x-amzn-http-ca), which this listener does not serve",
        ));
    }
    if offers(ALPN_MQTT) && !offers(ALPN_HTTP) {
        return Err(Unfit::Protocol(
            "the client asked for MQTT with a custom authorizer (ALPN mqtt), which this server does not offer; \
             with a client certificate the ALPN name is x-amzn-mqtt-ca",
        ));
    }
    Ok(Choice::Web)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Serve] = &[Serve::Api, Serve::Tunnel, Serve::Mqtt, Serve::MqttWs, Serve::DataApi];

    fn of(serve: &[Serve], offered: &[&[u8]]) -> Result<Choice, Unfit> {
        choose(serve, offered.iter().copied())
    }

    #[test]
    fn the_port_map() {
        let offers: [&[&[u8]]; 4] = [&[], &[b"x-amzn-mqtt-ca"], &[b"mqtt"], &[b"h2"]];
        for offered in offers {
            assert_eq!(of(&[Serve::Mqtt], offered), Ok(Choice::Mqtt { alpn: false }));
            assert_eq!(of(&[Serve::DataApi], offered), Ok(Choice::Data { alpn: false }));
        }
        let browsers: [&[&[u8]]; 4] = [&[], &[b"http/1.1"], &[b"h2", b"http/1.1"], &[b"h2"]];
        for web in browsers {
            assert_eq!(of(ALL, web), Ok(Choice::Web));
        }
        assert_eq!(of(ALL, &[b"x-amzn-mqtt-ca"]), Ok(Choice::Mqtt { alpn: true }));
        assert_eq!(of(ALL, &[b"http/1.1", b"x-amzn-http-ca"]), Ok(Choice::Data { alpn: true }));
    }

    #[test]
    fn what_is_not_served_is_refused_with_the_reason() {
        let authorizer = of(ALL, &[b"mqtt"]).unwrap_err();
        assert!(authorizer.text().contains("custom authorizer"));
        assert_eq!(authorizer.alert(), [21, 3, 3, 0, 2, 2, 120]);
        let api = [Serve::Api, Serve::Tunnel];
        assert!(of(&api, &[b"x-amzn-mqtt-ca"]).unwrap_err().text().contains("does not serve"));
        assert!(of(&api, &[b"x-amzn-http-ca"]).unwrap_err().text().contains("does not serve"));
    }
}
