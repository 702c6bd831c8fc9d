//! What a network says, later, of a segment it took (status report, delivery report, DLR).

/// The last word, or a word in between, on one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Receipt {
    /// The phone has it.
    Delivered,
    /// The network still tries.
    Pending,
    /// The network gave up; TP-ST (TS 23.040 §9.2.3.15).
    Failed(u16),
    /// The provider gave up; its own code, 0 when it named none.
    GivenUp(u16),
}

/// What a reserved value means (TS 23.040 §9.2.3.15): no more attempts, "Service rejected".
const RESERVED: (Meaning, &str) = (
    Meaning::Failed,
    "the network rejected it, with a status that no standard knows",
);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Done,
    Trying,
    Failed,
}

impl Receipt {
    /// Reads a TP-Status octet (TS 23.040 §9.2.3.15).
    pub fn from_tp_status(octet: u8) -> Self {
        match status(octet).0 {
            Meaning::Done => Receipt::Delivered,
            Meaning::Trying => Receipt::Pending,
            Meaning::Failed => Receipt::Failed(octet.into()),
        }
    }

    /// Whether nothing else will follow.
    pub fn is_last(self) -> bool {
        self != Receipt::Pending
    }

    /// Why it failed, for people; `None` when it did not.
    pub fn failure(self) -> Option<String> {
        match self {
            Receipt::Delivered | Receipt::Pending => None,
            Receipt::Failed(code) => match u8::try_from(code).map(status) {
                Ok((Meaning::Failed, words)) => Some(format!("{words} (status 0x{code:02X})")),
                // A provider's code that an earlier version kept.
                _ => Some(given_up(code)),
            },
            Receipt::GivenUp(code) => Some(given_up(code)),
        }
    }
}

/// What a TP-Status octet says, in words for people.
pub fn status_name(octet: u8) -> &'static str {
    status(octet).1
}

fn given_up(code: u16) -> String {
    match code {
        // No network's: what another sms-milter says (`wire::push`).
        u16::MAX => "it may have been sent all the same, nobody knows; ask whether it has arrived \
                     before you send it again"
            .to_owned(),
        0 => "the provider could not deliver it".to_owned(),
        _ => format!("the provider could not deliver it (its code {code})"),
    }
}

/// What TP-ST says, in the order of §9.2.3.15, and in words for people.
fn status(octet: u8) -> (Meaning, &'static str) {
    use Meaning::{Done, Failed, Trying};
    match octet {
        // Transaction completed.
        0x00 => (Done, "the phone has it"),
        0x01 => (Done, "it was handed to the phone, which did not confirm it"),
        0x02 => (Done, "a later SMS replaced it"),
        0x10..=0x1F => (Done, "the network is done with it"),
        // Temporary error, still trying.
        0x20 => (Trying, "the network is congested"),
        0x21 => (Trying, "the phone is busy"),
        0x22 => (Trying, "the phone does not respond"),
        0x23 => (Trying, "the network rejected it for now"),
        0x24 => (Trying, "the network lacks the quality of service for now"),
        0x25 => (Trying, "the phone has an error"),
        0x30..=0x3F => (Trying, "the network still tries"),
        // Permanent error, no more attempts.
        0x40 => (Failed, "the network failed (remote procedure error)"),
        0x41 => (
            Failed,
            "the phone cannot take such an SMS (incompatible destination)",
        ),
        0x42 => (Failed, "the phone refused it"),
        0x43 => (Failed, "the number cannot be obtained"),
        0x44 => (Failed, "the network lacks the quality of service"),
        0x45 => (
            Failed,
            "there is no way from this network to that of the phone",
        ),
        0x46 => (Failed, "the phone was not reached before the SMS expired"),
        0x47 => (Failed, "the sender deleted it"),
        0x48 => (Failed, "the network's operator deleted it"),
        0x49 => (Failed, "the network does not know it any more"),
        0x50..=0x5F => (Failed, "the network gave up for a reason of its own"),
        // Temporary error, no more attempts.
        0x60 => (Failed, "the network was congested"),
        0x61 => (Failed, "the phone was busy"),
        0x62 => (Failed, "the phone did not respond"),
        0x63 => (Failed, "the network rejected it"),
        0x64 => (Failed, "the network lacked the quality of service"),
        0x65 => (Failed, "the phone had an error"),
        0x70..=0x7F => (Failed, "the network gave up for a reason of its own"),
        0x03..=0x0F | 0x26..=0x2F | 0x4A..=0x4F | 0x66..=0x6F | 0x80..=0xFF => RESERVED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_one_of_three() {
        let of = |meaning| {
            (0..=0xFF)
                .filter(|octet| status(*octet).0 == meaning)
                .count()
        };
        assert_eq!(
            (of(Meaning::Done), of(Meaning::Trying), of(Meaning::Failed)),
            (19, 22, 215)
        );
        for octet in 0..=0xFF {
            let receipt = Receipt::from_tp_status(octet);
            let failed = matches!(receipt, Receipt::Failed(code) if code == u16::from(octet));
            assert_eq!(failed, receipt.failure().is_some(), "{octet:#04x}");
            assert_eq!(receipt.is_last(), status(octet).0 != Meaning::Trying);
        }
    }

    #[test]
    fn failures_are_told_in_words() {
        let check = |receipt: Receipt, expected: &str| {
            assert_eq!(receipt.failure().as_deref(), Some(expected));
        };
        let status = Receipt::from_tp_status;
        check(
            status(0x46),
            "the phone was not reached before the SMS expired (status 0x46)",
        );
        check(status(0x62), "the phone did not respond (status 0x62)");
        check(
            status(0x0F),
            "the network rejected it, with a status that no standard knows (status 0x0F)",
        );
        check(Receipt::GivenUp(0), "the provider could not deliver it");
        check(
            Receipt::GivenUp(70),
            "the provider could not deliver it (its code 70)",
        );
        check(
            Receipt::Failed(30003),
            "the provider could not deliver it (its code 30003)",
        );
    }
}
