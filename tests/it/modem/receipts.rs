//! Status reports that come before the modem's own answer, and after it; seen from the queue.

use std::time::Duration;

use sms_milter::gateway::{Event, Outcome};
use sms_milter::sms::Receipt;
use sms_milter::store::Kept;

use super::Rig;
use crate::sim::modem::{Options, Receipts};

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_names_its_sms_whenever_it_comes() {
    let after = Receipts::After(Duration::from_millis(50));
    for (receipts, status, word) in [
        (Receipts::Before, 0x00, Receipt::Delivered),
        (after, 0x00, Receipt::Delivered),
        (Receipts::Before, 0x45, Receipt::Failed(0x45)),
    ] {
        let mut rig = Rig::up_from(Options {
            receipts,
            receipt_status: status,
            ..Options::default()
        })
        .await;
        let Outcome::Accepted(Some(given)) = rig.send("hello").await else {
            panic!("not accepted");
        };
        match rig.event().await {
            Event::Receipt { report, kept } => {
                let said = (report.reference, report.receipt);
                assert_eq!(said, (given, word), "{receipts:?}");
                kept.send(Kept::New).expect("someone waits");
            }
            other => panic!("{other:?}"),
        }
        rig.end().await;
    }
}
