//! How long a test waits for what must come. A wait that ends well costs nothing, so it is long: a slow machine makes
//! tests slow, never red.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Nothing that a test waits for takes longer, on a machine of two cores that has ten times as much to do.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Looks into a box of mails again and again until there is one that is wanted; panics with what there is, and with
/// what `why` says, when [`PATIENCE`] is over.
#[track_caller]
pub fn mail(
    mails: impl Fn() -> Vec<String>,
    wanted: impl Fn(&str) -> bool,
    why: impl Fn() -> String,
) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut mails = mails();
        if let Some(at) = mails.iter().position(|mail| wanted(mail)) {
            return mails.swap_remove(at);
        }
        assert!(Instant::now() < deadline, "{mails:#?}\n{}", why());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks again and again until it is so; panics with `what` when [`PATIENCE`] is over.
pub async fn reached(what: impl Display, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
