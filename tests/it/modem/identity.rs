//! Which modem is which (faults F43, F44): a device under the name of another, and a modem under
//! another name. The SIM decides, whatever the port is called.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sms_milter::Addresses;
use sms_milter::milter::Listen;
use sms_milter::world::{Dial, Stream, World};
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::PATIENCE;
use super::daemon::{another, modem, write};
use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::modem::{Options, SimModem};
use crate::sim::product::Place;
use crate::sim::smtp_sink::SmtpSink;

const PHONE: &str = "+15551234567";

fn mail(text: &str) -> [(String, String); 1] {
    [(PHONE.to_owned(), text.to_owned())]
}

/// Ours goes, and a stranger's comes under its name: nothing is sent by it, nothing is read off it, no
/// PIN is entered into it. Ours comes back and sends what has waited.
#[tokio::test(flavor = "multi_thread")]
async fn another_sim_under_the_old_name_is_not_used() {
    let locked = |n, pin| Options {
        pin: Some(pin),
        ..another(n, Options::default())
    };
    let ours = SimModem::start(locked(1, "4711"));
    let theirs = SimModem::unplugged(locked(2, "1234"));
    theirs.deliver(PHONE, "not for us");
    let sink = SmtpSink::start().await;
    let gateway = modem("hall", &ours, ", pin: \"4711\"");
    let place = Place::new(sink.address(), &format!("gateways:\n{gateway}"));
    let product = place.start();
    write(&product, &mail("first")).await;
    ours.wait_sent(1, PATIENCE);
    ours.unplug();
    theirs.replug_as(&ours.path());
    write(&product, &mail("second")).await;
    let said = product.log_line(|line| line.contains("another SIM"));
    assert!(said.is_some(), "{}", product.log());
    // A restart does not make it ours.
    product.kill();
    let product = place.start();
    let said = product.log_line(|line| line.contains("another SIM"));
    assert!(said.is_some(), "{}", product.log());
    {
        let theirs = theirs.lock();
        assert_eq!((theirs.pins, theirs.submissions), (0, 0));
        assert_eq!(theirs.stored.len(), 1);
    }
    product.kill();
    theirs.unplug();
    ours.replug();
    let product = place.start();
    let sent = ours.wait_sent(2, PATIENCE);
    assert_eq!(sent[1].text, "second");
    assert!(product.stop().success());
}

/// A machine whose ports are the names in a folder.
struct Folder(PathBuf);

#[async_trait::async_trait]
impl Dial for Folder {
    async fn serial(&self, device: &str, baud: u32) -> std::io::Result<Box<dyn Stream>> {
        World::real().dial.serial(device, baud).await
    }

    fn ports(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.0).expect("a folder").flatten();
        let names = names.map(|entry| entry.path().display().to_string());
        let mut names: Vec<String> = names.filter(|name| name.contains("ttyUSB")).collect();
        names.sort();
        names
    }
}

/// The product in this process, on such a machine; in a runtime of its own, which a test that fails
/// leaves behind.
struct Daemon {
    milter: milter_client::Place,
    stop: watch::Sender<bool>,
    run: JoinHandle<()>,
    runtime: Option<Runtime>,
}

impl Daemon {
    async fn start(place: &Place, ports: &Path) -> Self {
        let settings = sms_milter::config::load(&place.config()).unwrap_or_else(|e| panic!("{e}"));
        let world = World {
            dial: Arc::new(Folder(ports.to_owned())),
            ..World::real()
        };
        let (tell, milter) = oneshot::channel();
        let (stop, stopped) = watch::channel(false);
        let runtime = Runtime::new().expect("a runtime");
        let run = runtime.spawn(async move {
            let ready =
                |addresses: &Addresses| tell.send(addresses.milter.clone()).expect("awaited");
            let ended = sms_milter::run(settings, world, stopped, ready).await;
            ended.unwrap_or_else(|e| panic!("{e}"));
        });
        let milter = match milter.await.expect("ready") {
            Listen::Inet { host, port } => format!("inet:{host}:{port}"),
            Listen::Unix { .. } => unreachable!("TCP was asked for"),
        };
        Self {
            milter: milter_client::Place::parse(&milter),
            stop,
            run,
            runtime: Some(runtime),
        }
    }

