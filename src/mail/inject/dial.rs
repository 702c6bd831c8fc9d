//! The line to the MTA: TCP or a unix socket, and TLS on it.
//!
//! Two kinds of TLS. Where a certificate is required, its chain and its name are checked, by the machine's
//! authorities and those of `mail.inject_ca`, always (T44). Opportunistic TLS takes any certificate: it
//! replaces a line in clear and is never trusted with a password.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, InvalidMessage, RootCertStore, SignatureScheme};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::target::Place;
use crate::world::Stream;

/// An MTA that does not accept a connection in this time is down.
const CONNECT: Duration = Duration::from_secs(10);

/// Our side of TLS, made when it is first needed: the authorities of a machine are read from its disk.
#[derive(Default)]
pub(super) struct Security {
    strict: OnceCell<TlsConnector>,
    any: OnceCell<TlsConnector>,
}

/// A connection to the place.
pub(super) async fn connect(place: &Place) -> io::Result<Box<dyn Stream>> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "no answer to the connection");
    match place {
        Place::Unix(path) => {
            let connected = timeout(CONNECT, UnixStream::connect(path)).await;
            Ok(Box::new(connected.map_err(|_| late())??))
        }
        Place::Tcp { host, port } => {
            let found = timeout(CONNECT, lookup_host((host.as_str(), *port))).await;
            let mut last = io::Error::other("its name has no address");
            for address in found.map_err(|_| late())?? {
                match timeout(CONNECT, TcpStream::connect(address)).await {
                    Ok(Ok(stream)) => {
                        // Commands are short, and each is waited for.
                        stream.set_nodelay(true)?;
                        return Ok(Box::new(stream));
                    }
                    Ok(Err(error)) => last = error,
                    Err(_) => last = late(),
                }
            }
            Err(last)
        }
    }
}

/// Why a line could not be made private.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {error}")]
pub(super) struct Untrusted {
    /// Who was to be at the other end.
    pub name: String,
    pub error: io::Error,
}

impl Untrusted {
    /// What came was no TLS at all.
    pub fn is_plain(&self) -> bool {
        let inner = self.error.get_ref();
        let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        matches!(
            inner,
            Some(rustls::Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion
            ))
        )
    }
}

impl Security {
    /// TLS on a line whose other end must be `name`; `strict`: and proves it.
    pub async fn secure(
        &self,
        stream: Box<dyn Stream>,
        name: &str,
        ca: Option<&str>,
        strict: bool,
    ) -> io::Result<Box<dyn Stream>> {
        let connector = match strict {
            true => self.strict.get_or_try_init(|| strictly(ca)).await?,
            false => self.any.get_or_try_init(anybody).await?,
        };
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let stream = connector.connect(name, stream).await?;
        Ok(Box::new(stream))
    }
}

/// Whether there are certificates of authorities in it, and nothing else is wrong.
pub fn check_authorities(pem: &str) -> Result<(), String> {
    authorities(pem, &mut RootCertStore::empty())
}

fn authorities(pem: &str, roots: &mut RootCertStore) -> Result<(), String> {
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    match roots.len() > before {
        true => Ok(()),
        false => Err("there is no certificate in it".into()),
    }
}

async fn strictly(ca: Option<&str>) -> io::Result<TlsConnector> {
    let ca = ca.map(str::to_owned);
    let read = tokio::task::spawn_blocking(move || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        match ca {
            Some(pem) => authorities(&pem, &mut roots).map(|()| roots),
            None => Ok(roots),
        }
    });
    let roots = read.await.map_err(io::Error::other)?;
    let roots = roots.map_err(|why| io::Error::other(format!("mail.inject_ca: {why}")))?;
    let config = builder()?.with_root_certificates(roots);
    Ok(Arc::new(config.with_no_client_auth()).into())
}

async fn anybody() -> io::Result<TlsConnector> {
    let anybody = Arc::new(Anybody(rustls::crypto::ring::default_provider()));
    let config = builder()?
        .dangerous()
        .with_custom_certificate_verifier(anybody);
    Ok(Arc::new(config.with_no_client_auth()).into())
}

fn builder() -> io::Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    builder
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)
}

/// Takes any certificate whose key the other end has (RFC 7435 §3).
#[derive(Debug)]
struct Anybody(CryptoProvider);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
