//! `sms-milter explain`: what would happen to a mail. It asks the same planner as the milter, and
//! needs no store: quotas are not looked at.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::{Failure, Json};
use crate::config;
use crate::mail::text::{self, MailText, RawMail};
use crate::mail::{Client, Envelope, Reply};
use crate::outbound::plan::{Admitted, Judgement, Plan, Planner};
use crate::sms::{Attributes, Language, Shifts};
use crate::world::World;

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
    let lines = explain(&settings.planner(), args, &mail);
    if args.json.json {
        writeln!(out, "{}", Value::Array(lines))?;
        return Ok(());
    }
    for line in &lines {
        write_words(out, line)?;
    }
    Ok(())
}

/// The milter reads no further either.
fn cut(mail: &mut RawMail, max: u64) {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    if mail.body.len() > max {
        mail.body.truncate(max);
        mail.truncated = true;
    }
}

/// One object a recipient (spec 14).
fn explain(planner: &Planner, args: &ExplainArgs, mail: &RawMail) -> Vec<Value> {
    let envelope = Envelope {
        sender: args.from.trim_matches(['<', '>']).to_owned(),
        auth: match (&args.auth, args.client) {
            (None, None) => Some(args.from.trim_matches(['<', '>']).to_owned()),
            (auth, _) => auth.clone(),
        },
        client: args.client.map_or(Client::Unknown, Client::Ip),
        ..Envelope::default()
    };
    let read = text::read(mail, &planner.text).map_err(Reply::from);
    let now = World::real().now();
    let one = |to: &String| {
        let rcpt = if to.starts_with('<') {
            to.clone()
        } else {
            format!("<{to}>")
        };
        let verdict = match planner.judge(&envelope, &rcpt, &[], now) {
            Judgement::NotOurs => return json!({"recipient": to, "verdict": "not-ours"}),
            Judgement::Ours(admitted) => {
                admitted.and_then(|admitted| decide(planner, &envelope, &read, *admitted))
            }
        };
        match verdict {
            Ok((admitted, plan)) => told(to, &admitted, &plan),
            Err(reply) => json!({"recipient": to, "verdict": "refuse", "reply": reply.to_string()}),
        }
    };
    args.to.iter().map(one).collect()
}

fn decide(
    planner: &Planner,
    envelope: &Envelope,
    read: &Result<MailText, Reply>,
    admitted: Admitted,
) -> Result<(Admitted, Plan), Reply> {
    let mail = read.as_ref().map_err(Clone::clone)?;
    match planner.refuses(envelope, mail) {
        Some(reply) => Err(reply),
        None => planner.plan(mail, &admitted).map(|plan| (admitted, plan)),
    }
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
        "flash": plan.flash || plan.attributes.class == Some(0), "confirm": plan.confirm, "at": null,
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
    if let Some(validity) = plan.validity {
        told["validity"] = format!("{}m", validity.as_secs() / 60).into();
    }
    told
}

fn write_words(out: &mut dyn Write, line: &Value) -> std::io::Result<()> {
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    match line["verdict"].as_str() {
        Some("send") => {}
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
        text("sender")
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
