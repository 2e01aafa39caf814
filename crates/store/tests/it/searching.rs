//! A text in names and handles: found through the index as reading every name would find it, whatever became of the profiles since.

use lifecycle::ids::OrganisationId;
use store::profiles::{self, Filter, Profile, sort_key};
use store::{Store, Value};

use crate::loops::{T0, connect, organisation};
use crate::{Fixture, each, run};

/// The parts of names, with what means something to SQL, to FTS5 or to nobody.
const PARTS: [&str; 16] = ["Ber", "lin", "ÄRZ", "te", "100%", "_x", "\\n", "\"or", " AND", "東京", "都庁", "*", "'s", "( ", "ﬁ", "-ko"];

/// A name for each number: always the same, and many have parts in common.
fn name(n: usize) -> String {
    (0..4).map(|at| PARTS[(n * 7 + at * at * 5 + n / (at + 2)) % PARTS.len()]).collect()
}

async fn all(store: &Store, organisation: &OrganisationId, filter: &Filter) -> Vec<Profile> {
    let mut tx = store.read().await.unwrap();
    let found = profiles::list(&mut tx, organisation, filter, 1_000).await.unwrap();
    let counted = profiles::matching(&mut tx, organisation, filter).await.unwrap();
    assert_eq!(usize::try_from(counted), Ok(found.len()), "{:?}", filter.q);
    found
}

/// Every text that is part of a name or handle, and a few that are in none, against reading all of them.
async fn finds_what_is_there(store: &Store, organisation: &OrganisationId, when: &str) {
    let everything = all(store, organisation, &Filter::default()).await;
    let line = |profile: &Profile| [sort_key(&profile.name), profile.handle.as_deref().unwrap_or_default().to_lowercase()];
    let mut texts: Vec<String> = vec!["nowhere".into(), "\"\"\"".into(), "ber\" OR \"te".into(), "a\u{0}b".into(), "te\nber".into()];
    texts.extend(["\u{10ffff}", "q", "qz", "y", "z", "zy", "'", "''", "\\\\", ":*", "&", "*", "%", "_", "r\u{0}"].map(str::to_owned));
    for lines in everything.iter().take(12).map(line) {
        let signs: Vec<char> = lines[0].chars().collect();
        texts.extend([1, 2, 3, 5].into_iter().flat_map(|long| signs.windows(long)).map(String::from_iter));
        let handle: Vec<char> = lines[1].chars().collect();
        texts.extend([1, 2].into_iter().flat_map(|long| handle.windows(long)).map(String::from_iter));
        texts.extend(lines);
    }
    texts.sort_unstable();
    texts.dedup();
    for text in texts {
        let wanted = text.trim().replace('\0', "");
        let mut expected: Vec<&str> = everything
            .iter()
            .filter(|profile| line(profile).iter().any(|line| line.contains(&wanted)))
            .map(|profile| profile.network_id.as_str())
            .collect();
        let found = all(store, organisation, &Filter { q: Some(text.to_uppercase()), ..Filter::default() }).await;
        let mut found: Vec<&str> = found.iter().map(|profile| profile.network_id.as_str()).collect();
        expected.sort_unstable();
        found.sort_unstable();
        // Upper case is not always one way and back ("ﬁ" is "FI").
        if sort_key(&text.to_uppercase()) == text {
            assert_eq!(found, expected, "{text:?} {when}: {}", store.describe());
        }
    }
}

#[tokio::test]
async fn whatever_is_part_of_a_name_or_handle_is_found_and_nothing_else() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let ids: Vec<String> = (0..60).map(|n| n.to_string()).collect();
        connect(&store, &organisation, "jana", &ids.iter().map(String::as_str).collect::<Vec<_>>(), T0).await;
        finds_what_is_there(&store, &organisation, "as they were connected").await;
        for (n, id) in ids.iter().enumerate() {
            // Networks' handles are ASCII.
            let ascii = || name(n + 31).replace(|sign: char| !sign.is_ascii(), "").to_uppercase();
            // One ends in what nobody else has.
            let handle = (n % 3 == 0).then(|| format!("@{}{}", ascii(), if n == 33 { "zy" } else { "" }));
            let values: [Value; 4] = [id.into(), name(n).into(), sort_key(&name(n)).into(), handle.into()];
            run(&store, "UPDATE profiles SET name = $2, sort_key = $3, handle = $4 WHERE network_id = $1", &values).await;
        }
        finds_what_is_there(&store, &organisation, "renamed").await;
        run(&store, "UPDATE profiles SET handle = NULL, status = 'disconnected' WHERE network_id LIKE '1%'", &[]).await;
        run(&store, "DELETE FROM accesses WHERE profile_id IN (SELECT id FROM profiles WHERE network_id LIKE '2%')", &[]).await;
        run(&store, "DELETE FROM profiles WHERE network_id LIKE '2%'", &[]).await;
        finds_what_is_there(&store, &organisation, "some removed").await;
    }
}

