//! Which addresses a gateway may connect to, and what a failed request proves.
//!
//! Addresses and `localhost` that stand in the URL are meant. A *name* that resolves to a machine of
//! ours, or to the metadata service of a cloud, is not (threats T42): names are somebody else's to
//! change. The check is made on the very addresses that are then connected to, on each connection.

use std::error::Error as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::AlertDescription;

use super::health::Sign;
use crate::gateway::{Outcome, Refusal};

/// Finds the addresses of a host.
#[async_trait]
pub trait Names: Send + Sync {
    /// The addresses of `host`; an error when there are none.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver: `/etc/hosts`, DNS and whatever else it knows.
pub struct SystemNames;

#[async_trait]
impl Names for SystemNames {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = tokio::net::lookup_host((host, 0)).await?;
        Ok(addresses.map(|address| address.ip()).collect())
    }
}

/// A name that resolves to nothing that may be connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} resolves to an address of a private network; write the address itself, or allow_private: true"
)]
pub(super) struct Private(String);

/// [`Names`], with what is refused left out.
pub(super) struct Guard {
    pub(super) names: Arc<dyn Names>,
    pub(super) allow_private: bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let names = Arc::clone(&self.names);
        let allow_private = self.allow_private;
        Box::pin(async move {
            let host = name.as_str();
            let found = names.lookup(host).await?;
            let usable = usable(host, found, allow_private)?;
            // Port 0: the URL's.
            let addresses = usable.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// The same for whoever else asks what the configuration names.
pub fn resolver(allow_private: bool) -> Arc<dyn Resolve> {
    let names = Arc::new(SystemNames);
    Arc::new(Guard {
        names,
        allow_private,
    })
}

/// What of the addresses of `host` may be connected to.
fn usable(host: &str, found: Vec<IpAddr>, allow_private: bool) -> Result<Vec<IpAddr>, Private> {
    if allow_private || host.eq_ignore_ascii_case("localhost") {
        return Ok(found);
    }
    let (usable, refused): (Vec<_>, Vec<_>) = found.into_iter().partition(|&ip| is_public(ip));
    if usable.is_empty() && !refused.is_empty() {
        return Err(Private(host.to_owned()));
    }
    Ok(usable)
}

/// Whether an address is one of the public Internet (IANA special-purpose registries, 2024).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local() // 169.254.169.254 is the metadata service
        || ip.is_multicast()
        || a == 0
        || (a == 100 && b & 0xC0 == 64) // carrier-grade NAT; Alibaba's metadata service
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xFE == 18)
        || a >= 240)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match s {
        // Loopback, unspecified, IPv4-compatible and IPv4-mapped: what they hold counts.
        [0, 0, 0, 0, 0, 0 | 0xFFFF, high, low] => is_public_v4(v4(high, low)),
        // NAT64 and 6to4 lead to an IPv4 address too.
        [0x64, 0xFF9B, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            is_public_v4(v4(high, low))
        }
        [0x64, 0xFF9B, 1, ..] => false,
        // Unique local, link-local, site-local, multicast.
        [first, ..] => !(first & 0xFE00 == 0xFC00 || first & 0xFF80 == 0xFE80 || first >= 0xFF00),
    }
}

/// What became of a request that brought no answer (faults F24–F28).
pub(super) fn unanswered(error: &reqwest::Error) -> (Outcome, Sign) {
    let reason = describe(error);
    if let Some(rustls::Error::AlertReceived(alert)) = tls(error)
        && refuses_us(*alert)
    {
        // With TLS 1.3 the server says so when our request is under way; it has not read it.
        return (refused(Refusal::Link, reason), Sign::Answered);
    }
    if !error.is_connect() {
        // From here on octets may have left.
        return (Outcome::Unknown(reason), Sign::Answered);
    }
    let later = Refusal::Later {
        after: None,
        counts: true,
    };
    let (class, sign) = match tls(error) {
        Some(rustls::Error::InvalidCertificate(_)) => (Refusal::Link, Sign::Hopeless),
        Some(_) => (Refusal::Link, Sign::Answered),
        None if is_private(error) => (Refusal::Link, Sign::Hopeless),
        None => (later, Sign::Unable),
    };
    (refused(class, reason), sign)
}

