//! Ranges of addresses, IPv4 and IPv6.
//!
//! What is not understood is refused: an access list never fails open (threats T54).

use std::net::IpAddr;

/// A range of addresses: `127.0.0.0/8`, `::1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads an address, with or without a prefix length. What it does not understand it refuses.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        (bits <= width).then_some(Self {
            address: address.to_canonical(),
            bits,
        })
    }

    /// Whether the address is in it; an IPv4 address in IPv6 clothes counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let leading = |value: u128, width: u8| match self.bits {
            0 => 0,
            bits => value >> (u32::from(width) - u32::from(bits.min(width))),
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                leading(u32::from(a).into(), 32) == leading(u32::from(b).into(), 32)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => leading(a.into(), 128) == leading(b.into(), 128),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_refuse_what_they_do_not_understand() {
        for bad in [
            "10.*",
            "*",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "localhost",
            "",
        ] {
            assert!(Network::parse(bad).is_none(), "{bad}");
        }
        let all = Network::parse("0.0.0.0/0").expect("network");
        assert!(all.contains("203.0.113.9".parse().expect("ip")));
        assert!(!all.contains("2001:db8::1".parse().expect("ip")));
    }
}
