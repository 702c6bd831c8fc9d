//! What the phonebook's commands ask, and the answers.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Desk, Refused};
use crate::outbound::phonebook::import::Taken;
use crate::outbound::phonebook::{Told, Unchanged};
use crate::phonebook::Row;
use crate::store::phonebook::{Audit, Listing};

/// What a command asks of the phonebook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "book", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PhonebookRequest {
    /// All names.
    List,
    /// What is under these, addresses as [`PhonebookRequest::List`] prints them.
    Find {
        /// They.
        names: Vec<String>,
    },
    /// A number under a name.
    Set {
        /// As people write it.
        name: String,
        /// As people write it.
        number: String,
        /// What people call it; `None`: as before, empty: nothing.
        shown: Option<String>,
        /// Who may change it by mail.
        owner: Option<String>,
        /// For people.
        notes: Option<String>,
    },
    /// Without that name.
    Remove {
        /// As people write it.
        name: String,
    },
    /// Members of a group.
    Group {
        /// As people write it.
        name: String,
        /// Numbers and names.
        add: Vec<String>,
        /// Numbers and names.
        remove: Vec<String>,
    },
    /// Rows of a file: all that can be taken, or none.
    Import {
        /// They.
        rows: Vec<Row>,
        /// Only say what would become of them.
        dry_run: bool,
    },
    /// Who changed what.
    Log {
        /// Of this name only.
        name: Option<String>,
        /// At most so many; 0: all.
        limit: usize,
    },
}

impl From<Unchanged> for Refused {
    fn from(why: Unchanged) -> Self {
        match why {
            Unchanged::Wrong(_) => Refused::Usage(why.to_string()),
            Unchanged::Absent(_) | Unchanged::Later(_) => Refused::Unavailable(why.to_string()),
            Unchanged::Store(error) => Refused::Store(error),
        }
    }
}

impl Desk {
    pub(super) async fn phonebook(&self, request: PhonebookRequest) -> Result<Vec<Value>, Refused> {
        let outbound = &self.outbound;
        match request {
            PhonebookRequest::List => {
                let all = outbound.store.phonebook().await?;
                Ok(all.iter().map(|listing| self.shown(listing)).collect())
            }
            PhonebookRequest::Find { names } => {
                let found = outbound.store.listings(&names).await?;
                Ok(found.iter().map(|listing| self.shown(listing)).collect())
            }
            PhonebookRequest::Set {
                name,
                number,
                shown,
                owner,
                notes,
            } => {
                let told = Told {
                    number,
                    shown,
                    owner,
                    notes,
                };
                let what = outbound.set_number(&name, &told).await?;
                Ok(vec![json!({"name": name, "outcome": what.name()})])
            }
            PhonebookRequest::Remove { name } => {
                outbound.remove_name(&name).await?;
                Ok(vec![])
            }
            PhonebookRequest::Group { name, add, remove } => {
                let what = outbound.set_members(&name, &add, &remove).await?;
                Ok(vec![json!({"name": name, "outcome": what.name()})])
            }
            PhonebookRequest::Import { rows, dry_run } => {
                let outcomes = outbound.import(&rows, dry_run).await?;
                let told = |(row, outcome): (&Row, Result<Taken, String>)| match outcome {
                    Ok((address, what)) => {
                        let (what, sms) = (what.name(), outbound.sms_address(&address));
                        json!({"line": row.line, "name": row.name, "sms": sms, "number": row.number, "outcome": what})
                    }
                    Err(why) => {
                        json!({"line": row.line, "name": row.name, "outcome": "skipped", "why": why})
                    }
                };
                Ok(rows.iter().zip(outcomes).map(told).collect())
            }
            PhonebookRequest::Log { name, limit } => {
                let name = match name {
                    Some(name) => Some(outbound.name(&name).await?.address),
                    None => None,
                };
                let lines = outbound.store.audit(name.as_deref(), limit).await?;
                Ok(lines.iter().map(line).collect())
            }
        }
    }

    fn shown(&self, listing: &Listing) -> Value {
        let address = listing.address();
        let sms = self.outbound.sms_address(address);
        let changed = listing.changed().to_string();
        let mut shown = match listing {
            Listing::Entry(entry) => json!({
                "name": address, "sms": sms, "kind": "contact", "number": entry.number.as_str(),
                "shown": entry.shown, "owner": entry.owner, "notes": entry.notes,
            }),
            Listing::Group(group) => {
                let members: Vec<_> = group.members.iter().map(ToString::to_string).collect();
                json!({
                    "name": address, "sms": sms, "kind": "group", "members": members,
                    "notes": group.notes,
                })
            }
        };
        shown["changed"] = changed.into();
        // A user of the configuration wins, and so does its number.
        let planner = self.outbound.planner();
        let access = &planner.access;
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let Some(user) = access.user_called(local, domain) else {
            return shown;
        };
        let is_entry = matches!(listing, Listing::Entry(_));
        if user.email != address || !is_entry {
            shown["hidden"] = format!("the user {} is called so", user.email).into();
        } else if let Some(mobile) = &user.mobile {
            shown["kind"] = "user".into();
            shown["hidden"] = format!("the configuration says {mobile}").into();
        } else {
            shown["kind"] = "user".into();
        }
        shown
    }
}

fn line(audit: &Audit) -> Value {
    json!({
        "at": audit.at.to_string(), "who": audit.who, "name": audit.address, "old": audit.old,
        "new": audit.new,
    })
}
