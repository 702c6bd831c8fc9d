//! `gateways`: what all have in common, modems, the simulated network. Providers are in `providers`.

use std::collections::HashMap;
use std::time::Duration;

use super::problems::At;
use super::providers::idempotent;
use super::raw::{self, Spelled};
use super::scalars::{Judge, either};
use super::{Gateway, domains_of};
use crate::gateway::{Carries, Common, Concatenation, Limits, OnUnknown, Receipts, modem};
use crate::mail::address::{self, Recipient, Target};
use crate::sms::{Number, Region};
use crate::wire::at::ussd::Code;

/// More gateways than a machine has ports and people have accounts.
const MAX_GATEWAYS: usize = 1000;

/// A gateway's id stands in URLs, logs and the store.
const MAX_ID: usize = 64;

const SECOND: Duration = Duration::from_secs(1);

/// What a gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Modem,
    Http,
    Simulated,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Modem => "modem",
            Kind::Http => "http",
            Kind::Simulated => "simulated",
        }
    }
}

/// Which of the keys that not all gateways have are there, and whose they are.
fn special(raw: &raw::Gateway) -> Vec<(&'static str, &'static [Kind])> {
    use Kind::{Http, Modem};
    let all: [(&'static str, bool, &'static [Kind]); 39] = [
        ("device", raw.device.is_some(), &[Modem]),
        ("baud", raw.baud.is_some(), &[Modem]),
        ("pin", raw.pin.is_some(), &[Modem]),
        ("smsc", raw.smsc.is_some(), &[Modem]),
        ("storage", raw.storage.is_some(), &[Modem]),
        ("init", raw.init.is_some(), &[Modem]),
        ("send_timeout", raw.send_timeout.is_some(), &[Modem]),
        ("poll", raw.poll.is_some(), &[Modem]),
        ("imei", raw.imei.is_some(), &[Modem]),
        ("sim", raw.sim.is_some(), &[Modem]),
        ("balance", raw.balance.is_some(), &[Modem]),
        ("timeout", raw.timeout.is_some(), &[Modem, Http]),
        ("url", raw.url.is_some(), &[Http]),
        ("method", raw.method.is_some(), &[Http]),
        ("headers", raw.headers.is_some(), &[Http]),
        ("body", raw.body.is_some(), &[Http]),
        ("content_type", raw.content_type.is_some(), &[Http]),
        ("auth", raw.auth.is_some(), &[Http]),
        ("success", raw.success.is_some(), &[Http]),
        ("permanent", raw.permanent.is_some(), &[Http]),
        ("temporary", raw.temporary.is_some(), &[Http]),
        ("park", raw.park.is_some(), &[Http]),
        ("message_id", raw.message_id.is_some(), &[Http]),
        ("idempotency", raw.idempotency.is_some(), &[Http]),
        ("connect_timeout", raw.connect_timeout.is_some(), &[Http]),
        ("client_cert", raw.client_cert.is_some(), &[Http]),
        ("ca", raw.ca.is_some(), &[Http]),
        ("secret", raw.secret.is_some(), &[Http]),
        ("allow_private", raw.allow_private.is_some(), &[Http]),
        ("preset", raw.preset.is_some(), &[Http]),
        ("account", raw.account.is_some(), &[Http]),
        ("token", raw.token.is_some(), &[Http]),
        ("api", raw.api.is_some(), &[Http]),
        ("api_id", raw.api_id.is_some(), &[Http]),
        ("channel", raw.channel.is_some(), &[Http]),
        ("throttle", raw.throttle.is_some(), &[Http]),
        ("signing_key", raw.signing_key.is_some(), &[Http]),
        ("signature", raw.signature.is_some(), &[Http]),
        ("allow_from", raw.allow_from.is_some(), &[Http]),
    ];
    all.into_iter()
        .filter(|(_, there, _)| *there)
        .map(|(key, _, kinds)| (key, kinds))
        .collect()
}

/// The ids in the file, for all who name one; judged in [`Judge::gateways`].
pub(super) fn ids(raw: Option<&Vec<raw::Gateway>>) -> Vec<String> {
    raw.into_iter()
        .flatten()
        .filter_map(|gateway| gateway.id.clone())
        .collect()
}

