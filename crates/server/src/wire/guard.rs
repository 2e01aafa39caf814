//! Which addresses the product may connect to. Hosts that the operator configured are trusted; hosts that users name
//! (handles, instances, what their documents lead to) must resolve to public addresses, or to ranges the operator
//! allowed. Every address of an answer must pass, and the connector uses only addresses that passed (NT-09).

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The address is not one to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForbiddenAddress(String);

impl fmt::Display for ForbiddenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ForbiddenAddress {}

/// Decides about addresses.
#[derive(Debug, Clone)]
pub struct Guard {
    allowed: Vec<IpNet>,
    trusted: BTreeSet<String>,
}

impl Guard {
    /// `allowed` ranges may be reached by anybody's naming; hosts of `trusted` URLs (the operator's configuration) always.
    pub fn new(allowed: Vec<IpNet>, trusted: &[String]) -> Self {
        let hosts = trusted.iter().filter_map(|url| Url::parse(url).ok()).filter_map(|url| url.host_str().map(str::to_owned));
        Self { allowed, trusted: hosts.collect() }
    }

    /// Checks what a URL shows before any name is resolved: scheme, user info, literal addresses.
    pub fn check_url(&self, url: &Url) -> Result<(), ForbiddenAddress> {
        let shown = url.host_str().unwrap_or_default();
        if self.trusted.contains(shown) {
            return Ok(());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ForbiddenAddress("a URL with user name or password".into()));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain("localhost")) => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Some(Host::Domain(_)) => None,
            None => return Err(ForbiddenAddress("a URL without a host".into())),
        };
        if let Some(address) = literal {
            self.check(shown, address)?;
        }
        let within_allowed = literal.is_some_and(|address| self.is_allowed(address));
        match url.scheme() {
            "https" => Ok(()),
            "http" if within_allowed => Ok(()),
            _ => Err(ForbiddenAddress(format!("{shown} is not reached by https"))),
        }
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|range| range.contains(&address))
    }

    fn check(&self, host: &str, address: IpAddr) -> Result<(), ForbiddenAddress> {
        if is_public(address) || self.is_allowed(address) {
            Ok(())
        } else {
            Err(ForbiddenAddress(format!(
                "{host} leads to a private or reserved address; an operator can allow it in server.allow_private_networks"
            )))
        }
    }

    async fn lookup(self: Arc<Self>, name: String) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
        if !self.trusted.contains(&name) {
            for address in &found {
                self.check(&name, address.ip())?;
            }
        }
        Ok(Box::new(found.into_iter()))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(Arc::new(self.clone()).lookup(name.as_str().to_owned()))
    }
}

/// True for addresses of the public internet; every special range of RFC 6890 and its successors is not.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113);
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let s = address.segments();
    // Only 2000::/3 is handed out for the public internet; some of it leads elsewhere.
    let global = s[0] & 0xe000 == 0x2000;
    let documentation = (s[0] == 0x2001 && s[1] == 0x0db8) || (s[0] & 0xfff0 == 0x3ff0);
    let teredo_and_kin = s[0] == 0x2001 && s[1] < 0x0200;
    let six_to_four = s[0] == 0x2002;
    global && !documentation && !teredo_and_kin && !six_to_four
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nt_08_special_addresses_in_every_spelling() {
        let guard = Guard::new(vec![], &[]);
        let forms = [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "017700000001",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "198.18.0.1",
            "192.0.2.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:0:7f00:1::]",
            "[fc00::1]",
            "[fd12::1]",
            "[fe80::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[100::1]",
            "localhost",
        ];
        for form in forms {
            let url = Url::parse(&format!("https://{form}/x")).expect(form);
            assert!(guard.check_url(&url).is_err(), "{form}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "[2606:4700::1111]", "example.com"] {
            assert!(guard.check_url(&Url::parse(&format!("https://{public}/")).expect(public)).is_ok(), "{public}");
        }
    }

    #[test]
    fn what_the_operator_named_is_trusted_and_nothing_else() {
        let guard = Guard::new(vec!["127.0.0.0/8".parse().expect("a range")], &["http://sandbox.internal:8430/x".into()]);
        let allowed = |url: &str| guard.check_url(&Url::parse(url).expect(url)).is_ok();
        assert!(allowed("http://sandbox.internal:8430/y") && allowed("http://127.0.0.1:5/") && allowed("http://localhost:5/"));
        assert!(
            !allowed("http://example.com/")
                && !allowed("ftp://127.0.0.1/")
                && !allowed("http://10.0.0.1/")
                && !allowed("https://u:p@example.com/")
        );
    }

    #[tokio::test]
    async fn nt_09_every_resolved_address_must_pass() {
        let guard = Arc::new(Guard::new(vec![], &[]));
        let refused = guard.lookup("localhost".into()).await.err().expect("refused");
        assert!(refused.downcast_ref::<ForbiddenAddress>().is_some());
    }
}
