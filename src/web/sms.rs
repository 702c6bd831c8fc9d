//! The door of programs that have us send an SMS: `/sms/`, with the fields of the IceWarp dialect, so that
//! another sms-milter, Kannel and whatever has such a URL can use it. Open only with `compat: [icewarp]`.
//!
//! Fields, in the query or a form: `user`, `pass` (or RFC 7617), `number`, `data` (UTF-8; with `binary=1`
//! base64), `udh` (base64 or hex), `pid`, `dcs`, `msgid`, `sender`, and of the parameters of addresses
//! `flash`, `class`, `coding`, `confirm`, `validity`. `coding` may also be as Kannel's `%c` has it: -1 and 0,
//! `data` is UTF-8; 1, octets; 2, UTF-16BE; `udh` then is octets too (its `%b`, `%u`). `charset` says what a
//! text is in when it is not UTF-8. Nothing is silently ignored: what cannot be granted, is not known or says two
//! things is refused by name, and a text is sent whole or not. `msgid` (or the header `Idempotency-Key`) makes a
//! repeat harmless for `REPEATS`, and is told with what became of the message: a program that never got our answer
//! knows of what that is. Instances that send to each other are stopped (`circle`).
//!
//! | answer | means |
//! |---|---|
//! | `202 ID: 0193…` | it is on disk; this is what receipts call it |
//! | `200 ID: 0193…` | it was there already, under that `msgid` |
//! | `400 ERR: …` | a field makes no sense |
//! | `401 WHO: …` | no such user and password |
//! | `409 ERR: …` | this `msgid` is that of another message |
//! | `413`, `422 ERR: …` | it will never be sent, as its mail would be refused |
//! | `503 LATER: …` | again later |
//!
//! The first word says it too, for programs that do not look at the status.
//!
//! Limits: `MAX_BODY` octets in the body, `BODY_TIMEOUT` to send them.

mod circle;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::Encoding;
use jiff::SignedDuration;
use percent_encoding::percent_decode;
use sha2::{Digest, Sha256};

use super::login::{self, Login, REALM, Verdict};
use super::{App, Shared};
use crate::live::Live;
use crate::mail::Reply;
use crate::outbound::Outbound;
use crate::outbound::admit::Asker;
use crate::outbound::credentials::passwords::Workers;
use crate::outbound::manage::Order;
use crate::outbound::wishes::Wishes;
use crate::secret::Secret;
use crate::sms::Number;
use crate::store::{Dedupe, Message, Taken};
use crate::wire::pdu::hex;
use crate::world::World;
use circle::Circles;

/// Longer than any queue of ours keeps a message, and so repeats it (`queue.expire`, 5 days).
const REPEATS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// As long as any known id, and short in a key.
const MAX_MSGID: usize = 100;

/// A message of 128 segments, percent-encoded, is 60 KiB at worst.
const MAX_BODY: usize = 64 * 1024;

/// For the whole body; programs send it in one packet.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// More fields are an attack.
const MAX_FIELDS: usize = 100;

/// Fields of the dialect and of addresses that are wishes.
const WISHES: [&str; 6] = ["flash", "class", "confirm", "validity", "pid", "dcs"];

/// Fields of the dialect that nobody grants here.
const NEVER: [&str; 4] = ["authenticated", "reply", "id", "maxmsgs"];

/// The rest of what is read here.
const READ: [&str; 10] = [
    "user", "pass", "number", "data", "binary", "udh", "coding", "charset", "sender", "msgid",
];

/// What the door needs.
#[derive(Clone)]
pub struct Door {
    /// Who may use it.
    pub accounts: Live<Accounts>,
    /// Takes what they send.
    pub outbound: Arc<Outbound>,
}

/// Who may use the door.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accounts {
    /// By address, alias and login in lower case: the account.
    pub names: HashMap<String, String>,
    /// By account: the Argon2 hash of its password (PHC string).
    pub hashes: BTreeMap<String, String>,
    /// By account: the sender ids it may show.
    pub sender_ids: HashMap<String, Vec<String>>,
}

/// The accounts, with what was learnt of their passwords and what they sent.
pub(super) struct Users {
    accounts: Live<Accounts>,
    workers: Arc<Workers>,
    world: World,
    /// What was made of the accounts of then.
    made: Mutex<Option<(Arc<Accounts>, Arc<Login>)>>,
    circles: Circles,
}

