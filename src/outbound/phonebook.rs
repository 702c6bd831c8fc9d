//! Changes of the phonebook: one audit line each, durable with it; its owner hears of it by mail, and a phone
//! whose number is replaced by SMS (threats T13).
//!
//! Admins come in here ([`Outbound::set_number`] and the others); what a mail teaches is decided in
//! [`super::ask`]. A name that is a user of the configuration is that user: its learned number may be set
//! while the configuration has none.

pub mod import;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::Outbound;
use super::admit::Admitted;
use super::plan::Planner;
use super::wishes::Wishes;
use crate::access::credentials::Shown;
use crate::mail::dsn::OfRecipient;
use crate::mail::report::Report;
use crate::mail::text::MailText;
use crate::mail::{Client, Envelope, Reply};
use crate::phonebook;
use crate::sms::{Number, Region};
use crate::store::guard::Watch;
use crate::store::phonebook::{Arrivals, Change, Entry, Group, Listing, MAX_MEMBERS, Member};
use crate::store::{Dedupe, NewMessage, OutMail, StoreError};

/// A phone hears of it once a day, however often its number goes here and there (threats T15).
const NOTICE_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// Somebody was faster: so often a change is decided anew.
const TRIES: usize = 5;

/// A change, and all that goes with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// What changes.
    pub change: Change,
    /// The owner's mail.
    pub mails: Vec<OutMail>,
    /// The SMS to the number that was replaced.
    pub notice: Option<NewMessage>,
}

/// Why the phonebook was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Unchanged {
    /// It makes no sense.
    #[error("{0}")]
    Wrong(String),
    /// There is no such name.
    #[error("{0} is not in the phonebook")]
    Absent(String),
    /// A directory does not answer.
    #[error("{0}")]
    Later(String),
    /// The store did not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an admin writes under a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The phone, as people write it.
    pub number: String,
    /// What people call it; `None`: as before.
    pub shown: Option<String>,
    /// Who may change it by mail; `None`: as before.
    pub owner: Option<String>,
    /// For people; `None`: as before.
    pub notes: Option<String>,
}

/// What became of a row of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It was not there.
    Added,
    /// It said something else.
    Changed,
    /// It says so already.
    Same,
}

impl Imported {
    /// The name in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Imported::Added => "added",
            Imported::Changed => "changed",
            Imported::Same => "same",
        }
    }
}

/// A name as the phonebook knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The address that names the listing.
    pub address: String,
    /// A user's, with the number that the configuration has.
    pub user: Option<Option<Number>>,
    /// How its numbers are read.
    pub region: Region,
}

impl Outbound {
    /// A change with its audit line and all who are to hear of it.
    pub(super) fn change(
        &self,
        who: &str,
        address: &str,
        was: Option<Listing>,
        is: Option<Listing>,
        now: Timestamp,
    ) -> Lesson {
        let id = self.world.message_id();
        let notice = match (&was, &is) {
            (Some(Listing::Entry(old)), Some(Listing::Entry(new))) if old.number != new.number => {
                self.notice(&old.number, address, now)
            }
            _ => None,
        };
        Lesson {
            mails: self.owners_mails(who, address, was.as_ref(), is.as_ref()),
            change: Change::new(id, now, who, address, was, is),
            notice,
        }
    }

    /// The owner is told, the one before too.
    fn owners_mails(
        &self,
        who: &str,
        address: &str,
        was: Option<&Listing>,
        is: Option<&Listing>,
    ) -> Vec<OutMail> {
        let planner = self.planner();
        let owner = |listing: Option<&Listing>| match listing {
            Some(Listing::Entry(entry)) => entry.owner.clone(),
            Some(Listing::Group(_)) | None => None,
        };
        let user = planner.access.user(address);
        let mut owners: Vec<String> = user.map(|user| user.email.clone()).into_iter().collect();
        for owner in [owner(was), owner(is)].into_iter().flatten() {
            if !owners.contains(&owner) {
                owners.push(owner);
            }
        }
        owners.retain(|owner| !self.writer.programs.get().contains(owner));
        let mail = |owner: &String| {
            let words = self.writer.words(owner);
            let told = |listing: Option<&Listing>| match listing {
                Some(listing) => listing.told(),
                None => words.say("phonebook-nothing", &[]),
            };
            let who = match who {
                "command" | "import" => words.say("phonebook-an-admin", &[]),
                account => account.to_owned(),
            };
            let args = [
                ("address", address.into()),
                ("who", who.into()),
                ("before", told(was).into()),
                ("now", told(is).into()),
                ("admin", self.writer.admin.as_str().into()),
                ("sms", self.sms_address(address).into()),
            ];
            let text = words.say("phonebook-changed", &args) + "\n";
            let subject = words.say("phonebook-changed.subject", &args);
            self.writer.post(&self.world, owner, None, |blank| Report {
                subject: &subject,
                text: &text,
                ..blank
            })
        };
        owners.iter().map(mail).collect()
    }

