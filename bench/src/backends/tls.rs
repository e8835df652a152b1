//! A certificate for this machine, and an authority to trust for it, both made for one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::TLS13;

/// What the servers prove themselves with.
pub(super) struct Identity {
    certificate: Certificate,
    key: KeyPair,
    /// The file with the authority's certificate.
    pub authority: PathBuf,
}

impl Identity {
    /// Makes one for 127.0.0.1, and writes its authority into `folder`.
    pub fn make(folder: &Path) -> anyhow::Result<Self> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "Authority of a bench");
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let file = folder.join("authority.pem");
        fs::write(&file, authority.self_signed(&authority_key)?.pem())?;

        let key = KeyPair::generate()?;
        let mut server = CertificateParams::new(["127.0.0.1".to_owned()])?;
        // OpenSSL takes a certificate with its issuer's own name for one that signed itself.
        server.distinguished_name.push(DnType::CommonName, "127.0.0.1");
        server.use_authority_key_identifier_extension = true;
        let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
        Ok(Self { certificate, key, authority: file })
    }

    /// Accepts the connections of one service. Sessions are its own: a session with DynamoDB cannot be resumed with fal,
    /// although the two have one name here.
    pub fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        // What AWS chooses, too.
        let cipher_suites = vec![TLS13_AES_128_GCM_SHA256];
        let provider = CryptoProvider { cipher_suites, ..default_provider() };
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
