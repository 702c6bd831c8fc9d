//! What an SMS says of itself beside its text: TP-PID, TP-DCS, the user data header, and data that
//! are no text (TS 23.040 §9.2.3.9, §9.2.3.10, §9.2.3.24).
//!
//! Pure. Data longer than an SMS are cut here, each piece with the header that its sender gave and a
//! concatenation element in front of it.

use super::message::MAX_SEGMENTS;
use super::udh::{self, MAX_OCTETS};
use super::{Concat, Encoding, Segment, Shifts};

/// No message of 128 segments holds more.
pub const MAX_DATA: usize = MAX_SEGMENTS as usize * MAX_OCTETS;

/// How an SMS to a phone differs from an ordinary one. The default is an ordinary one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// TP-PID; 0 for every ordinary SMS.
    pub pid: u8,
    /// TP-DCS in the place of the one that fits the content.
    pub dcs: Option<u8>,
    /// The message class, 0 (flash) to 3, when its sender asked for one; never beside `dcs`.
    pub class: Option<u8>,
}

/// What an SMS from a phone said beside its text. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// TP-PID.
    pub pid: u8,
    /// TP-DCS; `None` when the gateway did not say.
    pub dcs: Option<u8>,
    /// The user data header with its length octet, as it came; empty: none.
    pub udh: Vec<u8>,
}

/// 8-bit data in the place of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// The data, all of them.
    pub data: Vec<u8>,
    /// The user data header with its length octet; empty: none.
    pub udh: Vec<u8>,
}

/// One SMS of a [`Payload`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its share of the data.
    pub data: Vec<u8>,
    /// The user data header with its length octet; empty: none.
    pub udh: Vec<u8>,
}

/// Why data cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Neither data nor a header.
    #[error("there are no data to send")]
    Empty,
    /// We cannot cut what says that it is cut.
    #[error(
        "{data} octets beside a user data header of {udh}: an SMS holds 140 in all, and the header \
         says that this is a part already; leave its element 00 or 08 out, or send at most {room}"
    )]
    Part {
        /// How many.
        data: usize,
        /// How many of them.
        udh: usize,
        /// How many fit beside it.
        room: usize,
    },
    /// The header is all an SMS holds.
    #[error("a user data header of {0} octets leaves no room for data; an SMS holds 140 in all")]
    NoRoom(usize),
    /// More than the limit.
    #[error("{0} octets of data take more than {MAX_SEGMENTS} SMS")]
    TooLong(usize),
}

impl Payload {
    /// The SMS that it takes; more than one are joined by the reference.
    pub fn cut(&self, reference: u8) -> Result<Vec<Piece>, PayloadError> {
        let (data, udh) = (&self.data, &self.udh);
        if data.is_empty() && udh.is_empty() {
            return Err(PayloadError::Empty);
        }
        if data.len() + udh.len() <= MAX_OCTETS {
            return Ok(vec![Piece {
                data: data.clone(),
                udh: udh.clone(),
            }]);
        }
        if udh::says_concat(udh) {
            return Err(PayloadError::Part {
                data: data.len(),
                udh: udh.len(),
                room: MAX_OCTETS.saturating_sub(udh.len()),
            });
        }
        let header = |part, parts| {
            let concat = Concat {
                reference: reference.into(),
                wide: false,
                part,
                parts,
            };
            udh::with_concat(udh, concat)
        };
        let room = MAX_OCTETS.saturating_sub(header(1, 1).len());
        if room == 0 {
            return Err(PayloadError::NoRoom(udh.len()));
        }
        let parts = u8::try_from(data.len().div_ceil(room)).ok();
        let parts = parts
            .filter(|&parts| parts <= MAX_SEGMENTS)
            .ok_or(PayloadError::TooLong(data.len()))?;
        let piece = |(part, data): (u8, &[u8])| Piece {
            data: data.to_vec(),
            udh: header(part, parts),
        };
        Ok((1..=parts).zip(data.chunks(room)).map(piece).collect())
    }
}

impl Piece {
    /// How it stands in a plan, beside the segments of texts.
    pub fn segment(&self) -> Segment {
        Segment {
            text: String::new(),
            encoding: Encoding::Binary,
            units: self.data.len(),
            concat: udh::concat(&self.udh),
            shifts: Shifts::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(data: usize, udh: &[u8], expected: Result<&[(usize, usize)], &str>) {
        let payload = Payload {
            data: vec![7; data],
            udh: udh.to_vec(),
        };
        let cut = payload.cut(0x2A).map_err(|e| e.to_string());
        let sizes = cut.map(|pieces| {
            let size = |p: &Piece| (p.udh.len(), p.data.len());
            pieces.iter().map(size).collect::<Vec<_>>()
        });
        let expected = expected.map(<[_]>::to_vec).map_err(str::to_owned);
        assert_eq!(sizes, expected, "{data} {udh:?}");
    }

    #[test]
    fn borders() {
        let ports = [6, 5, 4, 0x0B, 0x84, 0x23, 0xF0];
        check(140, &[], Ok(&[(0, 140)]));
        check(141, &[], Ok(&[(6, 134), (6, 7)]));
        check(268, &[], Ok(&[(6, 134), (6, 134)]));
        check(133, &ports, Ok(&[(7, 133)]));
        check(134, &ports, Ok(&[(12, 128), (12, 6)]));
        check(0, &ports, Ok(&[(7, 0)]));
        check(0, &[], Err("there are no data to send"));
        let part = [5, 0, 3, 1, 2, 1];
        check(134, &part, Ok(&[(6, 134)]));
        check(
            135,
            &part,
            Err(
                "135 octets beside a user data header of 6: an SMS holds 140 in all, and the header \
                 says that this is a part already; leave its element 00 or 08 out, or send at most 134",
            ),
        );
        let mut long = vec![134, 0x70, 132];
        long.extend([0; 132]);
        check(5, &long, Ok(&[(135, 5)]));
        check(
            6,
            &long,
            Err(
                "a user data header of 135 octets leaves no room for data; an SMS holds 140 in all",
            ),
        );
        check(
            134 * 128 + 1,
            &[],
            Err("17153 octets of data take more than 128 SMS"),
        );
    }

    proptest! {
        #[test]
        fn pieces_join_to_the_data(data: Vec<u8>, ports in any::<Option<[u8; 4]>>(), reference: u8) {
            let mut udh = Vec::new();
            if let Some(ports) = ports {
                udh.extend([6, 5, 4]);
                udh.extend(ports);
            }
            let payload = Payload { data: data.clone(), udh };
            let Ok(pieces) = payload.cut(reference) else { return Ok(()) };
            let joined: Vec<u8> = pieces.iter().flat_map(|piece| piece.data.clone()).collect();
            prop_assert_eq!(joined, data);
            for (index, piece) in pieces.iter().enumerate() {
                prop_assert!(piece.data.len() + piece.udh.len() <= MAX_OCTETS);
                let concat = udh::concat(&piece.udh);
                prop_assert_eq!(concat.is_some(), pieces.len() > 1);
                prop_assert!(concat.is_none_or(|c| usize::from(c.part) == index + 1));
                prop_assert_eq!(udh::ports(&piece.udh), udh::ports(&payload.udh));
            }
        }
    }
}
