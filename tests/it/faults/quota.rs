//! A month's limit under haste: never one segment more, and what failed for good is given back.

use std::sync::Arc;

use super::{milter, nobody, settled};
use crate::sim::milter_client::{Mail, Session};
use crate::sim::product::Place;
use crate::sim::provider::{Answer, Provider};

#[tokio::test(flavor = "multi_thread")]
async fn thirty_at_once_of_a_limit_of_ten() {
    let provider = Provider::answering(Answer::say(503, "busy")).await;
    let place = Place::new(
        nobody(),
        &format!(
            "queue: {{ retry: {{ first: 1s, factor: 1, max: 1s }} }}\ngateways: [{{ id: web, type: http, \
             window: 4, url: \"{}\", permanent: {{ status: [400] }} }}]",
            provider.url("/send?to=%number%&text=%data%")
        ),
    );
    super::configure(&place, |config| {
        config.replace("nickname: bob", "nickname: bob, monthly_limit: 10")
    });
    let product = Arc::new(place.start());
    let mut clients = tokio::task::JoinSet::new();
    for n in 0..30 {
        let product = product.clone();
        clients.spawn(async move {
            let rcpt = format!("<+155512300{n:02}@sms.example.com>");
            let mut session = Session::open(&milter(&product)).await;
            // All have passed RCPT before the first ends: the store has the last word.
            session
                .mail(&Mail::new(&[&rcpt], &format!("haste {n}")))
                .await
        });
    }
    let outcomes = clients.join_all().await;
    let taken = outcomes.iter().filter(|o| o.answer == "accept").count();
    assert_eq!(taken, 10, "{outcomes:?}");
    for refused in outcomes.iter().filter(|o| o.answer != "accept") {
        let at_rcpt = refused.recipients == ["550 5.7.1"];
        assert!(at_rcpt || refused.answer == "550 5.7.1", "{refused:?}");
    }

    // One of them fails for good: there is room for one again, and for no more.
    provider.change(vec![
        Answer::say(400, "no such number"),
        Answer::say(200, "OK"),
    ]);
    let states = settled(&product);
    let failed = states.iter().filter(|(_, state)| state == "failed").count();
    assert_eq!((states.len(), failed), (10, 1), "{states:?}");
    for (n, expected) in [(40, "accept"), (41, "no recipient")] {
        let rcpt = format!("<+155512300{n}@sms.example.com>");
        let outcome = super::send(&product, &[&rcpt], &format!("later {n}")).await;
        assert_eq!(outcome.answer, expected, "{outcome:?}");
    }
}
