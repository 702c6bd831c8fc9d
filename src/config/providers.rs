//! `gateways` of type `http`: templates, credentials, how answers are read.
//!
//! URLs, headers and bodies may hold passwords: no complaint repeats them.

use std::collections::BTreeMap;

use super::problems::At;
use super::raw;
use super::scalars::Judge;
use crate::gateway::http::preset::{Preset, PresetError};
use crate::gateway::http::{
    Auth, Conditions, DEFAULT_TIMEOUT, Find, HttpError, JsonTest, Method, Payload, Reading,
    Settings,
};
use crate::gateway::{Common, Concatenation};
use crate::secret::Secret;
use crate::wire::template::{Position, Template};

/// The media type of a body that does not say.
const FORM: &str = "application/x-www-form-urlencoded";

/// RFC 6901 pointers of real answers have a few steps.
const MAX_POINTER: usize = 256;

impl Judge<'_> {
    /// How texts are cut when the gateway does not say: as its preset does, else by the provider.
    pub fn preset_concat(&mut self, raw: &raw::Gateway) -> Concatenation {
        let preset = raw.preset.as_deref().and_then(Preset::find);
        preset.map_or(Concatenation::Provider, Preset::concat)
    }

    /// A gateway of type `http`.
    pub fn provider(&mut self, at: &At, raw: &raw::Gateway, common: Common) -> Option<Settings> {
        let settings = match &raw.preset {
            Some(name) => self.by_preset(at, raw, name, common),
            None => self.by_keys(at, raw, common),
        };
        let mut settings = settings?;
        settings.timeout = self.duration(&at.key("timeout"), &raw.timeout, DEFAULT_TIMEOUT);
        settings.secret = raw
            .secret
            .as_ref()
            .map(|secret| self.secret(&at.key("secret"), secret));
        settings.allow_private = raw.allow_private.unwrap_or(false);
        settings.common.carries = settings.carries();
        Some(settings)
    }

    fn by_preset(
        &mut self,
        at: &At,
        raw: &raw::Gateway,
        name: &str,
        common: Common,
    ) -> Option<Settings> {
        let here = at.key("preset");
        let Some(preset) = Preset::find(name) else {
            let known: Vec<_> = Preset::names().collect();
            let text = format!(
                "is not in this version of sms-milter; write {}, or url and the rest",
                known.join(", ")
            );
            self.wrong(&here, name, text);
            return None;
        };
        for (key, there) in [
            ("url", raw.url.is_some()),
            ("method", raw.method.is_some()),
            ("headers", raw.headers.is_some()),
            ("body", raw.body.is_some()),
            ("content_type", raw.content_type.is_some()),
            ("auth", raw.auth.is_some()),
            ("success", raw.success.is_some()),
            ("permanent", raw.permanent.is_some()),
            ("temporary", raw.temporary.is_some()),
            ("message_id", raw.message_id.is_some()),
        ] {
            if there {
                self.errors.add(
                    &at.key(key),
                    format!("is what preset {name} fills in; remove one of them"),
                );
            }
        }
        let before = self.errors.len();
        let mut keys = BTreeMap::new();
        if let Some(account) = &raw.account {
            keys.insert("account".to_owned(), Secret::new(account.0.clone()));
        }
        if let Some(api) = &raw.api {
            keys.insert("api".to_owned(), Secret::new(api.clone()));
        }
        if let Some(token) = &raw.token {
            keys.insert("token".to_owned(), self.secret(&at.key("token"), token));
        }
        match preset.settings(common, &keys) {
            Ok(settings) => return Some(settings),
            // What is wrong with a secret or the number has been said.
            Err(_) if self.errors.len() > before => {}
            Err(PresetError::Missing { key, .. }) if key == "number" && raw.number.is_some() => {}
            Err(PresetError::Missing { key, hint, .. }) => self.missing(&at.key(key), hint),
            Err(PresetError::Form { key, hint }) => {
                self.errors.add(
                    &at.key(key),
                    format!("is not what it should be; write {hint}"),
                );
            }
            Err(error) => self.errors.add(&here, error.to_string()),
        }
        None
    }

    fn by_keys(&mut self, at: &At, raw: &raw::Gateway, common: Common) -> Option<Settings> {
        for (key, there) in [
            ("account", raw.account.is_some()),
            ("token", raw.token.is_some()),
            ("api", raw.api.is_some()),
        ] {
            if there {
                self.errors.add(
                    &at.key(key),
                    "belongs to a preset; write preset: twilio, or remove it",
                );
            }
        }
        let methods = [("GET", Method::Get), ("POST", Method::Post)];
        let default = if raw.body.is_some() {
            Method::Post
        } else {
            Method::Get
        };
        let method = self.choice(&at.key("method"), raw.method.as_deref(), &methods, default);
        let payload = self.payload(at, raw, method);
        let headers = self.headers(&at.key("headers"), raw);
        let auth = self.auth(&at.key("auth"), raw.auth.as_ref());
        let reading = Reading {
            success: self.answer(&at.key("success"), raw.success.as_ref()),
            permanent: self.answer(&at.key("permanent"), raw.permanent.as_ref()),
            temporary: self.answer(&at.key("temporary"), raw.temporary.as_ref()),
            message_id: self.message_id(&at.key("message_id"), raw.message_id.as_ref()),
        };
        let here = at.key("url");
        let Some(url) = &raw.url else {
            self.missing(
                &here,
                "the provider's URL, as https://sms.example.net/send?to=%number%&text=%data%",
            );
            return None;
        };
        let url = self.template(&here, url, Position::Url)?;
        let mut settings = Settings::new(common, url);
        (settings.method, settings.payload, settings.headers) = (method, payload, headers);
        (settings.auth, settings.reading) = (auth, reading);
        self.whole(at, &settings);
        Some(settings)
    }

    /// What can be wrong with the parts together.
    fn whole(&mut self, at: &At, settings: &Settings) {
        match settings.check() {
            // Said where the body is.
            Ok(()) | Err(HttpError::GetWithBody) => {}
            Err(error) => self.http_error(at, &error),
        }
    }

    fn http_error(&mut self, at: &At, error: &HttpError) {
        let text = error.to_string();
        let (key, text) = text.split_once(": ").unwrap_or(("url", &text));
        self.errors.add(&at.key(key), text);
    }

    fn template(&mut self, at: &At, text: &str, position: Position) -> Option<Template> {
        match Template::parse(text, position) {
            Ok(template) => Some(template),
            Err(error) => {
                self.errors.add(at, error.to_string());
                None
            }
        }
    }

    fn payload(&mut self, at: &At, raw: &raw::Gateway, method: Method) -> Option<Payload> {
        let Some(body) = &raw.body else {
            if raw.content_type.is_some() {
                self.errors.add(
                    &at.key("content_type"),
                    "is of no use without a body; write body, or remove it",
                );
            }
            return None;
        };
        if method == Method::Get {
            self.errors.add(
                &at.key("body"),
                "is nothing that GET can send; write method: POST",
            );
        }
        let content_type = raw.content_type.clone().unwrap_or_else(|| FORM.to_owned());
        let fits = content_type.contains('/')
            && content_type
                .bytes()
                .all(|b| b.is_ascii_graphic() || b == b' ');
        if !fits {
            self.wrong(
                &at.key("content_type"),
                &content_type,
                "is not a media type; write one like application/json",
            );
        }
        let template = self.template(
            &at.key("body"),
            body,
            Position::of_content_type(&content_type),
        )?;
        Some(Payload {
            template,
            content_type,
        })
    }

    fn headers(&mut self, at: &At, raw: &raw::Gateway) -> Vec<(String, Template)> {
        let mut headers = Vec::new();
        for (name, value) in raw.headers.iter().flatten() {
            let at = at.key(name);
            self.header_name(&at, name);
            let template = self.template(&at, value, Position::Header);
            headers.extend(template.map(|template| (name.clone(), template)));
        }
        headers
    }

    /// RFC 9110 §5.6.2: a token.
    fn header_name(&mut self, at: &At, name: &str) {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(fits) {
            self.wrong(at, name, "is not a header's name; write one like X-Account");
        }
    }

    fn auth(&mut self, at: &At, raw: Option<&raw::Auth>) -> Auth {
        match raw {
            None => Auth::None,
            Some(raw::Auth {
                basic: Some(basic),
                bearer: None,
                header: None,
            }) => {
                let at = at.key("basic");
                let (Some(user), Some(password)) = (&basic.user, &basic.password) else {
                    self.missing(&at, "{ user: NAME, password: SECRET }");
                    return Auth::None;
                };
                Auth::Basic {
                    user: user.clone(),
                    password: self.secret(&at.key("password"), password),
                }
            }
            Some(raw::Auth {
                basic: None,
                bearer: Some(token),
                header: None,
            }) => Auth::Bearer(self.secret(&at.key("bearer"), token)),
            Some(raw::Auth {
                basic: None,
                bearer: None,
                header: Some(header),
            }) => {
                let at = at.key("header");
                let (Some(name), Some(value)) = (&header.name, &header.value) else {
                    self.missing(&at, "{ name: X-Key, value: SECRET }");
                    return Auth::None;
                };
                self.header_name(&at.key("name"), name);
                Auth::Header {
                    name: name.clone(),
                    value: self.secret(&at.key("value"), value),
                }
            }
            Some(_) => {
                self.errors.add(
                    at,
                    "is not one way to show who we are; write one of basic, bearer, header",
                );
                Auth::None
            }
        }
    }

    fn answer(&mut self, at: &At, raw: Option<&raw::Answer>) -> Conditions {
        let Some(raw) = raw else {
            return Conditions::default();
        };
        for (i, status) in raw.status.iter().flatten().enumerate() {
            if !(100..=599).contains(status) {
                self.errors.add(
                    &at.key("status").index(i),
                    format!("{status} is no HTTP status; write 100 to 599"),
                );
            }
        }
        let json = raw
            .json
            .as_ref()
            .and_then(|test| self.json_test(&at.key("json"), test));
        Conditions {
            status: raw.status.clone().unwrap_or_default(),
            body: raw
                .body
                .as_deref()
                .and_then(|body| self.pattern(&at.key("body"), body)),
            json,
        }
    }

    fn json_test(&mut self, at: &At, raw: &raw::JsonTest) -> Option<JsonTest> {
        let (Some(pointer), Some(matches)) = (&raw.pointer, &raw.matches) else {
            self.missing(at, "{ pointer: /status, matches: \"^(queued|sent)$\" }");
            return None;
        };
        self.pointer(&at.key("pointer"), pointer);
        let matches = self.pattern(&at.key("matches"), matches)?;
        Some(JsonTest {
            pointer: pointer.clone(),
            matches,
        })
    }

    fn pointer(&mut self, at: &At, pointer: &str) {
        if !pointer.starts_with('/') || pointer.len() > MAX_POINTER {
            self.wrong(
                at,
                pointer,
                "is not a JSON pointer; write one like /messages/0/id",
            );
        }
    }

    fn message_id(&mut self, at: &At, raw: Option<&raw::MessageId>) -> Option<Find> {
        match raw? {
            raw::MessageId {
                regex: Some(regex),
                json: None,
            } => self.pattern(&at.key("regex"), regex).map(Find::Regex),
            raw::MessageId {
                regex: None,
                json: Some(pointer),
            } => {
                self.pointer(&at.key("json"), pointer);
                Some(Find::Json(pointer.clone()))
            }
            _ => {
                self.errors.add(at, "is not one place; write { regex: \"^ID: (\\\\S+)\" } or { json: /messages/0/id }");
                None
            }
        }
    }
}
