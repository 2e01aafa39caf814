//! Several servers started before there is an admin: each prints the link, all of them work, and one admin is made.

use lifecycle::permission::Role;
use store::Store;
use store::seal::Keyring;

use crate::nodes::Site;
use crate::postgres::Cluster;
use crate::world::{Running, client, free_port};

/// What a server prints for the first admin.
fn link(server: &Running) -> String {
    server.ready["setup_url"].as_str().unwrap().to_owned()
}

async fn opens(link: &str) -> u16 {
    client().get(link).send().await.unwrap().status().as_u16()
}

async fn use_up(server: &Running, link: &str, email: &str) -> u16 {
    let form = [("name", "Ada Admin"), ("email", email), ("password", "a sentence is a good password")];
    client().post(link).header("origin", server.url()).form(&form).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn every_server_s_link_works_until_one_admin_is_made() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(Running::start(&["sandbox", "--port", "0"], &[]), cluster.new_database(), folder.path());
    let ports = [free_port(), free_port(), free_port()];
    let servers = ports.map(|port| site.serve(port));
    let links = servers.each_ref().map(link);
    for link in &links {
        assert_eq!(opens(link).await, 200, "{link} of {links:?}");
    }
    // Whoever was printed which link, any server takes it: they stand behind one address.
    let elsewhere = links[0].replace(servers[0].url(), servers[2].url());
    assert_eq!(opens(&elsewhere).await, 200);
    let made_up = format!("{}/setup/{}", servers[0].url(), "A".repeat(43));
    assert_eq!((opens(&made_up).await, use_up(&servers[0], &made_up, "eve@example.com").await), (410, 410));

    // All three are used at the same moment.
    let uses = |n: usize, email: &'static str| use_up(&servers[n], &links[n], email);
    let (one, two, three) = tokio::join!(uses(0, "ada@example.com"), uses(1, "ben@example.com"), uses(2, "cleo@example.com"));
    let mut answers = [one, two, three];
    answers.sort_unstable();
    assert_eq!(answers, [303, 410, 410], "one of them makes the admin");
    for (server, link) in servers.iter().zip(&links) {
        assert_eq!((opens(link).await, use_up(server, link, "dora@example.com").await), (410, 410), "used up at every server");
    }
    let late = site.serve(free_port());
    assert!(late.ready["setup_url"].is_null(), "{}", late.ready);
    let store = Store::open(&site.database, Keyring::open_or_create(&folder.path().join("keys.toml")).unwrap()).await.unwrap();
    let users = store.read().await.unwrap().all("SELECT role FROM users", &[]).await.unwrap();
    assert_eq!(users.iter().map(|row| row.text("role").unwrap()).collect::<Vec<_>>(), [Role::CompanyAdmin.as_str()]);
}
