//! What a gateway's provider pushes to us, of `gateways` of type `http`: who may, and how it is signed.

use percent_encoding::utf8_percent_encode;

use super::problems::At;
use super::raw;
use super::scalars::Judge;
use crate::gateway::http::Settings;
use crate::gateway::http::hook::{
    Algorithm, DEFAULT_WINDOW, Encoding, HeaderScheme, KeyForm, Over, Scheme, VonageMethod,
};
use crate::gateway::http::preset::RESERVED;
use crate::secret::Secret;

/// What [`Over::parse`] reads, for those who wrote something else.
const OVER: &str = "is not what a signature can be over; write body, timestamp+body, id+'.'+timestamp+'.'+body; \
                    known are body, body_sha256, url, timestamp, id, nonce and 'TEXT'";

/// The ways a Vonage account can sign.
const VONAGE: [(&str, VonageMethod); 5] = [
    ("md5hash", VonageMethod::Md5hash),
    ("md5", VonageMethod::Md5),
    ("sha1", VonageMethod::Sha1),
    ("sha256", VonageMethod::Sha256),
    ("sha512", VonageMethod::Sha512),
];

impl Judge<'_> {
    /// Who may push, into `settings` as its preset made them.
    pub fn pushes(&mut self, at: &At, raw: &raw::Gateway, settings: &mut Settings) {
        settings.allow_from = self.networks(&at.key("allow_from"), raw.allow_from.as_ref());
        if let Some(keys) = &raw.signing_key {
            let at = at.key("signing_key");
            let keys = keys.0.iter();
            settings.signing_keys = keys.map(|key| self.secret(&at, key)).collect();
        }
        let here = at.key("signature");
        let before = self.errors.len();
        match &raw.signature {
            None => {}
            Some(raw::Signature::Named(name)) => self.named(&here, name, raw, settings),
            Some(raw::Signature::Header(_)) if raw.preset.is_some() => {
                self.errors.add(
                    &here,
                    "is what the preset fills in; write none, or remove it",
                );
            }
            Some(raw::Signature::Header(header)) => {
                settings.hook.signature = self.header(&here, header).map(Scheme::Header);
            }
        }
        if self.errors.len() == before {
            self.signed(at, raw, settings);
        }
    }

    fn named(&mut self, at: &At, name: &str, raw: &raw::Gateway, settings: &mut Settings) {
        let method = VONAGE.into_iter().find(|(known, _)| *known == name);
        match (&mut settings.hook.signature, name, method) {
            (signature, "none", _) => *signature = None,
            (Some(Scheme::Vonage { method, .. }), _, Some((_, chosen))) => *method = chosen,
            (Some(Scheme::Vonage { .. }), ..) => self.wrong(
                at,
                name,
                "is not a way to sign; write none, md5hash, md5, sha1, sha256 or sha512",
            ),
            (signature @ None, "standard-webhooks", _) if raw.preset.is_none() => {
                *signature = Some(Scheme::Header(HeaderScheme::standard_webhooks()));
            }
            _ if raw.preset.is_some() => {
                self.wrong(at, name, "is not the preset's way to sign; write none, or remove it");
            }
            _ => self.wrong(
                at,
                name,
                "is not a way to sign; write none, standard-webhooks or { header: X-Signature, over: body }",
            ),
        }
    }

    fn header(&mut self, at: &At, raw: &raw::HeaderSignature) -> Option<HeaderScheme> {
        let Some(header) = &raw.header else {
            self.missing(
                &at.key("header"),
                "the header with the signature, as X-Signature",
            );
            return None;
        };
        let names = [
            ("header", Some(header)),
            ("timestamp", raw.timestamp.as_ref()),
            ("id", raw.id.as_ref()),
            ("nonce", raw.nonce.as_ref()),
        ];
        for (key, name) in names {
            if let Some(name) = name {
                self.header_name(&at.key(key), name);
            }
        }
        let algorithms = [
            ("sha1", Algorithm::Sha1),
            ("sha256", Algorithm::Sha256),
            ("sha512", Algorithm::Sha512),
            ("ed25519", Algorithm::Ed25519),
        ];
        let algorithm = raw.algorithm.as_deref();
        let algorithm = self.choice(
            &at.key("algorithm"),
            algorithm,
            &algorithms,
            Algorithm::Sha256,
        );
        let encodings = [("hex", Encoding::Hex), ("base64", Encoding::Base64)];
        let encoding = raw.encoding.as_deref();
        let encoding = self.choice(&at.key("encoding"), encoding, &encodings, Encoding::Hex);
        let forms = [
            ("text", KeyForm::Text),
            ("base64", KeyForm::Base64),
            ("whsec", KeyForm::Whsec),
        ];
        let form = match algorithm {
            Algorithm::Ed25519 => KeyForm::Base64,
            _ => KeyForm::Text,
        };
        let key = self.choice(&at.key("key"), raw.key.as_deref(), &forms, form);
        let usual = match raw.timestamp {
            Some(_) => "timestamp+body",
            None => "body",
        };
        let written = raw.over.as_deref().unwrap_or(usual);
        let Some(over) = Over::parse(written) else {
            self.wrong(&at.key("over"), written, OVER);
            return None;
        };
        let scheme = HeaderScheme {
            header: header.clone(),
            prefix: raw.prefix.clone().unwrap_or_default(),
            algorithm,
            encoding,
            over,
            timestamp: raw.timestamp.clone(),
            id: raw.id.clone(),
            nonce: raw.nonce.clone(),
            key,
            window: self.duration(&at.key("window"), &raw.window, DEFAULT_WINDOW),
        };
        if let Some(key) = scheme.lacks() {
            self.missing(&at.key(key), "the header it stands in: it is in over");
        } else if let Some(key) = scheme.unsigned() {
            self.errors.add(
                &at.key(key),
                "proves nothing that the signature is not over; write it into over too, or remove it",
            );
        }
        Some(scheme)
    }

    /// Keys and ways to sign belong together.
    fn signed(&mut self, at: &At, raw: &raw::Gateway, settings: &Settings) {
        let has_key = raw.signing_key.is_some();
        match &settings.hook.signature {
            None if has_key && raw.signature.is_none() => {
                let text = match &raw.preset {
                    Some(name) => format!(
                        "is of no use: preset {name} knows no signatures; remove it, and write secret or allow_from"
                    ),
                    None => {
                        "is of no use without signature; write signature: standard-webhooks or \
                             { header: X-Signature, over: body }"
                            .to_owned()
                    }
                };
                self.errors.add(&at.key("signing_key"), text);
            }
            Some(_) if raw.signature.is_some() && settings.signing_keys.is_empty() => {
                self.missing(
                    &at.key("signing_key"),
                    "the key that pushes are signed with",
                );
            }
            Some(scheme)
                if scheme.needs_url()
                    && self.public_url.is_none()
                    && (has_key || raw.signature.is_some()) =>
            {
                self.errors.add(
                    &at.key("signing_key"),
                    "needs web.public_url: the signature is over the URL; write it, as https://sms.example.com",
                );
            }
            Some(scheme)
                if scheme.needs_url()
                    && self.public_url.is_none()
                    && !settings.signing_keys.is_empty()
                    && settings.secret.is_none()
                    && settings.allow_from.is_empty() =>
            {
                self.warnings.add(
                    at,
                    "takes no received SMS and no receipts: their signature is over the URL; write \
                     web.public_url, as https://sms.example.com",
                );
            }
            Some(Scheme::Header(HeaderScheme {
                key: KeyForm::Base64 | KeyForm::Whsec,
                ..
            })) => self.coded(at, &settings.signing_keys),
            _ => {}
        }
    }

    fn coded(&mut self, at: &At, keys: &[Secret]) {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let is_coded = |key: &Secret| {
            let text = key.expose().trim_start_matches("whsec_");
            let octets = STANDARD.decode(text);
            // An empty one was said already; one with nothing behind its mark is known to everybody.
            octets.is_ok_and(|octets| !octets.is_empty() || key.expose().is_empty())
        };
        if !keys.iter().all(is_coded) {
            self.errors.add(
                &at.key("signing_key"),
                "is not base64; write it as the provider shows it",
            );
        }
    }

    /// Where the provider is told to push to.
    pub(super) fn hook_url(&self, id: &str, secret: Option<&Secret>) -> Option<String> {
        let public = self.public_url.as_ref()?;
        let secret = secret
            .map(Secret::expose)
            .filter(|secret| !secret.is_empty());
        let secret = secret.map(|secret| utf8_percent_encode(secret, RESERVED));
        Some(match secret {
            Some(secret) => format!("{public}/hooks/{id}/{secret}"),
            None => format!("{public}/hooks/{id}"),
        })
    }
}
