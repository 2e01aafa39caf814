//! Which addresses the product may connect to. Origins that the operator configured for a network are trusted for that
//! network's own requests, to the port; what users name (handles, instances, what their documents lead to) must resolve to
//! public addresses, or to ranges the operator allowed. Every address of an answer must pass, and the connector uses only
//! addresses that passed (NT-09).

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Origin, Url};

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

/// Scheme, host and port: what is trusted is no more than was named.
fn origin(url: &Url) -> Option<String> {
    let origin = url.origin();
    matches!(origin, Origin::Tuple(..)).then(|| origin.ascii_serialization())
}

impl Guard {
    /// `allowed` ranges may be reached by anybody's naming; origins of `trusted` URLs (the operator's configuration) always.
    pub fn new(allowed: Vec<IpNet>, trusted: &[String]) -> Self {
        let origins = trusted.iter().filter_map(|url| Url::parse(url).ok()).filter_map(|url| origin(&url));
        Self { allowed, trusted: origins.collect() }
    }

    /// Whether the operator named this very origin: what it resolves to is then the operator's affair.
    pub fn trusts(&self, url: &Url) -> bool {
        origin(url).is_some_and(|origin| self.trusted.contains(&origin))
    }

    /// Whether there is any such origin.
    pub fn trusts_any(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// Checks what a URL shows before any name is resolved: scheme, user info, literal addresses.
    pub fn check_url(&self, url: &Url) -> Result<(), ForbiddenAddress> {
        let shown = url.host_str().unwrap_or_default();
        if self.trusts(url) {
            return Ok(());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ForbiddenAddress("a URL with user name or password".into()));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            // RFC 6761 6.3: the name and everything below it is this machine, whatever a resolver says.
            Some(Host::Domain(name)) if is_localhost(name) => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Some(Host::Domain(_)) => None,
            None => return Err(ForbiddenAddress("a URL without a host".into())),
        };
        if let Some(address) = literal {
            self.check(shown, address)?;
        }
        // TLS spoken to a mail server's port is noise at best: what is reached is a web server, by its port or an unprivileged one.
        if url.port().is_some_and(|port| port != 443 && port < 1024) && !literal.is_some_and(|address| self.is_allowed(address)) {
            return Err(ForbiddenAddress(format!("port {} of {shown}", url.port().unwrap_or_default())));
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
        self.vet(&name, &found)?;
        Ok(Box::new(found.into_iter()))
    }

    /// Every address that a name has must pass: which of them is connected to is not ours to choose (NT-09).
    fn vet(&self, name: &str, found: &[SocketAddr]) -> Result<(), ForbiddenAddress> {
        found.iter().try_for_each(|address| self.check(name, address.ip()))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(Arc::new(self.clone()).lookup(name.as_str().to_owned()))
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
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
mod tests;
