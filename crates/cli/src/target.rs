//! How `ssh`, `nc` and `forward` name a thing and its services.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The service that `ssh` and `nc` mean when nothing else is said.
pub const SSH: &str = "SSH";

/// Ports that are known by name: what the agent serves without being configured.
const PORTS: &[(u16, &str)] = &[(21, "FTP"), (22, SSH), (80, "HTTP"), (443, "HTTPS"), (5900, "VNC")];

/// Characters of the longest name. spec: secure-tunneling §1.2
const LONGEST: usize = 128;

/// The thing of a name. A name of `adit ssh-config`, such as `lamp1.adit`, has the thing before its first dot; no
/// thing's name has dots.
///
/// # Errors
/// What a thing's name may be, when this is none.
pub fn thing(name: &str) -> Result<String, String> {
    let name = name.split_once('.').map_or(name, |(thing, _)| thing);
    let is_one = (1..=LONGEST).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-".contains(&byte));
    if is_one {
        return Ok(name.to_owned());
    }
    Err(format!("{name:?} is no thing's name: 1 to {LONGEST} letters, digits, `:`, `_` and `-`"))
}

/// The service of a word. It must be one that every local proxy takes. spec: secure-tunneling §5.3
///
/// # Errors
/// What a service's name may be, when this is none.
pub fn service(word: &str) -> Result<String, String> {
    let is_one = (1..=LONGEST).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_one {
        return Ok(word.to_owned());
    }
    Err(format!("{word:?} is no service's name: 1 to {LONGEST} letters, digits, `_` and `-`, such as SSH"))
}

/// Reads `THING` or `THING:SERVICE`.
///
/// # Errors
/// What is wrong with either.
pub fn with_service(word: &str) -> Result<(String, String), String> {
    match word.rsplit_once(':') {
        Some((name, of)) => Ok((thing(name)?, service(of)?)),
        None => Ok((thing(word)?, SSH.to_owned())),
    }
}

/// Where to listen, and which service to bring there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Addresses to listen on.
    pub bind: Bind,
    /// Port to listen on; 0 lets the system choose.
    pub port: u16,
    /// The service.
    pub service: String,
}

/// Addresses to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// Loopback in both families, as far as there are two.
    Loopback,
    /// Everything, for everyone.
    All,
    /// One address.
    One(IpAddr),
}

impl Bind {
    /// The addresses; all but the first may be missing on this machine.
    pub fn addresses(self) -> Vec<IpAddr> {
        match self {
            Bind::Loopback => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            Bind::All => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            Bind::One(address) => vec![address],
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bind {
            Bind::Loopback => {}
            Bind::All => f.write_str("*:")?,
            Bind::One(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            Bind::One(address) => write!(f, "{address}:")?,
        }
        write!(f, "{}:{}", self.port, self.service)
    }
}

/// Reads `SERVICE`, `LOCAL:SERVICE` or `BIND:LOCAL:SERVICE`. In place of a service stands its port, where one is known
/// by name.
///
/// # Errors
/// What is wrong, and what is expected.
pub fn spec(text: &str) -> Result<Spec, String> {
    let (bind, rest) = bind(text)?;
    let (port, word) = match (rest.split_once(':'), bind) {
        (Some((port, word)), _) => (local(port, text)?, word),
        (None, Some(_)) => return Err(expected(text)),
        (None, None) => (0, rest),
    };
    let service = match word.parse::<u16>() {
        Ok(number) => named(number)?,
        Err(_) => service(word)?,
    };
    Ok(Spec { bind: bind.unwrap_or(Bind::Loopback), port, service })
}

fn expected(text: &str) -> String {
    format!("{text}: expected SERVICE, LOCAL:SERVICE or BIND:LOCAL:SERVICE, such as 8080:HTTP")
}

fn local(port: &str, text: &str) -> Result<u16, String> {
    port.parse().map_err(|_| format!("{text}: {port:?} is no port to listen on; {}", expected(text)))
}

/// Takes the address in front, if there is one.
fn bind(text: &str) -> Result<(Option<Bind>, &str), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once("]:").ok_or_else(|| expected(text))?;
        let address = address.parse().map_err(|_| format!("{text}: {address:?} is no IPv6 address"))?;
        return Ok((Some(Bind::One(IpAddr::V6(address))), rest));
    }
    let Some((address, rest)) = text.split_once(':').filter(|(_, rest)| rest.contains(':')) else {
        return Ok((None, text));
    };
    let bind = match address {
        "localhost" | "" => Bind::Loopback,
        "*" => Bind::All,
        address => Bind::One(address.parse().map_err(|_| {
            format!("{text}: {address:?} is no address to listen on: an IP address, localhost or *")
        })?),
    };
    Ok((Some(bind), rest))
}

/// The service behind a port number.
fn named(port: u16) -> Result<String, String> {
    let known = PORTS.iter().find(|(number, _)| *number == port);
    known.map(|(_, name)| (*name).to_owned()).ok_or_else(|| {
        let list: Vec<_> = PORTS.iter().map(|(number, name)| format!("{number} is {name}")).collect();
        format!(
            "port {port} has no name that every device knows ({}). \
             A tunnel leads to services, not to ports: give the name the device has for it in its configuration",
            list.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_may_follow_the_thing() {
        let both = |thing: &str, service: &str| (thing.to_owned(), service.to_owned());
        assert_eq!(with_service("lamp1").unwrap(), both("lamp1", "SSH"));
        assert_eq!(with_service("lamp1:VNC").unwrap(), both("lamp1", "VNC"));
        assert_eq!(with_service("a:b:VNC").unwrap(), both("a:b", "VNC"));
        assert_eq!(with_service("lamp1.adit").unwrap(), both("lamp1", "SSH"));
        for wrong in ["", ":SSH", "lamp1:", "lamp1:a b", "lamp$", &"x".repeat(129)] {
            assert!(with_service(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn specs_name_where_and_what() {
        let shown = |text: &str| spec(text).unwrap().to_string();
        assert_eq!(shown("8080:80"), "8080:HTTP");
        assert_eq!(shown("5901:VNC"), "5901:VNC");
        assert_eq!(shown("SSH"), "0:SSH");
        assert_eq!(shown("22"), "0:SSH");
        assert_eq!(shown("localhost:8080:HTTP"), "8080:HTTP");
        assert_eq!(shown("*:8080:HTTP"), "*:8080:HTTP");
        assert_eq!(shown("127.0.0.2:8080:HTTP"), "127.0.0.2:8080:HTTP");
        assert_eq!(shown("[::1]:8080:my-app"), "[::1]:8080:my-app");
        assert_eq!(spec("8080:HTTP").unwrap().bind.addresses().len(), 2);
    }

    #[test]
    fn wrong_specs_are_answered_with_what_is_expected() {
        let wrong = |text: &str| spec(text).unwrap_err();
        assert!(wrong("8080:8081").contains("port 8081 has no name"));
        assert!(wrong("8080:8081").contains("22 is SSH"));
        assert!(wrong("x:SSH").contains("no port to listen on"));
        assert!(wrong("70000:SSH").contains("no port to listen on"));
        assert!(wrong("example.com:1:SSH").contains("no address to listen on"));
        assert!(wrong("[::1]:SSH").contains("expected SERVICE"));
        assert!(wrong("[::g]:1:SSH").contains("no IPv6 address"));
        assert!(wrong("1:2:3:SSH").contains("no"));
        assert!(wrong("8080:").contains("service"));
        assert!(wrong("").contains("service"));
    }
}
