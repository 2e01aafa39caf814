//! Invitations and renewal links: one-time secrets that travel by mail.

use lifecycle::ids::{ProfileId, UserId};
use lifecycle::permission::Role;
use lifecycle::time::{Span, Timestamp};
use serde_json::json;
use store::events::{self, About, Actor};
use store::profiles::Profile;
use store::renewal_links::{self, Accepts, NewLink};
use store::users::{self, NewUser, User};
use store::{StoreError, Tx};

use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;
use crate::time::fresh_secret;

/// An invitation is valid for 72 hours.
const INVITATION_LIFE: Span = Span::hours(72);

/// Invites a user: a link by mail, which leaves when the transaction is committed, and on the page for whoever invites.
pub async fn invite_user(
    tx: &mut Tx,
    app: &App,
    email: &str,
    name: &str,
    role: Role,
    lang: Lang,
    by: &Actor,
) -> Result<(UserId, String), Problem> {
    check_email(email)?;
    let now = app.now();
    let new = NewUser { email, name, role, language: lang.code(), password_hash: None };
    let id = users::insert(tx, &app.organisation, &new, now).await.map_err(|error| duplicate(error, email))?;
    let link = send_invitation(tx, app, &id, &new, by, now).await?;
    events::append(tx, &app.organisation, now, "user.invited", by, &About::default(), &json!({ "user": id.as_str(), "role": role }))
        .await?;
    Ok((id, link))
}

/// A new link for a user who has none that works, and until when it works.
pub async fn invite_again(app: &App, user: &User, by: &Actor) -> Result<(String, Timestamp), Problem> {
    let now = app.now();
    let mut tx = app.store.write().await?;
    let again = NewUser { email: &user.email, name: &user.name, role: user.role, language: &user.language, password_hash: None };
    let link = send_invitation(&mut tx, app, &user.id, &again, by, now).await?;
    let detail = json!({ "user": user.id.as_str(), "role": user.role });
    events::append(&mut tx, &app.organisation, now, "user.invited", by, &About::default(), &detail).await?;
    tx.commit().await?;
    app.told.notify_one();
    Ok((link, now + INVITATION_LIFE))
}

/// Who is told where a mail does not arrive: a user who sent it.
fn sender(by: &Actor) -> Option<&str> {
    if let Actor::User { id, .. } = by { Some(id) } else { None }
}

async fn send_invitation(
    tx: &mut Tx,
    app: &App,
    id: &UserId,
    user: &NewUser<'_>,
    by: &Actor,
    now: Timestamp,
) -> Result<String, StoreError> {
    let secret = fresh_secret(&*app.dice, "");
    let link = format!("{}/invitation/{}", app.public_url, secret.expose());
    users::invite(tx, id, &secret, now, INVITATION_LIFE).await?;
    let payload = json!({ "organisation": app.organisation_name, "name": user.name, "sender": sender(by) });
    app.store.send_link(tx, &app.organisation, "invitation", user.email, user.language, &payload, &link, now).await?;
    Ok(link)
}

fn duplicate(error: StoreError, email: &str) -> Problem {
    if error.is_duplicate() { Problem::field("email", &format!("there is a user with the address {email} already")) } else { error.into() }
}

/// An address a mail can go to: one @, something on both sides, nothing that could break a header (NT-28).
pub fn check_email(email: &str) -> Result<(), Problem> {
    match email.parse::<lettre::Address>() {
        Ok(_) if email.len() <= 254 => Ok(()),
        _ => Err(Problem::field("email", "is not a mail address")),
    }
}

/// The most profiles one link leads through.
pub const LINK_MAX: usize = 200;

/// Makes a renewal link through profiles for a network admin who needs no account here, and mails it where an address is given.
pub async fn renewal_link(
    app: &App,
    profiles: &[Profile],
    accepts: &Accepts,
    email: Option<&str>,
    lang: Lang,
    by: &Actor,
) -> Result<(String, Timestamp), Problem> {
    if profiles.is_empty() || profiles.len() > LINK_MAX {
        return Err(Problem::field("profile_ids", &format!("names 1 to {LINK_MAX} profiles")));
    }
    if let Some(email) = email {
        check_email(email)?;
    }
    let secret = fresh_secret(&*app.dice, "");
    let link = format!("{}/renew/{}", app.public_url, secret.expose());
    let now = app.now();
    let ids: Vec<ProfileId> = profiles.iter().map(|profile| profile.id.clone()).collect();
    let mut tx = app.store.write().await?;
    let life = app.config.server.renewal_link_max.span();
    let new = NewLink { profiles: &ids, secret: &secret, by, email, accepts, life };
    let expires_at = renewal_links::create(&mut tx, &app.organisation, new, now).await?;
    if let Some(email) = email {
        let asks = match by {
            Actor::User { name, .. } | Actor::ApiKey { name, .. } => name.clone(),
            _ => app.organisation_name.clone(),
        };
        let named = |profile: &Profile| json!({ "id": profile.id.as_str(), "name": profile.name, "network": profile.network });
        let named: Vec<_> = profiles.iter().map(named).collect();
        let payload = json!({
            "organisation": app.organisation_name, "asks": asks, "profiles": named, "expires_at": expires_at, "sender": sender(by),
        });
        app.store.send_link(&mut tx, &app.organisation, "renewal_link", email, lang.code(), &payload, &link, now).await?;
    }
    let detail = json!({ "mailed": email.is_some(), "any_admin": *accepts != Accepts::Holders, "profiles": ids.len() });
    for id in ids {
        let about = About { profile: Some(id), ..About::default() };
        events::append(&mut tx, &app.organisation, now, "renewal_link.created", by, &about, &detail).await?;
    }
    tx.commit().await?;
    app.told.notify_one();
    Ok((link, expires_at))
}