impl Judge<'_> {
    /// `gateways`.
    pub fn gateways(
        &mut self,
        root: &At,
        raw: Option<&Vec<raw::Gateway>>,
        addresses: &address::Settings,
    ) -> Vec<Gateway> {
        let at = root.key("gateways");
        let list = raw.map_or(&[][..], Vec::as_slice);
        if list.len() > MAX_GATEWAYS {
            self.errors.add(
                &at,
                format!("has too many entries; write at most {MAX_GATEWAYS}"),
            );
        }
        if !list.iter().any(|gateway| gateway.active.unwrap_or(true)) {
            self.warnings
                .add(&at, "there is no active gateway: no SMS can be sent");
        }
        let (_, region) = domains_of(addresses);
        let (mut seen, mut devices) = (HashMap::new(), HashMap::new());
        let mut gateways = Vec::new();
        for (i, raw) in list.iter().take(MAX_GATEWAYS).enumerate() {
            let at = at.index(i);
            let id = self.id(&at.key("id"), raw.id.as_deref(), &mut seen);
            self.later_keys(&at, raw);
            let Some(kind) = self.kind(&at.key("type"), raw.r#type.as_deref()) else {
                continue;
            };
            for (key, kinds) in special(raw) {
                if !kinds.contains(&kind) {
                    let owner = either(&kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>());
                    self.errors.add(
                        &at.key(key),
                        format!("belongs to type {owner}; remove it here"),
                    );
                }
            }
            let common = self.common(&at, id, raw, kind, region, addresses);
            gateways.extend(match kind {
                Kind::Modem => self
                    .modem(&at, raw, common, region, &mut devices)
                    .map(Gateway::Modem),
                Kind::Http => self.provider(&at, raw, common).map(Gateway::Http),
                Kind::Simulated => Some(Gateway::Simulated(common)),
            });
        }
        gateways
    }

    fn id(&mut self, at: &At, raw: Option<&str>, seen: &mut HashMap<String, At>) -> String {
        let Some(id) = raw else {
            self.missing(at, "a name of its own, as hall");
            return String::new();
        };
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(fits) {
            self.wrong(at, id, "is not an id; write a-z, 0-9, - and _ only");
        }
        if let Some(other) = seen.insert(id.to_owned(), at.clone()) {
            self.wrong(at, id, format!("is also {other}; write another id"));
        }
        id.to_owned()
    }

    fn later_keys(&mut self, at: &At, raw: &raw::Gateway) {
        for (key, value) in [
            ("hours", &raw.hours),
            ("encodings", &raw.encodings),
            ("retries", &raw.retries),
        ] {
            self.later_if(at, key, value);
        }
    }

    fn kind(&mut self, at: &At, raw: Option<&str>) -> Option<Kind> {
        match raw {
            Some("modem") => Some(Kind::Modem),
            Some("http") => Some(Kind::Http),
            Some("simulated") => Some(Kind::Simulated),
            Some("smpp") => {
                self.errors.add(
                    at,
                    "smpp is not in this version of sms-milter; write modem, http or simulated",
                );
                None
            }
            Some(other) => {
                self.wrong(
                    at,
                    other,
                    "is not a type of gateway; write modem, http or simulated",
                );
                None
            }
            None => {
                self.missing(at, "modem, http or simulated");
                None
            }
        }
    }

    fn common(
        &mut self,
        at: &At,
        id: String,
        raw: &raw::Gateway,
        kind: Kind,
        region: Region,
        addresses: &address::Settings,
    ) -> Common {
        let concat = [
            ("udh", Concatenation::Udh),
            ("numbered", Concatenation::Numbered),
            ("provider", Concatenation::Provider),
        ];
        let unknown = [
            ("report", OnUnknown::Report),
            ("retry_once", OnUnknown::RetryOnce),
            ("retry_until_expiry", OnUnknown::RetryUntilExpiry),
        ];
        let receipts = [
            ("always", Receipts::Always),
            ("wanted", Receipts::Wanted),
            ("never", Receipts::Never),
        ];
        let (cut, what, wait, window) = match kind {
            // The network refuses duplicates (TP-RD), so that once more is safe.
            Kind::Modem => (Concatenation::Udh, OnUnknown::RetryOnce, 60 * SECOND, 1),
            // The provider takes a repeat for what it is, so that no answer is worth a wait.
            Kind::Http if idempotent(raw) => {
                (self.preset_concat(raw), OnUnknown::Repeat, 30 * SECOND, 8)
            }
            Kind::Http => (self.preset_concat(raw), OnUnknown::Report, 600 * SECOND, 8),
            Kind::Simulated => (Concatenation::Udh, OnUnknown::Report, 600 * SECOND, 64),
        };
        let here = at.key("concat");
        let concat = self.choice(&here, raw.concat.as_deref(), &concat, cut);
        if kind == Kind::Modem && concat == Concatenation::Provider {
            self.wrong(
                &here,
                "provider",
                "is nothing a modem can do; write udh or numbered",
            );
        }
        let number = raw
            .number
            .as_ref()
            .and_then(|n| self.number(&at.key("number"), &n.0, region));
        Common {
            id,
            active: raw.active.unwrap_or(true),
            number,
            concat,
            on_unknown: self.choice(
                &at.key("on_unknown"),
                raw.on_unknown.as_deref(),
                &unknown,
                what,
            ),
            unknown_wait: self.duration(&at.key("unknown_wait"), &raw.unknown_wait, wait),
            receipts: self.choice(
                &at.key("receipts"),
                raw.receipts.as_deref(),
                &receipts,
                Receipts::Wanted,
            ),
            window: match kind {
                // A modem does one thing at a time.
                Kind::Modem => self.within(&at.key("window"), raw.window, 1, 1, window),
                _ => self.within(&at.key("window"), raw.window, 1, 1000, window),
            },
            throughput: self.throughput(&at.key("throughput"), raw.throughput),
            limits: Limits {
                day: raw.daily_limit.unwrap_or(0),
                month: raw.monthly_limit.unwrap_or(0),
            },
            rates: self.rates(&at.key("rates"), raw),
            from: raw
                .from
                .as_deref()
                .map(|from| self.from(&at.key("from"), from, raw.reply, addresses)),
            // Of a provider it depends on the templates, which come later.
            carries: Carries::default(),
        }
    }

    fn throughput(&mut self, at: &At, raw: Option<f64>) -> Option<f64> {
        // One in a thousand seconds to a thousand a second; NaN is neither.
        if raw.is_some_and(|rate| !(0.001..=1000.0).contains(&rate)) {
            self.errors
                .add(at, "is out of range; write segments a second, as 10");
        }
        raw
    }

    fn rates(&mut self, at: &At, raw: &raw::Gateway) -> Vec<(String, f64)> {
        let mut rates = Vec::new();
        for (prefix, &rate) in raw.rates.iter().flatten() {
            let at = at.key(prefix);
            if !(0.0..=1e6).contains(&rate) {
                self.errors.add(&at, "is not a price; write one like 0.04");
            }
            rates.extend(self.prefix(&at, prefix).map(|prefix| (prefix, rate)));
        }
        rates
    }

    /// An answer to the mails must be an SMS recipient again (spec 6.4).
    fn from(
        &mut self,
        at: &At,
        from: &str,
        reply: Option<bool>,
        addresses: &address::Settings,
    ) -> String {
        if from.matches("%s").count() != 1 {
            self.wrong(
                at,
                from,
                "has not one place for the phone's number; write one %s, as \"sms:%s@example.com\"",
            );
            return from.to_owned();
        }
        let Some(phone) = Number::from_network("+15551234567") else {
            return from.to_owned();
        };
        let filled = from.replace("%s", phone.as_str());
        if self.address(at, &filled).is_none() || addresses.domains.is_empty() {
            return from.to_owned();
        }
        let read = addresses.read(&format!("<{filled}>"), false);
        let comes_back = matches!(read, Recipient::Ours { target: Target::Number(number), .. } if number == phone);
        if !comes_back && reply != Some(false) {
            let (domain, _) = domains_of(addresses);
            let text = format!(
                "is an address that answers do not come back from; write \"{}:%s@{domain}\", or reply: false",
                addresses.prefix
            );
            self.wrong(at, from, text);
        }
        from.to_owned()
    }

    fn modem(
        &mut self,
        at: &At,
        raw: &raw::Gateway,
        common: Common,
        region: Region,
        devices: &mut HashMap<String, At>,
    ) -> Option<modem::Settings> {
        let here = at.key("device");
        let Some(device) = &raw.device else {
            self.missing(
                &here,
                "the serial port, as /dev/serial/by-id/usb-…; sms-milter modem list finds it",
            );
            return None;
        };
        if !device.starts_with('/') || device.contains(char::is_control) {
            self.wrong(
                &here,
                device,
                "is not a serial port; write its path, as /dev/serial/by-id/usb-…",
            );
        }
        if let Some(other) = devices.insert(device.clone(), here.clone()) {
            self.wrong(
                &here,
                device,
                format!("is also {other}; a port serves one gateway"),
            );
        }
        let settings = modem::Settings {
            common,
            device: device.clone(),
            baud: self.within(&at.key("baud"), raw.baud, 300, 4_000_000, 115_200),
            pin: raw.pin.as_ref().map(|pin| self.secret(&at.key("pin"), pin)),
            smsc: raw
                .smsc
                .as_ref()
                .and_then(|n| self.number(&at.key("smsc"), &n.0, region)),
            storage: raw.storage.clone(),
            init: raw.init.as_ref().map_or(Vec::new(), |init| init.0.clone()),
            timeout: self.duration(&at.key("timeout"), &raw.timeout, 16 * SECOND),
            send_timeout: self.duration(&at.key("send_timeout"), &raw.send_timeout, 120 * SECOND),
            poll: self.duration(&at.key("poll"), &raw.poll, 30 * SECOND),
            wanted: modem::Wanted {
                imei: self.imei(&at.key("imei"), raw),
                sim: self.sim(&at.key("sim"), raw),
            },
            balance: raw
                .balance
                .as_ref()
                .and_then(|raw| self.balance(&at.key("balance"), raw)),
        };
        // An unreadable PIN was said already.
        let known = settings
            .pin
            .as_ref()
            .is_some_and(|pin| pin.expose().is_empty());
        if let (false, Err(why)) = (known, settings.check()) {
            let (key, text) = why.split_once(": ").unwrap_or(("device", &why));
            self.errors.add(&at.key(key), text);
        }
        Some(settings)
    }

    fn imei(&mut self, at: &At, raw: &raw::Gateway) -> Option<String> {
        let imei = raw.imei.as_ref()?.0.trim();
        // 15 digits, 14 without the check digit, 16 with the software's version (TS 23.003 §6.2).
        if !(14..=16).contains(&imei.len()) || !imei.bytes().all(|b| b.is_ascii_digit()) {
            self.wrong(
                at,
                imei,
                "is not an IMEI; write its 15 digits, as sms-milter gateways list shows them",
            );
        }
        Some(imei.to_owned())
    }

    fn sim(&mut self, at: &At, raw: &raw::Gateway) -> modem::WantedSim {
        let Some(Spelled(sim)) = &raw.sim else {
            return modem::WantedSim::Remembered;
        };
        if sim == "any" {
            return modem::WantedSim::Any;
        }
        let id = modem::sim_id(sim);
        if id.is_none() {
            self.wrong(
                at,
                sim,
                "is not a SIM's number; write its 18 to 22 digits, as sms-milter gateways list shows \
                 them, or any",
            );
        }
        modem::WantedSim::Only(id.unwrap_or_default())
    }

    /// How the prepaid balance is asked for.
    fn balance(&mut self, at: &At, raw: &raw::Balance) -> Option<modem::Balance> {
        let Some(ussd) = &raw.ussd else {
            self.missing(
                &at.key("ussd"),
                "the code that asks for the balance, as \"*100#\"",
            );
            return None;
        };
        let code = Code::parse(ussd);
        if let Err(why) = &code {
            self.wrong(&at.key("ussd"), ussd, format!("is not a code: {why}"));
        }
        let (here, default) = (at.key("regex"), r"(\d+(?:[.,]\d+)?)".to_owned());
        let text = raw.regex.as_ref().unwrap_or(&default);
        let regex = self.pattern(&here, text)?;
        if regex.captures_len() < 2 {
            self.wrong(
                &here,
                text,
                "has no group around the amount; write one, as \"([0-9.]+) EUR\"",
            );
        }
        let every = self.duration(&at.key("every"), &raw.every, 24 * 3600 * SECOND);
        let below = raw.below.unwrap_or(0.0);
        if !(0.0..=1e9).contains(&below) {
            self.errors
                .add(&at.key("below"), "is not an amount; write one like 5.0");
        }
        Some(modem::Balance {
            ussd: code.ok()?,
            regex,
            below,
            every,
        })
    }
}
