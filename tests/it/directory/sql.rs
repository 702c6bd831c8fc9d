//! PostgreSQL, MariaDB and SQLite: the same questions, and what each of them has of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::sim::directories::{PASSWORD, Server, mariadb, postgres, sqlite};
use crate::sim::tls::Authority;

/// The rows, in words that all three know.
const ROWS: &str = "INSERT INTO people VALUES
  ('carol@example.com', 'cj@example.com, c.jones@example.com', 'carol', 'caz', '+15552000001', 1, '2027-12-31', 12, NULL),
  ('jan@example.org', NULL, 'jan', 'caz', '777 123 456', 0, NULL, NULL, NULL),
  ('twin@example.com', NULL, 'twin1', NULL, NULL, 1, NULL, NULL, NULL),
  ('twin@example.com', NULL, 'twin2', NULL, NULL, 1, NULL, NULL, NULL),
  ('odd@example.com', '', 'odd', NULL, 'call me', 1, NULL, NULL, NULL),
  ('broken@example.com', NULL, 'broken', NULL, NULL, 1, NULL, NULL, 'everything')";

fn table(active: &str, date: &str) -> String {
    format!(
        "CREATE TABLE people (email VARCHAR(80), alias TEXT, login VARCHAR(80), nick VARCHAR(40),
         phone VARCHAR(40), works {active}, until {date}, quota INT, rights VARCHAR(80))"
    )
}

fn section(place: &str, more: &str) -> String {
    format!(
        "users_sql:
  url: \"{place}\"
  query: \"SELECT * FROM people WHERE email = %s OR login = %s OR alias LIKE concat('%%', %s, '%%')\"
  nickname_query: SELECT * FROM people WHERE nick = %u AND email LIKE concat('%%@', %d)
  mobile_query: SELECT * FROM people WHERE phone = %s
  columns: {{ aliases: alias, nickname: nick, mobile: phone, active: works, expires: until, monthly_limit: quota, send: rights }}
{more}
"
    )
}

/// What all three answer.
async fn ask_all(yaml: &str) {
    let all = directories(yaml);
    let carol = named(&all, "carol")
        .await
        .expect("an answer")
        .expect("carol");
    assert_eq!(carol.email, "carol@example.com");
    assert_eq!(carol.aliases, ["cj@example.com", "c.jones@example.com"]);
    assert_eq!(carol.mobile, Number::from_network("+15552000001"));
    assert_eq!(carol.expires, Some(jiff::civil::date(2027, 12, 31)));
    assert_eq!(carol.policy.monthly_limit, 12);
    let jan = named(&all, "Jan@example.org")
        .await
        .expect("an answer")
        .expect("jan");
    assert_eq!((jan.active, jan.expires), (false, None));
    assert_eq!(jan.mobile, Number::from_network("+420777123456"));
    for (question, expected) in [
        (Question::Name("cj@example.com".into()), "carol@example.com"),
        (nickname("caz", "example.com"), "carol@example.com"),
        (nickname("caz", "example.org"), "jan@example.org"),
        (nickname("caz", "example.net"), "-"),
        (mobile("+15552000001"), "carol@example.com"),
        (mobile("+15552000009"), "-"),
        (Question::Name("nobody@example.com".into()), "-"),
        (Question::Name("odd".into()), "odd@example.com"),
    ] {
        let shown = question.to_string();
        assert_eq!(email(find(&all, question).await), expected, "{shown}");
    }
    let twin = email(named(&all, "twin@example.com").await);
    assert_eq!(
        twin,
        "later: users_sql: twin@example.com: the query finds several rows; make it find one"
    );
    let broken = email(named(&all, "broken").await);
    assert!(
        broken.contains("send[0]: \"everything\" is not a right"),
        "{broken}"
    );
    for name in ATTACKS {
        assert_eq!(email(named(&all, name).await), "-", "{name}");
    }
    // The table is still there, and nothing of it was changed.
    assert_eq!(
        email(named(&all, "c.jones@example.com").await),
        "carol@example.com"
    );
    let said = probe(&all).await;
    assert!(said.starts_with("ok users_sql: "), "{said}");
}

