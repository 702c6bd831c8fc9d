//! OpenLDAP: every question, every way to connect, and what goes wrong.

use std::time::{Duration, Instant};

use super::*;
use crate::sim::directories::{PASSWORD, Server, slapd};
use crate::sim::tls::Authority;

pub(super) const PEOPLE: &str = "\
dn: uid=carol,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: carol
cn: Carol Jones
sn: Jones
displayName: Carol Jones
mail: Carol.Jones@example.com
mail: carol@example.com
description: smtp:cj@example.com
description: X500:/o=example/cn=carol
givenName: caz
givenName: jonesy
mobile: +1 555 200 0001
roomNumber: 12

dn: uid=jan,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: jan
cn: Jan
sn: Novak
mail: jan@example.org
givenName: caz
mobile: 777 123 456
businessCategory: FALSE

dn: cn=first,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: twin1
cn: first
sn: Twin
mail: twin@example.com

dn: cn=second,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: twin2
cn: second
sn: Twin
mail: twin@example.com

dn: uid=odd,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: odd
cn: Odd
sn: Odd
mail: odd@example.com
mobile: call me

dn: uid=broken,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: broken
cn: Broken
sn: Broken
mail: broken@example.com
businessCategory: perhaps
";

/// `users_ldap` for a server, with `url` and `more`.
pub(super) fn section(server: &Server, url: &str, more: &str) -> String {
    format!(
        "users_ldap:
  url: \"{url}\"
  base: ou=people,dc=example,dc=com
  bind_dn: cn=reader,dc=example,dc=com
  password: {PASSWORD}
  ca: {}
  attributes: {{ aliases: description, nickname: givenName, monthly_limit: roomNumber, active: businessCategory }}
  filter: \"(&(objectClass=person)(|(mail=%s)(description=smtp:%s)(uid=%s)))\"
{more}
",
        server.ca.display()
    )
}

fn plain(server: &Server) -> String {
    format!("ldap://127.0.0.1:{}", server.port)
}

#[tokio::test]
async fn everybody_is_found_by_every_name() {
    let server = slapd(PEOPLE);
    let socket = server
        .dir
        .path()
        .join("ldapi")
        .display()
        .to_string()
        .replace('/', "%2F");
    for (url, more) in [
        (plain(&server), ""),
        (plain(&server), "  starttls: true"),
        (format!("ldaps://127.0.0.1:{}", server.tls_port), ""),
        (
            format!("ldaps://localhost:{}", server.tls_port),
            "  scope: one",
        ),
        (format!("ldapi://{socket}"), ""),
    ] {
        let all = directories(&section(&server, &url, more));
        let carol = named(&all, "carol")
            .await
            .expect("an answer")
            .expect("carol");
        // The first in alphabetical order, on every replica.
        assert_eq!(carol.email, "carol.jones@example.com", "{url} {more}");
        assert_eq!(carol.aliases, ["cj@example.com", "carol@example.com"]);
        assert_eq!(
            (carol.name.as_deref(), carol.login.as_deref()),
            (Some("Carol Jones"), Some("carol"))
        );
        assert_eq!(carol.mobile, Number::from_network("+15552000001"));
        assert_eq!(carol.policy.monthly_limit, 12);
        for (question, expected) in [
            (
                Question::Name("carol@example.com".into()),
                "carol.jones@example.com",
            ),
            (
                Question::Name("cj@example.com".into()),
                "carol.jones@example.com",
            ),
            (nickname("Caz", "example.com"), "carol.jones@example.com"),
            (nickname("caz", "example.org"), "jan@example.org"),
            (nickname("caz", "example.net"), "-"),
            (mobile("+15552000001"), "carol.jones@example.com"),
            (mobile("+15552000002"), "-"),
            (Question::Name("nobody@example.com".into()), "-"),
        ] {
            let shown = question.to_string();
            assert_eq!(email(find(&all, question).await), expected, "{shown}");
        }
        let jan = named(&all, "jan").await.expect("an answer").expect("jan");
        // National, as people write it there.
        assert_eq!(jan.mobile, Number::from_network("+420777123456"));
        assert!(!jan.active);
        let odd = named(&all, "odd").await.expect("an answer").expect("odd");
        assert_eq!(odd.mobile, None, "a number that is none is left out");
    }
}

