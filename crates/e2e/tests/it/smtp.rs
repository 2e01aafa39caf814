//! A real SMTP server (aiosmtpd) with STARTTLS and AUTH.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

pub(crate) struct Smtp {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    /// The certificate of the server, made for this run.
    pub(crate) ca_file: PathBuf,
}

impl Smtp {
    /// Starts one; `None`, loudly, when there is no Python with aiosmtpd.
    pub(crate) fn start() -> Option<Self> {
        let Some(python) = std::env::var_os("STAYGREEN_TEST_SMTP_PYTHON") else {
            crate::skipped("the tests against a real SMTP server: STAYGREEN_TEST_SMTP_PYTHON does not name a Python with aiosmtpd");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/smtp.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the SMTP server did not get ready: {line:?}"));
        let ca_file = folder.path().join("cert.pem");
        Some(Self { child, port: u16::try_from(ready["port"].as_u64().unwrap()).unwrap(), ca_file, folder })
    }

    /// What it accepted, oldest first.
    pub(crate) fn mails(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("mails.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
