//! `sms-milter explain`: what would happen to a mail. It asks the same planner as the milter, and needs no
//! store. What is used up of quotas and limits, and what the phonebook knows, only a running daemon can say,
//! and is asked; a token in an address is asked for where tokens are.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Failure, Json, ask};
use crate::access::credentials::{self, Question, Shown};
use crate::access::found;
use crate::access::token::{self, TokenId};
use crate::config;
use crate::control::{self, Request};
use crate::mail::address::{self, Verbatim};
use crate::mail::text::RawMail;
use crate::mail::{Client, Envelope, Reply};
use crate::outbound::admit::{Admitted, Judgement, Taken};
use crate::outbound::ask::Course;
use crate::outbound::credentials::check_password;
use crate::outbound::credentials::passwords::{Passwords, Workers};
use crate::outbound::heed;
use crate::outbound::lookup::Known;
use crate::outbound::plan::{Plan, Planner};
use crate::outbound::readings::Readings;
use crate::sms::{Attributes, Language, Number, Shifts, span};
use crate::world::World;

/// A name leads to a group, and that to its members.
const LOOK_UPS: usize = 2;

/// A mail file is not read further than any configuration lets a mail go.
const MAX_FILE: u64 = 256 << 20;

/// `explain …`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The envelope sender
    #[arg(long, value_name = "ADDRESS")]
    from: String,
    /// The SMTP AUTH login; without it and --client the sender is logged in
    #[arg(long, value_name = "LOGIN")]
    auth: Option<String>,
    /// The client's address, for a mail without login
    #[arg(long, value_name = "IP")]
    client: Option<IpAddr>,
    /// A recipient (repeatable)
    #[arg(long, value_name = "ADDRESS", required = true)]
    to: Vec<String>,
    /// The mail; - is standard input
    file: String,
    #[command(flatten)]
    json: Json,
}

/// Does it.
pub async fn run(path: &Path, args: &ExplainArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config::load(path)?;
    let mut bytes = Vec::new();
    match args.file.as_str() {
        "-" => std::io::stdin().take(MAX_FILE).read_to_end(&mut bytes)?,
        file => std::fs::File::open(file)
            .map_err(|error| Failure {
                code: 66,
                text: format!("{file}: {error}"),
            })?
            .take(MAX_FILE)
            .read_to_end(&mut bytes)?,
    };
    let mut mail = RawMail::from_bytes(&bytes);
    cut(&mut mail, settings.milter.max_message);
    let planner = settings.planner();
    let envelope = envelope(args);
    let mut shown = Vec::new();
    for to in &args.to {
        shown.push(look_up(path, &planner, &envelope, to).await?);
    }
    let asked = Asked {
        planner: &planner,
        admin: &settings.admin,
        envelope: &envelope,
        args,
        mail: &mail,
        shown: &shown,
    };
    let mut known = Known::default();
    let mut lines = explain(&asked, &known).await;
    for _ in 0..LOOK_UPS {
        let names = known.missed_names();
        let found = match names.is_empty() {
            true => None,
            false => super::phonebook::find(&settings.control, &names).await,
        };
        let Some(found) = found else { break };
        known.learn(&names, found);
        lines = explain(&asked, &known).await;
    }
    for line in &mut lines {
        foresee(&settings.control, line).await;
    }
    if args.json.json {
        writeln!(out, "{}", Value::Array(lines))?;
        return Ok(());
    }
    for line in &lines {
        write_words(out, line)?;
    }
    Ok(())
}

/// Writes into a line what the daemon knows of quotas and limits; without a daemon nothing.
async fn foresee(control: &Path, line: &mut Value) {
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    if line["verdict"] != "send" {
        return;
    }
    let segments = line["segments"].as_array().map_or(0, Vec::len);
    let request = Request::Foresee {
        account: text("sender"),
        number: text("number"),
        segments: u8::try_from(segments).unwrap_or(u8::MAX),
        class: text("class"),
    };
    // Who may not ask it, or finds none, hears the rest.
    let Ok(Some(Ok(answer))) = control::ask(control, &request).await else {
        return;
    };
    let Some(foreseen) = answer.first() else {
        return;
    };
    if let Some(reply) = foreseen["reply"].as_str() {
        line["verdict"] = "refuse".into();
        line["reply"] = reply.into();
    }
    if let Some(held) = foreseen["held"].as_str() {
        let note = format!("would be {held}; an admin decides");
        if let Some(notes) = line["notes"].as_array_mut() {
            notes.push(note.into());
        }
        line["held"] = true.into();
    }
}

