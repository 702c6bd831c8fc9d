//! Which of the gateways takes a message (spec 7.1). Pure.

use crate::sms::Number;

/// A gateway as routing sees it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its name.
    pub id: &'a str,
    /// It takes submissions and has room for one.
    pub free: bool,
    /// It works: not down, not parked, not over its limit. Without room it will have some soon.
    pub up: bool,
    /// How many submissions it has now.
    pub load: usize,
    /// Grows with each submission that any gateway is given: of equals, the one whose turn is longest
    /// ago takes the next, so that several modems share a load evenly.
    pub turn: u64,
    /// Its own number.
    pub number: Option<&'a Number>,
}

/// Where a phone saw a message come from: our number; where that is not known, the gateway stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Our number.
    pub number: Option<&'a Number>,
    /// The gateway.
    pub gateway: Option<&'a str>,
}

impl Seen<'_> {
    /// A message through this gateway comes from the same.
    pub fn is(&self, gateway: &str, number: Option<&Number>) -> bool {
        match (self.number, number) {
            (Some(seen), Some(number)) => seen == number,
            _ => self.gateway == Some(gateway),
        }
    }
}

/// What a message asks of its gateway.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// It has begun there and must go on there.
    pub begun: Option<&'a str>,
    /// Only these, best first; empty: any.
    pub only: &'a [String],
    /// The first of `only` that is free; else the least loaded.
    pub in_order: bool,
    /// Not these.
    pub avoided: &'a [String],
    /// Where its conversation with the phone is at home: it stays there as long as that works.
    pub conversation: Option<Seen<'a>>,
    /// Where the phone has conversations with others: an answer there may be for them, so that a new
    /// conversation rather begins elsewhere (spec 8.3).
    pub others: &'a [Seen<'a>],
    /// It does not wait for its home to have room.
    pub hurry: bool,
}

/// What routing found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// That one: an index.
    Take(usize),
    /// One could, but not now.
    Wait,
    /// Its home will soon: an index.
    WaitAtHome(usize),
    /// None ever will.
    Nobody,
}

