//! Tokens at the desk: made, listed, revoked. A token is told once, to who made it; what is kept opens
//! nothing.
//!
//! Limits: [`MAX_NUMBERS`] numbers a token, [`MAX_LIFE`].

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{Desk, Refused};
use crate::access::token::{self, RANDOM, Token, TokenId};
use crate::mail::address::Domain;

/// One for each of a team; for more there are groups.
const MAX_NUMBERS: usize = 100;

/// A secret that is older has been forgotten somewhere.
const MAX_LIFE: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

const EXPIRES: &str = "write a time from now, as 30d or 12h, or a last day, as 2027-12-31";

impl Desk {
    /// `token create`.
    pub(super) async fn create_token(
        &self,
        user: &str,
        to: &[String],
        expires: &str,
        uses: Option<u32>,
    ) -> Result<Vec<Value>, Refused> {
        let world = &self.outbound.world;
        let now = world.now();
        let account = self.account(user).await?;
        let mut numbers = Vec::new();
        for number in to {
            let number = self.number(number).map_err(|refused| match refused {
                Refused::Usage(why) => Refused::Usage(format!("--to: {why}")),
                other => other,
            })?;
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        if numbers.is_empty() || numbers.len() > MAX_NUMBERS {
            let text = format!("--to: write 1 to {MAX_NUMBERS} numbers that the token pays for");
            return Err(Refused::Usage(text));
        }
        if uses == Some(0) {
            return Err(Refused::Usage("--uses: write 1 or more".into()));
        }
        let planner = self.outbound.planner();
        let expires = ending(expires, now, planner.access.timezone())?;
        let mut random = [0; RANDOM];
        world.random.fill(&mut random);
        let secret = token::written(random);
        let digest = token::digest(&secret);
        let token = Token {
            digest: digest.ok_or_else(|| Refused::Usage("token".into()))?,
            account,
            numbers,
            created: now,
            expires,
            uses,
            used: 0,
            last_used: None,
        };
        let mut line = shown(&token, now);
        let (name, account) = (token.id(), token.account.clone());
        if !self.outbound.store.add_token(token).await? {
            return Err(Refused::Unavailable("try again: this name is taken".into()));
        }
        tracing::info!(token = %name, account, event = "token-created");
        line["token"] = secret.expose().into();
        let domains = &planner.addresses;
        let sms = domains
            .domains
            .first()
            .map_or("", |domain: &Domain| &domain.sms);
        let first = line["numbers"][0].as_str().unwrap_or_default().to_owned();
        line["address"] = format!("{first}?token={}@{sms}", secret.expose()).into();
        Ok(vec![line])
    }

    /// `token list`.
    pub(super) async fn list_tokens(&self) -> Result<Vec<Value>, Refused> {
        let now = self.outbound.world.now();
        let mut tokens = self.outbound.store.tokens().await?;
        tokens.sort_by_key(|token| token.created);
        Ok(tokens.iter().map(|token| shown(token, now)).collect())
    }

    /// `token revoke`.
    pub(super) async fn revoke_token(&self, id: &str) -> Result<Vec<Value>, Refused> {
        let parsed = TokenId::parse(id).ok_or_else(|| {
            // Not repeated: it may be the token itself.
            Refused::Usage("that is no id of a token; token list shows them, 16 hex digits".into())
        })?;
        match self.outbound.store.revoke_token(parsed).await? {
            Some(token) => {
                tracing::info!(token = %parsed, account = token.account, event = "token-revoked");
                Ok(vec![])
            }
            None => Err(Refused::Unavailable(format!("there is no token {id}"))),
        }
    }

    /// Whom a token of this digest pays for, for `explain`; nothing when it pays for nobody.
    pub(super) async fn find_token(&self, digest: &str) -> Result<Vec<Value>, Refused> {
        let usage = || Refused::Usage("that is no digest of a token".into());
        let octets = (0..32).map(|at| {
            let pair = digest.get(2 * at..2 * at + 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        let octets: Vec<u8> = octets.collect::<Option<_>>().ok_or_else(usage)?;
        let digest: [u8; 32] = octets.try_into().map_err(|_| usage())?;
        let now = self.outbound.world.now();
        let found = self.outbound.store.token(digest).await?;
        let good = found.filter(|token| token.is_good(now));
        Ok(good.iter().map(|token| shown(token, now)).collect())
    }

    /// The account that a user's name means: one that there is, or an address of a domain of ours.
    async fn account(&self, user: &str) -> Result<String, Refused> {
        let planner = self.outbound.planner();
        let access = self.access_to(user).await?;
        if let Some(user) = access.user_named(user) {
            return Ok(user.email.clone());
        }
        let domain = user.rsplit_once('@').map(|(_, domain)| domain);
        let ours = |d: &Domain| domain.is_some_and(|domain| d.mail.eq_ignore_ascii_case(domain));
        match planner.addresses.domains.iter().any(ours) {
            true => Ok(user.to_lowercase()),
            false => Err(Refused::Usage(format!(
                "--user: {user} is no user; write a login, or an address of one of your mail domains"
            ))),
        }
    }
}

/// When it ends: after a time from now, at a time, or at the end of a day.
fn ending(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Refused> {
    let wrong = || Refused::Usage(format!("--expires {text}: {EXPIRES}"));
    let here = now.to_zoned(zone.clone());
    let end = if let Ok(day) = text.parse::<Date>() {
        let next = day.checked_add(1.day()).map_err(|_| wrong())?;
        let midnight = next.to_zoned(zone.clone()).map_err(|_| wrong())?;
        midnight.timestamp()
    } else if let Ok(at) = text.parse::<Timestamp>() {
        at
    } else {
        let span: Span = text.parse().map_err(|_| wrong())?;
        here.checked_add(span).map_err(|_| wrong())?.timestamp()
    };
    let latest = now.checked_add(MAX_LIFE).unwrap_or(Timestamp::MAX);
    // Nobody counts on parts of a second, and they are ugly to read.
    let end = Timestamp::from_second(end.as_second()).unwrap_or(end);
    match end {
        end if end <= now => Err(Refused::Usage(format!(
            "--expires {text}: that is over; {EXPIRES}"
        ))),
        end if end > latest => Err(Refused::Usage(format!(
            "--expires {text}: no token lives longer than ten years; {EXPIRES}"
        ))),
        end => Ok(end),
    }
}

/// A token in JSON, without its secret.
fn shown(token: &Token, now: Timestamp) -> Value {
    let numbers: Vec<&str> = token.numbers.iter().map(|n| n.as_str()).collect();
    json!({
        "id": token.id().to_string(), "user": token.account, "numbers": numbers,
        "created": token.created.to_string(), "expires": token.expires.to_string(),
        "uses": token.uses, "used": token.used,
        "last_used": token.last_used.map(|at| at.to_string()), "good": token.is_good(now),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings() {
        let now = "2026-11-20T12:00:00Z".parse().expect("time");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        for (text, expected) in [
            ("30d", Some("2026-12-20T12:00:00Z")),
            ("12h", Some("2026-11-21T00:00:00Z")),
            ("2 weeks", Some("2026-12-04T12:00:00Z")),
            ("2026-11-20", Some("2026-11-20T23:00:00Z")),
            ("2027-01-31T10:00:00Z", Some("2027-01-31T10:00:00Z")),
            ("2026-11-19", None),
            ("11y", None),
            ("0s", None),
            ("-1d", None),
            ("soon", None),
            ("", None),
            ("99999999d", None),
        ] {
            let expected = expected.map(|text| text.parse().expect("time"));
            assert_eq!(ending(text, now, &zone).ok(), expected, "{text}");
        }
    }
}