#[tokio::test]
async fn what_is_not_clear_is_answered_later() {
    let server = slapd(PEOPLE);
    let all = directories(&section(&server, &plain(&server), ""));
    let twin = email(named(&all, "twin@example.com").await);
    assert!(
        twin.contains("finds cn=first,ou=people,dc=example,dc=com and cn=second,ou=people"),
        "{twin}"
    );
    let broken = email(named(&all, "broken").await);
    assert_eq!(
        broken,
        "later: uid=broken,ou=people,dc=example,dc=com: active is \"perhaps\"; write true or false"
    );
    // Neither says anything of the directory.
    assert_eq!(email(named(&all, "carol").await), "carol.jones@example.com");
    for name in ATTACKS {
        assert_eq!(email(named(&all, name).await), "-", "{name}");
        let called = find(&all, nickname(&name.replace(' ', ""), "example.com")).await;
        assert_eq!(email(called), "-", "{name}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_words() {
    let server = slapd(PEOPLE);
    let url = plain(&server);
    let good = section(&server, &url, "");
    let fine = probe(&directories(&good)).await;
    assert_eq!(
        fine,
        format!("ok users_ldap: {url} answers to cn=reader,dc=example,dc=com []")
    );
    let other = tempfile::tempdir().expect("a directory");
    let ca = other.path().join("ca.pem");
    std::fs::write(&ca, Authority::new().certificate()).expect("write");
    let tls = section(
        &server,
        &format!("ldaps://127.0.0.1:{}", server.tls_port),
        "",
    );
    for (yaml, expected) in [
        (
            good.replace(PASSWORD, "wrong-hunter2"),
            "bind as cn=reader,dc=example,dc=com: wrong bind_dn or password",
        ),
        (
            good.replace("ou=people", "ou=nobody"),
            "the base ou=nobody,dc=example,dc=com is not there",
        ),
        (
            tls.replace(&server.ca.display().to_string(), &ca.display().to_string()),
            "certificate",
        ),
        (tls.replace("127.0.0.1", "127.0.0.2"), "127.0.0.2"),
        (section(&server, "ldap://127.0.0.1:1", ""), "refused"),
    ] {
        let all = directories(&yaml);
        let said = probe(&all).await;
        assert!(said.starts_with("error users_ldap: "), "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        let asked = named(&all, "carol").await;
        assert!(matches!(asked, Err(Later::Down(_))), "{asked:?}");
    }
}

#[tokio::test]
async fn a_server_that_dies_is_found_again() {
    let mut server = slapd(PEOPLE);
    let all = directories(&section(&server, &plain(&server), ""));
    assert_eq!(email(named(&all, "carol").await), "carol.jones@example.com");
    server.kill();
    // Who was found is remembered; of others nobody says that they are not there.
    assert_eq!(email(named(&all, "carol").await), "carol.jones@example.com");
    let asked = named(&all, "jan").await;
    assert!(matches!(asked, Err(Later::Down(_))), "{asked:?}");
    server.start();
    assert_eq!(until_found(&all, "jan").await.email, "jan@example.org");
    // A restart between two look-ups is not even noticed.
    server.kill();
    server.start();
    assert_eq!(email(named(&all, "odd").await), "odd@example.com");
}

#[tokio::test]
async fn a_second_server_takes_over() {
    let (mut first, second) = (slapd(PEOPLE), slapd(PEOPLE));
    let urls = format!("{}\", \"{}", plain(&first), plain(&second));
    let yaml = section(&first, &urls, "")
        .replace("url: ", "url: [")
        .replace("\"\n  base", "\"]\n  base");
    let all = directories(&yaml);
    assert_eq!(email(named(&all, "carol").await), "carol.jones@example.com");
    first.kill();
    assert_eq!(email(named(&all, "odd").await), "odd@example.com");
}

#[tokio::test]
async fn a_server_that_hangs_costs_one_timeout() {
    let server = slapd(PEOPLE);
    let all = directories(&section(&server, &plain(&server), "  timeout: 1s"));
    assert_eq!(email(named(&all, "carol").await), "carol.jones@example.com");
    server.halt();
    let began = Instant::now();
    let waiting = ["jan", "odd", "twin1", "x", "y"].map(|name| named(&all, name));
    for asked in futures_util::future::join_all(waiting).await {
        assert!(matches!(asked, Err(Later::Down(_))), "{asked:?}");
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(900), "{took:?}");
    let began = Instant::now();
    for name in 0..50 {
        let asked = named(&all, &format!("user{name}")).await;
        assert!(matches!(asked, Err(Later::Down(_))), "{asked:?}");
    }
    // One more look-up may have tried it meanwhile.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    server.resume();
    assert_eq!(until_found(&all, "jan").await.email, "jan@example.org");
}
