//! The AT commands we ever write, and nothing else (threats T38).
//!
//! A command is a value of [`Ask`]; what goes into it has types that cannot hold a control octet or a
//! second command: digits of a [`Number`], a [`Pin`], a [`Tpdu`] in hex, an [`InitLine`] that was read
//! with suspicion. Commands of 3GPP TS 27.005 (SMS) and TS 27.007 (the rest).

use std::time::Duration;

pub use super::part::{InitLine, Memory, Pin, Tpdu};
use super::ussd;
use crate::sms::Number;

/// Ends a PDU and sends it (TS 27.005 §3.5.1).
pub const CTRL_Z: u8 = 0x1A;
/// Leaves text entry and sends nothing (TS 27.005 §3.5.1).
pub const ESC: u8 = 0x1B;

/// How the modem tells of new SMS and receipts (`+CNMI`, TS 27.005 §3.4.1): mode, mt, bm, ds, bfr.
/// `mt=1`: it stores an SMS and says where, so that nothing is lost when we crash. `ds`: what it does
/// with receipts; 1 at once, 2 stored, 0 none. The best come first.
pub(super) const NOTIFICATIONS: [&[u8]; 15] = [
    &[2, 1, 0, 1, 0],
    &[1, 1, 0, 1, 0],
    &[3, 1, 0, 1, 0],
    &[2, 1, 0, 1, 1],
    &[1, 1, 0, 1, 1],
    &[2, 1, 0, 2, 0],
    &[1, 1, 0, 2, 0],
    &[2, 1, 0, 2, 1],
    &[1, 1, 0, 2, 1],
    &[2, 1, 0, 0, 0],
    &[1, 1, 0, 0, 0],
    &[3, 1, 0, 0, 0],
    &[2, 1, 0, 0, 1],
    &[1, 1, 0, 0, 1],
    &[1, 1],
];

/// The same without storage, for modems that store nothing: only where the network waits for our
/// `AT+CNMA` (TS 27.005 §3.4.4), because else a crash of ours would lose an SMS.
pub(super) const DIRECT: [&[u8]; 3] = [&[2, 2, 0, 1, 0], &[1, 2, 0, 1, 0], &[2, 2, 0, 0, 0]];

/// The alphabet of texts on the line (TS 27.007 §5.5). It does not concern PDUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Characters {
    /// Of GSM: what we read and write is ASCII there, too.
    Gsm,
    /// ASCII.
    Ira,
    /// UCS-2 in hex.
    Ucs2,
}

impl Characters {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Characters::Gsm => "GSM",
            Characters::Ira => "IRA",
            Characters::Ucs2 => "UCS2",
        }
    }
}

/// A command.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// `AT`: is someone there?
    Attention,
    /// `ATE0`.
    EchoOff,
    /// `AT+CMEE=1`: errors as numbers.
    NumericErrors,
    /// `AT+CCID`: the SIM's number.
    SimId,
    /// `AT+ICCID`: the same in another dialect.
    SimIdOther,
    /// `AT^ICCID?`: the same in Huawei's.
    SimIdHuawei,
    /// `AT+CRSM=176,12258,0,0,10`: the same from the SIM's own file (EF_ICCID, ETSI TS 102 221 §13.2),
    /// which may be read before the PIN.
    SimIdFile,
    /// `AT+CGSN`: the modem's number (IMEI).
    Imei,
    /// `AT+CIMI`: the subscriber's number (IMSI); after the PIN.
    Imsi,
    /// `AT+CNUM`: the SIM's own telephone number, if somebody wrote it there.
    OwnNumber,
    /// `AT+CGMR`: the firmware.
    Revision,
    /// `AT+CFUN?`: is the radio on?
    Functions,
    /// `AT+CFUN=1`: the radio on.
    SwitchOn,
    /// `AT+CFUN=1,1`: the modem starts anew.
    Restart,
    /// `AT+CSCS=…`: the alphabet of names and of USSD.
    Characters(Characters),
    /// `AT+CPIN?`.
    PinState,
    /// `AT+CPINR="SIM PIN"`: how many tries are left.
    PinTries,
    /// `AT+CPIN="…"`.
    EnterPin(Pin),
    /// A line of the configuration.
    Extra(InitLine),
    /// `AT+CMGF=0`.
    PduMode,
    /// `AT+CMGF?`.
    IsPduMode,
    /// `AT+CSMS=1`: what comes without storage is acknowledged by us.
    AcknowledgeMyself,
    /// `AT+CMMS=2`: the link stays open between the parts of a message.
    KeepLink,
    /// `AT+CSMS?`: must SMS that come without storage be acknowledged?
    Service,
    /// `AT+CPMS=…`: read, write and receive there.
    Storage(Memory),
    /// `AT+CPMS=…`: read and delete there.
    Select(Memory),
    /// `AT+CPMS?`: how full is it?
    Room,
    /// `AT+CSCA=…`.
    SetCentre(Number),
    /// `AT+CSCA?`.
    Centre,
    /// `AT+CNMI=?`: which ways there are.
    Notifications,
    /// `AT+CNMI=…`, by its number: from 0 to [`Ask::NOTIFICATIONS`] it stores what it tells of.
    Notify(usize),
    /// `AT+CREG?`.
    Registration,
    /// `AT+CEREG?`, for modems that know LTE only.
    PacketRegistration,
    /// `AT+CGREG?`, for modems that say nothing to the other two.
    GprsRegistration,
    /// `AT+CSQ`.
    Signal,
    /// `AT+COPS=3,0`: the operator's name is to be the long one.
    OperatorNames,
    /// `AT+COPS?`.
    Operator,
    /// `AT+CBC`.
    Battery,
    /// `AT+CGMI`.
    Maker,
    /// `AT+CGMM`.
    Model,
    /// `AT+CMGS=…`, then the PDU.
    Submit(Tpdu),
    /// `AT+CMGL=4`: all that is stored.
    List,
    /// `AT+CMGR=…`.
    Read(u16),
    /// `AT+CMGD=…`.
    Delete(u16),
    /// `AT+CNMA`.
    Acknowledge,
    /// `AT+CUSD=1,…`: its answer is the network's, which comes after the `OK`.
    Ussd(ussd::Code, ussd::Form),
    /// `AT+CUSD=2`: gives an open USSD session up.
    UssdEnd,
}