fn refused(class: Refusal, reason: String) -> Outcome {
    Outcome::Refused { class, reason }
}

/// Alerts of a handshake, about our certificate or that there is none (RFC 8446 §6.2): the server did not
/// come to read what we sent.
fn refuses_us(alert: AlertDescription) -> bool {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, DecryptError, UnknownCA, UnsupportedCertificate,
    };
    matches!(
        alert,
        AccessDenied
            | BadCertificate
            | CertificateExpired
            | CertificateRequired
            | CertificateRevoked
            | CertificateUnknown
            | DecryptError
            | UnknownCA
            | UnsupportedCertificate
    )
}

/// What is wrong with TLS, if that is what is wrong.
fn tls(error: &reqwest::Error) -> Option<&rustls::Error> {
    causes(error).find_map(|mut cause| {
        // It comes wrapped in io::Error, twice, whose `source` leaves out what it wraps.
        while let Some(inner) = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            cause = inner;
        }
        cause.downcast_ref()
    })
}

fn is_private(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| cause.is::<Private>())
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// In words, without the URL (T45): only the innermost cause, which knows none.
fn describe(error: &reqwest::Error) -> String {
    let cause = causes(error).last().map(ToString::to_string);
    let cause = cause.unwrap_or_else(|| "no answer".to_owned());
    match () {
        () if error.is_connect() && error.is_timeout() => "cannot connect: no answer".to_owned(),
        () if error.is_connect() => format!("cannot connect: {cause}"),
        () if error.is_timeout() => "no answer within the timeout".to_owned(),
        () => format!("the connection broke: {cause}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn public_addresses() {
        for (ip, public) in [
            ("8.8.8.8", true),
            ("172.15.0.1", true),
            ("172.16.0.1", false),
            ("10.0.0.1", false),
            ("192.168.1.1", false),
            ("127.0.0.1", false),
            ("127.8.9.1", false),
            ("0.0.0.0", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("198.19.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2a00:1450::1", true),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::7f00:1", false),
            ("64:ff9b::a00:1", false),
            ("64:ff9b::808:808", true),
            ("2002:7f00:1::", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(ip.parse().expect("address")), public, "{ip}");
        }
    }

    /// Leads to a public address at first, then to the metadata service of a cloud.
    struct Rebound(AtomicBool);

    #[async_trait]
    impl Names for Rebound {
        async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
            let public = !self.0.swap(true, Ordering::Relaxed);
            let found = if public { "8.8.8.8" } else { "169.254.169.254" };
            Ok(vec![found.parse().map_err(io::Error::other)?])
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_each_time() {
        let guard = Guard {
            names: Arc::new(Rebound(AtomicBool::new(false))),
            allow_private: false,
        };
        let name = || "a.example".parse::<Name>().expect("a name");
        let first: Vec<SocketAddr> = guard.resolve(name()).await.expect("public").collect();
        assert_eq!(first, ["8.8.8.8:0".parse().expect("address")]);
        let second = guard.resolve(name()).await.err().expect("refused");
        assert!(second.is::<Private>(), "{second}");
    }

    #[test]
    fn names_are_not_trusted_addresses_are() {
        let both = ["8.8.8.8", "127.0.0.1"].map(|ip| ip.parse().expect("address"));
        let check = |host, found: &[IpAddr], allow| usable(host, found.to_vec(), allow).ok();
        assert_eq!(check("a.example", &both, false), Some(both[..1].to_vec()));
        assert_eq!(check("a.example", &both[1..], false), None);
        assert_eq!(
            check("a.example", &both[1..], true),
            Some(both[1..].to_vec())
        );
        assert_eq!(
            check("LocalHost", &both[1..], false),
            Some(both[1..].to_vec())
        );
        assert_eq!(check("localhost.", &both[1..], false), None);
        assert_eq!(check("a.example", &[], false), Some(vec![]));
    }
}