/// Chooses.
pub fn choose(candidates: &[Candidate<'_>], wish: &Wish<'_>) -> Choice {
    let can = |c: &Candidate<'_>| match wish.begun {
        Some(begun) => c.id == begun,
        None => {
            (wish.only.is_empty() || wish.only.iter().any(|id| id == c.id))
                && !wish.avoided.iter().any(|id| id == c.id)
        }
    };
    let able: Vec<usize> = (0..candidates.len())
        .filter(|&i| can(&candidates[i]))
        .collect();
    if able.is_empty() {
        return Choice::Nobody;
    }
    let is_home = |c: &Candidate<'_>| {
        wish.conversation
            .is_some_and(|seen| seen.is(c.id, c.number))
    };
    let has_home = able.iter().any(|&i| is_home(&candidates[i]));
    let rank = |&i: &usize| {
        let c = &candidates[i];
        let place = wish.only.iter().position(|id| id == c.id).unwrap_or(0);
        let place = if wish.in_order { place } else { 0 };
        let taken = !has_home && wish.others.iter().any(|seen| seen.is(c.id, c.number));
        (!is_home(c), place, taken, c.load, c.turn)
    };
    let home_works = |&&i: &&usize| candidates[i].up && is_home(&candidates[i]);
    let home_is_free = |&i: &usize| candidates[i].free && is_home(&candidates[i]);
    if let Some(&home) = able.iter().find(home_works)
        && !wish.hurry
        && !able.iter().any(home_is_free)
    {
        return Choice::WaitAtHome(home);
    }
    match able
        .into_iter()
        .filter(|&i| candidates[i].free)
        .min_by_key(rank)
    {
        Some(index) => Choice::Take(index),
        None => Choice::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 3] = ["a", "b", "c"];

    /// Gateways a, b and c, each a word: its load; `-`: it has no room, `!`: it is down. The wish: `only b c`,
    /// `order c a`, `avoid b`, `begun c`, `home b`, `others a b`, `hurry`, apart by commas. Each gateway has a
    /// number of its own.
    #[track_caller]
    fn check(gateways: &str, wish: &str, expected: &str) {
        let numbers = IDS.map(|id| Number::from_network(&format!("+1555000{}", id.as_bytes()[0])));
        let number = |id: &str| {
            let index = IDS.iter().position(|known| *known == id);
            index.and_then(|index| numbers[index].as_ref())
        };
        let state = |word: &str| (!word.contains(['-', '!']), !word.contains('!'));
        let load = |word: &str| word.trim_matches(['-', '!']).parse().unwrap_or(0);
        let words = gateways.split_whitespace();
        let candidates: Vec<_> = IDS
            .iter()
            .zip(words)
            .map(|(id, word)| Candidate {
                id,
                free: state(word).0,
                up: state(word).1,
                load: load(word),
                turn: 0,
                number: number(id),
            })
            .collect();
        let said = |name: &str| {
            let wishes = wish.split(',').map(str::trim);
            let found = wishes.filter_map(|w| w.strip_prefix(name)).next();
            found.map(|ids| {
                ids.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
        };
        let seen = |id: &String| Seen {
            number: number(id),
            gateway: None,
        };
        let (order, begun, home) = (said("order"), said("begun"), said("home"));
        let only = said("only").or(order.clone()).unwrap_or_default();
        let avoided = said("avoid").unwrap_or_default();
        let others = said("others").unwrap_or_default();
        let others: Vec<_> = others.iter().map(seen).collect();
        let choice = choose(
            &candidates,
            &Wish {
                begun: begun.as_ref().map(|ids| ids[0].as_str()),
                only: &only,
                in_order: order.is_some(),
                avoided: &avoided,
                conversation: home.as_ref().map(|ids| seen(&ids[0])),
                others: &others,
                hurry: said("hurry").is_some(),
            },
        );
        let shown = match choice {
            Choice::Take(index) => IDS[index],
            Choice::Wait => "wait",
            Choice::WaitAtHome(_) => "wait at home",
            Choice::Nobody => "nobody",
        };
        assert_eq!(shown, expected, "{gateways} | {wish}");
    }

    #[test]
    fn the_least_loaded_that_is_free() {
        check("2 1 3", "", "b");
        check("2 1- 3", "", "a");
        check("2- 1- 3-", "", "wait");
        check("2! 1- 3!", "", "wait");
        check("2 1 3", "avoid b", "a");
        check("2 1 3", "only a c", "a");
        check("2 1 3", "order c a", "c");
        check("2 1 3-", "order c a", "a");
        check("2 1 3", "only d", "nobody");
        check("2 1 3", "only a, avoid a", "nobody");
    }

    #[test]
    fn what_has_begun_goes_on_there() {
        check("2 1 3", "begun c, order a, avoid c", "c");
        check("2 1 3-", "begun c", "wait");
    }

    #[test]
    fn a_conversation_stays_where_it_is() {
        check("2 1 3", "home c", "c");
        check("2 1 3", "home c, order a b c", "c");
        // It waits for room there, but not for what does not work.
        check("2 1 3-", "home c", "wait at home");
        check("2 1 3-", "home c, hurry", "b");
        check("2 1 3!", "home c", "b");
        check("2- 1- 3!", "home c", "wait");
        // It is not among the candidates.
        check("2 1 3-", "home c, only a b", "b");
        check("2 1 3", "home c, avoid c", "b");
        check("2 1 3", "home d", "b");
        check("2 1 3", "home c, only a b, others b", "a");
    }

    #[test]
    fn a_new_conversation_rather_begins_elsewhere() {
        check("2 1 3", "others b", "a");
        check("2 1 3", "others a b", "c");
        check("2 1 3", "others a b c", "b");
        check("2- 1 3-", "others b", "b");
        check("2 1 3", "others b, only b", "b");
        // What the admin has put in order is in order; who has a home stays.
        check("2 1 3", "others b, order b a", "b");
        check("2 1 3", "others b, home b", "b");
    }

    #[test]
    fn a_gateway_stands_for_a_number_that_is_not_known() {
        let number = Number::from_network("+15550001").expect("number");
        let other = Number::from_network("+15550002").expect("number");
        let seen = |number, gateway| Seen { number, gateway };
        assert!(seen(Some(&number), Some("a")).is("b", Some(&number)));
        assert!(!seen(Some(&number), Some("a")).is("a", Some(&other)));
        assert!(seen(None, Some("a")).is("a", Some(&number)));
        assert!(seen(Some(&number), Some("a")).is("a", None));
        assert!(!seen(None, None).is("a", None));
    }

    #[test]
    fn equals_take_turns() {
        let mut turns = [0u64; 4];
        let mut given = [0; 4];
        for turn in 1..=1000 {
            let candidates: Vec<_> = turns
                .iter()
                .map(|&turn| Candidate {
                    id: "a",
                    free: true,
                    up: true,
                    load: 0,
                    turn,
                    number: None,
                })
                .collect();
            let Choice::Take(i) = choose(&candidates, &Wish::default()) else {
                panic!("one is free");
            };
            turns[i] = turn;
            given[i] += 1;
        }
        assert_eq!(given, [250; 4]);
    }
}
