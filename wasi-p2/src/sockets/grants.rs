//! Which part of the network a component reaches.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// The addresses, ports and names that a component may use. Nothing else is reachable; without a rule nothing is.
///
/// ```
/// use wasmer_wasi_p2::Grants;
///
/// let mut grants = Grants::none();
/// for rule in ["127.0.0.1:8080", "10.0.0.0/8", "[::1]:1000-1999", "example.org:443"] {
///     grants.allow(rule)?;
/// }
/// assert!(grants.allows("10.1.2.3:25".parse().unwrap()));
/// assert!(!grants.allows("127.0.0.1:8081".parse().unwrap()));
/// # Ok::<(), wasmer_wasi_p2::GrantError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Grants {
    rules: Vec<Rule>,
    /// Addresses that names which are allowed turned out to have.
    found: Vec<(IpAddr, RangeInclusive<u16>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    host: Host,
    ports: RangeInclusive<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// The addresses that begin with so many bits of this one.
    Range(IpAddr, u8),
    Name(String),
}

/// That a rule cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantError {
    rule: String,
    why: &'static str,
}

impl std::fmt::Display for GrantError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rule, why } = self;
        write!(
            f,
            "`{rule}` is no part of a network: {why}; examples are `127.0.0.1:8080`, `10.0.0.0/8`, `[::1]:1000-1999`, `example.org:443`, `*`"
        )
    }
}

impl std::error::Error for GrantError {}

/// How many addresses of names are remembered; the oldest are forgotten first.
const FOUND_MAX: usize = 1024;

impl Grants {
    /// Nothing.
    pub fn none() -> Grants {
        Grants::default()
    }

    /// Allows what a rule says: `ADDRESS[/BITS][:PORT[-PORT]]` with an IPv6 address in brackets, `NAME[:PORT[-PORT]]` for the addresses that a
    /// name has when the component looks it up, or `*[:PORT[-PORT]]` for everything. Without ports all are meant.
    ///
    /// # Errors
    /// [`GrantError`] if it is none of these.
    pub fn allow(&mut self, rule: &str) -> Result<(), GrantError> {
        let parsed = parse(rule).map_err(|why| GrantError { rule: rule.to_owned(), why })?;
        self.rules.push(parsed);
        Ok(())
    }

    /// Whether an address may be connected to, or sent to.
    pub fn allows(&self, address: SocketAddr) -> bool {
        let (ip, port) = (address.ip(), address.port());
        self.rules.iter().any(|rule| rule.ports.contains(&port) && rule.host.contains(ip))
            || self.found.iter().any(|(found, ports)| *found == ip && ports.contains(&port))
    }

    /// Whether an address may be bound to. A port that the host chooses on no address in particular is what connecting does, too.
    pub(crate) fn allows_bind(&self, address: SocketAddr) -> bool {
        let is_ephemeral = address.ip().is_unspecified() && address.port() == 0;
        self.allows(address) || (is_ephemeral && !self.rules.is_empty())
    }

    /// Whether whatever a name stands for may be connected to on a port.
    pub fn allows_host(&self, name: &str, port: u16) -> bool {
        self.rules.iter().any(|rule| rule.ports.contains(&port) && rule.host.is_name(name))
    }

    /// Whether a name may be looked up.
    pub(crate) fn allows_name(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.host.is_name(name))
    }

    /// Allows the addresses that a name has, on the ports that its rules say.
    pub(crate) fn found(&mut self, name: &str, addresses: &[IpAddr]) {
        let rules = self.rules.iter().filter(|rule| rule.host != Host::Any && rule.host.is_name(name));
        for ports in rules.map(|rule| rule.ports.clone()).collect::<Vec<_>>() {
            for address in addresses {
                let entry = (*address, ports.clone());
                if !self.found.contains(&entry) {
                    self.found.push(entry);
                }
            }
        }
        let too_many = self.found.len().saturating_sub(FOUND_MAX);
        self.found.drain(..too_many);
    }
}

impl Host {
    fn contains(&self, ip: IpAddr) -> bool {
        match self {
            Host::Any => true,
            Host::Range(base, bits) => match (base, ip) {
                (IpAddr::V4(base), IpAddr::V4(ip)) => same_bits(base.to_bits().into(), ip.to_bits().into(), 32 - bits),
                (IpAddr::V6(base), IpAddr::V6(ip)) => same_bits(base.to_bits(), ip.to_bits(), 128 - bits),
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
            },
            Host::Name(_) => false,
        }
    }

    fn is_name(&self, name: &str) -> bool {
        match self {
            Host::Any => true,
            Host::Range(..) => false,
            Host::Name(granted) => granted.eq_ignore_ascii_case(name.trim_end_matches('.')),
        }
    }
}

/// Whether two numbers are the same but for their lowest bits.
fn same_bits(a: u128, b: u128, lowest: u8) -> bool {
    (a ^ b).checked_shr(lowest.into()).unwrap_or(0) == 0
}

