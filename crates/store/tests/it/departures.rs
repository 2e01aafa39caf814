//! When mails leave: quiet hours, digests, and that nothing is lost or doubled on the way (NF-01, NF-07).

use lifecycle::departure::{Digest, Quiet, Wishes};
use lifecycle::ids::{OrganisationId, UserId};
use lifecycle::permission::Role;
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};
use store::deliveries::{self, Delivery};
use store::digests::{self, UnsubscribeLink};
use store::outbox::Letter;
use store::profiles::{self, Filter};
use store::users::{self, Account};
use store::{Store, teams, telling, wishes};

use crate::drift::{asset, list};
use crate::loops::{T0, connect, organisation};
use crate::news::roles;
use crate::routing::user;
use crate::{Fixture, count, each, run};

/// T0 is a Friday, 8 o'clock in the morning, where these users live.
pub(crate) fn hour(n: i64) -> Timestamp {
    T0 + Span::hours(n)
}

pub(crate) async fn wish(store: &Store, user: &UserId, wishes: Wishes, now: Timestamp) {
    let mut tx = store.write().await.unwrap();
    wishes::set(&mut tx, user, &wishes, now).await.unwrap();
    tx.commit().await.unwrap();
}

pub(crate) fn link() -> UnsubscribeLink {
    let secret = Secret::new(format!("sgu_{}", store::ids::fresh::<lifecycle::ids::EventId>()));
    UnsubscribeLink { address: format!("https://sg.example/unsubscribe/{}", secret.expose()), secret }
}

/// What leaves by mail at that moment, taken and sent.
pub(crate) async fn mails(store: &Store, now: Timestamp) -> Vec<Letter> {
    store.gather_digests(now, link).await.unwrap();
    let letters = store.claim_letters(now, 100).await.unwrap();
    for letter in &letters {
        store.letter_sent(letter, now).await.unwrap();
    }
    letters
}

fn kinds(letters: &[Letter]) -> Vec<&str> {
    letters.iter().map(|letter| letter.kind.as_str()).collect()
}

fn items(digest: &Letter) -> Vec<(&str, usize)> {
    let items = digest.payload["items"].as_array().unwrap();
    items.iter().map(|item| (item["mail"].as_str().unwrap(), item["said"]["profiles"].as_array().unwrap().len())).collect()
}

async fn log(store: &Store, organisation: &OrganisationId) -> Vec<Delivery> {
    let mut tx = store.read().await.unwrap();
    deliveries::list(&mut tx, organisation, None, None, 100).await.unwrap()
}

const NIGHT: Wishes = Wishes {
    digest: Digest::Immediate,
    digest_at: 480,
    digest_weekday: 1,
    quiet: Some(Quiet { from: 22 * 60, to: 7 * 60 }),
    deaths_wait: true,
};
const DAILY: Wishes = Wishes { digest: Digest::Daily, quiet: None, ..NIGHT };

#[tokio::test]
async fn a_death_in_quiet_hours_leaves_when_they_end_or_at_once_if_the_reader_says_so() {
    for Fixture { store, .. } in each().await {
        let (organisation, reader) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        wish(&store, &reader, NIGHT, T0).await;
        roles(&store, &["1"], true, hour(15)).await;
        assert!(mails(&store, hour(15)).await.is_empty());
        let waiting = log(&store, &organisation).await.remove(0);
        let why = waiting.waits_for.map(lifecycle::departure::WaitsFor::as_str);
        assert_eq!((waiting.due_at, why), (Some(hour(23)), Some("quiet_hours")), "{}", store.describe());
        assert!(mails(&store, hour(23) - Span::seconds(1)).await.is_empty());
        assert_eq!(store.tell_untold(hour(20)).await.unwrap(), 0, "NF-07: what waits is told");
        assert_eq!(kinds(&mails(&store, hour(23)).await), ["no_access_tokens"]);
        assert!(mails(&store, hour(24)).await.is_empty(), "once");
        assert_eq!(log(&store, &organisation).await[0].waits_for, None);

        roles(&store, &["1"], false, hour(24)).await;
        mails(&store, hour(24)).await;
        wish(&store, &reader, Wishes { deaths_wait: false, ..NIGHT }, hour(24)).await;
        roles(&store, &["1"], true, hour(40)).await;
        assert_eq!(kinds(&mails(&store, hour(40)).await), ["no_access_tokens"], "woken up");
    }
}

