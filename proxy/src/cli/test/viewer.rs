//! A viewer: one request on a connection of its own, over HTTP/1.1.

use bytes::Bytes;
use homefront_config::cases::{Request, Scheme};
use homefront_config::limits::{CASE_ANSWER_TIMEOUT, CASE_BODY_BYTES_MAX};
use homefront_functions::test::Seen;
use http::uri::PathAndQuery;
use http::{Uri, Version};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

type Failed = Box<dyn Error + Send + Sync>;

/// Sends a request to a node, whose ports are these; gives its answer.
pub(super) async fn ask(http: SocketAddr, https: Option<SocketAddr>, request: &Request) -> Result<Seen, String> {
    let exchange = async {
        match request.scheme {
            Scheme::Http => exchange(TcpStream::connect(http).await?, request).await,
            Scheme::Https => {
                let address = https.ok_or("the node has no port for it")?;
                let name = request.host.split(':').next().unwrap_or_default();
                let name = ServerName::try_from(name.to_owned())?;
                let tcp = TcpStream::connect(address).await?;
                exchange(TlsConnector::from(Arc::new(tls()?)).connect(name, tcp).await?, request).await
            }
        }
    };
    match tokio::time::timeout(CASE_ANSWER_TIMEOUT, exchange).await {
        Ok(answer) => answer.map_err(|error| told(&*error)),
        Err(_) => Err(format!("there was no answer within {} s", CASE_ANSWER_TIMEOUT.as_secs())),
    }
}

/// An error and what caused it, in one line.
fn told(error: &(dyn Error + 'static)) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", told(cause)),
        None => error.to_string(),
    }
}

async fn exchange<S>(stream: S, request: &Request) -> Result<Seen, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(head(request)?).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, CASE_BODY_BYTES_MAX).collect().await?.to_bytes();
    connection.abort();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Seen {
        status: Some(head.status.as_u16()),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: Some(body.to_vec()),
        ..Seen::default()
    })
}

fn head(request: &Request) -> Result<http::Request<Full<Bytes>>, Failed> {
    let mut uri = http::uri::Parts::default();
    uri.path_and_query = Some(PathAndQuery::try_from(request.target.as_str())?);
    let mut head = http::Request::builder()
        .method(request.method.as_str())
        .uri(Uri::from_parts(uri)?)
        .version(Version::HTTP_11)
        .header("host", request.host.as_str());
    for (name, value) in request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        head = head.header(name, value);
    }
    Ok(head.body(Full::from(request.body.clone()))?)
}

/// What is tried is the node, not its certificate: any will do.
fn tls() -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let verifier = Arc::new(AnyCertificate(provider));
    Ok(versions.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
