//! The subprotocol versions and how one is chosen.

/// A version of the tunnel protocol, as agreed in the WebSocket upgrade.
///
/// It says little about the shape of the messages that follow (spec: secure-tunneling §4.10): only whether
/// the server announces service ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// One stream, no service ids.
    V1,
    /// One stream per service.
    V2,
    /// Several connections per stream.
    V3,
}

impl Version {
    /// The name to offer for this version.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Version::V1 => "aws.iot.securetunneling-1.0",
            Version::V2 => "aws.iot.securetunneling-2.0",
            Version::V3 => "aws.iot.securetunneling-3.0",
        }
    }

    /// The version a subprotocol name stands for. `aws.iot.securedtunneling-1.0` is a spelling in real use.
    /// spec: secure-tunneling §4.2
    pub fn of_subprotocol(name: &str) -> Option<Version> {
        match name {
            "aws.iot.securetunneling-1.0" | "aws.iot.securedtunneling-1.0" => Some(Version::V1),
            "aws.iot.securetunneling-2.0" => Some(Version::V2),
            "aws.iot.securetunneling-3.0" => Some(Version::V3),
            _ => None,
        }
    }

    /// Whether the server announces the service ids to a client of this version.
    /// spec: secure-tunneling §4.5
    pub fn announces_services(self) -> bool {
        self > Version::V1
    }
}

/// Chooses the highest known version among the values of all `Sec-WebSocket-Protocol` headers, and returns
/// it with the spelling to echo. `None` when nothing known is offered. spec: secure-tunneling §4.2
pub fn choose<'a>(offers: impl IntoIterator<Item = &'a str>) -> Option<(Version, &'a str)> {
    let mut best: Option<(Version, &'a str)> = None;
    for name in offers.into_iter().flat_map(|value| value.split(',')).map(str::trim) {
        if let Some(version) = Version::of_subprotocol(name)
            && best.is_none_or(|(known, _)| version > known)
        {
            best = Some((version, name));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_offer_wins_and_keeps_its_spelling() {
        let offers =
            ["aws.iot.securetunneling-1.0, aws.iot.securetunneling-3.0", "aws.iot.securetunneling-2.0"];
        assert_eq!(choose(offers), Some((Version::V3, "aws.iot.securetunneling-3.0")));
        assert_eq!(
            choose(["aws.iot.securedtunneling-1.0"]),
            Some((Version::V1, "aws.iot.securedtunneling-1.0"))
        );
        assert_eq!(choose(["chat", "aws.iot.securetunneling-4.0"]), None);
        assert_eq!(choose([]), None);
    }
}
