//! The shape of the YAML: every key there is, nothing judged yet. An unknown key is an error.
//!
//! Scalars that have a grammar of their own (durations, sizes, numbers) are read as they are spelled.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// A scalar as it is spelled, whether YAML thinks it a number, a boolean or a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelled(pub String);

impl<'de> Deserialize<'de> for Spelled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsSpelled;
        impl Visitor<'_> for AsSpelled {
            type Value = Spelled;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word")
            }
            fn visit_bool<E: Error>(self, v: bool) -> Result<Spelled, E> {
                Ok(Spelled(v.to_string()))
            }
            fn visit_i64<E: Error>(self, v: i64) -> Result<Spelled, E> {
                Ok(Spelled(v.to_string()))
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<Spelled, E> {
                Ok(Spelled(v.to_string()))
            }
            fn visit_f64<E: Error>(self, v: f64) -> Result<Spelled, E> {
                Ok(Spelled(v.to_string()))
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Spelled, E> {
                Ok(Spelled(v.to_owned()))
            }
        }
        // As a string, YAML takes every scalar, and `+1555…` keeps its sign.
        deserializer.deserialize_str(AsSpelled)
    }
}

/// What to do with a secret that YAML takes for something else.
const QUOTE: &str = "is not a word; write the secret in quotes";

/// A secret: a literal, `{ file: /path }` or `{ env: NAME }`.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Written here.
    Literal(String),
    /// The first line of a file.
    File(String),
    /// A variable.
    Env(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Literal(_) => f.write_str("***"),
            Secret::File(path) => write!(f, "file {path}"),
            Secret::Env(name) => write!(f, "env {name}"),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsSecret;
        impl<'de> Visitor<'de> for AsSecret {
            type Value = Secret;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret: \"literal\", { file: /path } or { env: NAME }")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Secret, E> {
                Ok(Secret::Literal(v.to_owned()))
            }
            // serde's own complaints would repeat the value.
            fn visit_bool<E: Error>(self, _: bool) -> Result<Secret, E> {
                Err(E::custom(QUOTE))
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
                Err(E::custom(QUOTE))
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<Secret, E> {
                // A PIN without quotes. One that begins with 0 is a string to YAML.
                Ok(Secret::Literal(v.to_string()))
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
                Err(E::custom(QUOTE))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
                let usage = || {
                    A::Error::custom(
                        "is not a secret; write it as \"literal\", { file: /path } or { env: NAME }",
                    )
                };
                let (kind, value): (String, String) = map.next_entry()?.ok_or_else(usage)?;
                let secret = match kind.as_str() {
                    "file" => Secret::File(value),
                    "env" => Secret::Env(value),
                    _ => return Err(usage()),
                };
                match map.next_key::<String>()? {
                    Some(_) => Err(usage()),
                    None => Ok(secret),
                }
            }
        }
        deserializer.deserialize_any(AsSecret)
    }
}

/// One secret or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets(pub Vec<Secret>);

