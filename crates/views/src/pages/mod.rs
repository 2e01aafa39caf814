//! One module per page: its context and its samples. Templates lie in `templates/pages`.

use crate::shell::Shell;

/// A page: a context that turns into HTML inside a frame.
pub trait Page {
    /// The whole document.
    fn render(&self, shell: &Shell) -> String;
}

/// What templates name without saying where it is from.
pub(crate) mod prelude {
    pub(crate) use crate::explanation::Act;
    pub(crate) use crate::failure::FailureKind;
    pub(crate) use crate::kinds::{ProfileKind, StatusKind};
    pub(crate) use crate::shell::{FlashKind, Section};
    pub(crate) use crate::words::Say;
}

/// Ties a context to its template: `shell` and `p` (the context) are what templates see, besides the words of `Say`.
macro_rules! page {
    ($name:ident, $path:tt) => {
        #[derive(askama::Template)]
        #[template(path = $path)]
        struct View<'a> {
            shell: &'a $crate::shell::Shell,
            p: &'a $name,
        }

        use $crate::pages::prelude::*;

        impl $crate::words::Say for View<'_> {
            fn lang(&self) -> $crate::words::Lang {
                self.shell.lang
            }
        }

        impl $crate::pages::Page for $name {
            fn render(&self, shell: &$crate::shell::Shell) -> String {
                use askama::Template as _;
                View { shell, p: self }.render().expect("writing to a string does not fail")
            }
        }
    };
}

pub mod account;
pub mod api_keys;
pub mod connection_choose;
pub mod connection_result;
pub mod dashboard;
pub mod error;
pub mod network_apps;
pub mod page_presets;
pub mod profile_delete;
pub mod profile_general;
pub mod profile_notifications;
pub mod profile_tokens;
pub mod profiles;
pub mod profiles_add;
pub mod profiles_add_network;
pub mod refresh_connection;
pub mod renew;
pub mod renewal_link;
pub mod set_password;
pub mod sign_in;
pub mod teams;
pub mod users;
