//! What is in the lines of an answer.
//!
//! Every function takes the lines as they came and never fails: what is not there, or not as the
//! standard has it, is `None`.

use crate::sms::Number;

/// What a modem said of its network (TS 27.007 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// It may send and receive.
    Registered,
    /// It looks for one, or does not say.
    Searching,
    /// It was refused.
    Denied,
    /// It does not look for one.
    Off,
}

/// What a modem draws its power from, and how much there is (TS 27.007 §8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Battery {
    /// It runs on its battery alone.
    pub alone: bool,
    /// Percent.
    pub level: u8,
}

/// The first number behind a prefix.
pub fn first_number(lines: &[String], prefix: &str) -> Option<u16> {
    let rest = lines.iter().find_map(|line| line.strip_prefix(prefix))?;
    rest.trim().split([',', ' ']).next()?.parse().ok()
}

/// `+CREG: <n>,<stat>…`; a notification has the place, in quotes, where the answer has its state.
fn registration(lines: &[String], prefix: &str) -> Option<u8> {
    let stat = |line: &String| -> Option<u8> {
        let mut fields = line.strip_prefix(prefix)?.split(',').map(str::trim);
        fields.next()?.parse::<u8>().ok()?;
        fields.next()?.parse().ok()
    };
    lines.iter().rev().find_map(stat)
}

/// What is behind `+CREG:`, `+CGREG:` or `+CEREG:`.
pub fn network(lines: &[String], prefix: &str) -> Option<Network> {
    match registration(lines, prefix)? {
        // Home, roaming; 6 and 7: SMS only; 9 and 10: fallback not preferred.
        1 | 5 | 6 | 7 | 9 | 10 => Some(Network::Registered),
        0 => Some(Network::Off),
        3 => Some(Network::Denied),
        _ => Some(Network::Searching),
    }
}

/// Registered, but not at home.
pub fn is_roaming(lines: &[String], prefix: &str) -> bool {
    matches!(registration(lines, prefix), Some(5 | 7 | 10))
}

/// The operator's name, or its number, in `+COPS: <mode>[,<format>,"<name>"[,<act>]]`.
pub fn operator(lines: &[String]) -> Option<String> {
    let said = lines.iter().find_map(|line| line.strip_prefix("+COPS:"))?;
    let name = said.split('"').nth(1)?.trim();
    shown(&from_ucs2(name).unwrap_or_else(|| name.to_owned()))
}

/// A name that came as UCS-2 in hex, as modems give it that do not leave that alphabet.
fn from_ucs2(name: &str) -> Option<String> {
    let fits = name.len() >= 8 && name.len().is_multiple_of(4) && name.starts_with("00");
    let units = name.as_bytes().chunks(4).map(|unit| {
        let unit = std::str::from_utf8(unit).ok()?;
        u16::from_str_radix(unit, 16).ok()
    });
    let units: Vec<u16> = units.collect::<Option<_>>().filter(|_| fits)?;
    String::from_utf16(&units).ok()
}

/// `+CBC: <bcs>,<bcl>[,<millivolts>]`; `None` when there is no battery, or nobody knows.
pub fn battery(lines: &[String]) -> Option<Battery> {
    let said = lines.iter().find_map(|line| line.strip_prefix("+CBC:"))?;
    let mut fields = said.split(',').map(str::trim);
    let source: u8 = fields.next()?.parse().ok()?;
    let level: u8 = fields.next()?.parse().ok()?;
    let known = source <= 1 && level <= 100;
    known.then_some(Battery {
        alone: source == 0,
        level,
    })
}

/// The signal in `+CSQ: <rssi>,<ber>`: 0–31, 31 is the best (TS 27.007 §8.5).
pub fn signal(lines: &[String]) -> Option<u8> {
    let said = first_number(lines, "+CSQ:")?;
    u8::try_from(said).ok().filter(|n| *n <= 31)
}

/// How many characters of a name are shown.
const MAX_NAME: usize = 60;

/// What is worth showing of a name.
fn shown(name: &str) -> Option<String> {
    let name = name.trim().trim_matches('"').trim();
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME)
        .collect();
    (!name.is_empty()).then_some(name)
}

