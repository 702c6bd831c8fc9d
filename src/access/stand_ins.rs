//! What is hashed in the place of a password that there is not, so that nobody can tell by the time it takes
//! whether a name exists (threats T05).
//!
//! A hash of each cost that there is, as often as there are accounts with it: so names that nobody has cost what
//! accounts cost, in the same proportions, and each name always the same.

use std::collections::BTreeMap;

/// What costs as much as most people's, where nobody has a password: OWASP's first choice for Argon2id, 19 MiB.
const STAND_IN: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c21zLW1pbHRlcg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// See the module.
#[derive(Clone, Debug)]
pub struct StandIns {
    /// With how many come up to it.
    costs: Vec<(u64, String)>,
}

impl StandIns {
    /// Of the hashes that there are.
    pub fn of<'a>(known: impl Iterator<Item = &'a str>) -> Self {
        let mut costs: BTreeMap<String, (u64, String)> = BTreeMap::new();
        for hash in known {
            // $argon2id$v=19$m=…,t=…,p=…$salt$output
            let cost: Vec<&str> = hash.split('$').collect();
            let cost = cost[..cost.len().saturating_sub(2)].join("$");
            let entry = costs.entry(cost).or_insert_with(|| (0, hash.to_owned()));
            entry.0 += 1;
        }
        let mut sum = 0;
        let mut costs: Vec<_> = costs
            .into_values()
            .map(|(count, hash)| {
                sum += count;
                (sum, hash)
            })
            .collect();
        if costs.is_empty() {
            costs.push((1, STAND_IN.to_owned()));
        }
        Self { costs }
    }

    /// The one for a name, by a digest of it that nobody else can make.
    pub fn one(&self, digest: &[u8; 32]) -> &str {
        let all = self.costs.last().map_or(1, |(sum, _)| *sum);
        let [a, b, c, d, e, f, g, h, ..] = *digest;
        let at = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % all;
        let found = self.costs.iter().find(|(sum, _)| at < *sum);
        found.map_or(STAND_IN, |(_, hash)| hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_cost_what_accounts_cost() {
        let hash = |memory| format!("$argon2id$v=19$m={memory},t=1,p=1$c2FsdHNhbHQ$AAAA");
        let known: Vec<String> = (0..40).map(|n| hash(if n < 30 { 8 } else { 16 })).collect();
        let stand_ins = StandIns::of(known.iter().map(String::as_str));
        let dear = (0..=255_u8).filter(|n| stand_ins.one(&[*n; 32]).contains("m=16"));
        let dear = dear.count();
        assert!(
            (40..90).contains(&dear),
            "{dear} of 256, a quarter was expected"
        );
        let none = StandIns::of([].into_iter());
        assert_eq!(none.one(&[7; 32]), STAND_IN);
        for odd in ["", "$", "x", "$argon2id$…"] {
            assert_eq!(StandIns::of([odd].into_iter()).one(&[7; 32]), odd);
        }
    }
}