#[tokio::test]
async fn what_waits_leaves_as_its_reader_wishes_now() {
    for Fixture { store, .. } in each().await {
        let (organisation, reader) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        wish(&store, &reader, NIGHT, T0).await;
        roles(&store, &["1"], true, hour(15)).await;
        let due = async || log(&store, &organisation).await[0].due_at;
        assert_eq!(due().await, Some(hour(23)));
        let mut tx = store.write().await.unwrap();
        let moved = Account { name: "Owner", language: "de", time_zone: "America/New_York", theme: "auto", start_page: "forecast" };
        users::set_account(&mut tx, &reader, &moved, hour(16)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(due().await, Some(hour(16)), "it is afternoon there: {}", store.describe());
        wish(&store, &reader, Wishes { quiet: Quiet::new(0, 23 * 60), ..NIGHT }, hour(16)).await;
        assert_eq!(due().await, Some(hour(16)), "what may leave is not called back");
        let left = mails(&store, hour(16)).await;
        let zones: Vec<Option<&str>> = left.iter().map(|letter| letter.zone.as_deref()).collect();
        assert_eq!(zones, [Some("America/New_York")], "in whose time it tells days and hours");
    }
}

#[tokio::test]
async fn a_digest_gathers_what_is_not_urgent_once_and_says_so_in_the_log() {
    for Fixture { store, .. } in each().await {
        let (organisation, reader) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1", "2"], T0).await;
        wish(&store, &reader, DAILY, T0).await;
        roles(&store, &["1", "2"], true, hour(1)).await;
        assert_eq!(kinds(&mails(&store, hour(1)).await), ["no_access_tokens"], "a death never waits for a digest");
        roles(&store, &["1"], false, hour(2)).await;
        store.remind(hour(25)).await.unwrap();
        assert_eq!(kinds(&mails(&store, hour(24)).await), ["digest"], "the all-clear of yesterday");
        assert!(mails(&store, hour(47)).await.is_empty());
        roles(&store, &["2"], false, hour(30)).await;
        let waiting = log(&store, &organisation).await;
        assert!(waiting.iter().filter(|one| one.channel == "digest" && one.waits_for.is_some()).all(|one| one.due_at == Some(hour(48))));

        let (one, two) = tokio::join!(store.gather_digests(hour(48), link), store.gather_digests(hour(48), link));
        assert_eq!(one.unwrap() + two.unwrap(), 1, "two nodes, one digest: {}", store.describe());
        let digest = mails(&store, hour(48)).await;
        assert_eq!(kinds(&digest), ["digest"]);
        assert_eq!(items(&digest[0]), [("reminder", 1), ("recovered", 1)]);
        assert!(digest[0].link.as_ref().unwrap().starts_with("https://sg.example/unsubscribe/"));
        let left = log(&store, &organisation).await;
        let gathered: Vec<&Delivery> = left.iter().filter(|one| one.gathered_in.as_ref() == Some(&digest[0].id)).collect();
        assert_eq!(gathered.len(), 2);
        assert!(gathered.iter().all(|one| one.sent_at == Some(hour(48)) && one.due_at.is_none()));
        assert!(mails(&store, hour(100)).await.is_empty(), "nothing is doubled");
        assert_eq!(run(&store, "UPDATE outbox SET tries = tries WHERE sealed_payload IS NOT NULL", &[]).await, 0, "the link is shredded");
    }
}

#[tokio::test]
async fn what_turns_up_at_a_network_waits_for_the_digest_and_for_the_end_of_the_night() {
    for Fixture { store, .. } in each().await {
        let (organisation, reader) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let pages = async |count: usize, now| {
            let listed: Vec<_> = (1..=count).map(|n| asset(&n.to_string(), &format!("Page {n}"), "ADMINISTRATOR")).collect();
            list(&store, now, &listed).await;
        };
        pages(1, hour(24)).await;
        wish(&store, &reader, DAILY, hour(25)).await;
        pages(2, hour(49)).await;
        assert!(mails(&store, hour(71)).await.is_empty(), "{}", store.describe());
        let digest = mails(&store, hour(72)).await;
        assert_eq!((kinds(&digest), items(&digest[0])), (vec!["digest"], vec![("new_profiles", 1)]), "{}", store.describe());
        wish(&store, &reader, NIGHT, hour(73)).await;
        pages(3, hour(88)).await;
        assert!(mails(&store, hour(94)).await.is_empty(), "until 7 in the morning");
        assert_eq!(kinds(&mails(&store, hour(95)).await), ["new_profiles"], "{}", store.describe());
        wish(&store, &reader, Wishes { digest: Digest::Off, ..NIGHT }, hour(96)).await;
        pages(4, hour(120)).await;
        assert!(mails(&store, hour(144)).await.is_empty(), "nothing that is not urgent");
        wish(&store, &reader, Wishes { quiet: None, ..NIGHT }, hour(145)).await;
        run(&store, "UPDATE users SET refused_address = email, refused_at = 1, refused_why = '550 no'", &[]).await;
        pages(5, hour(150)).await;
        assert!(mails(&store, hour(200)).await.is_empty(), "nothing to an address that is refused");
    }
}

#[tokio::test]
async fn a_digest_that_cannot_be_delivered_loses_nothing_that_matters() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let reader = user(&store, &organisation, "bounces", Role::StandardUser, true).await;
        connect(&store, &organisation, "jana", &["1", "2"], T0).await;
        run(&store, "UPDATE profiles SET owner_id = $1", &[reader.as_str().into()]).await;
        wish(&store, &reader, DAILY, T0).await;
        roles(&store, &["1", "2"], true, hour(1)).await;
        mails(&store, hour(1)).await;
        roles(&store, &["1"], false, hour(2)).await;
        store.remind(hour(25)).await.unwrap();
        run(&store, "UPDATE outbox SET due_at = $1 WHERE channel = 'digest'", &[hour(26).into()]).await;
        store.gather_digests(hour(26), link).await.unwrap();
        let digest = store.claim_letters(hour(26), 10).await.unwrap().remove(0);
        assert_eq!(items(&digest), [("recovered", 1), ("reminder", 1)]);
        store.letter_given_up(&digest, "550 no such user", hour(27)).await.unwrap();
        let told = mails(&store, hour(27)).await;
        assert_eq!((kinds(&told), told[0].recipient.as_str()), (vec!["reminder"], "Owner@Example.com"), "{}", store.describe());
        assert_eq!(told[0].payload["undelivered"]["to"], "bounces@example.com");
        assert!(log(&store, &organisation).await.iter().all(|one| one.sent_at.is_some() || one.gave_up_at.is_some()));
    }
}