    /// `ann@example.com` as people write it to reach her phone: `ann@sms.example.com`.
    pub fn sms_address(&self, address: &str) -> String {
        let planner = self.planner();
        let domains = &planner.addresses.domains;
        let (local, mail) = address.rsplit_once('@').unwrap_or((address, ""));
        let domain = domains.iter().find(|domain| domain.mail == mail);
        domain.map_or_else(
            || address.to_owned(),
            |domain| format!("{local}@{}", domain.sms),
        )
    }

    /// The SMS to the number that was replaced; none where none may be sent.
    fn notice(&self, number: &Number, address: &str, now: Timestamp) -> Option<NewMessage> {
        let planner = self.planner();
        let admin = &self.writer.admin;
        let envelope = Envelope {
            sender: admin.clone(),
            client: Client::Local,
            ..Envelope::default()
        };
        let region = self.region_of(address);
        let payer = planner
            .access
            .who(&envelope, &Shown::Nothing, None, number, now)
            .ok()?;
        let reach = &payer.policy.reach;
        let number = planner.destinations.check(number.clone(), region, reach);
        let to = Admitted {
            number: number.ok()?,
            payer,
            wishes: Wishes::default(),
            due: None,
            dsn: OfRecipient::default(),
        };
        let args = [
            ("address", address.into()),
            ("admin", admin.as_str().into()),
        ];
        let mail = MailText {
            text: self.writer.house().say("phonebook-replaced", &args),
            ..MailText::default()
        };
        self.wanted(&to.number).ok()?;
        let plan = planner.plan(&mail, &to).ok()?;
        let key = Sha256::digest(format!("replaced\0{}\0{address}", to.number)).into();
        let recipient = to.number.as_str().to_owned();
        let mut message = self.message(&planner, &envelope, &recipient, &mail, to, plan, now);
        // It is ours, and nobody's account.
        message.charge = None;
        message.confirm = false;
        let until = now + NOTICE_AGAIN;
        Some(NewMessage {
            message,
            dedupe: vec![Dedupe { key, until }],
            original: None,
            watch: Watch::default(),
        })
    }

    fn region_of(&self, address: &str) -> Region {
        let planner = self.planner();
        let mail = address.rsplit_once('@').map_or("", |(_, mail)| mail);
        let domains = &planner.addresses.domains;
        let domain = domains.iter().find(|domain| domain.mail == mail);
        // There is one at least.
        domain.unwrap_or(&domains[0]).region
    }

    /// The line in the log, numbers masked.
    pub(super) fn log_change(&self, change: &Change) {
        let number = |listing: &Option<Listing>| match listing {
            Some(Listing::Entry(entry)) => format!("{:?}", entry.number),
            Some(Listing::Group(group)) => format!("{} members", group.members.len()),
            None => "-".to_owned(),
        };
        let (old, new) = (number(&change.was), number(&change.is));
        let audit = &change.audit;
        tracing::info!(
            audit = %audit.id, who = audit.who, name = audit.address, old, new, event = "phonebook"
        );
    }

    /// What a text names, directories asked.
    pub async fn name(&self, text: &str) -> Result<Name, Unchanged> {
        let known = self.planner().knowing(|planner| named(planner, text)).await;
        known.map_err(later)?.map_err(Unchanged::Wrong)
    }

    async fn listing(&self, address: &str) -> Result<Option<Listing>, StoreError> {
        let found = self.store.listings(&[address.to_owned()]).await?;
        Ok(found.into_iter().next())
    }

    /// Sets the number of a name.
    pub async fn set_number(&self, name: &str, told: &Told) -> Result<Imported, Unchanged> {
        let name = self.name(name).await?;
        let set = |was, now| self.entry(&name, told, was, "command", now);
        self.amend(&name, set).await
    }

    /// Makes a change to a name, decided anew when somebody else was faster.
    async fn amend<T>(
        &self,
        name: &Name,
        decide: impl Fn(Option<Listing>, Timestamp) -> Result<(T, Option<Lesson>), Unchanged>,
    ) -> Result<T, Unchanged> {
        for _ in 0..TRIES {
            let now = self.world.now();
            let was = self.listing(&name.address).await?;
            let (what, lesson) = decide(was, now)?;
            let Some(lesson) = lesson else {
                return Ok(what);
            };
            match self.learn(now, vec![lesson]).await {
                Err(StoreError::Changed(_)) => {}
                done => return Ok(done.map(|()| what)?),
            }
        }
        Err(StoreError::Changed(name.address.clone()).into())
    }

