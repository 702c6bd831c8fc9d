//! Filters and queries with a place for what is asked, in the letters of Postfix's ldap_table(5) and
//! pgsql_table(5): `%s` the whole name, `%u` its local part, `%d` its domain, `%%` a percent sign.
//! A name without a domain is all local part, and what asks for its domain has no answer.
//!
//! Names go in as names: escaped by RFC 4515 in a filter, bound in a query, where the placeholder must not
//! stand in quotes or in a comment. Other letters behind `%` stay as they are (`LIKE 'a%z'`, `%` as modulo).

use std::borrow::Cow;

use crate::access::found::Question;

/// A longer filter or query is a file pasted by mistake.
pub const MAX_TEMPLATE: usize = 16 * 1024;

/// What stands for the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Local,
    Domain,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Part(Part),
}

/// Why a template is none; what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It asks for nobody.
    #[error("has no place for the name; write %s where it goes")]
    NoPlace,
    /// It is endless.
    #[error("is too long; write at most 16 KiB")]
    TooLong,
    /// RFC 4515 says otherwise.
    #[error("is not a filter (RFC 4515); write one like (&(objectClass=person)(mail=%s))")]
    NotAFilter,
    /// The value would be pasted, or would be no value.
    #[error(
        "has {0} in quotes; write it without them: values are bound, never pasted \
         (a percent sign is %%)"
    )]
    Quoted(&'static str),
    /// It would ask for nothing.
    #[error("has {0} in a comment; write it where the name goes")]
    InComment(&'static str),
    /// A quotation or a comment has no end.
    #[error("has quotes or a comment that do not end; write one SELECT")]
    Open,
    /// A look-up reads.
    #[error("does not begin with SELECT or WITH; write a query that reads")]
    NotSelect,
    /// One look-up, one query.
    #[error("has several statements; write one, without ;")]
    Several,
}

/// Text with places for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

/// What the places are filled with.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    whole: &'a str,
    local: &'a str,
    domain: Option<&'a str>,
}

impl<'a> Name<'a> {
    /// What the question names. A nickname is all local part, at its domain.
    pub fn of(question: &'a Question) -> Self {
        match question {
            Question::Name(name) => {
                let (local, domain) = match name.rsplit_once('@') {
                    Some((local, domain)) => (local, Some(domain)),
                    None => (name.as_str(), None),
                };
                Self {
                    whole: name,
                    local,
                    domain,
                }
            }
            Question::Nickname { nickname, domain } => Self {
                whole: nickname,
                local: nickname,
                domain: Some(domain),
            },
            Question::Mobile(number) => Self {
                whole: number.as_str(),
                local: number.as_str(),
                domain: None,
            },
        }
    }

    fn part(&self, part: Part) -> Option<&'a str> {
        match part {
            Part::Whole => Some(self.whole),
            Part::Local => Some(self.local),
            Part::Domain => self.domain,
        }
    }
}

fn part_of(letter: char) -> Option<(Part, &'static str)> {
    match letter {
        's' => Some((Part::Whole, "%s")),
        'u' => Some((Part::Local, "%u")),
        'd' => Some((Part::Domain, "%d")),
        _ => None,
    }
}

impl Template {
    /// Reads an LDAP filter.
    pub fn filter(text: &str) -> Result<Self, TemplateError> {
        let template = Self::read(text, |_, _| Ok(()))?;
        let sample = template.fill(
            Name {
                whole: "x",
                local: "x",
                domain: Some("x"),
            },
            |_| "x".to_owned(),
        );
        let whole = sample.unwrap_or_default();
        ldap3::parse_filter(&whole).map_err(|()| TemplateError::NotAFilter)?;
        Ok(template)
    }

    /// Reads an SQL query.
    pub fn query(text: &str) -> Result<Self, TemplateError> {
        let text = text.trim();
        let text = text.strip_suffix(';').unwrap_or(text).trim_end();
        let states = scan(text)?;
        let first = text.split(|c: char| !c.is_ascii_alphabetic()).next();
        let reads =
            |word: &str| word.eq_ignore_ascii_case("select") || word.eq_ignore_ascii_case("with");
        if !first.is_some_and(reads) {
            return Err(TemplateError::NotSelect);
        }
        Self::read(text, |at, shown| match states[at] {
            State::Code => Ok(()),
            State::Comment => Err(TemplateError::InComment(shown)),
            State::Quotes => Err(TemplateError::Quoted(shown)),
        })
    }

