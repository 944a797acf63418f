//! The client of the public API: signed calls as AWS's own programs make them, against adit or against AWS.

mod credentials;
mod faults;
mod settings;

pub use credentials::now;
pub use settings::Settings;

use crate::data_dir::{Key, Nearby};
use crate::exit::{Failure, Result};
use crate::http::{Client, Lost, Proxies, Target, Wire};
use crate::{out, span};
use adit_aws::table::{Check, Member};
use adit_aws::{Operation, Outgoing, Service, Signer, Unanswered};
use credentials::Secret;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use serde_json::{Map, Value};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Time for one call with all its tries, unless `--timeout` says otherwise.
const CALL: Duration = Duration::from_secs(60);
/// Time for a question after the time is over.
const SPARE: Duration = Duration::from_secs(5);
/// Tries of a call that is throttled or meets a fault of the service itself.
const TRIES: u32 = 5;
/// The pause before the second try is random up to this, and doubles; never more than [`PAUSE_AT_MOST`].
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_AT_MOST: Duration = Duration::from_secs(10);

/// Options of every command that calls the API.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Server and credentials")]
pub struct ApiArgs {
    /// Profile in ~/.aws/config and ~/.aws/credentials; AWS_PROFILE says the same.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Region; AWS_REGION says the same.
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// URL of the API; AWS_ENDPOINT_URL says the same. Without one the calls go to AWS.
    #[arg(long, value_name = "URL", conflicts_with = "data_dir")]
    pub endpoint_url: Option<String>,
    /// Data folder of a server on this machine: its URL, region, CA and root key; ADIT_DATA_DIR says the same. Without
    /// any setting of AWS, ./data is used if it is one.
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// PEM file with the CAs to believe, instead of the system's; AWS_CA_BUNDLE says the same.
    #[arg(long, value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
    /// Give up after this time: 30, 90s, 5m, 2h. One call gets a minute unless this is given.
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    pub timeout: Option<Duration>,
    /// Say on stderr which server, region and key are used.
    #[arg(short, long)]
    pub verbose: bool,
}

/// Calls operations by name.
pub struct Api {
    settings: Settings,
    client: Client,
    key: Mutex<Option<Key>>,
    deadline: Option<Instant>,
}

/// A last question after the time of a command is over: it has a little time of its own.
pub struct Spare<'a>(&'a Api);

impl Spare<'_> {
    /// As [`Api::call`].
    pub async fn call(&self, service: Service, operation: &str, input: Value) -> Result<Value> {
        let row = row_of(service, operation)?;
        let key = self.0.key().await?;
        Box::pin(self.0.patiently(row, &input, &key, Instant::now() + SPARE)).await
    }
}

/// What a list operation gave.
pub struct Listed {
    pub rows: Vec<Value>,
    /// Whether the limit cut it short.
    pub more: bool,
}

/// What is wrong with one try, and whether another may help.
struct Trouble {
    failure: Failure,
    again: bool,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble { failure, again: false }
    }
}

