//! TLS client certificates through a real Postfix: a name counts when an authority that Postfix trusts vouches
//! for it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::*;
use crate::sim::mta::{Kind, Mta};
use crate::sim::product::Place;
use crate::sim::tls::{Authority, Issued};

/// An SMTP client that shows a certificate: `openssl s_client`.
struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    _files: tempfile::TempDir,
}

impl Client {
    /// From an address that we do not trust.
    fn connect(mta: &Mta, own: Option<&Issued>) -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-starttls", "smtp", "-crlf"]);
        command.args([
            "-bind",
            "127.0.0.2:0",
            "-connect",
            &mta.smtp_address().to_string(),
        ]);
        if let Some(own) = own {
            let at = |name| files.path().join(name);
            std::fs::write(at("own.pem"), &own.certificate).expect("a file");
            std::fs::write(at("own.key"), &own.key).expect("a file");
            command
                .arg("-cert")
                .arg(at("own.pem"))
                .arg("-key")
                .arg(at("own.key"));
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("openssl is installed");
        let stdin = child.stdin.take().expect("stdin");
        let stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let mut client = Self {
            child,
            stdin,
            stdout,
            _files: files,
        };
        // What it says of the EHLO before TLS it keeps to itself until it ends.
        let hello = client.say("EHLO client.example.net");
        assert!(hello.starts_with("250"), "{hello}");
        client
    }

    fn reply(&mut self) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            self.stdout.read_line(&mut line).expect("a reply");
            assert!(!line.is_empty(), "hung up after {all:?}");
            all += line.trim_end();
            if line.as_bytes().get(3) == Some(&b' ') {
                return all;
            }
        }
    }

    fn say(&mut self, line: &str) -> String {
        writeln!(self.stdin, "{line}").expect("a connection");
        self.reply()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn postfix(authority: &Authority, files: &tempfile::TempDir) -> Mta {
    let server = authority.issue("DNS:mta.example.com", 30);
    let at = |name: &str| files.path().join(name).display().to_string();
    for (name, text) in [
        ("ca.pem", &authority.certificate()),
        ("server.pem", &server.certificate),
        ("server.key", &server.key),
    ] {
        std::fs::write(at(name), text).expect("a file");
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(files.path(), mode).expect("mode");
    let main = [
        "smtpd_tls_security_level = may".to_owned(),
        "smtpd_tls_ask_ccert = yes".to_owned(),
        format!("smtpd_tls_cert_file = {}", at("server.pem")),
        format!("smtpd_tls_key_file = {}", at("server.key")),
        format!("smtpd_tls_CAfile = {}", at("ca.pem")),
    ];
    let main = main.iter().flat_map(|line| ["--main", line]);
    let master = ["--master", "tlsmgr unix - - n 1000? 1 tlsmgr"];
    let options: Vec<&str> = main.chain(master).collect();
    Mta::start(Kind::Postfix, &options)
}

#[test]
fn a_certificate_that_is_listed_pays() {
    let files = tempfile::Builder::new()
        .prefix("tls")
        .tempdir()
        .expect("a directory");
    let (authority, other) = (Authority::new(), Authority::new());
    let mta = postfix(&authority, &files);
    let place = Place::with_milter(&mta.milter(), mta.inject(), LAB);
    configured(&place, "");
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let config = config.replace(
        "nickname: bob",
        "nickname: bob, certificates: [monitor.example.com]",
    );
    std::fs::write(place.config(), &config).expect("configuration");
    let product = place.start();
    let number = "RCPT TO:<+15551234567@sms.example.com>";
    let refused = "550 5.7.1 log in to send SMS: only known users may";
    let listed = authority.issue_to("monitor.example.com");
    for (own, expected) in [
        (Some(&listed), "250"),
        (None, refused),
        (Some(&authority.issue_to("stranger.example.com")), refused),
        (Some(&authority.issue_to("xmonitor.example.com")), refused),
        // The right name, and nobody who vouches for it.
        (Some(&other.issue_to("monitor.example.com")), refused),
    ] {
        let mut client = Client::connect(&mta, own);
        client.say("MAIL FROM:<ann.smith@example.com>");
        let said = client.say(number);
        assert!(said.starts_with(expected), "{said}");
    }
    let mut client = Client::connect(&mta, Some(&listed));
    client.say("MAIL FROM:<ann.smith@example.com>");
    client.say(number);
    client.say("DATA");
    let said = client.say("Subject: x\nMessage-ID: <tls@example.net>\n\nThe disk is full\n.");
    assert!(said.starts_with("250"), "{said}");
    assert_eq!(product.phone("+15551234567", 1), ["The disk is full"]);
    assert_eq!(payers(&product), ["bob@example.com"]);
    drop(client);
    assert!(product.stop().success());
    // Of all authorities that Postfix trusts only these count.
    let only = "access:\n  certificate_issuers: [Another authority]\n";
    std::fs::write(place.config(), config.replace("access:\n", only)).expect("configuration");
    let product = place.start();
    let mut client = Client::connect(&mta, Some(&listed));
    client.say("MAIL FROM:<ann.smith@example.com>");
    assert_eq!(client.say(number), refused);
    drop(client);
    assert!(product.stop().success());
    let only = "access:\n  certificate_issuers: [authority]\n";
    std::fs::write(place.config(), config.replace("access:\n", only)).expect("configuration");
    let product = place.start();
    let mut client = Client::connect(&mta, Some(&listed));
    client.say("MAIL FROM:<ann.smith@example.com>");
    let said = client.say(number);
    assert!(said.starts_with("250"), "{said}");
    drop(client);
    assert!(product.stop().success());
}
