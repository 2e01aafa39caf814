//! The examples, run against a demo as whoever reads them would.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::world::Demo;

/// Program, tour, verification.
const LANGUAGES: [(&str, &str, &str); 3] = [
    ("sh", "curl/tour.sh", "curl/verify_webhook.sh"),
    ("python3", "python/tour.py", "python/verify_webhook.py"),
    ("node", "javascript/tour.mjs", "javascript/verify_webhook.mjs"),
];

fn example(program: &str, file: &str) -> Option<Command> {
    if Command::new(program).arg("--version").stdin(Stdio::null()).output().is_err() {
        crate::skipped(&format!("the example {file}: there is no {program} here"));
        return None;
    }
    let mut command = Command::new(program);
    command.arg(format!("{}/../../examples/{file}", env!("CARGO_MANIFEST_DIR"))).env("NO_PROXY", "127.0.0.1");
    Some(command)
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
