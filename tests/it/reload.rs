//! A changed configuration in a running daemon: SIGHUP and `sms-milter reload` take it over while mails come in,
//! a broken one changes nothing, and `users import` ends in one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::product::{Place, Product};
use crate::sim::smtp_sink::SmtpSink;

const GATEWAY: &str = "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]\n";

struct House {
    place: Place,
    _sink: SmtpSink,
}

impl House {
    async fn new(table: &str) -> Self {
        let sink = SmtpSink::start().await;
        let place = Place::new(sink.address(), &format!("users_csv: users.csv\n{GATEWAY}"));
        let house = Self { place, _sink: sink };
        house.write(table);
        house
    }

    fn table(&self) -> PathBuf {
        self.place.path().join("users.csv")
    }

    fn write(&self, table: &str) {
        std::fs::write(self.table(), table).expect("written");
    }

    /// The configuration with another text in the place of one.
    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.place.config()).expect("read");
        assert!(text.contains(from), "{from}");
        std::fs::write(self.place.config(), text.replace(from, to)).expect("written");
    }
}

fn lines(product: &Product, wanted: &str) -> usize {
    product
        .log()
        .lines()
        .filter(|line| line.contains(wanted))
        .count()
}

/// SIGHUP, and until the log has one more line of how it went.
fn hang_up(product: &Product, outcome: &str) {
    let before = lines(product, outcome);
    kill(Pid::from_raw(product.pid()), Signal::SIGHUP).expect("a signal");
    let deadline = std::time::Instant::now() + crate::sim::product::PATIENCE;
    while lines(product, outcome) == before {
        assert!(
            std::time::Instant::now() < deadline,
            "no {outcome}:\n{}",
            product.log()
        );
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

const RELOADED: &str = "event=\"reloaded\"";
const NOT_RELOADED: &str = "event=\"not-reloaded\"";

async fn answer(product: &Product, recipient: &str, text: &str) -> String {
    let place = milter_client::Place::parse(&product.milter);
    let mut session = Session::open(&place).await;
    let outcome = session
        .mail(&Mail::new(&[&format!("<{recipient}>")], text))
        .await;
    session.quit().await;
    match outcome.answer.as_str() {
        "no recipient" => outcome.recipients.concat(),
        answer => answer.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_takes_over_people_and_keeps_what_is_broken_out() {
    let house = House::new("email,mobile\ncarol@example.com,+15557770001\n").await;
    let product = house.place.start();
    let dave = "dave@sms.example.com";
    assert_eq!(
        answer(&product, "carol@sms.example.com", "one").await,
        "accept"
    );
    assert_eq!(answer(&product, dave, "two").await, "550 5.1.1");

    // Dave comes, Carol is not to be written to any more, Bob may send no data and at most one SMS.
    house.write("email,mobile\ndave@example.com,+15557770002\n");
    house.edit("nickname: bob", "nickname: bob, allow: [\"+15557770002\"]");
    hang_up(&product, RELOADED);
    assert_eq!(answer(&product, dave, "three").await, "accept");
    assert!(
        answer(&product, "carol@sms.example.com", "four")
            .await
            .starts_with("550 5.1.1")
    );
    let foreign = answer(&product, "+15551234567@sms.example.com", "five").await;
    assert_eq!(foreign, "550 5.7.1");
    assert_eq!(product.phone("+15557770002", 1), ["three"]);

    // A broken table, a broken configuration: the old ones stay, and the log says where it is wrong.
    house.write("email,mobile\ndave@example.com,12\n");
    hang_up(&product, NOT_RELOADED);
    let log = product.log();
    assert!(
        log.contains("users.csv:2:18: mobile: \"12\" is not a phone number"),
        "{log}"
    );
    assert_eq!(answer(&product, dave, "six").await, "accept");
    let refused = product.command(&["reload"]);
    assert_eq!(refused.status.code(), Some(78));
    house.write("email,mobile\ndave@example.com,+15557770003\n");
    house.edit("access:", "acess:");
    hang_up(&product, NOT_RELOADED);
    assert_eq!(answer(&product, dave, "broken").await, "accept");
    house.edit("acess:", "access:");
    assert_eq!(product.phone("+15557770002", 3).len(), 3);

    // What needs a restart is named, and the rest is taken over.
    house.edit("admin: postmaster@example.com", "admin: root@example.com");
    house.edit("number: \"+15550009999\"", "number: \"+15550009998\"");
    let done = product.command(&["reload"]);
    let said = String::from_utf8_lossy(&done.stdout);
    assert_eq!(
        said,
        "needs a restart: gateways.lab, mail.admin\n",
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let named = |line: &str| line.contains("needs a restart: gateways.lab, mail.admin");
    assert!(product.log_line(named).is_some());
    assert_eq!(answer(&product, dave, "seven").await, "550 5.7.1");

    // A rule that needs a gateway which does not run would have mails refused.
    house.edit(
        "gateways: [{ id: lab",
        "gateways: [{ id: lab2, type: simulated }, { id: lab",
    );
    house.edit("nickname: ann", "nickname: ann, gateway: lab2");
    hang_up(&product, NOT_RELOADED);
    assert!(product.log().contains("the user ann.smith@example.com: the gateway lab2 is new and does not run yet: restart sms-milter"));
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_mail_is_refused_while_it_reloads() {
    const CLIENTS: usize = 4;
    const RELOADS: usize = 20;
    let table = |limit: usize| {
        let many: String = (0..500)
            .map(|n| format!("u{n}@example.com,{limit}\n"))
            .collect();
        format!("email,monthly_limit\n{many}")
    };
    let house = House::new(&table(0)).await;
    let product = house.place.start();
    let over = Arc::new(AtomicBool::new(false));
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let (place, over) = (milter_client::Place::parse(&product.milter), over.clone());
        clients.spawn(async move {
            let mut session = Session::open(&place).await;
            let mut sent = 0;
            while !over.load(Ordering::Relaxed) {
                let to = format!("<+155512{client}{:04}@sms.example.com>", sent % 10_000);
                let outcome = session
                    .mail(&Mail::new(&[&to], &format!("c{client}n{sent}")))
                    .await;
                assert_eq!(outcome.answer, "accept", "{:?}", outcome.recipients);
                sent += 1;
            }
            sent
        });
    }
    for round in 1..=RELOADS {
        // Every third is broken.
        match round % 3 {
            0 => house.write("email\nbroken\n"),
            _ => house.write(&table(round)),
        }
        hang_up(
            &product,
            if round % 3 == 0 {
                NOT_RELOADED
            } else {
                RELOADED
            },
        );
    }
    over.store(true, Ordering::Relaxed);
    let sent: usize = clients.join_all().await.into_iter().sum();
    assert!(sent >= CLIENTS, "{sent}");
    assert_eq!(lines(&product, RELOADED), RELOADS - RELOADS / 3);
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_users_are_there_at_once() {
    let house = House::new("Mail;Mobile\ncarol@example.com;+15557770001\n").await;
    let product = house.place.start();
    let file = house.place.path().join("new.csv");
    let file = file.to_str().expect("UTF-8");
    let import = |more: &[&str]| {
        let done = product.command(&[&["users", "import", file], more].concat());
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    let before = std::fs::read_to_string(house.table()).expect("read");
    let dave = "dave@sms.example.com";

    std::fs::write(
        file,
        "E-mail,Phone,Name\ndave@example.com,+15557770002,Dave\ncarol@example.com,+15557770001,\n",
    )
    .expect("written");
    let (code, said, errors) = import(&["--dry-run"]);
    assert_eq!(
        (code, said.as_str()),
        (
            Some(0),
            "added dave@example.com\n1 added, 0 changed, 1 unchanged (nothing was written)\n"
        ),
        "{errors}"
    );
    assert_eq!(
        std::fs::read_to_string(house.table()).expect("read"),
        before
    );
    let (code, said, errors) = import(&[]);
    assert_eq!(
        (code, said.as_str()),
        (
            Some(0),
            "added dave@example.com\n1 added, 0 changed, 1 unchanged\n"
        ),
        "{errors}"
    );
    assert_eq!(
        std::fs::read_to_string(house.table()).expect("read"),
        "Mail;Mobile;name\ncarol@example.com;+15557770001;\ndave@example.com;+15557770002;Dave\n"
    );
    assert_eq!(answer(&product, dave, "one").await, "accept");
    assert_eq!(lines(&product, RELOADED), 1);
    let (_, said, _) = import(&["--json"]);
    assert_eq!(
        said,
        "{\"change\":\"unchanged\",\"email\":\"dave@example.com\",\"keys\":[]}\n\
         {\"change\":\"unchanged\",\"email\":\"carol@example.com\",\"keys\":[]}\n"
    );
    assert_eq!(lines(&product, RELOADED), 1, "nothing changed");

    // What is wrong is said by the line of the file, and what comes of it by that of the table.
    for (table, code, expected) in [
        (
            "email,mobile\neve@example.com,12\n",
            78,
            ":2:17: mobile: \"12\" is not a phone number",
        ),
        (
            "email,nick\neve@example.com,x\nbob@example.com,y\n",
            78,
            ":3:1: email: \"bob@example.com\" is also users[1].email",
        ),
        (
            "email,login\neve@example.com,CAROL@example.com\n",
            78,
            "users.csv:4:19: login: \"CAROL@example.com\" is also ",
        ),
        (
            "email,size\neve@example.com,1\n",
            65,
            ":1:7: there is no column \"size\"",
        ),
        ("email\n", 65, "has no users in it"),
    ] {
        let held = std::fs::read_to_string(house.table()).expect("read");
        std::fs::write(file, table).expect("written");
        let (ended, _, errors) = import(&[]);
        assert_eq!(ended, Some(code), "{errors}");
        assert!(errors.contains(expected), "{errors}");
        assert_eq!(std::fs::read_to_string(house.table()).expect("read"), held);
    }
    // Nothing is left of what was not written.
    let left = std::fs::read_dir(house.place.path()).expect("a directory");
    let left = left.filter_map(|e| e.ok()?.file_name().into_string().ok());
    assert_eq!(left.filter(|name| name.ends_with(".new")).count(), 0);
    assert!(product.stop().success());
}
