//! The conversation about a number (spec 3.1): a mail to a user without one waits, its sender is asked, and
//! the answer is kept; or the number stands in the subject of the first mail.
//!
//! What a mail teaches is decided here, and durable together with its messages and all who are told
//! (durability W2, W16). A question goes to one sender about one user once, however many mails wait; its
//! answer counts only from that sender, by the code in the address it goes to, while the sender has the
//! right. Nothing else in a mail changes anything (threats T13).

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::accept::{Good, Outcome, REPEAT_WINDOW, WEAK_WINDOW};
use super::admit::{Admitted, Answering, Person, Source};
use super::loops::Refusal;
use super::names::{self, CODE};
use super::phonebook::Lesson;
use super::plan::{self, Planner};
use super::{Outbound, heed};
use crate::mail::address::{self, Verbatim};
use crate::mail::dsn::Dsn;
use crate::mail::report::Report;
use crate::mail::text::{AutoSubmitted, MailText, Matter, RawMail};
use crate::mail::{Envelope, Reply};
use crate::phonebook::subject;
use crate::sms::Number;
use crate::store::phonebook::{Entry, KeptMail, Listing, MAX_TEXT, NewKept, Question};
use crate::store::{Dedupe, Origin, OutMail};

/// A mail at its end, for one recipient.
pub(super) struct Letter<'a> {
    /// Who decides on it.
    pub planner: &'a Planner,
    /// Its envelope.
    pub envelope: &'a Envelope,
    /// The recipient.
    pub rcpt: &'a Verbatim,
    /// It, as it came.
    pub raw: &'a RawMail,
    /// It, read.
    pub mail: &'a MailText,
    /// When.
    pub now: Timestamp,
}

/// What a mail to a person comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Course {
    /// It goes to the number that is known.
    Send(Admitted),
    /// It waits, and its sender is asked.
    Ask,
    /// Its subject is the number: that is kept, and the mail goes there.
    Learn(Admitted, Number),
}

impl Planner {
    /// What becomes of a mail to a user or contact whose sender may teach numbers. `admin`: the account that
    /// may replace any.
    pub fn course(
        &self,
        envelope: &Envelope,
        person: &Person,
        mail: &MailText,
        admin: &str,
        now: Timestamp,
    ) -> Result<Course, Reply> {
        let region = self.addresses.domains[person.asked.domain].region;
        let told = subject::whole(&mail.subject, region).and_then(Result::ok);
        let learn = |told: Number| {
            let to = self.admit(envelope, told.clone(), &person.asked, now)?;
            Ok(Course::Learn(to, told))
        };
        match (told, &person.number, &person.admitted) {
            (None, Some(_), Some(to)) => Ok(Course::Send(to.clone())),
            (Some(told), Some((number, _)), Some(to)) if told == *number => {
                Ok(Course::Send(to.clone()))
            }
            (Some(_), Some((_, Source::Configuration)), _) => Err(fixed(&person.address)),
            (Some(told), Some((_, Source::Phonebook)), _) => {
                match may_replace(person.entry.as_ref(), &person.payer.account, admin) {
                    true => learn(told),
                    false => Err(not_yours(&person.address)),
                }
            }
            (Some(told), None, _) => learn(told),
            // Nobody reads a question to a list or to a program.
            (None, _, _) if mail.list || mail.auto_submitted != AutoSubmitted::No => {
                Err(no_number(&person.address))
            }
            // What a rule would make of it depends on the number.
            (None, _, _) => mail.flaw.map_or(Ok(Course::Ask), |why| Err(why.into())),
        }
    }
}

impl Outbound {
    /// What becomes of such a mail, and whether its text was cut.
    pub(super) fn to_person(&self, letter: &Letter<'_>, person: Person) -> (Outcome, bool) {
        let Letter {
            envelope,
            mail,
            now,
            ..
        } = *letter;
        let send = |to| {
            let Letter {
                planner, rcpt, raw, ..
            } = *letter;
            self.new_message(planner, envelope, rcpt, raw, mail, to, now)
        };
        let admin = &self.writer.admin;
        match letter.planner.course(envelope, &person, mail, admin, now) {
            Ok(Course::Send(to)) => send(to),
            Ok(Course::Ask) => (
                self.wait(letter, &person)
                    .map(Box::new)
                    .map_err(Refusal::from),
                false,
            ),
            Ok(Course::Learn(to, told)) => {
                let (outcome, cut) = send(to);
                let lesson = self.taught(person, told, now);
                let outcome = outcome.map(|good| {
                    Box::new(Good {
                        lesson: Some(lesson),
                        ..*good
                    })
                });
                (outcome, cut)
            }
            Err(reply) => (Err(reply.into()), false),
        }
    }