impl Api {
    /// Finds server, region and key as AWS's programs do. Nothing is sent yet.
    pub fn open(args: &ApiArgs) -> Result<Api> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let settings = Settings::find(args, &variable)?;
        if args.verbose {
            out::talk(&settings);
        }
        let mut api = Api::with(settings, Proxies::of(&variable)?);
        api.deadline = args.timeout.map(|time| Instant::now() + time);
        Ok(api)
    }

    /// Calls the server of a data folder with its root key.
    pub fn nearby(server: &Nearby) -> Result<Api> {
        Ok(Api::with(Settings::nearby(server)?, Proxies::default()))
    }

    fn with(settings: Settings, proxies: Proxies) -> Api {
        let client = Client::new(settings.ca.clone(), proxies);
        Api { settings, client, key: Mutex::new(None), deadline: None }
    }

    /// Server, region and key, as they were found.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// When `--timeout` ends, if it was given.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// When waiting ends that may last `usual` unless `--timeout` was given.
    pub fn patience(&self, usual: Duration) -> Instant {
        self.deadline.unwrap_or_else(|| Instant::now() + usual)
    }

    /// The key that signs, fetched anew when it is about to end.
    pub async fn key(&self) -> Result<Key> {
        let mut kept = self.key.lock().await;
        if let Some(key) = kept.as_ref().filter(|key| credentials::lasts(key)) {
            return Ok(key.clone());
        }
        let key = Box::pin(self.obtain(&self.settings.secret)).await?;
        Ok(kept.insert(key).clone())
    }

    /// Calls an operation by AWS's name with one object of members, and gives its output as one object. A payload is
    /// base64 text ([`adit_aws::blob`]).
    ///
    /// Throttling and faults of the service are tried again, within `--timeout`.
    pub async fn call(&self, service: Service, operation: &str, input: Value) -> Result<Value> {
        let row = row_of(service, operation)?;
        let key = self.key().await?;
        Box::pin(self.patiently(row, &input, &key, self.patience(CALL))).await
    }

    /// Calls a list operation page by page until `limit` rows are there. `rows` is the member that holds them.
    pub async fn list(
        &self,
        service: Service,
        operation: &str,
        input: Value,
        rows: &str,
        limit: usize,
    ) -> Result<Listed> {
        let row = row_of(service, operation)?;
        let mut input = input.as_object().cloned().unwrap_or_default();
        let mut found = Vec::new();
        loop {
            let mut given = input.clone();
            if let Some(member) = find(row, &["maxResults", "pageSize", "MaxItems"]) {
                given.insert(member.name.to_owned(), page_of(member, limit - found.len()).into());
            }
            let mut page = self.call(service, operation, given.into()).await?;
            if let Some(Value::Array(rows)) = page.get_mut(rows) {
                found.append(rows);
            }
            let next = next_page(&page);
            let more = next.is_some() || found.len() > limit;
            found.truncate(limit);
            match next.filter(|_| found.len() < limit).zip(find(row, &["nextToken", "marker", "Marker"])) {
                Some((next, member)) => drop(input.insert(member.name.to_owned(), next)),
                None => return Ok(Listed { rows: found, more }),
            }
        }
    }

    /// For a question that is asked because the time is over.
    pub fn spare(&self) -> Spare<'_> {
        Spare(self)
    }

    async fn patiently(
        &self,
        row: &'static Operation,
        input: &Value,
        key: &Key,
        until: Instant,
    ) -> Result<Value> {
        let outgoing = adit_aws::build(row, input).map_err(|why| Failure::usage(why.to_string()))?;
        let target = Target::parse(&self.settings.endpoint(row.service))?;
        let mut pause = PAUSE;
        for left in (0..TRIES).rev() {
            let attempt = tokio::time::timeout_at(until, self.attempt(row, &outgoing, &target, key));
            let trouble = match attempt.await {
                Ok(Ok(output)) => return Ok(output),
                Ok(Err(trouble)) => trouble,
                Err(_) => {
                    let text = format!("{target} did not answer {} in time", row.name);
                    return Err(Failure::timeout(text)
                        .next("give it more time with --timeout, or look at the server"));
                }
            };
            let rest = some_of(pause);
            if left == 0 || !trouble.again || Instant::now() + rest >= until {
                return Err(trouble.failure);
            }
            tokio::time::sleep(rest).await;
            pause = (pause * 2).min(PAUSE_AT_MOST);
        }
        Err(Failure::failed(format!("{} was never tried", row.name)))
    }

    async fn attempt(
        &self,
        row: &'static Operation,
        outgoing: &Outgoing,
        target: &Target,
        key: &Key,
    ) -> std::result::Result<Value, Trouble> {
        let request = self.signed(row.service, outgoing, target, key)?;
        let answer = self.client.send(target, request).await.map_err(|Lost { failure, was_sent }| {
            let reads = ["Get", "List", "Describe"].iter().any(|verb| row.name.starts_with(verb));
            Trouble { failure, again: was_sent && reads }
        })?;
        let (head, body) = answer.into_parts();
        adit_aws::read_answer(row, head.status.as_u16(), &head.headers, &body).map_err(|no| match no {
            Unanswered::Fault(fault) => {
                let about =
                    faults::About { operation: row.name, target, key, date: head.headers.get("date") };
                Trouble { again: faults::is_passing(&fault), failure: faults::failure(&fault, &about) }
            }
            Unanswered::Unreadable(why) => {
                let failure = Failure::failed(format!("{target}: {why}"));
                failure.next("look at the URL: does another program answer there?").into()
            }
        })
    }

    fn signed(
        &self,
        service: Service,
        outgoing: &Outgoing,
        target: &Target,
        key: &Key,
    ) -> Result<Request<Full<Bytes>>> {
        let refused = |error: &dyn std::fmt::Display| Failure::failed(format!("request: {error}"));
        let mut headers = outgoing.headers.clone();
        headers.insert(HOST, HeaderValue::from_str(&target.authority()).map_err(|error| refused(&error))?);
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("adit/", env!("CARGO_PKG_VERSION"))));
        let unsigned = adit_aws::Request {
            method: &outgoing.method,
            path: &outgoing.path,
            query: &outgoing.query,
            headers: &headers,
            body: &outgoing.body,
        };
        let signer = Signer {
            key_id: &key.id,
            secret: &key.secret,
            session_token: key.session_token.as_deref(),
            region: self.settings.signing_region(service),
            service: service.signing_name(),
            now: now(),
        };
        let made = adit_aws::sign(&unsigned, &signer)
            .map_err(|error| Failure::usage(format!("the access key {} cannot be used: {error}", key.id)))?;
        headers.extend(made.into_iter().map(|(name, value)| (Some(name), value)));
        let mut request = Request::builder()
            .method(outgoing.method.clone())
            .uri(outgoing.target())
            .body(Full::new(Bytes::from(outgoing.body.clone())))
            .map_err(|error| refused(&error))?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Connects to a server, for a protocol of its own.
    pub async fn connect(&self, target: &Target) -> Result<Box<dyn Wire>> {
        self.client.connect(target).await
    }

    async fn obtain(&self, secret: &Secret) -> Result<Key> {
        match secret {
            Secret::Key(key) => Ok(key.clone()),
            Secret::File(path) => Key::read(path),
            Secret::Process(words) => credentials::of_process(words).await,
            Secret::Role { input, source } => {
                let key = Box::pin(self.obtain(source)).await?;
                let row = row_of(Service::Sts, "AssumeRole")?;
                let answer = Box::pin(self.patiently(row, input, &key, self.patience(CALL))).await?;
                credentials::of_role(&answer)
            }
            Secret::None(failure) => Err(failure()),
        }
    }
}