impl<'de> Deserialize<'de> for Secrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::IntoDeserializer;
        use serde::de::value::MapAccessDeserializer;
        struct AsSecrets;
        impl<'de> Visitor<'de> for AsSecrets {
            type Value = Secrets;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret or a list of them")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Secrets, E> {
                Secret::deserialize(v.into_deserializer()).map(|one| Secrets(vec![one]))
            }
            // serde's own complaints would repeat the value.
            fn visit_bool<E: Error>(self, _: bool) -> Result<Secrets, E> {
                Err(E::custom(QUOTE))
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Secrets, E> {
                Err(E::custom(QUOTE))
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<Secrets, E> {
                Err(E::custom(QUOTE))
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Secrets, E> {
                Err(E::custom(QUOTE))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Secrets, A::Error> {
                let one = Secret::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Secrets(vec![one]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Secrets, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(Secrets(all))
            }
        }
        deserializer.deserialize_any(AsSecrets)
    }
}

/// How pushes are signed: a name, or what it is.
#[derive(Clone, Debug)]
pub enum Signature {
    /// `none`, `standard-webhooks`, or a method of the preset's.
    Named(String),
    /// A digest in a header.
    Header(Box<HeaderSignature>),
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::value::MapAccessDeserializer;
        struct AsSignature;
        impl<'de> Visitor<'de> for AsSignature {
            type Value = Signature;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "none, standard-webhooks, or { header: X-Signature, over: timestamp+body, … }",
                )
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Signature, E> {
                Ok(Signature::Named(v.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Signature, A::Error> {
                let map = MapAccessDeserializer::new(map);
                HeaderSignature::deserialize(map).map(|header| Signature::Header(Box::new(header)))
            }
        }
        deserializer.deserialize_any(AsSignature)
    }
}

/// One or several.
#[derive(Clone, Debug, PartialEq)]
pub struct Several(pub Vec<String>);

impl<'de> Deserialize<'de> for Several {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsSeveral;
        impl<'de> Visitor<'de> for AsSeveral {
            type Value = Several;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word or a list of words")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Several, E> {
                Ok(Several(vec![v.to_owned()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Several, A::Error> {
                let mut all = Vec::new();
                while let Some(Spelled(word)) = seq.next_element()? {
                    all.push(word);
                }
                Ok(Several(all))
            }
        }
        deserializer.deserialize_any(AsSeveral)
    }
}

/// One mapping or several.
#[derive(Clone, Debug, PartialEq)]
pub struct OneOrMore<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsOneOrMore<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for AsOneOrMore<T> {
            type Value = OneOrMore<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping or a list of mappings")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMore<T>, A::Error> {
                let one = T::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(OneOrMore(vec![one]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<OneOrMore<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(OneOrMore(all))
            }
        }
        deserializer.deserialize_any(AsOneOrMore(std::marker::PhantomData))
    }
}

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident { $($key:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $(#[serde(default)] pub $key: Option<$type>,)* }
    };
}

shape! { /// The document.
    Config {
        hostname: String, control: String, milter: Milter, addresses: Addresses, numbers: Numbers,
        access: Access, users: Vec<User>, users_csv: Spelled, users_ldap: OneOrMore<UsersLdap>,
        users_sql: OneOrMore<UsersSql>, phonebook: Phonebook, text: Text, queue: Queue,
        limits: Limits, gateways: Vec<Gateway>, outgoing: Vec<Outgoing>, incoming: Incoming,
        mail: Mail, store: String, web: Web, log: Log,
    }
}
shape! { /// `phonebook`
    Phonebook { wait: Spelled }
}
shape! { /// `milter`
    Milter { listen: String, max_message: Spelled, max_connections: usize }
}
shape! { /// `addresses`
    Addresses { domains: Vec<Domain>, prefix: String, account: String, plus_numbers: bool }
}
shape! { /// `addresses.domains[]`
    Domain { mail: String, sms: String, region: Spelled }
}
shape! { /// `numbers`
    Numbers { allow: Several, deny: Several, rewrite: Vec<Rewrite> }
}
shape! { /// `numbers.rewrite[]`
    Rewrite { r#match: String, to: String }
}
shape! { /// `access`
    Access {
        trusted_networks: Several, address_passwords: bool, certificate_issuers: Several, timezone: String, defaults: Policy,
        domains: BTreeMap<String, Policy>, resubmission: Resubmission,
        aliases: BTreeMap<String, Alias>,
    }
}
shape! { /// `access.defaults`, `access.domains.*`
    Policy {
        send: Several, allow: Several, deny: Several, monthly_limit: u32, credit: Spelled,
        max_segments: u8, confirm: String, sender_ids: Several, class: String, language: String,
        template: String,
    }
}
shape! { /// `access.resubmission`
    Resubmission { daemon: String, trust: String }
}
shape! { /// `access.aliases.*`
    Alias { charge: String, to: Several }
}
shape! { /// `users[]`
    User {
        email: String, name: Spelled, aliases: Several, login: Spelled, certificates: Several,
        nickname: Spelled, mobile: Spelled, phone_alias: Spelled, gateway: String, expires: Spelled,
        active: bool, password_hash: String, post: Post, send: Several, allow: Several, deny: Several,
        monthly_limit: u32, credit: Spelled, max_segments: u8, confirm: String, sender_ids: Several,
        class: String, language: String, template: String,
    }
}
shape! { /// `users_ldap`, `users_ldap[]`
    UsersLdap {
        url: Several, starttls: bool, base: String, scope: String, bind_dn: String, password: Secret,
        filter: String, nickname_filter: String, mobile_filter: String,
        attributes: BTreeMap<String, Several>, ca: String, timeout: Spelled, cache: Spelled,
        negative_cache: Spelled, stale: Spelled,
    }
}
shape! { /// `users_sql`, `users_sql[]`
    UsersSql {
        url: String, password: Secret, query: String, nickname_query: String, mobile_query: String,
        columns: BTreeMap<String, String>, tls: bool, ca: String, timeout: Spelled, cache: Spelled,
        negative_cache: Spelled, stale: Spelled,
    }
}
shape! { /// `users[].post`
    Post { url: String, form: String, user: String, secret: Secret, allow_private: bool }
}
shape! { /// `text`
    Text {
        template: String, strip_quotes: bool, strip_signature: bool, cut_at: Several,
        attachments: String, flash_on_priority: bool, confirm_word: String, fold: String,
        languages: Several, on_overflow: String,
    }
}
shape! { /// `queue`
    Queue { expire: Spelled, warn_after: Spelled, retry: Retry }
}
shape! { /// `queue.retry`
    Retry { first: Spelled, factor: f64, max: Spelled }
}
shape! { /// `limits`
    Limits {
        per_user_hour: u32, per_number_hour: u32, site_day: u32, run: Run, coalesce: Spelled,
    }
}
shape! { /// `limits.run`
    Run { numbers: u32, within: Spelled }
}
shape! { /// `gateways[]`, the keys of all types together: which may stand where is judged later
    Gateway {
        id: String, r#type: String, active: bool, number: Spelled, from: String, reply: bool, default: String,
        rates: BTreeMap<String, f64>, throughput: f64, concat: String, on_unknown: String,
        unknown_wait: Spelled, window: usize,
        device: String, baud: u32, pin: Secret, smsc: Spelled, storage: String, init: Several,
        timeout: Spelled, send_timeout: Spelled, poll: Spelled, imei: Spelled, sim: Spelled,
        balance: Balance, daily_limit: u32, monthly_limit: u32,
        url: String, method: String, headers: BTreeMap<String, String>, body: String,
        content_type: String, auth: Auth, success: Answer, permanent: Answer, temporary: Answer,
        park: Answer, message_id: MessageId, idempotency: String, connect_timeout: Spelled,
        client_cert: String, ca: String, secret: Secret, allow_private: bool, preset: String,
        throttle: Answer, account: Spelled, token: Secret, api: String, api_id: Spelled, channel: Spelled,
        signing_key: Secrets, signature: Signature, allow_from: Several,
        hours: serde_yaml::Value, encodings: serde_yaml::Value, receipts: String, retries: serde_yaml::Value,
    }
}
shape! { /// `gateways[].balance`
    Balance { ussd: String, regex: String, below: f64, every: Spelled }
}
shape! { /// `gateways[].signature`
    HeaderSignature {
        header: String, prefix: String, algorithm: String, encoding: String, over: String,
        timestamp: String, id: String, nonce: String, key: String, window: Spelled,
    }
}
shape! { /// `gateways[].auth`
    Auth { basic: Basic, bearer: Secret, header: HeaderAuth, oauth2: OAuth2 }
}
shape! { /// `gateways[].auth.oauth2`
    OAuth2 { url: String, client: String, secret: Secret, scope: String, client_auth: String }
}
shape! { /// `gateways[].auth.basic`
    Basic { user: String, password: Secret }
}
shape! { /// `gateways[].auth.header`
    HeaderAuth { name: String, value: Secret }
}
shape! { /// `gateways[].success` and its like
    Answer {
        status: Vec<u16>, body: String, json: OneOrMore<JsonTest>, xml: OneOrMore<XmlTest>,
    }
}
shape! { /// `gateways[].success.json`
    JsonTest { pointer: String, matches: String }
}
shape! { /// `gateways[].success.xml`
    XmlTest { path: String, matches: String }
}
shape! { /// `gateways[].message_id`
    MessageId { regex: String, json: String, xml: String }
}
shape! { /// `outgoing[]`
    Outgoing {
        when: Condition, gateway: Several, strategy: String, reject: String, r#continue: bool,
        number: serde_yaml::Value, sender_id: serde_yaml::Value, text: String,
        hold: serde_yaml::Value, archive: serde_yaml::Value, copy: serde_yaml::Value,
        run: serde_yaml::Value, post: serde_yaml::Value, sql: serde_yaml::Value,
    }
}
shape! { /// `when`
    Condition {
        to: String, from: String, sender: String, sender_domain: String, text: String,
        subject: String, class: String, gateway: String, not: Box<Condition>, all: Vec<Condition>,
        any: AnyOf, user: serde_yaml::Value, segments: serde_yaml::Value,
        priority: serde_yaml::Value, time: serde_yaml::Value, authenticated: serde_yaml::Value,
    }
}

/// `any: true`, or `any: [conditions]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum AnyOf {
    /// Always.
    Always(bool),
    /// One of these.
    Of(Vec<Condition>),
}

shape! { /// `incoming`
    Incoming {
        email_tags: bool, relay: Several, nicknames: bool, strip_nickname: bool,
        reply_window: Spelled, on_conflict: String, conflict_text: String, join_wait: Spelled,
        concat_window: Spelled, default: String, rules: Vec<IncomingRule>, opt_out: OptOut,
    }
}
shape! { /// `incoming.opt_out`
    OptOut {
        active: bool, languages: Several, words: Several, start_words: Several, text: String,
        start_text: String,
    }
}
shape! { /// `incoming.rules[]`
    IncomingRule {
        when: Condition, deliver: Several, drop: bool, forward: Several, charge: String,
        r#continue: serde_yaml::Value,
    }
}
shape! { /// `mail`
    Mail {
        inject: String, inject_user: String, inject_password: Secret, inject_ca: String,
        envelope_from: String, from: String, admin: String, language: String, templates: String,
    }
}
shape! { /// `web`
    Web { listen: String, public_url: String, trusted_proxies: Several, compat: Several, admins: BTreeMap<String, String> }
}
shape! { /// `log`
    Log { format: String, level: String, mask_digits: usize, sent_csv: String, received_csv: String }
}
