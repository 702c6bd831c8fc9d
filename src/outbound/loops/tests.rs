use super::*;

const VACATION: &str = "I am on holiday until Monday and read no mail.";
const DRIVING: &str = "I'm driving, talk to you later";

/// A conversation: `<TEXT` an SMS, `>TEXT` a mail, `~N` seconds go by, `!TEXT` a mail that is refused, `*TEXT` an
/// alarm, `=TEXT` an SMS that came before and now a second time, `@TEXT` the same, and it is told as a circle; with
/// `answers` the mails say that they answer.
#[track_caller]
fn check(steps: &[&str], answers: bool) {
    let loops = Loops::default();
    let phone = Number::from_network("+15551234567").expect("number");
    let mut now = Timestamp::UNIX_EPOCH;
    for (n, step) in steps.iter().enumerate() {
        let (kind, text) = step.split_at(1);
        let mail = |class| {
            let mail = Mail {
                account: "ann@example.com",
                phone: &phone,
                text,
                answers,
                class,
            };
            let judged = loops.judge(&mail, now);
            let goes = judged.is_ok();
            judged.into_iter().for_each(|round| loops.note(round));
            goes
        };
        match kind {
            "<" => loops.heard(&phone, text, now),
            ">" => assert!(mail(Class::Normal), "{n}: {step}"),
            "!" => assert!(!mail(Class::Normal), "{n}: {step}"),
            "*" => assert!(mail(Class::Alarm), "{n}: {step}"),
            "=" | "@" => {
                loops.repeated(&phone, text, now);
                let told = [("ann@example.com".to_owned(), Some(phone.clone()))];
                let expected = if kind == "@" { &told[..] } else { &[] };
                assert_eq!(loops.found(), expected, "{n}: {step}");
            }
            "~" => now += SignedDuration::from_secs(text.parse().expect("seconds")),
            _ => panic!("{step}"),
        }
    }
}

fn steps(steps: &[String]) -> Vec<&str> {
    steps.iter().map(String::as_str).collect()
}

#[test]
fn two_machines_get_two_texts_through() {
    let (sms, mail, refused) = (
        format!("<{DRIVING}"),
        format!(">{VACATION}"),
        format!("!{VACATION}"),
    );
    for (gap, answers) in [("~1", false), ("~1", true), ("~40", true), ("~900", true)] {
        let all = [
            &sms, gap, &mail, "~3", &sms, gap, &mail, "~3", &sms, gap, &refused, &sms, gap,
            &refused,
        ];
        check(&all, answers);
    }
    // The text of a machine that says when.
    let at = |minute| format!(">Received at 10:{minute}:00 on 2026-11-20. I am away");
    let last = at(3).replace('>', "!");
    check(&["<a", &at(1), "<b", &at(2), "<c", &last], false);
    // And with a number of its own for each.
    let ticket = |n| format!(">Thank you for your message, which we keep as ticket #{n}");
    let last = ticket(9).replace('>', "!");
    check(&["<a", &ticket(1), "<b", &ticket(20), "<c", &last], false);
}

#[test]
fn hours_later_it_is_still_the_same_machine() {
    let (mail, refused) = (format!(">{VACATION}"), format!("!{VACATION}"));
    check(
        &[
            "<a", &mail, "<b", &mail, "<c", &refused, "~20000", "<d", "~1", &refused,
        ],
        false,
    );
    check(
        &[
            "<a",
            &mail,
            "<b",
            &mail,
            "<c",
            &refused,
            "~9",
            ">I am back",
            "<e",
            &mail,
        ],
        false,
    );
}

