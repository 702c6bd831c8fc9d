//! `text.template`: what of a mail becomes the SMS, and in which shape.
//!
//! One pass: what a field brings is never read again, so a subject that says
//! `{body}` stays a subject. `{{` and `}}` are single braces.

/// What the fields stand for.
pub(super) struct Fields<'a> {
    pub body: &'a str,
    pub subject: &'a str,
    pub from: &'a str,
    pub from_name: &'a str,
    pub size: &'a str,
    pub date: &'a str,
}

const NAMES: [&str; 6] = ["body", "subject", "from", "from_name", "size", "date"];

impl Fields<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let values = [
            self.body,
            self.subject,
            self.from,
            self.from_name,
            self.size,
            self.date,
        ];
        NAMES.iter().position(|n| *n == name).map(|n| values[n])
    }
}

#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Text(&'a str),
    Field(&'a str),
    /// A brace with no partner.
    Stray(&'a str),
}

fn pieces(template: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        let at = match rest.find(['{', '}']) {
            None if rest.is_empty() => return None,
            None => rest.len(),
            Some(at) => at,
        };
        let (piece, taken) = match &rest[at..] {
            _ if at > 0 => (Piece::Text(&rest[..at]), at),
            after if after.starts_with("{{") || after.starts_with("}}") => {
                (Piece::Text(&after[..1]), 2)
            }
            after => match after
                .find('}')
                .filter(|end| *end > 0 && !after[1..*end].contains('{'))
            {
                Some(end) => (Piece::Field(&after[1..end]), end + 1),
                None => (Piece::Stray(&after[..1]), 1),
            },
        };
        rest = &rest[taken..];
        Some(piece)
    })
}

/// The template with the fields in their places. A field nobody knows stays as written.
pub(super) fn fill(template: &str, fields: &Fields<'_>) -> String {
    let mut out = String::new();
    for piece in pieces(template) {
        match piece {
            Piece::Text(text) | Piece::Stray(text) => out.push_str(text),
            Piece::Field(name) => match fields.get(name) {
                Some(value) => out.push_str(value),
                None => out.extend(["{", name, "}"]),
            },
        }
    }
    out
}

/// Whether the template has a place for the field.
pub(super) fn uses(template: &str, field: &str) -> bool {
    pieces(template).any(|piece| piece == Piece::Field(field))
}

/// For the configuration: what is wrong with the template, and what to write instead.
pub(super) fn check(template: &str) -> Result<(), String> {
    for piece in pieces(template) {
        match piece {
            Piece::Field(name) if !NAMES.contains(&name) => {
                let known = NAMES.map(|n| format!("{{{n}}}")).join(" ");
                return Err(format!(
                    "unknown field {{{name}}}; the fields are {known}, and {{{{ is a brace"
                ));
            }
            Piece::Stray(brace) => {
                return Err(format!(
                    "a {brace} without its partner; write {brace}{brace} for a brace"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIELDS: Fields<'static> = Fields {
        body: "{subject}",
        subject: "S",
        from: "a@b",
        from_name: "Ann",
        size: "1 KB",
        date: "D",
    };

    #[test]
    fn templates() {
        for (template, expected, error) in [
            ("{body}", "{subject}", ""),
            ("{from_name}: {subject}", "Ann: S", ""),
            ("{from} {size} {date}é", "a@b 1 KB Dé", ""),
            ("{{{subject}}}", "{S}", ""),
            ("", "", ""),
            ("{text}", "{text}", "unknown field {text}"),
            ("{}", "{}", "unknown field {}"),
            ("{Body}", "{Body}", "unknown field {Body}"),
            ("{body", "{body", "a { without"),
            ("body}", "body}", "a } without"),
            ("{a{subject}", "{aS", "a { without"),
        ] {
            assert_eq!(fill(template, &FIELDS), expected, "{template}");
            let found = check(template).err().unwrap_or_default();
            assert!(
                found.starts_with(error) && found.is_empty() == error.is_empty(),
                "{template}: {found}"
            );
        }
        assert!(uses("x {body}", "body") && !uses("{{body}}", "body"));
    }

    proptest! {
        #[test]
        fn any_template(template in "[{}a-zé]{0,20}") {
            let _ = check(&template);
            fill(&template, &FIELDS);
        }
    }
}
