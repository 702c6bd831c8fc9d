//! Users as admins and spreadsheets write them: the table of `users_csv` means what `users` means, and what is
//! wrong is said by line, column and what to write instead.

use std::io;
use std::path::Path;

use proptest::prelude::*;
use sms_milter::access::{Confirm, User};
use sms_milter::config::table::Sheet;
use sms_milter::config::{self, Outside, Settings};
use sms_milter::sms::{Class, Number};

/// What every configuration needs, and the domains of the table's people.
const BASE: &str = r#"hostname: mail.example.com
milter: { listen: inet:127.0.0.1:8895 }
addresses:
  domains:
    - { mail: example.com, sms: sms.example.com, region: US }
    - { mail: example.org, sms: sms.example.org, region: CZ }
access: { defaults: { monthly_limit: 100, allow: ["+1"] }, domains: { example.org: { monthly_limit: 500, credit: 9 } } }
gateways: [{ id: lab, type: simulated }]
mail: { inject: smtp://127.0.0.1:10026 }
"#;

/// A machine whose only file is a table.
struct Machine<'a>(io::Result<&'a [u8]>);

impl Outside for Machine<'_> {
    fn secret(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn pem(&self, path: &Path) -> io::Result<String> {
        self.secret(path)
    }
    fn table(&self, path: &Path) -> io::Result<(Vec<u8>, String)> {
        assert_eq!(path, Path::new("/etc/sms-milter/users.csv"));
        match &self.0 {
            Ok(octets) => Ok((octets.to_vec(), "users.csv".to_owned())),
            Err(error) => Err(error.kind().into()),
        }
    }
    fn mode(&self, _: &Path) -> io::Result<u32> {
        Ok(0o640)
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn hostname(&self) -> Option<String> {
        None
    }
}

fn judge(yaml: &str, table: &[u8]) -> Result<Settings, String> {
    let text = format!("{BASE}users_csv: users.csv\n{yaml}");
    let base = Path::new("/etc/sms-milter");
    config::parse(&text, "config.yaml", base, &Machine(Ok(table)))
        .map_err(|errors| errors.to_string())
}

#[track_caller]
fn users(table: &str) -> Vec<User> {
    let settings = judge("", table.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"));
    settings.access.users.to_vec()
}

#[track_caller]
fn wrong(table: impl AsRef<[u8]>, expected: &str) {
    let said = judge("", table.as_ref()).map(|_| "fine").unwrap_err();
    assert_eq!(said.trim_end(), expected);
}

#[test]
fn a_table_means_what_the_list_means() {
    let hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$dGVzdHRlc3R0ZXN0dGVzdA";
    let yaml = format!(
        r#"users:
  - {{ email: Ann.Smith@example.com, name: Ann Smith, aliases: [ann@example.com, a@example.com], login: asmith,
      certificates: [ann.example.com], nickname: ann, mobile: "(555) 765-4321", phone_alias: "+15550000001",
      gateway: lab, expires: 2027-12-31, active: false, password_hash: "{hash}", send: [users, external, binary],
      allow: ["+1", "+420"], deny: ["+1900"], monthly_limit: 7, credit: 70, max_segments: 3, confirm: always,
      sender_ids: ["ACME Inc", "123"], class: alarm }}
  - {{ email: bob@example.org, mobile: "777 123 456", credit: none, send: none, allow: all }}
"#
    );
    let listed = config::parse(
        &format!("{BASE}{yaml}"),
        "config.yaml",
        Path::new("/etc/sms-milter"),
        &Machine(Err(io::ErrorKind::NotFound.into())),
    );
    let listed = listed
        .unwrap_or_else(|errors| panic!("{errors}"))
        .access
        .users
        .to_vec();
    let header = "E-Mail,Full Name,Aliases,User name,certificate,Nick,Mobile phone,phone-alias,Gateway,Expiry Date,Enabled,\
                  password_hash,Rights,Allow,Deny,Monthly limit,CREDIT,max_segments,confirm,Sender IDs,Class";
    let table = format!(
        "{header}\nAnn.Smith@example.com,Ann Smith,ann@example.com a@example.com,asmith,ann.example.com,ann,\
         (555) 765-4321,+15550000001,lab,2027-12-31,no,\"{hash}\",users;external;binary,+1 +420,+1900,7,70,3,always,\
         ACME Inc;123,alarm\nbob@example.org,,,,,,777 123 456,,,,,,none,all,,,none,,,,\n"
    );
    let from_table = users(&table);
    assert_eq!(from_table, listed);
    let [ann, bob] = from_table.as_slice() else {
        panic!("two")
    };
    assert_eq!(
        (ann.policy.class, ann.policy.confirm),
        (Class::Alarm, Confirm::Always)
    );
    // National numbers are those of the user's own domain.
    assert_eq!(ann.mobile, Number::from_network("+15557654321"));
    assert_eq!(bob.mobile, Number::from_network("+420777123456"));
    assert_eq!((bob.policy.monthly_limit, bob.policy.credit), (500, None));
    assert!(!bob.policy.to_users && !bob.policy.to_external && bob.policy.reach.allow.is_none());
    assert_eq!((ann.policy.monthly_limit, ann.policy.credit), (7, Some(70)));
    // However it is written.
    for other in [
        table.replace('\n', "\r\n"),
        table.replace('\n', "\r"),
        format!("\u{feff}{table}"),
        format!("\n\r\n{}\n\n,,,,\n", table.trim_end()),
        table
            .to_uppercase()
            .lines()
            .next()
            .expect("a header")
            .to_owned()
            + &table[header.len()..],
    ] {
        assert_eq!(users(&other), listed, "{other}");
    }
    let tabs = "sep=\t\nmail\tPhone\nann@example.com\t5557654321\n";
    assert_eq!(users(tabs)[0].mobile, ann.mobile);
    let german = "\u{feff}E-Mail-Adresse;Mobiltelefon;Monatslimit;Kürzel;Rechte;Aktiv\r\n\
                  ann@example.com;555 765-4321;7;ann;external;WAHR\r\nbob@example.com;;;;;Nein\r\n";
    let [first, second] = &users(german)[..] else {
        panic!("two")
    };
    assert_eq!(
        (first.mobile.clone(), first.policy.monthly_limit),
        (ann.mobile.clone(), 7)
    );
    assert!(first.active && !second.active && !first.policy.to_users);
}

#[test]
fn what_is_wrong_has_a_line_and_a_column() {
    wrong(
        "email;mobile;monthly_limit;active\nann@example.com;12;many;maybe\n\nbob;;-1;\n",
        "users.csv:2:17: mobile: \"12\" is not a phone number; write one like \"+15551234567\"\n\
         users.csv:2:20: monthly_limit: \"many\" is not a number here; write a whole number, 0 or more\n\
         users.csv:2:25: active: \"maybe\" is neither yes nor no; write true or false\n\
         users.csv:4:1: email: \"bob\" is not a mail address; write one like ann@example.com\n\
         users.csv:4:6: monthly_limit: \"-1\" is not a number here; write a whole number, 0 or more",
    );
    wrong(
        "name,email,send\n\"Smith, \"\"Ann\"\"\",ann@example.com,\"users;\neverybody\"\nBob,,\n",
        "users.csv:2:34: send[1]: \"everybody\" is not a right; write users, external, phonebook, binary or gateway\n\
         users.csv:4:5: email: is missing; write the user's mail address",
    );
    wrong(
        "email,gateway,max_segments\nann@example.com,hall,200\n",
        "users.csv:2:17: gateway: \"hall\" is not a gateway; write lab\n\
         users.csv:2:22: max_segments: 200 is out of range; write 1 to 128",
    );
    wrong(
        "email,name\nann@example.com,Smith, Ann\n",
        "users.csv:2:1: has 3 cells, but the first line names 2; put what holds a ',' in quotes",
    );
    wrong(
        "email;mobile;phone_alias\nann@example.com;4,91511E+12;1.5E+10\n",
        "users.csv:2:17: mobile: \"4,91511E+12\" was rounded by a spreadsheet; make the column text there, and write the \
         number again\n\
         users.csv:2:29: phone_alias: \"1.5E+10\" was rounded by a spreadsheet; make the column text there, and write \
         the number again",
    );
    wrong(
        "email;mobile;credit\nann@example.com;\"555;7\nbob@example.com;;8\n",
        "users.csv:2:17: mobile: goes over more than one line; is a quote not closed?",
    );
    wrong(
        "email,\nann@example.com,what\n",
        "users.csv:2:1: \"what\" stands in column 2, which has no name",
    );
}

#[test]
fn names_are_one_user_s() {
    let said = judge(
        "users: [{ email: ann@example.com, login: ann, nickname: ann }]\n",
        b"email,aliases,login,nickname\nbob@example.com,x@example.com ANN@example.com,,Ann\nEve@example.com,,ANN,\n\
          eve@example.com,,,\nann@example.org,,,ann\n",
    );
    assert_eq!(
        said.map(|_| "fine").unwrap_err().trim_end(),
        "users.csv:2:17: aliases[1]: \"ann@example.com\" is also users[0].email; an address, alias or login names one user\n\
         users.csv:2:48: nickname: \"Ann\" is also users[0].nickname; write another nickname\n\
         users.csv:3:18: login: \"ANN\" is also users[0].login; an address, alias or login names one user\n\
         users.csv:4:1: email: \"eve@example.com\" is also users.csv:3 email; an address, alias or login names one user"
    );
    let settings = judge(
        "",
        b"email,nickname,aliases\nann@example.com,boss,\nbob@example.org,BOSS,\neve@example.com,x,x@example.org\n\
          x@example.com,ann,\n",
    );
    let warnings = settings.map(|settings| settings.warnings).expect("fine");
    assert_eq!(
        warnings,
        [
            "users.csv:3:17: nickname: \"boss\" is also users.csv:2 nickname, in another domain: an SMS that begins with it goes to neither by that",
            "users.csv:4:17: nickname: \"x\" is also users.csv:5 email: mail to x goes to that user, an SMS that begins with it to this one",
            "users.csv:5:15: nickname: \"ann\" is also users.csv:2 email: mail to ann goes to that user, an SMS that begins with it to this one",
        ]
    );
}

#[test]
fn files_that_are_no_tables() {
    let nothing = "users.csv:1:1: has no lines; the first one names the columns, as email,name,mobile,monthly_limit";
    wrong("", nothing);
    wrong("\n\r\n\n", nothing);
    wrong("\u{feff}", nothing);
    wrong(
        "ann@example.com,Ann\n",
        "users.csv:1:1: the first line must name the columns; write one above it, as email,name,mobile",
    );
    wrong(
        "name\nAnn\n",
        "users.csv:1:1: no column is email; write the users' addresses in one of that name",
    );
    wrong(
        "email,monthly limits\n",
        "users.csv:1:7: there is no column \"monthly limits\"; did you mean monthly_limit?",
    );
    wrong(
        "email,shoe size\n",
        "users.csv:1:7: there is no column \"shoe size\"; write email, name, aliases, login, certificates, nickname, \
         mobile, phone_alias, gateway, expires, active, password_hash, send, allow, deny, monthly_limit, credit, \
         max_segments, confirm, sender_ids, class, language, template, or remove it",
    );
    wrong(
        "email,Phone,Mobile\n",
        "users.csv:1:13: \"Mobile\" is mobile too, which another column is already; leave one of them",
    );
    wrong(
        "email,password\nann@example.com,hunter2\n",
        "users.csv:1:7: passwords are not kept; write password_hash, as sms-milter users hash prints it",
    );
    wrong(
        b"email,name\nann@example.com,J\xF6rg\n",
        "users.csv:2:18: is not UTF-8, but probably Latin-1 (Windows-1252); save it as \"CSV UTF-8\", or run \
         iconv -f WINDOWS-1252 -t UTF-8",
    );
    wrong(
        b"\xFF\xFEe\0m\0",
        "users.csv:1:1: is UTF-16; save it as \"CSV UTF-8\", or run iconv -f UTF-16 -t UTF-8",
    );
    wrong(
        b"PK\x03\x04\x14\0\x06",
        "users.csv:1:3: is no text: this is not a CSV file (save a spreadsheet as \"CSV UTF-8\")",
    );
    // A line of 10 MiB, a quote that nobody closed.
    wrong(
        format!("email,name\nann@example.com,{}\n", "x".repeat(10 << 20)),
        "users.csv:2:17: name: has more than 8192 octets; is a quote not closed?",
    );
    wrong(
        "x".repeat(10 << 20),
        "users.csv:1:1: is too long for the name of a column; the first line names them, as email,name,mobile",
    );
    let rows = "eve@example.com,Eve\n".repeat(1000);
    wrong(
        format!("email,name\nann@example.com,\"Ann\n{rows}"),
        "users.csv:2:17: name: has more than 8192 octets; is a quote not closed?",
    );
    // One column is enough, and no users are none.
    assert_eq!(users("email\nann@example.com\n").len(), 1);
    assert_eq!(users("email").len(), 0);
    for (kind, expected) in [
        (io::ErrorKind::NotFound, "entity not found"),
        (io::ErrorKind::PermissionDenied, "permission denied"),
    ] {
        let text = format!("{BASE}users_csv: users.csv\n");
        let base = Path::new("/etc/sms-milter");
        let said = config::parse(&text, "config.yaml", base, &Machine(Err(kind.into())));
        assert_eq!(
            said.map(|_| ()).unwrap_err().to_string(),
            format!(
                "config.yaml:10:12: users_csv: \"users.csv\" cannot be read: {expected}; write the path of a table of users, or make it: sms-milter users import FILE\n"
            )
        );
    }
}

/// The real machine: what is no file at all.
#[test]
fn places_that_are_no_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("config.yaml");
    for (name, expected) in [
        ("missing.csv", "No such file or directory (os error 2)"),
        (".", "it is not a file"),
        ("/dev/zero", "it is not a file"),
        ("config.yaml/users.csv", "Not a directory (os error 20)"),
    ] {
        std::fs::write(&path, format!("{BASE}users_csv: {name}\n")).expect("written");
        let said = config::load(&path).map(|_| ()).unwrap_err().to_string();
        assert_eq!(
            said,
            format!(
                "{}:10:12: users_csv: {name:?} cannot be read: {expected}; write the path of a table of users, or make it: sms-milter users import FILE\n",
                path.display()
            )
        );
    }
}

#[test]
fn as_many_as_there_may_be() {
    let table = |rows: usize| {
        (0..rows).fold(String::from("email\n"), |mut table, n| {
            table += &format!("u{n}@example.com\n");
            table
        })
    };
    assert_eq!(users(&table(100_000)).len(), 100_000);
    wrong(
        table(250_001),
        "users.csv:250002:1: is one user too many; write at most 250000 here, and have more looked up by users_ldap or \
         users_sql",
    );
    // A wrong column is wrong a hundred thousand times, and said fifty times.
    let bad = table(100_000).replace("@example.com", "");
    let said = judge("", bad.as_bytes()).map(|_| ()).unwrap_err();
    assert_eq!(said.lines().count(), 51);
    assert!(
        said.ends_with("config.yaml: and 99950 more\n"),
        "{}",
        said.lines().last().unwrap_or_default()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = judge("", &octets);
    }

    #[test]
    fn no_table_panics(text in "(email|mail|name|mobile|send|[a-z ]{0,6})([,;\t](email|aliases|Nick|[a-z ]{0,6})){0,4}[\r\n]{1,2}([\"a-z@.,;\t\r\n +0-9ü]{0,120})") {
        let _ = judge("", text.as_bytes());
    }

    #[test]
    fn sheets_are_read_as_they_were_written(
        cells in prop::collection::vec(("[a-z]{1,8}@example\\.com", "[a-zü\",;\t\n0-9+]{0,12}"), 0..20),
        separator in prop::sample::select(vec![b',', b';', b'\t']),
    ) {
        let sheet = Sheet {
            separator,
            header: vec!["E-mail".into(), "Name".into()],
            keys: vec![Some("email"), Some("name")],
            rows: cells.into_iter().map(|(a, b)| vec![a, b.trim().to_owned()]).collect(),
        };
        prop_assert_eq!(Sheet::read(sheet.write(), "x").expect("a table"), sheet);
    }
}
