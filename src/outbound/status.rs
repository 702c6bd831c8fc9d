//! Which enhanced status code (RFC 3463) a report gives for what became of a message. Pure.
//!
//! The codes are our judgement, as no gateway names any: a network's own code decides where it tells enough
//! (TP-ST, RP-cause), else the cause. The reason in words stands beside it in every report.

use super::cause::Cause;
use crate::sms::Receipt;
use crate::store::{Message, Reason};

/// The status of a message that ended so, or is late.
pub(super) fn of(message: &Message, cause: Cause) -> &'static str {
    match cause {
        // RFC 3463 §3.2: the address is valid.
        Cause::Delivered => "2.1.5",
        // RFC 3886 §3.3.4: handed to a system that says no more.
        Cause::Confirmed | Cause::Overdue => "2.1.9",
        // §3.5: delivery time expired; of what may still arrive it is not for ever.
        Cause::Late => "4.4.7",
        Cause::Expired => "5.4.7",
        // §3.5: no answer.
        Cause::Unknown => "5.4.1",
        Cause::Failed => refused(message),
        Cause::Undelivered => undelivered(message),
    }
}

/// Refused for good: by a network, by none that could have carried it, or by ourselves.
fn refused(message: &Message) -> &'static str {
    let reason = message
        .error
        .as_ref()
        .map(Reason::to_string)
        .unwrap_or_default();
    match (&message.refused_by, rp_cause(&reason)) {
        (_, Some(code)) => code,
        (Some(gateway), None) if message.avoided.contains(gateway) => "5.4.4",
        // §3.2: something about the address.
        (Some(_), None) => "5.1.0",
        // Also as versions before kept it.
        (None, None) if reason.starts_with("no gateway") => "5.4.4",
        // §3.8: policy, that of this host.
        (None, None) => "5.7.1",
    }
}

/// What RP-cause says (TS 24.011 Annex E-2), as the modem's `CMS ERROR n` has it.
fn rp_cause(reason: &str) -> Option<&'static str> {
    let (_, rest) = reason.split_once("CMS ERROR ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(match digits.parse::<u16>().ok()? {
        // Unassigned number; unidentified and unknown subscriber.
        1 | 28 | 30 => "5.1.1",
        // Barred by the operator, by the subscriber; not subscribed, not allowed.
        8 | 10 | 29 | 50 => "5.7.1",
        // The destination is out of order.
        27 => "5.2.1",
        _ => return None,
    })
}

/// The network took it and gave up: TP-ST (TS 23.040 §9.2.3.15) of the part that says most.
fn undelivered(message: &Message) -> &'static str {
    let codes = message.parts.iter().filter_map(|part| match part.receipt {
        Some(Receipt::Failed(code)) => Some(match code {
            // Incompatible destination: it takes no such thing.
            0x41 => "5.2.0",
            0x42 => "5.7.1",
            0x43 => "5.1.1",
            0x45 => "5.4.4",
            0x46 => "5.4.7",
            // Busy, not responding, an error of the phone.
            0x61 | 0x62 | 0x65 => "5.2.0",
            _ => "5.0.0",
        }),
        Some(Receipt::GivenUp(_)) => Some("5.0.0"),
        _ => None,
    });
    codes.max_by_key(|code| *code != "5.0.0").unwrap_or("5.0.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modems_code_tells_why() {
        for (reason, expected) in [
            ("CMS ERROR 1 (unassigned number)", Some("5.1.1")),
            ("the modem said CMS ERROR 8 (barred)", Some("5.7.1")),
            ("CMS ERROR 38 (network out of order)", None),
            ("CMS ERROR 99999999", None),
            ("CMS ERROR ", None),
            ("HTTP 400", None),
        ] {
            assert_eq!(rp_cause(reason), expected, "{reason}");
        }
    }
}