#[test]
fn our_own_words_that_come_back_as_a_repeat_are_a_circle() {
    let (sms, mail) = (format!("<{VACATION}"), format!(">{VACATION}"));
    let (told, not) = (format!("@{VACATION}"), format!("={VACATION}"));
    check(&[&sms, "~20", &mail, "~40", &told, "~1", &told], false);
    check(&["<Test", "~2", ">Test", "~9", "@Test"], false);
    check(&["<Down", "~2", "*Down", "~9", "@Down"], false);
    // A provider repeats itself, whatever people write meanwhile.
    check(&[&sms, "~1", &not], false);
    check(&[&sms, "~1", ">Get well", "~1", &not], false);
    check(&[&mail, "~1", &sms, "~1", &not], false);
    check(&["<ok", "~9", ">ok", "~9", "=ok"], false);
    // Not what we say now and did not say then.
    check(&["<a", "~1", &mail, "~1", &not], false);
    check(&[&sms, "~1", &mail, "~1", "=a", "~9000", &not], false);
    // Somebody writes in between.
    check(&[&sms, "~1", &mail, ">And you?", &not], false);
}

#[test]
fn a_quick_chat_is_none() {
    let mut chat = Vec::new();
    for n in 0..20 {
        chat.extend([
            format!("<question {n}"),
            "~7".into(),
            format!(">answer {n}"),
            "~8".into(),
        ]);
    }
    for answers in [false, true] {
        check(&steps(&chat), answers);
        // People repeat themselves, too, if not that fast.
        check(
            &[
                "<at 5?", "~9", ">ok", "<milk?", "~8", ">ok", "<bread?", "~6", ">ok", "<bye", "~6",
                ">ok",
            ],
            answers,
        );
        // Several at once.
        check(
            &[
                "<?", "~1", ">yes", ">yes", "<!", "~1", ">yes", ">yes", "<.", "~1", ">yes",
            ],
            answers,
        );
    }
    check(
        &["<1+1", ">2", "<1+2", ">3", "<2+2", ">4", "<2+3", ">5"],
        true,
    );
}

#[test]
fn alarms_are_none() {
    let alarm = ">CRITICAL: disk of host1 is full, 99 percent";
    let storm: Vec<&str> = [alarm, "~20"].repeat(10);
    check(&storm, false);
    // Somebody acknowledges each.
    check(&[alarm, "~13", "<ACK", "~7"].repeat(10), false);
    // Or says so in the configuration, then they may come as they like.
    check(&["*down", "<ACK", "~1"].repeat(10), true);
    // Nothing came from the phone.
    check(&[alarm; 10], true);
}

#[test]
fn answers_say_so() {
    let mail = |subject: &str, in_reply_to: Option<&str>, references: &[&str]| MailText {
        subject: subject.into(),
        in_reply_to: in_reply_to.map(Into::into),
        references: references.iter().map(|&id| id.into()).collect(),
        ..MailText::default()
    };
    let ours = "in.0192@sms.test";
    for (mail, expected) in [
        (mail("Disk", None, &[]), false),
        (
            mail("Disk", Some("0192@sms.test"), &["in.1@sms.test.example"]),
            false,
        ),
        (mail("Disk", Some(ours), &[]), true),
        (mail("Disk", Some("x@y"), &["z@y", ours]), true),
        (mail("RE: Disk", None, &[]), true),
        (mail("Automatic reply: Disk", None, &[]), true),
    ] {
        assert_eq!(answers(&mail, "sms.test"), expected, "{mail:?}");
    }
}

#[test]
fn memory_has_an_end() {
    let loops = Loops::default();
    for n in 0..MAX_PAIRS + 10 {
        let phone = Number::from_network(&format!("+1555{n:07}")).expect("number");
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(n as i64);
        loops.heard(&phone, "x", now);
        let mail = Mail {
            account: "a",
            phone: &phone,
            text: "x",
            answers: false,
            class: Class::Normal,
        };
        loops.note(loops.judge(&mail, now).expect("a first one"));
    }
    let known = loops.lock();
    assert!(known.phones.len() <= MAX_PAIRS && known.phones.len() >= MAX_PAIRS / 3);
    assert!(known.pairs.len() <= MAX_PAIRS && known.pairs.len() >= MAX_PAIRS / 3);
}
