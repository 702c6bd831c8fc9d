//! `sms-milter check` as an admin runs it.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;

use clap::Parser;
use sms_milter::cli::check::{self, CheckArgs};

/// As clap makes them.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    check: CheckArgs,
}

/// What it prints, and the exit code.
fn check(config: &Path, args: &[&str]) -> (String, u8) {
    let line = Line::parse_from(["check"].iter().chain(args));
    let mut out = Vec::new();
    let code = match check::run(config, &line.check, &mut out) {
        Ok(()) => 0,
        Err(failure) => failure.code,
    };
    (String::from_utf8(out).expect("text"), code)
}

fn written(dir: &Path, more: &str, inject: u16) -> std::path::PathBuf {
    let path = dir.join("config.yaml");
    let text = format!(
        "hostname: mail.example.com
milter: {{ listen: inet:127.0.0.1:8895 }}
addresses: {{ domains: [{{ mail: example.com, sms: sms.example.com, region: US }}] }}
mail: {{ inject: \"smtp://127.0.0.1:{inject}\" }}
store: sled:store
{more}
"
    );
    std::fs::write(&path, text).expect("write");
    path
}

/// A Postfix directory; nothing of it runs.
fn postfix(dir: &Path, main: &str, master: &str) -> String {
    let home = dir.join("postfix");
    std::fs::create_dir_all(&home).expect("directory");
    std::fs::write(home.join("main.cf"), main).expect("main.cf");
    std::fs::write(home.join("master.cf"), master).expect("master.cf");
    format!("--postfix-config={}", home.display())
}

fn has_postfix() -> bool {
    ["postconf", "/usr/sbin/postconf"]
        .iter()
        .any(|p| std::process::Command::new(p).arg("-h").output().is_ok())
}

/// An MTA that says one line.
fn greeter(line: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("address").port();
    std::thread::spawn(move || {
        if let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.write_all(line.as_bytes());
            // A close with words unread would take ours away.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    port
}

#[test]
fn looks_around() {
    let dir = tempfile::tempdir().expect("a directory");
    let gateways = "gateways:
  - { id: hall, type: modem, device: /dev/absent-modem }
  - { id: void, type: modem, device: /dev/null }
  - { id: p, type: http, url: \"http://sms.example.net/?to=%number%&pass=hunter2\" }
  - { id: near, type: http, url: \"http://127.0.0.1:1/?to=%number%\" }
  - { id: off, type: modem, device: /dev/absent-too, active: false }";
    let config = written(
        dir.path(),
        gateways,
        greeter("220 mail.example.com ESMTP\r\n250 mail.example.com\r\n"),
    );
    let (said, code) = check(&config, &[]);
    assert_eq!(code, 0, "{said}");
    for expected in [
        "ok: store: ",
        "warning: gateway hall: /dev/absent-modem: No such file or directory (os error 2); is the modem plugged in?\n",
        "ok: gateway void: /dev/null is there\n",
        "gateways[2].url: goes to sms.example.net in the clear, passwords and texts too; write https://\n",
        "gateways[2].url: neither url nor body nor headers have %data%: every SMS goes without its text; add it\n",
        " greets\n",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(
        !said.contains("near") && !said.contains("off") && !said.contains("hunter2"),
        "{said}"
    );
    assert_eq!(
        said.lines().last(),
        Some(format!("{}: fine", config.display()).as_str())
    );
}

#[test]
fn an_mta_that_does_not_greet_is_a_warning() {
    let dir = tempfile::tempdir().expect("a directory");
    let lab = "gateways: [{ id: lab, type: simulated }]";
    let said = check(&written(dir.path(), lab, greeter("554 no\r\n")), &[]).0;
    assert!(
        said.contains("warning: mail.inject: smtp://127.0.0.1:"),
        "{said}"
    );
    assert!(
        said.contains(": 554 no; until that is put right, mails wait in the queue"),
        "{said}"
    );
    let [closed] = crate::sim::port::claim(dir.path());
    let said = check(&written(dir.path(), lab, closed), &[]).0;
    assert!(said.contains("refused"), "{said}");
}

#[test]
fn an_open_store_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let config = written(dir.path(), "gateways: [{ id: lab, type: simulated }]", 1);
    let store = dir.path().join("store");
    std::fs::create_dir(&store).expect("directory");
    for (mode, expected) in [
        (0o755, "warning: store: everybody may look into"),
        (0o700, "ok: store: "),
    ] {
        std::fs::set_permissions(&store, PermissionsExt::from_mode(mode)).expect("mode");
        let said = check(&config, &[]).0;
        assert!(said.contains(expected), "{said}");
    }
    std::fs::remove_dir(&store).expect("remove");
    std::fs::write(&store, "").expect("file");
    let (said, code) = check(&config, &[]);
    assert!(said.contains("error: store: ") && code == 78, "{said}");
}

#[test]
fn errors_are_lines_and_a_code() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = written(dir.path(), "queue: { expire: 5 }\nlog: { level: loud }", 1);
    let (said, code) = check(&config, &[]);
    let name = config.display();
    assert_eq!(
        said,
        format!(
            "error: {name}:6:18: queue.expire: \"5\" has no unit; write 16s, 5m, 4h or 3d\n\
             error: {name}:7:15: log.level: \"loud\" is not known here; write error, warn, info, debug or trace\n\
             {name}: 2 errors\n"
        )
    );
    assert_eq!(code, 78);
}

/// Contrib's files attach us without a remark; its listener without access.resubmission is an error.
#[test]
fn reads_postfix() {
    if !has_postfix() {
        eprintln!("no postconf: not run");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let contrib = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/postfix");
    let read = |name: &str| std::fs::read_to_string(contrib.join(name)).expect(name);
    let master = format!("smtp inet n - n - - smtpd\n{}", read("master.cf"));
    let args = postfix(dir.path(), &read("main.cf"), &master);
    let lab = "gateways: [{ id: lab, type: simulated }]\naccess: { resubmission: { daemon: sms } }";
    let (said, code) = check(&written(dir.path(), lab, 10026), &[&args]);
    let of_postfix: Vec<_> = said
        .lines()
        .filter(|line| line.contains("Postfix"))
        .collect();
    assert_eq!(
        of_postfix,
        [
            "ok: Postfix: ours is the last of smtpd_milters",
            "ok: Postfix: the re-submission listener is sms, as access.resubmission says",
        ],
        "{said}"
    );
    assert_eq!(code, 0, "{said}");
    let (said, code) = check(
        &written(
            dir.path(),
            "gateways: [{ id: lab, type: simulated }]",
            10026,
        ),
        &[&args],
    );
    assert!(said.contains("error: Postfix's listener 127.0.0.1:10587 has milter_macro_daemon_name=sms, but access.resubmission is not set"), "{said}");
    assert_eq!(code, 78, "{said}");
}
