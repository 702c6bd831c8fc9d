//! The configuration as admins write it: the example works as printed, and what is wrong is said with its
//! place, its key and what to write instead.
//!
//! `tests/config/bad/*.yaml` each have the lines they must be refused with beside them, in `*.err`. After a
//! change of words, `BLESS=1 cargo test --test it config` writes those files; read the difference.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;
use sms_milter::access::Confirm;
use sms_milter::config::{self, Gateway, LogFormat, Outside, Settings};
use sms_milter::gateway::http::{Auth, Find, Http, Method};
use sms_milter::gateway::{Concatenation, Gateway as _, OnUnknown};
use sms_milter::inbound::OnConflict;
use sms_milter::mail::text::Attachments;
use sms_milter::milter::Listen;
use sms_milter::outbound::plan::Overflow;
use sms_milter::rules::{Action, Delivery, Strategy};
use sms_milter::sms::alphabet::Fold;
use sms_milter::sms::{Class, Number};
use sms_milter::world::World;

/// What every configuration needs.
const REQUIRED: &str = "hostname: mail.example.com
milter: { listen: inet:127.0.0.1:8895 }
addresses: { domains: [{ mail: example.com, sms: sms.example.com, region: US }] }
mail: { inject: smtp://127.0.0.1:10026 }
";

/// A machine with the files and variables that the example names, and some that are not well.
struct Machine {
    files: HashMap<&'static str, (u32, &'static str)>,
    variables: HashMap<&'static str, &'static str>,
}

impl Machine {
    fn new() -> Self {
        Self {
            files: HashMap::from([
                ("/etc/sms-milter/pin", (0o600, "1234\n")),
                (
                    "/etc/sms-milter/provider.token",
                    (0o640, "bearer-hunter2\nnot this\n"),
                ),
                ("/etc/sms-milter/hook.secret", (0o600, "hook-hunter2")),
                ("/etc/sms-milter/ldap.secret", (0o600, "ldap-hunter2")),
                ("/etc/sms-milter/sql.secret", (0o600, "sql-hunter2")),
                ("/etc/sms-milter/open", (0o644, "1234\n")),
                ("/etc/sms-milter/empty", (0o600, "\n")),
                (
                    "/etc/sms-milter/texts/de.ftl",
                    (
                        0o644,
                        "report-cut = Gekürzt: { $numbr }\n    .subject = x\nheldd = y\n",
                    ),
                ),
                (
                    "/etc/sms-milter/texts/pt.ftl",
                    (0o644, "held = Retido\nquota-month { $used }\n"),
                ),
                ("/etc/sms-milter/own/pt.ftl", (0o644, "held = Retido.\n")),
                ("/etc/sms-milter/twins/DE.ftl", (0o644, "held = x\n")),
                ("/etc/sms-milter/twins/de.ftl", (0o644, "held = x\n")),
                (
                    "/etc/sms-milter/wrong/de.ftl",
                    (
                        0o644,
                        "held = x\nnumber-question =\n    Welche Nummer?\n    .subject = Nummer 1\n",
                    ),
                ),
                ("/etc/sms-milter/named/deutsch.ftl", (0o644, "held = x\n")),
                (
                    "/etc/sms-milter/users.csv",
                    (
                        0o644,
                        "E-mail;Limit\nann@example.com;lots\nann@example.com;\n",
                    ),
                ),
            ]),
            variables: HashMap::from([("TWILIO_TOKEN", "twilio-hunter2")]),
        }
    }
}

impl Outside for Machine {
    fn secret(&self, path: &Path) -> io::Result<String> {
        let found = path.to_str().and_then(|path| self.files.get(path));
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or(io::ErrorKind::NotFound.into())
    }

    fn pem(&self, path: &Path) -> io::Result<String> {
        self.secret(path)
    }

    fn table(&self, path: &Path) -> io::Result<(Vec<u8>, String)> {
        let text = self.secret(path)?;
        Ok((text.into_bytes(), path.display().to_string()))
    }

    fn texts(&self, dir: &Path) -> io::Result<Vec<(PathBuf, String)>> {
        let files = self
            .files
            .iter()
            .map(|(path, (_, text))| (Path::new(path), *text));
        let files = files.filter(|(path, _)| path.parent() == Some(dir));
        let mut files: Vec<_> = files
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .collect();
        files.sort();
        match files.is_empty() {
            true => Err(io::ErrorKind::NotFound.into()),
            false => Ok(files),
        }
    }

