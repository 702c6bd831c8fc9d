//! What the configuration tells an HTTP gateway, and what of it cannot be.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::HeaderName;

use super::hook::Hook;
use super::{Reading, tls, token};
use crate::access::Network;
use crate::gateway::{Carries, Common, Concatenation};
use crate::secret::Secret;
use crate::wire::template::{Template, Variable};

/// How long an exchange may take when the configuration does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to find, connect and shake hands may take when the configuration does not say.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What an HTTP gateway is told by the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As for every gateway.
    pub common: Common,
    /// The method.
    pub method: Method,
    /// The URL; its position is `Url`.
    pub url: Template,
    /// Further headers; position `Header`.
    pub headers: Vec<(String, Template)>,
    /// The body of a POST or PUT.
    pub payload: Option<Payload>,
    /// How we show who we are, beside what the templates hold.
    pub auth: Auth,
    /// The keys of the configuration by which the provider knows us, for people.
    pub known_by: String,
    /// How answers are read.
    pub reading: Reading,
    /// How the provider knows a repeat when it sees one.
    pub idempotency: Option<Idempotency>,
    /// For the whole exchange.
    pub timeout: Duration,
    /// To find, connect and shake hands; within the whole.
    pub connect_timeout: Duration,
    /// How we show who we are to TLS: certificates and their key, PEM.
    pub client_cert: Option<Secret>,
    /// Who alone vouches for the provider, PEM; `None`: whom this machine trusts.
    pub ca: Option<String>,
    /// What pushes to `/hooks/ID` must show; `None`: there are none.
    pub secret: Option<Secret>,
    /// From where pushes may come; empty: from anywhere.
    pub allow_from: Vec<Network>,
    /// What pushes are like, and how they are signed.
    pub hook: Hook,
    /// What they are signed with, any of these; empty: they are not.
    pub signing_keys: Vec<Secret>,
    /// Each request says where its receipts are to be pushed to, and we take them there.
    pub receipts_here: bool,
    /// The URL's name may lead into a private network.
    pub allow_private: bool,
}

impl Settings {
    /// Whether a request says this, anywhere.
    pub fn has(&self, wanted: Variable) -> bool {
        templates(self).any(|t| t.variables().any(|v| v == wanted))
    }

    /// GET of a URL, everything else by default.
    pub fn new(common: Common, url: Template) -> Self {
        Self {
            common,
            method: Method::Get,
            url,
            headers: Vec::new(),
            payload: None,
            auth: Auth::None,
            known_by: "the credentials".to_owned(),
            reading: Reading::default(),
            idempotency: None,
            timeout: DEFAULT_TIMEOUT,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            client_cert: None,
            ca: None,
            secret: None,
            allow_from: Vec::new(),
            hook: Hook::default(),
            signing_keys: Vec::new(),
            receipts_here: false,
            allow_private: false,
        }
    }

    /// What the provider is told of beside text: what the templates have variables for.
    pub fn carries(&self) -> Carries {
        Carries {
            binary: templates(self).any(Template::takes_data)
                && templates(self).any(Template::tells_data),
            udh: self.has(Variable::Udh),
            dcs: self.has(Variable::Dcs),
            pid: self.has(Variable::Pid),
            // Providers take characters and choose the septets themselves.
            tables: false,
        }
    }

    /// Whether any push can pass: a gateway that has none of these takes none. A signature over our URL
    /// needs that we know it.
    pub fn takes_pushes(&self, knows_url: bool) -> bool {
        let secret = self.secret.as_ref();
        let scheme = self.hook.signature.as_ref();
        secret.is_some_and(|secret| !secret.expose().is_empty())
            || !self.allow_from.is_empty()
            || scheme.is_some_and(|scheme| knows_url || !scheme.needs_url())
                && !self.signing_keys.is_empty()
    }

    /// What is wrong with them, as far as no connection is needed.
    pub fn check(&self) -> Result<(), HttpError> {
        check(self)
    }
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Everything is in the URL.
    Get,
    /// With or without a body.
    Post,
    /// The same.
    Put,
}

/// How the provider knows that two requests are for the same message, so that an unknown outcome may be
/// followed by the same request (durability 2.5). The key is `%msgid%`: the same for each attempt at the
/// same part, another one for each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// This header has the key.
    Header(String),
    /// The templates have it.
    Field,
}

impl Idempotency {
    /// Reads how the configuration says it: `%msgid%`, or a header's name.
    pub fn named(text: &str) -> Self {
        match text {
            "%msgid%" => Idempotency::Field,
            name => Idempotency::Header(name.to_owned()),
        }
    }
}

