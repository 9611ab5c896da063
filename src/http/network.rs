//! [`Network`]: the network of a client, by which the server counts and limits; [`Subnet`]: one
//! that the configuration names.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

/// What one household or office shares: an IPv4 address, or the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Network(IpAddr);

impl Network {
    /// The network of an address.
    pub(super) fn of(address: IpAddr) -> Self {
        Network(match address.to_canonical() {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }

    /// This machine: a reverse proxy on it carries all clients, so it has no limit of its own.
    pub(super) fn is_loopback(self) -> bool {
        // The network of ::1 is ::.
        self.0.is_loopback() || self.0 == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

/// An address, or a network such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Subnet {
    base: IpAddr,
    prefix_bits: u32,
}

impl Subnet {
    /// Whether the address is one of it.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        let ((own, width), (other, other_width)) = (bits(self.base), bits(address));
        let unused = 128 - self.prefix_bits;
        width == other_width && own.checked_shr(unused) == other.checked_shr(unused)
    }
}

impl FromStr for Subnet {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let base = address.parse::<IpAddr>().map_err(drop)?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let is_number = |bits: &&str| bits.bytes().all(|b| b.is_ascii_digit());
        let prefix_bits = match bits {
            None => most,
            Some(bits) => Some(bits).filter(is_number).ok_or(())?.parse().map_err(drop)?,
        };
        if prefix_bits > most {
            return Err(());
        }
        Ok(Subnet { base, prefix_bits })
    }
}

/// Whether `text` is an address or a network in CIDR notation.
pub fn is_network(text: &str) -> bool {
    text.parse::<Subnet>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_address_with_or_without_its_bits() {
        for right in ["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "0.0.0.0/0"] {
            assert!(is_network(right), "{right}");
        }
        for wrong in ["", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::1/129"] {
            assert!(!is_network(wrong), "{wrong}");
        }
        let all: Subnet = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("192.0.2.1".parse().unwrap()));
        assert!(!all.contains("::1".parse().unwrap()));
    }
}
