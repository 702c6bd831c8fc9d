//! What is known of providers, so that a gateway needs its keys only: `preset: twilio`.
//!
//! A preset is a YAML file in `presets/`, built in: the request, how its answer is read, what is pushed to
//! us and how that is signed, what is not verified. `{key}` in it stands for a key of the gateway in the
//! configuration, written as the place wants it; `{piece}` for a piece that is there or not.
//!
//! None asks a provider what became of a message whose outcome is unknown (durability 2.5). Providers find a
//! message by the id that they gave it, and that stood in the answer that is missing. Those that are known to
//! find it by ours (another sms-milter, SMSGate) take a repeat under it as the question: `idempotency`, which is one
//! request for both. Of the rest a receipt under our id still tells, while `unknown_wait` lasts.

mod fill;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use fill::Filling;
pub(crate) use fill::RESERVED;

use super::hook::{Hook, Scheme};
use super::{
    Auth, Conditions, Find, Idempotency, Method, Payload, Place, PlaceError, Reading, Settings,
    Test,
};
use crate::gateway::{Common, Concatenation};
use crate::secret::Secret;
use crate::wire::template::{Position, Template, TemplateError};

const FILES: [&str; 16] = [
    include_str!("presets/bird.yaml"),
    include_str!("presets/clickatell.yaml"),
    include_str!("presets/clickatell-legacy.yaml"),
    include_str!("presets/clickatell-one.yaml"),
    include_str!("presets/icewarp.yaml"),
    include_str!("presets/infobip.yaml"),
    include_str!("presets/jasmin.yaml"),
    include_str!("presets/kannel.yaml"),
    include_str!("presets/messagebird.yaml"),
    include_str!("presets/plivo.yaml"),
    include_str!("presets/sinch.yaml"),
    include_str!("presets/sms-milter.yaml"),
    include_str!("presets/smsgate.yaml"),
    include_str!("presets/telnyx.yaml"),
    include_str!("presets/twilio.yaml"),
    include_str!("presets/vonage.yaml"),
];

/// That the files are right is a test, so a wrong one is never built in.
static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let parse = |file: &&str| serde_yaml::from_str(file).ok();
    FILES.iter().filter_map(parse).collect()
});

/// Why a preset makes no settings. Each names the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PresetError {
    /// It does not work without.
    #[error("{key}: missing; preset {preset} needs it: {hint}")]
    Missing {
        /// The preset.
        preset: &'static str,
        /// The key.
        key: &'static str,
        /// What it is.
        hint: &'static str,
    },
    /// The value has not the form it must have.
    #[error("{key}: has not the form of {hint}")]
    Form {
        /// The key.
        key: &'static str,
        /// What it is.
        hint: &'static str,
    },
    /// A mistake in the preset itself.
    #[error("preset {preset}: {what}")]
    Broken {
        /// The preset.
        preset: &'static str,
        /// What.
        what: String,
    },
}

/// One provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    name: String,
    title: String,
    #[serde(default)]
    keys: Vec<Key>,
    #[serde(default)]
    needs_number: bool,
    /// What is there when its key is.
    #[serde(default)]
    pieces: BTreeMap<String, PieceOf>,
    method: PresetMethod,
    url: String,
    content_type: Option<String>,
    body: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    basic: Option<Basic>,
    bearer: Option<String>,
    header: Option<Header>,
    concat: Cutting,
    /// A header's name, or `%msgid%`.
    idempotency: Option<String>,
    #[serde(default)]
    success: Holds,
    #[serde(default)]
    park: Holds,
    #[serde(default)]
    permanent: Holds,
    #[serde(default)]
    throttle: Holds,
    #[serde(default)]
    temporary: Holds,
    message_id: Option<Id>,
    hook: Hook,
    #[serde(default)]
    setup: String,
    #[serde(default)]
    unverified: Vec<String>,
}

/// A key that a preset reads from the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// What it is when the configuration does not name it; `None`: it must.
    pub default: Option<String>,
    /// What it is, for people.
    pub hint: String,
    /// One that a configuration could hold.
    pub example: Option<String>,
    pattern: Option<String>,
}

/// `text` where the gateway has `when`: a key, `number`, or `hook`, the URL of its pushes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PieceOf {
    when: String,
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum PresetMethod {
    Get,
    Post,
    Put,
}