/// Which lines belong to the answer of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Information {
    /// None.
    Nothing,
    /// Those that start so. `required`: an `OK` without one is the late answer to something else.
    Prefixed {
        prefix: &'static str,
        required: bool,
    },
    /// Those that start with one of these, and those that start like nothing a modem says unasked.
    Free(&'static [&'static str]),
}

impl Ask {
    /// How many ways of [`Ask::Notify`] there are that store.
    pub const NOTIFICATIONS: usize = NOTIFICATIONS.len();

    /// All that tell the SIM's number, in the order in which they are worth trying; read with
    /// [`super::reading::sim_id`].
    pub const SIM_ID: [Ask; 4] = [
        Ask::SimId,
        Ask::SimIdOther,
        Ask::SimIdHuawei,
        Ask::SimIdFile,
    ];

    /// The line, without its CR.
    pub fn line(&self) -> String {
        match self {
            Ask::Attention => "AT".into(),
            Ask::EchoOff => "ATE0".into(),
            Ask::NumericErrors => "AT+CMEE=1".into(),
            Ask::SimId => "AT+CCID".into(),
            Ask::SimIdOther => "AT+ICCID".into(),
            Ask::SimIdHuawei => "AT^ICCID?".into(),
            // 176: READ BINARY; 12258: 2FE2, EF_ICCID; ten octets.
            Ask::SimIdFile => "AT+CRSM=176,12258,0,0,10".into(),
            Ask::Imei => "AT+CGSN".into(),
            Ask::Imsi => "AT+CIMI".into(),
            Ask::Maker => "AT+CGMI".into(),
            Ask::Model => "AT+CGMM".into(),
            Ask::Revision => "AT+CGMR".into(),
            Ask::OwnNumber => "AT+CNUM".into(),
            Ask::Functions => "AT+CFUN?".into(),
            Ask::SwitchOn => "AT+CFUN=1".into(),
            Ask::Restart => "AT+CFUN=1,1".into(),
            Ask::Characters(set) => format!("AT+CSCS=\"{}\"", set.name()),
            Ask::PinState => "AT+CPIN?".into(),
            Ask::PinTries => "AT+CPINR=\"SIM PIN\"".into(),
            Ask::EnterPin(pin) => format!("AT+CPIN=\"{}\"", pin.expose()),
            Ask::Extra(line) => line.as_str().to_owned(),
            Ask::PduMode => "AT+CMGF=0".into(),
            Ask::IsPduMode => "AT+CMGF?".into(),
            Ask::Service => "AT+CSMS?".into(),
            Ask::AcknowledgeMyself => "AT+CSMS=1".into(),
            Ask::KeepLink => "AT+CMMS=2".into(),
            Ask::Storage(memory) => format!("AT+CPMS=\"{0}\",\"{0}\",\"{0}\"", memory.name()),
            Ask::Select(memory) => format!("AT+CPMS=\"{}\"", memory.name()),
            Ask::Room => "AT+CPMS?".into(),
            // 145: international, E.164 (TS 24.008 §10.5.4.7).
            Ask::SetCentre(number) => format!("AT+CSCA=\"{}\",145", number.as_str()),
            Ask::Centre => "AT+CSCA?".into(),
            Ask::Notifications => "AT+CNMI=?".into(),
            Ask::Notify(way) => {
                let fields: Vec<String> = way_of(*way).iter().map(u8::to_string).collect();
                format!("AT+CNMI={}", fields.join(","))
            }
            Ask::Registration => "AT+CREG?".into(),
            Ask::PacketRegistration => "AT+CEREG?".into(),
            Ask::GprsRegistration => "AT+CGREG?".into(),
            Ask::Signal => "AT+CSQ".into(),
            Ask::OperatorNames => "AT+COPS=3,0".into(),
            Ask::Operator => "AT+COPS?".into(),
            Ask::Battery => "AT+CBC".into(),
            Ask::Submit(tpdu) => format!("AT+CMGS={}", tpdu.length()),
            Ask::List => "AT+CMGL=4".into(),
            Ask::Read(index) => format!("AT+CMGR={index}"),
            Ask::Delete(index) => format!("AT+CMGD={index}"),
            Ask::Acknowledge => "AT+CNMA".into(),
            // 15: default alphabet, language unspecified (TS 23.038 §5).
            Ask::Ussd(code, form) => format!("AT+CUSD=1,\"{}\",15", form.write(code)),
            Ask::UssdEnd => "AT+CUSD=2".into(),
        }
    }

