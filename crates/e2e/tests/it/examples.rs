//! The examples, run against a demo as whoever reads them would.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::world::Demo;

/// Program, tour, verification.
const LANGUAGES: [(&str, &str, &str); 3] = [
    ("sh", "curl/tour.sh", "curl/verify_webhook.sh"),
    ("python3", "python/tour.py", "python/verify_webhook.py"),
    ("node", "typescript/tour.ts", "typescript/verify_webhook.ts"),
];

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

/// The TypeScript examples where they are compiled: beside what npm has installed for them, with the types of the description.
struct Compiled {
    folder: PathBuf,
}

/// Compiled once for all tests.
static COMPILED: LazyLock<Option<Compiled>> = LazyLock::new(Compiled::new);

impl Compiled {
    fn new() -> Option<Self> {
        let Some(installed) = std::env::var_os("STAYGREEN_TEST_TYPESCRIPT") else {
            crate::skipped("the examples in TypeScript: STAYGREEN_TEST_TYPESCRIPT does not name a folder with npm's typescript");
            return None;
        };
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples-in-typescript");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for file in ["tour.ts", "verify_webhook.ts", "tsconfig.json", "package.json"] {
            std::fs::copy(format!("{EXAMPLES}/typescript/{file}"), folder.join(file)).unwrap();
        }
        std::os::unix::fs::symlink(Path::new(&installed).join("node_modules"), folder.join("node_modules")).unwrap();
        let compiled = Self { folder };
        let description = format!("{EXAMPLES}/../docs/api/openapi.json");
        let made = compiled.node("openapi-typescript/bin/cli.js", &[&description, "--output", "staygreen.d.ts"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let built = compiled.node("typescript/bin/tsc", &["--outDir", "built"]);
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stdout));
        Some(compiled)
    }

    /// A program that npm has installed.
    fn node(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.folder.join("node_modules").join(program);
        Command::new("node").arg(program).args(arguments).current_dir(&self.folder).output().unwrap()
    }
}

fn example(program: &str, file: &str) -> Option<Command> {
    if Command::new(program).arg("--version").stdin(Stdio::null()).output().is_err() {
        crate::skipped(&format!("the example {file}: there is no {program} here"));
        return None;
    }
    let mut command = Command::new(program);
    match file.strip_prefix("typescript/") {
        Some(name) => command.arg(COMPILED.as_ref()?.folder.join("built").join(name.replace(".ts", ".js"))),
        None => command.arg(format!("{EXAMPLES}/{file}")),
    };
    command.env("NO_PROXY", "127.0.0.1");
    Some(command)
}

/// The types are those of the description: what the server would refuse, or does not answer, is not compiled.
#[test]
fn the_compiler_refuses_what_the_server_would() {
    let Some(compiled) = &*COMPILED else { return };
    let mut tour = std::fs::read_to_string(compiled.folder.join("tour.ts")).unwrap();
    let wrong = [
        ("limit: 50", "limit: \"50\""),
        ("status: 'connected'", "status: 'green'"),
        ("'/api/v1/profiles/{id}/check'", "'/api/v1/profiles/{id}/chek'"),
        ("text: 'Hello from TypeScript'", "words: 'Hello from TypeScript'"),
        ("checked.status", "checked.state"),
    ];
    for (right, wrong) in wrong {
        assert!(tour.contains(right), "{right}");
        tour = tour.replacen(right, wrong, 1);
    }
    std::fs::create_dir_all(compiled.folder.join("wrong")).unwrap();
    std::fs::write(compiled.folder.join("wrong/tour.ts"), tour.replace("./staygreen.js", "../staygreen.js")).unwrap();
    let options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--types", "node", "wrong/tour.ts"];
    let said = String::from_utf8(compiled.node("typescript/bin/tsc", &options).stdout).unwrap();
    let lines: Vec<usize> = wrong.iter().map(|(_, wrong)| 1 + tour.lines().position(|line| line.contains(wrong)).unwrap()).collect();
    // The wrong body is noticed where it is used.
    let asked = 1 + tour.lines().position(|line| line.contains("posts', hello")).unwrap();
    for line in [lines[0], lines[1], lines[2], asked, lines[4]] {
        assert!(said.contains(&format!("wrong/tour.ts({line},")), "line {line}: {said}");
    }
}

