//! Mails that come back after the mail server had taken them (NF-03).

use lifecycle::departure::{Digest, Wishes};
use lifecycle::ids::{OrganisationId, OutboxId, UserId};
use lifecycle::permission::Role;
use lifecycle::time::Timestamp;
use serde_json::json;
use store::Store;
use store::bounces::{Bounced, Report};
use store::deliveries;
use store::events::Actor;
use store::outbox::Letter;
use store::profiles::{self, Filter};
use store::{teams, telling, users};

use crate::departures::{hour, link, mails, wish};
use crate::loops::{T0, connect, organisation};
use crate::news::roles;
use crate::routing::user;
use crate::{Fixture, count, each, run};

const WHY: &str = "550 5.1.1 User unknown";

/// Whose mails come back, in a team with one other.
struct House {
    organisation: OrganisationId,
    owner: UserId,
}

async fn house(store: &Store) -> House {
    let (organisation, _) = organisation(store).await;
    let owner = user(store, &organisation, "Returns", Role::StandardUser, true).await;
    let member = user(store, &organisation, "member", Role::StandardUser, true).await;
    connect(store, &organisation, "jana", &["1"], T0).await;
    let mut tx = store.write().await.unwrap();
    let team = teams::create(&mut tx, &organisation, "Team", T0).await.unwrap();
    teams::set_members(&mut tx, &organisation, &team, &[member]).await.unwrap();
    let profile = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap().remove(0).id;
    profiles::set_owner_and_teams(&mut tx, &organisation, &profile, Some(&owner), &[team]).await.unwrap();
    tx.commit().await.unwrap();
    House { organisation, owner }
}

/// As a mail server reports it, about these mails.
async fn back(store: &Store, of: &OrganisationId, address: &str, mails: &[&OutboxId], refused: bool, now: Timestamp) -> Bounced {
    let (addresses, messages) = ([address.to_owned()], mails.iter().map(|id| (*id).clone()).collect::<Vec<_>>());
    let report = Report { addresses: &addresses, messages: &messages, refused, why: WHY, vouched: false };
    store.mail_came_back(of, &report, &Actor::Keeper, now).await.unwrap()
}

/// As a gateway says it, without a mail.
async fn said(store: &Store, of: &OrganisationId, address: &str, now: Timestamp) -> Bounced {
    let report = Report { addresses: &[address.to_owned()], messages: &[], refused: true, why: WHY, vouched: true };
    store.mail_came_back(of, &report, &Actor::Keeper, now).await.unwrap()
}

fn to(letters: &[Letter]) -> Vec<(&str, &str)> {
    letters.iter().map(|letter| (letter.kind.as_str(), letter.recipient.as_str())).collect()
}

#[tokio::test]
async fn nf_03_a_mail_that_comes_back_is_as_if_it_had_been_refused_at_once() {
    for Fixture { store, .. } in each().await {
        let House { organisation, owner } = house(&store).await;
        roles(&store, &["1"], true, hour(1)).await;
        let sent = mails(&store, hour(1)).await;
        assert_eq!(to(&sent), [("no_access_tokens", "Returns@example.com")], "{}", store.describe());
        assert!(mails(&store, hour(2)).await.is_empty(), "taken, as far as anybody knows");
        // The report writes the address in another case.
        let done = back(&store, &organisation, "returns@EXAMPLE.com", &[&sent[0].id], true, hour(2)).await;
        assert_eq!(done, Bounced { message: Some(sent[0].id.clone()), user: Some(owner.clone()) });
        let told = mails(&store, hour(2)).await;
        assert_eq!(to(&told), [("no_access_tokens", "member@example.com")], "the next of the ladder, at once: {}", store.describe());
        assert_eq!(told[0].payload["undelivered"]["to"], "Returns@example.com");
        let mut tx = store.read().await.unwrap();
        let row = deliveries::get(&mut tx, &organisation, &sent[0].id).await.unwrap().unwrap();
        let marked = users::by_id(&mut tx, &owner).await.unwrap().unwrap().refused;
        drop(tx);
        assert_eq!((row.sent_at, row.gave_up_at, row.last_error.as_deref()), (Some(hour(1)), Some(hour(2)), Some(WHY)));
        assert_eq!(marked, Some((hour(2), WHY.to_owned())));
        assert_eq!((count(&store, "notification.unreachable").await, count(&store, "notification.failed").await), (1, 1));

        // Said again, nothing more happens.
        assert_eq!(back(&store, &organisation, "returns@example.com", &[&sent[0].id], true, hour(3)).await, done);
        assert!(mails(&store, hour(3)).await.is_empty());
        assert_eq!((count(&store, "notification.unreachable").await, count(&store, "notification.failed").await), (1, 1));

        // The team's member does not get it either: the admins do.
        back(&store, &organisation, "member@example.com", &[&told[0].id], true, hour(3)).await;
        assert_eq!(to(&mails(&store, hour(3)).await), [("no_access_tokens", "Owner@Example.com")]);
    }
}