/// The milter reads no further either.
fn cut(mail: &mut RawMail, max: u64) {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    if mail.body.len() > max {
        mail.body.truncate(max);
        mail.truncated = true;
    }
}

/// Who sends, as the arguments say.
fn envelope(args: &ExplainArgs) -> Envelope {
    Envelope {
        sender: args.from.trim_matches(['<', '>']).to_owned(),
        auth: match (&args.auth, args.client) {
            (None, None) => Some(args.from.trim_matches(['<', '>']).to_owned()),
            (auth, _) => auth.clone(),
        },
        client: args.client.map_or(Client::Unknown, Client::Ip),
        ..Envelope::default()
    }
}

fn bracketed(to: &str) -> Verbatim {
    match to.starts_with('<') {
        true => Verbatim::new(to),
        false => Verbatim::new(format!("<{to}>")),
    }
}

/// What the address of a recipient shows. A token is asked for by its digest, of the daemon or of the store.
async fn look_up(
    path: &Path,
    planner: &Planner,
    envelope: &Envelope,
    to: &str,
) -> Result<Result<Shown, Reply>, Failure> {
    let credentials = planner.credentials(envelope, bracketed(to).expose());
    let question = match planner.access.question(envelope, credentials) {
        Err(reply) => return Ok(Err(reply)),
        Ok(None) => return Ok(Ok(Shown::Nothing)),
        Ok(Some(question)) => question,
    };
    let found = match question {
        Question::Password(name, password) => {
            let passwords = Passwords::new(Workers::capped(1), &World::real());
            match planner.access_to(&name).await {
                Ok(access) => check_password(&passwords, &access, &name, password).await,
                Err(reply) => Err(reply),
            }
        }
        Question::Token(token) => Ok(match token::digest(&token) {
            None => None,
            Some(digest) => {
                let digest = digest.map(|octet| format!("{octet:02x}")).concat();
                let found = ask(config::load(path)?, Request::FindToken { digest }).await?;
                found.first().and_then(token_of)
            }
        }),
    };
    Ok(found.and_then(|shown| shown.ok_or_else(credentials::wrong)))
}

/// A token as the desk shows it.
fn token_of(line: &Value) -> Option<Shown> {
    let numbers = line["numbers"].as_array().into_iter().flatten();
    let numbers = numbers.filter_map(|number| Number::from_network(number.as_str()?));
    Some(Shown::Token {
        account: line["user"].as_str()?.to_owned(),
        numbers: numbers.collect(),
        id: TokenId::parse(line["id"].as_str()?)?,
    })
}

/// What is to be explained.
struct Asked<'a> {
    planner: &'a Planner,
    /// The account that may replace any number of the phonebook.
    admin: &'a str,
    envelope: &'a Envelope,
    args: &'a ExplainArgs,
    mail: &'a RawMail,
    /// What the address of each recipient shows.
    shown: &'a [Result<Shown, Reply>],
}

/// One object a recipient (spec 14).
async fn explain(asked: &Asked<'_>, known: &Known) -> Vec<Value> {
    let Asked {
        planner,
        admin,
        envelope,
        args,
        mail,
        shown,
    } = *asked;
    let now = World::real().now();
    let one = |planner: &Planner, to: &String, found: &Result<Shown, Reply>| -> Vec<Value> {
        let rcpt = bracketed(to);
        let to = address::shown(to);
        let judged = match found {
            Ok(found) => planner.judge(envelope, rcpt.expose(), &[], found.clone(), known, now),
            Err(reply) => Judgement::Ours(Err(reply.clone())),
        };
        let verdicts = match judged {
            Judgement::NotOurs => return vec![json!({"recipient": to, "verdict": "not-ours"})],
            Judgement::Ours(taken) => {
                let taken = taken.map(|taken| *taken);
                let read = Readings::of(mail, planner, taken.iter());
                decide(planner, admin, envelope, mail, &read, taken, now)
            }
        };
        let shown = |verdict| match verdict {
            Ok(Verdict::Send(to_phone)) => told(&to, &to_phone.0, &to_phone.1),
            Ok(Verdict::Ask(sender)) => json!({
                "recipient": to, "verdict": "ask", "reply": "250", "sender": sender,
                "notes": ["the mail waits for the number, and its sender is asked for it"],
            }),
            Ok(Verdict::Answer(sender)) => json!({
                "recipient": to, "verdict": "ask", "reply": "250", "sender": sender,
                "notes": ["it answers a question for a number"],
            }),
            Err(reply) => refused(&to, &reply),
        };
        verdicts.into_iter().map(shown).collect()
    };
    let mut lines = Vec::new();
    for (to, found) in args.to.iter().zip(shown) {
        match planner.knowing(|planner| one(planner, to, found)).await {
            Ok(told) => lines.extend(told),
            Err(reply) => lines.push(refused(&address::shown(to), &reply)),
        }
    }
    for line in &mut lines {
        origin(planner, line).await;
    }
    lines
}

