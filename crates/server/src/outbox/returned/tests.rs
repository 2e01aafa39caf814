use super::{Fate, Returned, read};

const ID: &str = "msg_0198c0ffee000000000000000000cafe";

/// As Postfix writes it.
fn report(fields: &str, returned: &str) -> String {
    let mail = format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example (Mail Delivery System)\nSubject: Undelivered Mail Returned to Sender\n\
         Auto-Submitted: auto-replied\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"9B095B5ADA.1/mx\"\n\n\
         This is a MIME-encapsulated message.\n\n--9B095B5ADA.1/mx\nContent-Description: Notification\nContent-Type: text/plain; charset=us-ascii\n\n\
         I'm sorry to have to inform you ...\n\n--9B095B5ADA.1/mx\nContent-Description: Delivery report\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx.example\nArrival-Date: Sun, 29 Nov 2026 10:00:00 +0000 (UTC)\n\n{fields}\n--9B095B5ADA.1/mx\n{returned}\n--9B095B5ADA.1/mx--\n"
    );
    mail.replace('\n', "\r\n")
}

fn headers() -> String {
    format!("Content-Type: text/rfc822-headers\n\nFrom: Staygreen <sg@fernweh.example>\nMessage-ID: <{ID}@fernweh.example>\nSubject: x\n")
}

const GONE: &str = "Original-Recipient: rfc822;Lena.Arndt@fernweh.example\nFinal-Recipient: rfc822; lena.arndt@fernweh.example\nAction: failed\nStatus: 5.1.1\n\
                    Diagnostic-Code: smtp; 550 5.1.1 <lena.arndt@fernweh.example>: Recipient\n    address rejected: User unknown\n";

fn fate(fields: &str) -> (Fate, String) {
    let read = read(report(fields, &headers()).as_bytes()).unwrap();
    (read.recipients[0].fate, read.recipients[0].why.clone())
}

#[test]
fn a_report_says_whose_address_of_which_mail_is_refused() {
    let said = read(report(GONE, &headers()).as_bytes()).unwrap();
    assert_eq!(said.messages, [ID.parse().unwrap()]);
    let [one] = said.recipients.try_into().unwrap();
    assert_eq!(one.addresses, ["Lena.Arndt@fernweh.example", "lena.arndt@fernweh.example"]);
    assert_eq!(
        (one.fate, one.why.as_str()),
        (Fate::Refused, "550 5.1.1 <lena.arndt@fernweh.example>: Recipient address rejected: User unknown")
    );
}

#[test]
fn the_whole_mail_may_come_back_or_only_be_named() {
    let whole = format!(
        "Content-Type: message/rfc822\n\nMessage-Id: <{ID}@fernweh.example>\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nText\n--b--\n"
    );
    assert_eq!(read(report(GONE, &whole).as_bytes()).unwrap().messages, [ID.parse().unwrap()]);
    let named = report(GONE, "Content-Type: text/plain\n\nnothing\n");
    let named = named.replacen("Subject:", &format!("References: <other@x.example> <{ID}@fernweh.example>\r\nSubject:"), 1);
    assert_eq!(read(named.as_bytes()).unwrap().messages, [ID.parse().unwrap()]);
    let foreign = headers().replace(ID, "8a7b");
    assert!(read(report(GONE, &foreign).as_bytes()).unwrap().messages.is_empty());
}

#[test]
fn only_what_is_about_the_address_is_a_refusal_of_it() {
    let with =
        |status: &str, said: &str| fate(&format!("Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: {status}\n{said}\n")).0;
    for (status, said) in [
        ("5.1.1", ""),
        ("5.0.0", "Diagnostic-Code: smtp; 550 No such user here"),
        ("5.0.0", "Diagnostic-Code: smtp;550-5.1.1 The email account that you tried to reach does not exist"),
        ("5.1.10", "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found"),
        ("5.2.1", "Diagnostic-Code: smtp; 550 disabled"),
    ] {
        assert_eq!(with(status, said), Fate::Refused, "{status} {said}");
    }
    for (status, said) in [
        ("5.2.2", "Diagnostic-Code: smtp; 550 mailbox full"),
        ("5.7.1", "Diagnostic-Code: smtp; 550 5.7.1 looks like spam"),
        ("4.4.7", "Diagnostic-Code: smtp; 451 4.4.1 nobody answers"),
        ("4.4.1", ""),
        ("5.0.0", ""),
        ("", ""),
    ] {
        assert_eq!(with(status, said), Fate::NotDelivered, "{status} {said}");
    }
    for action in ["delayed", "delivered", "relayed", "expanded", "whatever"] {
        let fields = format!("Final-Recipient: rfc822; a@b.example\nAction: {action}\nStatus: 5.1.1\n");
        assert_eq!(fate(&fields).0, Fate::Underway, "{action}");
    }
}

#[test]
fn what_is_no_report_is_none() {
    let receipt = report(GONE, &headers()).replace("delivery-status", "disposition-notification");
    for other in [
        "",
        "\r\n\r\n",
        "no mail at all",
        "Subject: Out of office\r\nAuto-Submitted: auto-replied\r\nContent-Type: text/plain\r\n\r\nI am away. Final-Recipient: rfc822; a@b.example",
        "Content-Type: multipart/report; report-type=delivery-status\r\n\r\nwithout a boundary",
        receipt.as_str(),
    ] {
        assert_eq!(read(other.as_bytes()), None, "{other:?}");
    }
    let empty = read(b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\n--b--");
    assert_eq!(empty, Some(Returned { messages: vec![], recipients: vec![] }));
}

#[test]
fn odd_reports_cost_little() {
    // Cut off anywhere: a mail server shortens what it returns, and we what we read.
    let whole = report(GONE, &headers());
    for length in 0..whole.len() {
        let _ = read(&whole.as_bytes()[..length]);
    }
    // Mails in mails in mails are not followed.
    let nested = "Content-Type: message/rfc822\n\n".repeat(9_000);
    assert_eq!(read(report(GONE, &nested).as_bytes()).unwrap().messages, []);
    let many = "Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\n".repeat(5_000);
    assert_eq!(read(report(&many, &headers()).as_bytes()).unwrap().recipients.len(), super::RECIPIENTS_MAX);
    let parts = format!("Content-Type: message/rfc822\n\nMessage-ID: <{ID}@x.example>\n\n--9B095B5ADA.1/mx\n").repeat(5_000);
    assert!(read(report(GONE, &parts).as_bytes()).unwrap().messages.len() <= super::PARTS_MAX);
    let long = format!("Final-Recipient: rfc822; {}@b.example\nAction: failed\nStatus: 5.1.1\n", "a".repeat(300));
    assert!(read(report(&long, &headers()).as_bytes()).unwrap().recipients.is_empty());
    let wordy =
        format!("Final-Recipient: rfc822; a@b.example\nAction: failed\nDiagnostic-Code: smtp; 550 5.1.1 {}\u{1}\n", "x".repeat(9_000));
    assert!(fate(&wordy).1.chars().count() <= super::WHY_MAX);
}
