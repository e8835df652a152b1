//! The certificate authorities that the HTTP client trusts.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use thiserror::Error;

/// Which certificate authorities are trusted.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Mozilla's, which are compiled in. A server whose authority is not among them is checked against the
    /// system's.
    MozillaThenSystem,
    /// Only these.
    Only(Arc<RootCertStore>),
}

/// The file of certificate authorities is unusable.
#[derive(Debug, Error)]
#[error("SSL_CERT_FILE: no certificates can be read from {}: {cause}", file.display())]
pub struct TrustError {
    file: PathBuf,
    cause: pem::Error,
}

impl Trust {
    /// The authorities in the file that `SSL_CERT_FILE` names, read through `lookup`; without it, Mozilla's
    /// and the system's.
    pub fn of(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, TrustError> {
        match lookup("SSL_CERT_FILE").filter(|file| !file.trim().is_empty()) {
            Some(file) => Self::file(Path::new(&file)),
            None => Ok(Self::MozillaThenSystem),
        }
    }

    fn file(file: &Path) -> Result<Self, TrustError> {
        let read = || {
            let certificates: Vec<_> = CertificateDer::pem_file_iter(file)?.collect::<Result<_, _>>()?;
            let mut authorities = RootCertStore::empty();
            match authorities.add_parsable_certificates(certificates) {
                (0, _) => Err(pem::Error::NoItemsFound),
                _ => Ok(Self::Only(Arc::new(authorities))),
            }
        };
        read().map_err(|cause| TrustError { file: file.to_owned(), cause })
    }

    /// A TLS client that trusts these authorities.
    pub(super) fn into_tls(self) -> ClientConfig {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self {
            Self::MozillaThenSystem => Arc::new(MozillaThenSystem::new(&provider)),
            Self::Only(authorities) => verifier(authorities, &provider),
        };
        tls(verifier, provider)
    }
}

fn tls(verifier: Arc<dyn ServerCertVerifier>, provider: Arc<CryptoProvider>) -> ClientConfig {
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.expect("ring has ciphers for TLS 1.2 and 1.3");
    // What rustls calls dangerous is any verifier that is not its own. Ours asks rustls's own, one after the
    // other.
    tls.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
}

fn verifier(authorities: Arc<RootCertStore>, provider: &Arc<CryptoProvider>) -> Arc<WebPkiServerVerifier> {
    let verifier = WebPkiServerVerifier::builder_with_provider(authorities, Arc::clone(provider));
    verifier.build().expect("there is at least one authority")
}

/// Checks a server's certificate against Mozilla's authorities, and if none of them issued it, against the
/// system's.
///
/// Mozilla's are compiled in as parsed data: reading the system's bundle of some 150 certificates costs more
/// than everything else that a function does at its start.
#[derive(Debug)]
struct MozillaThenSystem {
    mozilla: Arc<WebPkiServerVerifier>,
    /// Read when first needed. `None` if the system has no authorities.
    system: OnceLock<Option<Arc<dyn ServerCertVerifier>>>,
    provider: Arc<CryptoProvider>,
}

impl MozillaThenSystem {
    fn new(provider: &Arc<CryptoProvider>) -> Self {
        let mozilla = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let mozilla = verifier(Arc::new(mozilla), provider);
        Self { mozilla, system: OnceLock::new(), provider: Arc::clone(provider) }
    }

    fn system(&self) -> Option<&Arc<dyn ServerCertVerifier>> {
        let read = || {
            let system = rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider)).ok()?;
            Some(Arc::new(system) as Arc<dyn ServerCertVerifier>)
        };
        self.system.get_or_init(read).as_ref()
    }
}

impl ServerCertVerifier for MozillaThenSystem {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verify = |verifier: &dyn ServerCertVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server, ocsp_response, now)
        };
        let verified = verify(&*self.mozilla);
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        if verified.as_ref().err() != Some(&unknown) {
            return verified;
        }
        tracing::warn!(
            host = %server.to_str(),
            "the server's certificate authority is not one of Mozilla's, so the system's are read; \
             to trust it without this delay, name a file with it in SSL_CERT_FILE"
        );
        self.system().map_or(verified, |system| verify(&**system))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.mozilla.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.mozilla.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.mozilla.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
