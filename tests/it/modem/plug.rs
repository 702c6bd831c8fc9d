//! The plug is pulled at each stage of a send (faults F43): what is certain, and how often it is sent.

use sms_milter::gateway::{Outcome, Refusal, Status};

use super::{PATIENCE, Rig, refused};
use crate::sim::modem::{Options, Stage};

/// The stages of a send; `None` is before it, when nothing is on the line.
pub(super) const STAGES: [Option<Stage>; 10] = [
    None,
    Some(Stage::Asked),
    Some(Stage::Prompt),
    Some(Stage::MidPdu),
    Some(Stage::BeforeCtrlZ),
    Some(Stage::AfterCtrlZ),
    Some(Stage::NetworkHas),
    Some(Stage::MidAnswer),
    Some(Stage::BeforeOk),
    Some(Stage::AfterOk),
];

/// From here on the network has it.
pub(super) fn is_taken(stage: Option<Stage>) -> bool {
    use Stage::{AfterOk, BeforeOk, MidAnswer, NetworkHas};
    matches!(stage, Some(NetworkHas | MidAnswer | BeforeOk | AfterOk))
}

/// What may be said of a submission whose modem went at that stage.
fn is_honest(stage: Option<Stage>, outcome: &Outcome) -> bool {
    let link = Refusal::Link;
    let certain = matches!(outcome, Outcome::Refused { class, .. } if *class == link);
    let unknown = matches!(outcome, Outcome::Unknown(_));
    let taken = matches!(outcome, Outcome::Accepted(_));
    match stage {
        None | Some(Stage::Asked) => certain,
        // The host has written the Ctrl-Z; how far that came only the modem knows.
        Some(Stage::Prompt | Stage::MidPdu | Stage::BeforeCtrlZ) => certain || unknown,
        Some(Stage::AfterCtrlZ | Stage::NetworkHas | Stage::MidAnswer) => unknown,
        Some(Stage::BeforeOk) => unknown || taken,
        Some(Stage::AfterOk) => taken,
    }
}

/// Sends, has the plug pulled at that stage, plugs in again and does what the queue does then. How
/// often the network got it.
async fn pulled_at(stage: Option<Stage>, options: Options) -> usize {
    let mut rig = Rig::up_from(options).await;
    let mut submission = rig.submission("in the air");
    match stage {
        None => rig.sim.unplug(),
        Some(_) => rig.sim.change(|options| options.unplug_at = stage),
    }
    let outcome = rig.submit(submission.clone()).await;
    rig.sim.wait_unplugged(PATIENCE);
    assert!(is_honest(stage, &outcome), "{stage:?}: {outcome:?}");
    assert_eq!(
        rig.sim.sent().len(),
        usize::from(is_taken(stage)),
        "{stage:?}: only what was entered whole reaches the network"
    );
    rig.status(|status| matches!(status, Status::Down(_))).await;
    assert_eq!(refused(&rig.send("while it is away").await), Refusal::Link);
    rig.sim.replug();
    rig.up().await;
    submission.repeat = matches!(outcome, Outcome::Unknown(_));
    if !matches!(outcome, Outcome::Accepted(_)) {
        let again = rig.submit(submission).await;
        assert!(
            matches!(again, Outcome::Accepted(_)),
            "{stage:?}: {again:?}"
        );
    }
    let sent = rig.sim.sent();
    assert!(sent.iter().all(|sms| sms.text == "in the air"), "{sent:?}");
    // It is as good as before.
    let next = rig.send("the next one").await;
    assert!(matches!(next, Outcome::Accepted(_)), "{stage:?}: {next:?}");
    rig.end().await;
    sent.len()
}

/// All stages at once, each with a modem of its own.
async fn copies(options: Options) -> Vec<(Option<Stage>, usize)> {
    let rigs = STAGES.map(|stage| {
        let options = options.clone();
        tokio::spawn(async move { (stage, pulled_at(stage, options).await) })
    });
    let mut copies = Vec::new();
    for rig in rigs {
        copies.push(rig.await.expect("no panic"));
    }
    copies
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_plug_is_pulled_it_is_sent_once() {
    for (stage, copies) in copies(Options::default()).await {
        assert_eq!(copies, 1, "{stage:?}");
    }
}

/// Durability 2.5: where the network cannot know it again, one more than wanted is the bound, and only
/// for what was in the air.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_network_forgets_there_are_two_at_most() {
    let forgets = Options {
        forgets: true,
        ..Options::default()
    };
    for (stage, copies) in copies(forgets).await {
        let bound = 1 + usize::from(is_taken(stage));
        assert!((1..=bound).contains(&copies), "{stage:?}: {copies}");
    }
}