/// One or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Several<T> {
    One(T),
    All(Vec<T>),
}

impl<T> Several<T> {
    fn all(&self) -> &[T] {
        match self {
            Several::One(one) => std::slice::from_ref(one),
            Several::All(all) => all,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Cutting {
    Udh,
    Numbered,
    Provider,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Basic {
    user: String,
    password: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Holds {
    #[serde(default)]
    status: Vec<u16>,
    body: Option<String>,
    json: Option<Several<HoldsJson>>,
    xml: Option<Several<HoldsXml>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldsJson {
    pointer: String,
    matches: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldsXml {
    path: String,
    matches: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Id {
    regex: Option<String>,
    json: Option<String>,
    xml: Option<String>,
    /// The provider calls it what we do.
    #[serde(default)]
    ours: bool,
}

impl Preset {
    /// All presets.
    pub fn all() -> impl Iterator<Item = &'static Preset> {
        PRESETS.iter()
    }

    /// Their names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|preset| preset.name.as_str())
    }

    /// The preset of this name.
    pub fn find(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What people call the provider.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The keys it reads.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// It does not send without a number of the gateway's own.
    pub fn needs_number(&self) -> bool {
        self.needs_number
    }

    /// What is pushed to us.
    pub fn hook(&self) -> &Hook {
        &self.hook
    }

    /// What to do at the provider; `{hook}` is the URL of the pushes.
    pub fn setup(&self) -> &str {
        &self.setup
    }

    /// What of it nobody has checked against the provider.
    pub fn unverified(&self) -> &[String] {
        &self.unverified
    }

    /// How long texts are cut for it, unless the configuration says otherwise.
    pub fn concat(&self) -> Concatenation {
        match self.concat {
            Cutting::Udh => Concatenation::Udh,
            Cutting::Numbered => Concatenation::Numbered,
            Cutting::Provider => Concatenation::Provider,
        }
    }

    /// Each request can tell the provider where to push its receipts: no setting there is needed.
    pub fn asks_for_receipts(&self) -> bool {
        let mut pieces = self.pieces.values();
        pieces.any(|piece| piece.when == "hook" && piece.text.contains("{hook}"))
    }

    /// The provider knows a repeat when it sees one.
    pub fn idempotent(&self) -> bool {
        self.idempotency.is_some()
    }

    /// The settings. Timeout, secret, `allow_private` are as by default. `hook` is the URL that the
    /// provider is told to push to, when there is one.
    pub fn settings(
        &'static self,
        common: Common,
        keys: &BTreeMap<String, Secret>,
        hook: Option<&str>,
    ) -> Result<Settings, PresetError> {
        if self.needs_number && common.number.is_none() {
            return Err(PresetError::Missing {
                preset: &self.name,
                key: "number",
                hint: "the number it sends from",
            });
        }
        let fill = Filling {
            preset: self,
            keys: self.values(keys)?,
            hook,
            number: common.number.is_some(),
        };
        let template = |text: &str, position| {
            Template::parse(&fill.template(text, position)?, position)
                .map_err(|e: TemplateError| self.broken(e.to_string()))
        };
        let mut settings = Settings::new(common, template(&self.url, Position::Url)?);
        settings.method = match self.method {
            PresetMethod::Get => Method::Get,
            PresetMethod::Post => Method::Post,
            PresetMethod::Put => Method::Put,
        };
        for (name, value) in &self.headers {
            let value = template(value, Position::Header)?;
            settings.headers.push((name.clone(), value));
        }
        if let (Some(body), Some(content_type)) = (&self.body, &self.content_type) {
            settings.payload = Some(Payload {
                template: template(body, Position::of_content_type(content_type))?,
                content_type: content_type.clone(),
            });
        }
        settings.auth = self.auth(&fill)?;
        let known_by = ["account", "token"]
            .into_iter()
            .filter(|name| fill.keys.contains_key(name));
        settings.known_by = known_by.collect::<Vec<_>>().join(" and ");
        settings.reading = Reading {
            success: self.conditions(&self.success)?,
            park: self.conditions(&self.park)?,
            permanent: self.conditions(&self.permanent)?,
            throttle: self.conditions(&self.throttle)?,
            temporary: self.conditions(&self.temporary)?,
            message_id: self.find_id()?,
        };
        settings.idempotency = self.idempotency.as_deref().map(Idempotency::named);
        settings.hook = self.hook.clone();
        let signing = self.hook.signed_with.as_deref();
        settings.signing_keys = signing
            .and_then(|key| fill.keys.get(key).cloned())
            .into_iter()
            .collect();
        Ok(settings)
    }

    fn auth(&'static self, fill: &Filling<'_>) -> Result<Auth, PresetError> {
        Ok(match (&self.basic, &self.bearer, &self.header) {
            (Some(basic), ..) => Auth::Basic {
                user: fill.plain(&basic.user)?,
                password: Secret::new(fill.plain(&basic.password)?),
            },
            (_, Some(token), _) => Auth::Bearer(Secret::new(fill.plain(token)?)),
            (.., Some(header)) => Auth::Header {
                name: header.name.clone(),
                value: Secret::new(fill.plain(&header.value)?),
            },
            (None, None, None) => Auth::None,
        })
    }

    fn broken(&'static self, what: String) -> PresetError {
        PresetError::Broken {
            preset: &self.name,
            what,
        }
    }

    /// What each key is: given or by default, in its form.
    fn values(
        &'static self,
        given: &BTreeMap<String, Secret>,
    ) -> Result<BTreeMap<&'static str, Secret>, PresetError> {
        let mut values = BTreeMap::new();
        for key in &self.keys {
            let default = key.default.as_deref().map(Secret::from);
            let value = given.get(&key.name).cloned().or(default);
            let value = value.filter(|value| !value.expose().is_empty());
            let value = value.ok_or(PresetError::Missing {
                preset: &self.name,
                key: &key.name,
                hint: &key.hint,
            })?;
            if let Some(pattern) = &key.pattern
                && !self.regex(pattern)?.is_match(value.expose())
            {
                return Err(PresetError::Form {
                    key: &key.name,
                    hint: &key.hint,
                });
            }
            values.insert(key.name.as_str(), value);
        }
        Ok(values)
    }

    fn regex(&'static self, pattern: &str) -> Result<Regex, PresetError> {
        Regex::new(pattern).map_err(|e| self.broken(e.to_string()))
    }

    fn conditions(&'static self, holds: &Holds) -> Result<Conditions, PresetError> {
        let mut values = Vec::new();
        for test in holds.json.iter().flat_map(Several::all) {
            values.push(Test {
                place: self.place(Place::json(&test.pointer), &test.pointer)?,
                matches: self.regex(&test.matches)?,
            });
        }
        for test in holds.xml.iter().flat_map(Several::all) {
            values.push(Test {
                place: self.place(Place::xml(&test.path), &test.path)?,
                matches: self.regex(&test.matches)?,
            });
        }
        let body = holds.body.as_deref().map(|body| self.regex(body));
        Ok(Conditions {
            status: holds.status.clone(),
            body: body.transpose()?,
            values,
        })
    }

    fn place(
        &'static self,
        place: Result<Place, PlaceError>,
        written: &str,
    ) -> Result<Place, PresetError> {
        place.map_err(|e| self.broken(format!("{written} {e}")))
    }

    fn find_id(&'static self) -> Result<Option<Find>, PresetError> {
        let Some(id) = &self.message_id else {
            return Ok(None);
        };
        Ok(Some(match (&id.json, &id.xml, &id.regex, id.ours) {
            (Some(at), None, None, false) => Find::Value(self.place(Place::json(at), at)?),
            (None, Some(at), None, false) => Find::Value(self.place(Place::xml(at), at)?),
            (None, None, Some(regex), false) => Find::Regex(self.regex(regex)?),
            (None, None, None, true) => Find::Ours,
            _ => return Err(self.broken("message_id: one of regex, json, xml, ours".to_owned())),
        }))
    }
}

impl Preset {
    /// How pushes are signed, when they can be.
    pub fn signature(&self) -> Option<&Scheme> {
        self.hook.signature.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gateway::OnUnknown;
    use crate::sms::Number;

    fn common(number: Option<&str>) -> Common {
        Common {
            id: "p".to_owned(),
            active: true,
            number: number.and_then(Number::from_network),
            concat: Concatenation::Provider,
            on_unknown: OnUnknown::Report,
            unknown_wait: Duration::from_secs(600),
            receipts: Default::default(),
            window: 1,
            throughput: None,
            limits: Default::default(),
            rates: Vec::new(),
            from: None,
            carries: crate::gateway::Carries::default(),
        }
    }

    fn keys(keys: &[(&str, &str)]) -> BTreeMap<String, Secret> {
        let secret = |(key, value): &(&str, &str)| ((*key).to_owned(), Secret::new(*value));
        keys.iter().map(secret).collect()
    }

    /// What a configuration could hold of it.
    fn filled(preset: &Preset) -> BTreeMap<String, Secret> {
        let required = preset.keys.iter().filter(|key| key.default.is_none());
        required
            .map(|key| {
                let value = key
                    .example
                    .clone()
                    .unwrap_or_else(|| "S%data%{x}\"&".to_owned());
                (key.name.clone(), Secret::new(value))
            })
            .collect()
    }

    #[test]
    fn every_file_is_right() {
        for file in FILES {
            let preset: Result<Preset, _> = serde_yaml::from_str(file);
            preset.expect(file);
        }
        assert_eq!(Preset::all().count(), FILES.len());
        for preset in Preset::all() {
            for number in [None, Some("+15550003333")] {
                if number.is_none() && preset.needs_number {
                    continue;
                }
                for hook in [None, Some("https://sms.example.com/hooks/p/%41b")] {
                    let settings = preset.settings(common(number), &filled(preset), hook);
                    let settings = settings.unwrap_or_else(|e| panic!("{}: {e}", preset.name));
                    settings
                        .check()
                        .unwrap_or_else(|e| panic!("{}: {e}", preset.name));
                }
            }
            if let Some(key) = &preset.hook.signed_with {
                assert!(
                    preset.keys.iter().any(|known| known.name == *key),
                    "{}",
                    preset.name
                );
            }
            if let Some(Scheme::Header(scheme)) = preset.signature() {
                assert_eq!(scheme.lacks(), None, "{}", preset.name);
                assert_eq!(scheme.unsigned(), None, "{}", preset.name);
            }
            assert!(
                !preset.setup.is_empty() && !preset.unverified.is_empty(),
                "{}",
                preset.name
            );
        }
    }

    #[test]
    fn every_file_in_the_directory_is_built_in() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gateway/http/presets");
        let files = std::fs::read_dir(directory).expect("presets").count();
        assert_eq!(files, FILES.len());
    }

    fn twilio_with(
        common: Common,
        keys: &BTreeMap<String, Secret>,
    ) -> Result<Settings, PresetError> {
        Preset::find("twilio")
            .expect("preset")
            .settings(common, keys, None)
    }

    #[test]
    fn twilio() {
        let given = keys(&[("account", "AC123"), ("token", "s3cr{t}")]);
        let settings = twilio_with(common(Some("+15550003333")), &given).expect("settings");
        let url = settings.url.literals().collect::<String>();
        assert_eq!(
            url,
            "https://api.twilio.com/2010-04-01/Accounts/AC123/Messages.json"
        );
        assert!(matches!(&settings.auth,
            Auth::Basic { user, password } if user == "AC123" && password.expose() == "s3cr{t}"));
        assert_eq!(settings.signing_keys.len(), 1);
        assert!(!format!("{settings:?}").contains("s3cr"));
    }

    #[test]
    fn who_asks_for_receipts() {
        let asks = Preset::all().filter(|preset| preset.asks_for_receipts());
        let asks: Vec<_> = asks.map(Preset::name).collect();
        // The others need a setting at the provider, or send none.
        let expected = [
            "infobip",
            "jasmin",
            "kannel",
            "messagebird",
            "plivo",
            "sinch",
            "telnyx",
            "twilio",
            "vonage",
        ];
        assert_eq!(asks, expected);
    }

    #[test]
    fn refusals() {
        #[track_caller]
        fn check(number: Option<&str>, given: &[(&str, &str)], expected: &str) {
            let result = twilio_with(common(number), &keys(given));
            assert_eq!(result.map(|_| ()).unwrap_err().to_string(), expected);
        }
        let number = Some("+15550003333");
        check(
            None,
            &[],
            "number: missing; preset twilio needs it: the number it sends from",
        );
        check(
            number,
            &[("account", "AC123")],
            "token: missing; preset twilio needs it: the auth token",
        );
        check(
            number,
            &[("account", "AC1/../x"), ("token", "t")],
            "account: has not the form of the Account SID, which begins with AC",
        );
    }
}
