//! Policy variables: their names, and what stands for them in a request (spec: policies §5).

use std::borrow::Cow;
use std::net::IpAddr;

use super::date;
use super::facts::{CertificateFacts, CertificateField, ThingFacts, insertable};
use super::keys::Keys;
use crate::ids::Scope;
use crate::time::Timestamp;

/// Everything a policy can ask about a request besides action and resource. Borrowed, so that asking costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Account and region of the connection.
    pub scope: &'a Scope,
    /// The MQTT client id; `None` where the protocol is not MQTT.
    pub client_id: Option<&'a str>,
    /// From where; `None` where nobody connected (TestAuthorization).
    pub source_ip: Option<IpAddr>,
    /// The host the client named (SNI).
    pub domain_name: Option<&'a str>,
    /// Whether the connection is TLS.
    pub secure: bool,
    /// The `User-Agent` of a WebSocket or HTTP client.
    pub user_agent: Option<&'a str>,
    /// The certificate, if the principal is one.
    pub certificate: Option<&'a CertificateFacts>,
    /// The connection's thing, resolved by the rule of spec: policies §5.
    pub thing: Option<&'a ThingFacts>,
    /// What a CONNECT asks for; `None` for every other request.
    pub connect: Option<ConnectFacts<'a>>,
    /// The topic of a direct message.
    pub topic: Option<&'a str>,
    /// What else is known by name: of a signed caller, of an API call.
    pub keys: Option<&'a Keys>,
    /// Now.
    pub now: Timestamp,
}

impl<'a> Context<'a> {
    /// A context of which nothing is known but scope and time.
    #[must_use]
    pub const fn new(scope: &'a Scope, now: Timestamp) -> Context<'a> {
        Context {
            scope,
            client_id: None,
            source_ip: None,
            domain_name: None,
            secure: true,
            user_agent: None,
            certificate: None,
            thing: None,
            connect: None,
            topic: None,
            keys: None,
            now,
        }
    }
}

/// What a CONNECT asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectFacts<'a> {
    /// A session that outlives the connection: 3.1.1 clean session 0, 5.0 session expiry above 0.
    pub persistent: bool,
    /// The will.
    pub will: Option<Will<'a>>,
}

/// A will, as far as policies ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Whether it is to be retained.
    pub retain: bool,
}

/// A variable's or condition key's name, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    written: Box<str>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    ClientId,
    CertificateId,
    SourceIp,
    DomainName,
    ConnectAttributes,
    LastWillTopic,
    ThingName,
    ThingTypeName,
    ThingAttribute(Box<str>),
    IsAttached,
    Field(CertificateField, Which),
    CertificateSerial,
    AvailableKeys,
    CurrentTime,
    EpochTime,
    SecureTransport,
    UserAgent,
    Topic,
    /// One of [`Context::keys`], in lower case; a name that is not there has no value.
    Key(Box<str>),
}

/// Which values of a certificate's field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Nth(usize),
    List,
}

/// What stands for a name in a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Values<'a> {
    Absent,
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
}

impl Variable {
    /// Reads a name; one that nobody knows never has a value.
    pub(super) fn parse(name: &str) -> Variable {
        Variable { written: name.into(), kind: kind(name) }
    }

    /// The name as the document has it.
    pub(super) fn name(&self) -> &str {
        &self.written
    }

    /// Whether its value may differ between two requests of one connection.
    pub(super) fn changes(&self) -> bool {
        matches!(self.kind, Kind::CurrentTime | Kind::EpochTime | Kind::Topic | Kind::LastWillTopic)
    }