impl Users {
    pub(super) fn new(door: Option<&Door>, workers: &Arc<Workers>, world: &World) -> Self {
        Self {
            accounts: door.map(|door| door.accounts.clone()).unwrap_or_default(),
            workers: workers.clone(),
            world: world.clone(),
            made: Mutex::default(),
            circles: Circles::default(),
        }
    }

    /// The present accounts. With new ones nothing is remembered of passwords that were right.
    fn present(&self) -> (Arc<Accounts>, Arc<Login>) {
        let accounts = self.accounts.get();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some((then, login)) if Arc::ptr_eq(then, &accounts) => (accounts, Arc::clone(login)),
            _ => {
                let login = Arc::new(Login::new(
                    accounts.hashes.clone(),
                    &self.workers,
                    &self.world,
                ));
                *made = Some((Arc::clone(&accounts), Arc::clone(&login)));
                (accounts, login)
            }
        }
    }

    /// The account of a name and password.
    async fn account(&self, name: &str, password: Secret) -> Result<String, Refused> {
        let (accounts, login) = self.present();
        let known = accounts.names.get(&name.to_lowercase()).cloned();
        let account = known.clone().unwrap_or_else(|| name.to_owned());
        // A name that nobody has takes as long.
        match login.check(account, password).await {
            Verdict::Welcome => known.ok_or(Refused::Who),
            Verdict::Busy => Err(Refused::Busy),
            Verdict::Who | Verdict::NotHere => Err(Refused::Who),
        }
    }
}

/// Why an SMS is not taken.
pub(super) enum Refused {
    Closed,
    TooLarge,
    TooSlow,
    Field(String),
    Who,
    Busy,
    Other,
    Circle,
    Reply(Reply),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Refused::Closed => (StatusCode::NOT_FOUND, "no such door".into()),
            Refused::TooLarge => {
                let text = "the body is longer than 64 KiB";
                (StatusCode::PAYLOAD_TOO_LARGE, text.into())
            }
            Refused::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too slow".into()),
            Refused::Field(text) => (StatusCode::BAD_REQUEST, text),
            Refused::Who => (StatusCode::UNAUTHORIZED, "no such user and password".into()),
            Refused::Other => {
                let text = "this msgid is that of another message";
                (StatusCode::CONFLICT, text.into())
            }
            Refused::Circle => {
                let text =
                    "the same came 20 times in 10 minutes: do two instances send to each other?";
                (StatusCode::UNPROCESSABLE_ENTITY, text.into())
            }
            Refused::Busy => (StatusCode::SERVICE_UNAVAILABLE, "too many logins".into()),
            Refused::Reply(reply) if reply.is_temporary() => {
                // What is wrong here is the log's, not the other side's.
                let text = "the queue cannot be written now; try again later";
                (StatusCode::SERVICE_UNAVAILABLE, text.into())
            }
            Refused::Reply(reply) => (StatusCode::UNPROCESSABLE_ENTITY, reply.text),
        };
        let later = match status {
            StatusCode::SERVICE_UNAVAILABLE => Some([(header::RETRY_AFTER, "30")]),
            _ => None,
        };
        // RFC 9110 §15.5.2.
        let who = match status {
            StatusCode::UNAUTHORIZED => Some([(header::WWW_AUTHENTICATE, REALM)]),
            _ => None,
        };
        let word = match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT => "LATER",
            StatusCode::UNAUTHORIZED => "WHO",
            _ => "ERR",
        };
        (status, later, who, format!("{word}: {text}\n")).into_response()
    }
}

/// `/sms/`.
pub(super) async fn submit(
    State(shared): App,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let door = shared.state.sms.as_ref().ok_or(Refused::Closed)?;
    let body = read(body).await?;
    let fields = Fields::read(query.unwrap_or_default().as_bytes(), &headers, &body)?;
    let account = &shown(&shared.users, &headers, &fields).await?;
    fields.check()?;
    let data = data(&fields)?;
    let order = order(&shared, door, account, &headers, &fields, &data)?;
    let (circles, now) = (&shared.users.circles, Instant::now());
    let udh = &order.wishes.udh;
    let said: [&[u8]; 2] = [order.text.as_bytes(), udh];
    let trace = circle::trace(account, order.number.as_str(), &said);
    let key = order.key.as_ref().map(|dedupe| dedupe.key);
    if circles.is_one(&trace, key.as_ref(), now) {
        return Err(Refused::Circle);
    }
    // Durable, then yes.
    let ordered = door.outbound.order(order).await;
    match ordered.map_err(Refused::Reply)? {
        (message, Taken::Queued) => {
            if circles.note(trace, key, now) {
                let why = "the same text to the same number came 20 times; more of it is refused";
                tracing::warn!(msg = %message.id, account, event = "circle", "{why}");
            }
            Ok(yes(StatusCode::ACCEPTED, &message.id.to_string()))
        }
        (message, Taken::Repeat(id)) => match door.outbound.store.find(id).await {
            Ok(Some(earlier)) if !is_same(&earlier, &message) => Err(Refused::Other),
            // One that was pruned is as old as its key.
            Ok(_) => Ok(yes(StatusCode::OK, &id.to_string())),
            Err(error) => Err(Refused::Reply(Reply::new(451, "4.3.0", error.to_string()))),
        },
    }
}