/// The body of a request.
#[derive(Clone, Debug)]
pub struct Payload {
    /// Of the position that its content type says ([`crate::wire::template::Position`]).
    pub template: Template,
    /// Its media type.
    pub content_type: String,
}

/// Credentials.
#[derive(Clone, Debug)]
pub enum Auth {
    /// None, or those in the templates.
    None,
    /// RFC 7617.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// RFC 6750.
    Bearer(Secret),
    /// A header of the provider's own.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Secret,
    },
    /// RFC 6749 §4.4: a token that is asked for, and again when it has expired.
    Client(Client),
}

/// Client credentials, and who gives a token for them.
#[derive(Clone, Debug)]
pub struct Client {
    /// Who gives tokens; without variables.
    pub url: Template,
    /// Its name.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
    /// What the token is to be good for.
    pub scope: Option<String>,
    /// Name and secret go as form fields, not by RFC 7617 (RFC 6749 §2.3.1).
    pub in_body: bool,
}

/// Why settings make no gateway. Each names its key.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The URL is none, in spite of its beginning.
    #[error("url: {0}")]
    Url(String),
    /// A host that is not what it looks like.
    #[error("url: the host {0} is another way to write {1}; write {1}")]
    Host(String, String),
    /// The parts of a long text would arrive as single messages.
    #[error(
        "concat: udh needs %udh% in url, headers or body; write concat: provider or concat: numbered"
    )]
    NoUdh,
    /// A variable of inbound pushes.
    #[error("%from% is for inbound pushes; write %sender%")]
    From,
    /// A header that decides where a request goes, or where it ends.
    #[error("headers: {0} is what the connection fills in; remove it")]
    HeaderOfConnection(String),
    /// The same, of a text's or a person's choice.
    #[error("headers: Host says where the request goes; write it out, without variables")]
    HostOfVariables,
    /// Whose parts a text could end.
    #[error(
        "content_type: a text could end a part of multipart; write application/x-www-form-urlencoded or application/json, as the provider takes it"
    )]
    Multipart,
    /// Not a header's name.
    #[error("headers: {0:?} is no header name")]
    HeaderName(String),
    /// A value that cannot stand in a header.
    #[error("{0}: holds a character that no header can")]
    HeaderValue(String),
    /// An idempotency key that is nowhere.
    #[error(
        "idempotency: %msgid% stands neither in url, headers nor body; write it there, or name a header"
    )]
    NoMsgid,
    /// Where tokens come from.
    #[error("auth.oauth2.{0}")]
    Token(String),
    /// Not what shows who we are.
    #[error("client_cert: {0}")]
    ClientCert(&'static str),
    /// Not who vouches for others.
    #[error("ca: {0}")]
    Ca(&'static str),
    /// A body without POST.
    #[error("body needs method: POST or PUT")]
    GetWithBody,
    /// The TLS of this machine is not usable.
    #[error("cannot set up HTTP: {0}")]
    Client(String),
}

/// What says where a request ends and who else reads it (RFC 9110 §7.6.1, RFC 9112 §6): a template for them
/// makes two requests of one, or half of one.
const OF_CONNECTION: [&str; 8] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn templates(settings: &Settings) -> impl Iterator<Item = &Template> {
    let headers = settings.headers.iter().map(|(_, template)| template);
    let payload = settings.payload.iter().map(|payload| &payload.template);
    std::iter::once(&settings.url).chain(headers).chain(payload)
}

fn check(settings: &Settings) -> Result<(), HttpError> {
    if settings.common.concat == Concatenation::Udh
        && !templates(settings).any(Template::takes_header)
    {
        return Err(HttpError::NoUdh);
    }
    if settings.has(Variable::From) {
        return Err(HttpError::From);
    }
    if settings.payload.is_some() && settings.method == Method::Get {
        return Err(HttpError::GetWithBody);
    }
    let header = match &settings.idempotency {
        Some(Idempotency::Header(name)) => Some(name),
        Some(Idempotency::Field) if !settings.has(Variable::Msgid) => {
            return Err(HttpError::NoMsgid);
        }
        _ => None,
    };
    let names = settings.headers.iter().map(|(name, _)| name).chain(header);
    for name in names {
        let parsed = HeaderName::try_from(name.as_str());
        let parsed = parsed.map_err(|_| HttpError::HeaderName(name.clone()))?;
        if OF_CONNECTION.contains(&parsed.as_str()) {
            return Err(HttpError::HeaderOfConnection(name.clone()));
        }
    }
    let mut hosts = settings.headers.iter();
    if hosts.any(|(name, value)| {
        name.eq_ignore_ascii_case("host") && value.variables().next().is_some()
    }) {
        return Err(HttpError::HostOfVariables);
    }
    if let Some(payload) = &settings.payload {
        let multipart = payload.content_type.trim_start().get(..10);
        let is_multipart = multipart.is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
        if is_multipart && payload.template.variables().next().is_some() {
            return Err(HttpError::Multipart);
        }
    }
    if let Some(pem) = &settings.client_cert {
        tls::identity(pem).map_err(HttpError::ClientCert)?;
    }
    if let Some(pem) = &settings.ca {
        tls::authorities(pem).map_err(HttpError::Ca)?;
    }
    if let Auth::Client(client) = &settings.auth {
        if client.url.variables().next().is_some() {
            let text = "url: holds a variable; write it out".to_owned();
            return Err(HttpError::Token(text));
        }
        check_host(&client.url).map_err(|e| HttpError::Token(e.to_string()))?;
    }
    check_host(&settings.url)
}

fn check_host(url: &Template) -> Result<(), HttpError> {
    check_address(url.literals().next().unwrap_or_default())
}

/// An address in the URL is meant, when it is written so that everyone reads the same one.
pub fn check_address(head: &str) -> Result<(), HttpError> {
    let end = head.find('?').unwrap_or(head.len());
    let parsed = reqwest::Url::parse(&head[..end]).map_err(|e| HttpError::Url(e.to_string()))?;
    let host = parsed.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let Ok(address) = bare.parse::<IpAddr>() else {
        return Ok(());
    };
    let plain = address.to_canonical().to_string();
    let authority = head.splitn(3, '/').nth(2).unwrap_or_default();
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    let written = match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((written, _)) => written,
        None => authority.split(':').next().unwrap_or_default(),
    };
    // An IPv6 address may be written long; an IPv4 address inside one may not.
    let same = match address {
        IpAddr::V4(_) => written == plain,
        IpAddr::V6(_) => address.to_canonical() == address,
    };
    if same {
        Ok(())
    } else {
        Err(HttpError::Host(written.to_owned(), plain))
    }
}