fn row_of(service: Service, operation: &str) -> Result<&'static Operation> {
    let row = service.operation(operation);
    row.ok_or_else(|| Failure::failed(format!("there is no operation {operation}")))
}

fn find<'r>(row: &'r Operation, names: &[&str]) -> Option<&'r Member> {
    row.members.iter().find(|member| names.contains(&member.name))
}

/// As many rows as a page may have, and no more than are wanted.
fn page_of(member: &Member, wanted: usize) -> i64 {
    let most = if let Check::Integer { max, .. } = member.check { *max } else { 100 };
    i64::try_from(wanted).unwrap_or(most).clamp(1, most.min(250))
}

/// What asks for the next page, if there is one.
fn next_page(page: &Value) -> Option<Value> {
    let whole = page.get("IsTruncated").and_then(Value::as_str) == Some("false");
    let next = ["nextToken", "nextMarker", "Marker"].into_iter().find_map(|name| page.get(name));
    next.filter(|next| !whole && next.as_str().is_some_and(|next| !next.is_empty())).cloned()
}

/// A random part of a pause, so that many clients do not come back at once.
fn some_of(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    pause.mul_f64((random >> 40) as f64 / f64::from(1 << 24))
}

/// An object without its null members, for inputs with options.
pub fn members<const N: usize>(given: [(&str, Value); N]) -> Value {
    let given = given.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(given.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_is_asked_for_in_the_operations_own_words() {
        let row = |service: Service, name: &str| service.operation(name).unwrap();
        let names = ["maxResults", "pageSize", "MaxItems"];
        let member =
            |row: &'static Operation| find(row, &names).map(|member| (member.name, page_of(member, 1_000)));
        assert_eq!(member(row(Service::Iot, "ListThings")), Some(("maxResults", 250)));
        assert_eq!(member(row(Service::Iot, "ListCertificates")), Some(("pageSize", 250)));
        assert_eq!(member(row(Service::Tunneling, "ListTunnels")), Some(("maxResults", 100)));
        assert_eq!(next_page(&json!({ "nextMarker": "m" })), Some("m".into()));
        assert_eq!(next_page(&json!({ "nextToken": null })), None);
        assert_eq!(next_page(&json!({ "IsTruncated": "false", "Marker": "m" })), None);
    }

    #[test]
    fn a_pause_is_random_and_bounded() {
        assert!((0..100).all(|_| some_of(PAUSE) <= PAUSE));
        assert_ne!(some_of(PAUSE), some_of(PAUSE));
    }

    #[test]
    fn members_that_are_null_are_not_given() {
        assert_eq!(members([("a", json!(1)), ("b", Value::Null)]), json!({ "a": 1 }));
    }
}
