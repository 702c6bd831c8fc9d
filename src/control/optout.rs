//! The list of phones that want no SMS, at the desk: shown, added to, taken from. Every change is a line in
//! the log.
//!
//! Limit: [`MAX_NOTE`].

use serde_json::{Value, json};

use super::{Desk, Refused};
use crate::store::optout::{By, OptOut};

/// A note is a line: "by phone on Monday, asked by his wife".
const MAX_NOTE: usize = 200;

impl Desk {
    /// `optout list`.
    pub(super) async fn opt_outs(&self) -> Result<Vec<Value>, Refused> {
        let all = self.outbound.store.opt_outs().await?;
        Ok(all.iter().map(shown).collect())
    }

    /// `optout add`.
    pub(super) async fn opt_out(
        &self,
        number: &str,
        note: Option<String>,
    ) -> Result<Vec<Value>, Refused> {
        let phone = self.number(number)?;
        let note = note.filter(|note| !note.trim().is_empty());
        let is_line =
            |note: &String| note.chars().count() <= MAX_NOTE && !note.contains(char::is_control);
        if !note.as_ref().is_none_or(is_line) {
            let text = format!("--note: write one line of {MAX_NOTE} characters at most");
            return Err(Refused::Usage(text));
        }
        let outbound = &self.outbound;
        let opt_out = OptOut {
            phone: phone.clone(),
            since: outbound.world.now(),
            by: By::Admin,
            note,
            confirmation: None,
        };
        let line = shown(&opt_out);
        if !outbound.store.opt_out(opt_out).await? {
            let text = format!("{phone} is on the list already; optout list shows it");
            return Err(Refused::Unavailable(text));
        }
        tracing::info!(number = ?phone, by = "admin", event = "opted-out");
        // What was queued before is to be looked at, too.
        outbound.wake();
        Ok(vec![line])
    }

    /// `optout remove`.
    pub(super) async fn opt_in(&self, number: &str) -> Result<Vec<Value>, Refused> {
        let phone = self.number(number)?;
        match self.outbound.store.opt_in(&phone).await? {
            Some(was) => {
                tracing::info!(number = ?phone, by = "admin", event = "opted-in");
                Ok(vec![shown(&was)])
            }
            None => Err(Refused::Unavailable(format!("{phone} is not on the list"))),
        }
    }
}

fn shown(opt_out: &OptOut) -> Value {
    let mut line = json!({
        "number": opt_out.phone.as_str(), "since": opt_out.since.to_string(), "by": "admin",
        "word": null, "gateway": null, "ours": null, "note": opt_out.note,
    });
    if let By::Phone {
        gateway,
        ours,
        word,
    } = &opt_out.by
    {
        line["by"] = "phone".into();
        line["word"] = word.as_str().into();
        line["gateway"] = gateway.as_str().into();
        line["ours"] = ours.as_ref().map(|ours| ours.as_str()).into();
    }
    line
}