    fn mode(&self, path: &Path) -> io::Result<u32> {
        let found = path.to_str().and_then(|path| self.files.get(path));
        found
            .map(|(mode, _)| *mode)
            .ok_or(io::ErrorKind::NotFound.into())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn hostname(&self) -> Option<String> {
        Some("machine.example.com".to_owned())
    }
}

fn parse(text: &str) -> Result<Settings, String> {
    let base = Path::new("/etc/sms-milter");
    config::parse(text, "config.yaml", base, &Machine::new()).map_err(|errors| errors.to_string())
}

#[track_caller]
fn good(more: &str) -> Settings {
    match parse(&format!("{REQUIRED}{more}")) {
        Ok(settings) => settings,
        Err(errors) => panic!("{errors}"),
    }
}

fn in_tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn example() -> String {
    std::fs::read_to_string(in_tests("config.example.yaml")).expect("the example")
}

fn number(text: &str) -> Option<Number> {
    Number::from_network(text)
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_wrong_is_said() {
    let mut cases: Vec<_> = std::fs::read_dir(in_tests("tests/config/bad"))
        .expect("cases")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    let mut wrong = String::new();
    for case in cases {
        let text = std::fs::read_to_string(&case).expect("case");
        let said = match parse(&text) {
            Ok(_) => "fine\n".to_owned(),
            Err(errors) => errors,
        };
        assert!(!said.contains("hunter2"), "{said}");
        let expected = case.with_extension("err");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected, &said).expect("write");
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong += &format!("{}:\n{said}\n", case.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The directories of the example are comments, because nobody has these servers.
#[test]
fn the_directories_of_the_example_work_as_printed() {
    let example = example();
    let (_, section) = example.split_once("#users_ldap:").expect("the section");
    let section: Vec<_> = section
        .lines()
        .take_while(|l| l.starts_with('#') || l.is_empty())
        .collect();
    let section = section.join("\n").replace("\n#", "\n");
    let section = section.split("\n\n").next().unwrap_or_default();
    let section = section.replace("ca: /etc/sms-milter/ldap-ca.pem", "#");
    let lab = "gateways: [{ id: lab, type: simulated }]";
    let settings = good(&format!("{lab}\nusers_ldap:{section}"));
    assert_eq!(
        format!("{:?}", settings.directories),
        "[\"users_ldap\", \"users_sql\"]"
    );
    assert_eq!(settings.warnings, [""; 0]);
}

#[test]
fn the_example_works_as_printed() {
    let settings = parse(&example()).unwrap_or_else(|errors| panic!("{errors}"));
    let told: Vec<_> = settings
        .warnings
        .iter()
        .map(|w| w.split_once(": ").map_or("", |(_, w)| w))
        .collect();
    assert_eq!(
        told,
        [
            "web.admins.admin: admin cannot log in: this is the documentation's placeholder, not a hash",
        ]
    );
    the_doors(&settings);
    the_people(&settings);
    the_way_out(&settings);
    the_way_in(&settings);
    let [
        Gateway::Modem(hall),
        Gateway::Http(provider),
        Gateway::Http(twilio),
        Gateway::Simulated(lab),
    ] = settings.gateways.as_slice()
    else {
        panic!("{:?}", settings.gateways);
    };
    assert_eq!(hall.device, "/dev/serial/by-id/usb-modem");
    assert_eq!(hall.baud, 115_200);
    assert_eq!(hall.pin.as_ref().map(|pin| pin.expose()), Some("1234"));
    assert_eq!(hall.smsc, number("+15550001111"));
    assert_eq!(
        (hall.timeout, hall.send_timeout),
        (16 * SECOND, 120 * SECOND)
    );
    assert_eq!(hall.common.number, number("+15550002222"));
    assert_eq!(hall.common.from.as_deref(), Some("sms:%s@example.com"));
    assert_eq!(
        (hall.common.concat, hall.common.on_unknown),
        (Concatenation::Udh, OnUnknown::RetryOnce)
    );
    assert_eq!(
        (hall.common.window, hall.common.unknown_wait),
        (1, 60 * SECOND)
    );

    assert_eq!(provider.method, Method::Get);
    assert!(matches!(&provider.auth, Auth::Bearer(token) if token.expose() == "bearer-hunter2"));
    assert_eq!(
        provider.secret.as_ref().map(|s| s.expose()),
        Some("hook-hunter2")
    );
    assert_eq!(provider.headers[0].0, "X-Account");
    assert_eq!(provider.reading.success.status, [200, 202]);
    assert!(
        provider
            .reading
            .success
            .body
            .as_ref()
            .is_some_and(|r| r.as_str() == "^(ID|OK)")
    );
    assert!(
        matches!(&provider.reading.message_id, Some(Find::Regex(r)) if r.as_str() == "^ID: (\\S+)")
    );
    assert_eq!(provider.reading.permanent.status, [400, 404]);
    assert_eq!(provider.reading.temporary.status, [408, 429, 503]);
    assert_eq!(provider.timeout, 30 * SECOND);
    assert_eq!(provider.common.concat, Concatenation::Provider);
    assert_eq!(
        provider.common.rates,
        [("+1".to_owned(), 0.01), ("+420".to_owned(), 0.04)]
    );
    assert_eq!(
        (provider.common.throughput, provider.common.window),
        (Some(10.0), 8)
    );

    assert!(matches!(&twilio.auth, Auth::Basic { user, password }
        if user == "AC123" && password.expose() == "twilio-hunter2"));
    assert_eq!(twilio.common.number, number("+15550003333"));
    assert_eq!((lab.id.as_str(), lab.window), ("lab", 64));
    assert!(!format!("{settings:?}").contains("hunter2"));
}

fn the_doors(settings: &Settings) {
    assert_eq!(settings.hostname, "mail.example.com");
    assert_eq!(
        settings.milter.listen,
        Listen::Inet {
            host: "127.0.0.1".to_owned(),
            port: 8895
        }
    );
    assert_eq!(
        (settings.milter.max_message, settings.milter.max_connections),
        (10 << 20, 1000)
    );
    assert_eq!(settings.store.path, Path::new("/var/lib/sms-milter"));
    assert_eq!(
        settings.control,
        Path::new("/var/lib/sms-milter/control.sock")
    );
    assert_eq!(settings.web.listen.to_string(), "127.0.0.1:8025");
    assert_eq!(
        settings.web.public_url.as_deref(),
        Some("https://sms.example.com")
    );
    assert!(settings.web.compat_icewarp);
    assert_eq!(settings.log.format, LogFormat::Text);
    assert_eq!(
        (settings.log.level, settings.log.mask_digits),
        (tracing::Level::INFO, 3)
    );
}

fn the_people(settings: &Settings) {
    let [first, second] = settings.addresses.domains.as_slice() else {
        panic!("domains")
    };
    assert_eq!(
        (first.mail.as_str(), first.sms.as_str(), first.region.code()),
        ("example.com", "sms.example.com", "US")
    );
    assert_eq!(
        (second.mail.as_str(), second.region.code()),
        ("example.org", "CZ")
    );
    assert_eq!(
        (
            settings.addresses.prefix.as_str(),
            settings.addresses.account.as_str()
        ),
        ("sms", "sms")
    );
    assert_eq!(settings.default_region().code(), "US");
    let access = &settings.access;
    assert_eq!(access.trusted_networks.len(), 2);
    assert_eq!(
        (access.defaults.monthly_limit, access.defaults.max_segments),
        (0, 5)
    );
    assert_eq!(
        (access.defaults.to_users, access.defaults.to_external),
        (true, true)
    );
    assert_eq!(
        (access.defaults.confirm, access.defaults.class),
        (Confirm::Asked, Class::Normal)
    );
    assert_eq!(access.domains["example.org"].monthly_limit, 500);
    assert_eq!(access.domains["example.org"].max_segments, 5);
    let resubmission = access.resubmission.as_ref().expect("resubmission");
    assert_eq!(
        (resubmission.daemon.as_str(), resubmission.trust_sender),
        ("sms", false)
    );
    let oncall = &access.aliases["oncall@example.com"];
    assert_eq!(oncall.charge, "bob@example.com");
    assert_eq!(oncall.to.first(), number("+15551230000").as_ref());
    let [ann, bob] = &access.users[..] else {
        panic!("users")
    };
    assert_eq!(ann.email, "ann.smith@example.com");
    assert_eq!(
        (ann.login.as_deref(), ann.nickname.as_deref()),
        (Some("asmith"), Some("ann"))
    );
    assert_eq!((&ann.mobile, ann.active), (&number("+15557654321"), true));
    assert_eq!(
        (bob.policy.monthly_limit, bob.policy.sender_ids.as_slice()),
        (10, &["ACME".to_owned()][..])
    );
    assert_eq!(bob.policy.max_segments, 5);
}

fn the_way_out(settings: &Settings) {
    let destinations = &settings.destinations;
    assert_eq!(
        destinations.allow.as_deref(),
        Some(&["+1", "+420", "+44"].map(str::to_owned)[..])
    );
    assert_eq!(destinations.deny, ["+1900"]);
    assert_eq!(destinations.rewrite[0].1, "+1555111$1");
    assert_eq!(destinations.regions.len(), 2);
    let text = &settings.text;
    assert_eq!(
        (text.template.as_str(), text.confirm_word.as_str()),
        ("{body}", "confirm")
    );
    assert_eq!(
        (
            text.strip_quotes,
            text.strip_signature,
            text.flash_on_priority
        ),
        (true, true, true)
    );
    assert_eq!(text.cut_at[0].as_str(), "(?m)^This e-mail is confidential");
    assert_eq!(text.attachments, Attachments::Mention);
    assert_eq!(
        (settings.fold, settings.on_overflow),
        (Fold::Typographic, Overflow::Cut)
    );
    assert!(settings.languages.is_empty());
    let turkish = good("text: { languages: [Turkish, spanish] }").languages;
    let turkish: Vec<_> = turkish.iter().map(|language| language.name()).collect();
    assert_eq!(turkish, ["turkish", "spanish"]);
    let queue = &settings.queue;
    assert_eq!(
        (queue.expire, queue.warn_after),
        (
            SignedDuration::from_hours(120),
            SignedDuration::from_hours(4)
        )
    );
    assert_eq!(
        (queue.retry_first, queue.retry_factor, queue.retry_max),
        (30 * SECOND, 2.0, 3600 * SECOND)
    );
    let [rule] = settings.outgoing.as_slice() else {
        panic!("rules")
    };
    assert!(
        matches!(&rule.action, Action::Gateways(ids, Strategy::Balance) if ids == &["provider", "hall"])
    );
    let planner = settings.planner();
    assert_eq!(planner.gateways.len(), 4);
}

fn the_way_in(settings: &Settings) {
    let inbound = &settings.inbound;
    assert_eq!(
        (
            inbound.email_tags,
            inbound.nicknames,
            inbound.strip_nickname
        ),
        (true, true, true)
    );
    assert_eq!(
        (inbound.reply_window, inbound.join_wait),
        (3 * 86_400 * SECOND, 3600 * SECOND)
    );
    assert_eq!(
        (inbound.on_conflict, inbound.relay.len()),
        (OnConflict::Ask, 0)
    );
    assert_eq!(
        inbound.conflict_text,
        "Several people wrote to you. Start your answer with #name#"
    );
    assert_eq!(inbound.default.as_deref(), Some("reception@example.com"));
    assert_eq!(
        inbound.rules[0].action,
        Delivery::Deliver(vec!["oncall@example.com".to_owned()], None)
    );
    assert_eq!(
        (
            inbound.people.len(),
            inbound.gateways.len(),
            inbound.domains.len()
        ),
        (2, 4, 2)
    );
    assert_eq!(
        inbound.gateways["hall"].from.as_deref(),
        Some("sms:%s@example.com")
    );
    assert_eq!(settings.inject.target.to_string(), "smtp://127.0.0.1:10026");
    assert_eq!(
        settings.inject.fallback.default.as_deref(),
        Some("reception@example.com")
    );
    assert_eq!(
        settings.letterhead.from,
        ("SMS".to_owned(), "sms@example.com".to_owned())
    );
    assert_eq!(settings.letterhead.hostname, "mail.example.com");
    assert_eq!(
        (settings.envelope_from.as_str(), settings.admin.as_str()),
        ("", "postmaster@example.com")
    );
}

/// What the example shows without a remark is the default.
#[test]
fn defaults_are_as_printed() {
    let (bare, example) = (good(""), parse(&example()).expect("example"));
    assert_eq!(bare.text.template, example.text.template);
    assert_eq!(bare.text.attachments, example.text.attachments);
    assert_eq!(bare.queue, example.queue);
    assert_eq!(
        (bare.fold, bare.languages, bare.on_overflow),
        (example.fold, example.languages, example.on_overflow)
    );
    assert_eq!(bare.milter, example.milter);
    assert_eq!(
        bare.access.trusted_networks,
        example.access.trusted_networks
    );
    assert_eq!(bare.access.defaults.monthly_limit, 200);
    assert_eq!(bare.access.resubmission, None);
    assert_eq!(bare.inbound.conflict_text, example.inbound.conflict_text);
    assert_eq!(bare.inbound.reply_window, example.inbound.reply_window);
    assert_eq!(bare.inbound.default, None);
    assert_eq!(
        (&bare.letterhead, &bare.admin),
        (&example.letterhead, &example.admin)
    );
    assert_eq!(
        (bare.store.path, bare.web.listen, bare.log),
        (example.store.path, example.web.listen, example.log)
    );
    assert_eq!(bare.web.admins.len(), 0);
    assert_eq!(
        bare.warnings,
        ["config.yaml:1:1: gateways: there is no active gateway: no SMS can be sent"]
    );
}

#[test]
fn policies_are_merged_key_by_key() {
    let settings = good(
        "access:
  defaults: { monthly_limit: 100, max_segments: 2, class: bulk }
  domains: { Example.com: { max_segments: 3, confirm: always } }
users:
  - { email: Ann@Example.com, monthly_limit: 7 }
  - { email: guest@elsewhere.example, send: users }
gateways: [{ id: lab, type: simulated }]",
    );
    let [ann, guest] = &settings.access.users[..] else {
        panic!("users")
    };
    assert_eq!(ann.email, "ann@example.com");
    let policy = &ann.policy;
    assert_eq!((policy.monthly_limit, policy.max_segments), (7, 3));
    assert_eq!(
        (policy.confirm, policy.class),
        (Confirm::Always, Class::Bulk)
    );
    assert_eq!(
        (
            guest.policy.max_segments,
            guest.policy.to_users,
            guest.policy.to_external
        ),
        (2, true, false)
    );
}

#[test]
fn numbers_and_words_need_no_quotes() {
    let settings = good(
        "users: [{ email: ann@example.com, mobile: +15557654321, login: 1234 }]
gateways: [{ id: lab, type: simulated, number: 0015550009999, active: false }]",
    );
    assert_eq!(settings.access.users[0].mobile, number("+15557654321"));
    assert_eq!(settings.access.users[0].login.as_deref(), Some("1234"));
    assert_eq!(settings.gateways[0].common().number, number("+15550009999"));
    assert_eq!(settings.planner().gateways, []);
}

/// A provider that knows a repeat is asked again until it is known, unless the admin says otherwise.
#[test]
fn a_key_for_repeats_decides_about_what_is_unknown() {
    #[track_caller]
    fn check(keys: &str, expected: (OnUnknown, u64)) {
        let url = "https://sms.example.net/?t=%data%&id=%msgid%";
        let settings = good(&format!(
            "gateways: [{{ id: a, type: http, url: \"{url}\"{keys} }}]"
        ));
        let [Gateway::Http(provider)] = settings.gateways.as_slice() else {
            panic!("{:?}", settings.gateways)
        };
        let common = &provider.common;
        let found = (common.on_unknown, common.unknown_wait.as_secs());
        assert_eq!(found, expected, "{keys}");
    }
    check("", (OnUnknown::Report, 600));
    check(", idempotency: X-Key", (OnUnknown::Repeat, 30));
    check(", idempotency: \"%msgid%\"", (OnUnknown::Repeat, 30));
    let said = ", idempotency: X-Key, on_unknown: report, unknown_wait: 1m";
    check(said, (OnUnknown::Report, 60));
}

#[test]
fn relative_paths_begin_at_the_file() {
    let settings = good("store: sled:store\ncontrol: run/control.sock");
    assert_eq!(settings.store.path, Path::new("/etc/sms-milter/store"));
    assert_eq!(
        settings.control,
        Path::new("/etc/sms-milter/run/control.sock")
    );
    assert_eq!(
        good("store: sled:store").control,
        Path::new("/etc/sms-milter/store/control.sock")
    );
}

#[test]
fn warns() {
    let modem = "gateways: [{ id: hall, type: modem, device: /dev/a, pin: 1234 }]";
    let lab = "gateways: [{ id: lab, type: simulated }]";
    for (mode, more, expected) in [
        (
            0o644,
            modem,
            "config.yaml:1:1: everybody may read this file, and secrets are in it; run chmod o= config.yaml",
        ),
        (0o640, modem, ""),
        (0o644, lab, ""),
        (
            0o600,
            "users: [{ email: a@example.com, password_hash: \"$argon2id$…\" }]\ngateways: [{ id: lab, type: simulated }]",
            "config.yaml:5:48: users[0].password_hash: a@example.com cannot log in: this is the documentation's placeholder, not a hash\n\
             config.yaml:5:48: users[0].password_hash: has no effect: access.address_passwords is false, and web.compat opens no door for it; write [icewarp]",
        ),
        (
            0o600,
            "gateways: [{ id: a, type: http, url: \"https://sms.example.net/?n=%number%\" }]",
            "config.yaml:5:38: gateways[0].url: neither url nor body nor headers have %data%: every SMS goes without its text; add it",
        ),
        (
            0o600,
            "gateways: [{ id: a, type: http, preset: twilio, account: AC123, token: t, number: \"+15550003333\" }]",
            "config.yaml:5:12: gateways[0]: takes no received SMS and no receipts: their signature is over the URL; write web.public_url, as https://sms.example.com",
        ),
        (
            0o600,
            "web: { listen: 0.0.0.0:8025 }\ngateways: [{ id: lab, type: simulated }]",
            "config.yaml:5:16: web.listen: 0.0.0.0:8025: passwords cross the network in clear; put a TLS proxy before 127.0.0.1:8025",
        ),
        (
            0o600,
            "gateways:\n  - { id: a, type: http, url: \"http://sms.example.net:80/?n=%number%&t=%data%\" }\n  - { id: b, type: http, url: \"HTTP://localhost/?n=%number%&t=%data%\" }\n  - { id: c, type: http, url: \"http://[::1]:8080?n=%number%&t=%data%\" }",
            "config.yaml:6:31: gateways[0].url: goes to sms.example.net in the clear, passwords and texts too; write https://",
        ),
        (
            0o600,
            "gateways: [{ id: lab, type: simulated }]\noutgoing: [{ when: { to: \"^+420\" }, gateway: lab }, { when: { text: \"[^+]\" }, gateway: lab }]",
            "config.yaml:6:26: outgoing[0].when.to: ^+420: + repeats the ^ before it, and is no + of a number; write ^\\+420",
        ),
    ] {
        let mut machine = Machine::new();
        machine.files.insert("config.yaml", (mode, ""));
        let text = format!("{REQUIRED}{more}");
        let settings = config::parse(&text, "config.yaml", Path::new("/"), &machine).expect(more);
        assert_eq!(settings.warnings.join("\n"), expected, "{more}");
    }
}

/// What needs nothing but our URL at the provider counts without a word of the admin.
#[test]
fn receipts_are_waited_for_where_each_message_asks_for_them() {
    let web = "web: { public_url: \"https://sms.example.com\" }\n";
    let kannel = "preset: kannel, account: a, token: t, api: \"http://127.0.0.1:13013/\"";
    let bird = "preset: bird, account: 12345678, channel: 12345678, token: t";
    for (web, keys, here, asked) in [
        (web, format!("{kannel}, secret: s3cret"), true, true),
        (
            web,
            format!("{kannel}, secret: s3cret, receipts: wanted"),
            true,
            true,
        ),
        (
            web,
            format!("{kannel}, allow_from: [127.0.0.1]"),
            true,
            true,
        ),
        (
            web,
            format!("{kannel}, secret: s3cret, receipts: never"),
            false,
            false,
        ),
        // Nobody may push.
        (web, kannel.to_owned(), false, true),
        ("", format!("{kannel}, secret: s3cret"), false, false),
        // It needs a setting at the provider.
        (web, format!("{bird}, secret: s3cret"), false, false),
    ] {
        let settings = good(&format!("{web}gateways: [{{ id: p, type: http, {keys} }}]"));
        let Some(Gateway::Http(gateway)) = settings.gateways.first() else {
            panic!("{keys}");
        };
        assert_eq!(gateway.receipts_here, here, "{keys}");
        let asks = gateway.url.literals().any(|text| text.contains("dlr-mask"));
        assert_eq!(asks, asked, "{keys}");
        let settings = gateway.clone();
        let http = Http::new(settings, World::real()).expect("a gateway");
        assert_eq!(http.reports(), here, "{keys}");
    }
}

#[test]
fn files_that_cannot_be_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("config.yaml");
    let said = |path: &Path| config::load(path).expect_err("nothing there").to_string();
    assert!(
        said(&path).contains("cannot read the configuration: No such file"),
        "{}",
        said(&path)
    );
    std::fs::write(&path, [0xFF, 0xFE]).expect("write");
    assert!(said(&path).contains("UTF-8"), "{}", said(&path));
    std::fs::write(&path, "#".repeat((4 << 20) + 1)).expect("write");
    assert!(said(&path).contains("more than 4 MiB"), "{}", said(&path));
    std::fs::write(&path, REQUIRED).expect("write");
    assert_eq!(
        config::load(&path).expect("fine").hostname,
        "mail.example.com"
    );
}

#[test]
fn many_errors_take_no_time_and_no_screen() {
    let user = "  - { email: wrong, nickname: \"a b\" }\n";
    let text = format!("{REQUIRED}users:\n{}", user.repeat(10_000));
    let said = parse(&text).expect_err("wrong");
    assert_eq!(said.lines().count(), 51);
    assert!(said.ends_with("config.yaml: and 29949 more\n"), "{said}");
}

/// YAML's ways to make a small file large or deep.
#[test]
fn bombs_are_refused() {
    let lines: Vec<_> = (0..30)
        .map(|i| {
            format!(
                "x{}: &x{} [{}]\n",
                i + 1,
                i + 1,
                vec![format!("*x{i}"); 9].join(",")
            )
        })
        .collect();
    let laughs = format!("x0: &x0 [lol]\n{}", lines.concat());
    for bomb in [
        laughs,
        "[".repeat(100_000),
        format!("a: {}", "{a: ".repeat(50_000)),
    ] {
        let said = parse(&bomb).expect_err("a bomb");
        assert!(
            said.len() < 500 && said.lines().count() == 1,
            "{}",
            &said[..500.min(said.len())]
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is broken in it: an answer, with places within the file, and no secret.
    #[test]
    fn a_broken_example_is_judged(line in 0..240usize, with in "\\PC{0,20}|[ :\\[\\]{}~0-9a-z\"-]{0,20}", cut in 0..80usize) {
        let example = example();
        let mut lines: Vec<String> = example.lines().map(str::to_owned).collect();
        let line = line % lines.len();
        let kept: String = lines[line].chars().take(cut).collect();
        lines[line] = kept + &with;
        if let Err(said) = parse(&lines.join("\n")) {
            prop_assert!(!said.is_empty() && said.lines().all(|l| l.starts_with("config.yaml:")), "{}", said);
            prop_assert!(!said.contains("hunter2"), "{}", said);
        }
    }
}

#[test]
fn who_is_written_to_in_which_language() {
    let text = "mail: { inject: \"smtp://127.0.0.1:10026\", language: de_AT, templates: own }
access: { timezone: Europe/Vienna, domains: { example.com: { language: cs }, example.org: { language: pt } } }
users:
  - { email: ann@example.com, language: fr }
  - { email: bob@example.com }
";
    let required = REQUIRED.lines().filter(|line| !line.starts_with("mail:"));
    let required: String = required.map(|line| format!("{line}\n")).collect();
    let settings = parse(&format!("{required}{text}")).expect("right");
    let check = |address: &str, language: &str, held: &str| {
        let words = settings.speech.to(address);
        assert_eq!(words.language(), language, "{address}");
        assert!(words.say("held", &[]).contains(held), "{address}");
    };
    check("ann@example.com", "fr", "retenus");
    check("bob@example.com", "cs", "pozdrženy");
    check("new@example.com", "cs", "pozdrženy");
    check("new@example.org", "pt", "Retido.");
    check("else@example.net", "de", "zurückgehalten");
    let noon = "2026-11-20T12:00:00Z".parse().expect("a time");
    assert_eq!(settings.speech.house().time(noon), "2026-11-20 13:00 CET");
    let question = "Mehrere Personen haben Ihnen geschrieben. Beginnen Sie Ihre Antwort mit #Name#";
    assert_eq!(settings.inbound.conflict_text, question);
    let warned = settings.warnings.iter().any(|line| {
        line.contains("mail.templates: /etc/sms-milter/own/pt.ftl has 1 of")
            && line.ends_with("said in en")
    });
    assert!(warned, "{:?}", settings.warnings);
}