    /// What setting a name would change.
    fn entry(
        &self,
        name: &Name,
        told: &Told,
        was: Option<Listing>,
        who: &str,
        now: Timestamp,
    ) -> Result<(Imported, Option<Lesson>), Unchanged> {
        let address = &name.address;
        let wrong = |why: String| Err(Unchanged::Wrong(why));
        if let Some(Some(mobile)) = &name.user {
            return wrong(format!(
                "{address} is a user with mobile {mobile} in the configuration, which wins; change it there"
            ));
        }
        let before = match &was {
            Some(Listing::Group(_)) if name.user.is_none() => {
                return wrong(format!("{address} is a group; remove it first"));
            }
            Some(Listing::Entry(entry)) => Some(entry),
            Some(Listing::Group(_)) | None => None,
        };
        let number = Number::parse(&told.number, name.region);
        let number = match number {
            Ok(number) => number,
            Err(error) => return wrong(error.to_string()),
        };
        if let Some(long) = [&told.shown, &told.owner, &told.notes]
            .into_iter()
            .flatten()
            .find(|text| text.len() > phonebook::MAX_FIELD || text.contains(char::is_control))
        {
            let start: String = long.chars().filter(|c| !c.is_control()).take(20).collect();
            return wrong(format!(
                "{start}… is too long or has control characters; write one line of {} octets at most",
                phonebook::MAX_FIELD
            ));
        }
        if let Some(owner) = &told.owner
            && !owner.is_empty()
            && !owner.contains('@')
        {
            return wrong(format!(
                "owner {owner} is no account; write its mail address"
            ));
        }
        let set = |told: &Option<String>, before: Option<&Option<String>>| match told {
            Some(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            None => before.cloned().flatten(),
        };
        let owner = match name.user {
            Some(_) => Some(address.clone()),
            None => set(&told.owner, before.map(|entry| &entry.owner)).map(|o| o.to_lowercase()),
        };
        let is = Listing::Entry(Entry {
            address: address.clone(),
            number,
            shown: set(&told.shown, before.map(|entry| &entry.shown)),
            owner,
            notes: set(&told.notes, before.map(|entry| &entry.notes)),
            changed: now,
        });
        Ok(self.unless_same(who, address, was, is, now))
    }

    fn unless_same(
        &self,
        who: &str,
        address: &str,
        was: Option<Listing>,
        is: Listing,
        now: Timestamp,
    ) -> (Imported, Option<Lesson>) {
        match &was {
            Some(old) if old.says(&is) => (Imported::Same, None),
            Some(_) => {
                let lesson = self.change(who, address, was, Some(is), now);
                (Imported::Changed, Some(lesson))
            }
            None => {
                let lesson = self.change(who, address, None, Some(is), now);
                (Imported::Added, Some(lesson))
            }
        }
    }

    /// Removes a name, whatever it leads to.
    pub async fn remove_name(&self, name: &str) -> Result<(), Unchanged> {
        let name = self.name(name).await?;
        let remove = |was: Option<Listing>, now| {
            let was = was.ok_or_else(|| Unchanged::Absent(name.address.clone()))?;
            let lesson = self.change("command", &name.address, Some(was), None, now);
            Ok(((), Some(lesson)))
        };
        self.amend(&name, remove).await
    }

    /// Adds members to a group and takes others out; an empty list of both makes an empty group.
    pub async fn set_members(
        &self,
        name: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<Imported, Unchanged> {
        let name = self.name(name).await?;
        let read = |planner: &Planner| {
            let members = |written| members(planner, &name, written);
            members(add).and_then(|add| Ok((add, members(remove)?)))
        };
        let read = self.planner().knowing(read).await.map_err(later)?;
        let (add, remove) = read.map_err(Unchanged::Wrong)?;
        let set = |was: Option<Listing>, now| {
            let mut members = match &was {
                Some(Listing::Group(group)) => group.members.clone(),
                Some(Listing::Entry(_)) | None => Vec::new(),
            };
            members.retain(|member| !remove.contains(member));
            members.extend(add.iter().cloned());
            self.group(&name, members, None, was, "command", now)
        };
        self.amend(&name, set).await
    }

    fn group(
        &self,
        name: &Name,
        members: Vec<Member>,
        notes: Option<String>,
        was: Option<Listing>,
        who: &str,
        now: Timestamp,
    ) -> Result<(Imported, Option<Lesson>), Unchanged> {
        let address = &name.address;
        let wrong = |why: String| Err(Unchanged::Wrong(why));
        if name.user.is_some() {
            return wrong(format!("{address} is a user; call the group otherwise"));
        }
        let before = match &was {
            Some(Listing::Entry(_)) => {
                return wrong(format!("{address} is a contact; remove it first"));
            }
            Some(Listing::Group(group)) => group.notes.clone(),
            None => None,
        };
        let mut seen = std::collections::HashSet::new();
        let members: Vec<_> = members
            .into_iter()
            .filter(|member| seen.insert(member.clone()))
            .collect();
        if members.contains(&Member::Name(address.clone())) {
            return wrong(format!("{address} cannot be in itself"));
        }
        if members.len() > MAX_MEMBERS {
            return wrong(format!(
                "{address} would have {} members; one mail becomes {MAX_MEMBERS} SMS at most",
                members.len()
            ));
        }
        let is = Listing::Group(Group {
            address: address.clone(),
            members,
            notes: notes.or(before),
            changed: now,
        });
        Ok(self.unless_same(who, address, was, is, now))
    }

    /// Makes changes durable, and lets go what waited for them.
    async fn learn(&self, now: Timestamp, lessons: Vec<Lesson>) -> Result<(), StoreError> {
        let mut arrivals = Arrivals::default();
        for lesson in &lessons {
            arrivals.changes.push(lesson.change.clone());
            arrivals.mails.extend(lesson.mails.iter().cloned());
            arrivals.messages.extend(lesson.notice.clone());
        }
        self.store.take(now, arrivals).await?;
        self.changed(lessons.iter().map(|lesson| &lesson.change));
        Ok(())
    }

    /// Changes are durable: the log, and whoever waits.
    pub(super) fn changed<'a>(&self, changes: impl Iterator<Item = &'a Change>) {
        for change in changes {
            self.log_change(change);
        }
        self.learned.notify_one();
        self.wake();
        self.wake_mail.notify_one();
    }
}

/// What a text names: `plumber`, `plumber@example.com`, `plumber@sms.example.com`, a user's alias or
/// nickname. Without a domain, in the first one.
pub fn named(planner: &Planner, text: &str) -> Result<Name, String> {
    let addresses = &planner.addresses;
    let text = text.trim().to_lowercase();
    let (local, domain) = match text.rsplit_once('@') {
        None => (text.as_str(), &addresses.domains[0]),
        Some((local, name)) => {
            let mut domains = addresses.domains.iter();
            let domain = domains.find(|domain| domain.sms == name || domain.mail == name);
            let write = || {
                let own: Vec<_> = addresses.domains.iter().map(|d| d.sms.as_str()).collect();
                format!(
                    "{text}: {name} is no domain of ours; write a name at {}",
                    own.join(" or ")
                )
            };
            (local, domain.ok_or_else(write)?)
        }
    };
    if let Some(user) = planner.access.user_called(local, &domain.mail) {
        return Ok(Name {
            address: user.email.clone(),
            user: Some(user.mobile.clone()),
            region: domain.region,
        });
    }
    if !phonebook::is_local(local) {
        return Err(format!(
            "{local} cannot be a name; write letters, digits, - _ and single dots, a letter at least"
        ));
    }
    let prefix = format!("{}+", addresses.prefix);
    let taken = [
        addresses.account.as_str(),
        "postmaster",
        "abuse",
        crate::mail::compose::NO_REPLY,
    ];
    if taken.contains(&local)
        || local.starts_with(&prefix)
        || super::names::code_of(local).is_some()
    {
        return Err(format!(
            "{local} has a meaning of its own here; write another name"
        ));
    }
    Ok(Name {
        address: format!("{local}@{}", domain.mail),
        user: None,
        region: domain.region,
    })
}

/// Members as people write them.
fn members(planner: &Planner, group: &Name, written: &[String]) -> Result<Vec<Member>, String> {
    let one = |text: &String| match Number::parse(text, group.region) {
        Ok(number) => Ok(Member::Number(number)),
        Err(error) if !text.contains(char::is_alphabetic) => Err(error.to_string()),
        // A bare name is of the group's own domain.
        Err(_) if !text.contains('@') => {
            let domain = group
                .address
                .rsplit_once('@')
                .map_or("", |(_, domain)| domain);
            Ok(Member::Name(
                named(planner, &format!("{text}@{domain}"))?.address,
            ))
        }
        Err(_) => Ok(Member::Name(named(planner, text)?.address)),
    };
    written.iter().map(one).collect()
}

fn later(reply: Reply) -> Unchanged {
    Unchanged::Later(reply.text)
}