/// What an answer that repeats our request must not bring into a reason.
pub(super) fn secrets(settings: &Settings) -> Vec<String> {
    let mut secrets = match &settings.auth {
        Auth::None => Vec::new(),
        Auth::Basic { password, .. } => vec![password.expose().to_owned()],
        Auth::Bearer(token) => vec![token.expose().to_owned()],
        Auth::Header { value, .. } => vec![value.expose().to_owned()],
        Auth::Client(client) => {
            let secret = client.secret.expose();
            vec![secret.to_owned(), token::coded(secret)]
        }
    };
    secrets.extend(
        settings
            .secret
            .iter()
            .chain(&settings.signing_keys)
            .map(|secret| secret.expose().to_owned()),
    );
    let parameters = settings
        .url
        .literals()
        .flat_map(|literal| literal.split(['?', '&']));
    for parameter in parameters {
        let Some((_, value)) = parameter.split_once('=') else {
            continue;
        };
        let plain = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        secrets.push(plain.into_owned());
        secrets.push(value.to_owned());
    }
    // Keys stand in paths, headers and bodies too. Who wrote them there is not known; what looks
    // like one is long and has a digit.
    let looks_like_key =
        |word: &&str| word.len() >= 8 && word.contains(|c: char| c.is_ascii_digit());
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let words = templates(settings).flat_map(Template::literals);
    let words = words.flat_map(|literal| literal.split(move |c| !is_word(c)));
    secrets.extend(words.filter(looks_like_key).map(str::to_owned));
    secrets.retain(|secret| !secret.is_empty());
    // The longest first, so that none leaves a rest behind.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.dedup();
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::OnUnknown;
    use crate::wire::template::Position;

    fn settings(url: &str, concat: Concatenation) -> Settings {
        let common = Common {
            id: "p".to_owned(),
            active: true,
            number: None,
            concat,
            on_unknown: OnUnknown::Report,
            unknown_wait: Duration::ZERO,
            receipts: Default::default(),
            window: 1,
            throughput: None,
            limits: Default::default(),
            rates: Vec::new(),
            from: None,
            carries: Carries::default(),
        };
        Settings::new(common, Template::parse(url, Position::Url).expect("URL"))
    }

    #[test]
    fn what_cannot_be() {
        #[track_caller]
        fn check_url(url: &str, concat: Concatenation, expected: &str) {
            let shown = match check(&settings(url, concat)) {
                Ok(()) => "fine".to_owned(),
                Err(e) => e.to_string(),
            };
            assert_eq!(shown, expected, "{url}");
        }
        use Concatenation::{Provider, Udh};
        check_url("https://h.example/?t=%data%", Provider, "fine");
        check_url("https://h.example:8443/?t=%data%&u=%udh%", Udh, "fine");
        check_url("http://127.0.0.1:80/%data%", Provider, "fine");
        check_url("http://[::1]:8080?%data%", Provider, "fine");
        check_url("http://[0:0::1]/?%data%", Provider, "fine");
        let udh = "concat: udh needs %udh% in url, headers or body; write concat: provider or concat: numbered";
        check_url("https://h/?t=%data%", Udh, udh);
        check_url("https://h/?t=%data%&u=%udh;isbinary;hex%", Udh, udh);
        check_url("https://h/?t=%data%&u=%udh;isascii%", Udh, "fine");
        let host = |written, meant| {
            format!("url: the host {written} is another way to write {meant}; write {meant}")
        };
        check_url("http://0x7f.1/", Provider, &host("0x7f.1", "127.0.0.1"));
        check_url(
            "http://2130706433:80/",
            Provider,
            &host("2130706433", "127.0.0.1"),
        );
        check_url(
            "http://[::ffff:127.0.0.1]/",
            Provider,
            &host("::ffff:127.0.0.1", "127.0.0.1"),
        );
        check_url("https://h:99999/", Provider, "url: invalid port number");
        let from = "%from% is for inbound pushes; write %sender%";
        check_url("https://h/?f=%from%", Provider, from);
    }

    #[test]
    fn no_text_says_where_a_request_goes_or_ends() {
        let template = |text, position| Template::parse(text, position).expect("template");
        let with = |name: &str, value| {
            let mut settings = settings("https://h/?t=%data%", Concatenation::Provider);
            let value = template(value, Position::Header);
            settings.headers.push((name.to_owned(), value));
            check(&settings).map_err(|e| e.to_string())
        };
        assert_eq!(with("Host", "a.example"), Ok(()));
        let host = "headers: Host says where the request goes; write it out, without variables";
        assert_eq!(with("HOST", "%sender%.example"), Err(host.to_owned()));
        let length = "headers: Content-Length is what the connection fills in; remove it";
        assert_eq!(with("Content-Length", "3"), Err(length.to_owned()));
        assert!(with("transfer-encoding", "chunked").is_err());

        let mut settings = settings("https://h/", Concatenation::Provider);
        settings.method = Method::Post;
        settings.payload = Some(Payload {
            template: template("--x\r\n\r\n%data%\r\n--x--", Position::Raw),
            content_type: "Multipart/form-data; boundary=x".to_owned(),
        });
        assert!(matches!(check(&settings), Err(HttpError::Multipart)));
    }

    #[test]
    fn what_is_carried_is_what_there_are_variables_for() {
        #[track_caller]
        fn check(query: &str, expected: &str) {
            let url = format!("https://h/?{query}");
            let carries = settings(&url, Concatenation::Provider).carries();
            let shown = [
                (carries.binary, "binary"),
                (carries.udh, "udh"),
                (carries.dcs, "dcs"),
                (carries.pid, "pid"),
            ];
            let shown: Vec<_> = shown.iter().filter(|c| c.0).map(|c| c.1).collect();
            assert_eq!(shown.join(" "), expected, "{query}");
        }
        check("t=%data%", "");
        check("t=%data%&b=%binary%", "binary");
        check("t=%data%&dcs=%dcs%", "binary dcs");
        check(
            "number=%number%&data=%data%&udh=%udh%&binary=%binary%&pid=%pid%&dcs=%dcs%",
            "binary udh dcs pid",
        );
        // Clickatell's: data have no place there.
        let texts =
            "udh=%udh;len;hex%&data=%data;isascii%%data;isunicode;unicode;value=&unicode=1%";
        check(texts, "udh");
        check(&format!("{texts}%data;isbinary;hex%"), "binary udh");
        check("t=%data;isascii%&b=%binary%", "");
    }

    #[test]
    fn secrets_are_found_where_people_write_them() {
        let mut settings = settings(
            "https://h/T00AB1234C/x?user=U&pass=p%26w&t=%data%",
            Concatenation::Provider,
        );
        settings.auth = Auth::Bearer(Secret::new("token"));
        let found = secrets(&settings);
        for secret in ["T00AB1234C", "U", "p%26w", "p&w", "token"] {
            assert!(
                found.iter().any(|found| found == secret),
                "{secret} {found:?}"
            );
        }
    }
}