/// A maker, model or revision: the first line of the answer, without the command's name before it.
pub fn name(lines: &[String]) -> Option<String> {
    lines.iter().find_map(|line| {
        let named = line.strip_prefix('+').and_then(|rest| rest.split_once(':'));
        shown(named.map_or(line.as_str(), |(_, name)| name))
    })
}

/// The modem's number: 14 to 17 digits (TS 23.003 §6.2).
pub fn imei(lines: &[String]) -> Option<String> {
    number(lines, 14, 17)
}

/// The subscriber's number: 6 to 15 digits (TS 23.003 §2.2).
pub fn imsi(lines: &[String]) -> Option<String> {
    number(lines, 6, 15)
}

fn number(lines: &[String], least: usize, most: usize) -> Option<String> {
    let words = words(lines);
    let fits = |word: &&str| {
        (least..=most).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit())
    };
    words.into_iter().find(fits).map(str::to_owned)
}

fn words(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .flat_map(|line| line.split([' ', ':', '"', ',']))
        .collect()
}

/// What the SIM wants: `READY`, `SIM PIN`, `SIM PUK`, …
pub fn sim_state(lines: &[String]) -> Option<&str> {
    let said = lines.iter().find_map(|line| line.strip_prefix("+CPIN:"))?;
    Some(said.trim().trim_matches('"'))
}

/// The SIM's number: 18 to 22 digits somewhere in an answer (ITU-T E.118), `F` pads an odd number of
/// them. All of them begin with 89; where the file itself is read, and in some modems everywhere, the
/// digits of each pair are swapped.
pub fn sim_id(lines: &[String]) -> Option<String> {
    let digits = |word: &str| {
        let word = word.trim_end_matches(['F', 'f']);
        let fits = (18..=22).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| word.to_owned())
    };
    let swapped = |word: &str| -> Option<String> {
        let pairs = word.as_bytes().chunks(2).flat_map(|pair| pair.iter().rev());
        let word: String = pairs.map(|&digit| char::from(digit)).collect();
        digits(&word)
    };
    let of_file = lines.iter().any(|line| line.starts_with("+CRSM:"));
    words(lines).into_iter().find_map(|word| {
        if of_file || word.starts_with("98") {
            return swapped(word);
        }
        digits(word)
    })
}

/// `+CPINR: SIM PIN,<left>[,<of>]` (TS 27.007 §8.65).
pub fn tries_left(lines: &[String]) -> Option<u8> {
    let said = lines.iter().find_map(|line| {
        let (code, rest) = line.strip_prefix("+CPINR:")?.split_once(',')?;
        (code.trim().trim_matches('"') == "SIM PIN").then_some(rest)
    })?;
    said.split(',').next()?.trim().parse().ok()
}

/// The SIM's own number in `+CNUM: [<alpha>],"<number>",<type>` (TS 27.007 §7.1), when it is
/// international (type 145).
pub fn own_number(lines: &[String]) -> Option<Number> {
    let number = |line: &String| {
        let mut fields = line.strip_prefix("+CNUM:")?.rsplit(',').map(str::trim);
        // Behind the type some tell speed and service.
        let (mut kind, mut number) = (fields.next()?, fields.next()?);
        while !number.starts_with('"') {
            (kind, number) = (number, fields.next()?);
        }
        let number = number.trim_matches('"');
        let known = kind == "145" || number.starts_with('+');
        Number::from_network(number).filter(|_| known)
    };
    lines.iter().find_map(number)
}

/// The number in `+CSCA: "<number>",<type>`.
pub fn centre(lines: &[String]) -> Option<&str> {
    let said = lines.iter().find_map(|line| line.strip_prefix("+CSCA:"))?;
    Some(said.split(',').next()?.trim().trim_matches('"'))
}

