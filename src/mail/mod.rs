//! Mail: which addresses are ours, what of a mail goes on a phone, what we write, and handing it in.
//!
//! Layer 1, but for [`inject`], which speaks SMTP.

pub mod address;
pub mod compose;
pub mod dsn;
pub mod inject;
pub mod report;
pub mod text;
pub mod thread;
pub mod words;

use std::net::IpAddr;

use crate::access::credentials::Certificate;

/// Our own mails carry this field, with the name of the machine that made them; a mail that has it is
/// not sent as SMS again (T20).
pub const LOOP_HEADER: &str = "X-SMS-Milter";

/// One line of printable ASCII, of at most `max` characters.
fn printable(text: &str, max: usize) -> String {
    let shown = |c: char| match c {
        ' '..='~' => c,
        _ => '?',
    };
    text.chars().take(max).map(shown).collect()
}

/// What the MTA said of a mail before its recipients.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// MAIL FROM without `<>`; empty: the null sender.
    pub sender: String,
    /// `{auth_authen}`: the SMTP AUTH login.
    pub auth: Option<String>,
    /// The TLS client certificate that the MTA has verified.
    pub certificate: Option<Certificate>,
    /// Who connected to the MTA.
    pub client: Client,
    /// `{daemon_name}`: which listener of the MTA.
    pub daemon: Option<String>,
    /// `i`, once there is one.
    pub queue_id: Option<String>,
    /// What it asks of reports.
    pub dsn: dsn::OfMail,
}

/// Who connected to the MTA.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Client {
    /// A program on the MTA's host: Postfix pickup (its CONNECT has port 0). No recipient may be
    /// refused at RCPT there: the mail would be tried for ever.
    Local,
    /// A client at this address.
    Ip(IpAddr),
    /// A client that the MTA could not name.
    #[default]
    Unknown,
}

/// An answer to the MTA's client, or the reason in a report: `550 5.1.1 …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 4xx or 5xx.
    pub code: u16,
    /// The enhanced status code (RFC 3463), of the same class.
    pub enhanced: &'static str,
    /// One line of ASCII for people, without a password. English, as those of MTAs are: what stands in an SMTP
    /// reply goes through programs that know no language of the sender's, and admins search for it.
    pub text: String,
    /// What a mail says in its place, by its key in the catalogue; `None`: a mail quotes the text.
    pub key: Option<&'static str>,
}

impl Reply {
    /// Longer texts are cut: a reply line has 512 octets (RFC 5321 §4.5.3.1.5).
    const MAX_TEXT: usize = 400;

    /// A reply whose text is cut to one line of printable ASCII.
    pub fn new(code: u16, enhanced: &'static str, text: impl AsRef<str>) -> Self {
        Self {
            code,
            enhanced,
            text: printable(text.as_ref(), Self::MAX_TEXT),
            key: None,
        }
    }

    /// The same, which mails say by a key of the catalogue.
    pub fn in_a_mail(self, key: &'static str) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// Why, for the reader of a mail.
    pub fn in_words(&self, words: &words::Words) -> String {
        match self.key {
            Some(key) => words.say(key, &[]),
            None => words.say("reason-said", &[("said", self.text.as_str().into())]),
        }
    }

    /// The client may try again.
    pub fn is_temporary(&self) -> bool {
        self.code < 500
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.code, self.enhanced, self.text)
    }
}

impl From<text::Unreadable> for Reply {
    fn from(unreadable: text::Unreadable) -> Self {
        let (code, enhanced, text) = unreadable.reply();
        Self::new(code, enhanced, text).in_a_mail(unreadable.key())
    }
}
