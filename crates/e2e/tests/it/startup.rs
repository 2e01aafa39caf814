//! A server that cannot start says why and what to do, on stderr, with exit code 1.

use std::path::Path;
use std::process::Command;

use crate::world::binary;

fn refused(folder: &Path, config: &str) -> String {
    let file = folder.join("staygreen.toml");
    std::fs::write(&file, config).unwrap();
    let output = Command::new(binary()).args(["serve", "--config", file.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{config}");
    assert!(output.stdout.is_empty(), "errors go to stderr");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_is_wrong_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let said = refused(folder, "[server]\n\nlisten = \"127.0.0.1:0\"\npublik_url = \"x\"\n");
    assert!(said.contains("line 4") && said.contains("publik_url") && said.contains("public_url"), "{said}");
    let said = refused(folder, "[keeper]\nconcurrency = \"many\"\n");
    assert!(said.contains("line 2"), "{said}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let data = folder.join("data").display().to_string();
    let said = refused(folder, &format!("[server]\nlisten = \"127.0.0.1:{port}\"\ndata_dir = \"{data}\"\n"));
    assert!(said.contains(&port.to_string()) && said.contains("server.listen"), "{said}");

    let said = refused(folder, "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"/proc/nowhere\"\n");
    assert!(said.contains("/proc/nowhere") && said.contains("server.data_dir"), "{said}");
    let said = refused(folder, &format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{data}\"\n[database]\nurl = \"mysql://x\"\n"));
    assert!(said.contains("sqlite:PATH"), "{said}");

    std::fs::write(folder.join("data/keys.toml"), "nonsense").unwrap();
    let said = refused(folder, &format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{data}\"\n"));
    assert!(said.contains("keys.toml"), "{said}");
}

#[test]
fn wrong_usage_is_exit_code_two_and_help_is_there() {
    let code = |arguments: &[&str]| Command::new(binary()).args(arguments).output().unwrap().status.code();
    assert_eq!(code(&["serve", "--nonsense"]), Some(2));
    assert_eq!(code(&[]), Some(2));
    assert_eq!(code(&["--help"]), Some(0));
    let user = ["api-key", "create", "--name", "x", "--permission", "everything"];
    assert_eq!(code(&user), Some(2));
}

/// The log is for people or for machines; whoever asks for something else is told.
#[test]
fn the_log_comes_as_text_or_as_json_and_without_colours_where_nobody_looks() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    let text = format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n", folder.path().join("data").display());
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let mut create = std::process::Command::new(crate::world::binary());
    create.args(["user", "create", "--email", "ada@example.com", "--name", "Ada", "--config", config]);
    assert!(create.output().unwrap().status.success());
    let said = |level: &str, format: &str| {
        let mut command = std::process::Command::new(crate::world::binary());
        command.args(["user", "list", "--config", config]).env("STAYGREEN_LOG", level).env("STAYGREEN_LOG_FORMAT", format);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, log) = said("trace", "json");
    assert!(code == Some(0) && log.lines().count() > 3, "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    let (_, log) = said("trace", "text");
    assert!(log.lines().count() > 3 && !log.contains('\u{1b}'), "{log}");
    let (code, log) = said("warn", "xml");
    assert!(code == Some(2) && log.contains("neither text nor json"), "{log}");
    let (code, log) = said("staygreen=loudly", "text");
    assert!(code == Some(2) && log.contains("STAYGREEN_LOG"), "{log}");
}
