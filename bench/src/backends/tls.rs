//! A certificate for this machine, and an authority to trust for it, both made for one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What accepts connections to 127.0.0.1, and the file in `folder` with the authority's certificate.
pub(super) fn certificate(folder: &Path) -> anyhow::Result<(TlsAcceptor, PathBuf)> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "Authority of a bench");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_file = folder.join("authority.pem");
    fs::write(&authority_file, authority.self_signed(&authority_key)?.pem())?;

    let key = KeyPair::generate()?;
    let issuer = Issuer::new(authority, authority_key);
    let mut server = CertificateParams::new(["127.0.0.1".to_owned()])?;
    // OpenSSL takes a certificate with its issuer's own name for one that signed itself.
    server.distinguished_name.push(DnType::CommonName, "127.0.0.1");
    server.use_authority_key_identifier_extension = true;
    let certificate = server.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok((TlsAcceptor::from(Arc::new(config)), authority_file))
}
