//! What a running daemon cannot change: places it listens at, its store, its gateways, how it hands mails in,
//! how it logs. For each such key a digest of its value, so that a reload can name those that differ and
//! no secret is kept for that.
//!
//! It sees what is written, not what is meant: a file of a secret whose contents changed is not noticed.

use std::collections::BTreeMap;

use serde_yaml::Value;
use sha2::{Digest, Sha256};

/// Sections that a running daemon takes over whole, and those keys of them that it does not. A section that is
/// not here is fixed, with all its keys: what is new is told rather than forgotten.
const LIVE: &[(&str, &[&str])] = &[
    ("addresses", &[]),
    ("numbers", &[]),
    ("access", &[]),
    ("users", &[]),
    ("users_csv", &[]),
    ("users_ldap", &[]),
    ("users_sql", &[]),
    ("text", &[]),
    ("limits", &[]),
    ("phonebook", &[]),
    ("outgoing", &[]),
    ("incoming", &["join_wait"]),
    (
        "mail",
        &[
            "inject",
            "inject_user",
            "inject_password",
            "inject_ca",
            "envelope_from",
            "from",
            "admin",
        ],
    ),
];

/// By key, what its value is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixed(BTreeMap<String, [u8; 32]>);

impl Fixed {
    /// Of a configuration that was read already: what is no YAML has no keys.
    pub(super) fn of(text: &str) -> Self {
        let mut fixed = BTreeMap::new();
        let document: Value = serde_yaml::from_str(text).unwrap_or_default();
        for (name, section) in document.as_mapping().into_iter().flatten() {
            let Some(name) = name.as_str() else { continue };
            let live = LIVE.iter().find(|(live, _)| *live == name);
            let is_fixed = |key: &str| live.is_none_or(|(_, fixed)| fixed.contains(&key));
            match section {
                Value::Mapping(keys) => {
                    for (key, value) in keys {
                        let key = key.as_str().unwrap_or_default();
                        if is_fixed(key) {
                            fixed.insert(format!("{name}.{key}"), digest(value));
                        }
                    }
                }
                // Gateways: in whatever order.
                Value::Sequence(list) if live.is_none() => {
                    for (i, value) in list.iter().enumerate() {
                        let id = value.get("id").and_then(Value::as_str);
                        let key =
                            id.map_or_else(|| format!("{name}[{i}]"), |id| format!("{name}.{id}"));
                        fixed.insert(key, digest(value));
                    }
                }
                value if live.is_none() => {
                    fixed.insert(name.to_owned(), digest(value));
                }
                _ => {}
            }
        }
        Self(fixed)
    }

    /// The keys whose values differ, or that only one of them has.
    pub fn differ(&self, other: &Self) -> Vec<String> {
        let changed = self
            .0
            .iter()
            .filter(|(key, value)| other.0.get(*key) != Some(*value));
        let gone = other.0.keys().filter(|key| !self.0.contains_key(*key));
        let mut keys: Vec<_> = changed
            .map(|(key, _)| key.clone())
            .chain(gone.cloned())
            .collect();
        keys.sort_unstable();
        keys
    }
}

fn digest(value: &Value) -> [u8; 32] {
    Sha256::digest(format!("{value:?}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_needs_a_restart() {
        const OLD: &str = "
milter: { listen: inet:127.0.0.1:8895 }
store: sled:/var/lib/sms-milter
gateways: [{ id: hall, type: modem, device: /dev/ttyUSB0 }, { id: lab, type: simulated }]
web: { admins: { admin: hash } }
users: [{ email: ann@example.com }]
incoming: { default: ann@example.com, join_wait: 1h }
";
        let changed = |from: &str, to: &str| {
            assert!(OLD.contains(from));
            Fixed::of(OLD).differ(&Fixed::of(&OLD.replace(from, to)))
        };
        for (from, to, expected) in [
            ("8895", "8896", &["milter.listen"][..]),
            ("ttyUSB0", "ttyUSB1", &["gateways.hall"]),
            ("id: lab", "id: lap", &["gateways.lab", "gateways.lap"]),
            ("sled:/var", "sled:/srv", &["store"]),
            ("admin: hash", "admin: other", &["web.admins"]),
            ("store: sled:/var/lib/sms-milter\n", "", &["store"]),
            ("ann@example.com }]", "bob@example.com }]", &[]),
            ("default: ann", "default: bob", &[]),
            ("join_wait: 1h", "join_wait: 2h", &["incoming.join_wait"]),
            (
                "[{ id: hall, type: modem, device: /dev/ttyUSB0 }, { id: lab, type: simulated }]",
                "[{ id: lab, type: simulated }, { id: hall, type: modem, device: /dev/ttyUSB0 }]",
                &[],
            ),
        ] {
            assert_eq!(changed(from, to), expected, "{to}");
        }
    }
}