#[tokio::test]
async fn nf_03_the_next_death_passes_the_address_over_until_a_test_mail_goes_there() {
    for Fixture { store, .. } in each().await {
        let House { organisation, owner } = house(&store).await;
        assert_eq!(said(&store, &organisation, "returns@example.com", hour(1)).await.user, Some(owner.clone()));
        roles(&store, &["1"], true, hour(2)).await;
        assert_eq!(to(&mails(&store, hour(2)).await), [("no_access_tokens", "member@example.com")], "{}", store.describe());
        // What a relay takes proves nothing: it took the mail that came back, too.
        let mut tx = store.write().await.unwrap();
        let reader = users::by_id(&mut tx, &owner).await.unwrap().unwrap();
        telling::warn_of_unreached(&mut tx, &reader, hour(3)).await.unwrap();
        tx.commit().await.unwrap();
        run(&store, "UPDATE outbox SET user_id = $1, recipient = 'Returns@example.com' WHERE kind = 'unreached'", &[owner.as_str().into()])
            .await;
        assert_eq!(to(&mails(&store, hour(3)).await), [("unreached", "Returns@example.com")]);
        roles(&store, &["1"], false, hour(4)).await;
        assert_eq!(to(&mails(&store, hour(4)).await), [("recovered", "member@example.com")]);
        let mut tx = store.write().await.unwrap();
        assert!(telling::test_mail(&mut tx, &owner, hour(5)).await.unwrap());
        tx.commit().await.unwrap();
        let test = mails(&store, hour(5)).await;
        roles(&store, &["1"], true, hour(6)).await;
        assert_eq!(to(&mails(&store, hour(6)).await), [("no_access_tokens", "Returns@example.com")], "{}", store.describe());
        // The test mail comes back as well, late.
        back(&store, &organisation, "returns@example.com", &[&test[0].id], true, hour(7)).await;
        roles(&store, &["1"], false, hour(8)).await;
        assert_eq!(to(&mails(&store, hour(8)).await), [("recovered", "member@example.com")]);
    }
}

#[tokio::test]
async fn an_address_alone_brings_back_what_matters_still_of_what_went_there() {
    for Fixture { store, .. } in each().await {
        let House { organisation, .. } = house(&store).await;
        roles(&store, &["1"], true, hour(1)).await;
        assert_eq!(to(&mails(&store, hour(1)).await), [("no_access_tokens", "Returns@example.com")]);
        said(&store, &organisation, "returns@example.com", hour(2)).await;
        assert_eq!(to(&mails(&store, hour(2)).await), [("no_access_tokens", "member@example.com")], "{}", store.describe());
        said(&store, &organisation, "returns@example.com", hour(3)).await;
        assert!(mails(&store, hour(3)).await.is_empty(), "once");
    }
    for Fixture { store, .. } in each().await {
        let House { organisation, .. } = house(&store).await;
        roles(&store, &["1"], true, hour(1)).await;
        mails(&store, hour(1)).await;
        roles(&store, &["1"], false, hour(2)).await;
        mails(&store, hour(2)).await;
        said(&store, &organisation, "returns@example.com", hour(3)).await;
        assert!(mails(&store, hour(3)).await.is_empty(), "it is green again: {}", store.describe());
    }
}

