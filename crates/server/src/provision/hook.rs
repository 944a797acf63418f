//! Pre-provisioning hooks: functions in the cloud on AWS, HTTP endpoints here (spec: provisioning §7).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use adit_iot::provisioning::fleet::{Rejected, Verdict};
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long a hook may take, from the first packet to its whole answer. spec: provisioning §8
pub const WITHIN: Duration = Duration::from_secs(5);
/// Bytes of an answer.
const ANSWER: usize = 64 * 1024;

/// Calls hooks. The system's trusted certificates are read when the first one is called by https.
#[derive(Default)]
pub struct Hooks {
    tls: OnceLock<Arc<ClientConfig>>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooks")
    }
}

impl Hooks {
    /// Asks a hook.
    ///
    /// # Errors
    /// `InvocationError` if there is no answer of status 200 in time; `InvalidResult` for another answer than a hook's.
    pub async fn ask(&self, url: &Uri, input: &Value) -> Result<Verdict, Rejected> {
        let failed = |why: String| {
            tracing::warn!(%url, why, "a pre-provisioning hook did not answer");
            Rejected::bad("InvocationError", "Failed to invoke the pre-provisioning hook.")
        };
        match tokio::time::timeout(WITHIN, self.call(url, input)).await {
            Ok(Ok(body)) => Verdict::read(&body),
            Ok(Err(why)) => Err(failed(why)),
            Err(_) => Err(failed(format!("no answer within {} s", WITHIN.as_secs()))),
        }
    }

    async fn call(&self, url: &Uri, input: &Value) -> Result<Bytes, String> {
        let host = url.host().ok_or("the URL has no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let secure = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tcp = TcpStream::connect((host, port)).await.map_err(text)?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let authority = url.authority().map_or(host, |authority| authority.as_str());
        let request = Request::post(path)
            .header(header::HOST, authority.rsplit('@').next().unwrap_or(authority))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(input.to_string())))
            .map_err(text)?;
        if !secure {
            return exchange(tcp, request).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(text)?;
        exchange(TlsConnector::from(self.tls()?).connect(name, tcp).await.map_err(text)?, request).await
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(known) = self.tls.get() {
            return Ok(Arc::clone(known));
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(text)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(config))))
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Bytes, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let asking = async {
        let answer = sender.send_request(request).await.map_err(text)?;
        if answer.status() != http::StatusCode::OK {
            return Err(format!("it answered with status {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), ANSWER).collect().await.map_err(text)?;
        Ok(body.to_bytes())
    };
    tokio::pin!(asking);
    tokio::select! {
        answer = &mut asking => answer,
        ended = connection => match ended {
            // The answer may have come with the end of the connection.
            Ok(()) => asking.await,
            Err(error) => Err(text(error)),
        },
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