#[tokio::test]
async fn every_tour_lists_checks_publishes_comments_and_reads_a_token() {
    let demo = Demo::start();
    for (program, tour, _) in LANGUAGES {
        let Some(mut command) = example(program, tour) else { continue };
        let output = command
            .arg("linkedin")
            .env("STAYGREEN_URL", demo.running.url())
            .env("STAYGREEN_API_KEY", demo.text("api_key"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{tour}: {said}");
        let seen: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{tour}: {output:?}"));
        assert_eq!(
            (&seen["status"], &seen["text"], &seen["token_type"]),
            (&"connected".into(), &"And a comment".into(), &"Bearer".into()),
            "{tour}"
        );
        assert_eq!(seen["refused"], "invalid_field", "{tour}");
        let path = format!(
            "/profiles/{}/posts/{}/comments",
            seen["profile"].as_str().unwrap(),
            crate::world::encoded(seen["post"].as_str().unwrap())
        );
        let (_, comments) = demo.api("GET", &path, None).await;
        assert_eq!(comments["items"][0]["id"], seen["comment"], "{tour}: {comments}");
    }
}

#[tokio::test]
async fn a_tour_says_in_words_what_a_network_does_not_allow() {
    let demo = Demo::start();
    let words =
        [("xing", Some(0), "comments can't be read"), ("tiktok", Some(1), "needs 1 to 35 pictures"), ("nonsense", Some(1), "is one of")];
    for (program, tour, _) in LANGUAGES {
        for (network, code, why) in words {
            let Some(mut command) = example(program, tour) else { continue };
            command.arg(network).env("STAYGREEN_URL", demo.running.url()).env("STAYGREEN_API_KEY", demo.text("api_key"));
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.code() == code && said.contains(why), "{tour} {network}: {said}");
            assert!(!said.contains("Traceback") && !said.contains("    at "), "{tour} {network}: {said}");
            if code == Some(0) {
                let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
                assert!(seen["post"].as_str().is_some_and(|post| !post.is_empty()), "{tour} {network}: {seen}");
            }
        }
    }
}

#[test]
fn every_verification_takes_what_is_signed_and_nothing_else() {
    let (secret, body) = (STANDARD.encode(b"a secret of twenty-four!"), br#"{"type":"endpoint.test","data":{}}"#);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a secret of twenty-four!");
    let signed = |at: u64| format!("v1,{}", STANDARD.encode(hmac::sign(&key, &[format!("msg_1.{at}.").as_bytes(), body].concat())));
    let run = |program: &str, file: &str, at: u64, signature: &str, body: &[u8]| -> Option<Output> {
        let mut command = example(program, file)?;
        command.args(["msg_1", &at.to_string(), signature]).env("WEBHOOK_SECRET", format!("whsec_{secret}"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Whoever refuses by the headers alone does not read the body.
        let _ = child.stdin.take().unwrap().write_all(body);
        Some(child.wait_with_output().unwrap())
    };
    for (program, _, verify) in LANGUAGES {
        let Some(good) = run(program, verify, now, &format!("v1,bm90IHRoaXMgb25l {}", signed(now)), body) else { continue };
        assert!(good.status.success(), "{verify}: {}", String::from_utf8_lossy(&good.stderr));
        for (at, signature, body) in [
            (now, signed(now), &b"{\"type\":\"other\"}"[..]),
            (now, signed(now - 1), body),
            (now - 600, signed(now - 600), body),
            (now, "v1,".into(), body),
        ] {
            assert_eq!(run(program, verify, at, &signature, body).unwrap().status.code(), Some(1), "{verify}: {signature}");
        }
    }
}