#[tokio::test]
async fn a_link_switches_one_digest_off_and_a_death_still_reaches_somebody() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let reader = user(&store, &organisation, "reader", Role::StandardUser, true).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        run(&store, "UPDATE profiles SET owner_id = $1", &[reader.as_str().into()]).await;
        wish(&store, &reader, DAILY, T0).await;
        roles(&store, &["1"], true, hour(1)).await;
        roles(&store, &["1"], false, hour(2)).await;
        assert_eq!(kinds(&mails(&store, hour(24)).await), ["no_access_tokens", "digest"]);
        let mut tx = store.read().await.unwrap();
        assert!(digests::reader_of(&mut tx, &Secret::new("sgu_guessed")).await.unwrap().is_none());
        drop(tx);

        roles(&store, &["1"], true, hour(25)).await;
        assert_eq!(kinds(&mails(&store, hour(25)).await), ["no_access_tokens"]);
        store.remind(hour(49)).await.unwrap();
        wish(&store, &reader, Wishes { digest: Digest::Off, ..DAILY }, hour(50)).await;
        let told = mails(&store, hour(50)).await;
        assert_eq!(
            (kinds(&told), told[0].recipient.as_str()),
            (vec!["reminder"], "Owner@Example.com"),
            "what waited goes on: {}",
            store.describe()
        );
        store.remind(hour(25 + 72)).await.unwrap();
        let told = mails(&store, hour(25 + 72)).await;
        assert_eq!((kinds(&told), told[0].recipient.as_str()), (vec!["reminder"], "Owner@Example.com"), "and what comes takes the ladder");
        roles(&store, &["1"], false, hour(100)).await;
        assert!(mails(&store, hour(100)).await.is_empty(), "an all-clear nobody wants");
        roles(&store, &["1"], true, hour(101)).await;
        let told = mails(&store, hour(101)).await;
        assert_eq!((kinds(&told), told[0].recipient.as_str()), (vec!["no_access_tokens"], "reader@example.com"), "deaths are no digest");
        assert_eq!(count(&store, "notification.failed").await, 1);
    }
}

