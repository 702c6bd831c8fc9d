//! Kannel itself (Debian's package) between two instances: it is the provider of the one, by its `sendsms`
//! and its `sms-service`, and the other is its HTTP centre. A mail goes through all three to a phone, the
//! receipt and the answer come all the way back.

use crate::chain::{confirming, hash, with_program};
use crate::sim::kannel::{Kannel, Options};
use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::product::Place;
use crate::sim::smtp_sink::SmtpSink;
use crate::sim::wire::Wire;

const PHONE: &str = "+15551234567";
const SECRET: &str = "0123456789abcdef";

#[tokio::test(flavor = "multi_thread")]
async fn kannel_is_a_provider_and_has_us_as_its_centre() {
    let mut kannel = Kannel::place();
    let (to_office, to_centre) = (Wire::new().await, Wire::new().await);
    let (mails, no_mails) = (SmtpSink::start().await, SmtpSink::start().await);

    // Kannel is its provider.
    let office = Place::new(
        mails.address(),
        &format!(
            "gateways: [{{ id: kannel, type: http, preset: kannel, api: \"{}\", account: tester, token: foobar, \
             number: \"+15550002222\", secret: \"{SECRET}\"}}]\n",
            kannel.sendsms()
        ),
    );
    let office = confirming(office);
    let config = std::fs::read_to_string(office.config()).expect("configuration");
    let public = format!("web: {{ public_url: \"{}\", ", to_office.url(""));
    std::fs::write(office.config(), config.replace("web: { ", &public)).expect("configuration");

    // It is Kannel's centre.
    let centre = Place::new(
        no_mails.address(),
        "gateways: [{ id: lab, type: simulated, number: \"+15550002222\" }]\n",
    );
    let hash = hash("foobar");
    let pushes = kannel.centre();
    let user = format!(
        "{{ email: kannel@example.com, login: kannel, password_hash: \"{hash}\", \
         send: [users, external, binary], post: {{ form: kannel, url: \"{pushes}\", user: us, secret: them }} }}"
    );
    let centre = with_program(centre, &user);

    kannel
        .start(&Options {
            send_url: to_centre.url(
                "/sms/?user=kannel&pass=foobar&number=%p&data=%b&coding=%c&udh=%u&msgid=%I",
            ),
            get_url: to_office.url(&format!(
                "/hooks/kannel/{SECRET}?from=%p&to=%P&text=%b&data=%e&udh=%u&coding=%c&charset=%C&time=%T&id=%I"
            )),
            centre: ("us", "them"),
            sender: ("tester", "foobar"),
        })
        .await;
    let (office, centre) = (office.start(), centre.start());
    to_office.lead(Some(office.web));
    to_centre.lead(Some(centre.web));

    let milter = milter_client::Place::parse(&office.milter);
    let text = async |text: &str, subject: &str| {
        let to = "<+15551234567@sms.example.com>";
        let mut mail = Mail::new(&[to], text).without("Subject");
        mail.header.push(("Subject".into(), subject.into()));
        mail.auth = Some("asmith".into());
        let mut session = Session::open(&milter).await;
        assert_eq!(session.mail(&mail).await.answer, "accept");
        session.quit().await;
    };
    // What Kannel cuts and what it does not, in both of its alphabets.
    let texts = [
        ("Lunch at noon? 100% & more: <@> {é} €", "Lunch"),
        ("Oběd v poledne? \u{1F35D}", "Oběd"),
    ];
    for (n, (said, subject)) in texts.into_iter().enumerate() {
        text(said, subject).await;
        let shown = centre.phone(PHONE, 2 * n + 1);
        assert_eq!(shown[2 * n], said, "{}", kannel.logs());

        // The receipt came through Kannel: one mail that confirms.
        let confirmed = mails.wait_for(2 * n + 1).await.remove(2 * n);
        assert_eq!(confirmed.recipient, "ann.smith@example.com");
        assert!(
            confirmed.text().contains("was delivered on"),
            "{}",
            confirmed.text()
        );

        // So did the answer: a mail in the thread.
        let answer = format!("Yes to {n}: \"{said}\"");
        let reply = centre.command(&["phone", "reply", PHONE, &answer]);
        assert!(reply.status.success());
        let answered = mails.wait_for(2 * n + 2).await.remove(2 * n + 1);
        assert_eq!(answered.text().trim(), answer);
        assert_eq!(
            answered.header("In-Reply-To"),
            confirmed.header("In-Reply-To")
        );
    }
    // Data for a port: with its header, and octets that are no text.
    let header = ["--udh", "0605040B8423F0"];
    let data = ["phone", "reply", PHONE, "--binary", "0001FF80"];
    let reply = centre.command(&[&data[..], &header].concat());
    assert!(reply.status.success(), "{reply:?}");
    let data = mails.wait_for(5).await.remove(4);
    assert_eq!(data.header("X-SMS-UDH").as_deref(), Some(header[1]));
    assert!(String::from_utf8_lossy(&data.data).contains("AAH/gA=="));

    // The other way: every octet there is, in two parts with a header for a port.
    let octets: String = (0..=255).map(|octet| format!("{octet:02X}")).collect();
    let from = ["--from", "ann.smith@example.com", "--binary", &octets];
    let sent = office.command(&[&["send", PHONE][..], &from, &header].concat());
    assert!(sent.status.success(), "{sent:?}");
    let shown = centre.until(&["phone", "show", PHONE, "--json"], |lines| {
        lines.len() >= 6
    });
    assert_eq!(shown[5]["data"], *octets, "{}", kannel.logs());
    let header_shown = shown[5]["udh"].as_str().unwrap_or_default();
    assert!(header_shown.ends_with(&header[1][2..]), "{header_shown}");

    assert_eq!(no_mails.mails().len(), 0);
    assert!(office.stop().success());
    assert!(centre.stop().success());
}