/// What is wrong with the way to a server.
async fn ask_wrong(yaml: &str, server: &Server) {
    let other = tempfile::tempdir().expect("a directory");
    let ca = other.path().join("ca.pem");
    std::fs::write(&ca, Authority::new().certificate()).expect("write");
    for (yaml, expected) in [
        (yaml.replace(PASSWORD, "wrong-hunter2"), "reader"),
        (
            yaml.replace(&server.ca.display().to_string(), &ca.display().to_string()),
            "certificate",
        ),
        (
            yaml.replace(&format!(":{}/", server.port), ":1/"),
            "refused",
        ),
        (yaml.replace("FROM people", "FROM nobody"), "nobody"),
        (
            yaml.replace(
                "SELECT * FROM people WHERE email",
                "SELECT login FROM people WHERE email",
            ),
            "has no column email",
        ),
    ] {
        let said = probe(&directories(&yaml)).await;
        assert!(said.starts_with("error users_sql: "), "{said}");
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn postgresql() {
    let mut server = postgres(&format!(
        "{}; {}",
        table("BOOLEAN", "DATE"),
        ROWS.replace(", 1, ", ", true, ")
            .replace(", 0, ", ", false, ")
    ));
    let more = format!(
        "  password: {PASSWORD}\n  ca: {}\n  timeout: 2s\n",
        server.ca.display()
    );
    let place = format!("postgres://reader@127.0.0.1:{}/mail", server.port);
    ask_all(&section(&place, &more)).await;
    let tls = section(&place, &format!("{more}  tls: true"));
    ask_all(&tls).await;
    let socket = format!(
        "postgres:///mail?host={}&user=reader",
        server.dir.path().display()
    );
    // The socket has no port in its name; the port is in its own.
    let socket = socket.replace("///mail", &format!("//localhost:{}/mail", server.port));
    ask_all(&section(&socket, &more)).await;
    ask_wrong(&tls, &server).await;
    let odd = tls.replace(
        "SELECT * FROM people WHERE email",
        "SELECT email, 1.5 AS quota FROM people WHERE email",
    );
    let said = email(named(&directories(&odd), "carol").await);
    assert_eq!(
        said,
        "later: users_sql: column quota is numeric; cast it to text in the query"
    );

    // It dies, it hangs.
    let all = directories(&tls);
    assert_eq!(email(named(&all, "carol").await), "carol@example.com");
    server.kill();
    assert_eq!(email(named(&all, "carol").await), "carol@example.com");
    assert!(matches!(named(&all, "jan").await, Err(Later::Down(_))));
    server.start();
    assert_eq!(until_found(&all, "jan").await.email, "jan@example.org");
    server.kill();
    server.start();
    assert_eq!(email(named(&all, "odd").await), "odd@example.com");
    // The postmaster alone would let its children answer; so the connection to a new one hangs.
    let all = directories(&tls);
    server.halt();
    let began = Instant::now();
    for name in 0..20 {
        let asked = named(&all, &format!("user{name}")).await;
        assert!(matches!(asked, Err(Later::Down(_))), "{asked:?}");
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    server.resume();
    assert_eq!(until_found(&all, "jan").await.email, "jan@example.org");
}

#[tokio::test]
async fn mysql() {
    let server = mariadb(&format!(
        "{} COLLATE utf8mb4_bin; {ROWS}",
        table("BOOLEAN", "DATE")
    ));
    let more = format!("  password: {PASSWORD}\n  ca: {}\n", server.ca.display());
    let place = format!("mysql://reader@127.0.0.1:{}/mail", server.port);
    ask_all(&section(&place, &more)).await;
    let tls = section(&place, &format!("{more}  tls: true"));
    ask_all(&tls).await;
    let socket = server.dir.path().join("sock");
    let place = format!("mysql://reader@localhost/mail?socket={}", socket.display());
    ask_all(&section(&place, &more)).await;
    ask_wrong(&tls, &server).await;
}

fn file(dir: &Path) -> String {
    let path = dir.join("users.db");
    sqlite(&path, &format!("{}; {ROWS};", table("BOOLEAN", "DATE")));
    let yaml = section(&format!("sqlite:{}", path.display()), "");
    yaml.replace("concat('%%', %s, '%%')", "'%%' || %s || '%%'")
        .replace("concat('%%@', %d)", "'%%@' || %d")
}

#[tokio::test]
async fn a_file_of_sqlite() {
    let dir = tempfile::tempdir().expect("a directory");
    let yaml = file(dir.path());
    ask_all(&yaml).await;
    let gone = probe(&directories(&yaml.replace("users.db", "gone.db"))).await;
    assert!(gone.contains("unable to open database file"), "{gone}");
    assert!(!dir.path().join("gone.db").exists());
}
