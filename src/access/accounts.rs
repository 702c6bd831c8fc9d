//! The people as those see them who count: everybody there is, and what one may spend.

use jiff::Timestamp;

use super::{Access, Payer, User};
use crate::sms::Number;

impl Access {
    /// All users of the configuration.
    pub fn users(&self) -> &[User] {
        &self.settings.users
    }

    /// Who pays for an account, whether it is a user's or not.
    pub fn account(&self, name: &str) -> Payer {
        self.payer(&self.address_of(name))
    }

    /// Whether the user may send today.
    pub fn is_live(&self, user: &User, now: Timestamp) -> bool {
        let today = now.to_zoned(self.settings.timezone.clone()).date();
        user.active && user.expires.is_none_or(|last| last >= today)
    }

    /// Whether it is the phone of a user.
    pub fn is_mobile(&self, number: &Number) -> bool {
        self.settings.users.with_mobile(number).is_some()
    }
}