    /// The number that stood in the subject.
    fn taught(&self, person: Person, told: Number, now: Timestamp) -> Lesson {
        let owner = match person.asked.to_user {
            true => Some(person.address.clone()),
            false => person.entry.as_ref().and_then(|entry| entry.owner.clone()),
        };
        let account = &person.payer.account;
        self.lesson(account, &person.address, person.entry, told, owner, now)
    }

    /// The mail waits for a number, and its sender is asked for it.
    fn wait(&self, letter: &Letter<'_>, person: &Person) -> Result<Good, Reply> {
        let Letter {
            planner,
            envelope,
            rcpt,
            raw,
            mail,
            now,
        } = *letter;
        let account = &person.payer.account;
        let times = heed::waiting(mail, &person.asked.wishes, now)?;
        let (fingerprint, weak) = plan::fingerprint(envelope, raw);
        let window = if weak { WEAK_WINDOW } else { REPEAT_WINDOW };
        let mut code = [0; CODE];
        self.world.random.fill(&mut code);
        let answers_to = names::answers_to(&code);
        let question = Question {
            id: self.world.message_id(),
            sender: account.clone(),
            address: person.address.clone(),
            code: names::code_of(&answers_to).unwrap_or_else(|| Sha256::digest(code).into()),
            asked: now,
            until: now + planner.phonebook_wait,
            mails: 0,
        };
        let sms = &planner.addresses.domains[person.asked.domain].sms;
        let asks = self.asks(&question, &format!("{answers_to}@{sms}"), mail);
        let kept = KeptMail {
            id: self.world.message_id(),
            origin: Origin {
                queue_id: envelope.queue_id.clone(),
                recipient: remembered(planner, rcpt),
                message_id: mail.message_id.clone(),
                subject: mail.subject.clone(),
                thread: mail.thread(),
                report_to: Some(account.clone()),
                token: None,
                dsn: Dsn {
                    mail: envelope.dsn.clone(),
                    recipient: person.asked.dsn.clone(),
                },
                mail: None,
            },
            kept: now,
            text: mail.text.chars().take(MAX_TEXT).collect(),
            matter: matter(planner, mail),
            flash: mail.flash,
            confirm: mail.confirm || mail.receipt_requested,
            private: mail.private,
            due: times.due,
            expires: times.expires,
            notes: mail.notes.clone(),
            fingerprint: (!weak).then_some(fingerprint),
        };
        let dedupe = Dedupe {
            key: plan::repeat_of(account, &person.address, &fingerprint),
            until: now + window,
        };
        let kept = NewKept {
            question,
            asks,
            mail: kept,
            dedupe,
        };
        Ok(Good {
            kept: Some((kept, weak)),
            ..Good::default()
        })
    }

    /// The mail that asks (spec 7.3). No digits in its subject: an answer has it, and a number.
    fn asks(&self, question: &Question, answers_to: &str, mail: &MailText) -> OutMail {
        let words = self.writer.words(&question.sender);
        let about = match mail.subject.trim() {
            "" => words.say("number-question-mail", &[]),
            subject => words.say("number-question-mail-about", &[("subject", subject.into())]),
        };
        let args = [
            ("mail", about.into()),
            ("address", question.address.as_str().into()),
            ("until", words.time(question.until).into()),
        ];
        let text = words.say("number-question", &args) + "\n";
        let subject = words.say("number-question.subject", &args);
        self.writer
            .post(&self.world, &question.sender, None, |blank| Report {
                subject: &subject,
                text: &text,
                reply_to: Some(answers_to),
                in_reply_to: mail.message_id.as_deref(),
                ..blank
            })
    }

