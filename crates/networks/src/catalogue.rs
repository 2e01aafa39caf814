//! Which networks this process knows: those that are shipped, and those that its configuration defines.

use std::sync::{PoisonError, RwLock};

use crate::network::Network;
use crate::oauth2::OAuth2;

static CONFIGURED: RwLock<Vec<&'static OAuth2>> = RwLock::new(Vec::new());

/// Every network: the shipped ones in the order in which they are offered, then those of the configuration.
pub fn all() -> Vec<&'static dyn Network> {
    let configured = CONFIGURED.read().unwrap_or_else(PoisonError::into_inner);
    crate::ALL.iter().copied().chain(configured.iter().map(|network| *network as &dyn Network)).collect()
}

/// The network of that name.
pub fn find(name: &str) -> Option<&'static dyn Network> {
    all().into_iter().find(|network| network.about().name == name)
}

/// Makes a network of the configuration known for as long as the process lives. The same name again replaces nothing when
/// it is defined the same way.
///
/// # Errors
/// In words, when a shipped network, or one that is defined otherwise, has that name.
pub fn define(name: &str, title: &str, scopes: &[String]) -> Result<(), String> {
    if crate::ALL.iter().any(|network| network.about().name == name) {
        return Err(format!("\"{name}\" is a network that is shipped: leave out `kind`, or choose another name"));
    }
    let mut configured = CONFIGURED.write().unwrap_or_else(PoisonError::into_inner);
    match configured.iter().find(|network| network.about().name == name) {
        Some(known) if known.is_defined_as(title, scopes) => {}
        Some(_) => return Err(format!("\"{name}\" is defined twice")),
        // A configuration is read once per process; what it defines lives as long as the process.
        None => configured.push(Box::leak(Box::new(OAuth2::new(name, title, scopes)))),
    }
    Ok(())
}
