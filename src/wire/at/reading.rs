//! What is in the lines of an answer.
//!
//! Every function takes the lines as they came and never fails: what is not there, or not as the
//! standard has it, is `None`.

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

/// The first number behind a prefix.
pub fn first_number(lines: &[String], prefix: &str) -> Option<u16> {
    let rest = lines.iter().find_map(|line| line.strip_prefix(prefix))?;
    rest.trim().split([',', ' ']).next()?.parse().ok()
}

/// `+CREG: <n>,<stat>…`; a notification has the place, in quotes, where the answer has its state.
pub fn network(lines: &[String], prefix: &str) -> Option<Network> {
    let stat = |line: &String| -> Option<u8> {
        let mut fields = line.strip_prefix(prefix)?.split(',').map(str::trim);
        fields.next()?.parse::<u8>().ok()?;
        fields.next()?.parse().ok()
    };
    match lines.iter().rev().find_map(stat)? {
        // Home, roaming; 6 and 7: SMS only.
        1 | 5 | 6 | 7 => Some(Network::Registered),
        0 => Some(Network::Off),
        3 => Some(Network::Denied),
        _ => Some(Network::Searching),
    }
}

/// What the SIM wants: `READY`, `SIM PIN`, `SIM PUK`, …
pub fn sim_state(lines: &[String]) -> Option<&str> {
    let said = lines.iter().find_map(|line| line.strip_prefix("+CPIN:"))?;
    Some(said.trim().trim_matches('"'))
}

/// 18 to 22 digits somewhere in an answer (ITU-T E.118); an F pads an odd number of them.
pub fn sim_id(lines: &[String]) -> Option<String> {
    let words = lines
        .iter()
        .flat_map(|line| line.split([' ', ':', '"', ',']));
    words
        .map(|word| word.trim_end_matches(['F', 'f']))
        .find(|word| (18..=22).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
}

/// `+CPINR: SIM PIN,<left>[,<of>]` (TS 27.007 §8.65).
pub fn tries_left(lines: &[String]) -> Option<u8> {
    let said = lines.iter().find_map(|line| {
        let (code, rest) = line.strip_prefix("+CPINR:")?.split_once(',')?;
        (code.trim().trim_matches('"') == "SIM PIN").then_some(rest)
    })?;
    said.split(',').next()?.trim().parse().ok()
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

#[cfg(test)]
mod tests {
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
        assert_eq!(
            room(&lines("+CPMS: \"SM\",3,20,\"SM\",3,20,\"SM\",3,20")),
            Some((3, 20))
        );
        assert_eq!(first_number(&lines("+CSQ: 17,99"), "+CSQ:"), Some(17));
        assert_eq!(first_number(&lines("+CSQ: ,"), "+CSQ:"), None);
    }
}