    async fn write(&self, number: &str, text: &str) {
        let mut session = Session::open(&self.milter).await;
        let to = format!("<{number}@sms.example.com>");
        let outcome = session.mail(&Mail::new(&[&to], text)).await;
        assert_eq!(outcome.answer, "accept", "{outcome:?}");
        session.quit().await;
    }

    async fn stop(mut self) {
        self.stop.send_replace(true);
        (&mut self.run).await.expect("no panic");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The kernel gives it another number, and its old one to a stranger's.
#[tokio::test(flavor = "multi_thread")]
async fn a_renumbered_modem_is_found_again_and_no_other() {
    let ports = tempfile::tempdir().expect("a folder");
    let port = |n: usize| ports.path().join(format!("ttyUSB{n}"));
    let ours = SimModem::unplugged(another(1, Options::default()));
    let theirs = SimModem::unplugged(another(2, Options::default()));
    theirs.deliver(PHONE, "not for us");
    ours.replug_as(&port(0));
    let sink = SmtpSink::start().await;
    let gateway = modem("hall", &ours, "");
    let gateway = gateway.replace(
        &ours.path().display().to_string(),
        &port(0).display().to_string(),
    );
    let incoming = "incoming: { default: bob@example.com }\n";
    let place = Place::new(sink.address(), &format!("{incoming}gateways:\n{gateway}"));
    let daemon = Daemon::start(&place, ports.path()).await;
    daemon.write(PHONE, "first").await;
    ours.wait_sent(1, PATIENCE);
    ours.unplug();
    theirs.replug_as(&port(0));
    ours.replug_as(&port(5));
    daemon.write(PHONE, "second").await;
    ours.wait_sent(2, PATIENCE);
    ours.deliver(PHONE, "an answer");
    let mail = sink.wait_for(1).await.remove(0);
    assert_eq!(mail.text(), "an answer");
    {
        let theirs = theirs.lock();
        assert_eq!((theirs.submissions, theirs.stored.len()), (0, 1));
    }
    daemon.stop().await;
}

/// Two modems come back under each other's names, as after a restart of the machine.
#[tokio::test(flavor = "multi_thread")]
async fn two_modems_that_changed_names_are_told_apart() {
    let ports = tempfile::tempdir().expect("a folder");
    let port = |n: usize| ports.path().join(format!("ttyUSB{n}"));
    let sims: Vec<_> = (0..2)
        .map(|n| SimModem::unplugged(another(n, Options::default())))
        .collect();
    let gateways: String = sims
        .iter()
        .enumerate()
        .map(|(n, sim)| {
            let old = sim.path().display().to_string();
            sim.replug_as(&port(n));
            modem(&format!("m{n}"), sim, "").replace(&old, &port(n).display().to_string())
        })
        .collect();
    let rules = "outgoing:\n  - { when: { to: \"0$\" }, gateway: [m0] }\n  - { when: { to: \"1$\" }, gateway: [m1] }\n";
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), &format!("gateways:\n{gateways}{rules}"));
    let numbers = ["+15551234560", "+15551234561"];
    let daemon = Daemon::start(&place, ports.path()).await;
    for (n, number) in numbers.iter().enumerate() {
        daemon.write(number, "first").await;
        sims[n].wait_sent(1, PATIENCE);
    }
    daemon.stop().await;
    for (n, sim) in sims.iter().enumerate() {
        sim.unplug();
        sim.replug_as(&port(1 - n));
    }
    let daemon = Daemon::start(&place, ports.path()).await;
    for (n, number) in numbers.iter().enumerate() {
        daemon.write(number, "second").await;
        let sent = sims[n].wait_sent(2, PATIENCE);
        assert!(sent.iter().all(|sms| sms.to == *number), "{sent:?}");
    }
    daemon.stop().await;
}