    fn read(
        text: &str,
        may: impl Fn(usize, &'static str) -> Result<(), TemplateError>,
    ) -> Result<Self, TemplateError> {
        if text.len() > MAX_TEMPLATE {
            return Err(TemplateError::TooLong);
        }
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|&(_, next)| next);
            match (c, next.and_then(part_of)) {
                ('%', Some((part, shown))) => {
                    may(at, shown)?;
                    chars.next();
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Part(part));
                }
                ('%', None) if next == Some('%') => {
                    chars.next();
                    plain.push('%');
                }
                _ => plain.push(c),
            }
        }
        pieces.push(Piece::Text(plain));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        match pieces.iter().any(|piece| matches!(piece, Piece::Part(_))) {
            true => Ok(Self(pieces)),
            false => Err(TemplateError::NoPlace),
        }
    }

    /// The text, with `place` for each part of the name; `None`: a part is missing.
    fn fill<'a>(&self, name: Name<'a>, mut place: impl FnMut(&'a str) -> String) -> Option<String> {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Part(part) => filled.push_str(&place(name.part(*part)?)),
            }
        }
        Some(filled)
    }

    /// The filter for a name; `None`: nobody can be meant.
    pub fn filter_for(&self, name: Name<'_>) -> Option<String> {
        self.fill(name, |value| ldap3::ldap_escape(value).into_owned())
    }

    /// The query, with what `sign` says for the n-th bound value (from 1).
    pub fn sql(&self, sign: impl Fn(usize) -> Cow<'static, str>) -> String {
        let mut bound = 0;
        let mut sql = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => sql.push_str(text),
                Piece::Part(_) => {
                    bound += 1;
                    sql.push_str(&sign(bound));
                }
            }
        }
        sql
    }

    /// What is bound, in that order; `None`: nobody can be meant.
    pub fn binds(&self, name: Name<'_>) -> Option<Vec<String>> {
        let parts = self.0.iter().filter_map(|piece| match piece {
            Piece::Part(part) => Some(name.part(*part).map(str::to_owned)),
            Piece::Text(_) => None,
        });
        parts.collect()
    }
}

/// What an octet of SQL belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Code,
    Quotes,
    Comment,
}

/// Octet by octet: code, quotes (`'…'`, `"…"`, `` `…` ``, `$tag$…$tag$`) or comment (`-- …`, `# …` is left
/// to MySQL, `/* … */`). Where databases differ (a backslash before a quote, nested comments) the
/// stricter reading refuses: what is not sure to be code is not.
fn scan(text: &str) -> Result<Vec<State>, TemplateError> {
    let octets = text.as_bytes();
    let mut states = Vec::with_capacity(octets.len());
    while states.len() < octets.len() {
        let at = states.len();
        let rest = &text.as_bytes()[at..];
        let (state, length) = match rest {
            [b'\'' | b'"' | b'`', ..] => (State::Quotes, quoted(rest)?),
            [b'-', b'-', ..] => (State::Comment, line(rest)),
            [b'/', b'*', ..] => {
                let end = rest.windows(2).skip(2).position(|two| two == b"*/");
                (State::Comment, end.ok_or(TemplateError::Open)? + 4)
            }
            [b'$', ..] => match dollar(rest) {
                Some(length) => (State::Quotes, length?),
                None => (State::Code, 1),
            },
            [b';', ..] => return Err(TemplateError::Several),
            _ => (State::Code, 1),
        };
        states.resize(at + length, state);
    }
    Ok(states)
}

/// Octets of a quotation; a doubled quote begins the next one, which comes to the same.
fn quoted(rest: &[u8]) -> Result<usize, TemplateError> {
    let end = rest[1..].iter().position(|octet| *octet == rest[0]);
    let length = end.ok_or(TemplateError::Open)? + 2;
    // In MySQL and in E'…' a backslash keeps the quotation open, elsewhere it does not.
    match rest[..length - 1].ends_with(b"\\") {
        true => Err(TemplateError::Open),
        false => Ok(length),
    }
}

fn line(rest: &[u8]) -> usize {
    let end = rest.iter().position(|octet| *octet == b'\n');
    end.unwrap_or(rest.len())
}