/// Where the sender's account came from: `users`, a directory by its name, or nowhere (`access`).
async fn origin(planner: &Planner, line: &mut Value) {
    let Some(account) = line["sender"].as_str() else {
        return;
    };
    let own = planner.access.people().named(account).map(|_| "users");
    let found = match (own, found::Question::name(account)) {
        (None, Some(question)) => planner.directories.find(&question).await,
        _ => Ok(None),
    };
    let found = found.ok().flatten().map(|(_, directory)| directory);
    line["sender_from"] = own.or(found).unwrap_or("access").into();
}

/// What becomes of a mail for a recipient.
enum Verdict {
    Send(Box<(Admitted, Plan)>),
    /// It waits; who is asked.
    Ask(String),
    /// It answers a question; who was asked.
    Answer(String),
}

fn refused(to: &str, reply: &Reply) -> Value {
    json!({"recipient": to, "verdict": "refuse", "reply": reply.to_string()})
}

/// What becomes of a recipient; of each of its numbers, if it is the account.
fn decide(
    planner: &Planner,
    admin: &str,
    envelope: &Envelope,
    raw: &RawMail,
    read: &Readings,
    taken: Result<Taken, Reply>,
    now: Timestamp,
) -> Vec<Result<Verdict, Reply>> {
    let whole = |taken: &Taken| {
        let mail = read.to(taken.payer()).as_ref().map_err(Clone::clone)?;
        match planner.refuses(envelope, mail) {
            Some(refusal) => Err(refusal.reply().clone()),
            None => Ok(mail),
        }
    };
    let (taken, mail) = match taken.and_then(|taken| whole(&taken).map(|mail| (taken, mail))) {
        Ok(both) => both,
        Err(reply) => return vec![Err(reply)],
    };
    let admitted = match taken {
        Taken::Number(admitted) => vec![Ok(admitted)],
        Taken::Account(pending) => planner.numbers(envelope, &pending, raw, mail, now),
        Taken::Group(crew) => crew.members,
        Taken::Answer(answering) => return vec![Ok(Verdict::Answer(answering.payer.account))],
        Taken::Person(person) => match planner.course(envelope, &person, mail, admin, now) {
            Ok(Course::Send(to) | Course::Learn(to, _)) => vec![Ok(to)],
            Ok(Course::Ask) => {
                let waits = heed::waiting(mail, &person.asked.wishes, now);
                return vec![waits.map(|_| Verdict::Ask(person.payer.account))];
            }
            Err(reply) => vec![Err(reply)],
        },
    };
    let planned = |to: Admitted| {
        let to = heed::heeded(mail, to, now)?;
        let plan = planner.plan(mail, &to)?;
        Ok(Verdict::Send(Box::new((to, plan))))
    };
    admitted
        .into_iter()
        .map(|to| to.and_then(planned))
        .collect()
}