async fn read(body: Body) -> Result<Vec<u8>, Refused> {
    let read = axum::body::to_bytes(body, MAX_BODY);
    match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(body)) => Ok(body.to_vec()),
        Ok(Err(_)) => Err(Refused::TooLarge),
        Err(_) => Err(Refused::TooSlow),
    }
}

/// The fields of a request; those of the body first.
struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    fn read(query: &[u8], headers: &HeaderMap, body: &[u8]) -> Result<Self, Refused> {
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let essence = content_type.and_then(|value| value.split(';').next());
        let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
        const FORMS: [&str; 2] = ["", "application/x-www-form-urlencoded"];
        if !body.is_empty() && !FORMS.contains(&essence.as_str()) {
            return Err(Refused::Field("Content-Type: send a form".into()));
        }
        let mut fields = Vec::new();
        for pair in body
            .split(|&b| b == b'&')
            .chain(query.split(|&b| b == b'&'))
        {
            if pair.is_empty() {
                continue;
            }
            if fields.len() == MAX_FIELDS {
                return Err(Refused::Field("more than 100 fields".into()));
            }
            let end = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
            let name = String::from_utf8(decoded(&pair[..end]));
            let name = name.map_err(|_| Refused::Field("a field's name is not UTF-8".into()))?;
            fields.push((name, decoded(pair.get(end + 1..).unwrap_or_default())));
        }
        Ok(Self(fields))
    }

    /// Each field is one that is read here, and says one thing.
    fn check(&self) -> Result<(), Refused> {
        for (name, value) in &self.0 {
            let known = READ.iter().chain(&WISHES).chain(&NEVER);
            if !known.into_iter().any(|known| known == name) {
                let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(field(&name, "is not known here; leave it out"));
            }
            if self.octets(name) != Some(value) {
                return Err(field(name, "stands there twice, with two values"));
            }
        }
        Ok(())
    }

    fn octets(&self, name: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// A field that says something.
    fn get(&self, name: &'static str) -> Result<Option<&str>, Refused> {
        let value = self.octets(name).filter(|value| !value.is_empty());
        let value = value.map(std::str::from_utf8).transpose();
        value.map_err(|_| field(name, "is not UTF-8"))
    }
}

/// WHATWG URL, `application/x-www-form-urlencoded`.
fn decoded(text: &[u8]) -> Vec<u8> {
    let blank = |&b: &u8| if b == b'+' { b' ' } else { b };
    percent_decode(&text.iter().map(blank).collect::<Vec<_>>()).collect()
}

fn field(name: &str, what: impl std::fmt::Display) -> Refused {
    Refused::Field(format!("{name}: {what}"))
}

fn yes(status: StatusCode, id: &str) -> Response {
    (status, format!("ID: {id}\n")).into_response()
}

fn is_same(a: &Message, b: &Message) -> bool {
    a.number == b.number && a.text == b.text && a.payload == b.payload
}

/// Who asks.
async fn shown(users: &Users, headers: &HeaderMap, fields: &Fields) -> Result<String, Refused> {
    let (name, password) = match login::basic(headers) {
        Some(pair) => pair,
        None => {
            let (user, pass) = (fields.get("user")?, fields.get("pass")?);
            let pass = Secret::new(pass.unwrap_or_default());
            (user.unwrap_or_default().to_owned(), pass)
        }
    };
    users.account(&name, password).await
}

/// What is to be sent: a text, or data in hex; and the wishes that say so.
struct Said {
    text: String,
    wishes: Wishes,
}

