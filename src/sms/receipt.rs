//! What a network says, later, of a segment it took (delivery report, DLR).

/// The last word, or a word in between, on one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Receipt {
    /// The phone has it.
    Delivered,
    /// The network still tries.
    Pending,
    /// The network gave up; the number is TP-ST (TS 23.040 §9.2.3.15) or the provider's code.
    Failed(u16),
}

impl Receipt {
    /// Reads a TP-Status octet (TS 23.040 §9.2.3.15): 0x00–0x1F done, 0x20–0x3F still trying,
    /// 0x40 and up given up.
    pub fn from_tp_status(octet: u8) -> Self {
        match octet {
            0x00..=0x1F => Receipt::Delivered,
            0x20..=0x3F => Receipt::Pending,
            _ => Receipt::Failed(octet.into()),
        }
    }
}
