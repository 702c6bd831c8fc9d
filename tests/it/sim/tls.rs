//! TLS before a provider, and an authority that vouches for whom it is told to. By `openssl`, so that what
//! is believed is what other people make.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Vouches for certificates.
pub struct Authority {
    dir: tempfile::TempDir,
}

/// A certificate and its key, PEM.
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

fn openssl(dir: &Path, args: &[&str]) {
    let made = Command::new("openssl").args(args).current_dir(dir).output();
    let made = made.expect("openssl is installed");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "openssl {args:?}: {said}");
}

const EC: [&str; 5] = [
    "-nodes",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
];

impl Authority {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let head = ["req", "-x509"];
        let tail = [
            "-subj",
            "/CN=authority",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
        ];
        openssl(dir.path(), &[&head[..], &EC, &tail].concat());
        Self { dir }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).expect("PEM")
    }

    /// Its own certificate, PEM.
    pub fn certificate(&self) -> String {
        self.read("ca.pem")
    }

    /// A client's certificate with that common name.
    pub fn issue_to(&self, name: &str) -> Issued {
        self.signed(&format!("/CN={name}"), &format!("DNS:{name}"), 30)
    }

    /// A certificate for `DNS:a.example` or `IP:127.0.0.1`, good for so many days from now.
    pub fn issue(&self, name: &str, days: i32) -> Issued {
        self.signed("/CN=x", name, days)
    }

    fn signed(&self, subject: &str, name: &str, days: i32) -> Issued {
        let (name, days) = (format!("subjectAltName={name}"), days.to_string());
        let tail = [
            "-subj", subject, "-addext", &name, "-keyout", "key", "-out", "request",
        ];
        openssl(self.dir.path(), &[&["req"][..], &EC, &tail].concat());
        let sign = "x509 -req -in request -CA ca.pem -CAkey ca.key -copy_extensions copy -out certificate -days";
        let sign: Vec<&str> = sign.split(' ').chain([days.as_str()]).collect();
        openssl(self.dir.path(), &sign);
        Issued {
            certificate: self.read("certificate"),
            key: self.read("key"),
        }
    }
}

impl Issued {
    /// For 127.0.0.1, that nobody else vouches for.
    pub fn by_itself() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let name = "subjectAltName=IP:127.0.0.1";
        let tail = [
            "-subj", "/CN=x", "-addext", name, "-keyout", "key", "-out", "pem",
        ];
        openssl(dir.path(), &[&["req", "-x509"][..], &EC, &tail].concat());
        let read = |name| std::fs::read_to_string(dir.path().join(name)).expect("PEM");
        Self {
            certificate: read("pem"),
            key: read("key"),
        }
    }

    /// As one file has it.
    pub fn both(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }
}

/// TLS before a server in the clear.
pub struct Front {
    pub port: u16,
    accepting: JoinHandle<()>,
}

impl Front {
    /// Shows `own`; wants a certificate that `clients` vouches for, when there is one.
    pub async fn before(port: u16, own: &Issued, clients: Option<&Authority>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = rustls::RootCertStore::empty();
                let pem = authority.certificate();
                let root = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
                roots.add(root).expect("a root");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.expect("verifier"))
            }
        };
        let certificate = CertificateDer::from_pem_slice(own.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes());
        let config = builder
            .with_single_cert(vec![certificate.expect("PEM")], key.expect("PEM"))
            .expect("certificate and key");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("address").port();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await.ok()?;
                    let mut plain = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
                    copy_bidirectional(&mut stream, &mut plain).await.ok()
                });
            }
        });
        Self {
            port: own,
            accepting,
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
