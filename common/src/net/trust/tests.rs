//! Facts about the certificate authorities that are trusted.

use bytes::Bytes;
use http::Request;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::net::{self, HttpError};

/// A server with a certificate from an authority of its own, and that authority as PEM.
struct Server {
    url: String,
    authority: String,
}

impl Server {
    async fn start() -> Self {
        let mut authority = CertificateParams::new([]).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key"));
        let (authority, key) = (authority.expect("an authority"), KeyPair::generate().expect("a key"));
        let names = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
        let certificate = names.signed_by(&key, &authority).expect("a certificate");
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let tls = tls.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let tls = tls.with_single_cert(vec![certificate.der().clone()], key).expect("a pair");

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://{}/", listener.local_addr().expect("an address"));
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.expect("a connection");
                let Ok(mut connection) = acceptor.accept(connection).await else { continue };
                let read = connection.read(&mut [0; 4096]).await.expect("a request");
                assert!(read > 0, "no request is sent after a handshake that failed");
                let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
                connection.write_all(response).await.expect("written");
                connection.shutdown().await.expect("closed");
            }
        });
        Self { url, authority: authority.pem() }
    }

    /// What `SSL_CERT_FILE` has to say to trust this server.
    fn trust(&self) -> Result<Trust, TrustError> {
        of_file(&self.authority)
    }

    async fn get(&self, tls: ClientConfig) -> Result<Bytes, HttpError> {
        let request = Request::get(&self.url).body(Bytes::new()).expect("a request");
        net::send(&net::over(net::with_tls(tls)), request, 100).await.map(|response| response.body)
    }
}

fn of_file(content: &str) -> Result<Trust, TrustError> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, content).expect("written");
    let path = file.path().display().to_string();
    Trust::of(&|name| (name == "SSL_CERT_FILE").then(|| path.clone()))
}

#[tokio::test]
async fn only_the_authorities_in_ssl_cert_file_are_trusted() {
    let (ours, other) = (Server::start().await, Server::start().await);
    let tls = ours.trust().expect("a certificate").into_tls();
    assert_eq!(ours.get(tls.clone()).await.expect("a response"), "hi");
    let refused = other.get(tls).await;
    assert!(matches!(refused, Err(HttpError::NotSent)), "{refused:?}");
}

#[test]
fn a_file_without_certificates_is_refused() {
    let refused = of_file("no certificate").expect_err("refused").to_string();
    assert!(refused.starts_with("SSL_CERT_FILE: "), "{refused}");
    Trust::of(&|_| Some("/nowhere".to_owned())).expect_err("refused");
}

#[test]
fn without_ssl_cert_file_mozillas_authorities_are_trusted() {
    for lookup in [None, Some(" ".to_owned())] {
        let trust = Trust::of(&|_| lookup.clone()).expect("no file to read");
        assert!(matches!(trust, Trust::MozillaThenSystem));
    }
}

#[tokio::test]
async fn the_systems_authorities_are_trusted_too() {
    let server = Server::start().await;
    let Ok(Trust::Only(authorities)) = server.trust() else { panic!("a certificate") };
    let provider = Arc::new(ring::default_provider());
    let both = MozillaThenSystem::new(&provider);
    let system: Arc<dyn ServerCertVerifier> = verifier(authorities, &provider);
    both.system.set(Some(system)).expect("not read yet");
    assert_eq!(server.get(tls(Arc::new(both), provider)).await.expect("a response"), "hi");
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_gets_no_request() {
    let server = Server::start().await;
    let refused = server.get(Trust::MozillaThenSystem.into_tls()).await;
    assert!(matches!(refused, Err(HttpError::NotSent)), "{refused:?}");
}