#[tokio::test]
async fn a_full_mailbox_is_said_to_the_admins_and_the_address_stays_good() {
    for Fixture { store, .. } in each().await {
        let House { organisation, owner } = house(&store).await;
        roles(&store, &["1"], true, hour(1)).await;
        let sent = mails(&store, hour(1)).await;
        back(&store, &organisation, "returns@example.com", &[&sent[0].id], false, hour(2)).await;
        assert_eq!(to(&mails(&store, hour(2)).await), [("no_access_tokens", "Owner@Example.com")], "{}", store.describe());
        let mut tx = store.read().await.unwrap();
        assert_eq!(users::by_id(&mut tx, &owner).await.unwrap().unwrap().refused, None);
        drop(tx);
        roles(&store, &["1"], false, hour(3)).await;
        assert_eq!(to(&mails(&store, hour(3)).await), [("recovered", "Returns@example.com")]);
    }
}

#[tokio::test]
async fn a_forged_report_changes_nothing() {
    for Fixture { store, .. } in each().await {
        let House { organisation, .. } = house(&store).await;
        roles(&store, &["1"], true, hour(1)).await;
        let sent = mails(&store, hour(1)).await;
        let invented: OutboxId = "msg_00000000000000000000000000000001".parse().unwrap();
        let elsewhere: OrganisationId = store::ids::fresh();
        for (of, address, mails) in [
            (&organisation, "returns@example.com", vec![]),
            (&organisation, "returns@example.com", vec![&invented]),
            (&organisation, "member@example.com", vec![&sent[0].id]),
            (&organisation, "", vec![&sent[0].id]),
            (&elsewhere, "returns@example.com", vec![&sent[0].id]),
        ] {
            assert_eq!(back(&store, of, address, &mails, true, hour(2)).await, Bounced::default(), "{address} {mails:?}");
        }
        assert_eq!(said(&store, &organisation, "nobody@example.com", hour(2)).await, Bounced::default());
        assert!(mails(&store, hour(3)).await.is_empty(), "{}", store.describe());
        assert_eq!((count(&store, "notification.unreachable").await, count(&store, "notification.failed").await), (0, 0));
    }
}

#[tokio::test]
async fn a_digest_that_comes_back_loses_nothing_that_matters() {
    for Fixture { store, .. } in each().await {
        let House { organisation, owner } = house(&store).await;
        wish(&store, &owner, Wishes { digest: Digest::Daily, ..Wishes::default() }, T0).await;
        roles(&store, &["1"], true, hour(1)).await;
        mails(&store, hour(1)).await;
        store.remind(hour(25)).await.unwrap();
        run(&store, "UPDATE outbox SET due_at = $1 WHERE channel = 'digest'", &[hour(26).into()]).await;
        store.gather_digests(hour(26), link).await.unwrap();
        let digest = mails(&store, hour(26)).await;
        assert_eq!(to(&digest), [("digest", "Returns@example.com")], "{}", store.describe());
        back(&store, &organisation, "returns@example.com", &[&digest[0].id], true, hour(27)).await;
        assert_eq!(to(&mails(&store, hour(27)).await), [("reminder", "member@example.com")], "{}", store.describe());
    }
}

/// Sends a link as the server does, in the name of a user, and hands it to the mail server.
async fn sent(store: &Store, of: &OrganisationId, kind: &str, to: &str, sender: Option<&UserId>, now: Timestamp) -> OutboxId {
    let profile = json!({ "id": "prf_1", "name": "Fernweh", "network": "linkedin" });
    let payload = json!({ "organisation": "Fernweh", "profiles": [profile], "sender": sender });
    let mut tx = store.write().await.unwrap();
    store.send_link(&mut tx, of, kind, to, "en", &payload, "https://sg.example/renew/secret", now).await.unwrap();
    tx.commit().await.unwrap();
    let mut mails = mails(store, now).await;
    assert_eq!(mails.len(), 1, "{}", store.describe());
    mails.remove(0).id
}

