//! What an admin may let go: whether there is anybody who would get it.
//!
//! Changes nothing. It asks as the delivering task will, so that what is let go does not come back; what a
//! directory of users does not say now counts as somebody, and is decided when it is delivered.

use std::collections::HashSet;

use super::address::Decision;
use super::desk::{self, Desk};
use super::special::{self, Fate};
use super::whole::Whole;
use super::{Inbound, shown};
use crate::sms::{MessageId, Party};
use crate::store::{self, StoreError};

impl Inbound {
    /// Those of these received SMS that nobody would get. The parts of a text must be among them together.
    pub async fn for_nobody(
        &self,
        rows: Vec<store::Inbound>,
    ) -> Result<HashSet<MessageId>, StoreError> {
        let settings = self.settings();
        let mut desk = Desk::new(&settings);
        let mut found = HashSet::new();
        for (_, whole) in desk::texts(&settings, rows) {
            if self.is_for_nobody(&mut desk, &whole).await? {
                found.extend(whole.ids);
            }
        }
        Ok(found)
    }

    async fn is_for_nobody(&self, desk: &mut Desk, whole: &Whole) -> Result<bool, StoreError> {
        let is_somebodys = self.opt(whole).is_some() || special::fate(whole) != Fate::Ordinary;
        if is_somebodys || shown::is_empty(whole) {
            return Ok(false);
        }
        let now = self.world.now();
        let links = match &whole.from {
            Party::Number(phone) => self.store.links(phone, self.since(now)).await?,
            Party::Short(_) | Party::Name(_) => Vec::new(),
        };
        let known = self.known(desk, now, whole, &links, false).await;
        Ok(matches!(known, Some((Decision::Undeliverable, _))))
    }
}