#[tokio::test]
async fn a_text_narrows_together_with_every_other_filter_and_page_by_page() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let ids: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        connect(&store, &organisation, "jana", &ids.iter().map(String::as_str).collect::<Vec<_>>(), T0).await;
        run(&store, "UPDATE profiles SET status = 'disconnected' WHERE network_id LIKE '%3'", &[]).await;
        let disconnected = lifecycle::status::Status::Disconnected;
        let red = Filter { q: Some("page 1".into()), status: Some(disconnected), ..Filter::default() };
        assert_eq!(all(&store, &organisation, &red).await.len(), 1, "page 13: {}", store.describe());
        assert_eq!(all(&store, &store::ids::fresh(), &red).await.len(), 0, "of nobody else");
        let (mut seen, mut after) = (vec![], None);
        loop {
            let filter = Filter { q: Some("AGE 2".into()), after, ..Filter::default() };
            let mut tx = store.read().await.unwrap();
            let page = profiles::list(&mut tx, &organisation, &filter, 4).await.unwrap();
            let Some(last) = page.last() else { break };
            after = filter.sort.read_place(&filter.sort.place(last, "").written());
            seen.extend(page.into_iter().map(|profile| profile.name));
        }
        let mut expected: Vec<String> = ids.iter().filter(|id| id.starts_with('2')).map(|id| format!("Page {id}")).collect();
        expected.sort();
        assert_eq!(seen, expected, "{}", store.describe());
    }
}

#[tokio::test]
async fn names_are_found_without_reading_all_of_them() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["a", "b", "c"], T0).await;
        for text in ["age b", "eb", "b"] {
            is_read_from_the_index(&store, &organisation, text).await;
        }
    }
}

async fn is_read_from_the_index(store: &Store, organisation: &OrganisationId, text: &str) {
    let mut tx = store.read().await.unwrap();
    let sqlite = store.describe().contains("SQLite");
    let explain = if sqlite { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
    let status = sqlite.then_some(lifecycle::status::Status::Connected);
    let filter = Filter { q: Some(text.into()), status, ..Filter::default() };
    let (sql, values) = profiles::found_statement(&tx, organisation, &filter, 50);
    if !sqlite {
        // With three rows nothing is quicker than reading them.
        drop(tx);
        tx = store.write().await.unwrap();
        for other in ["enable_seqscan", "enable_indexscan", "enable_indexonlyscan"] {
            tx.run(&format!("SET LOCAL {other} = off"), &[]).await.unwrap();
        }
    }
    let rows = tx.all(&format!("{explain} {sql}"), &values).await.unwrap();
    let column = if sqlite { "detail" } else { "QUERY PLAN" };
    let plan = rows.iter().map(|row| row.text(column).unwrap()).collect::<Vec<_>>().join("\n");
    if sqlite {
        assert!(plan.contains("VIRTUAL TABLE INDEX") && plan.contains("(id=?)") && !plan.contains("SCAN profiles\n"), "{text}: {plan}");
    } else {
        assert!(plan.contains("profiles_by_text"), "{text}: {plan}");
    }
}

/// What is common is not gathered first, what is rare is not looked for in order, and both give the same page.
#[tokio::test]
async fn pages_of_a_common_letter_and_of_a_rare_one_are_what_all_names_say() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let ids: Vec<String> = (0..40).map(|n| if n == 17 { "q".to_owned() } else { n.to_string() }).collect();
        connect(&store, &organisation, "jana", &ids.iter().map(String::as_str).collect::<Vec<_>>(), T0).await;
        for text in ["P", "GE", "q", " Q", "1", "39", "Z"] {
            let looked_for = text.trim().to_lowercase();
            let mut expected: Vec<String> =
                ids.iter().map(|id| format!("Page {id}")).filter(|name| name.to_lowercase().contains(&looked_for)).collect();
            expected.sort();
            let found = all(&store, &organisation, &Filter { q: Some(text.into()), ..Filter::default() }).await;
            let found: Vec<String> = found.into_iter().map(|profile| profile.name).collect();
            assert_eq!(found, expected, "{text:?}: {}", store.describe());
        }
    }
}
