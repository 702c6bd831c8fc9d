//! From a submission to the request that the templates make of it.

use reqwest::header::CONTENT_TYPE;

use super::{Http, Idempotency, Method};
use crate::gateway::{Body, Outcome, Refusal, Submission};
use crate::sms::{Encoding, udh};
use crate::wire::template::{Data, Template, Values};

impl Http {
    /// Makes the request of a submission, all but a token; a submission that makes none is refused.
    pub(super) fn request(&self, submission: &Submission) -> Result<reqwest::Request, Outcome> {
        // The configuration may have changed since it was planned.
        if let Some(what) = self.settings.common.carries.lacks(submission.needs()) {
            return Err(Outcome::Refused {
                class: Refusal::Route,
                reason: format!("{} cannot carry {what}", self.settings.common.id),
            });
        }
        let id = name(submission);
        let udh = header(&submission.body);
        let values = self.values(submission, &id, &udh);
        let never = |reason: String| Outcome::Refused {
            class: Refusal::Never,
            reason,
        };
        let render = |template: &Template| {
            let rendered = template.render_text(&values);
            rendered.map_err(|e| never(e.to_string()))
        };
        let url = render(&self.settings.url)?;
        let mut request = match self.settings.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
            Method::Put => self.client.put(url),
        };
        if let Some(Idempotency::Header(name)) = &self.settings.idempotency {
            request = request.header(name, &id);
        }
        for (name, template) in &self.headers {
            request = request.header(name, render(template)?);
        }
        if let Some(payload) = &self.settings.payload {
            let body = payload.template.render(&values);
            let body = body.map_err(|e| never(e.to_string()))?;
            request = request
                .header(CONTENT_TYPE, &payload.content_type)
                .body(body);
        } else if self.settings.method != Method::Get {
            request = request.body("");
        }
        request
            .headers(self.credentials.clone())
            .build()
            .map_err(|_| Outcome::Refused {
                class: Refusal::Ours,
                reason: "the templates make no valid request of this message".to_owned(),
            })
    }

    fn values<'a>(&'a self, submission: &'a Submission, id: &'a str, udh: &'a [u8]) -> Values<'a> {
        let number = self.settings.common.number.as_ref();
        let sender = submission.sender_id.as_deref();
        let sender = sender.or(number.map(|n| n.as_str())).unwrap_or_default();
        let text = |text: &'a str, encoding| match encoding {
            Encoding::Gsm7 => Data::Ascii(text),
            Encoding::Ucs2 => Data::Unicode(text),
            Encoding::Binary => Data::Binary(text.as_bytes()),
        };
        let (data, encoding, parts) = match &submission.body {
            Body::Segment(segment) => (text(&segment.text, segment.encoding), segment.encoding, 1),
            Body::Whole {
                text: whole,
                encoding,
                segments,
            } => (text(whole, *encoding), *encoding, *segments),
            Body::Binary { data, .. } => (Data::Binary(data), Encoding::Binary, 1),
        };
        Values {
            number: submission.number.as_str(),
            data,
            udh,
            pid: submission.attributes.pid,
            dcs: submission.dcs(encoding),
            sender,
            sender_phonealias: sender,
            parts,
            msgid: id,
            from: "",
        }
    }
}

/// What we call it. One request a segment, and providers take an id for the same request. Numbered parts
/// have no header to be told by.
pub(super) fn name(submission: &Submission) -> String {
    let is_part = match &submission.body {
        Body::Segment(segment) => segment.concat.is_some() || submission.part > 0,
        Body::Binary { udh, .. } => udh::concat(udh).is_some() || submission.part > 0,
        Body::Whole { .. } => false,
    };
    match is_part {
        true => format!("{}-{}", submission.id, submission.part + 1),
        false => submission.id.to_string(),
    }
}

/// The user data header without its length octet.
fn header(body: &Body) -> Vec<u8> {
    let udh = match body {
        Body::Segment(segment) => segment.concat.map(|concat| concat.udh()),
        Body::Whole { .. } => None,
        Body::Binary { udh, .. } => Some(udh.clone()),
    };
    udh.and_then(|udh| udh.get(1..).map(<[u8]>::to_vec))
        .unwrap_or_default()
}
