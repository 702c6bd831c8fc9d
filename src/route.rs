//! Which of the gateways takes a message (spec 7.1). Pure.

use crate::sms::Number;

/// A gateway as routing sees it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its name.
    pub id: &'a str,
    /// It takes submissions and has room for one.
    pub free: bool,
    /// How many submissions it has now.
    pub load: usize,
    /// Grows with each submission that any gateway is given: of equals, the one whose turn is longest
    /// ago takes the next, so that several modems share a load evenly.
    pub turn: u64,
    /// Its own number.
    pub number: Option<&'a Number>,
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
    /// The number that the phone knows from its conversation.
    pub conversation: Option<&'a Number>,
}

/// What routing found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// That one: an index.
    Take(usize),
    /// One could, but not now.
    Wait,
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
    let rank = |&i: &usize| {
        let c = &candidates[i];
        let place = wish.only.iter().position(|id| id == c.id).unwrap_or(0);
        let stranger = wish.conversation.is_some() && c.number != wish.conversation;
        let place = if wish.in_order { place } else { 0 };
        (place, stranger, c.load, c.turn)
    };
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

    #[test]
    fn chooses() {
        let numbers: Vec<_> = ["+15550001", "+15550002", "+15550003"]
            .iter()
            .map(|n| Number::from_network(n).expect("number"))
            .collect();
        let list = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        // Which are free, with which load; the wish; the choice.
        for (free, load, begun, only, in_order, avoided, conversation, expected) in [
            (
                [true; 3],
                [2, 1, 3],
                None,
                "",
                false,
                "",
                None,
                Choice::Take(1),
            ),
            (
                [true, false, true],
                [2, 1, 3],
                None,
                "",
                false,
                "",
                None,
                Choice::Take(0),
            ),
            (
                [true; 3],
                [2, 1, 3],
                None,
                "c a",
                true,
                "",
                None,
                Choice::Take(2),
            ),
            (
                [true, true, false],
                [2, 1, 3],
                None,
                "c a",
                true,
                "",
                None,
                Choice::Take(0),
            ),
            (
                [true; 3],
                [2, 1, 3],
                None,
                "c a",
                false,
                "",
                None,
                Choice::Take(0),
            ),
            (
                [true; 3],
                [2, 1, 3],
                None,
                "",
                false,
                "b",
                None,
                Choice::Take(0),
            ),
            (
                [true; 3],
                [2, 1, 3],
                None,
                "",
                false,
                "",
                Some(2),
                Choice::Take(2),
            ),
            (
                [true, true, false],
                [2, 1, 3],
                None,
                "",
                false,
                "",
                Some(2),
                Choice::Take(1),
            ),
            (
                [true; 3],
                [2, 1, 3],
                Some("c"),
                "a",
                true,
                "c",
                None,
                Choice::Take(2),
            ),
            (
                [true, true, false],
                [2, 1, 3],
                Some("c"),
                "",
                true,
                "",
                None,
                Choice::Wait,
            ),
            ([false; 3], [0; 3], None, "", false, "", None, Choice::Wait),
            (
                [true; 3],
                [0; 3],
                None,
                "d",
                false,
                "",
                None,
                Choice::Nobody,
            ),
            (
                [true; 3],
                [0; 3],
                None,
                "a",
                false,
                "a",
                None,
                Choice::Nobody,
            ),
        ] {
            let ids = ["a", "b", "c"];
            let candidates: Vec<_> = (0..3)
                .map(|i| Candidate {
                    id: ids[i],
                    free: free[i],
                    load: load[i],
                    turn: 0,
                    number: Some(&numbers[i]),
                })
                .collect();
            let (only, avoided) = (list(only), list(avoided));
            let conversation = conversation.map(|i: usize| &numbers[i]);
            let wish = Wish {
                begun,
                only: &only,
                in_order,
                avoided: &avoided,
                conversation,
            };
            assert_eq!(
                choose(&candidates, &wish),
                expected,
                "{free:?} {load:?} {wish:?}"
            );
        }
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
