//! TLS with a certificate for this machine and its authority, both made for one run.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::TLS13;

/// Serves `router` on a free port until the runtime ends.
pub(super) async fn serve(acceptor: TlsAcceptor, router: Router) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
            tokio::spawn(async move {
                // Without TCP_NODELAY a response can wait 40 ms for an acknowledgement, as it does at no
                // service.
                stream.set_nodelay(true).ok();
                // Connections fail when a process is killed, which ends every measurement.
                if let Ok(stream) = acceptor.accept(stream).await {
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
                }
            });
        }
    });
    Ok(address)
}

pub(super) struct Identity {
    certificate: Certificate,
    key: KeyPair,
    /// The file with the authority's certificate.
    pub authority: PathBuf,
}

impl Identity {
    /// Makes a certificate for 127.0.0.1 and writes its authority into `folder`.
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
        // For OpenSSL, a certificate with the name of its issuer is self-signed.
        server.distinguished_name.push(DnType::CommonName, "127.0.0.1");
        server.use_authority_key_identifier_extension = true;
        let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
        Ok(Self { certificate, key, authority: file })
    }

    /// An acceptor for one service. A session with DynamoDB cannot be resumed with fal, although both have
    /// one name here.
    pub fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        // AWS chooses this one, too.
        let cipher_suites = vec![TLS13_AES_128_GCM_SHA256];
        let provider = CryptoProvider { cipher_suites, ..default_provider() };
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
