//! What a crash leaves behind: no copy of the memory, in which tokens are, and no words that may hold what was worked on (NT-15).

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Stands in for words that were put together from values.
const LEFT_OUT: &str = "its words are left out, they may hold what was worked on";

/// Has the process leave nothing. From here on no debugger of the same user reads its memory either.
pub(crate) fn leave_nothing() {
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!(error = %error, "crashes: core dumps could not be switched off");
    }
    // A limit is no matter to a machine that hands dumps to a program (systemd-coredump, apport).
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::warn!(error = %error, "crashes: core dumps could not be switched off");
    }
    std::panic::set_hook(Box::new(|panic| {
        let (at, words) = told(panic);
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            tracing::error!(at, backtrace = %backtrace, "a part of the server panicked: {words}");
        } else {
            tracing::error!(at, "a part of the server panicked: {words}");
        }
    }));
}

/// Where it happened, and its words where they stand in our source as they are.
fn told(panic: &PanicHookInfo<'_>) -> (String, &'static str) {
    let at = panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    (at, panic.payload().downcast_ref::<&'static str>().copied().unwrap_or(LEFT_OUT))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn nt_15_a_panic_tells_where_and_no_value() {
        let canary = std::hint::black_box(String::from("canary-token-0123456789"));
        let heard = Arc::new(Mutex::new(vec![]));
        let hears = Arc::clone(&heard);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if let Ok(mut heard) = hears.lock() {
                heard.push(told(panic));
            }
        }));
        let error: Result<(), String> = std::hint::black_box(Err(canary.clone()));
        let panics: [Box<dyn FnOnce() + std::panic::UnwindSafe>; 3] = [
            Box::new(move || panic!("it was {canary}")),
            Box::new(move || error.expect("a good answer")),
            Box::new(|| panic!("a sentence of ours")),
        ];
        for panics in panics {
            assert!(std::panic::catch_unwind(panics).is_err());
        }
        std::panic::set_hook(before);
        let heard = heard.lock().expect("nobody panicked with it");
        let words: Vec<&str> = heard.iter().map(|(_, words)| *words).collect();
        assert_eq!(words, [LEFT_OUT, LEFT_OUT, "a sentence of ours"]);
        assert!(heard.iter().all(|(at, _)| at.contains("crashes.rs:")), "{heard:?}");
    }
}
