//! Which networks this process knows: those that are shipped, and those that its configuration defines.

use std::sync::{PoisonError, RwLock};

use crate::another::Another;
use crate::network::Network;
use crate::oauth2::{Definition, OAuth2};

static CONFIGURED: RwLock<Vec<&'static OAuth2>> = RwLock::new(Vec::new());
static FURTHER: RwLock<Vec<&'static Another>> = RwLock::new(Vec::new());

/// Every network: the shipped ones in the order in which they are offered, then further apps at these, then those that the
/// configuration defines.
pub fn all() -> Vec<&'static dyn Network> {
    let configured = CONFIGURED.read().unwrap_or_else(PoisonError::into_inner);
    let further = FURTHER.read().unwrap_or_else(PoisonError::into_inner);
    let further = further.iter().map(|network| *network as &dyn Network);
    crate::ALL.iter().copied().chain(further).chain(configured.iter().map(|network| *network as &dyn Network)).collect()
}

/// The network of that name.
pub fn find(name: &str) -> Option<&'static dyn Network> {
    let is_called = |network: &&'static dyn Network| network.about().name == name;
    crate::ALL.iter().copied().find(is_called).or_else(|| all().into_iter().find(is_called))
}

/// Makes a network of the configuration known for as long as the process lives. The same name again replaces nothing when
/// it is defined the same way.
///
/// # Errors
/// In words, when a shipped network, or one that is defined otherwise, has that name.
pub fn define(definition: Definition) -> Result<(), String> {
    let name = definition.name.clone();
    if crate::ALL.iter().any(|network| network.about().name == name) {
        return Err(format!("\"{name}\" is a network that is shipped: leave out `kind`, or choose another name"));
    }
    if FURTHER.read().unwrap_or_else(PoisonError::into_inner).iter().any(|network| network.about().name == name) {
        return Err(format!("\"{name}\" is defined twice"));
    }
    let mut configured = CONFIGURED.write().unwrap_or_else(PoisonError::into_inner);
    match configured.iter().find(|network| network.about().name == name) {
        Some(known) if known.is_defined_as(&definition) => {}
        Some(_) => return Err(format!("\"{name}\" is defined twice")),
        // A configuration is read once per process; what it defines lives as long as the process.
        None => configured.push(Box::leak(Box::new(OAuth2::new(definition)))),
    }
    Ok(())
}

/// Makes a further app of ours at a shipped network known, under a name of its own, for as long as the process lives.
///
/// # Errors
/// In words, when there is no such network, when it registers itself wherever it is needed, or when the name is taken.
pub fn define_like(name: &str, title: &str, like: &str) -> Result<(), String> {
    let Some(shipped) = crate::ALL.iter().copied().find(|network| network.about().name == like) else {
        return Err(format!("there is no network \"{like}\" that is shipped: `like` names one of them"));
    };
    if shipped.about().registration != crate::network::Registration::ByHand {
        return Err(format!("{like} needs no app that is registered by hand, so there is no second one"));
    }
    // Before the other list is locked: whoever reads both takes them one after the other.
    let is_configured = CONFIGURED.read().unwrap_or_else(PoisonError::into_inner).iter().any(|network| network.about().name == name);
    if is_configured || crate::ALL.iter().any(|network| network.about().name == name) {
        return Err(format!("\"{name}\" is a network already: choose another name"));
    }
    let mut further = FURTHER.write().unwrap_or_else(PoisonError::into_inner);
    match further.iter().find(|network| network.about().name == name) {
        Some(known) if known.is_defined_as(title, like) => {}
        Some(_) => return Err(format!("\"{name}\" is defined twice")),
        None => further.push(Box::leak(Box::new(Another::new(name, title, shipped)))),
    }
    Ok(())
}
