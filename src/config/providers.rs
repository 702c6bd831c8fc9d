//! `gateways` of type `http`: templates, credentials, how answers are read.
//!
//! URLs, headers and bodies may hold passwords: no complaint repeats them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::problems::At;
use super::raw;
use super::scalars::Judge;
use crate::gateway::http::preset::{Preset, PresetError};
use crate::gateway::http::{
    Auth, Client, Conditions, DEFAULT_CONNECT_TIMEOUT, DEFAULT_TIMEOUT, Find, HttpError,
    Idempotency, Method, Payload, Place, PlaceError, Reading, Settings, Test,
};
use crate::gateway::{Common, Concatenation, Receipts};
use crate::secret::Secret;
use crate::wire::template::{Position, Template, Variable};

/// The media type of a body that does not say.
const FORM: &str = "application/x-www-form-urlencoded";

/// The provider knows a repeat when it sees one.
pub(super) fn idempotent(raw: &raw::Gateway) -> bool {
    let preset = raw.preset.as_deref().and_then(Preset::find);
    raw.idempotency.is_some() || preset.is_some_and(Preset::idempotent)
}

impl Judge<'_> {
    /// How texts are cut when the gateway does not say: as its preset does, else by the provider.
    pub fn preset_concat(&mut self, raw: &raw::Gateway) -> Concatenation {
        let preset = raw.preset.as_deref().and_then(Preset::find);
        preset.map_or(Concatenation::Provider, Preset::concat)
    }

    /// A gateway of type `http`.
    pub fn provider(&mut self, at: &At, raw: &raw::Gateway, common: Common) -> Option<Settings> {
        let secret = raw.secret.as_ref();
        let secret = secret.map(|secret| self.secret(&at.key("secret"), secret));
        let settings = match &raw.preset {
            Some(name) => self.by_preset(at, raw, name, common, secret.as_ref()),
            None => self.by_keys(at, raw, common),
        };
        let mut settings = settings?;
        settings.secret = secret;
        self.pushes(at, raw, &mut settings);
        settings.receipts_here &= settings.takes_pushes(self.public_url.is_some());
        settings.timeout = self.duration(&at.key("timeout"), &raw.timeout, DEFAULT_TIMEOUT);
        settings.connect_timeout = self.duration(
            &at.key("connect_timeout"),
            &raw.connect_timeout,
            DEFAULT_CONNECT_TIMEOUT,
        );
        if settings.connect_timeout > settings.timeout && raw.connect_timeout.is_some() {
            self.errors.add(
                &at.key("connect_timeout"),
                "is longer than timeout, which it is a part of; write less",
            );
        }
        settings.client_cert = raw
            .client_cert
            .as_ref()
            .and_then(|path| self.client_cert(&at.key("client_cert"), path));
        settings.ca = raw
            .ca
            .as_ref()
            .and_then(|path| self.pem(&at.key("ca"), path));
        settings.allow_private = raw.allow_private.unwrap_or(false);
        settings.common.carries = settings.carries();
        self.whole(at, &settings);
        self.in_the_clear(at, &settings);
        self.left_out(at, &settings);
        Some(settings)
    }

    /// A certificate with its key: a secret, but more than a line.
    fn client_cert(&mut self, at: &At, path: &str) -> Option<Secret> {
        let full = self.path(at, path);
        if self.outside.mode(&full).is_ok_and(|mode| mode & 0o007 != 0) {
            let text = format!("is open to everybody; run chmod o= {}", full.display());
            self.wrong(at, path, text);
            return None;
        }
        self.pem(at, path).map(Secret::new)
    }

    /// Certificates in a file.
    pub fn pem(&mut self, at: &At, path: &str) -> Option<String> {
        let full = self.path(at, path);
        match self.outside.pem(&full) {
            Ok(pem) => Some(pem),
            Err(error) => {
                let text = format!("cannot be read: {error}; write the path of a PEM file");
                self.wrong(at, path, text);
                None
            }
        }
    }

    /// A request that says not to whom, or not what, is a slip more often than meant.
    fn left_out(&mut self, at: &At, settings: &Settings) {
        for (variable, loss) in [
            (Variable::Number, "no SMS says to whom it goes"),
            (Variable::Data, "every SMS goes without its text"),
        ] {
            if !settings.has(variable) {
                let name = variable.name();
                self.warnings.add(
                    &at.key("url"),
                    format!("neither url nor body nor headers have %{name}%: {loss}; add it"),
                );
            }
        }
    }

    /// Texts, numbers and passwords that everyone on the way can read.
    fn in_the_clear(&mut self, at: &At, settings: &Settings) {
        let token = match &settings.auth {
            Auth::Client(client) => Some(("auth", &client.url)),
            _ => None,
        };
        for (key, url) in [("url", &settings.url)].into_iter().chain(token) {
            if let Some(host) = clear_host(url) {
                self.warnings.add(
                    &at.key(key),
                    format!("goes to {host} in the clear, passwords and texts too; write https://"),
                );
            }
        }
    }

    fn by_preset(
        &mut self,
        at: &At,
        raw: &raw::Gateway,
        name: &str,
        common: Common,
        secret: Option<&Secret>,
    ) -> Option<Settings> {
        let here = at.key("preset");
        let Some(preset) = Preset::find(name) else {
            let known: Vec<_> = Preset::names().collect();
            let likely = known
                .iter()
                .map(|known| (strsim::jaro_winkler(known, name), known))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(likeness, _)| *likeness >= 0.8);
            let text = match likely {
                Some((_, known)) => format!("is no preset; did you mean {known}?"),
                None => format!(
                    "is not in this version of sms-milter; write {}, or url and the rest",
                    known.join(", ")
                ),
            };
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
            ("park", raw.park.is_some()),
            ("permanent", raw.permanent.is_some()),
            ("throttle", raw.throttle.is_some()),
            ("temporary", raw.temporary.is_some()),
            ("message_id", raw.message_id.is_some()),
            ("idempotency", raw.idempotency.is_some()),
        ] {
            if there {
                self.errors.add(
                    &at.key(key),
                    format!("is what preset {name} fills in; remove one of them"),
                );
            }
        }
        let before = self.errors.len();
        let keys = self.preset_keys(at, raw, preset);
        let hook = self.hook_url(&common.id, secret);
        let hook = hook.filter(|_| common.receipts != Receipts::Never);
        match preset.settings(common, &keys, hook.as_deref()) {
            Ok(mut settings) => {
                settings.receipts_here = hook.is_some() && preset.asks_for_receipts();
                return Some(settings);
            }
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

    /// What the preset reads of the gateway; what is there and not read is a mistake.
    fn preset_keys(
        &mut self,
        at: &At,
        raw: &raw::Gateway,
        preset: &Preset,
    ) -> BTreeMap<String, Secret> {
        let spelled = |key: &Option<raw::Spelled>| key.as_ref().map(|key| Secret::new(&key.0[..]));
        let token = raw.token.as_ref();
        let token = token.map(|token| self.secret(&at.key("token"), token));
        let given = [
            ("account", spelled(&raw.account)),
            ("api", raw.api.as_deref().map(Secret::from)),
            ("api_id", spelled(&raw.api_id)),
            ("channel", spelled(&raw.channel)),
            ("token", token),
        ];
        let read: Vec<&str> = preset.keys().iter().map(|key| &key.name[..]).collect();
        let mut keys = BTreeMap::new();
        for (name, value) in given {
            match value {
                Some(value) if read.contains(&name) => {
                    keys.insert(name.to_owned(), value);
                }
                Some(_) => self.errors.add(
                    &at.key(name),
                    format!(
                        "is nothing that preset {} reads; it reads {}; remove it",
                        preset.name(),
                        read.join(", ")
                    ),
                ),
                None => {}
            }
        }
        keys
    }

    fn by_keys(&mut self, at: &At, raw: &raw::Gateway, common: Common) -> Option<Settings> {
        for (key, there) in [
            ("account", raw.account.is_some()),
            ("token", raw.token.is_some()),
            ("api", raw.api.is_some()),
            ("api_id", raw.api_id.is_some()),
            ("channel", raw.channel.is_some()),
        ] {
            if there {
                self.errors.add(
                    &at.key(key),
                    "belongs to a preset; write preset: twilio, or remove it",
                );
            }
        }
        let methods = [
            ("GET", Method::Get),
            ("POST", Method::Post),
            ("PUT", Method::Put),
        ];
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
            park: self.answer(&at.key("park"), raw.park.as_ref()),
            permanent: self.answer(&at.key("permanent"), raw.permanent.as_ref()),
            throttle: self.answer(&at.key("throttle"), raw.throttle.as_ref()),
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
        settings.known_by = match raw.auth {
            Some(_) => "auth",
            None => "the credentials in url, headers and body",
        }
        .to_owned();
        settings.idempotency = raw.idempotency.as_deref().map(Idempotency::named);
        if let Some(Idempotency::Header(name)) = &settings.idempotency {
            self.header_name(&at.key("idempotency"), name);
        }
        Some(settings)
    }

    /// What can be wrong with the parts together.
    fn whole(&mut self, at: &At, settings: &Settings) {
        match settings.check() {
            // Said where the body is.
            Ok(()) | Err(HttpError::GetWithBody | HttpError::HeaderName(_)) => {}
            // A preset cuts as it says; the rest of what it fills in is tested.
            Err(error) => self.http_error(at, &error),
        }
    }

    fn http_error(&mut self, at: &At, error: &HttpError) {
        let text = error.to_string();
        let (key, text) = text.split_once(": ").unwrap_or(("url", &text));
        let at = key.split('.').fold(at.clone(), |at, key| at.key(key));
        self.errors.add(&at, text);
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
                "is nothing that GET can send; write method: POST or PUT",
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
    pub(super) fn header_name(&mut self, at: &At, name: &str) {
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
                oauth2: None,
            }) => self.basic(&at.key("basic"), basic),
            Some(raw::Auth {
                basic: None,
                bearer: Some(token),
                header: None,
                oauth2: None,
            }) => Auth::Bearer(self.secret(&at.key("bearer"), token)),
            Some(raw::Auth {
                basic: None,
                bearer: None,
                header: Some(header),
                oauth2: None,
            }) => self.auth_header(&at.key("header"), header),
            Some(raw::Auth {
                basic: None,
                bearer: None,
                header: None,
                oauth2: Some(client),
            }) => self.oauth2(&at.key("oauth2"), client),
            Some(_) => {
                self.errors.add(
                    at,
                    "is not one way to show who we are; write one of basic, bearer, header, oauth2",
                );
                Auth::None
            }
        }
    }

    fn basic(&mut self, at: &At, raw: &raw::Basic) -> Auth {
        let (Some(user), Some(password)) = (&raw.user, &raw.password) else {
            self.missing(at, "{ user: NAME, password: SECRET }");
            return Auth::None;
        };
        // RFC 7617 §2: what is before the first colon is the name.
        if user.contains(':') {
            self.wrong(&at.key("user"), user, "holds a colon; write a name without");
        }
        Auth::Basic {
            user: user.clone(),
            password: self.secret(&at.key("password"), password),
        }
    }

    fn auth_header(&mut self, at: &At, raw: &raw::HeaderAuth) -> Auth {
        let (Some(name), Some(value)) = (&raw.name, &raw.value) else {
            self.missing(at, "{ name: X-Key, value: SECRET }");
            return Auth::None;
        };
        self.header_name(&at.key("name"), name);
        Auth::Header {
            name: name.clone(),
            value: self.secret(&at.key("value"), value),
        }
    }

    fn oauth2(&mut self, at: &At, raw: &raw::OAuth2) -> Auth {
        let (Some(url), Some(id), Some(secret)) = (&raw.url, &raw.client, &raw.secret) else {
            self.missing(
                at,
                "{ url: \"https://HOST/token\", client: NAME, secret: SECRET }",
            );
            return Auth::None;
        };
        let ways = [("basic", false), ("post", true)];
        let way = raw.client_auth.as_deref();
        let in_body = self.choice(&at.key("client_auth"), way, &ways, false);
        let secret = self.secret(&at.key("secret"), secret);
        let Some(url) = self.template(&at.key("url"), url, Position::Url) else {
            return Auth::None;
        };
        Auth::Client(Client {
            url,
            id: id.clone(),
            secret,
            scope: raw.scope.clone(),
            in_body,
        })
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
        let mut values = Vec::new();
        for test in raw.json.iter().flat_map(|tests| &tests.0) {
            values.extend(self.json_test(&at.key("json"), test));
        }
        for test in raw.xml.iter().flat_map(|tests| &tests.0) {
            values.extend(self.xml_test(&at.key("xml"), test));
        }
        let body = raw.body.as_deref();
        Conditions {
            status: raw.status.clone().unwrap_or_default(),
            body: body.and_then(|body| self.pattern(&at.key("body"), body)),
            values,
        }
    }

    fn json_test(&mut self, at: &At, raw: &raw::JsonTest) -> Option<Test> {
        let (Some(pointer), Some(matches)) = (&raw.pointer, &raw.matches) else {
            self.missing(at, "{ pointer: /status, matches: \"^(queued|sent)$\" }");
            return None;
        };
        let place = self.place(&at.key("pointer"), pointer, Place::json);
        let matches = self.pattern(&at.key("matches"), matches);
        Some(Test {
            place: place?,
            matches: matches?,
        })
    }

    fn xml_test(&mut self, at: &At, raw: &raw::XmlTest) -> Option<Test> {
        let (Some(path), Some(matches)) = (&raw.path, &raw.matches) else {
            self.missing(at, "{ path: /response/status, matches: \"^0$\" }");
            return None;
        };
        let place = self.place(&at.key("path"), path, Place::xml);
        let matches = self.pattern(&at.key("matches"), matches);
        Some(Test {
            place: place?,
            matches: matches?,
        })
    }

    fn place(
        &mut self,
        at: &At,
        text: &str,
        read: impl Fn(&str) -> Result<Place, PlaceError>,
    ) -> Option<Place> {
        match read(text) {
            Ok(place) => Some(place),
            Err(error) => {
                self.wrong(at, text, error.to_string());
                None
            }
        }
    }

    fn message_id(&mut self, at: &At, raw: Option<&raw::MessageId>) -> Option<Find> {
        let raw = raw?;
        match (&raw.regex, &raw.json, &raw.xml) {
            (Some(regex), None, None) => self.pattern(&at.key("regex"), regex).map(Find::Regex),
            (None, Some(pointer), None) => {
                let place = self.place(&at.key("json"), pointer, Place::json);
                place.map(Find::Value)
            }
            (None, None, Some(path)) => {
                let place = self.place(&at.key("xml"), path, Place::xml);
                place.map(Find::Value)
            }
            _ => {
                self.errors.add(
                    at,
                    "is not one place; write { regex: \"^ID: (\\\\S+)\" }, { json: /messages/0/id } or { xml: /response/id }",
                );
                None
            }
        }
    }
}

/// The host that a URL reaches without TLS, unless that is this machine.
fn clear_host(url: &Template) -> Option<String> {
    let head = url.literals().next()?;
    let rest = match head.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("http://") => &head[7..],
        _ => return None,
    };
    let authority = rest.split(['/', '?']).next()?;
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => authority.split(':').next()?,
    };
    let is_here = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_here = is_here || host.eq_ignore_ascii_case("localhost");
    (!is_here).then(|| host.to_owned())
}