    /// What an answer brings.
    pub(super) fn answered(
        &self,
        planner: &Planner,
        envelope: &Envelope,
        mail: &MailText,
        answering: Answering,
        now: Timestamp,
    ) -> Outcome {
        let Answering {
            question,
            entry,
            configured,
            asked,
            payer,
        } = answering;
        let address = &question.address;
        let region = planner.addresses.domains[asked.domain].region;
        let told = subject::answer(&mail.subject, &mail.text, region);
        let told = told.map_err(|why| Reply::new(550, "5.1.3", why))?;
        // The mails that wait would be refused one by one.
        planner.admit(envelope, told.clone(), &asked, now)?;
        if configured {
            return Err(fixed(address).into());
        }
        match &entry {
            // Somebody was faster, and said the same.
            Some(entry) if entry.number == told => return Ok(Box::default()),
            Some(entry) if !may_replace(Some(entry), &payer.account, &self.writer.admin) => {
                return Err(not_yours(address).into());
            }
            _ => {}
        }
        let owner = Some(address.clone());
        let lesson = self.lesson(&payer.account, address, entry, told, owner, now);
        Ok(Box::new(Good {
            lesson: Some(lesson),
            ..Good::default()
        }))
    }

    /// A number that an account told, with all who are to hear of it.
    fn lesson(
        &self,
        account: &str,
        address: &str,
        before: Option<Entry>,
        number: Number,
        owner: Option<String>,
        now: Timestamp,
    ) -> Lesson {
        let entry = Entry {
            address: address.to_owned(),
            number,
            shown: before.as_ref().and_then(|entry| entry.shown.clone()),
            owner,
            notes: before.as_ref().and_then(|entry| entry.notes.clone()),
            changed: now,
        };
        let before = before.map(Listing::Entry);
        self.change(account, address, before, Some(Listing::Entry(entry)), now)
    }
}

/// A recipient with all that its address asks of the message, and with nothing of who pays: what waits is
/// read again when it goes.
fn remembered(planner: &Planner, rcpt: &Verbatim) -> String {
    let shown = rcpt.to_string();
    let wishes = match planner.addresses.read(rcpt.expose(), true) {
        address::Recipient::Ours { parameters, .. } if shown != rcpt.expose() => parameters.wishes,
        _ => return shown,
    };
    let written = wishes
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    let written = written.collect::<Vec<_>>().join("&");
    match shown.rsplit_once('@') {
        Some((local, domain)) if !written.is_empty() => {
            let bare = local.strip_suffix('"');
            let quote = if bare.is_some() { "\"" } else { "" };
            format!("{}?{written}{quote}@{domain}", bare.unwrap_or(local))
        }
        _ => shown,
    }
}

/// What a rule with a template will need when the number is known.
fn matter(planner: &Planner, mail: &MailText) -> Option<Matter> {
    let shapes = planner.rules.iter().any(|rule| rule.text.is_some());
    let matter = mail.matter.as_ref().filter(|_| shapes)?;
    let text = matter.text.as_ref().map_err(|why| *why);
    Some(Matter {
        text: text.map(|text| text.chars().take(MAX_TEXT).collect()),
        ..matter.clone()
    })
}

/// An existing number is its owner's and an admin's to replace.
fn may_replace(entry: Option<&Entry>, account: &str, admin: &str) -> bool {
    let own = entry.is_some_and(|entry| {
        let is_owner = |owner: &String| owner.eq_ignore_ascii_case(account);
        entry.owner.as_ref().is_some_and(is_owner) || entry.address == account
    });
    own || admin.eq_ignore_ascii_case(account)
}

fn no_number(address: &str) -> Reply {
    Reply::new(550, "5.1.1", format!("{address} has no mobile number here"))
}

fn fixed(address: &str) -> Reply {
    let text =
        format!("the number of {address} is in the configuration: only the admin changes it there");
    Reply::new(550, "5.7.1", text)
}

fn not_yours(address: &str) -> Reply {
    let text = format!(
        "{address} has a number already: only its owner or the admin may replace it. \
         Nothing was sent; write without a number in the subject"
    );
    Reply::new(550, "5.7.1", text)
}