/// Reads `data` as `coding` and `binary` say.
fn data(fields: &Fields) -> Result<Said, Refused> {
    let octets = fields
        .octets("data")
        .ok_or_else(|| field("data", "missing"))?;
    let utf8 = || std::str::from_utf8(octets).map_err(|_| field("data", "is not UTF-8"));
    let text = || in_charset(octets, fields.get("charset")?);
    let mut wishes = wishes(fields)?;
    let binary = fields.get("binary")?.filter(|binary| *binary != "0");
    let text = match (fields.get("coding")?, binary) {
        (Some("1"), _) => {
            set(&mut wishes, "binary", "hex")?;
            hex(octets)
        }
        (Some("2"), None) => utf16(octets).ok_or_else(|| field("data", "is not UTF-16BE"))?,
        (Some("-1" | "0" | "2"), Some(_)) => {
            return Err(field("coding", "is for text; binary is not"));
        }
        (Some("-1" | "0"), None) => text()?,
        (coding, binary) => {
            if let Some(coding) = coding {
                set(&mut wishes, "coding", coding)?;
            }
            match binary {
                Some(binary) => {
                    set(&mut wishes, "binary", binary)?;
                    utf8()?.to_owned()
                }
                None => text()?,
            }
        }
    };
    let checked = wishes.check();
    checked.map_err(|error| Refused::Field(error.to_string()))?;
    Ok(Said { text, wishes })
}

/// A text that is what its charset says; without one, UTF-8.
fn in_charset(octets: &[u8], charset: Option<&str>) -> Result<String, Refused> {
    let charset = charset.unwrap_or("UTF-8");
    let known = Encoding::for_label_no_replacement(charset.as_bytes());
    let known = known.ok_or_else(|| field("charset", "is not known; send UTF-8"))?;
    let text = known.decode_without_bom_handling_and_without_replacement(octets);
    let text = text.ok_or_else(|| field("data", format!("is not {}", known.name())))?;
    Ok(text.into_owned())
}

fn utf16(octets: &[u8]) -> Option<String> {
    let (units, rest) = octets.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
    String::from_utf16(&units).ok().filter(|_| rest.is_empty())
}

fn set(wishes: &mut Wishes, name: &str, value: &str) -> Result<(), Refused> {
    let set = wishes.set(name, value);
    set.map(|_| ())
        .map_err(|error| Refused::Field(error.to_string()))
}

/// How it is to be sent. The dialect tells the DCS and PID of ordinary SMS too: those are no wishes.
fn wishes(fields: &Fields) -> Result<Wishes, Refused> {
    let mut wishes = Wishes::default();
    let binary = fields.get("binary")?.is_some_and(|binary| binary != "0");
    for name in WISHES {
        let plain = match name {
            "pid" => &["0"][..],
            "dcs" if binary => &["4"],
            "dcs" => &["0", "8"],
            _ => &[],
        };
        if let Some(value) = fields.get(name)?.filter(|value| !plain.contains(value)) {
            set(&mut wishes, name, value)?;
        }
    }
    let kannels = ["-1", "0", "1", "2"].contains(&fields.get("coding")?.unwrap_or_default());
    let udh = fields.octets("udh").filter(|udh| !udh.is_empty());
    if let Some(udh) = udh {
        let is_hex = udh.len().is_multiple_of(2) && udh.iter().all(u8::is_ascii_hexdigit);
        let coded = match () {
            () if kannels => Some(hex(udh)),
            () if is_hex => Some(String::from_utf8_lossy(udh).into_owned()),
            () => STANDARD.decode(udh).ok().map(|octets| hex(&octets)),
        };
        let coded = coded.ok_or_else(|| field("udh", "is neither hex nor base64"))?;
        set(&mut wishes, "udh", &coded)?;
    }
    Ok(wishes)
}

/// What is asked.
fn order<'a>(
    shared: &Shared,
    door: &Door,
    account: &'a str,
    headers: &HeaderMap,
    fields: &Fields,
    said: &'a Said,
) -> Result<Order<'a>, Refused> {
    for name in NEVER {
        if fields.get(name)?.is_some() {
            return Err(field(name, "cannot be asked here; leave it out"));
        }
    }
    let number = fields.get("number")?;
    let number = number.ok_or_else(|| field("number", "missing"))?;
    let number = Number::parse(number.trim(), door.outbound.planner().region());
    let number = number.map_err(|error| field("number", error))?;
    if let Some(sender) = fields.get("sender")? {
        let accounts = door.accounts.get();
        let ids = accounts.sender_ids.get(account);
        // The first is what the phone shows; without one it shows the gateway's number.
        if ids
            .and_then(|ids| ids.first())
            .is_none_or(|id| id != sender)
        {
            let what = "is not the first of this user's sender_ids; leave it out";
            return Err(field("sender", what));
        }
    }
    let header = headers.get(HeaderName::from_static("idempotency-key"));
    let header = header.map(|value| value.to_str().unwrap_or_default());
    let msgid = fields.get("msgid")?.or(header);
    if msgid.is_some_and(|id| id.is_empty() || id.len() > MAX_MSGID) {
        return Err(field("msgid", "has more than 100 octets, or none"));
    }
    let until = shared.state.world.now().saturating_add(REPEATS);
    let until = until.unwrap_or(jiff::Timestamp::MAX);
    Ok(Order {
        account,
        number,
        region: door.outbound.planner().region(),
        text: &said.text,
        wishes: said.wishes.clone(),
        name: msgid.map(str::to_owned),
        key: msgid.map(|id| Dedupe {
            key: key(account, id),
            until,
        }),
        asker: Asker::Program,
    })
}

