//! What a text is of no use without: an admin's own must have it, in whatever words.
//!
//! Only what nobody could do without is here: who it is about, what was refused, the words of a mail that stand
//! nowhere else. Times and counts may be left out.

/// The fields that a text must have, by its key; a text that is not here needs none.
#[rustfmt::skip]
const NEEDS: &[(&str, &[&str])] = &[
    ("alarm-balance", &["gateway"]),
    ("alarm-down", &["gateway"]),
    ("alarm-limit", &["gateway"]),
    ("alarm-parked", &["gateway"]),
    ("alarm-storage", &["gateway"]),
    ("circle", &["account"]),
    ("disk-full", &["text"]),
    ("flood", &["parts", "worst"]),
    ("mail-not-posted", &["recipient", "why", "content"]),
    ("mail-refused", &["recipient", "why"]),
    ("mta-away", &["target", "why"]),
    ("mta-login", &["target", "why"]),
    ("mta-tls", &["target", "why"]),
    ("number-question", &["address"]),
    ("opted-in", &["number"]),
    ("opted-out", &["number"]),
    ("part-late", &["part", "parts"]),
    ("part-missing", &["part", "parts"]),
    ("parts-late", &["from", "to"]),
    ("parts-missing", &["from", "to"]),
    ("phonebook-changed", &["address", "now"]),
    ("phonebook-replaced", &["address"]),
    ("quota-credit", &["left"]),
    ("quota-month", &["left"]),
    ("reason-said", &["said"]),
    ("report-confirmed", &["number"]),
    ("report-cut", &["number"]),
    ("report-delivered", &["number"]),
    ("report-expired", &["number"]),
    ("report-failed", &["number", "reason"]),
    ("report-late", &["number"]),
    ("report-overdue", &["number"]),
    ("report-progress", &["sent", "parts"]),
    ("report-progress-unknown", &["sent", "parts", "unknown"]),
    ("report-undelivered", &["number", "reason"]),
    ("report-unknown", &["number"]),
    ("sms-forwarded-in-part", &["number"]),
    ("sms-from", &["from"]),
    ("sms-not-forwarded", &["number", "reason"]),
    ("sms-unreadable", &["gateway", "id"]),
    ("spending", &["what"]),
];

/// What a text must have.
pub(super) fn of(key: &str) -> &'static [&'static str] {
    let found = NEEDS.iter().find(|(name, _)| *name == key);
    found.map_or(&[], |(_, fields)| fields)
}

#[cfg(test)]
mod tests {
    use super::super::own::ours;
    use super::*;

    #[test]
    fn our_own_texts_have_what_is_needed() {
        let ours = ours();
        for (key, fields) in NEEDS {
            let variables = ours.get(*key).expect(key);
            for field in *fields {
                assert!(variables.contains(*field), "{key} lacks {field}");
            }
        }
    }
}