fn told(to: &str, admitted: &Admitted, plan: &Plan) -> Value {
    let hex = |octets: Vec<u8>| {
        octets
            .iter()
            .map(|o| format!("{o:02x}"))
            .collect::<String>()
    };
    let segments: Vec<Value> = plan
        .segments
        .iter()
        .map(|s| {
            let udh = Some(s.udh()).filter(|udh| !udh.is_empty());
            json!({"text": s.text, "units": s.units, "udh": udh.map(hex)})
        })
        .collect();
    let mut told = json!({
        "recipient": to, "verdict": "send", "reply": "250", "sender": admitted.payer.account,
        "number": admitted.number.as_str(), "text": plan.text, "encoding": plan.encoding.name(),
        "segments": segments,
        "flash": plan.flash || plan.attributes.class == Some(0), "confirm": plan.confirm, "at": admitted.due.map(|at| at.to_string()),
        "class": plan.class.name(), "gateways": plan.gateways, "rule": plan.rule,
        "price": plan.price, "notes": plan.notes,
    });
    if plan.shifts != Shifts::default() {
        let name = |language: Option<Language>| language.map(Language::name);
        let Shifts { locking, single } = plan.shifts;
        told["tables"] = json!({"locking": name(locking), "single": name(single)});
    }
    if let Some(payload) = &plan.payload {
        told["data"] = hex(payload.data.clone()).into();
        told["udh"] = hex(payload.udh.clone()).into();
    }
    if plan.attributes != Attributes::default() {
        told["pid"] = plan.attributes.pid.into();
        told["dcs"] = plan.attributes.dcs.into();
        told["message_class"] = plan.attributes.class.into();
    }
    if plan.high {
        told["priority"] = "high".into();
    }
    if let Some(sender) = &plan.sender_id {
        told["sender_id"] = sender.as_str().into();
    }
    if let Some(reply) = &admitted.wishes.reply {
        told["reply_to"] = reply.as_str().into();
    }
    if let Some(validity) = plan.validity {
        told["validity"] = span::short(validity).into();
    }
    told
}

/// What the mail, its sender's policy or the parameters ask for, in words.
fn wishes(line: &Value) -> Vec<String> {
    let is = |key: &str| line[key] == true;
    let text = |key: &str| line[key].as_str();
    let mut wishes = Vec::new();
    if is("flash") {
        wishes.push("flash".to_owned());
    }
    if is("confirm") {
        wishes.push("a confirmation".to_owned());
    }
    let told = [
        ("sender_id", "shown as "),
        ("reply_to", "answers to "),
        ("validity", "given up by the network after "),
        ("priority", "priority "),
    ];
    let told = told.iter();
    wishes.extend(told.filter_map(|(key, words)| {
        let value = text(key)?;
        let value = match *key {
            "validity" => span::read(value).map_or(value.to_owned(), span::english),
            _ => value.to_owned(),
        };
        Some(format!("{words}{value}"))
    }));
    wishes
}

fn write_words(out: &mut dyn Write, line: &Value) -> std::io::Result<()> {
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    match line["verdict"].as_str() {
        Some("send") => {}
        Some("ask") => {
            let note = line["notes"][0].as_str().unwrap_or_default();
            return writeln!(out, "{}: {note}", text("recipient"));
        }
        Some("refuse") => {
            return writeln!(out, "{}: refused: {}", text("recipient"), text("reply"));
        }
        _ => return writeln!(out, "{}: ordinary mail", text("recipient")),
    }
    let segments = line["segments"].as_array().map_or(0, Vec::len);
    writeln!(
        out,
        "{}: sent to {} for {}",
        text("recipient"),
        text("number"),
        match text("sender_from").as_str() {
            "users" | "" => text("sender"),
            "access" => format!("{}, who has no entry", text("sender")),
            directory => format!("{}, as {directory} says", text("sender")),
        }
    )?;
    let table = |kind: &str| match line["tables"][kind].as_str() {
        Some(language) => format!(", {language} {kind} table"),
        None => String::new(),
    };
    let tables = table("locking") + &table("single");
    writeln!(out, "  segments: {segments} ({}{tables})", text("encoding"))?;
    let gateways: Vec<_> = line["gateways"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let rule = line["rule"]
        .as_u64()
        .map(|n| format!(" (outgoing rule {n})"))
        .unwrap_or_default();
    writeln!(out, "  gateways: {}{rule}", gateways.join(", "))?;
    if let Some(at) = line["at"].as_str() {
        writeln!(out, "  not before: {at}")?;
    }
    let wishes = wishes(line);
    if !wishes.is_empty() {
        writeln!(out, "  asked for: {}", wishes.join(", "))?;
    }
    if let Some(price) = line["price"].as_f64() {
        writeln!(out, "  price: {price}")?;
    }
    for note in line["notes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        writeln!(out, "  note: {note}")?;
    }
    if let Some(data) = line["data"].as_str() {
        writeln!(out, "  data: {data}, header: {}", text("udh"))?;
    }
    for line in text("text").lines() {
        writeln!(out, "  | {line}")?;
    }
    Ok(())
}
