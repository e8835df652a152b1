//! Facts about whom the HTTP client trusts.

use bytes::Bytes;
use http::Request;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::net::{self, HttpClient, HttpError};

#[test]
fn the_authorities_of_aws_and_fal_come_with_the_binary() {
    // A line with its name stands above each certificate.
    let is_name = |line: &&str| line.contains(' ') && !line.starts_with("-----");
    let names: Vec<_> = KNOWN.lines().filter(is_name).collect();
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(KNOWN.as_bytes()).collect();
    let certificates = certificates.expect("PEM");
    assert_eq!(certificates.len(), names.len());
    let mut trusted = RootCertStore::empty();
    for (certificate, name) in certificates.into_iter().zip(&names) {
        let is_named = certificate.windows(name.len()).any(|bytes| bytes == name.as_bytes());
        assert!(is_named, "not the certificate of {name}");
        trusted.add(certificate).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for owner in ["Amazon", "Starfield", "ISRG", "GTS", "DigiCert", "Sectigo", "USERTrust"] {
        assert!(names.iter().any(|name| name.starts_with(owner)), "{owner}");
    }
}

/// A server whose certificate is of an authority of its own, which is answered as PEM.
async fn serve() -> (String, String) {
    let mut authority = CertificateParams::new([]).expect("no names");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key"));
    let (authority, key) = (authority.expect("an authority"), KeyPair::generate().expect("a key"));
    let names = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
    let certificate = names.signed_by(&key, &authority).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = config.expect("versions").with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).expect("a pair");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.expect("a connection");
            let Ok(mut connection) = acceptor.accept(connection).await else { continue };
            let asked = connection.read(&mut [0; 4096]).await.expect("a request");
            assert!(asked > 0, "nothing is asked over a handshake that failed");
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
            connection.write_all(answer).await.expect("written");
            connection.shutdown().await.expect("closed");
        }
    });
    (format!("https://{address}/"), authority.pem())
}

async fn get(client: KnownFirst, url: &str) -> Result<Bytes, HttpError> {
    let request = Request::get(url).body(Bytes::new()).expect("a request");
    net::send(&HttpClient::new(client), request, 100).await.map(|answer| answer.body)
}

#[tokio::test]
async fn a_server_of_another_authority_is_reached_if_the_system_trusts_it() {
    let (url, authority) = serve().await;
    let client = KnownFirst::default();
    client.system.set(connector(TrustStore::empty().with_pem_certificate(authority))).expect("not set");
    assert_eq!(get(client, &url).await.expect("an answer"), "hi");
}

#[tokio::test]
async fn a_server_of_an_authority_that_nobody_knows_gets_no_request() {
    let (url, _) = serve().await;
    let refused = get(KnownFirst::default(), &url).await;
    assert!(matches!(refused, Err(HttpError::NotSent)), "{refused:?}");
}
