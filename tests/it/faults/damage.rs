//! A store that is not what was written: refused with the way out, never fewer records in silence.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{LAB, PHONE, SMS, configure, nobody, refused_to_run, said, taken, texts};
use crate::sim::product::{Place, command, json};

const MESSAGES: usize = 30;
const LIST: [&str; 6] = ["queue", "list", "--all", "--limit", "0", "--json"];

fn text(n: usize) -> String {
    format!("a text that can be found again {n}")
}

/// A stopped product with messages in its store.
async fn filled() -> Place {
    let place = Place::new(nobody(), LAB);
    let product = place.start();
    for n in 0..MESSAGES {
        taken(&product, SMS, &text(n)).await;
    }
    product.phone(PHONE, MESSAGES);
    super::settled(&product);
    assert!(product.stop().success());
    place
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(done.expect("cp").success());
}

/// How much of the database is written; behind it are zeros.
fn used(database: &Path) -> usize {
    let octets = fs::read(database).expect("the database");
    octets
        .iter()
        .rposition(|octet| *octet != 0)
        .map_or(0, |last| last + 1)
}

/// Flips a bit of the octet at `at`.
fn flip(file: &Path, at: usize) {
    let mut octets = fs::read(file).expect("the file");
    octets[at] ^= 0x10;
    fs::write(file, octets).expect("the file");
}

/// Refused: `run` and `store check` say the same, with the way out.
fn is_refused(place: &Place, what: &str) {
    let store = place.path().join("store");
    let (code, last) = refused_to_run(place);
    assert_eq!(code, 65, "{what}: {last}");
    for word in [
        store.to_str().expect("UTF-8"),
        "sms-milter store export",
        "sms-milter store import",
        "backup",
    ] {
        assert!(last.contains(word), "{what}: no {word} in: {last}");
    }
    let checked = command(&place.config(), &["store", "check"]);
    assert_eq!(checked.status.code(), Some(65), "{what}");
    assert_eq!(said(&checked).lines().last(), Some(last.as_str()), "{what}");
}

/// Exports what can be read, imports it into a new directory, and runs on that; what was saved.
async fn recover(place: &Place) -> usize {
    let saved = place.path().join("saved.jsonl");
    let name = saved.to_str().expect("UTF-8");
    let exported = command(&place.config(), &["store", "export", name]);
    let code = exported.status.code().expect("a code");
    assert!([0, 65].contains(&code), "{}", said(&exported));
    // It says what it could not save, and only then.
    assert_eq!(
        code == 65,
        said(&exported).contains("not exported"),
        "{}",
        said(&exported)
    );
    configure(place, |config| config.replace("sled:store", "sled:new"));
    let imported = command(&place.config(), &["store", "import", name]);
    assert!(imported.status.success(), "{}", said(&imported));
    let checked = command(&place.config(), &["store", "check"]);
    assert!(checked.status.success(), "{}", said(&checked));
    let product = place.start();
    let kept = texts(&product);
    assert!(
        kept.iter()
            .all(|kept| (0..MESSAGES).any(|n| *kept == text(n))),
        "{kept:?}"
    );
    // Of what was sent a damaged store may know only that the attempt was open: that holds up its own
    // number until the wait for word of it is over.
    const OTHER: &str = "+15551239999";
    taken(
        &product,
        &format!("<{OTHER}@sms.example.com>"),
        "and on it goes",
    )
    .await;
    // Of what was sent a damaged store may know only that it was queued: a second is better than none.
    product.until(&["phone", "show", OTHER, "--json"], |shown| {
        shown.iter().any(|sms| sms["text"] == "and on it goes")
    });
    assert!(product.stop().success());
    kept.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_a_record() {
    let place = filled().await;
    let database = place.path().join("store/sled/db");
    let octets = fs::read(&database).expect("the database");
    let wanted = text(MESSAGES / 2);
    // The record as it was written last is the one that counts.
    let at = octets
        .windows(wanted.len())
        .rposition(|w| w == wanted.as_bytes());
    flip(&database, at.expect("the text is in the file"));
    is_refused(&place, "a flipped byte in a record");
    let saved = recover(&place).await;
    assert!(saved <= MESSAGES);
    println!("{saved} of {MESSAGES} messages saved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_anywhere() {
    let place = filled().await;
    let whole = json(&place.config(), &LIST);
    let (store, kept) = (place.path().join("store"), place.path().join("kept"));
    copy(&store, &kept);
    let used = used(&store.join("sled/db"));
    let mut refused = 0;
    for n in 0..24 {
        copy(&kept, &store);
        let at = (2 * n + 1) * used / 48;
        flip(&store.join("sled/db"), at);
        let checked = command(&place.config(), &["store", "check"]);
        match checked.status.code() {
            Some(65) => {
                refused += 1;
                assert!(
                    said(&checked).contains("sms-milter store export"),
                    "{at}: {}",
                    said(&checked)
                );
                assert!(
                    store.join("damaged").is_dir(),
                    "{at}: the database as it was is kept"
                );
            }
            Some(0) => assert_eq!(json(&place.config(), &LIST), whole, "octet {at}"),
            other => panic!("octet {at}: {other:?} {}", said(&checked)),
        }
    }
    println!("{refused} of 24 refused, the others harmless");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_store_that_are_gone() {
    let place = filled().await;
    let (store, kept) = (place.path().join("store"), place.path().join("kept"));
    copy(&store, &kept);
    let database = store.join("sled/db");
    let cut = |length: usize| {
        let file = fs::OpenOptions::new().write(true).open(&database);
        file.and_then(|file| file.set_len(length as u64))
            .expect("cut");
    };
    let steps: [(&str, &dyn Fn()); 6] = [
        ("no anchor", &|| {
            fs::remove_file(store.join("anchor")).expect("the anchor")
        }),
        ("an empty anchor", &|| {
            fs::write(store.join("anchor"), "").expect("the anchor")
        }),
        ("no database", &|| {
            fs::remove_dir_all(store.join("sled")).expect("the database")
        }),
        ("an empty database", &|| cut(0)),
        ("half a database", &|| cut(used(&database) / 2)),
        ("a page of a database", &|| cut(4096)),
    ];
    for (what, damage) in steps {
        copy(&kept, &store);
        damage();
        is_refused(&place, what);
    }
    // Without the anchor all records are there to be saved.
    copy(&kept, &store);
    fs::remove_file(store.join("anchor")).expect("the anchor");
    assert_eq!(recover(&place).await, MESSAGES);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_that_was_put_back() {
    let place = filled().await;
    let (store, kept) = (place.path().join("store"), place.path().join("kept"));
    copy(&store.join("sled"), &kept);
    let product = place.start();
    taken(&product, SMS, "newer than the copy").await;
    assert!(product.stop().success());
    copy(&kept, &store.join("sled"));
    is_refused(&place, "an old copy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_store() {
    let place = Place::new(nobody(), LAB);
    let product = place.start();
    taken(&product, SMS, "the first").await;
    for args in [&["run"][..], &["store", "check"], &["store", "export", "-"]] {
        let output = command(&place.config(), args);
        assert_eq!(
            output.status.code(),
            Some(75),
            "{args:?}: {}",
            said(&output)
        );
        let last = said(&output);
        assert!(
            last.contains("in use by another process") && last.contains("Stop"),
            "{last}"
        );
        assert!(
            last.contains(place.path().join("store").to_str().expect("UTF-8")),
            "{last}"
        );
    }
    // The first did not notice.
    taken(&product, SMS, "the second").await;
    product.phone(PHONE, 2);
    assert!(product.stop().success());
}