fn parse(rule: &str) -> Result<Rule, &'static str> {
    if rule.contains("://") {
        return Err("hosts are granted, with `:443` or `:80` behind them, and not addresses of pages");
    }
    let (host, rest) = match rule.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
            let address: std::net::Ipv6Addr =
                address.parse().map_err(|_| "there is no IPv6 address in the brackets")?;
            (Some(IpAddr::from(address)), rest)
        }
        None => (None, rule),
    };
    let (text, ports) = match rest.split_once(':') {
        Some((text, ports)) => (text, parse_ports(ports)?),
        None => (rest, 0..=u16::MAX),
    };
    Ok(Rule { host: parse_host(host, text)?, ports })
}

fn parse_host(address: Option<IpAddr>, text: &str) -> Result<Host, &'static str> {
    let (text, bits) = match text.split_once('/') {
        Some((text, bits)) => (text, Some(bits.parse::<u8>().map_err(|_| "the number of bits is none")?)),
        None => (text, None),
    };
    let address = match address {
        Some(_) if !text.is_empty() => return Err("something stands behind the brackets"),
        Some(address) => Some(address),
        None => text.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::from),
    };
    if let Some(address) = address {
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(bits_max);
        return if bits > bits_max { Err("an address has fewer bits") } else { Ok(Host::Range(address, bits)) };
    }
    match (text, bits) {
        (_, Some(_)) => Err("only addresses have bits"),
        ("*", None) => Ok(Host::Any),
        (name, None) if is_name(name) => Ok(Host::Name(name.trim_end_matches('.').to_owned())),
        _ => Err("it has no address and no name"),
    }
}

/// Whether a text may be the name of a host.
pub(crate) fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.split('.').all(is_label)
}

fn parse_ports(text: &str) -> Result<RangeInclusive<u16>, &'static str> {
    let port = |text: &str| text.parse::<u16>().map_err(|_| "the port is no number below 65536");
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    if first > last { Err("the ports go backwards") } else { Ok(first..=last) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(rules: &[&str]) -> Grants {
        let mut grants = Grants::none();
        for rule in rules {
            grants.allow(rule).unwrap();
        }
        grants
    }

    #[test]
    fn rules_allow_what_they_say() {
        for (rule, yes, no) in [
            ("*", &["1.2.3.4:5", "[::1]:65535"][..], &[][..]),
            ("*:443", &["1.2.3.4:443"], &["1.2.3.4:444", "[::1]:442"]),
            ("127.0.0.1", &["127.0.0.1:1", "127.0.0.1:65535"], &["127.0.0.2:1", "[::ffff:127.0.0.1]:1"]),
            ("127.0.0.1:80-90", &["127.0.0.1:80", "127.0.0.1:90"], &["127.0.0.1:79", "127.0.0.1:91"]),
            ("10.0.0.0/8", &["10.255.0.1:1"], &["11.0.0.0:1"]),
            ("0.0.0.0/0", &["255.1.1.1:1"], &["[::]:1"]),
            ("[fe80::]/10:7", &["[fe80::1]:7", "[febf::1]:7"], &["[fec0::1]:7", "[fe80::1]:8"]),
            ("[::]/0", &["[1::]:1"], &["0.0.0.0:1"]),
            ("example.org:443", &[], &["1.2.3.4:443"]),
        ] {
            let grants = grants(&[rule]);
            for address in yes {
                assert!(grants.allows(address.parse().unwrap()), "{rule} {address}");
            }
            for address in no {
                assert!(!grants.allows(address.parse().unwrap()), "{rule} {address}");
            }
        }
    }

    #[test]
    fn bad_rules_are_refused() {
        for rule in [
            "",
            ":80",
            "a b",
            "1.2.3.4/33",
            "[::1]/129",
            "[::1",
            "[x]:1",
            "host/8",
            "host:",
            "host:9-8",
            "host:70000",
            "a..b",
        ] {
            assert!(Grants::none().allow(rule).is_err(), "{rule}");
        }
    }

    #[test]
    fn a_name_allows_the_addresses_that_it_has() {
        let mut grants = grants(&["example.org:443"]);
        assert!(grants.allows_name("EXAMPLE.org.") && !grants.allows_name("example.com"));
        assert!(grants.allows_host("example.org", 443) && !grants.allows_host("example.org", 80));
        let address: IpAddr = "1.2.3.4".parse().unwrap();
        grants.found("other.org", &[address]);
        assert!(!grants.allows((address, 443).into()));
        grants.found("example.org", &[address]);
        assert!(grants.allows((address, 443).into()) && !grants.allows((address, 80).into()));
        for number in 0..2000_u32 {
            grants.found("example.org", &[std::net::Ipv4Addr::from_bits(number).into()]);
        }
        assert_eq!(grants.found.len(), FOUND_MAX);
    }

    #[test]
    fn nothing_is_bound_without_a_rule() {
        let any = "0.0.0.0:0".parse().unwrap();
        assert!(!Grants::none().allows_bind(any));
        assert!(grants(&["1.2.3.4:5"]).allows_bind(any));
        assert!(!grants(&["1.2.3.4:5"]).allows_bind("0.0.0.0:80".parse().unwrap()));
        assert!(!grants(&["1.2.3.4:5"]).allows_bind("127.0.0.1:0".parse().unwrap()));
    }
}