#[tokio::test]
async fn the_secret_of_a_link_is_stored_as_its_hash_and_finds_its_reader() {
    for Fixture { store, .. } in each().await {
        let (organisation, reader) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        wish(&store, &reader, DAILY, T0).await;
        roles(&store, &["1"], true, hour(1)).await;
        roles(&store, &["1"], false, hour(2)).await;
        let known = Secret::new("sgu_known");
        let made = || UnsubscribeLink { secret: known.clone(), address: "https://sg.example/unsubscribe/sgu_known".into() };
        assert_eq!(store.gather_digests(hour(24), made).await.unwrap(), 1);
        let mut tx = store.read().await.unwrap();
        for _ in 0..3 {
            let found = digests::reader_of(&mut tx, &known).await.unwrap().map(|user| user.id);
            assert_eq!(found.as_ref(), Some(&reader), "looking consumes nothing");
        }
        let row = tx.one("SELECT secret_hash FROM unsubscribe_links", &[]).await.unwrap().unwrap();
        assert!(!row.text("secret_hash").unwrap().contains("known"), "{}", store.describe());
        drop(tx);
        store.sweep(hour(24 * 401)).await.unwrap();
        assert_eq!(run(&store, "UPDATE unsubscribe_links SET created_at = created_at", &[]).await, 0, "forgotten one day");
    }
}

#[tokio::test]
async fn nf_03_a_refused_address_is_passed_over_at_once_until_a_mail_arrives_there() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let reader = user(&store, &organisation, "bounces", Role::StandardUser, true).await;
        let member = user(&store, &organisation, "member", Role::StandardUser, true).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let mut tx = store.write().await.unwrap();
        let team = teams::create(&mut tx, &organisation, "Team", T0).await.unwrap();
        teams::set_members(&mut tx, &organisation, &team, &[member]).await.unwrap();
        let profile = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap().remove(0).id;
        profiles::set_owner_and_teams(&mut tx, &organisation, &profile, Some(&reader), &[team]).await.unwrap();
        tx.commit().await.unwrap();
        let refuse = async |now| {
            let letters = store.claim_letters(now, 10).await.unwrap();
            assert_eq!(letters.len(), 1, "{}", store.describe());
            store.letter_refused(&letters[0], "550 5.1.1 no such user", now).await.unwrap();
            letters[0].recipient.clone()
        };
        roles(&store, &["1"], true, hour(1)).await;
        assert_eq!(refuse(hour(1)).await, "bounces@example.com");
        assert_eq!(refuse(hour(1)).await, "member@example.com", "the next of the ladder, at once");
        let told = mails(&store, hour(1)).await;
        assert_eq!((kinds(&told), told[0].recipient.as_str()), (vec!["no_access_tokens"], "Owner@Example.com"), "and the next");
        assert!(mails(&store, hour(2)).await.is_empty());
        roles(&store, &["1"], false, hour(3)).await;
        assert_eq!(mails(&store, hour(3)).await[0].recipient, "Owner@Example.com", "passed over from now on");
        assert_eq!(count(&store, "notification.unreachable").await, 2);

        let mut tx = store.write().await.unwrap();
        assert!(telling::test_mail(&mut tx, &reader, hour(4)).await.unwrap());
        assert!(!telling::test_mail(&mut tx, &reader, hour(4)).await.unwrap(), "not as often as somebody clicks");
        tx.commit().await.unwrap();
        assert_eq!(kinds(&mails(&store, hour(4)).await), ["test_mail"]);
        roles(&store, &["1"], true, hour(5)).await;
        assert_eq!(refuse(hour(5)).await, "bounces@example.com", "it arrived, so the address was good");
        run(&store, "UPDATE users SET email = 'new@example.com' WHERE email = 'bounces@example.com'", &[]).await;
        mails(&store, hour(5)).await;
        roles(&store, &["1"], false, hour(6)).await;
        assert_eq!(mails(&store, hour(6)).await[0].recipient, "new@example.com", "another address is another matter");
    }
}

#[tokio::test]
async fn refused_admins_get_nothing_in_circles() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        user(&store, &organisation, "second", Role::CompanyAdmin, true).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        roles(&store, &["1"], true, hour(1)).await;
        let mut refused = vec![];
        while let Some(letter) = store.claim_letters(hour(1), 1).await.unwrap().pop() {
            store.letter_refused(&letter, "550 no", hour(1)).await.unwrap();
            refused.push(letter.recipient);
            assert!(refused.len() < 5, "in circles: {refused:?}");
        }
        assert_eq!(refused, ["Owner@Example.com", "second@example.com"], "{}", store.describe());
        roles(&store, &["1"], false, hour(2)).await;
        assert_eq!(store.claim_letters(hour(2), 10).await.unwrap().len(), 2, "rather tried than silent");
    }
}
