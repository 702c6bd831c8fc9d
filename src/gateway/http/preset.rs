//! What is known of providers, so that a gateway needs its keys only: `preset: twilio`.
//!
//! A preset is a YAML file in `presets/`, built in. It says what is not verified. `{key}` in it
//! stands for a key of the gateway in the configuration.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::{
    Auth, Conditions, Find, HookFields, Idempotency, Method, Payload, Place, PlaceError, Reading,
    Settings, Test,
};
use crate::gateway::{Common, Concatenation};
use crate::secret::Secret;
use crate::wire::template::{Position, Template, TemplateError};

const FILES: [&str; 1] = [include_str!("presets/twilio.yaml")];

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
    keys: Vec<Key>,
    #[serde(default)]
    needs_number: bool,
    method: PresetMethod,
    url: String,
    content_type: Option<String>,
    body: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    basic: Option<Basic>,
    bearer: Option<String>,
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
    temporary: Holds,
    message_id: Option<Id>,
    hook: Option<Hook>,
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
    pattern: Option<String>,
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
#[serde(rename_all = "lowercase", deny_unknown_fields)]
struct Id {
    regex: Option<String>,
    json: Option<String>,
    xml: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    from: Option<String>,
    text: Option<String>,
    to: Option<String>,
    id: Option<String>,
    time: Option<String>,
    udh: Option<String>,
    binary: Option<String>,
    status: Option<String>,
    error: Option<String>,
    answer: Option<HookAnswer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HookAnswer {
    content_type: String,
    body: String,
}

impl Preset {
    /// All presets.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|preset| preset.name.as_str())
    }

    /// The preset of this name.
    pub fn find(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// How long texts are cut for it, unless the configuration says otherwise.
    pub fn concat(&self) -> Concatenation {
        match self.concat {
            Cutting::Udh => Concatenation::Udh,
            Cutting::Numbered => Concatenation::Numbered,
            Cutting::Provider => Concatenation::Provider,
        }
    }

    /// The provider knows a repeat when it sees one.
    pub fn idempotent(&self) -> bool {
        self.idempotency.is_some()
    }

    /// The settings. Timeout, secret, `allow_private` are as by default.
    pub fn settings(
        &'static self,
        common: Common,
        keys: &BTreeMap<String, Secret>,
    ) -> Result<Settings, PresetError> {
        if self.needs_number && common.number.is_none() {
            return Err(PresetError::Missing {
                preset: &self.name,
                key: "number",
                hint: "the number it sends from",
            });
        }
        let keys = self.values(keys)?;
        let template = |text: &str, position| {
            Template::parse(&self.fill(text, &keys)?, position)
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
        settings.auth = match (&self.basic, &self.bearer) {
            (Some(basic), _) => Auth::Basic {
                user: self.fill(&basic.user, &keys)?,
                password: Secret::new(self.fill(&basic.password, &keys)?),
            },
            (None, Some(token)) => Auth::Bearer(Secret::new(self.fill(token, &keys)?)),
            (None, None) => Auth::None,
        };
        settings.reading = Reading {
            success: self.conditions(&self.success)?,
            park: self.conditions(&self.park)?,
            permanent: self.conditions(&self.permanent)?,
            temporary: self.conditions(&self.temporary)?,
            message_id: self.find_id()?,
        };
        settings.idempotency = self.idempotency.as_deref().map(Idempotency::named);
        settings.hook = self.hook.as_ref().map(Hook::fields).unwrap_or_default();
        Ok(settings)
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
            // What stands in a template has a pattern, and no pattern lets a % or a control through.
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

    /// `text` with each `{key}` replaced, in one pass.
    fn fill(
        &'static self,
        text: &str,
        keys: &BTreeMap<&str, Secret>,
    ) -> Result<String, PresetError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let found = after.split_once('}');
            let found = found.and_then(|(name, after)| Some((keys.get(name)?, after)));
            let (value, after) =
                found.ok_or_else(|| self.broken(format!("no key for {{ in {text}")))?;
            out.push_str(before);
            out.push_str(value.expose());
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
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
        Ok(match (&id.json, &id.xml, &id.regex) {
            (Some(pointer), None, None) => {
                let place = self.place(Place::json(pointer), pointer)?;
                Some(Find::Value(place))
            }
            (None, Some(path), None) => Some(Find::Value(self.place(Place::xml(path), path)?)),
            (None, None, Some(regex)) => Some(Find::Regex(self.regex(regex)?)),
            _ => return Err(self.broken("message_id: one of regex, json, xml".to_owned())),
        })
    }
}

impl Hook {
    fn fields(&self) -> HookFields {
        let default = HookFields::default();
        let or = |name: &Option<String>, default: String| name.clone().unwrap_or(default);
        let answer = self.answer.as_ref();
        HookFields {
            from: or(&self.from, default.from),
            text: or(&self.text, default.text),
            to: or(&self.to, default.to),
            id: or(&self.id, default.id),
            time: or(&self.time, default.time),
            udh: or(&self.udh, default.udh),
            binary: or(&self.binary, default.binary),
            status: or(&self.status, default.status),
            error: or(&self.error, default.error),
            answer: answer.map_or(default.answer, |answer| {
                (answer.content_type.clone(), answer.body.clone())
            }),
        }
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

    #[test]
    fn every_file_is_right() {
        for file in FILES {
            let preset: Result<Preset, _> = serde_yaml::from_str(file);
            preset.expect(file);
        }
        assert_eq!(Preset::names().collect::<Vec<_>>(), ["twilio"]);
    }

    fn twilio_with(
        common: Common,
        keys: &BTreeMap<String, Secret>,
    ) -> Result<Settings, PresetError> {
        Preset::find("twilio")
            .expect("preset")
            .settings(common, keys)
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
        assert_eq!(settings.hook.text, "Body");
        assert!(!format!("{settings:?}").contains("s3cr"));
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