    /// How long its answer may take, when an ordinary one may take `timeout`.
    pub fn patience(&self, timeout: Duration) -> Duration {
        match self {
            // Reading a full SIM, opening one and asking the network take longer than an answer from
            // memory.
            Ask::List | Ask::EnterPin(_) | Ask::SwitchOn | Ask::Operator => timeout * 3,
            Ask::Ussd(..) => ussd::TIMEOUT.max(timeout),
            _ => timeout,
        }
    }

    /// A modem that does not answer to it may still send and receive.
    pub(super) fn is_optional(&self) -> bool {
        !matches!(
            self,
            Ask::Attention
                | Ask::EchoOff
                | Ask::PinState
                | Ask::EnterPin(_)
                | Ask::PduMode
                | Ask::IsPduMode
                | Ask::Storage(_)
                | Ask::Select(_)
                | Ask::SetCentre(_)
                | Ask::Registration
                | Ask::Submit(_)
                | Ask::List
                | Ask::Read(_)
                | Ask::Delete(_)
        )
    }

    pub(super) fn information(&self) -> Information {
        let (prefix, required) = match self {
            Ask::PinState => ("+CPIN:", true),
            Ask::PinTries => ("+CPINR:", true),
            Ask::IsPduMode => ("+CMGF:", true),
            Ask::Functions => ("+CFUN:", false),
            Ask::Service | Ask::AcknowledgeMyself => ("+CSMS:", false),
            Ask::Storage(_) | Ask::Select(_) | Ask::Room => ("+CPMS:", false),
            Ask::Centre => ("+CSCA:", false),
            Ask::Notifications => ("+CNMI:", false),
            Ask::Registration => ("+CREG:", false),
            Ask::PacketRegistration => ("+CEREG:", false),
            Ask::GprsRegistration => ("+CGREG:", false),
            Ask::Signal => ("+CSQ:", false),
            Ask::Operator => ("+COPS:", false),
            Ask::Battery => ("+CBC:", false),
            Ask::OwnNumber => ("+CNUM:", false),
            Ask::Submit(_) => ("+CMGS:", false),
            Ask::Ussd(..) => ("+CUSD:", true),
            Ask::SimId => return Information::Free(&["+CCID:"]),
            Ask::SimIdOther => return Information::Free(&["+ICCID:"]),
            Ask::SimIdHuawei => return Information::Free(&["^ICCID:"]),
            Ask::SimIdFile => return Information::Free(&["+CRSM:"]),
            Ask::Imei => return Information::Free(&["+CGSN:", "+GSN:"]),
            Ask::Imsi => return Information::Free(&["+CIMI:"]),
            Ask::Maker => return Information::Free(&["+CGMI:", "+GMI:"]),
            Ask::Model => return Information::Free(&["+CGMM:", "+GMM:"]),
            Ask::Revision => return Information::Free(&["+CGMR:", "+GMR:"]),
            _ => return Information::Nothing,
        };
        Information::Prefixed { prefix, required }
    }
}

/// The fields of a way of [`Ask::Notify`]: first those that store, then those that do not.
pub(super) fn way_of(way: usize) -> &'static [u8] {
    let direct = way.checked_sub(NOTIFICATIONS.len());
    match direct {
        None => NOTIFICATIONS[way],
        Some(direct) => DIRECT[direct % DIRECT.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_one_printable_line() {
        let code = ussd::Code::parse("*100#").expect("code");
        for (ask, expected) in [
            (Ask::Imei, "AT+CGSN"),
            (Ask::SimIdFile, "AT+CRSM=176,12258,0,0,10"),
            (Ask::Characters(Characters::Gsm), "AT+CSCS=\"GSM\""),
            (Ask::Notify(0), "AT+CNMI=2,1,0,1,0"),
            (Ask::Notify(14), "AT+CNMI=1,1"),
            (Ask::Notify(15), "AT+CNMI=2,2,0,1,0"),
            (
                Ask::Ussd(code.clone(), ussd::Form::Plain),
                "AT+CUSD=1,\"*100#\",15",
            ),
            (
                Ask::Ussd(code.clone(), ussd::Form::Packed),
                "AT+CUSD=1,\"AA180C3602\",15",
            ),
            (
                Ask::Ussd(code, ussd::Form::Ucs2),
                "AT+CUSD=1,\"002A0031003000300023\",15",
            ),
        ] {
            assert_eq!(ask.line(), expected);
        }
    }
}
