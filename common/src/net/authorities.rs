//! Which certificate authorities are trusted.
//!
//! Reading the system's bundle of some 150 certificates costs more than all else that a function does at its start, so
//! the few that AWS and fal go back to come with the binary. A server that goes back to another is no dead end: the
//! system's bundle is read then, once.

use std::error::Error;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

/// From Mozilla's programme: Amazon's, Starfield's, Let's Encrypt's, Google's, DigiCert's and Sectigo's.
const KNOWN: &str = include_str!("roots.pem");

/// A connection that takes longer will not come.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Trusts the authorities that come with the binary; where those do not know a server's, the system's.
#[derive(Debug)]
pub(super) struct KnownFirst {
    known: Connector,
    system: Arc<OnceLock<Connector>>,
}

impl Default for KnownFirst {
    fn default() -> Self {
        let known = TrustStore::empty().with_pem_certificate(KNOWN);
        Self { known: connector(known), system: Arc::default() }
    }
}

impl HttpConnector for KnownFirst {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let again = request.try_clone();
        let (answer, system) = (self.known.call(request), Arc::clone(&self.system));
        HttpConnectorFuture::new(async move {
            match (answer.await, again) {
                // The handshake failed, so nothing was sent yet.
                (Err(error), Some(request)) if is_of_unknown_authority(&error) => {
                    tracing::warn!(
                        host = host(&request),
                        "an authority that does not come with the binary: the system's are read; SSL_CERT_FILE spares the detour"
                    );
                    system.get_or_init(connector_of_the_system).call(request).await
                }
                (answer, _) => answer,
            }
        })
    }
}

/// Trusts the system's authorities, or those in the file that `SSL_CERT_FILE` names.
pub(super) fn connector_of_the_system() -> Connector {
    connector(TrustStore::default())
}

fn connector(trusted: TrustStore) -> Connector {
    let trusted = TlsContext::builder().with_trust_store(trusted).build();
    Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(trusted.expect("a trust store is all it needs"))
        .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build())
        .build()
}

fn host(request: &HttpRequest) -> Option<&str> {
    request.uri().split("//").nth(1)?.split(['/', '?']).next()
}

/// Whether it is that the server's certificate goes back to an authority that is not trusted.
fn is_of_unknown_authority(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return *error == rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    }
    // An I/O error hides what it was made of from `source`.
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inner.map(|inner| inner as &dyn Error).or_else(|| error.source()).is_some_and(is_of_unknown_authority)
}

#[cfg(test)]
mod tests;
