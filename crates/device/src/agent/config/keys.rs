//! Every configuration key of the agent: kind, default, meaning. The only list of keys there is.

/// One configuration key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted name, such as `provisioning.template`.
    pub name: &'static str,
    /// What a value may be.
    pub kind: Kind,
    /// The default, as TOML.
    pub default: &'static str,
    /// What it does, for the operator.
    pub doc: &'static str,
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A host, perhaps with a port; empty for none.
    Place,
    /// The same, with `{region}` in it if need be.
    PlaceOfRegion,
    /// A path; empty for none.
    Path,
    /// A path that must be given.
    Folder,
    /// A name as AWS IoT takes it for things: letters, digits and `:_-`; empty for none.
    Name,
    /// Any text; empty for none.
    Text,
    /// URL of a web proxy; empty for none.
    Proxy,
    /// `true` or `false`.
    Bool,
    /// A whole number from the first to the second value.
    Number(i64, i64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A section whose names are service ids and whose values are addresses.
    Services,
    /// A section of names and texts.
    Texts,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default, doc }
}

/// All keys, in the order of the default file.
pub const KEYS: &[Key] = &[
    key(
        "endpoint",
        Kind::Place,
        "\"\"",
        "The host that devices connect to for MQTT, with a port if it is not 8883. On port 443 the agent asks for MQTT by ALPN, which passes firewalls that let only HTTPS out. Required.",
    ),
    key(
        "tunnel-endpoint",
        Kind::PlaceOfRegion,
        "\"\"",
        "Where tunnels are taken, with a port if it is not 443; {region} stands for the region that a notification names. Empty: AWS's host of that region if endpoint is AWS's; otherwise the host of endpoint, on port 443 if that is its port, else on 8443.",
    ),
    key(
        "ca-file",
        Kind::Path,
        "\"\"",
        "PEM file of the certificates by which the server is known, or a folder of such files. Empty: those of the system. Read again for every connection.",
    ),
    key(
        "certificate-file",
        Kind::Path,
        "\"\"",
        "PEM file with the certificate of this device, followed by those of its issuers if the server wants them (JITP does). Empty: the one the agent got for itself, identity.pem in state-dir. Read again for every connection.",
    ),
    key("private-key-file", Kind::Path, "\"\"", "PEM file with the private key of certificate-file."),
    key(
        "thing-name",
        Kind::Name,
        "\"\"",
        "Name of the thing that this device is. Empty: the one it was given when it was provisioned, else the CN of its certificate.",
    ),
    key(
        "client-id",
        Kind::Text,
        "\"\"",
        "MQTT client id, 1 to 128 bytes. One connection for each; policies usually allow one. Empty: the name of the thing.",
    ),
    key(
        "state-dir",
        Kind::Folder,
        "\"/var/lib/adit-agent\"",
        "Folder of what should survive a restart: the identity if the agent got it for itself, tunnels under way, the newest time ever seen. If it cannot be written the agent says so and works without.",
    ),
    key(
        "http-proxy",
        Kind::Proxy,
        "\"\"",
        "URL of a web proxy on the way to the server, http://[user:password@]host[:port] or https://…; it must allow CONNECT to the ports of endpoint and tunnel-endpoint. Empty: none.",
    ),
    key(
        "max-tunnels",
        Kind::Number(1, 100),
        "10",
        "Tunnels at once; a further one is refused, and the log and the report say so.",
    ),
    key(
        "report",
        Kind::Bool,
        "true",
        "Whether the agent reports version, addresses, services and tunnels in the named shadow `adit-agent` of its thing.",
    ),
    key(
        "log-level",
        Kind::Word(&["error", "warning", "info", "debug", "trace"]),
        "\"info\"",
        "The least important lines that are logged.",
    ),
    key(
        "built-in-services",
        Kind::Bool,
        "true",
        "Whether SSH (port 22), VNC (5900), FTP (21), HTTP (80) and HTTPS (443) of 127.0.0.1 are offered without being named in [services].",
    ),
    key(
        "services",
        Kind::Services,
        "{}",
        "What can be reached through a tunnel: service ids of up to 128 letters, digits, hyphens and underscores, and the address of each: host:port, a port of this machine, or unix:/path. \"off\" takes a built-in service away. Nothing else on this machine can be reached.",
    ),
    key(
        "provisioning.template",
        Kind::Text,
        "\"\"",
        "Fleet provisioning template by which a device without a certificate of its own gets one at its first start. Empty: the device has one already.",
    ),
    key(
        "provisioning.claim-certificate-file",
        Kind::Path,
        "\"\"",
        "PEM file with the claim certificate, which is good for nothing but provisioning.",
    ),
    key(
        "provisioning.claim-private-key-file",
        Kind::Path,
        "\"\"",
        "PEM file with the private key of the claim certificate.",
    ),
    key(
        "provisioning.parameters",
        Kind::Texts,
        "{}",
        "Parameters of the template, and where each value comes from: file:PATH (its first line, such as file:/etc/machine-id), env:NAME, or text:… for the text itself.",
    ),
];

/// The key of that dotted name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The known name closest to a misspelt one, if any is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(|key| (distance(key.name, name), key.name))
        .min()
        .filter(|(distance, _)| *distance <= 1 + name.len() / 3)
        .map(|(_, name)| name)
}

/// Letters to insert, remove or change to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, letter) in a.chars().enumerate() {
        let mut next = vec![index + 1];
        for (at, other) in b.iter().enumerate() {
            let keep = row.get(at).copied().unwrap_or(0) + usize::from(letter != *other);
            let remove = row.get(at + 1).copied().unwrap_or(0) + 1;
            let insert = next.last().copied().unwrap_or(0) + 1;
            next.push(keep.min(remove).min(insert));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