/// Octets of `$tag$…$tag$`; `None`: no such quotation begins here.
fn dollar(rest: &[u8]) -> Option<Result<usize, TemplateError>> {
    let tag = rest[1..]
        .iter()
        .position(|octet| !octet.is_ascii_alphanumeric() && *octet != b'_')?;
    let tag = &rest[..tag + 2];
    if !tag.ends_with(b"$") {
        return None;
    }
    let end = rest[tag.len()..]
        .windows(tag.len())
        .position(|window| window == tag);
    Some(
        end.map(|end| end + 2 * tag.len())
            .ok_or(TemplateError::Open),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(name: &str) -> Question {
        Question::name(name).expect("name")
    }

    #[track_caller]
    fn filter(template: &str, name: &str, expected: Option<&str>) {
        let template = Template::filter(template).expect("filter");
        let filled = template.filter_for(Name::of(&asked(name)));
        assert_eq!(filled.as_deref(), expected, "{name}");
    }

    #[test]
    fn names_stay_names_in_filters() {
        filter(
            "(mail=%s)",
            "Ann@Example.com",
            Some("(mail=ann@example.com)"),
        );
        filter("(uid=%u)", "ann@example.com", Some("(uid=ann)"));
        filter("(uid=%u)", "ann", Some("(uid=ann)"));
        filter(
            "(&(uid=%u)(dc=%d))",
            "ann@example.com",
            Some("(&(uid=ann)(dc=example.com))"),
        );
        filter("(&(uid=%u)(dc=%d))", "ann", None);
        filter("(&(x=100%%)(uid=%s))", "ann", Some("(&(x=100%)(uid=ann))"));
        filter("(uid=%s)", "*)(uid=*", Some(r"(uid=\2a\29\28uid=\2a)"));
        filter("(uid=%s)", r"a\2ab", Some(r"(uid=a\5c2ab)"));
    }

    #[test]
    fn what_is_no_template_is_said() {
        let filter = |text: &str| Template::filter(text).expect_err(text);
        assert_eq!(filter("(mail=ann)"), TemplateError::NoPlace);
        assert_eq!(filter("mail=%s)"), TemplateError::NotAFilter);
        assert_eq!(filter(""), TemplateError::NoPlace);
        assert_eq!(
            filter(&format!("({}=%s)", "a".repeat(20_000))),
            TemplateError::TooLong
        );
        let query = |text: &str| Template::query(text).expect_err(text);
        for (text, expected) in [
            ("SELECT mobile FROM users", TemplateError::NoPlace),
            (
                "SELECT a FROM b WHERE c = '%s'",
                TemplateError::Quoted("%s"),
            ),
            (
                "SELECT a FROM b WHERE c = \"%u\"",
                TemplateError::Quoted("%u"),
            ),
            (
                "SELECT a FROM b WHERE c = `%d`",
                TemplateError::Quoted("%d"),
            ),
            (
                "SELECT a FROM b WHERE c = $$%s$$",
                TemplateError::Quoted("%s"),
            ),
            (
                "SELECT a FROM b WHERE c = $q$%s$q$",
                TemplateError::Quoted("%s"),
            ),
            (
                "SELECT a FROM b WHERE c = 'it''s %s'",
                TemplateError::Quoted("%s"),
            ),
            (
                "SELECT a FROM b WHERE c LIKE '%s%'",
                TemplateError::Quoted("%s"),
            ),
            ("SELECT a FROM b -- %s", TemplateError::InComment("%s")),
            ("SELECT a /* %s */ FROM b", TemplateError::InComment("%s")),
            (
                "SELECT a FROM b WHERE c = 'x\\' OR d = %s OR e = '",
                TemplateError::Open,
            ),
            ("SELECT a FROM b WHERE c = 'x", TemplateError::Open),
            ("SELECT a FROM b WHERE c = $$x", TemplateError::Open),
            ("SELECT a /* FROM b", TemplateError::Open),
            (
                "SELECT a FROM b WHERE c = %s; DROP TABLE b",
                TemplateError::Several,
            ),
            ("DELETE FROM b WHERE c = %s", TemplateError::NotSelect),
            ("UPDATE b SET c = %s", TemplateError::NotSelect),
            ("", TemplateError::NotSelect),
        ] {
            assert_eq!(query(text), expected, "{text}");
        }
    }

    #[test]
    fn queries_bind() {
        let template =
            "select a from b where c = %s and d like 'x%%' and e in (%u, %d) and f % 2 = 0;";
        let template = Template::query(template).expect("query");
        assert_eq!(
            template.sql(|n| format!("${n}").into()),
            "select a from b where c = $1 and d like 'x%' and e in ($2, $3) and f % 2 = 0"
        );
        let question = asked("' OR 1=1 --@example.com");
        let binds = template.binds(Name::of(&question)).expect("binds");
        assert_eq!(
            binds,
            ["' or 1=1 --@example.com", "' or 1=1 --", "example.com"]
        );
        assert_eq!(template.binds(Name::of(&asked("ann"))), None);
    }

    proptest! {
        /// Whatever is asked, the filter is one comparison with exactly that value.
        #[test]
        fn no_name_leaves_its_place(name in "\\PC{1,40}|[()*\\\\&|!=a-z@.%]{1,40}") {
            let question = Question::Name(name.clone());
            let template = Template::filter("(mail=%s)").expect("filter");
            let filled = template.filter_for(Name::of(&question)).expect("filled");
            let value = &filled["(mail=".len()..filled.len() - 1];
            prop_assert!(!value.contains(['(', ')', '*', '\0']));
            prop_assert_eq!(ldap3::ldap_unescape(value).expect("escaped").into_owned(), name);
            prop_assert!(ldap3::parse_filter(&filled).is_ok());
        }

        #[test]
        fn no_template_panics(text in "(select )?[\\PC]{0,60}|select [-'\"`$a;/*%sud\\\\\n]{0,60}") {
            let _ = (Template::filter(&text), Template::query(&text));
        }

        /// A query's text never holds what was asked.
        #[test]
        fn queries_never_hold_the_name(name in "[a-z'\"; -]{8,20}") {
            let template = Template::query("SELECT mobile FROM users WHERE email = %s").expect("query");
            prop_assert!(!template.sql(|_| "?".into()).contains(&name));
        }
    }
}
