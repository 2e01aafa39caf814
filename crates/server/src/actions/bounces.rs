//! Mails that came back, as a mail gateway or the operator reports them.

use lifecycle::ids::{OutboxId, UserId};
use lifecycle::words::{foreign, word_enum};
use store::bounces::{Bounced, Report};

use crate::auth::Caller;
use crate::error::Problem;
use crate::outbox::mail::WHY_MAX;
use crate::outbox::returned::{self, Fate};
use crate::state::App;

word_enum! {
    /// What a report led to.
    Outcome {
        /// The address is refused: it is passed over from now on, and what matters is told to whoever is next.
        Refused = "refused",
        /// This mail did not arrive; the address stays good.
        NotDelivered = "not_delivered",
        /// The mail arrived, or is tried again: nothing to be done.
        Underway = "underway",
        /// Nobody here has that address, or no mail of ours went there: nothing is changed.
        Unknown = "unknown",
    }
}

/// What became of one address of a report.
pub struct Taken {
    /// As it is known here, or as the report writes it.
    pub address: String,
    /// What it led to.
    pub outcome: Outcome,
    /// Whose address it is.
    pub user: Option<UserId>,
    /// The mail that came back.
    pub message: Option<OutboxId>,
}

/// A report that a mail server sent (RFC 3464). Whoever can write to its mailbox can forge one, so that it counts only where it names a mail
/// that we sent to that address. Nothing: it is no such report.
///
/// # Errors
/// Those of the database.
pub async fn of_mail(app: &App, caller: &Caller, mail: &[u8]) -> Result<Vec<Taken>, Problem> {
    let mut taken = vec![];
    let Some(said) = returned::read(mail) else { return Ok(taken) };
    for recipient in &said.recipients {
        let of =
            Of { addresses: &recipient.addresses, fate: recipient.fate, why: &recipient.why, messages: &said.messages, vouched: false };
        taken.push(take(app, caller, &of).await?);
    }
    Ok(taken)
}

/// What a gateway says in its own words about an address, and answers for.
///
/// # Errors
/// Those of the database.
pub async fn of_address(
    app: &App,
    caller: &Caller,
    address: &str,
    is_permanent: bool,
    why: &str,
    message: Option<OutboxId>,
) -> Result<Taken, Problem> {
    let (addresses, messages) = ([address.to_owned()], message.into_iter().collect::<Vec<_>>());
    let fate = if is_permanent { Fate::Refused } else { Fate::NotDelivered };
    take(app, caller, &Of { addresses: &addresses, fate, why: &foreign(why, WHY_MAX), messages: &messages, vouched: true }).await
}

struct Of<'a> {
    addresses: &'a [String],
    fate: Fate,
    why: &'a str,
    messages: &'a [OutboxId],
    vouched: bool,
}

async fn take(app: &App, caller: &Caller, of: &Of<'_>) -> Result<Taken, Problem> {
    let address = of.addresses.first().cloned().unwrap_or_default();
    if of.fate == Fate::Underway {
        return Ok(Taken { address, outcome: Outcome::Underway, user: None, message: None });
    }
    let (addresses, messages, refused) = (of.addresses, of.messages, of.fate == Fate::Refused);
    let report = Report { addresses, messages, refused, why: of.why, vouched: of.vouched };
    let Bounced { message, user } = app.store.mail_came_back(&app.organisation, &report, &caller.named, app.now()).await?;
    let outcome = match (&message, &user) {
        (None, None) => Outcome::Unknown,
        _ if refused => Outcome::Refused,
        _ => Outcome::NotDelivered,
    };
    app.told.notify_one();
    Ok(Taken { address, outcome, user, message })
}
