//! Files into the phonebook: batch after batch, each all or nothing of what can be taken.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Imported, Lesson, Name, TRIES, Told, Unchanged, later, members, named};
use crate::outbound::Outbound;
use crate::outbound::plan::Planner;
use crate::phonebook::{self, Row};
use crate::sms::Number;
use crate::store::StoreError;
use crate::store::phonebook::{Listing, MAX_LISTINGS, Member};

/// The address that a row has now, and what became of it.
pub type Taken = (String, Imported);

impl Outbound {
    /// Takes rows of a file, all or none of them that can be taken; an outcome a row. `dry`: nothing is
    /// changed.
    pub async fn import(
        &self,
        rows: &[Row],
        dry: bool,
    ) -> Result<Vec<Result<Taken, String>>, Unchanged> {
        for _ in 0..TRIES {
            let now = self.world.now();
            let (outcomes, lessons) = self.import_once(rows, now).await?;
            if dry || lessons.is_empty() {
                return Ok(outcomes);
            }
            match self.learn(now, lessons).await {
                Err(StoreError::Changed(_)) => {}
                done => return Ok(done.map(|()| outcomes)?),
            }
        }
        Err(Unchanged::Wrong(
            "somebody else changes the phonebook all the time".into(),
        ))
    }

    async fn import_once(
        &self,
        rows: &[Row],
        now: Timestamp,
    ) -> Result<(Vec<Result<Taken, String>>, Vec<Lesson>), Unchanged> {
        let planner = self.planner();
        let read = |planner: &Planner| -> Vec<_> {
            let one = |row: &Row| {
                let name = named_row(planner, row)?;
                let members = members(planner, &name, &row.members)?;
                Ok((name, members))
            };
            rows.iter().map(one).collect()
        };
        let names: Vec<Result<(Name, Vec<Member>), String>> =
            planner.knowing(read).await.map_err(later)?;
        let wanted = names.iter().flatten().map(|(name, _)| name.address.clone());
        let wanted: Vec<String> = wanted.collect();
        let room = MAX_LISTINGS.saturating_sub(self.store.phonebook().await?.len());
        let found = self.store.listings(&wanted).await?.into_iter();
        let mut before: HashMap<String, Listing> = found
            .map(|listing| (listing.address().to_owned(), listing))
            .collect();
        let (mut outcomes, mut lessons) = (Vec::new(), Vec::new());
        let (mut seen, mut added) = (HashMap::new(), 0);
        for (row, name) in rows.iter().zip(names) {
            let outcome = name.map_err(Unchanged::Wrong).and_then(|(name, members)| {
                if let Some(line) = seen.insert(name.address.clone(), row.line) {
                    let text = format!("{} is also in line {line}", name.address);
                    return Err(Unchanged::Wrong(text));
                }
                let was = before.remove(&name.address);
                let (what, lesson) = self.imported(row, &name, members, was, now)?;
                Ok(((name.address, what), lesson))
            });
            outcomes.push(match outcome {
                Ok(((_, Imported::Added), _)) if added >= room => Err(format!(
                    "the phonebook is full: it has {MAX_LISTINGS} names"
                )),
                Ok((taken, lesson)) => {
                    added += usize::from(taken.1 == Imported::Added);
                    // Whoever is told by SMS is told of one change, not of a file of them.
                    lessons.extend(lesson.map(|lesson| Lesson {
                        notice: None,
                        ..lesson
                    }));
                    Ok(taken)
                }
                Err(Unchanged::Store(error)) => return Err(error.into()),
                Err(error) => Err(error.to_string()),
            });
        }
        Ok((outcomes, lessons))
    }

    fn imported(
        &self,
        row: &Row,
        name: &Name,
        members: Vec<Member>,
        was: Option<Listing>,
        now: Timestamp,
    ) -> Result<(Imported, Option<Lesson>), Unchanged> {
        if row.number.is_empty() {
            return self.group(name, members, row.notes.clone(), was, "import", now);
        }
        let told = Told {
            number: row.number.clone(),
            shown: row.shown.clone(),
            owner: row.owner.clone(),
            notes: row.notes.clone(),
        };
        if let Some(Some(mobile)) = &name.user
            && Number::parse(&row.number, name.region).as_ref() == Ok(mobile)
        {
            return Ok((Imported::Same, None));
        }
        self.entry(name, &told, was, "import", now)
    }
}

/// What a row of a file names: a card's mail address elsewhere says nothing here, what people call it does.
fn named_row(planner: &Planner, row: &Row) -> Result<Name, String> {
    let name = named(planner, &row.name);
    let local = || phonebook::local_of(row.shown.as_deref()?);
    match (&name, row.name.contains('@').then(local).flatten()) {
        (Err(_), Some(local)) => named(planner, &local),
        _ => name,
    }
}
