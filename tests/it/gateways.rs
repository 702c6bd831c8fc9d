//! `sms-milter gateways`, and what an admin is mailed of a modem, through the whole program.

use crate::sim::modem::{Options, SimModem};
use crate::sim::product::{PATIENCE, Place};
use crate::sim::smtp_sink::SmtpSink;

#[tokio::test(flavor = "multi_thread")]
async fn gateways_are_listed_and_what_nobody_can_read_is_mailed() {
    let modem = SimModem::start(Options::default());
    let sink = SmtpSink::start().await;
    let device = modem.path();
    let gateways = format!(
        "gateways: [{{ id: hall, type: modem, device: {}, daily_limit: 100 }}, \
         {{ id: off, type: simulated, active: false }}]",
        device.display()
    );
    let place = Place::new(sink.address(), &gateways);
    let product = place.start();
    let list = ["gateways", "list", "--json"];
    let lines = product.until(&list, |lines| {
        lines[0]["state"] == "up" && !lines[0]["storage_total"].is_null()
    });
    assert_eq!(lines[0]["sim"], Options::default().iccid);
    assert_eq!(lines[0]["dbm"], -79);
    assert_eq!(lines[0]["daily_limit"], 100);
    assert_eq!(
        (&lines[1]["state"], &lines[1]["type"]),
        (&"inactive".into(), &"simulated".into())
    );
    assert!(
        product
            .command(&["send", "+15551234567", "hello"])
            .status
            .success()
    );
    modem.wait_sent(1, PATIENCE);
    product.until(&list, |lines| {
        lines[0]["sent_today"] == 1 && lines[0]["sent_month"] == 1
    });
    let table = product.command(&["gateways", "list"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(
        table.contains("-79 dBm") && table.contains("1/100"),
        "{table}"
    );

    modem.deliver_pdu("0004FFFF");
    let mails = sink.wait_for(1).await;
    let (subject, text) = (mails[0].header("Subject"), mails[0].text());
    assert_eq!(subject.as_deref(), Some("Unreadable SMS from hall"));
    assert!(text.contains("0004FFFF"), "{text}");
    modem.wait_empty(PATIENCE);

    let accept = |id: &str| product.command(&["gateways", "accept", id]).status.code();
    assert_eq!(accept("hall"), Some(0));
    assert_eq!((accept("off"), accept("nowhere")), (Some(64), Some(64)));
}
