//! Telling the programs behind accounts, by HTTP, what phones answer and what became of their SMS.
//!
//! One request each, to the URL of the configuration and nowhere else: no redirects, no proxy from the
//! environment, no name that leads into a private network. Whether and when it is made again is decided by
//! whoever keeps it ([`crate::mail::inject`]); a repeat has the same `id`.
//!
//! | answer | means |
//! |---|---|
//! | 2xx | it has it |
//! | 400, 413, 415, 422 | it will never take this one |
//! | anything else, or none | again later: an admin can mend it |
//!
//! Kannel says 202 to everything, and means what its answer's first word says. A receipt that it does not
//! know may have been faster than our answer to the message: for `RACE` it is told again. Later it is one
//! that nobody there asked for.
//!
//! Never in a reason: the URL, a secret, a number, a text.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use reqwest::{Response, StatusCode, Url};

use crate::gateway::http::resolver;
use crate::live::Live;
use crate::mail::inject::{Answer, Post};
use crate::secret::Secret;
use crate::wire::push::Push;
use crate::world::World;

/// For the whole exchange: the other side writes one record.
const TIMEOUT: Duration = Duration::from_secs(20);

/// To find, connect and shake hands: a program that is away must not be in the way of the others.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Servers close idle connections from 5 s on.
const IDLE: Duration = Duration::from_secs(3);

/// An answer to a message is this old at most when a receipt for it is told.
const RACE: SignedDuration = SignedDuration::from_mins(1);

/// More of an answer is not read.
const MAX_ANSWER: usize = 1024;

/// A program that is told.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where.
    pub url: Url,
    /// In which form.
    pub form: Form,
    /// For [`Form::Kannel`], its `smsc-username`.
    pub user: String,
    /// What we show.
    pub secret: Secret,
    /// The URL's name may lead into a private network.
    pub allow_private: bool,
}

/// What a request looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// POST of JSON, the secret as bearer token: `/hooks/GATEWAY` of another sms-milter.
    SmsMilter,
    /// GET with Kannel's fields: the port of its `smsc = http`.
    Kannel,
}

/// The programs, by account. A reload exchanges them.
pub struct Programs {
    all: Live<Clients>,
    world: World,
}

type Clients = HashMap<String, (Program, reqwest::Client)>;

impl Programs {
    /// Connects to nothing yet.
    pub fn new(programs: HashMap<String, Program>, world: World) -> Result<Self, reqwest::Error> {
        Ok(Self {
            all: Live::new(Self::clients(programs)?),
            world,
        })
    }

    /// From now on these.
    pub fn set(&self, programs: HashMap<String, Program>) -> Result<(), reqwest::Error> {
        self.all.set(Self::clients(programs)?);
        Ok(())
    }

    fn clients(programs: HashMap<String, Program>) -> Result<Clients, reqwest::Error> {
        // Once a process; whoever comes second finds it done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |program: &Program| {
            reqwest::Client::builder()
                .user_agent(concat!("sms-milter/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .timeout(TIMEOUT)
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE)
                .dns_resolver(resolver(program.allow_private))
                .build()
        };
        let all = programs.into_iter().map(|(account, program)| {
            let client = client(&program)?;
            Ok((account, (program, client)))
        });
        all.collect()
    }

    /// What Kannel means (its `generic` centre).
    fn by_kannel(&self, push: &Push, words: &str) -> Answer {
        if words.starts_with("Sent") {
            return Answer::Taken;
        }
        let unknown = words.starts_with("Unknown DLR");
        let age = push
            .happened()
            .map(|then| self.world.now().duration_since(then));
        match age {
            Some(age) if unknown && age > RACE => Answer::Taken,
            _ if unknown => Answer::Later("it does not know this message yet".to_owned()),
            _ if words.starts_with("Authorization") => {
                Answer::Later("it does not know us: are user and secret the same there?".to_owned())
            }
            _ => Answer::Later("it did not say that it was sent on".to_owned()),
        }
    }
}

#[async_trait]
impl Post for Programs {
    async fn post(&self, account: &str, push: &[u8]) -> Answer {
        let all = self.all.get();
        let Some((program, client)) = all.get(account) else {
            return Answer::Refused("users: this account has no post any more".to_owned());
        };
        let Some(read) = Push::from_json(push) else {
            return Answer::Refused("what was kept cannot be read".to_owned());
        };
        let request = match program.form {
            Form::SmsMilter => client
                .post(program.url.clone())
                .header("Content-Type", "application/json")
                .bearer_auth(program.secret.expose())
                .body(push.to_vec()),
            Form::Kannel => {
                let mut url = program.url.clone();
                url.set_query(Some(&read.kannel(&program.user, program.secret.expose())));
                client.get(url)
            }
        };
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Answer::Later(why(&error).to_owned()),
        };
        match (judge(answer.status()), program.form) {
            (Answer::Taken, Form::Kannel) => self.by_kannel(&read, &words(answer).await),
            (judged, _) => judged,
        }
    }
}

/// The beginning of an answer's body.
async fn words(mut answer: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

fn judge(status: StatusCode) -> Answer {
    match status.as_u16() {
        200..300 => Answer::Taken,
        400 | 413 | 415 | 422 => Answer::Refused(format!("it answered {status}")),
        401 | 403 => Answer::Later(format!(
            "it answered {status}: is the secret the same there?"
        )),
        _ => Answer::Later(format!("it answered {status}")),
    }
}

fn why(error: &reqwest::Error) -> &'static str {
    match () {
        () if error.is_timeout() => "it did not answer in time",
        () if error.is_connect() => "it cannot be reached",
        () => "the connection broke off",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        #[track_caller]
        fn check(status: u16, expected: &str) {
            let status = StatusCode::from_u16(status).expect("status");
            let answer = format!("{:?}", judge(status));
            assert!(answer.starts_with(expected), "{answer}");
        }
        check(200, "Taken");
        check(202, "Taken");
        check(204, "Taken");
        check(301, "Later");
        check(400, "Refused");
        check(403, "Later(\"it answered 403 Forbidden: is the secret");
        check(404, "Later");
        check(422, "Refused");
        check(429, "Later");
        check(500, "Later");
        check(503, "Later");
    }

    #[test]
    fn kannels_answers() {
        let programs = Programs::new(HashMap::new(), World::real()).expect("programs");
        let fate = |ago: i64| Push::Fate {
            id: "1".into(),
            msgid: None,
            number: "+15551234567".into(),
            status: crate::wire::push::Fate::Delivered,
            error: None,
            time: (programs.world.now() - SignedDuration::from_secs(ago)).to_string(),
        };
        for (ago, words, expected) in [
            (0, "Sent", "Taken"),
            (0, "Sent.", "Taken"),
            (0, "Unknown DLR, not accepted", "Later"),
            (90, "Unknown DLR, not accepted", "Taken"),
            (90, "Authorization failed for sendsms", "Later"),
            (90, "", "Later"),
        ] {
            let answer = format!("{:?}", programs.by_kannel(&fate(ago), words));
            assert!(answer.starts_with(expected), "{words}: {answer}");
        }
    }
}