/// `+CPMS: "SM",<used>,<total>,…` (read form).
pub fn room(lines: &[String]) -> Option<(u16, u16)> {
    let said = lines.iter().find_map(|line| line.strip_prefix("+CPMS:"))?;
    let mut fields = said.split(',').map(str::trim).skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// What `AT+CNMI=?` says of each field of `+CNMI`: `(0-3),(0,1),…` (TS 27.005 §3.4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ways(Vec<Vec<(u8, u8)>>);

impl Ways {
    /// Reads them; `None` when that is not what the lines hold.
    pub fn read(lines: &[String]) -> Option<Self> {
        let said = lines.iter().find_map(|line| line.strip_prefix("+CNMI:"))?;
        let range = |range: &str| -> Option<(u8, u8)> {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
        };
        let field = |field: &str| field.split(',').map(range).collect::<Option<Vec<_>>>();
        let fields = said.split('(').skip(1);
        let fields = fields.map(|rest| field(rest.split(')').next().unwrap_or("")));
        let fields: Vec<_> = fields.collect::<Option<_>>()?;
        (!fields.is_empty()).then_some(Self(fields))
    }

    /// The modem has that way: every field is among its values. What it does not list it may have.
    pub fn allow(&self, way: &[u8]) -> bool {
        let pairs = way.iter().zip(&self.0);
        pairs
            .into_iter()
            .all(|(value, ranges)| ranges.iter().any(|(a, b)| (a..=b).contains(&value)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn reads_registrations() {
        for (text, expected) in [
            ("+CREG: 0,1", Some(Network::Registered)),
            ("+CREG: 2,5,\"00A1\",\"B2\"", Some(Network::Registered)),
            ("+CREG: 0,6", Some(Network::Registered)),
            ("+CREG: 0,2", Some(Network::Searching)),
            ("+CREG: 0,3", Some(Network::Denied)),
            ("+CREG: 0,0", Some(Network::Off)),
            ("+CREG: 1", None),
            ("+CREG: 1,\"00A1\",\"B2\"", None),
            ("+CREG: 0,2|+CREG: 1", Some(Network::Searching)),
            ("+CREG: x", None),
            ("", None),
        ] {
            assert_eq!(network(&lines(text), "+CREG:"), expected, "{text}");
        }
    }

    #[test]
    fn reads_what_else_modems_say() {
        let id = |text| sim_id(&lines(text));
        assert_eq!(
            id("+CCID: \"89420020000000000123\"").as_deref(),
            Some("89420020000000000123")
        );
        assert_eq!(
            id("8942002000000000012F").as_deref(),
            Some("8942002000000000012")
        );
        assert_eq!(
            id("+ICCID: 89420020000000000123").as_deref(),
            Some("89420020000000000123")
        );
        assert_eq!(id("E220|123"), None);
        assert_eq!(tries_left(&lines("+CPINR: SIM PIN,2,3")), Some(2));
        assert_eq!(tries_left(&lines("+CPINR: SIM PUK,10,10")), None);
        assert_eq!(
            centre(&lines("+CSCA: \"+15550001111\",145")),
            Some("+15550001111")
        );
        assert_eq!(centre(&lines("+CSCA: \"\",129")), Some(""));
        assert_eq!(centre(&lines("")), None);
        for (text, expected) in [
            ("+CNUM: ,\"+15550002222\",145", Some("+15550002222")),
            (
                "+CNUM: \"My, own\",\"15550002222\",145,7,4",
                Some("+15550002222"),
            ),
            ("+CNUM: \"\",\"5550002222\",129", None),
            (
                "+CNUM: ,\"\",129|+CNUM: ,\"+15550002222\",145",
                Some("+15550002222"),
            ),
            ("+CNUM: 1", None),
            ("", None),
        ] {
            let number = own_number(&lines(text));
            assert_eq!(number.as_ref().map(Number::as_str), expected, "{text}");
        }
        assert_eq!(
            room(&lines("+CPMS: \"SM\",3,20,\"SM\",3,20,\"SM\",3,20")),
            Some((3, 20))
        );
        assert_eq!(first_number(&lines("+CSQ: 17,99"), "+CSQ:"), Some(17));
        assert_eq!(first_number(&lines("+CSQ: ,"), "+CSQ:"), None);
    }

    #[test]
    fn reads_what_it_is() {
        for (text, expected) in [
            ("huawei", Some("huawei")),
            ("+CGMI: \"Sierra\"", Some("Sierra")),
            ("|  | SIMCOM_Ltd ", Some("SIMCOM_Ltd")),
            ("", None),
        ] {
            assert_eq!(name(&lines(text)).as_deref(), expected, "{text}");
        }
        for (text, expected) in [
            ("356938035643809", Some("356938035643809")),
            ("+CGSN: \"356938035643809\"", Some("356938035643809")),
            ("356938035643809,353", Some("356938035643809")),
            ("12345", None),
            ("ERROR", None),
        ] {
            assert_eq!(imei(&lines(text)).as_deref(), expected, "{text}");
        }
        assert_eq!(
            imsi(&lines("262011234567890")).as_deref(),
            Some("262011234567890")
        );
        assert_eq!(imsi(&lines("+CIMI: 26201")), None);
        for text in [
            "+CRSM: 144,0,\"98942000000000102143\"",
            "+CRSM: 144,0,98942000000000102143",
            "^ICCID: 98942000000000102143",
            "^ICCID: 89490200000000011234",
        ] {
            assert_eq!(
                sim_id(&lines(text)).as_deref(),
                Some("89490200000000011234"),
                "{text}"
            );
        }
        assert_eq!(
            sim_id(&lines("+CRSM: 144,0,\"984902000000001021F3\"")).as_deref(),
            Some("8994200000000001123")
        );
        assert_eq!(sim_id(&lines("+CRSM: 105,130,\"\"")), None);
    }

    #[test]
    fn reads_how_it_is() {
        assert!(is_roaming(&lines("+CREG: 0,5"), "+CREG:"));
        assert!(!is_roaming(&lines("+CREG: 0,1"), "+CREG:"));
        for (text, expected) in [
            ("+COPS: 0,0,\"Example Net\",2", Some("Example Net")),
            ("+COPS: 0,2,\"26201\"", Some("26201")),
            ("+COPS: 0,0,\"0045007800610070\"", Some("Exap")),
            ("+COPS: 0,0,\"\"", None),
            ("+COPS: 0", None),
        ] {
            assert_eq!(operator(&lines(text)).as_deref(), expected, "{text}");
        }
        let percent = |text| battery(&lines(text)).map(|battery| (battery.alone, battery.level));
        assert_eq!(percent("+CBC: 0,78,3900"), Some((true, 78)));
        assert_eq!(percent("+CBC: 1,100"), Some((false, 100)));
        assert_eq!(percent("+CBC: 2,0"), None);
        assert_eq!(percent("+CBC: 0,200"), None);
        assert_eq!(signal(&lines("+CSQ: 31,99")), Some(31));
        assert_eq!(signal(&lines("+CSQ: 99,99")), None);
    }

    #[test]
    fn reads_the_ways_of_telling() {
        let ways = |text| Ways::read(&lines(text)).expect("ways");
        let all = ways("+CNMI: (0-3),(0-3),(0,2,3),(0-2),(0,1)");
        assert!(all.allow(&[2, 1, 0, 1, 0]) && all.allow(&[1, 1]));
        let few = ways("+CNMI: (0,1),(0-1),(0),(0,2),(1)");
        assert!(few.allow(&[1, 1, 0, 2, 1]));
        for way in [&[2, 1, 0, 2, 1][..], &[1, 1, 0, 1, 1], &[1, 1, 0, 2, 0]] {
            assert!(!few.allow(way), "{way:?}");
        }
        for text in ["+CNMI: ", "+CNMI: (a)", "", "+CNMI: 2,1,0,0,0"] {
            assert_eq!(Ways::read(&lines(text)), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_lines_are_read(
            texts in proptest::collection::vec(
                "(\\+C(REG|SQ|OPS|BC|NMI|PMS|SCA|RSM|PINR):)?[ -~]{0,30}", 0..4
            ),
        ) {
            let _ = (network(&texts, "+CREG:"), operator(&texts), battery(&texts), signal(&texts));
            let _ = (name(&texts), imei(&texts), imsi(&texts), sim_id(&texts), room(&texts));
            let _ = (tries_left(&texts), centre(&texts), Ways::read(&texts), sim_state(&texts));
        }
    }
}