#[tokio::test]
async fn nf_03_who_sent_a_link_hears_that_it_did_not_arrive_and_nobody_hears_that_this_did_not_arrive_either() {
    for Fixture { store, .. } in each().await {
        let House { organisation, owner } = house(&store).await;
        let link = sent(&store, &organisation, "renewal_link", "lena@example.org", Some(&owner), hour(1)).await;
        back(&store, &organisation, "lena@example.org", &[&link], true, hour(2)).await;
        let told = mails(&store, hour(2)).await;
        assert_eq!(to(&told), [("link_not_arrived", "Returns@example.com")], "{}", store.describe());
        assert_eq!((&told[0].payload["to"], &told[0].payload["why"]), (&json!("lena@example.org"), &json!(WHY)));
        assert_eq!(told[0].payload["profiles"][0]["name"], "Fernweh");
        assert!(told[0].link.is_none() && !told[0].payload.to_string().contains("secret"));
        back(&store, &organisation, "lena@example.org", &[&link], true, hour(3)).await;
        assert!(mails(&store, hour(3)).await.is_empty(), "said again");

        // Its own mail comes back: that is all.
        back(&store, &organisation, "returns@example.com", &[&told[0].id], false, hour(3)).await;
        assert!(mails(&store, hour(3)).await.is_empty(), "{}", store.describe());

        // By an address alone, what went there lately; what has been told of is not told of again. Links in a reason may be ours.
        let invitation = sent(&store, &organisation, "invitation", "tom@example.org", Some(&owner), hour(4)).await;
        let quoted = "554 blocked: <sg.example/invitation/secret> see https://evil.example";
        let report = Report { addresses: &["tom@example.org".into()], messages: &[], refused: true, why: quoted, vouched: true };
        for _ in 0..2 {
            store.mail_came_back(&organisation, &report, &Actor::Keeper, hour(5)).await.unwrap();
        }
        let told = mails(&store, hour(5)).await;
        assert_eq!(to(&told), [("invitation_not_arrived", "Returns@example.com")], "{}", store.describe());
        assert_eq!(told[0].payload["why"], "554 blocked: … see …");
        back(&store, &organisation, "tom@example.org", &[&invitation], true, hour(6)).await;
        said(&store, &organisation, "lena@example.org", hour(6)).await;
        assert!(mails(&store, hour(6)).await.is_empty(), "{}", store.describe());
    }
}

#[tokio::test]
async fn nf_03_only_a_sender_who_can_hear_it_hears_that_a_link_did_not_arrive() {
    for Fixture { store, .. } in each().await {
        let House { organisation, owner } = house(&store).await;
        let id = &owner;
        for (n, to, sender) in [(1, "lena@example.org", None), (2, "returns@EXAMPLE.com", Some(id))] {
            let link = sent(&store, &organisation, "renewal_link", to, sender, hour(n)).await;
            back(&store, &organisation, to, &[&link], false, hour(n)).await;
            assert!(mails(&store, hour(n)).await.is_empty(), "{to}: {}", store.describe());
        }
        let who = [id.as_str().into()];
        for sql in [
            "refused_at = 1, refused_why = 'no', refused_address = email",
            "refused_at = NULL, refused_why = NULL, refused_address = NULL, disabled_at = 1",
            "disabled_at = NULL",
        ] {
            run(&store, &format!("UPDATE users SET {sql} WHERE id = $1"), &who).await;
            let link = sent(&store, &organisation, "renewal_link", "lena@example.org", Some(id), hour(5)).await;
            back(&store, &organisation, "lena@example.org", &[&link], false, hour(5)).await;
            let told = usize::from(sql == "disabled_at = NULL");
            assert_eq!(mails(&store, hour(5)).await.len(), told, "{sql}: {}", store.describe());
        }
    }
}
