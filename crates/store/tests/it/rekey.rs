//! Another key becomes the first: everything is sealed anew, everything opens all the time (NT-34).

use lifecycle::ledger::Ledger as _;
use lifecycle::time::Span;
use store::Store;
use store::rekey::counts;
use store::seal::{Keyring, key_file};

use crate::loops::{T0, claim, connect, organisation};
use crate::{cluster, run};

#[tokio::test]
async fn nt_34_everything_is_sealed_anew_and_opens_before_during_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("a.db").display());
    for (n, url) in [Some(file), cluster().map(crate::postgres::Cluster::new_database)].into_iter().flatten().enumerate() {
        let path = folder.path().join(format!("keys-{n}"));
        let keys = || Keyring::open_or_create(&path).unwrap();
        let store = Store::open(&url, keys()).await.unwrap();
        let (of, _) = organisation(&store).await;
        for person in 0..130 {
            connect(&store, &of, &format!("person {person}"), &["page"], T0).await;
        }
        assert_eq!(store.reseal(|_| {}).await.unwrap(), 0, "nothing to do");
        let before = counts(&url, &keys()).await.unwrap()["k1"];
        assert!(before >= 132, "{before}");
        drop(store);

        key_file::rotate(&path).unwrap();
        let store = Store::open(&url, keys()).await.unwrap();
        assert_eq!(claim(&store, &store::ids::fresh(), T0 + Span::days(900)).await.len(), 100, "the older key opens");
        // One value that nobody can open stays as it is, and holds up nothing.
        run(&store, "UPDATE grants SET sealed_tokens = $1 WHERE id = (SELECT MIN(id) FROM grants)", &[vec![1_u8, 2, b'k', b'1', 0].into()])
            .await;
        let mut heard = 0;
        let count = store.reseal(|count| heard = count).await.unwrap();
        assert_eq!((count, heard), (131, 131), "129 token sets, the key check and the key of the audit");
        assert_eq!(store.reseal(|_| {}).await.unwrap(), 0, "once");
        let after = counts(&url, &keys()).await.unwrap();
        assert_eq!((after["k2"], after["k1"]), (131, before - 131), "{after:?}");
        drop(store);

        // The older key is taken away: everything that lasts still opens.
        let text = std::fs::read_to_string(&path).unwrap();
        let without: String = text.lines().filter(|line| !line.contains("\"k1\"")).map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, without).unwrap();
        let store = Store::open(&url, keys()).await.unwrap();
        run(&store, "UPDATE grants SET lease_until = NULL", &[]).await;
        let all = store.claim_due(&store::ids::fresh(), T0 + Span::days(900), Span::seconds(180), 1000).await.unwrap();
        assert_eq!(all.len(), 129, "all but the broken one");
        assert!(counts(&url, &keys()).await.unwrap()["?"] > 0, "and what does not is counted");
    }
}
