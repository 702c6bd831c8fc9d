//! What TLS is told by the configuration: our certificate, and who alone may vouch for the provider.
//!
//! PEM in, what the HTTP client takes out. It never shows what it read.

use reqwest::{Certificate, Identity};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{PemObject, SectionKind};

use crate::secret::Secret;

/// More is a file named by mistake: the certificates of all public authorities are some 230 KiB.
pub const MAX_PEM: u64 = 1024 * 1024;

/// A certificate, those between it and its authority, and its key.
pub(super) fn identity(pem: &Secret) -> Result<Identity, &'static str> {
    let pem = pem.expose();
    if pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || pem.contains("\nProc-Type: 4,ENC") {
        return Err("its key needs a passphrase; write it without one, by openssl pkey -in FILE");
    }
    let certificates = certificates(pem)?;
    if certificates.is_empty() {
        return Err("holds no certificate; write the path of a PEM file with certificate and key");
    }
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(
        |_| "holds no private key; write the path of a PEM file with certificate and key",
    )?;
    Identity::from_pem(pem.as_bytes())
        .map_err(|_| "holds more than certificates and a key; leave only those in it")
}

/// Authorities.
pub(super) fn authorities(pem: &str) -> Result<Vec<Certificate>, &'static str> {
    let found = certificates(pem)?;
    if found.is_empty() {
        return Err("holds no certificate; write the path of a PEM file with the authority's");
    }
    let read = found.iter().map(|der| Certificate::from_der(der));
    read.collect::<Result<_, _>>()
        .map_err(|_| "holds a certificate that cannot be read")
}

fn certificates(pem: &str) -> Result<Vec<Vec<u8>>, &'static str> {
    let all = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes());
    let mut found = Vec::new();
    for section in all {
        match section {
            Ok((SectionKind::Certificate, der)) => found.push(der),
            Ok(_) => {}
            Err(_) => return Err("is not whole PEM; write the path of a PEM file"),
        }
    }
    Ok(found)
}
