//! Which addresses may be called. Pure: a table, an allow list and a verdict; the connector asks
//! before every dial, `check` asks ahead of time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// An address that may not be called, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {kind}; [security] allow_cidrs can allow it")]
pub struct Blocked {
    /// The address as resolved or written.
    pub address: IpAddr,
    /// What kind of address it is.
    pub kind: &'static str,
}

/// Whether `address` may be called: it is public, or `allow_cidrs` names it or the IPv4 address
/// inside it.
///
/// # Errors
/// The address and its kind, when it may not.
pub fn verdict(address: IpAddr, allow_cidrs: &[IpNet]) -> Result<(), Blocked> {
    let allowed = |address: IpAddr| allow_cidrs.iter().any(|net| net.contains(&address));
    if allowed(address) {
        return Ok(());
    }
    let refuse = |kind| Err(Blocked { address, kind });
    match address {
        IpAddr::V4(v4) => special_v4(v4).map_or(Ok(()), refuse),
        IpAddr::V6(v6) => {
            let inside = embedded(v6);
            let refused = inside
                .iter()
                .flatten()
                .find_map(|v4| special_v4(*v4).filter(|_| !allowed(IpAddr::V4(*v4))));
            match refused {
                Some(kind) => refuse(kind),
                None if inside.iter().flatten().next().is_some() => Ok(()),
                None => special_v6(v6).map_or(Ok(()), refuse),
            }
        }
    }
}

/// The IPv4 addresses that a packet to `address` ends up at: mapped, NAT64, 6to4, and server and
/// client of Teredo (whose client address travels inverted).
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            [v4(high, low), None]
        }
        [0x2002, high, low, ..] => [v4(high, low), None],
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            [v4(server_high, server_low), v4(!high, !low)]
        }
        _ => [None, None],
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    SPECIAL_V4.iter().find(|(net, _)| net.contains(&address)).map(|(_, kind)| *kind)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some((_, kind)) = SPECIAL_V6.iter().find(|(net, _)| net.contains(&address)) {
        return Some(kind);
    }
    // Nothing outside 2000::/3 has been given out as global unicast.
    (!GLOBAL_UNICAST.contains(&address)).then_some("reserved")
}

const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// IANA's special-purpose registry, and what cloud providers serve secrets on.
const SPECIAL_V4: [(Ipv4Net, &str); 17] = [
    (v4([0, 0, 0, 0], 8), "unspecified"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared (carrier-grade NAT)"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([168, 63, 129, 16], 32), "a cloud provider's metadata service"),
    (v4([169, 254, 169, 254], 32), "a cloud provider's metadata service"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "reserved"),
    (v4([192, 0, 2, 0], 24), "for documentation"),
    (v4([192, 88, 99, 0], 24), "a 6to4 relay"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "for benchmarking"),
    (v4([198, 51, 100, 0], 24), "for documentation"),
    (v4([203, 0, 113, 0], 24), "for documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
];

const SPECIAL_V6: [(Ipv6Net, &str); 13] = [
    (v6_host(0), "unspecified"),
    (v6_host(1), "loopback"),
    (v6([0xfd00, 0xec2, 0, 0], 64), "a cloud provider's metadata service"),
    (v6([0x64, 0xff9b, 1, 0], 48), "local NAT64"),
    (v6([0x100, 0, 0, 0], 64), "discarded"),
    (v6([0x2001, 0, 0, 0], 23), "reserved"),
    (v6([0x2001, 0xdb8, 0, 0], 32), "for documentation"),
    (v6([0x3fff, 0, 0, 0], 20), "for documentation"),
    (v6([0x5f00, 0, 0, 0], 16), "a segment routing identifier"),
    (v6([0xfc00, 0, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0], 8), "multicast"),
];

const fn v4(o: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(o[0], o[1], o[2], o[3]), prefix)
}

const fn v6(s: [u16; 4], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0), prefix)
}

const fn v6_host(last: u16) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, last), 128)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(nets: &[&str]) -> Vec<IpNet> {
        nets.iter().map(|net| net.parse().unwrap()).collect()
    }

    fn refused(address: &str, allow_cidrs: &[&str]) -> bool {
        verdict(address.parse().unwrap(), &allow(allow_cidrs)).is_err()
    }

    #[test]
    fn addresses_that_are_not_public_are_refused() {
        for address in [
            "127.0.0.1",
            "127.254.254.254",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.10.65",
            "172.31.255.255",
            "192.168.10.65",
            "169.254.45.1",
            "169.254.169.254",
            "100.100.0.0",
            "192.0.0.8",
            "192.0.2.255",
            "198.51.100.65",
            "203.0.113.6",
            "192.88.99.3",
            "198.18.0.1",
            "198.19.255.255",
            "224.1.2.3",
            "240.240.240.240",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:0.0.0.1",
            "fe80::",
            "febf:ffff::",
            "fec0::",
            "feff:ffff::1",
            "fd7a:115c:a1e0::1",
            "fd00:ec2::254",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "2001:2::1",
            "2001:20::1",
            "3fff::",
            "3fff:fff::1",
            "100::",
            "100::1",
            "2002:c0a8:0001::",
            "64:ff9b::c0a8:0",
            "64:ff9b:1::",
            "5f00::",
            "4000::1",
            // Teredo: a private client (inverted), a private server.
            "2001:0:101:101:0:0:3f57:fefe",
            "2001:0:a00:1::f7f7:f7f7",
        ] {
            assert!(refused(address, &[]), "{address}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.128.0.0",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "168.63.129.17",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
            "2a00::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
            "2001:0:808:808::f7f7:f7f7",
        ] {
            assert!(!refused(address, &[]), "{address}");
        }
    }

    #[test]
    fn the_allow_list_admits_its_ranges_and_nothing_else() {
        assert!(!refused("127.0.0.1", &["127.0.0.0/8"]));
        assert!(refused("10.0.0.1", &["127.0.0.0/8"]));
        assert!(!refused("10.1.2.3", &["192.168.0.0/16", "10.1.2.3/32"]));
        assert!(refused("::1", &["127.0.0.0/8"]));
        assert!(!refused("::1", &["::1/128"]));
        assert!(!refused("fd00::1", &["fc00::/7"]));
    }

    #[test]
    fn the_allow_list_sees_the_address_inside() {
        assert!(!refused("::ffff:127.0.0.1", &["127.0.0.0/8"]));
        assert!(!refused("64:ff9b::a00:1", &["10.0.0.0/8"]));
        assert!(refused("::ffff:10.0.0.1", &["127.0.0.0/8"]));
        assert!(
            refused("2001:0:a00:1:0:0:3f57:fefe", &["10.0.0.0/8"]),
            "the client is not allowed"
        );
    }

    #[test]
    fn a_refusal_says_what_the_address_is_and_names_the_setting() {
        let text = verdict("::ffff:10.0.0.1".parse().unwrap(), &[]).unwrap_err().to_string();
        assert_eq!(text, "::ffff:10.0.0.1 is private; [security] allow_cidrs can allow it");
    }
}