/// What a repeat has in common with what it repeats.
fn key(account: &str, msgid: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in ["door", account, msgid] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_fields(query: &[u8]) -> Result<Said, Refused> {
        data(&Fields::read(query, &HeaderMap::new(), b"")?)
    }

    fn show(said: Result<Said, Refused>) -> String {
        match said {
            Ok(Said { text, wishes }) => {
                let binary = wishes.binary.map_or(String::new(), |b| format!(" {b:?}"));
                let udh = match wishes.udh.is_empty() {
                    true => String::new(),
                    false => format!(" udh {}", hex(&wishes.udh)),
                };
                let rest = [
                    wishes.class.map(|class| format!(" class {class}")),
                    wishes.pid.map(|pid| format!(" pid {pid}")),
                    wishes.dcs.map(|dcs| format!(" dcs {dcs}")),
                ];
                let rest: String = rest.into_iter().flatten().collect();
                format!("{text}{binary}{udh}{rest}")
            }
            Err(Refused::Field(text)) => format!("! {text}"),
            Err(_) => "!".to_owned(),
        }
    }

    #[test]
    fn what_is_said() {
        #[track_caller]
        fn check(query: &str, expected: &str) {
            assert_eq!(show(read_fields(query.as_bytes())), expected, "{query}");
        }
        check("data=a%2Bb+c%26", "a+b c&");
        // What the dialect says of every message.
        check("data=x&udh=&binary=0&pid=0&dcs=0", "x");
        check("data=%C5%BE&udh=&binary=0&pid=0&dcs=8", "ž");
        check("data=x&dcs=16", "x dcs 16");
        check("data=x&flash=1", "x class 0");
        check(
            "data=AQI=&binary=1&dcs=4&udh=BQQLhCPw",
            "AQI= Base64 udh 0605040B8423F0",
        );
        check(
            "data=AQI=&binary=1&udh=0605040B8423F0",
            "AQI= Base64 udh 0605040B8423F0",
        );
        // Kannel's %c, %b and %u.
        check("data=h%C3%A9&coding=-1&udh=", "hé");
        check("data=h%C3%A9&coding=0&udh=", "hé");
        check("data=%04%14%00a&coding=2", "Дa");
        check(
            "data=%01%FF&coding=1&udh=%06%05%04%0B%84%23%F0",
            "01FF Hex udh 0605040B8423F0",
        );
        check("data=%E9&charset=iso-8859-1", "é");
        check("data=h%C3%A9&charset=utf-8&coding=0", "hé");
        check("data=%00h&charset=UTF-16BE", "h");
        check("data=x&charset=GSM", "! charset: is not known; send UTF-8");
        check("data=%81&charset=Shift_JIS", "! data: is not Shift_JIS");
        check("number=1", "! data: missing");
        check("data=%FF", "! data: is not UTF-8");
        check("data=%D8%00&coding=2", "! data: is not UTF-16BE");
        check("data=a&coding=2", "! data: is not UTF-16BE");
        check("data=a&udh=%21", "! udh: is neither hex nor base64");
        check(
            "data=AQI=&coding=0&binary=1",
            "! coding: is for text; binary is not",
        );
        check("data=x&flash=2", "! flash=2: write 1, or leave it out");
    }

    proptest! {
        #[test]
        fn any_request_is_read_or_refused(query: Vec<u8>, body: Vec<u8>) {
            if let Ok(fields) = Fields::read(&query, &HeaderMap::new(), &body) {
                let _ = data(&fields);
            }
        }

        #[test]
        fn a_text_comes_through(text: String) {
            let query = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
            let query = format!("number=1&data={query}&pid=0");
            prop_assert_eq!(show(read_fields(query.as_bytes())), text);
        }
    }
}