    /// What a condition on this key looks at.
    pub(super) fn values<'a>(&self, context: &Context<'a>) -> Values<'a> {
        match (&self.kind, context.certificate) {
            (Kind::Field(field, Which::List), Some(facts)) => {
                many(facts.values(*field).map(Cow::Borrowed).collect())
            }
            (Kind::AvailableKeys, Some(facts)) => {
                many(facts.available().into_iter().map(Cow::Owned).collect())
            }
            (Kind::ConnectAttributes, _) => connect_attributes(context),
            (Kind::Key(name), _) => context.keys.map_or(Values::Absent, |keys| keys.values(name)),
            _ => self.single(context).map_or(Values::Absent, Values::One),
        }
    }

    /// The text that replaces `${name}`; `None` leaves the variable unresolved.
    pub(super) fn text<'a>(&self, context: &Context<'a>) -> Option<Cow<'a, str>> {
        let value = self.single(context)?;
        let guarded = matches!(self.kind, Kind::Field(..));
        (!guarded || insertable(&value)).then_some(value)
    }

    fn single<'a>(&self, context: &Context<'a>) -> Option<Cow<'a, str>> {
        let thing = context.thing.filter(|_| context.client_id.is_some());
        let borrowed: &'a str = match &self.kind {
            Kind::ClientId => context.client_id?,
            Kind::CertificateId => context.certificate?.id(),
            Kind::SourceIp => return Some(Cow::Owned(context.source_ip?.to_canonical().to_string())),
            Kind::DomainName => context.domain_name?,
            Kind::LastWillTopic => {
                let will = context.connect?.will?;
                return Some(Cow::Owned(super::topic(context.scope, will.topic)));
            }
            Kind::ThingName => &thing?.name,
            Kind::ThingTypeName => thing?.type_name.as_deref()?,
            Kind::ThingAttribute(name) => thing?.attributes.get(&**name)?,
            Kind::IsAttached => {
                context.client_id?;
                truth(thing.is_some())
            }
            Kind::Field(field, Which::Nth(at)) => context.certificate?.values(*field).nth(*at)?,
            Kind::CertificateSerial => {
                context.certificate.map(CertificateFacts::serial).filter(|s| !s.is_empty())?
            }
            Kind::CurrentTime => return Some(Cow::Owned(date::written(context.now))),
            Kind::EpochTime => return Some(Cow::Owned(context.now.millis().div_euclid(1000).to_string())),
            Kind::SecureTransport => truth(context.secure),
            Kind::UserAgent => context.user_agent?,
            Kind::Topic => context.topic?,
            Kind::Key(name) => context.keys?.single(name)?,
            Kind::Field(_, Which::List) | Kind::AvailableKeys | Kind::ConnectAttributes => return None,
        };
        Some(Cow::Borrowed(borrowed))
    }
}

const fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn many(values: Vec<Cow<'_, str>>) -> Values<'_> {
    if values.is_empty() { Values::Absent } else { Values::Many(values) }
}

fn connect_attributes<'a>(context: &Context<'a>) -> Values<'a> {
    let Some(connect) = context.connect else { return Values::Absent };
    let persistent = connect.persistent.then_some(Cow::Borrowed("PersistentConnect"));
    let will = connect.will.is_some().then_some(Cow::Borrowed("LastWill"));
    many(persistent.into_iter().chain(will).collect())
}

fn kind(name: &str) -> Kind {
    if let Some(attribute) = thing_attribute(name) {
        return Kind::ThingAttribute(attribute.into());
    }
    match name.to_ascii_lowercase().as_str() {
        "iot:clientid" => Kind::ClientId,
        "iot:certificateid" => Kind::CertificateId,
        "aws:sourceip" => Kind::SourceIp,
        "iot:domainname" => Kind::DomainName,
        "iot:connectattributes" => Kind::ConnectAttributes,
        "iot:lastwilltopic" => Kind::LastWillTopic,
        "iot:connection.thing.thingname" => Kind::ThingName,
        "iot:connection.thing.thingtypename" => Kind::ThingTypeName,
        "iot:connection.thing.isattached" => Kind::IsAttached,
        "iot:certificate.serialnumber" => Kind::CertificateSerial,
        "iot:certificate.availablekeys" => Kind::AvailableKeys,
        "aws:currenttime" => Kind::CurrentTime,
        "aws:epochtime" => Kind::EpochTime,
        "aws:securetransport" => Kind::SecureTransport,
        "aws:useragent" => Kind::UserAgent,
        "iot:topic" => Kind::Topic,
        lower => {
            let field = lower.strip_prefix("iot:certificate.").and_then(certificate_field);
            field.unwrap_or_else(|| Kind::Key(lower.into()))
        }
    }
}

/// The attribute's name in `iot:Connection.Thing.Attributes[name]`. It is compared as written: attribute names that
/// differ in letter case are different attributes.
fn thing_attribute(name: &str) -> Option<&str> {
    let prefix = "iot:Connection.Thing.Attributes[";
    let (start, rest) = name.split_at_checked(prefix.len())?;
    rest.strip_suffix(']').filter(|_| start.eq_ignore_ascii_case(prefix))
}

/// `Subject.CommonName`, `….1` for the second value, `….List` for all.
fn certificate_field(name: &str) -> Option<Kind> {
    if let Some(field) = CertificateField::parse(name) {
        return Some(Kind::Field(field, Which::Nth(0)));
    }
    let (name, which) = name.rsplit_once('.')?;
    let field = CertificateField::parse(name)?;
    if which.eq_ignore_ascii_case("List") {
        return Some(Kind::Field(field, Which::List));
    }
    let at = which.bytes().all(|b| b.is_ascii_digit()).then(|| which.parse().ok())??;
    (at > 0).then_some(Kind::Field(field, Which::Nth(at)))
}
